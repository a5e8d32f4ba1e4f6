/* JSON to event. The body is parsed within limits, read field by field with a
 * path for every mistake, and what is wanted is copied into one block: the JSON tree is gone before the event is
 * queued. Nothing here repeats text of the body in a message: bodies carry turnPassword and phone numbers. */
#include "webhooks/event.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/tree.h"
#include "webhooks/fields.h"

static const struct {
    const char *name;
    bool hard;
} disconnect_reasons[] = {
#define X(name, hard) {#name, hard},
    DISCONNECT_REASONS(X)
#undef X
};

const char *disconnect_reason_name(enum disconnect_reason reason) {
    return disconnect_reasons[reason].name;
}

bool disconnect_reason_is_hard(enum disconnect_reason reason) {
    return disconnect_reasons[reason].hard;
}

static bool read_disconnect_reason(const struct fields *fields, enum disconnect_reason *ret) {
    static const char *const names[] = {
#define X(name, hard) #name,
        DISCONNECT_REASONS(X)
#undef X
    };
    const struct node *value;
    unsigned index = 0;
    if (!fields_member_of_two(fields, "disconnectReason", "disconnect_reason", &value) ||
        !fields_enum(fields, "disconnectReason", value, (struct fields_names){names, ARRAY_LEN(names)}, &index)) {
        return false;
    }
    struct slice text = node_text(value);
    if (index < DISCONNECT_SIP_OTHER || (node_is(value, NODE_TEXT) && index < ARRAY_LEN(names))) {
        *ret = (enum disconnect_reason)index;
    } else if (slice_starts(text, SLICE("SIP_"))) {
        *ret = DISCONNECT_SIP_OTHER;
    } else if (slice_starts(text, SLICE("USER_"))) {
        *ret = DISCONNECT_USER_OTHER;
    } else {
        *ret = DISCONNECT_UNKNOWN_REASON;
    }
    return true;
}

/* Values must be strings without NUL. An attribute is named by its place: its key is the caller's text. */
static bool check_attributes(const struct fields *fields, const struct node *attributes) {
    char what[96];
    const struct fields quiet = {.object = attributes, .path = ""};
    size_t count = node_count(attributes), place = 0;
    if (count > EVENT_MAX_ATTRIBUTES) {
        snprintf(what, sizeof what, "must be at most %d, are %zu", EVENT_MAX_ATTRIBUTES, count);
        return fields_wrong(fields, "attributes", what);
    }
    for (const struct node *value = node_first(attributes); value != NULL; value = node_next(value)) {
        if (!fields_check_text(&quiet, "", value, SIZE_MAX)) {
            snprintf(what, sizeof what, "attributes[%zu]", place);
            return fields_check_text(fields, what, value, SIZE_MAX);
        }
        place++;
    }
    return true;
}

static bool read_sip_attributes(const struct fields *participant, const struct node *attributes,
                                struct webhook_event *event) {
    const struct fields fields = {attributes, "participant.attributes.", participant->diag};
    const struct {
        const char *name;
        struct slice *ret;
    } wanted[] = {
        {"sip.trunkPhoneNumber", &event->participant.called}, {"sip.phoneNumber", &event->participant.caller},
        {"sip.trunkID", &event->participant.trunk_id},        {"sip.ruleID", &event->participant.rule_id},
        {"sip.callID", &event->participant.call_id},          {"sip.callStatus", &event->participant.call_status},
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (!fields_text(&fields, wanted[i].name, EVENT_MAX_NAME, wanted[i].ret)) {
            return false;
        }
    }
    return true;
}

/* TEXT: for the attributes' text, which the event borrows. */
static bool read_participant(const struct node *object, struct diag *diag, struct webhook_event *event,
                             struct buf *text) {
    static const char *const kinds[] = {"STANDARD", "INGRESS", "EGRESS", "SIP", "AGENT"};
    _Static_assert(ARRAY_LEN(kinds) == KIND_OTHER, "a name for each kind");
    const struct fields fields = {object, "participant.", diag};
    const struct node *attributes;
    unsigned kind = 0;
    if (!fields_text(&fields, "sid", EVENT_MAX_SID, &event->participant.sid) ||
        !fields_text(&fields, "identity", EVENT_MAX_NAME, &event->participant.identity) ||
        !fields_enum(&fields, "kind", fields_member(&fields, "kind"), (struct fields_names){kinds, ARRAY_LEN(kinds)},
                     &kind) ||
        !read_disconnect_reason(&fields, &event->participant.disconnect_reason) ||
        !fields_object(&fields, "attributes", &attributes)) {
        return false;
    }
    event->participant.kind = (enum participant_kind)kind;
    if (node_count(attributes) == 0) {
        return true;
    }
    if (!check_attributes(&fields, attributes) ||
        (kind == KIND_SIP && !read_sip_attributes(&fields, attributes, event))) {
        return false;
    }
    node_write(text, attributes);
    event->participant.attributes = buf_slice(text);
    return true;
}

