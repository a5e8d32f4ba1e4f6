/* One room in doubt: LiveKit is asked who is in it, and what the webhooks should have told is told. */
#include <stdio.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "bridge/listed.h"
#include "bridge/reconcile_internal.h"

enum { STARTED_SLACK_S = 2 };

static void check_free(struct check *check) {
    struct reconcile *reconcile = check->reconcile;
    DL_DELETE(reconcile->checks, check);
    reconcile->options.asker.cancel(reconcile->options.asker.self, check->asked);
    free((char *)check->room.p);
    free(check);
}

void check_cancel_all(struct reconcile *reconcile) {
    while (reconcile->checks != NULL) {
        check_free(reconcile->checks);
    }
}

bool check_is_running(const struct reconcile *reconcile, struct slice sid) {
    const struct check *check;
    DL_FOREACH(reconcile->checks, check) {
        if (slice_is(sid, check->sid)) {
            return true;
        }
    }
    return false;
}

static mono_ms now_of(const struct check *check) {
    return check->reconcile->options.now(check->reconcile->options.context);
}

static void touched(const struct reconcile *reconcile) {
    reconcile->options.on_touched(reconcile->options.context);
}

static void check_ask(struct check *check, enum question_kind kind, struct slice identity,
                      void (*on_done)(void *context, const struct livekit_result *result)) {
    const struct asker *asker = &check->reconcile->options.asker;
    check->asked = asker->start(asker->self, &(struct question){.kind = kind,
                                                                .room = check->room,
                                                                .identity = identity,
                                                                .on_done = on_done,
                                                                .context = check});
}

static const struct livekit_participant *find_listed(const struct check *check, const struct livekit_answer *answer,
                                                     uint64_t sid) {
    uint64_t seed = check->reconcile->options.bridge->options.seed;
    for (size_t i = 0; i < answer->count; i++) {
        if (slice_hash(answer->participants[i].sid, seed) == sid &&
            answer->participants[i].state != LIVEKIT_DISCONNECTED) {
            return &answer->participants[i];
        }
    }
    return NULL;
}

static const struct livekit_participant *find_agent(const struct check *check, const struct livekit_answer *answer) {
    for (size_t i = 0; i < answer->count; i++) {
        const struct livekit_participant *listed = &answer->participants[i];
        if (bridge_is_agent_of(slice_of(check->sid), listed->identity) && listed->state != LIVEKIT_DISCONNECTED) {
            return listed;
        }
    }
    return NULL;
}

/* --- a call of ours --- */

/* The call, if nothing was heard of it since LiveKit was asked. */
static struct bridge_call *unchanged_call(const struct check *check) {
    struct bridge_call *call = bridge_live_call(check->reconcile->options.bridge, slice_of(check->sid));
    return call != NULL && call->touched_at < check->sent_at ? call : NULL;
}

static void note_absent(struct check *check, struct bridge_call *call, uint64_t leg) {
    struct call_event event = {.kind = CALL_LEG_ABSENT, .sid = leg};
    const struct leg *known = call_leg(&call->entry.facts, leg);
    if (known != NULL && known->absences + 1 >= CALL_ABSENCES) {
        struct log_about about;
        bridge_about(call, &about);
        log_warning(&about, "%s is not in the room any more, and no webhook said so",
                    known->role == LEG_CALLER ? "a caller" : "a participant");
        check->reconcile->view.left++;
    }
    bridge_note(check->reconcile->options.bridge, call, &event, now_of(check));
}

/* The close of an old duplicate can hide a live leg from the list: who can be asked for is there. */
static void on_absence_asked(void *context, const struct livekit_result *result) {
    struct check *check = context;
    struct reconcile *reconcile = check->reconcile;
    struct bridge_call *call = unchanged_call(check);
    check->asked = NULL;
    if (call != NULL && result->outcome == LIVEKIT_NOT_FOUND) {
        note_absent(check, call, check->leg);
    } else if (call != NULL && result->outcome == LIVEKIT_OK) {
        struct call_event there = {.kind = CALL_LEG_JOINED, .sid = check->leg};
        bridge_note(reconcile->options.bridge, call, &there, now_of(check));
    }
    check_free(check);
    touched(reconcile);
}

/* The leg whose name is known is asked for before its absence ends a call. */
static bool ask_for_absent(struct check *check, const struct bridge_call *call, const struct leg *leg) {
    bool last = leg->absences + 1 >= CALL_ABSENCES;
    if (!last || leg->sid != call->leg.sid || call->leg.identity == NULL) {
        return false;
    }
    check->leg = leg->sid;
    check_ask(check, QUESTION_CONFIRM, slice_of(call->leg.identity), on_absence_asked);
    return true;
}

