/* One rule: its keys, each with its own check, and which of them go together. */
#include "rules/rule.h"

#include <jansson.h>
#include <stdio.h>

#include "base/argv.h"
#include "base/mem.h"
#include "base/text.h"
#include "rules/document.h"
#include "rules/pattern.h"

enum { LABEL_MAX_TEXT = 200, LABEL_PATTERNS = 3 };

/* A rule being read; texts that need no change stay in the document. */
struct reading {
    struct rule_draft draft;
    const char *agent_name, *target, *target_type;
    const char *unknown; /* the first key that is none of a rule's, or NULL */
    char at[32];         /* "[3]" */
    char where[64];      /* "[3].pattern" */
    struct diag *diag;
};

static bool read_text(struct reading *r, const json_t *value, const char **ret_text) {
    if (!json_is_string(value)) {
        return diag_fail(r->diag, r->where, "must be a string, not %s", document_kind(value));
    }
    *ret_text = json_string_value(value);
    return true;
}

static bool read_pattern_text(struct reading *r, const json_t *value, const char *where, char **ret_pattern) {
    if (!json_is_string(value)) {
        return diag_fail(r->diag, where, "must be a string like \"+33*\", not %s", document_kind(value));
    }
    cleanup_buf struct buf pattern = {0};
    pattern_normalise(&pattern, (struct slice){json_string_value(value), json_string_length(value)});
    if (pattern.len == 0) {
        return diag_fail(r->diag, where, "is empty: \"*\" stands for every number");
    }
    if (pattern.len > PATTERN_MAX) {
        return diag_fail(r->diag, where, "has %zu bytes, at most %d are taken", pattern.len, PATTERN_MAX);
    }
    *ret_pattern = buf_take(&pattern);
    return true;
}

static bool read_pattern_list(struct reading *r, const json_t *list) {
    size_t count = json_array_size(list);
    if (count == 0 || count > RULE_MAX_PATTERNS) {
        return diag_fail(r->diag, r->where, "a list of patterns has 1 to %d, not %zu", RULE_MAX_PATTERNS, count);
    }
    r->draft.patterns = xcalloc(count + 1, sizeof(char *));
    for (size_t i = 0; i < count; i++) {
        char where[96];
        snprintf(where, sizeof where, "%s[%zu]", r->where, i);
        if (!read_pattern_text(r, json_array_get(list, i), where, &r->draft.patterns[i])) {
            return false;
        }
    }
    return true;
}

static bool read_pattern(struct reading *r, const json_t *value) {
    if (json_is_array(value)) {
        return read_pattern_list(r, value);
    }
    if (!json_is_string(value)) {
        return diag_fail(r->diag, r->where, "must be a string like \"+33*\" or a list of such, not %s",
                         document_kind(value));
    }
    r->draft.patterns = xcalloc(2, sizeof(char *));
    return read_pattern_text(r, value, r->where, &r->draft.patterns[0]);
}

static bool read_caller(struct reading *r, const json_t *value) {
    cleanup_free char *caller = NULL;
    if (!read_pattern_text(r, value, r->where, &caller)) {
        return false;
    }
    if (!pattern_is_any(slice_of(caller))) {
        r->draft.rule.caller = take_ptr(caller);
    }
    return true;
}

static bool read_trunk(struct reading *r, const json_t *value) {
    const char *trunk = NULL;
    if (!read_text(r, value, &trunk)) {
        return false;
    }
    struct slice text = slice_of(trunk);
    if (text.n == 0 || text.n > RULE_MAX_TRUNK) {
        return diag_fail(r->diag, r->where, "a trunk id has 1 to %d bytes, not %zu", RULE_MAX_TRUNK, text.n);
    }
    if (pattern_is_any(text)) {
        return true;
    }
    if (!pattern_is_exact(text)) {
        return diag_fail(r->diag, r->where, "a trunk is its whole id like \"ST_vXR8KmGbUgQ8\", or \"*\" for any");
    }
    r->draft.rule.trunk = xstrdup(trunk);
    return true;
}

