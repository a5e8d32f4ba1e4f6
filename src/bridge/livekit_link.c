/* Questions to LiveKit on behalf of calls: one struct errand each, from the asking to the last answer. */
#include "bridge/livekit_link.h"

#include <utlist.h>

#include "base/mem.h"
#include "bridge/errand.h"
#include "bridge/listed.h"

/* ListParticipants right after room_started may come before the phone is in the room. */
static const int number_again_ms[] = {20, 50, 100};

static void tell(const struct errand *errand, enum event_kind kind, const struct livekit_participant *listed) {
    struct webhook_event event = listed_event(kind, slice_of(errand->sid), errand->room, listed);
    bridge_webhook(errand->link->bridge, &event, errand_now(errand->link));
}

static struct bridge_call *call_of_errand(const struct errand *errand) {
    return bridge_live_call(errand->link->bridge, slice_of(errand->sid));
}

static bool is_known(const struct errand *errand, const struct livekit_participant *listed) {
    const struct bridge_call *call = bridge_find(errand->link->bridge, slice_of(errand->sid));
    uint64_t sid = slice_hash(listed->sid, errand->link->bridge->options.seed);
    return call != NULL && call_knows(&call->entry.facts, sid);
}

/* --- the number: right after a fresh room_started the list is to be believed --- */

static bool tell_callers(const struct errand *errand, const struct livekit_answer *answer) {
    bool any = false;
    for (size_t i = 0; i < answer->count; i++) {
        if (listed_is_caller(&answer->participants[i])) {
            tell(errand, EVENT_participant_joined, &answer->participants[i]);
            any = true;
        }
    }
    return any;
}

static void on_number(struct errand *errand, const struct livekit_result *result) {
    bool lives = call_of_errand(errand) != NULL;
    bool told = lives && result->outcome == LIVEKIT_OK && tell_callers(errand, &result->answer);
    if (!lives || told || errand->tries >= ARRAY_LEN(number_again_ms) || result->outcome == LIVEKIT_REFUSED) {
        errand_free(errand); /* else participant_joined tells, or SIP_NUMBER_WAIT is over */
    } else {
        errand_ask_again(errand, number_again_ms[errand->tries]);
    }
}

static const struct errand_kind number_errand = {QUESTION_PARTICIPANTS, on_number, "tell the number"};

/* Not the errand whose answer is just being told: that ends by itself. */
static void port_forget_number(void *self, const char *sid) {
    struct livekit_link *link = self;
    struct errand *errand, *next;
    DL_FOREACH_SAFE(link->errands, errand, next) {
        bool open = errand->asked != NULL || errand->again_at != MONO_NEVER;
        if (open && errand->kind == &number_errand && strcmp(errand->sid, sid) == 0) {
            errand_free(errand);
        }
    }
}

/* --- ready, and who is there: no answer means no action, so it is asked again for as long as the call lives --- */

static void no_answer(struct errand *errand, const struct livekit_result *result) {
    if (call_of_errand(errand) == NULL) {
        errand_free(errand);
        return;
    }
    errand_log_failure(errand, result);
    errand_ask_again(errand, ASK_AGAIN_MS);
}

/* Who was there has been told by now: what else it is, the agent is not ready. */
static void not_ready(struct errand *errand) {
    bridge_not_ready(errand->link->bridge, errand->sid, errand_now(errand->link));
    errand_free(errand);
}

/* Its predecessor's ghost is no agent. */
static void on_agent_asked(struct errand *errand, const struct livekit_result *result) {
    if (result->outcome == LIVEKIT_OK) {
        tell(errand, EVENT_participant_joined, errand->listed);
    }
    if (result->outcome == LIVEKIT_OK || result->outcome == LIVEKIT_NOT_FOUND) {
        not_ready(errand);
    } else {
        no_answer(errand, result);
    }
}

static const struct errand_kind agent_errand = {QUESTION_CONFIRM, on_agent_asked, "confirm the agent"};

static void keep_listed(struct errand *errand, const struct livekit_participant *listed) {
    errand->listed = listed_copy(listed);
    errand->identity = (struct slice){xmemdup(listed->identity.p, listed->identity.n), listed->identity.n};
}