/* Absence counts twice: soon where an agent is to be started, else with the next round. */
static void look_again(struct check *check) {
    if (check->suspected && check->answers == 1) {
        check->again_at = now_of(check) + SUSPECT_AGAIN_MS;
    } else {
        reconcile_again(check->reconcile, DOUBT_MS);
    }
}

/* Legs that we think are here: listed ones are told again, which takes back a doubt; of others the absence is noted.
 * The legs are copied first, for a note may end the call. */
static void judge_legs(struct check *check, struct bridge_call *call, const struct livekit_answer *answer) {
    struct leg legs[CALL_LEGS];
    unsigned count = call->entry.facts.leg_count;
    memcpy(legs, call->entry.facts.legs, sizeof legs);
    for (unsigned i = 0; i < count; i++) {
        const struct livekit_participant *listed = find_listed(check, answer, legs[i].sid);
        call = unchanged_call(check);
        if (call == NULL || legs[i].state != LEG_HERE || (listed != NULL && legs[i].absences == 0)) {
            continue;
        }
        if (listed != NULL) {
            struct call_event there = {.kind = CALL_LEG_JOINED, .sid = legs[i].sid};
            call_note(&call->entry.facts, &there, bridge_policy(check->reconcile->options.bridge, call), now_of(check));
        } else if (!ask_for_absent(check, call, &legs[i])) {
            look_again(check);
            note_absent(check, call, legs[i].sid);
        }
    }
}

static void judge_agent(struct check *check, const struct livekit_answer *answer) {
    struct bridge_call *call = unchanged_call(check);
    const struct livekit_participant *agent = find_agent(check, answer);
    if (call == NULL || call->entry.facts.any_agent || call->entry.facts.process == PROCESS_NONE) {
        return;
    }
    bool speaks = call->entry.facts.voice == VOICE_SPEAKS;
    if (agent != NULL && agent->audio_tracks > 0 && !speaks) {
        livekit_link_confirm(check->reconcile->options.link, slice_of(check->sid), check->room, agent, NULL, NULL);
    } else if (agent == NULL && speaks) {
        struct call_event absent = {.kind = CALL_AGENT_ABSENT};
        reconcile_again(check->reconcile, DOUBT_MS);
        bridge_note(check->reconcile->options.bridge, call, &absent, now_of(check));
    } else if (agent != NULL && call->entry.facts.voice_absences > 0) {
        call->entry.facts.voice_absences = 0;
    }
}

/* --- callers of whom nothing told --- */

static bool is_known(const struct check *check, const struct livekit_participant *listed) {
    const struct bridge *bridge = check->reconcile->options.bridge;
    const struct bridge_call *call = call_of(table_find(&bridge->table, slice_of(check->sid)));
    return call != NULL && call_leg(&call->entry.facts, slice_hash(listed->sid, bridge->options.seed)) != NULL;
}

static void on_untold(void *context) {
    struct reconcile *reconcile = context;
    reconcile->view.started++;
    log_info(NULL, "a caller whom no webhook told of was found in LiveKit and is served");
}

static void on_unheard(void *context) {
    struct reconcile *reconcile = context;
    on_untold(reconcile);
    if (!reconcile->view.unheard) {
        reconcile->view.unheard = true;
        log_error(NULL,
                  "LiveKit has a call that no webhook told of; until one comes LiveKit is asked every %d s. Add to "
                  "its configuration: webhook: {api_key: <LIVEKIT_API_KEY>, urls: [\"http://<this "
                  "machine>:8790/webhooks/livekit\"]}; `sipbridge doctor` tries it",
                  UNHEARD_MS / 1000);
    }
    reconcile_again(reconcile, UNHEARD_MS);
}

/* A caller from before our start could not be told of. */
static bool came_before_us(const struct check *check, const struct livekit_participant *listed) {
    int64_t began_s = check->reconcile->began_wall_ms / 1000;
    return listed->joined_at_s <= began_s + STARTED_SLACK_S;
}

static bool confirm_callers(struct check *check, const struct livekit_answer *answer) {
    bool any = false;
    for (size_t i = 0; i < answer->count; i++) {
        const struct livekit_participant *listed = &answer->participants[i];
        if (listed_is_caller(listed)) {
            any = true;
            if (!is_known(check, listed)) {
                livekit_link_confirm(check->reconcile->options.link, slice_of(check->sid), check->room, listed,
                                     came_before_us(check, listed) ? on_untold : on_unheard, check->reconcile);
            }
        }
    }
    return any;
}

static bool any(const struct livekit_answer *answer, bool (*is_one)(const struct livekit_participant *listed)) {
    for (size_t i = 0; i < answer->count; i++) {
        if (is_one(&answer->participants[i])) {
            return true;
        }
    }
    return false;
}