static bool read_priority(struct reading *r, const json_t *value) {
    const long range[2] = {-RULE_MAX_PRIORITY, RULE_MAX_PRIORITY};
    if (!json_is_string(value)) {
        return document_integer(value, r->where, range, r->diag, &r->draft.rule.priority);
    }
    int64_t number;
    if (!text_int64(slice_of(json_string_value(value)), &number) || number < range[0] || number > range[1]) {
        return diag_fail(r->diag, r->where, "must be a whole number from %ld to %ld", range[0], range[1]);
    }
    r->draft.rule.priority = (long)number;
    return true;
}

static bool read_agent_name(struct reading *r, const json_t *value) {
    return read_text(r, value, &r->agent_name) && document_is_name(slice_of(r->agent_name), r->where, r->diag);
}

static bool read_target(struct reading *r, const json_t *value) {
    return read_text(r, value, &r->target);
}

static bool read_target_type(struct reading *r, const json_t *value) {
    if (!read_text(r, value, &r->target_type)) {
        return false;
    }
    if (!slice_is(SLICE("agent"), r->target_type) && !slice_is(SLICE("room"), r->target_type)) {
        return diag_fail(r->diag, r->where, "must be \"agent\" (or \"room\", which is skipped)");
    }
    return true;
}

static bool read_reject(struct reading *r, const json_t *value) {
    if (!json_is_boolean(value)) {
        return diag_fail(r->diag, r->where, "must be true or false, not %s", document_kind(value));
    }
    r->draft.rule.reject = json_is_true(value);
    return true;
}

static bool read_metadata(struct reading *r, const json_t *value) {
    if (!json_is_object(value)) {
        return diag_fail(r->diag, r->where, "must be an object like {\"language\":\"fr\"}, not %s",
                         document_kind(value));
    }
    /* Asked for the size first: what is too long is never copied. */
    size_t size = json_dumpb(value, NULL, 0, JSON_COMPACT);
    if (size > RULE_MAX_METADATA) {
        return diag_fail(r->diag, r->where, "has %zu bytes as compact JSON, at most %d are taken", size,
                         RULE_MAX_METADATA);
    }
    char *text = xmalloc(size + 1);
    text[json_dumpb(value, text, size, JSON_COMPACT)] = '\0';
    r->draft.rule.metadata = text;
    return true;
}

static const struct field {
    const char *key;
    bool (*read)(struct reading *r, const json_t *value);
} fields[] = {
    {"pattern", read_pattern},   {"caller", read_caller},           {"trunk", read_trunk},
    {"priority", read_priority}, {"reject", read_reject},           {"agent_name", read_agent_name},
    {"target", read_target},     {"target_type", read_target_type}, {"metadata", read_metadata},
};

static const struct field *find_field(const char *key) {
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (slice_is(slice_of(key), fields[i].key)) {
            return &fields[i];
        }
    }
    return NULL;
}

static void note_key(const struct reading *r, const char *key, struct notes *notes) {
    const char *keys[ARRAY_LEN(fields) + 1] = {NULL};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        keys[i] = fields[i].key;
    }
    document_note_key(notes, r->at, key, keys);
}

/* null is the same as leaving the key out: many programs write all their columns. */
static bool read_fields(struct reading *r, json_t *object, struct notes *notes) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        const struct field *field = find_field(key);
        if (field == NULL) {
            r->unknown = r->unknown != NULL ? r->unknown : key;
            note_key(r, key, notes);
            continue;
        }
        snprintf(r->where, sizeof r->where, "%s.%s", r->at, key);
        if (!json_is_null(value) && !field->read(r, value)) {
            return false;
        }
    }
    return true;
}

/* What lacks is often there under another name. */
static bool fail_incomplete(const struct reading *r, const char *what) {
    if (r->unknown == NULL) {
        return diag_fail(r->diag, r->at, "%s", what);
    }
    char shown[DOCUMENT_SHOWN];
    return diag_fail(r->diag, r->at, "%s; the key \"%s\" is none of a rule's", what,
                     document_show(slice_of(r->unknown), shown));
}