bool bridge_may_be_agent(const struct bridge *bridge, const struct bridge_call *call,
                         const struct livekit_participant *listed) {
    bool ours = bridge_is_agent_of(slice_of(call->entry.sid), listed->identity);
    bool any = call->entry.facts.any_agent && (listed->kind == KIND_AGENT || listed->kind == KIND_STANDARD);
    return (ours || any) && listed->state != LIVEKIT_DISCONNECTED &&
           !call_is_ghost(&call->entry.facts, slice_hash(listed->sid, bridge->options.seed));
}

static const struct livekit_participant *speaking_agent(const struct errand *errand,
                                                        const struct livekit_answer *answer) {
    const struct bridge_call *call = call_of_errand(errand);
    for (size_t i = 0; i < answer->count && call != NULL; i++) {
        const struct livekit_participant *listed = &answer->participants[i];
        if (listed->audio_tracks > 0 && bridge_may_be_agent(errand->link->bridge, call, listed)) {
            return listed;
        }
    }
    return NULL;
}

static void on_ready(struct errand *errand, const struct livekit_result *result) {
    if (result->outcome != LIVEKIT_OK) {
        no_answer(errand, result);
        return;
    }
    const struct livekit_participant *agent = speaking_agent(errand, &result->answer);
    if (agent == NULL) {
        not_ready(errand);
        return;
    }
    keep_listed(errand, agent);
    errand_go_on(errand, &agent_errand);
}

static const struct errand_kind ready_errand = {QUESTION_PARTICIPANTS, on_ready, "tell whether the agent speaks"};

static void on_caller_asked(void *context, enum livekit_outcome outcome) {
    struct errand *errand = context;
    errand->unsure = errand->unsure || (outcome != LIVEKIT_OK && outcome != LIVEKIT_NOT_FOUND);
    if (--errand->confirming == 0) {
        errand->on_confirmed(errand);
    }
}

bool errand_confirm_callers(struct errand *errand, const struct livekit_answer *answer,
                            void (*then)(struct errand *errand)) {
    errand->unsure = false;
    errand->on_confirmed = then;
    for (size_t i = 0; i < answer->count; i++) {
        const struct livekit_participant *listed = &answer->participants[i];
        if (listed_is_caller(listed) && !is_known(errand, listed)) {
            bool asked = livekit_link_confirm(errand->link, slice_of(errand->sid), errand->room, listed,
                                              on_caller_asked, errand);
            errand->confirming += asked;
            errand->unsure = errand->unsure || !asked;
        }
    }
    return errand->confirming > 0;
}

/* Who was there has been told by now; then nobody listens. */
static void on_who_confirmed(struct errand *errand) {
    if (errand->unsure && call_of_errand(errand) != NULL) {
        errand_ask_again(errand, ASK_AGAIN_MS);
        return;
    }
    bridge_no_caller(errand->link->bridge, errand->sid, errand_now(errand->link));
    errand_free(errand);
}

/* Lists are of a room's name: when the call is over they may be of another one. */
static void on_who(struct errand *errand, const struct livekit_result *result) {
    if (call_of_errand(errand) == NULL) {
        errand_free(errand);
    } else if (result->outcome != LIVEKIT_OK) {
        no_answer(errand, result);
    } else if (!errand_confirm_callers(errand, &result->answer, on_who_confirmed)) {
        on_who_confirmed(errand);
    }
}

static const struct errand_kind who_errand = {QUESTION_PARTICIPANTS, on_who, "tell who is in the room"};

static bool port_ask(void *self, const char *sid, struct slice room, enum want_ask what) {
    static const struct errand_kind *const kinds[] = {
        [ASK_NUMBER] = &number_errand, [ASK_READY] = &ready_errand, [ASK_ROOM] = &who_errand};
    errand_ask(errand_new(self, kinds[what], slice_of(sid), room));
    return true;
}

/* --- somebody of the list, confirmed --- */

static void on_confirmed(struct errand *errand, const struct livekit_result *result) {
    void (*on_asked)(void *context, enum livekit_outcome outcome) = errand->on_asked;
    void *context = errand->context;
    enum livekit_outcome outcome = result->outcome;
    if (errand->of_live_call && call_of_errand(errand) == NULL) {
        outcome = LIVEKIT_AWAY; /* it is over: they may be in the room that has its name now */
    } else if (outcome == LIVEKIT_OK && is_known(errand, errand->listed)) {
        outcome = LIVEKIT_NOT_FOUND; /* a webhook told meanwhile */
    } else if (outcome == LIVEKIT_OK) {
        tell(errand, EVENT_participant_joined, errand->listed);
    }
    errand_free(errand);
    on_asked(context, outcome);
}