static bool read_room(const struct node *object, struct diag *diag, struct webhook_event *event) {
    const struct fields fields = {object, "room.", diag};
    return fields_text(&fields, "sid", EVENT_MAX_SID, &event->room.sid) &&
           fields_text(&fields, "name", EVENT_MAX_NAME, &event->room.name) &&
           fields_text(&fields, "metadata", SIZE_MAX, &event->room.metadata);
}

static bool read_track(const struct node *object, struct diag *diag, struct webhook_event *event) {
    static const char *const types[] = {"AUDIO", "VIDEO", "DATA"};
    const struct fields fields = {object, "track.", diag};
    unsigned type = 0;
    if (!fields_text(&fields, "sid", EVENT_MAX_SID, &event->track.sid) ||
        !fields_enum(&fields, "type", fields_member(&fields, "type"), (struct fields_names){types, ARRAY_LEN(types)},
                     &type)) {
        return false;
    }
    event->track.type = type < ARRAY_LEN(types) ? (enum track_type)type : TRACK_DATA;
    return true;
}

static enum event_kind kind_of(struct slice name) {
    static const char *const names[] = {
#define X(name) [EVENT_##name] = #name,
        WEBHOOK_EVENTS(X)
#undef X
    };
    for (size_t i = 1; i < ARRAY_LEN(names); i++) {
        if (slice_is(name, names[i])) {
            return (enum event_kind)i;
        }
    }
    return EVENT_OTHER;
}

static bool read_event(const struct node *root, struct diag *diag, struct webhook_event *event, struct buf *text) {
    const struct fields fields = {root, "", diag};
    const struct node *created_at, *room, *participant, *track;
    if (!node_is(root, NODE_OBJECT)) {
        return fields_wrong_type(&fields, "", "an object", root);
    }
    if (!fields_text(&fields, "event", EVENT_MAX_SID, &event->name) ||
        !fields_text(&fields, "id", EVENT_MAX_SID, &event->id) ||
        !fields_member_of_two(&fields, "createdAt", "created_at", &created_at) ||
        !fields_moment(&fields, "createdAt", created_at, &event->created_at_s) ||
        !fields_object(&fields, "room", &room) || !fields_object(&fields, "participant", &participant) ||
        !fields_object(&fields, "track", &track)) {
        return false;
    }
    event->kind = kind_of(event->name);
    return (room == NULL || read_room(room, diag, event)) &&
           (participant == NULL || read_participant(participant, diag, event, text)) &&
           (track == NULL || read_track(track, diag, event));
}

struct webhook_event *event_parse(struct slice body, struct diag *diag) {
    const struct tree_limits limits = {.depth = EVENT_MAX_DEPTH, .values = EVENT_MAX_VALUES};
    cleanup_tree struct tree *tree = tree_parse(body, &limits, diag);
    cleanup_buf struct buf attributes = {0};
    struct webhook_event borrowed = {0};
    if (tree == NULL || !read_event(tree_root(tree), diag, &borrowed, &attributes)) {
        return NULL;
    }
    return event_copy(&borrowed);
}

struct webhook_event *event_copy(const struct webhook_event *event) {
    struct webhook_event layout = *event;
    struct slice *const texts[] = {
        &layout.name,
        &layout.id,
        &layout.room.sid,
        &layout.room.name,
        &layout.room.metadata,
        &layout.participant.sid,
        &layout.participant.identity,
        &layout.participant.called,
        &layout.participant.caller,
        &layout.participant.trunk_id,
        &layout.participant.rule_id,
        &layout.participant.call_id,
        &layout.participant.call_status,
        &layout.participant.attributes,
        &layout.track.sid,
    };
    size_t size = sizeof layout;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size += texts[i]->n;
    }
    char *block = xmalloc(size), *at = block + sizeof layout;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i]->n > 0) {
            memcpy(at, texts[i]->p, texts[i]->n);
        }
        texts[i]->p = texts[i]->n > 0 ? at : NULL;
        at += texts[i]->n;
    }
    memcpy(block, &layout, sizeof layout);
    return (struct webhook_event *)(void *)block;
}

void event_free(struct webhook_event *event) {
    free(event);
}
