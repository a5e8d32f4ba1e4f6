/* LiveKit's API behind the asker of production: a question takes its time to the server and the answer to come back;
 * it is tried again while the server is away, and fails when its time is over, or because LiveKit has a bad day. */
#include <stdio.h>

#include "base/mem.h"
#include "sim/world.h"

enum { MOST_WAY_MS = 40, TIMEOUT_MS = 5000, NOBODY_ANSWERS_MS = 3000 };

static void reach(struct world *world, const struct happening *happening);
static void deliver(struct world *world, const struct happening *happening);

static void plan_way(struct world *world, const struct asked *asked, int64_t delay_ms,
                     void (*deed)(struct world *, const struct happening *)) {
    struct happening *happening = world_plan(world, delay_ms, deed, (int)(asked - world->asked), asked->serial);
    happening->of_api = true;
    world->pending--;
}

static int64_t way_ms(struct world *world) {
    return dice_between(&world->dice, CHOICE_API_WAY, 1, MOST_WAY_MS);
}

static struct asked *asked_of(struct world *world, const struct happening *happening) {
    struct asked *asked = &world->asked[happening->subject];
    return asked->waits && asked->serial == happening->detail ? asked : NULL;
}

static void fail_at_end(struct world *world, struct asked *asked) {
    asked->outcome = LIVEKIT_AWAY;
    plan_way(world, asked, asked->by > world->now ? asked->by - world->now : 0, deliver);
}

/* --- what LiveKit does --- */

static int listed_room(const struct world *world, const char *name) {
    for (int i = world->room_count - 1; i >= 0; i--) {
        if (store_is_listed(&world->rooms[i]) && strcmp(world->rooms[i].name, name) == 0) {
            return i;
        }
    }
    return WORLD_NOBODY;
}

static int guest_here(const struct world *world, const struct asked *asked) {
    for (int i = 0; i < world->guest_count; i++) {
        const struct guest *guest = &world->guests[i];
        if (guest->here && strcmp(guest->identity, asked->identity) == 0 &&
            strcmp(world->rooms[guest->room].name, asked->room) == 0) {
            return i;
        }
    }
    return WORLD_NOBODY;
}

static bool delete_room(struct world *world, const struct asked *asked) {
    int room = listed_room(world, asked->room);
    if (room != WORLD_NOBODY) {
        check_delete(world, room, asked->question.urgent);
        server_delete(world, room);
    }
    return room != WORLD_NOBODY;
}

static bool remove_guest(struct world *world, const struct asked *asked) {
    int guest = guest_here(world, asked);
    if (guest != WORLD_NOBODY) {
        server_leave(world, guest, DISCONNECT_PARTICIPANT_REMOVED);
    }
    return guest != WORLD_NOBODY;
}

static void act(struct world *world, struct asked *asked) {
    bool found = true;
    asked->confirmed = WORLD_NOBODY;
    switch (asked->question.kind) {
    case QUESTION_ROOMS:
    case QUESTION_ROOM: store_list_rooms(world, asked); break;
    case QUESTION_PARTICIPANTS: store_list_guests(world, asked); break;
    case QUESTION_CONFIRM:
        asked->confirmed = guest_here(world, asked);
        found = asked->confirmed != WORLD_NOBODY;
        break;
    case QUESTION_TRUNKS: break;
    case QUESTION_DELETE: found = delete_room(world, asked); break;
    case QUESTION_REMOVE: found = remove_guest(world, asked); break;
    }
    asked->outcome = found ? LIVEKIT_OK : LIVEKIT_NOT_FOUND;
}

/* --- the way there --- */

/* A request fails: it is refused, or it is done but the answer is lost or unreadable. */
static bool fails(struct world *world, struct asked *asked) {
    if (!dice_chance(&world->dice, CHOICE_API_FAILURE, world->plan.api_fails_percent)) {
        return false;
    }
    switch (dice_below(&world->dice, CHOICE_API_FAILS_HOW, 3)) {
    case 0: asked->by = world->now; break;
    case 1: act(world, asked); break;
    default:
        act(world, asked);
        asked->outcome = LIVEKIT_ODD;
        plan_way(world, asked, way_ms(world), deliver);
        return true;
    }
    fail_at_end(world, asked);
    return true;
}

static void find_away(struct world *world, struct asked *asked) {
    int64_t again_ms = (int64_t)100 << asked->tries++;
    if (asked->question.kind == QUESTION_CONFIRM || world->now + again_ms >= asked->by) {
        fail_at_end(world, asked);
    } else {
        plan_way(world, asked, again_ms, reach);
    }
}

static void reach(struct world *world, const struct happening *happening) {
    struct asked *asked = asked_of(world, happening);
    if (asked == NULL) {
        return;
    }
    if (!world->server_up) {
        find_away(world, asked);
        return;
    }
    if (fails(world, asked)) {
        return;
    }
    act(world, asked);
    bool nobody = asked->question.kind == QUESTION_CONFIRM && asked->outcome == LIVEKIT_NOT_FOUND;
    plan_way(world, asked, way_ms(world) + (nobody ? NOBODY_ANSWERS_MS : 0), deliver);
}

/* --- the way back --- */

static void show_room(const struct world *world, const struct listed *listed, struct livekit_room *ret_room) {
    const struct room *room = &world->rooms[listed->place];
    *ret_room = (struct livekit_room){
        .sid = slice_of(room->sid),
        .name = slice_of(room->name),
        .creation_time_s = room->opened_at / 1000,
        .num_participants = listed->count.people,
        .num_publishers = listed->count.publishers,
    };
}

