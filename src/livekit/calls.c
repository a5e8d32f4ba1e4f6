/* The requests' bodies. */
#include "livekit/calls.h"

#include <assert.h>

#include "base/json_text.h"
#include "livekit/method.h"

/* Takes over BODY, in which only the last brace is missing. */
static struct livekit_call *post(struct livekit_api *api, const struct livekit_ask *ask, enum method_name method,
                                 struct buf *body) {
    buf_addc(body, '}');
    return livekit_send(api, &(struct api_request){.ask = ask, .method = method_get(method), .body = body});
}

/* The same for ROOM_ADMIN; BODY holds what comes after the room. */
static struct livekit_call *post_room(struct livekit_api *api, const struct livekit_ask *ask, enum method_name method,
                                      struct slice room, struct buf *body) {
    json_add_field(body, "room", room);
    buf_addc(body, '}');
    return livekit_send(api,
                        &(struct api_request){.ask = ask, .method = method_get(method), .room = room, .body = body});
}

static void add_list(struct buf *out, const char *name, struct livekit_texts texts) {
    if (texts.count == 0) {
        return;
    }
    struct buf list cleanup_buf = {0};
    for (size_t i = 0; i < texts.count; i++) {
        buf_addc(&list, i == 0 ? '[' : ',');
        json_add_string(&list, texts.at[i]);
    }
    buf_addc(&list, ']');
    json_add_raw(out, name, buf_slice(&list));
}

static void add_text(struct buf *out, const char *name, struct slice text) {
    if (text.n > 0) {
        json_add_field(out, name, text);
    }
}

static void add_change(struct buf *out, const char *name, const struct livekit_list_change *change) {
    struct buf object cleanup_buf = {0};
    buf_addc(&object, '{');
    add_list(&object, "set", change->set);
    add_list(&object, "add", change->add);
    add_list(&object, "remove", change->remove);
    if (change->clear) {
        json_add_raw(&object, "clear", SLICE("true"));
    }
    buf_addc(&object, '}');
    if (object.len > 2) {
        json_add_raw(out, name, buf_slice(&object));
    }
}

static void add_optional(struct buf *out, const char *name, const struct slice *text) {
    if (text != NULL) {
        json_add_field(out, name, *text);
    }
}

static struct buf open_object(void) {
    struct buf body = {0};
    buf_addc(&body, '{');
    return body;
}

struct livekit_call *livekit_list_rooms(struct livekit_api *api, const struct livekit_ask *ask,
                                        struct livekit_texts names) {
    struct buf body = open_object();
    add_list(&body, "names", names);
    return post(api, ask, METHOD_LIST_ROOMS, &body);
}

struct livekit_call *livekit_create_room(struct livekit_api *api, const struct livekit_ask *ask, struct slice name,
                                         int empty_timeout_s) {
    struct buf body = open_object();
    json_add_field(&body, "name", name);
    if (empty_timeout_s > 0) {
        buf_addf(&body, ",\"empty_timeout\":%d", empty_timeout_s);
    }
    return post(api, ask, METHOD_CREATE_ROOM, &body);
}

struct livekit_call *livekit_delete_room(struct livekit_api *api, const struct livekit_ask *ask, struct slice room) {
    struct buf body = open_object();
    json_add_field(&body, "room", room);
    return post(api, ask, METHOD_DELETE_ROOM, &body);
}

struct livekit_call *livekit_list_participants(struct livekit_api *api, const struct livekit_ask *ask,
                                               struct slice room) {
    struct buf body = open_object();
    return post_room(api, ask, METHOD_LIST_PARTICIPANTS, room, &body);
}

struct livekit_call *livekit_remove_participant(struct livekit_api *api, const struct livekit_ask *ask,
                                                struct slice room, struct slice identity) {
    struct buf body = open_object();
    json_add_field(&body, "identity", identity);
    return post_room(api, ask, METHOD_REMOVE_PARTICIPANT, room, &body);
}

struct livekit_call *livekit_confirm_participant(struct livekit_api *api, const struct livekit_ask *ask,
                                                 struct slice room, struct slice identity) {
    struct buf body = open_object();
    json_add_field(&body, "identity", identity);
    return post_room(api, ask, METHOD_CONFIRM_PARTICIPANT, room, &body);
}

struct livekit_call *livekit_list_trunks(struct livekit_api *api, const struct livekit_ask *ask) {
    struct buf body = open_object();
    return post(api, ask, METHOD_LIST_TRUNKS, &body);
}

struct livekit_call *livekit_create_trunk(struct livekit_api *api, const struct livekit_ask *ask,
                                          const struct livekit_trunk *trunk, struct slice auth_password) {
    struct buf body = {0};
    buf_adds(&body, "{\"trunk\":{");
    add_text(&body, "name", trunk->name);
    add_text(&body, "metadata", trunk->metadata);
    add_list(&body, "numbers", trunk->numbers);
    add_list(&body, "allowed_addresses", trunk->allowed_addresses);
    add_list(&body, "allowed_numbers", trunk->allowed_numbers);
    add_text(&body, "auth_username", trunk->auth_username);
    add_text(&body, "auth_password", auth_password);
    buf_addc(&body, '}');
    return post(api, ask, METHOD_CREATE_TRUNK, &body);
}

