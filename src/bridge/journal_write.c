/* An entry as text, by hand: calls are kept several times a second each while they begin and end. */
#include <inttypes.h>

#include "base/json_text.h"
#include "bridge/journal.h"

/* A fact that is added to struct call is to be kept, or not, on purpose. */
_Static_assert(sizeof(struct leg) == 40 && sizeof(struct call) == 336, "add the new fact to the tables in journal.h");

static void add_number(struct buf *out, const char *name, int64_t value) {
    if (value != 0) {
        json_add_number(out, name, value);
    }
}

static void add_hash(struct buf *out, const char *name, uint64_t value) {
    char text[16];
    for (unsigned i = 0; i < sizeof text; i++) {
        text[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
    }
    if (value != 0) {
        json_add_field(out, name, (struct slice){text, sizeof text});
    }
}

static void add_text(struct buf *out, const char *name, struct slice text) {
    if (text.p != NULL) {
        json_add_field(out, name, text);
    }
}

static void add_flag(struct buf *out, const char *name, bool value) {
    if (value) {
        json_add_raw(out, name, SLICE("true"));
    }
}

static void add_word(struct buf *out, const char *name, const char *const *words, unsigned value) {
    if (value != 0) {
        json_add_field(out, name, slice_of(words[value]));
    }
}

static void add_leg(struct buf *out, const struct leg *leg) {
    static const char *const roles[] = {JOURNAL_ROLES}, *const states[] = {JOURNAL_STATES};
    buf_addc(out, '{');
    add_hash(out, "sid", leg->sid);
    add_hash(out, "identity", leg->identity);
    add_word(out, "role", roles, leg->role);
    add_word(out, "state", states, leg->state);
    add_number(out, "joined_at", leg->joined_at);
    add_number(out, "left_at", leg->left_at);
    add_flag(out, "arriving", leg->arriving);
    add_flag(out, "only_listed", leg->only_listed);
    buf_addc(out, '}');
}

static void add_legs(struct buf *out, const struct call *facts) {
    if (facts->leg_count == 0) {
        return;
    }
    json_add_raw(out, "legs", SLICE("["));
    for (unsigned i = 0; i < facts->leg_count; i++) {
        buf_adds(out, i > 0 ? "," : "");
        add_leg(out, call_leg_at(facts, i));
    }
    buf_addc(out, ']');
}

static void add_crashes(struct buf *out, const struct call *facts) {
    if (facts->crash_at[CALL_REPLACEMENTS - 1] == 0) {
        return; /* the newest is the last */
    }
    json_add_raw(out, "crash_at", SLICE("["));
    for (unsigned i = 0; i < CALL_REPLACEMENTS; i++) {
        buf_addf(out, "%s%" PRId64, i > 0 ? "," : "", facts->crash_at[i]);
    }
    buf_addc(out, ']');
}

static void add_ghosts(struct buf *out, const struct call *facts) {
    if (facts->older_ghosts[0] == 0) {
        return;
    }
    json_add_raw(out, "older_ghosts", SLICE("["));
    for (unsigned i = 0; i < CALL_GHOSTS - 1 && facts->older_ghosts[i] != 0; i++) {
        buf_addf(out, "%s\"%016" PRIx64 "\"", i > 0 ? "," : "", facts->older_ghosts[i]);
    }
    buf_addc(out, ']');
}

static void add_facts(struct buf *out, const struct call *facts) {
    json_add_raw(out, "facts", SLICE("{"));
#define X(field, ...)                                     \
    do {                                                  \
        static const char *const words[] = {__VA_ARGS__}; \
        add_word(out, #field, words, facts->field);       \
    } while (0);
    JOURNAL_WORDS(X)
#undef X
#define X(field) add_number(out, #field, facts->field);
    JOURNAL_COUNTS(X)
    JOURNAL_PAST(X)
    JOURNAL_COMING(X)
#undef X
#define X(field) add_flag(out, #field, facts->field);
    JOURNAL_FLAGS(X)
#undef X
#define X(field) add_hash(out, #field, facts->field);
    JOURNAL_HASHES(X)
#undef X
    add_crashes(out, facts);
    add_ghosts(out, facts);
    add_legs(out, facts);
    buf_addc(out, '}');
}

static void add_caller(struct buf *out, const struct journal_leg *leg) {
    json_add_raw(out, "caller", SLICE("{"));
    add_flag(out, "known", leg->known);
    add_hash(out, "sid", leg->sid);
    add_text(out, "called", leg->called);
    add_text(out, "number", leg->caller);
    add_text(out, "trunk_id", leg->trunk_id);
    add_text(out, "rule_id", leg->rule_id);
    add_text(out, "attributes", leg->attributes);
    add_text(out, "identity", leg->identity);
    buf_addc(out, '}');
}

static void add_names(struct buf *out, const struct journal_entry *entry) {
    if (entry->name_count == 0) {
        return;
    }
    json_add_raw(out, "identities", SLICE("["));
    for (unsigned i = 0; i < entry->name_count; i++) {
        buf_adds(out, i > 0 ? ",{" : "{");
        add_hash(out, "sid", entry->names[i].sid);
        add_text(out, "text", entry->names[i].text);
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
}

static void add_process(struct buf *out, const struct journal_entry *entry) {
    static const char *const reasons[] = {JOURNAL_REASONS};
    add_word(out, "chosen_by", reasons, entry->chosen_by);
    add_text(out, "chosen_rule", entry->chosen_rule);
    add_text(out, "instance", entry->instance);
    add_number(out, "pid", entry->pid);
    add_number(out, "birth", (int64_t)entry->birth);
    add_number(out, "dismissed_at", entry->dismissed_at);
    add_text(out, "agent", entry->agent);
    add_text(out, "metadata", entry->metadata);
    add_number(out, "after_call_ms", entry->after_call_ms);
    add_number(out, "stop_timeout_ms", entry->stop_timeout_ms);
}

void journal_write(const struct journal_entry *entry, struct buf *out) {
    buf_addc(out, '{');
    json_add_number(out, "v", JOURNAL_VERSION);
    json_add_field(out, "sid", entry->sid);
    json_add_field(out, "room", entry->room);
    json_add_field(out, "boot", entry->boot);
    add_flag(out, "over", entry->over);
    add_number(out, "over_at", entry->over_at);
    add_flag(out, "named", entry->named);
    if (entry->end != END_NONE) {
        json_add_field(out, "end", slice_of(call_end_label(entry->end)));
    }
    add_process(out, entry);
    add_text(out, "room_agent", entry->room_agent);
    add_flag(out, "looked_at_metadata", entry->looked_at_metadata);
    add_number(out, "started_wall_ms", entry->started_wall_ms);
    add_number(out, "newest_s", entry->newest_s);
    add_number(out, "finished_s", entry->finished_s);
    add_number(out, "listed_s", entry->listed_s);
    add_hash(out, "room_event", entry->room_event);
    add_number(out, "rearmed_at", entry->rearmed_at);
    add_number(out, "starts", entry->starts);
    add_number(out, "kills", entry->kills);
    add_number(out, "created_s", entry->created_s);
    add_number(out, "ended_at", entry->ended_at);
    add_caller(out, &entry->leg);
    add_names(out, entry);
    add_facts(out, &entry->facts);
    buf_addc(out, '}');
}