static void show_guest(const struct world *world, const struct listed *listed, struct livekit_participant *ret_guest) {
    const struct guest *guest = &world->guests[listed->place];
    struct people_phone phone = people_phone(world, guest);
    *ret_guest = (struct livekit_participant){
        .sid = slice_of(guest->sid),
        .identity = slice_of(guest->identity),
        .kind = guest->kind,
        .state = LIVEKIT_ACTIVE,
        .joined_at_s = guest->joined_at / 1000,
        .called = phone.called,
        .caller = phone.caller,
        .trunk_id = phone.trunk,
        .rule_id = phone.rule,
        .attributes = phone.attributes,
        .audio_tracks = listed->audible,
    };
}

static void tell(const struct asked *asked, const struct livekit_answer *answer) {
    struct livekit_result result = {.outcome = asked->outcome, .tries = (int)asked->tries + 1, .answer = *answer};
    if (asked->outcome != LIVEKIT_OK) {
        snprintf(result.why, sizeof result.why, "LiveKit is %s", livekit_outcome_name(asked->outcome));
        result.answer = (struct livekit_answer){0};
    }
    asked->question.on_done(asked->question.context, &result);
}

static void tell_rooms(const struct world *world, const struct asked *asked) {
    struct livekit_room rooms[WORLD_LISTED];
    for (size_t i = 0; i < asked->count; i++) {
        show_room(world, &asked->listed[i], &rooms[i]);
    }
    tell(asked, &(struct livekit_answer){.what = LIVEKIT_ROOMS, .count = asked->count, .rooms = rooms});
}

static void tell_guests(const struct world *world, const struct asked *asked) {
    struct livekit_participant guests[WORLD_LISTED];
    for (size_t i = 0; i < asked->count; i++) {
        show_guest(world, &asked->listed[i], &guests[i]);
    }
    tell(asked, &(struct livekit_answer){.what = LIVEKIT_PARTICIPANTS, .count = asked->count, .participants = guests});
}

static void tell_trunks(const struct asked *asked) {
    const struct slice one[] = {SLICE("+15550001")}, other[] = {SLICE("+16660001")}, gone[] = {SLICE("+17770001")};
    const struct slice many[] = {SLICE("+15550001"), SLICE("+16660001")};
    const struct livekit_trunk trunks[] = {
        {.id = SLICE("ST_support"), .numbers = {one, 1}},
        {.id = SLICE("ST_sales"), .numbers = {other, 1}},
        {.id = SLICE("ST_nobody"), .numbers = {gone, 1}},
        {.id = SLICE("ST_many"), .numbers = {many, ARRAY_LEN(many)}},
    };
    tell(asked, &(struct livekit_answer){.what = LIVEKIT_TRUNKS, .count = ARRAY_LEN(trunks), .trunks = trunks});
}

static void deliver(struct world *world, const struct happening *happening) {
    static const char *const names[] = {"ListRooms",           "ListRooms of one", "ListParticipants", "confirm",
                                        "ListSIPInboundTrunk", "DeleteRoom",       "RemoveParticipant"};
    struct asked *asked = asked_of(world, happening);
    if (asked == NULL) {
        return;
    }
    world_say(world, "api: %s %s %s: %s (%zu)", names[asked->question.kind], asked->room, asked->identity,
              livekit_outcome_name(asked->outcome), asked->count);
    if (asked->question.kind == QUESTION_CONFIRM && asked->outcome == LIVEKIT_OK) {
        told_confirmed(world, asked->confirmed);
    }
    switch (asked->question.kind) { /* its place is taken until that is done: who is told may ask the next question */
    case QUESTION_ROOMS:
    case QUESTION_ROOM: tell_rooms(world, asked); break;
    case QUESTION_PARTICIPANTS: tell_guests(world, asked); break;
    case QUESTION_TRUNKS: tell_trunks(asked); break;
    case QUESTION_CONFIRM:
    case QUESTION_DELETE:
    case QUESTION_REMOVE: tell(asked, &(struct livekit_answer){0}); break;
    }
    asked->waits = false;
}

/* --- the asker --- */

static struct asked *free_place(struct world *world) {
    for (int i = 0; i < WORLD_ASKED; i++) {
        if (!world->asked[i].waits) {
            return &world->asked[i];
        }
    }
    return NULL;
}

static void copy_text(struct slice text, size_t size, char *ret_text) {
    size_t length = text.n < size ? text.n : size - 1;
    if (length > 0) {
        memcpy(ret_text, text.p, length);
    }
    ret_text[length] = '\0';
}

static void *start(void *self, const struct question *question) {
    struct world *world = self;
    if (!memory_passes(world)) {
        return NULL;
    }
    struct asked *asked = free_place(world);
    if (asked == NULL) {
        world_fail(world, "more than %d questions are asked of LiveKit at once", WORLD_ASKED);
        return NULL;
    }
    asked->waits = true;
    asked->serial = ++world->question_count;
    asked->question = *question;
    asked->by = world->now + (question->timeout_ms > 0 ? question->timeout_ms : TIMEOUT_MS);
    asked->tries = 0;
    asked->count = 0;
    copy_text(question->room, sizeof asked->room, asked->room);
    copy_text(question->identity, sizeof asked->identity, asked->identity);
    plan_way(world, asked, way_ms(world), reach);
    return asked;
}

static void cancel(void *self, void *handle) {
    (void)self;
    struct asked *asked = handle;
    if (asked != NULL) {
        asked->waits = false;
    }
}

struct asker livekit_asker(struct world *world) {
    return (struct asker){.self = world, .start = start, .cancel = cancel};
}
