/* A table of members for each kind of item, and a function for what a table cannot say. */
#include "livekit/parse.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/tree.h"
#include "livekit/reader.h"

enum { MAX_ESCAPED = 4096 }; /* of a message, before tokens in it are hidden and it is cut to PARSE_MESSAGE_SIZE */

#define ROW(type, member, name, kind) \
    { name, READER_##kind, offsetof(struct livekit_##type, member) }

static const struct reader_row room_rows[] = {
    ROW(room, sid, "sid", SID),
    ROW(room, name, "name", KEY),
    ROW(room, metadata, "metadata", TEXT),
    ROW(room, creation_time_s, "creation_time", MOMENT),
    ROW(room, num_participants, "num_participants", NUMBER),
    ROW(room, num_publishers, "num_publishers", NUMBER),
    ROW(room, empty_timeout_s, "empty_timeout", NUMBER),
    ROW(room, departure_timeout_s, "departure_timeout", NUMBER),
};

static const struct reader_row participant_rows[] = {
    ROW(participant, sid, "sid", SID),
    ROW(participant, identity, "identity", KEY),
    ROW(participant, name, "name", TEXT),
    ROW(participant, joined_at_s, "joined_at", MOMENT),
};

static const struct reader_row trunk_rows[] = {
    ROW(trunk, id, "sip_trunk_id", SID),
    ROW(trunk, name, "name", TEXT),
    ROW(trunk, metadata, "metadata", TEXT),
    ROW(trunk, auth_username, "auth_username", TEXT),
    ROW(trunk, numbers, "numbers", TEXTS),
    ROW(trunk, allowed_addresses, "allowed_addresses", TEXTS),
    ROW(trunk, allowed_numbers, "allowed_numbers", TEXTS),
};

static const struct reader_row rule_rows[] = {
    ROW(rule, id, "sip_dispatch_rule_id", SID),
    ROW(rule, name, "name", TEXT),
    ROW(rule, metadata, "metadata", TEXT),
    ROW(rule, hide_phone_number, "hide_phone_number", FLAG),
    ROW(rule, trunk_ids, "trunk_ids", TEXTS),
    ROW(rule, numbers, "numbers", TEXTS),
    ROW(rule, inbound_numbers, "inbound_numbers", TEXTS),
};

static const struct reader_row dispatch_rows[] = {
    ROW(dispatch, id, "id", SID),
    ROW(dispatch, agent_name, "agent_name", TEXT),
    ROW(dispatch, room, "room", KEY),
    ROW(dispatch, metadata, "metadata", TEXT),
};

/* READER for OBJECT, which is the member NAME of what it read before. PATH: room for the longer path. */
static struct reader within(const struct reader *reader, const struct node *object, const char *name, char path[96]) {
    snprintf(path, 96, "%s%s.", reader->fields.path, name);
    struct reader inner = *reader;
    inner.fields.object = object;
    inner.fields.path = path;
    return inner;
}

static bool read_sip_attributes(const struct reader *reader, const struct node *attributes,
                                struct livekit_participant *participant) {
    const struct {
        const char *name;
        struct slice *ret;
    } wanted[] = {
        {"sip.trunkPhoneNumber", &participant->called}, {"sip.phoneNumber", &participant->caller},
        {"sip.trunkID", &participant->trunk_id},        {"sip.ruleID", &participant->rule_id},
        {"sip.callID", &participant->call_id},          {"sip.callStatus", &participant->call_status},
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const struct node *value = node_member(attributes, wanted[i].name);
        if (!reader_text(reader, wanted[i].name, value, READER_SHORT, wanted[i].ret)) {
            return false;
        }
    }
    return true;
}

static bool read_attributes(const struct reader *reader, struct livekit_participant *participant) {
    const struct node *attributes;
    char path[96];
    if (!reader_object(reader, "attributes", &attributes) || node_count(attributes) == 0) {
        return attributes == NULL || node_is(attributes, NODE_OBJECT);
    }
    struct reader inner = within(reader, attributes, "attributes", path);
    if (participant->kind == KIND_SIP && !read_sip_attributes(&inner, attributes, participant)) {
        return false;
    }
    cleanup_buf struct buf text = {0};
    node_write(&text, attributes);
    char *kept = reader_alloc(reader->answer, text.len + 1);
    memcpy(kept, text.p, text.len);
    participant->attributes = (struct slice){kept, text.len};
    return true;
}

static bool read_tracks(const struct reader *reader, struct livekit_participant *participant) {
    static const char *const types[] = {"AUDIO", "VIDEO", "DATA"};
    const struct node *tracks;
    if (!reader_array(reader, "tracks", &tracks)) {
        return false;
    }
    for (const struct node *track = node_first(tracks); track != NULL; track = node_next(track)) {
        char path[96];
        unsigned type = 0;
        struct slice sid = {0};
        struct reader inner = within(reader, track, "tracks", path);
        if (!node_is(track, NODE_OBJECT)) {
            return fields_wrong_type(&reader->fields, "tracks", "a list of objects", track);
        }
        if (!fields_enum(&inner.fields, "type", fields_member(&inner.fields, "type"),
                         (struct fields_names){types, ARRAY_LEN(types)}, &type) ||
            !reader_text(&inner, "sid", fields_member(&inner.fields, "sid"), READER_SHORT, &sid)) {
            return false;
        }
        if (type == TRACK_AUDIO && participant->audio_tracks++ == 0) {
            participant->audio_track = sid;
        }
    }
    return true;
}

static bool read_participant(const struct reader *reader, void *item) {
    static const char *const kinds[] = {"STANDARD", "INGRESS", "EGRESS", "SIP", "AGENT"};
    static const char *const states[] = {"JOINING", "JOINED", "ACTIVE", "DISCONNECTED"};
    struct livekit_participant *participant = item;
    const struct fields *fields = &reader->fields;
    unsigned kind = 0, state = 0;
    if (!fields_enum(fields, "kind", fields_member(fields, "kind"), (struct fields_names){kinds, ARRAY_LEN(kinds)},
                     &kind) ||
        !fields_enum(fields, "state", fields_member(fields, "state"), (struct fields_names){states, ARRAY_LEN(states)},
                     &state)) {
        return false;
    }
    participant->kind = (enum participant_kind)kind;
    participant->state = (enum livekit_state)state;
    return read_attributes(reader, participant) && read_tracks(reader, participant);
}

/* The password goes once it is seen that there is one: nothing that is kept holds it. */
static bool read_trunk(const struct reader *reader, void *item) {
    struct livekit_trunk *trunk = item;
    const struct node *password;
    struct slice text = {0};
    if (!reader_member(reader, "auth_password", &password) ||
        !reader_text(reader, "auth_password", password, READER_TEXT, &text)) {
        return false;
    }
    trunk->has_password = node_text(password).n > 0;
    node_wipe(password);
    return true;
}

struct rule_room {
    struct slice room, pin;
    bool random;
};

static bool read_rule_kind(const struct reader *outer, const struct node *object, struct livekit_rule *rule) {
    static const struct {
        const char *name, *room, *random;
        enum livekit_rule_kind kind;
        bool says_random; /* what RANDOM means when it is true */
    } kinds[] = {
        {"dispatch_rule_direct", "room_name", NULL, LIVEKIT_RULE_DIRECT, false},
        {"dispatch_rule_individual", "room_prefix", "no_randomness", LIVEKIT_RULE_INDIVIDUAL, false},
        {"dispatch_rule_callee", "room_prefix", "randomize", LIVEKIT_RULE_CALLEE, true},
    };
    char rule_path[96], path[96];
    struct reader reader = within(outer, object, "rule", rule_path);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct node *given;
        if (!reader_object(&reader, kinds[i].name, &given)) {
            return false;
        }
        if (given == NULL) {
            continue;
        }
        struct rule_room read = {0};
        const struct reader_row rows[] = {
            {kinds[i].room, READER_SHORT, offsetof(struct rule_room, room)},
            {"pin", READER_TEXT, offsetof(struct rule_room, pin)},
            {kinds[i].random, READER_FLAG, offsetof(struct rule_room, random)},
        };
        struct reader inner = within(&reader, given, kinds[i].name, path);
        if (!reader_item(&inner, (struct reader_rows){rows, kinds[i].random != NULL ? 3 : 2}, &read)) {
            return false;
        }
        rule->kind = kinds[i].kind;
        rule->room = read.room;
        rule->has_pin = read.pin.n > 0;
        rule->random = kinds[i].random != NULL && read.random == kinds[i].says_random;
    }
    return true;
}