/* Exactly one of agent_name, target with its type, and reject. */
static bool read_outcome(struct reading *r, struct notes *notes) {
    bool by_target = r->target_type != NULL || r->target != NULL;
    int given = (r->agent_name != NULL) + by_target + r->draft.rule.reject;
    if (given == 0) {
        return fail_incomplete(r, "leads nowhere: give \"agent_name\", or \"reject\": true");
    }
    if (given > 1) {
        return diag_fail(r->diag, r->at,
                         "leads to more than one end: give one of \"agent_name\", \"target\" and "
                         "\"reject\": true");
    }
    if (r->target_type != NULL && slice_is(SLICE("room"), r->target_type)) {
        r->draft.rule.skipped = true;
        notes_add(notes,
                  "%s: is skipped: a rule with \"target_type\": \"room\" cannot be honoured, LiveKit chooses the room",
                  r->at);
        return true;
    }
    if (r->target != NULL && r->target_type == NULL) {
        return diag_fail(r->diag, r->at, "\"target\" needs \"target_type\": \"agent\" beside it");
    }
    if (r->target == NULL && r->target_type != NULL) {
        return diag_fail(r->diag, r->at, "\"target_type\": \"agent\" needs the agent's name as \"target\"");
    }
    if (r->target != NULL) {
        snprintf(r->where, sizeof r->where, "%s.target", r->at);
        if (!document_is_name(slice_of(r->target), r->where, r->diag)) {
            return false;
        }
        r->agent_name = r->target;
    }
    if (r->agent_name != NULL) {
        r->draft.rule.agent_name = xstrdup(r->agent_name);
    }
    return true;
}

static bool read_rule(struct reading *r, json_t *value, struct notes *notes) {
    if (!json_is_object(value)) {
        return diag_fail(r->diag, r->at,
                         "must be an object like {\"pattern\":\"+33*\",\"agent_name\":\"support\"}, not %s",
                         document_kind(value));
    }
    if (!read_fields(r, value, notes)) {
        return false;
    }
    if (r->draft.patterns == NULL) {
        return fail_incomplete(r, "has no \"pattern\": the called number, \"*\" for every one");
    }
    return read_outcome(r, notes);
}

bool rule_parse(json_t *value, unsigned index, struct notes *notes, struct diag *diag, struct rule_draft *ret_draft) {
    struct reading reading = {.diag = diag, .draft.rule = {.index = index, .priority = RULE_DEFAULT_PRIORITY}};
    snprintf(reading.at, sizeof reading.at, "[%u]", index);
    if (!read_rule(&reading, value, notes)) {
        rule_draft_release(&reading.draft);
        return false;
    }
    *ret_draft = reading.draft;
    return true;
}

void rule_draft_release(struct rule_draft *draft) {
    argv_free(draft->patterns);
    free(draft->rule.caller);
    free(draft->rule.trunk);
    free(draft->rule.agent_name);
    free(draft->rule.metadata);
    *draft = (struct rule_draft){0};
}

bool rule_takes_called(const struct rule *rule, struct slice called) {
    for (char **pattern = rule->called; *pattern != NULL; pattern++) {
        if (pattern_match(slice_of(*pattern), called)) {
            return true;
        }
    }
    return false;
}

bool rule_takes_caller(const struct rule *rule, struct slice caller) {
    return rule->caller == NULL || pattern_match(slice_of(rule->caller), caller);
}

bool rule_takes_trunk(const struct rule *rule, struct slice trunk) {
    return rule->trunk == NULL || slice_is(trunk, rule->trunk);
}

bool rule_takes_all(const struct rule *rule) {
    if (rule->skipped || rule->caller != NULL || rule->trunk != NULL) {
        return false;
    }
    for (char **pattern = rule->called; *pattern != NULL; pattern++) {
        if (pattern_is_any(slice_of(*pattern))) {
            return true;
        }
    }
    return false;
}

static void add_text(struct buf *out, const char *text) {
    text_escape(out, slice_of(text), LABEL_MAX_TEXT);
}

void rule_label(const struct rule *rule, struct buf *out) {
    buf_addf(out, "rule [%u] (", rule->index);
    for (size_t i = 0; rule->called[i] != NULL; i++) {
        if (i == LABEL_PATTERNS) {
            buf_adds(out, ", …");
            break;
        }
        buf_adds(out, i > 0 ? ", " : "");
        add_text(out, rule->called[i]);
    }
    if (rule->caller != NULL) {
        buf_adds(out, ", caller ");
        add_text(out, rule->caller);
    }
    if (rule->trunk != NULL) {
        buf_adds(out, ", trunk ");
        add_text(out, rule->trunk);
    }
    buf_addf(out, ", priority %ld)", rule->priority);
}
