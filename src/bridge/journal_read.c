/* A text as an entry. The file may have been written by anybody: nothing in it is believed before it was checked. */
#include <inttypes.h>
#include <limits.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/tree.h"
#include "bridge/journal.h"
#include "calls/legs.h"

enum { MOST_NAME = 1024, MOST_BOOT = 64, MOST_DEPTH = 32, MOST_VALUES = 4096 };
#define MOST_NUMBER (INT64_MAX / 2)

/* The first mistake counts; what is read after it is nothing. */
struct reading {
    struct diag *diag;
    bool bad;
};

static void refuse(struct reading *reading, const char *where, const char *what) {
    if (!reading->bad) {
        reading->bad = true;
        (void)diag_fail(reading->diag, where, "%s", what);
    }
}

static int64_t number_of(struct reading *reading, const char *name, const struct node *value, int64_t most) {
    if (!node_is(value, NODE_INTEGER) || value->integer < 0 || value->integer > most) {
        refuse(reading, name, "is no number, or out of range");
        return 0;
    }
    return value->integer;
}

static int64_t read_number(struct reading *reading, const struct node *object, const char *name, int64_t most) {
    const struct node *value = node_member(object, name);
    return value != NULL ? number_of(reading, name, value, most) : 0;
}

static bool read_flag(struct reading *reading, const struct node *object, const char *name) {
    const struct node *value = node_member(object, name);
    if (value != NULL && !node_is(value, NODE_TRUE) && !node_is(value, NODE_FALSE)) {
        refuse(reading, name, "must be true or false");
    }
    return node_is(value, NODE_TRUE);
}

static struct slice read_text(struct reading *reading, const struct node *object, const char *name, size_t most) {
    const struct node *value = node_member(object, name);
    if (value == NULL) {
        return (struct slice){0};
    }
    if (!node_is(value, NODE_TEXT) || value->text.n > most) {
        refuse(reading, name, "is no text, or too long");
        return (struct slice){0};
    }
    return value->text;
}

static bool is_hex(struct slice text, size_t digits) {
    bool good = text.n == digits;
    for (size_t i = 0; good && i < digits; i++) {
        good = (text.p[i] >= '0' && text.p[i] <= '9') || (text.p[i] >= 'a' && text.p[i] <= 'f');
    }
    return good;
}

static uint64_t hash_of(struct reading *reading, const char *name, struct slice text) {
    if (!is_hex(text, 16)) {
        refuse(reading, name, "must be 16 hex digits");
        return 0;
    }
    return strtoull(text.p, NULL, 16);
}

static uint64_t read_hash(struct reading *reading, const struct node *object, const char *name) {
    struct slice text = read_text(reading, object, name, MOST_NAME);
    return text.p != NULL ? hash_of(reading, name, text) : 0;
}

/* The place of a word among COUNT of them; absent is the first. */
static unsigned read_word(struct reading *reading, const struct node *object, const char *name,
                          const char *const *words) {
    struct slice text = read_text(reading, object, name, MOST_NAME);
    for (unsigned i = 0; text.p != NULL && words[i] != NULL; i++) {
        if (slice_is(text, words[i])) {
            return i;
        }
    }
    if (text.p != NULL) {
        refuse(reading, name, "is a word that is not known here");
    }
    return 0;
}

static const struct node *read_object(struct reading *reading, const struct node *object, const char *name) {
    const struct node *value = node_member(object, name);
    if (!node_is(value, NODE_OBJECT)) {
        refuse(reading, name, "is missing, or no object");
        return NULL;
    }
    return value;
}

/* The first of a list of at most MOST; NULL: none. */
static const struct node *read_list(struct reading *reading, const struct node *object, const char *name, size_t most) {
    const struct node *value = node_member(object, name);
    if (value != NULL && (!node_is(value, NODE_ARRAY) || value->count > most)) {
        refuse(reading, name, "is no list, or too long");
        return NULL;
    }
    return node_first(value);
}

static struct leg read_leg(struct reading *reading, const struct node *leg) {
    static const char *const roles[] = {JOURNAL_ROLES, NULL}, *const states[] = {JOURNAL_STATES, NULL};
    if (!node_is(leg, NODE_OBJECT)) {
        refuse(reading, "legs", "must be objects");
    }
    return (struct leg){
        .sid = read_hash(reading, leg, "sid"),
        .identity = read_hash(reading, leg, "identity"),
        .role = (uint8_t)read_word(reading, leg, "role", roles),
        .state = (uint8_t)read_word(reading, leg, "state", states),
        .joined_at = read_number(reading, leg, "joined_at", MOST_NUMBER),
        .left_at = read_number(reading, leg, "left_at", MOST_NUMBER),
        .only_listed = read_flag(reading, leg, "only_listed"),
        .arriving = read_flag(reading, leg, "arriving"),
    };
}

