/* Rewrites webhook bodies for a replay; what is replaced is described in retell.h. */
#include "cli/retell.h"

#include <jansson.h>
#include <sys/random.h>

#include "base/mem.h"
#include "base/text.h"

enum { ID_RANDOM = 12 };

/* In any unit; what is beyond is no time. */
static const double LARGEST_TIME = 9e18;

struct retell {
    json_t *fresh;  /* recorded id or room name -> fresh one */
    json_t *agents; /* "<room sid>\n<identity>" of every recorded agent -> true */
};

/* What LiveKit makes up anew for every call. Trunks (ST_) and dispatch rules (SDR_) are configuration. */
static const char *const fresh_prefixes[] = {"RM_", "PA_", "TR_", "EV_", "SCL_", "EG_", "IN_", "AJ_", "AD_"};

static const struct {
    const char *name;
    int64_t per_ms, ms_per; /* units in a millisecond, milliseconds in a unit */
} times[] = {
    {"createdAt", 1, 1000},   {"created_at", 1, 1000},    {"creationTime", 1, 1000}, {"creation_time", 1, 1000},
    {"creationTimeMs", 1, 1}, {"creation_time_ms", 1, 1}, {"joinedAt", 1, 1000},     {"joined_at", 1, 1000},
    {"joinedAtMs", 1, 1},     {"joined_at_ms", 1, 1},     {"unixMicro", 1000, 1},    {"unix_micro", 1000, 1},
};

struct retell *retell_new(void) {
    struct retell *retell = xcalloc(1, sizeof *retell);
    retell->fresh = json_object();
    retell->agents = json_object();
    return retell;
}

void retell_free(struct retell *retell) {
    if (retell != NULL) {
        json_decref(retell->fresh);
        json_decref(retell->agents);
        free(retell);
    }
}

static json_t *parse(struct slice body, struct diag *diag) {
    json_error_t error;
    json_t *root = json_loadb(body.n > 0 ? body.p : "", body.n, 0, &error);
    if (root == NULL) {
        diag_fail(diag, "body", "is not JSON: %s at byte %d", error.text, error.position);
    } else if (!json_is_object(root)) {
        diag_fail(diag, "body", "is not a JSON object: a webhook's body is one");
        json_decref(root);
        root = NULL;
    }
    return root;
}

static struct slice string_at(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return (struct slice){json_string_value(value), json_string_length(value)};
}

static void add_random(struct buf *out) {
    static const char letters[] = "ABCDEFGHIJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    unsigned char random[ID_RANDOM];
    if (getrandom(random, sizeof random, 0) != sizeof random) {
        abort();
    }
    for (size_t i = 0; i < sizeof random; i++) {
        buf_addc(out, letters[random[i] % (sizeof letters - 1)]);
    }
}

static bool is_letters(struct slice text) {
    return text.n > 0 && text.n <= 64 &&
           strspn(text.p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == text.n;
}

/* How much of TEXT stays in front of the fresh part of an id; 0 when it is no id. */
static size_t id_prefix(struct slice text) {
    for (size_t i = 0; i < ARRAY_LEN(fresh_prefixes); i++) {
        struct slice prefix = slice_of(fresh_prefixes[i]);
        if (slice_starts(text, prefix) && is_letters(slice_after(text, prefix.n))) {
            return prefix.n;
        }
    }
    return 0;
}

/* The same for a room name with the random end that livekit-sip gives it: "sip-inbound_+1555…_aB3dE6gH9jKl". */
static size_t room_prefix(struct slice name) {
    if (name.n <= ID_RANDOM + 1 || name.p[name.n - ID_RANDOM - 1] != '_') {
        return 0;
    }
    return is_letters((struct slice){name.p + name.n - ID_RANDOM, ID_RANDOM}) ? name.n - ID_RANDOM : 0;
}

/* The fresh text for TEXT, of which PREFIX bytes stay; made at the first call. */
static const char *fresh_for(struct retell *retell, struct slice text, size_t prefix) {
    const json_t *known = json_object_get(retell->fresh, text.p);
    if (known != NULL) {
        return json_string_value(known);
    }
    cleanup_buf struct buf fresh = {0};
    buf_add(&fresh, text.p, prefix);
    add_random(&fresh);
    json_object_set_new(retell->fresh, text.p, json_string(fresh.p));
    return json_string_value(json_object_get(retell->fresh, text.p));
}

static char *agent_key(struct slice sid, struct slice identity) {
    return xasprintf("%s\n%s", sid.p, identity.p);
}

void retell_learn(struct retell *retell, struct slice body) {
    json_t *root = parse(body, NULL);
    const json_t *room = json_object_get(root, "room");
    const json_t *participant = json_object_get(root, "participant");
    struct slice sid = string_at(room, "sid");
    struct slice name = string_at(room, "name");
    struct slice identity = string_at(participant, "identity");
    if (room_prefix(name) > 0) {
        fresh_for(retell, name, room_prefix(name));
    }
    if (sid.n > 0 && identity.n > 0 && slice_is(string_at(participant, "kind"), "AGENT")) {
        cleanup_free char *key = agent_key(sid, identity);
        json_object_set_new(retell->agents, key, json_true());
    }
    json_decref(root);
}

static int64_t integer_of(const json_t *value) {
    int64_t number = 0;
    if (json_is_integer(value)) {
        return json_integer_value(value);
    }
    struct slice text = {json_string_value(value), json_string_length(value)};
    return text.n > 0 && text_int64(text, &number) ? number : 0;
}

int64_t retell_created_ms(struct slice body) {
    json_t *root = parse(body, NULL);
    const json_t *created = json_object_get(root, "createdAt");
    if (created == NULL) {
        created = json_object_get(root, "created_at");
    }
    int64_t seconds = integer_of(created);
    json_decref(root);
    return seconds > 0 && seconds < INT64_MAX / 1000 ? seconds * 1000 : 0;
}

/* The time VALUE of the field NAME moved by CLOCK, as a new value of the same JSON type; NULL when it is none. */
static json_t *move_time(const char *name, const json_t *value, const struct retell_clock *clock) {
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        if (strcmp(name, times[i].name) != 0) {
            continue;
        }
        double recorded_ms = (double)integer_of(value) * (double)times[i].ms_per / (double)times[i].per_ms;
        if (recorded_ms < 1) {
            return NULL;
        }
        double told_ms = (double)clock->told_ms + (recorded_ms - (double)clock->recorded_ms) / clock->speed;
        double units = told_ms * (double)times[i].per_ms / (double)times[i].ms_per;
        if (units < -LARGEST_TIME || units > LARGEST_TIME) {
            return NULL;
        }
        int64_t told = (int64_t)units;
        return json_is_integer(value) ? json_integer(told) : json_sprintf("%lld", (long long)told);
    }
    return NULL;
}