static bool read_room_config(const struct reader *outer, const struct node *object, struct livekit_rule *rule) {
    static const struct reader_row rows[] = {ROW(rule, room_metadata, "metadata", TEXT)};
    static const struct reader_row agent_rows[] = {{"agent_name", READER_TEXT, 0}};
    char path[96], agent_path[96];
    struct reader reader = within(outer, object, "room_config", path);
    const struct node *agents;
    if (!reader_item(&reader, READER_ROWS(rows), rule) || !reader_array(&reader, "agents", &agents)) {
        return false;
    }
    struct slice *names = reader_alloc(outer->answer, node_count(agents) * sizeof *names), *name = names;
    for (const struct node *agent = node_first(agents); agent != NULL; agent = node_next(agent)) {
        struct reader inner = within(&reader, agent, "agents", agent_path);
        if (!node_is(agent, NODE_OBJECT)) {
            return fields_wrong_type(&reader.fields, "agents", "a list of objects", agent);
        }
        if (!reader_item(&inner, READER_ROWS(agent_rows), name++)) {
            return false;
        }
    }
    rule->agents = (struct livekit_texts){names, node_count(agents)};
    return true;
}

static bool read_rule(const struct reader *reader, void *item) {
    const struct node *kind, *config;
    return reader_object(reader, "rule", &kind) && reader_object(reader, "room_config", &config) &&
           (kind == NULL || read_rule_kind(reader, kind, item)) &&
           (config == NULL || read_room_config(reader, config, item));
}

