/* Any bytes as LiveKit's answer to any method (the first byte says which): no crash, what is accepted keeps the
 * promises of livekit/model.h, and what is not says why. */
#include "fuzz.h"
#include "livekit/parse.h"

static void check_id(struct slice text, size_t max) {
    demand(text.n > 0);
    demand_text(text, max);
}

static void check_texts(struct livekit_texts texts) {
    for (size_t i = 0; i < texts.count; i++) {
        demand_text(texts.at[i], SIZE_MAX);
    }
}

static void check_room(const struct livekit_room *room) {
    check_id(room->sid, EVENT_MAX_SID);
    check_id(room->name, EVENT_MAX_NAME);
    demand_text(room->metadata, SIZE_MAX);
}

static void check_participant(const struct livekit_participant *who) {
    check_id(who->sid, EVENT_MAX_SID);
    check_id(who->identity, EVENT_MAX_NAME);
    demand_text(who->called, EVENT_MAX_NAME);
    demand_text(who->caller, EVENT_MAX_NAME);
    demand_text(who->trunk_id, EVENT_MAX_NAME);
    demand_text(who->rule_id, EVENT_MAX_NAME);
    demand_text(who->attributes, SIZE_MAX);
    demand_text(who->audio_track, EVENT_MAX_NAME);
    demand(who->kind <= KIND_OTHER && who->state <= LIVEKIT_STATE_OTHER);
    demand(who->kind == KIND_SIP || who->called.n + who->trunk_id.n == 0);
}

static void check_trunk(const struct livekit_trunk *trunk) {
    check_id(trunk->id, EVENT_MAX_SID);
    check_texts(trunk->numbers);
    check_texts(trunk->allowed_addresses);
    check_texts(trunk->allowed_numbers);
}

static void check_rule(const struct livekit_rule *rule) {
    check_id(rule->id, EVENT_MAX_SID);
    demand_text(rule->room, EVENT_MAX_NAME);
    demand(rule->kind <= LIVEKIT_RULE_CALLEE);
    check_texts(rule->trunk_ids);
    check_texts(rule->numbers);
    check_texts(rule->agents);
}

static void check_answer(const struct livekit_answer *answer) {
    for (size_t i = 0; i < answer->count; i++) {
        switch (answer->what) {
        case LIVEKIT_NOTHING: demand(false); break;
        case LIVEKIT_ROOMS: check_room(&answer->rooms[i]); break;
        case LIVEKIT_PARTICIPANTS: check_participant(&answer->participants[i]); break;
        case LIVEKIT_TRUNKS: check_trunk(&answer->trunks[i]); break;
        case LIVEKIT_RULES: check_rule(&answer->rules[i]); break;
        case LIVEKIT_DISPATCHES: check_id(answer->dispatches[i].room, EVENT_MAX_NAME); break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct parse_shape shapes[] = {
        {LIVEKIT_NOTHING, NULL},   {LIVEKIT_ROOMS, "rooms"}, {LIVEKIT_PARTICIPANTS, "participants"},
        {LIVEKIT_TRUNKS, "items"}, {LIVEKIT_RULES, "items"}, {LIVEKIT_DISPATCHES, "agent_dispatches"},
        {LIVEKIT_ROOMS, NULL},     {LIVEKIT_RULES, NULL},
    };
    if (size == 0) {
        return 0;
    }
    struct slice body = {(const char *)data + 1, size - 1};
    struct livekit_answer answer;
    struct diag diag = {0};
    char code[PARSE_CODE_SIZE] = "", message[PARSE_MESSAGE_SIZE] = "";
    if (parse_answer(&shapes[data[0] % (sizeof shapes / sizeof shapes[0])], body, &answer, &diag)) {
        check_answer(&answer);
        parse_release(&answer);
    } else {
        demand(diag.what[0] != '\0' && answer.tree == NULL && answer.blocks == NULL);
    }
    if (parse_error(body, code, message)) {
        demand(code[0] != '\0');
        demand_text(slice_of(message), PARSE_MESSAGE_SIZE);
    }
    return 0;
}