/* What takes the place of the string VALUE; NULL when it stays. */
static json_t *renew_string(struct retell *retell, const json_t *value) {
    struct slice text = {json_string_value(value), json_string_length(value)};
    const json_t *known = json_object_get(retell->fresh, text.p);
    if (known != NULL) {
        return json_string(json_string_value(known));
    }
    size_t prefix = id_prefix(text);
    return prefix > 0 ? json_string(fresh_for(retell, text, prefix)) : NULL;
}

static void renew_tree(struct retell *retell, json_t *tree, const struct retell_clock *clock) {
    const char *name;
    json_t *value;
    void *next;
    size_t index;
    json_object_foreach_safe(tree, next, name, value) {
        json_t *moved = move_time(name, value, clock);
        json_t *fresh = moved == NULL && json_is_string(value) ? renew_string(retell, value) : moved;
        if (fresh != NULL) {
            json_object_set_new(tree, name, fresh);
        } else {
            renew_tree(retell, value, clock);
        }
    }
    json_array_foreach(tree, index, value) {
        json_t *fresh = json_is_string(value) ? renew_string(retell, value) : NULL;
        if (fresh != NULL) {
            json_array_set_new(tree, index, fresh);
        } else {
            renew_tree(retell, value, clock);
        }
    }
}

/* The recorded agent becomes ours: one fixed identity per call. Before the sids are renewed: agents are known by them. */
static void rename_agent(struct retell *retell, json_t *root) {
    struct slice sid = string_at(json_object_get(root, "room"), "sid");
    json_t *participant = json_object_get(root, "participant");
    struct slice identity = string_at(participant, "identity");
    if (sid.n == 0 || identity.n == 0) {
        return;
    }
    cleanup_free char *key = agent_key(sid, identity);
    if (json_object_get(retell->agents, key) != NULL) {
        json_object_set_new(participant, "identity",
                            json_sprintf("sip-agent-%s", fresh_for(retell, sid, id_prefix(sid))));
    }
}

bool retell_body(struct retell *retell, struct slice body, const struct retell_clock *clock, struct buf *out,
                 struct diag *diag) {
    json_t *root = parse(body, diag);
    if (root == NULL) {
        return false;
    }
    rename_agent(retell, root);
    renew_tree(retell, root, clock);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (text == NULL) {
        return diag_fail(diag, "body", "cannot be written as JSON again");
    }
    buf_adds(out, text);
    free(text);
    return true;
}

void retell_summary(struct slice body, struct buf *out) {
    json_t *root = parse(body, NULL);
    struct slice event = string_at(root, "event");
    const struct slice more[] = {string_at(json_object_get(root, "room"), "sid"),
                                 string_at(json_object_get(root, "participant"), "identity")};
    buf_adds(out, root == NULL ? "(not an event)" : event.n == 0 ? "(no event name)" : event.p);
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        if (more[i].n > 0) {
            buf_addf(out, " %s", more[i].p);
        }
    }
    json_decref(root);
}