static bool read_dispatch(const struct reader *outer, void *item) {
    struct livekit_dispatch *dispatch = item;
    const struct node *state, *jobs = NULL;
    char path[96];
    if (!reader_object(outer, "state", &state)) {
        return false;
    }
    struct reader reader = within(outer, state, "state", path);
    if (state != NULL && !reader_array(&reader, "jobs", &jobs)) {
        return false;
    }
    dispatch->jobs = node_count(jobs);
    return true;
}

static const struct {
    size_t size;
    const struct reader_row *rows;
    size_t count;
    bool (*rest)(const struct reader *reader, void *item);
} shapes[] = {
    [LIVEKIT_ROOMS] = {sizeof(struct livekit_room), room_rows, ARRAY_LEN(room_rows), NULL},
    [LIVEKIT_PARTICIPANTS] = {sizeof(struct livekit_participant), participant_rows, ARRAY_LEN(participant_rows),
                              read_participant},
    [LIVEKIT_TRUNKS] = {sizeof(struct livekit_trunk), trunk_rows, ARRAY_LEN(trunk_rows), read_trunk},
    [LIVEKIT_RULES] = {sizeof(struct livekit_rule), rule_rows, ARRAY_LEN(rule_rows), read_rule},
    [LIVEKIT_DISPATCHES] = {sizeof(struct livekit_dispatch), dispatch_rows, ARRAY_LEN(dispatch_rows), read_dispatch},
};

/* Adds the item to ITEMS, which has room for it, or counts it as left out. */
static bool read_item(const struct reader *wanted, const struct node *object, char *items) {
    struct livekit_answer *answer = wanted->answer;
    char *item = items + answer->count * shapes[answer->what].size;
    bool unusable = false;
    struct reader reader = *wanted;
    reader.fields.object = object;
    reader.unusable = &unusable;
    const struct reader_rows rows = {shapes[answer->what].rows, shapes[answer->what].count};
    if (!reader_item(&reader, rows, item) ||
        (shapes[answer->what].rest != NULL && !shapes[answer->what].rest(&reader, item))) {
        return false;
    }
    if (unusable) {
        memset(item, 0, shapes[answer->what].size);
        answer->left_out++;
    } else {
        answer->count++;
    }
    return true;
}