static const struct errand_kind confirm_errand = {QUESTION_CONFIRM, on_confirmed, "confirm who is listed"};

/* Not whom somebody is asking for, and not too many at a time. */
static bool may_confirm(const struct livekit_link *link, struct slice sid, struct slice room,
                        const struct livekit_participant *listed) {
    unsigned under_way = 0;
    const struct errand *errand, *same = errand_find(link, &confirm_errand, room, listed->identity);
    DL_FOREACH(link->errands, errand) {
        under_way += errand->kind == &confirm_errand;
    }
    bool asked = same != NULL && slice_is(sid, same->sid) && slice_eq(same->listed->sid, listed->sid);
    return !asked && under_way < LIVEKIT_LINK_CONFIRMS;
}

bool livekit_link_confirm(struct livekit_link *link, struct slice sid, struct slice room,
                          const struct livekit_participant *listed,
                          void (*on_asked)(void *context, enum livekit_outcome outcome), void *context) {
    if (!may_confirm(link, sid, room, listed)) {
        return false;
    }
    struct errand *errand = errand_new(link, &confirm_errand, sid, room);
    keep_listed(errand, listed);
    errand->of_live_call = call_of_errand(errand) != NULL;
    errand->on_asked = on_asked;
    errand->context = context;
    errand_ask(errand);
    return true;
}

/* --- the numbers of trunks --- */

static void on_trunks(struct errand *errand, const struct livekit_result *result) {
    struct livekit_link *link = errand->link;
    mono_ms now = errand_now(link);
    if (result->outcome == LIVEKIT_OK) {
        trunks_take(&link->trunks, &result->answer, now);
    } else {
        errand_log_failure(errand, result);
        trunks_fail(&link->trunks, now);
    }
    errand_free(errand);
    bridge_trunks_known(link->bridge, now);
}

static const struct errand_kind trunks_errand = {QUESTION_TRUNKS, on_trunks, "tell the numbers of its trunks"};

static enum trunk_answer port_trunk(void *self, struct slice trunk, struct slice *ret_number) {
    struct livekit_link *link = self;
    enum trunk_answer answer = trunks_find(&link->trunks, trunk, errand_now(link), ret_number);
    if (answer == TRUNK_PENDING && trunks_ask(&link->trunks)) {
        errand_ask(errand_new(link, &trunks_errand, SLICE(""), SLICE("")));
    }
    return answer;
}

static void port_suspect(void *self, const char *sid, struct slice room) {
    const struct livekit_link *link = self;
    if (link->options.on_suspicion != NULL) {
        link->options.on_suspicion(link->options.context, sid, room);
    }
}

/* --- life --- */

struct livekit_link *livekit_link_new(const struct livekit_link_options *options) {
    struct livekit_link *link = xcalloc(1, sizeof *link);
    link->options = *options;
    return link;
}

struct livekit_port livekit_link_port(struct livekit_link *link) {
    return (struct livekit_port){.self = link,
                                 .ask = port_ask,
                                 .forget_number = port_forget_number,
                                 .delete_room = errand_delete_room,
                                 .reject = errand_reject,
                                 .trunk_number = port_trunk,
                                 .suspect = port_suspect};
}

void livekit_link_attach(struct livekit_link *link, struct bridge *bridge) {
    link->bridge = bridge;
}

void livekit_link_tick(struct livekit_link *link, mono_ms now) {
    struct errand *errand, *next;
    DL_FOREACH_SAFE(link->errands, errand, next) {
        if (errand->again_at <= now) {
            errand_ask(errand);
        }
    }
}

mono_ms livekit_link_next_due(const struct livekit_link *link) {
    mono_ms due = MONO_NEVER;
    const struct errand *errand;
    DL_FOREACH(link->errands, errand) {
        due = errand->again_at < due ? errand->again_at : due;
    }
    return due;
}

void livekit_link_free(struct livekit_link *link) {
    if (link == NULL) {
        return;
    }
    while (link->errands != NULL) {
        errand_free(link->errands);
    }
    trunks_release(&link->trunks);
    free(link);
}