static void read_lists(struct reading *reading, const struct node *object, struct call *facts) {
    const struct node *at = read_list(reading, object, "crash_at", CALL_REPLACEMENTS);
    for (size_t i = 0; at != NULL; at = node_next(at)) {
        facts->crash_at[i++] = number_of(reading, "crash_at", at, MOST_NUMBER);
    }
    at = read_list(reading, object, "older_ghosts", CALL_GHOSTS - 1);
    for (size_t i = 0; at != NULL; at = node_next(at)) {
        facts->older_ghosts[i++] = hash_of(reading, "older_ghosts", node_text(at));
    }
    for (at = read_list(reading, object, "legs", CALL_LEGS); at != NULL; at = node_next(at)) {
        struct leg leg = read_leg(reading, at);
        legs_append(facts, &leg);
    }
}

static void read_facts(struct reading *reading, const struct node *object, struct call *facts) {
#define X(field, ...)                                                      \
    do {                                                                   \
        static const char *const words[] = {__VA_ARGS__, NULL};            \
        facts->field = (uint8_t)read_word(reading, object, #field, words); \
    } while (0);
    JOURNAL_WORDS(X)
#undef X
#define X(field) facts->field = (uint8_t)read_number(reading, object, #field, UINT8_MAX);
    JOURNAL_COUNTS(X)
#undef X
#define X(field) facts->field = read_number(reading, object, #field, MOST_NUMBER);
    JOURNAL_PAST(X)
    JOURNAL_COMING(X)
#undef X
#define X(field) facts->field = read_flag(reading, object, #field);
    JOURNAL_FLAGS(X)
#undef X
#define X(field) facts->field = read_hash(reading, object, #field);
    JOURNAL_HASHES(X)
#undef X
    read_lists(reading, object, facts);
}

static void read_caller(struct reading *reading, const struct node *object, struct journal_leg *leg) {
    leg->known = read_flag(reading, object, "known");
    leg->sid = read_hash(reading, object, "sid");
    leg->called = read_text(reading, object, "called", MOST_NAME);
    leg->caller = read_text(reading, object, "number", MOST_NAME);
    leg->trunk_id = read_text(reading, object, "trunk_id", MOST_NAME);
    leg->rule_id = read_text(reading, object, "rule_id", MOST_NAME);
    leg->attributes = read_text(reading, object, "attributes", ENGINE_LINE_MAX);
    leg->identity = read_text(reading, object, "identity", MOST_NAME);
}

static void read_names(struct reading *reading, const struct node *root, struct journal_entry *entry) {
    const struct node *name = read_list(reading, root, "identities", CALL_LEGS);
    for (; name != NULL; name = node_next(name)) {
        struct journal_name *read = &entry->names[entry->name_count++];
        *read = (struct journal_name){read_hash(reading, name, "sid"), read_text(reading, name, "text", MOST_NAME)};
        if (read->text.p == NULL) {
            refuse(reading, "identities", "must be objects with a text");
        }
    }
}

static void read_process(struct reading *reading, const struct node *root, struct journal_entry *entry) {
    static const char *const reasons[] = {JOURNAL_REASONS, NULL};
    entry->chosen_by = (enum choice_reason)read_word(reading, root, "chosen_by", reasons);
    entry->chosen_rule = read_text(reading, root, "chosen_rule", JOURNAL_MAX_BYTES);
    entry->instance = read_text(reading, root, "instance", ENGINE_INSTANCE_SIZE - 1);
    entry->pid = (pid_t)read_number(reading, root, "pid", INT_MAX);
    entry->birth = (uint64_t)read_number(reading, root, "birth", INT64_MAX);
    entry->dismissed_at = read_number(reading, root, "dismissed_at", MOST_NUMBER);
    entry->agent = read_text(reading, root, "agent", MOST_NAME);
    entry->metadata = read_text(reading, root, "metadata", JOURNAL_MAX_BYTES);
    entry->after_call_ms = read_number(reading, root, "after_call_ms", MOST_NUMBER);
    entry->stop_timeout_ms = read_number(reading, root, "stop_timeout_ms", MOST_NUMBER);
}

static enum call_end read_end(struct reading *reading, const struct node *root) {
    const char *labels[CALL_END_COUNT + 1];
    for (unsigned i = 0; i < CALL_END_COUNT; i++) {
        labels[i] = call_end_label((enum call_end)i);
    }
    labels[CALL_END_COUNT] = NULL;
    return (enum call_end)read_word(reading, root, "end", labels);
}

static void read_all(struct reading *reading, const struct node *root, struct journal_entry *entry) {
    entry->sid = read_text(reading, root, "sid", ENGINE_LABEL_MAX);
    entry->room = read_text(reading, root, "room", MOST_NAME);
    entry->boot = read_text(reading, root, "boot", MOST_BOOT);
    entry->over = read_flag(reading, root, "over");
    entry->over_at = read_number(reading, root, "over_at", MOST_NUMBER);
    entry->named = read_flag(reading, root, "named");
    entry->end = read_end(reading, root);
    read_process(reading, root, entry);
    entry->room_agent = read_text(reading, root, "room_agent", JOURNAL_MAX_BYTES);
    entry->looked_at_metadata = read_flag(reading, root, "looked_at_metadata");
    entry->started_wall_ms = read_number(reading, root, "started_wall_ms", MOST_NUMBER);
    entry->newest_s = read_number(reading, root, "newest_s", MOST_NUMBER);
    entry->finished_s = read_number(reading, root, "finished_s", MOST_NUMBER);
    entry->listed_s = read_number(reading, root, "listed_s", MOST_NUMBER);
    entry->room_event = read_hash(reading, root, "room_event");
    entry->rearmed_at = read_number(reading, root, "rearmed_at", MOST_NUMBER);
    entry->starts = (unsigned)read_number(reading, root, "starts", UINT_MAX);
    entry->kills = (unsigned)read_number(reading, root, "kills", UINT_MAX);
    entry->created_s = read_number(reading, root, "created_s", MOST_NUMBER);
    entry->ended_at = read_number(reading, root, "ended_at", MOST_NUMBER);
    read_caller(reading, read_object(reading, root, "caller"), &entry->leg);
    read_names(reading, root, entry);
    read_facts(reading, read_object(reading, root, "facts"), &entry->facts);
}

/* What makes sense only together. */
static void check(struct reading *reading, const struct journal_entry *entry) {
    const struct call *facts = &entry->facts;
    if (!text_is_sid(entry->sid)) {
        refuse(reading, "sid", "is missing, or no call sid");
    }
    if (entry->room.p == NULL || entry->boot.p == NULL) {
        refuse(reading, "room", "is missing, or boot is");
    }
    bool alive = facts->process != PROCESS_NONE;
    if ((alive || entry->instance.n > 0) && !is_hex(entry->instance, ENGINE_INSTANCE_SIZE - 1)) {
        refuse(reading, "instance", "must be 32 hex digits");
    }
    if (facts->process == PROCESS_RUNNING && entry->pid <= 1) {
        refuse(reading, "pid", "is missing, or nobody's");
    }
    if ((alive || facts->choice == CHOSEN_AGENT) && entry->agent.n == 0) {
        refuse(reading, "agent", "is missing");
    }
}

static bool check_version(const struct node *root, struct diag *diag) {
    const struct node *version = node_member(root, "v");
    if (!node_is(version, NODE_INTEGER) || version->integer < 1) {
        return diag_fail(diag, "v", "is missing: no journal entry of sipbridge");
    }
    if (version->integer > JOURNAL_VERSION) {
        return diag_fail(diag, "v", "is %" PRId64 ": written by a later sipbridge, this one reads up to %d",
                         version->integer, JOURNAL_VERSION);
    }
    return true;
}

bool journal_read(struct slice text, struct journal_entry *ret_entry, struct diag *diag) {
    static const struct tree_limits limits = {.depth = MOST_DEPTH, .values = MOST_VALUES, .no_nul = true};
    if (text.n > JOURNAL_MAX_BYTES) {
        return diag_fail(diag, "", "is larger than %d bytes", JOURNAL_MAX_BYTES);
    }
    struct tree *tree = tree_parse(text, &limits, diag);
    if (tree == NULL) {
        return false;
    }
    struct journal_entry entry = {.tree = tree};
    struct reading reading = {.diag = diag, .bad = !check_version(tree_root(tree), diag)};
    if (!reading.bad) {
        read_all(&reading, tree_root(tree), &entry);
        check(&reading, &entry);
    }
    if (reading.bad) {
        journal_release(&entry);
        return false;
    }
    *ret_entry = entry;
    return true;
}

void journal_release(struct journal_entry *entry) {
    call_release(&entry->facts);
    tree_free(take_ptr(entry->tree));
}

int journal_order(const void *one, const void *other) {
    const struct journal_entry *a = one, *b = other;
    if (a->named != b->named) {
        return a->named ? 1 : -1;
    }
    return (a->over_at > b->over_at) - (a->over_at < b->over_at);
}