/* --- a stale room: it must still be the one we looked at --- */

static void on_stale_deleted(void *context, const struct livekit_result *result) {
    struct check *check = context;
    const struct log_about about = {.call = slice_of(check->sid), .room = check->room};
    check->asked = NULL;
    if (result->outcome == LIVEKIT_OK) {
        log_info(&about, "a stale room without people is deleted");
        check->reconcile->view.deleted++;
    } else if (result->outcome != LIVEKIT_NOT_FOUND) {
        log_warning(&about, "a stale room could not be deleted: %s", result->why);
    }
    check_free(check);
}

static void on_stale_room(void *context, const struct livekit_result *result) {
    struct check *check = context;
    check->asked = NULL;
    bool same =
        result->outcome == LIVEKIT_OK && result->answer.count > 0 && slice_is(result->answer.rooms[0].sid, check->sid);
    bool is_call = bridge_live_call(check->reconcile->options.bridge, slice_of(check->sid)) != NULL;
    if (!same || is_call) {
        check_free(check);
        return;
    }
    check_ask(check, QUESTION_DELETE, SLICE(""), on_stale_deleted);
}

/* --- one check --- */

static void judge_call(struct check *check, struct bridge_call *call, const struct livekit_answer *answer) {
    judge_legs(check, call, answer);
    judge_agent(check, answer);
    confirm_callers(check, answer);
}

/* Our agent's identity speaks in a room that we do not know: another bridge serves it, or it is a ghost. */
static void on_stranger_agent(void *context, const struct livekit_result *result) {
    struct check *check = context;
    struct reconcile *reconcile = check->reconcile;
    check->asked = NULL;
    if (result->outcome == LIVEKIT_NOT_FOUND) {
        check->agent_is_ghost = true;
        check_ask_who(check);
        return;
    }
    if (result->outcome == LIVEKIT_OK) {
        reconcile->served = true;
        if (reconcile->served_looks < SERVED_LOOKS) {
            reconcile_again(reconcile, DOUBT_MS); /* its process may be dead all the same */
        }
    }
    check_free(check);
    touched(reconcile);
}

/* A room that is no call to us, or was one. */
static void judge_stranger(struct check *check, const struct livekit_answer *answer) {
    const struct bridge *bridge = check->reconcile->options.bridge;
    const struct livekit_participant *agent = find_agent(check, answer);
    bool unknown = table_find(&bridge->table, slice_of(check->sid)) == NULL;
    bool serves = unknown && agent != NULL && agent->audio_tracks > 0 && any(answer, listed_is_caller);
    if (serves && !check->agent_is_ghost) {
        check_ask(check, QUESTION_CONFIRM, agent->identity, on_stranger_agent);
    } else if (!confirm_callers(check, answer) && check->stale && !any(answer, listed_is_person)) {
        check_ask(check, QUESTION_ROOM, SLICE(""), on_stale_room);
    }
}

static void on_participants(void *context, const struct livekit_result *result) {
    struct check *check = context;
    struct reconcile *reconcile = check->reconcile;
    check->asked = NULL;
    check->answers++;
    if (result->outcome == LIVEKIT_OK) {
        struct bridge_call *call = bridge_live_call(reconcile->options.bridge, slice_of(check->sid));
        if (call == NULL) {
            judge_stranger(check, &result->answer);
        } else if (unchanged_call(check) != NULL) {
            judge_call(check, call, &result->answer);
        }
    }
    if (check->asked == NULL && check->again_at == MONO_NEVER) {
        check_free(check);
    }
    touched(reconcile);
}

struct check *check_new(struct reconcile *reconcile, struct slice sid, struct slice name) {
    struct check *check = xcalloc(1, sizeof *check);
    check->reconcile = reconcile;
    snprintf(check->sid, sizeof check->sid, "%.*s", SLICE_ARG(sid));
    check->room = (struct slice){xmemdup(name.p, name.n), name.n};
    check->again_at = MONO_NEVER;
    DL_APPEND(reconcile->checks, check);
    return check;
}

void check_ask_who(struct check *check) {
    check->sent_at = now_of(check);
    check->again_at = MONO_NEVER;
    check_ask(check, QUESTION_PARTICIPANTS, SLICE(""), on_participants);
}

void check_tick(struct reconcile *reconcile, mono_ms now) {
    struct check *check;
    DL_FOREACH(reconcile->checks, check) {
        if (check->asked == NULL && check->again_at <= now) {
            check_ask_who(check);
        }
    }
}

mono_ms check_next_due(const struct reconcile *reconcile) {
    mono_ms due = MONO_NEVER;
    const struct check *check;
    DL_FOREACH(reconcile->checks, check) {
        due = check->asked == NULL && check->again_at < due ? check->again_at : due;
    }
    return due;
}