static bool read_list(const char *name, const struct node *list, struct livekit_answer *answer, struct diag *diag) {
    char *items = reader_alloc(answer, node_count(list) * shapes[answer->what].size);
    answer->items = items;
    size_t place = 0;
    for (const struct node *object = node_first(list); object != NULL; object = node_next(object)) {
        char path[48];
        snprintf(path, sizeof path, "%s[%zu].", name, place++);
        const struct reader reader = {.fields = {object, path, diag}, .answer = answer};
        if (node_is(object, NODE_NULL)) {
            continue; /* LiveKit's answer where an id that was asked for is gone */
        }
        if (!node_is(object, NODE_OBJECT)) {
            path[strlen(path) - 1] = '\0';
            return fields_wrong_type(&(struct fields){object, path, diag}, "", "an object", object);
        }
        if (!read_item(&reader, object, items)) {
            return false;
        }
    }
    return true;
}

static bool read_answer(const struct parse_shape *shape, const struct node *root, struct livekit_answer *answer,
                        struct diag *diag) {
    bool unusable;
    const struct reader reader = {.fields = {root, "", diag}, .answer = answer, .unusable = &unusable};
    const struct node *list;
    if (!node_is(root, NODE_OBJECT)) {
        return fields_wrong_type(&reader.fields, "", "an object", root);
    }
    if (shape->what == LIVEKIT_NOTHING) {
        return true;
    }
    if (shape->list == NULL) {
        char *item = reader_alloc(answer, shapes[shape->what].size);
        answer->items = item;
        return read_item(&reader, root, item);
    }
    return reader_array(&reader, shape->list, &list) && (list == NULL || read_list(shape->list, list, answer, diag));
}

bool parse_answer(const struct parse_shape *shape, struct slice body, struct livekit_answer *ret, struct diag *diag) {
    const struct tree_limits limits = {.depth = PARSE_MAX_DEPTH, .values = PARSE_MAX_VALUES};
    *ret = (struct livekit_answer){.what = shape->what, .tree = tree_parse(body, &limits, diag)};
    if (ret->tree != NULL && read_answer(shape, tree_root(ret->tree), ret, diag)) {
        return true;
    }
    parse_release(ret);
    return false;
}

void parse_release(struct livekit_answer *answer) {
    reader_free_blocks(answer);
    tree_free(answer->tree);
    *answer = (struct livekit_answer){0};
}

/* A server may repeat the token that it does not like. RFC 7519: three parts in base64url, of which the first is a
 * JSON object. */
static void hide_tokens(struct buf *out, const char *text) {
    static const char token_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    const char *token;
    while ((token = strstr(text, "eyJ")) != NULL) {
        buf_add(out, text, (size_t)(token - text));
        buf_adds(out, "[token]");
        text = token + strspn(token, token_chars);
    }
    buf_adds(out, text);
}

static void read_message(const struct node *message, char ret[PARSE_MESSAGE_SIZE]) {
    struct buf escaped cleanup_buf = {0}, shown cleanup_buf = {0}, cut cleanup_buf = {0};
    buf_adds(&escaped, "");
    text_escape(&escaped, node_text(message), MAX_ESCAPED);
    hide_tokens(&shown, escaped.p);
    text_clean(&cut, buf_slice(&shown), PARSE_MESSAGE_SIZE - 8);
    snprintf(ret, PARSE_MESSAGE_SIZE, "%s", cut.len > 0 ? cut.p : "");
}

bool parse_error(struct slice body, char ret_code[PARSE_CODE_SIZE], char ret_message[PARSE_MESSAGE_SIZE]) {
    const struct tree_limits limits = {.depth = PARSE_MAX_DEPTH, .values = 1000};
    cleanup_tree struct tree *tree = tree_parse(body, &limits, NULL);
    const struct node *root = tree_root(tree);
    const char *code = node_text(node_member(root, "code")).p;
    bool is_error = code[0] != '\0' && code[strspn(code, "abcdefghijklmnopqrstuvwxyz_")] == '\0';
    if (is_error) {
        snprintf(ret_code, PARSE_CODE_SIZE, "%s", code);
        read_message(node_member(root, "msg"), ret_message);
    }
    return is_error;
}