struct livekit_call *livekit_update_trunk(struct livekit_api *api, const struct livekit_ask *ask, struct slice id,
                                          const struct livekit_trunk_change *change) {
    struct buf body = open_object();
    json_add_field(&body, "sip_trunk_id", id);
    buf_adds(&body, ",\"update\":{");
    add_optional(&body, "name", change->name);
    add_optional(&body, "metadata", change->metadata);
    add_optional(&body, "auth_username", change->auth_username);
    add_optional(&body, "auth_password", change->auth_password);
    add_change(&body, "numbers", &change->numbers);
    add_change(&body, "allowed_addresses", &change->allowed_addresses);
    add_change(&body, "allowed_numbers", &change->allowed_numbers);
    buf_addc(&body, '}');
    return post(api, ask, METHOD_UPDATE_TRUNK, &body);
}

struct livekit_call *livekit_delete_trunk(struct livekit_api *api, const struct livekit_ask *ask, struct slice id) {
    struct buf body = open_object();
    json_add_field(&body, "sip_trunk_id", id);
    return post(api, ask, METHOD_DELETE_TRUNK, &body);
}

struct livekit_call *livekit_list_rules(struct livekit_api *api, const struct livekit_ask *ask) {
    struct buf body = open_object();
    return post(api, ask, METHOD_LIST_RULES, &body);
}

static void add_rule_kind(struct buf *out, const struct livekit_rule *rule) {
    static const struct {
        const char *name, *room, *random;
        bool says_random;
    } kinds[] = {
        [LIVEKIT_RULE_DIRECT] = {"dispatch_rule_direct", "room_name", NULL, false},
        [LIVEKIT_RULE_INDIVIDUAL] = {"dispatch_rule_individual", "room_prefix", "no_randomness", false},
        [LIVEKIT_RULE_CALLEE] = {"dispatch_rule_callee", "room_prefix", "randomize", true},
    };
    assert(rule->kind != LIVEKIT_RULE_OTHER);
    buf_addf(out, "\"rule\":{\"%s\":{", kinds[rule->kind].name);
    json_add_field(out, kinds[rule->kind].room, rule->room);
    if (kinds[rule->kind].random != NULL && rule->random == kinds[rule->kind].says_random) {
        json_add_raw(out, kinds[rule->kind].random, SLICE("true"));
    }
    buf_adds(out, "}}");
}

static void add_room_config(struct buf *out, const struct livekit_rule *rule) {
    if (rule->room_metadata.n == 0 && rule->agents.count == 0) {
        return;
    }
    buf_adds(out, ",\"room_config\":{");
    add_text(out, "metadata", rule->room_metadata);
    if (rule->agents.count > 0) {
        struct buf agents cleanup_buf = {0};
        for (size_t i = 0; i < rule->agents.count; i++) {
            buf_adds(&agents, i == 0 ? "[{" : ",{");
            json_add_field(&agents, "agent_name", rule->agents.at[i]);
            buf_addc(&agents, '}');
        }
        buf_addc(&agents, ']');
        json_add_raw(out, "agents", buf_slice(&agents));
    }
    buf_addc(out, '}');
}

struct livekit_call *livekit_create_rule(struct livekit_api *api, const struct livekit_ask *ask,
                                         const struct livekit_rule *rule) {
    struct buf body = {0};
    buf_adds(&body, "{\"dispatch_rule\":{");
    add_rule_kind(&body, rule);
    add_text(&body, "name", rule->name);
    add_text(&body, "metadata", rule->metadata);
    add_list(&body, "trunk_ids", rule->trunk_ids);
    add_list(&body, "numbers", rule->numbers);
    add_list(&body, "inbound_numbers", rule->inbound_numbers);
    if (rule->hide_phone_number) {
        json_add_raw(&body, "hide_phone_number", SLICE("true"));
    }
    add_room_config(&body, rule);
    buf_addc(&body, '}');
    return post(api, ask, METHOD_CREATE_RULE, &body);
}

struct livekit_call *livekit_delete_rule(struct livekit_api *api, const struct livekit_ask *ask, struct slice id) {
    struct buf body = open_object();
    json_add_field(&body, "sip_dispatch_rule_id", id);
    return post(api, ask, METHOD_DELETE_RULE, &body);
}

struct livekit_call *livekit_list_dispatches(struct livekit_api *api, const struct livekit_ask *ask,
                                             struct slice room) {
    struct buf body = open_object();
    return post_room(api, ask, METHOD_LIST_DISPATCHES, room, &body);
}
