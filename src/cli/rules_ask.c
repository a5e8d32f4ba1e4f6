/* Steps of a table, each a question and the member of the rule that its answer is. An answer is judged by the parser
 * of the rules, in a rule that has nothing else. */
#include "cli/rules_ask.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "base/text.h"
#include "cli/ask.h"
#include "rules/document.h"
#include "rules/edit.h"
#include "rules/ruleset.h"

enum { SHOWN_MAX = 200, AGENTS_SHOWN = 30 };

static bool is_given(const char *text) {
    return text != NULL && text[0] != '\0';
}

static bool check_text(const char *text, const char *where, struct diag *diag) {
    return text == NULL || text_is_utf8(slice_of(text)) || diag_fail(diag, where, "is not UTF-8");
}

/* A member of its own, whatever the text says: one JSON object. */
static bool check_metadata(const char *text, struct diag *diag) {
    json_auto_t *value = document_parse(slice_of(text), RULESET_MAX_BYTES, diag);
    if (value == NULL) {
        diag_within(diag, "metadata");
        return false;
    }
    return json_is_object(value) ||
           diag_fail(diag, "metadata", "must be an object like {\"language\":\"fr\"}, not %s", document_kind(value));
}

static bool check_texts(const struct new_rule *rule, struct diag *diag) {
    if (!check_text(rule->pattern, "pattern", diag) || !check_text(rule->agent, "agent_name", diag) ||
        !check_text(rule->caller, "caller", diag) || !check_text(rule->trunk, "trunk", diag)) {
        return false;
    }
    return !is_given(rule->metadata) || check_metadata(rule->metadata, diag);
}

static bool add_priority(struct buf *out, const char *text, struct diag *diag) {
    int64_t number;
    char digits[24];
    if (!is_given(text)) {
        return true;
    }
    if (!text_int64(slice_of(text), &number)) {
        return diag_fail(diag, "priority", "must be a whole number, the lowest is tried first");
    }
    snprintf(digits, sizeof digits, "%" PRId64, number);
    json_add_raw(out, "priority", slice_of(digits));
    return true;
}

static void add_unless_any(struct buf *out, const char *name, const char *text) {
    if (is_given(text) && strcmp(text, "*") != 0) {
        json_add_field(out, name, slice_of(text));
    }
}

bool new_rule_json(const struct new_rule *rule, struct buf *ret_json, struct diag *diag) {
    cleanup_buf struct buf json = {0};
    cleanup_buf struct buf key = {0};
    if (!check_texts(rule, diag)) {
        return false;
    }
    buf_addc(&json, '{');
    json_add_field(&json, "pattern", slice_of(rule->pattern));
    add_unless_any(&json, "caller", rule->caller);
    add_unless_any(&json, "trunk", rule->trunk);
    if (!add_priority(&json, rule->priority, diag)) {
        return false;
    }
    if (rule->reject) {
        json_add_raw(&json, "reject", SLICE("true"));
    }
    if (rule->agent != NULL) {
        json_add_field(&json, "agent_name", slice_of(rule->agent));
    }
    if (is_given(rule->metadata)) {
        json_add_raw(&json, "metadata", slice_of(rule->metadata));
    }
    buf_addc(&json, '}');
    if (!edit_key(buf_slice(&json), &key, diag)) {
        return false;
    }
    buf_add_slice(ret_json, buf_slice(&json));
    return true;
}

/* ---- asking ---- */

static void print_escaped(const char *text) {
    cleanup_buf struct buf shown = {0};
    text_escape(&shown, slice_of(text), SHOWN_MAX);
    fputs(shown.p != NULL ? shown.p : "", stderr);
}

static void print_agents(const struct directory *agents) {
    size_t count = agents != NULL ? directory_count(agents) : 0;
    fputs("Agents:\n   0  (nobody: the caller is rejected)\n", stderr);
    for (size_t i = 0; i < count && i < AGENTS_SHOWN; i++) {
        const struct agent *agent = directory_at(agents, i);
        fprintf(stderr, "%4zu  ", i + 1);
        print_escaped(agent->name);
        fputs(agent->broken != NULL ? " (broken)\n" : "\n", stderr);
    }
    if (count > AGENTS_SHOWN) {
        fprintf(stderr, "      … and %zu more\n", count - AGENTS_SHOWN);
    }
}

/* A name, or the number of one in the list; a name that is a number is a name. */
static void take_agent(struct new_rule *rule, const struct directory *agents, const char *answer) {
    int64_t place;
    size_t count = agents != NULL ? directory_count(agents) : 0;
    bool is_name = count > 0 && directory_find(agents, slice_of(answer)) != NULL;
    bool is_place = !is_name && text_int64(slice_of(answer), &place) && place >= 0 && (uint64_t)place <= count;
    rule->reject = is_place && place == 0;
    rule->agent = rule->reject ? NULL : is_place ? directory_at(agents, (size_t)place - 1)->name : answer;
}

/* ---- answers that are good but hardly meant: said, and taken when they are given again ---- */

typedef void doubt(const struct new_rule *rule, const struct directory *agents, struct buf *ret_why);

static void doubt_number(const char *pattern, struct buf *ret_why) {
    if (pattern != NULL && strpbrk(pattern, "0123456789*?") == NULL) {
        buf_adds(ret_why, "there is no digit and no wildcard in it");
    }
}

static void doubt_called(const struct new_rule *rule, const struct directory *agents, struct buf *ret_why) {
    (void)agents;
    doubt_number(rule->pattern, ret_why);
}

static void doubt_caller(const struct new_rule *rule, const struct directory *agents, struct buf *ret_why) {
    (void)agents;
    doubt_number(rule->caller, ret_why);
}

static void doubt_trunk(const struct new_rule *rule, const struct directory *agents, struct buf *ret_why) {
    (void)agents;
    if (rule->trunk != NULL && strncmp(rule->trunk, "ST_", 3) != 0 && strcmp(rule->trunk, "*") != 0) {
        buf_adds(ret_why, "LiveKit's trunks have ids that begin with ST_ (`sipbridge trunks list` shows them)");
    }
}

static void doubt_agent(const struct new_rule *rule, const struct directory *agents, struct buf *ret_why) {
    if (rule->agent != NULL && agents != NULL && directory_count(agents) > 0 &&
        directory_find(agents, slice_of(rule->agent)) == NULL) {
        buf_addf(ret_why, "it is not in the list, which has the places 0 to %zu", directory_count(agents));
    }
}

enum step_kind { STEP_ALWAYS, STEP_AGENT, STEP_METADATA }; /* the last two not when the caller is rejected */

static const struct step {
    enum step_kind kind;
    size_t offset; /* of a text in struct new_rule */
    const char *question, *fallback;
    doubt *doubt; /* or NULL */
} steps[NEW_RULE_ANSWERS] = {
    {STEP_ALWAYS, offsetof(struct new_rule, pattern), "Called number, with * for any run and ? for one character", NULL,
     doubt_called},
    {STEP_ALWAYS, offsetof(struct new_rule, caller), "Caller's number, * for everyone", "*", doubt_caller},
    {STEP_ALWAYS, offsetof(struct new_rule, trunk), "LiveKit trunk (ST_…), * for every one", "*", doubt_trunk},
    {STEP_AGENT, offsetof(struct new_rule, agent), "Agent, its name or its place in the list", NULL, doubt_agent},
    {STEP_ALWAYS, offsetof(struct new_rule, priority), "Priority, the lowest is tried first", "100", NULL},
    {STEP_METADATA, offsetof(struct new_rule, metadata), "Metadata for the agent, a JSON object", "none", NULL},
};

static const char **field_of(struct new_rule *rule, const struct step *step) {
    return (const char **)(void *)((char *)rule + step->offset);
}

/* Whether RULE with nothing but this answer would be one. */
static bool check_answer(const struct new_rule *rule, const struct step *step, struct diag *diag) {
    struct new_rule probe = {.pattern = "*", .reject = true};
    cleanup_buf struct buf json = {0};
    struct new_rule given = *rule;
    *field_of(&probe, step) = *field_of(&given, step);
    if (step->kind == STEP_AGENT) {
        probe.reject = rule->reject;
    }
    return new_rule_json(&probe, &json, diag);
}

static void take_answer(struct new_rule *rule, const struct step *step, const struct directory *agents,
                        const char *answer) {
    bool is_default = step->fallback != NULL && strcmp(answer, step->fallback) == 0;
    if (step->kind == STEP_AGENT) {
        take_agent(rule, agents, answer);
    } else {
        *field_of(rule, step) = is_default ? NULL : answer;
    }
}

/* Whether to ask for it again: it is said why. DOUBTED is the answer that was doubted last. */
static bool is_doubtful(struct new_rule *rule, const struct step *step, const struct directory *agents,
                        struct buf *doubted) {
    cleanup_buf struct buf why = {0};
    const char *answer = *field_of(rule, step);
    if (step->doubt == NULL || answer == NULL || slice_eq(slice_of(answer), buf_slice(doubted))) {
        return false;
    }
    step->doubt(rule, agents, &why);
    if (why.len == 0) {
        return false;
    }
    buf_clear(doubted);
    buf_adds(doubted, answer);
    fprintf(stderr, "%s; answer the same again to take it nevertheless\n", why.p);
    return true;
}

static void say_bad(const struct step *step, const struct directory *agents, const char *answer, const char *why) {
    if (step->kind == STEP_AGENT && *answer == '\0') {
        fprintf(stderr, "give a name or a place from 0 to %zu\n", agents != NULL ? directory_count(agents) : 0);
        return;
    }
    print_escaped(why);
    fputc('\n', stderr);
}

static bool run_step(struct new_rule *rule, const struct step *step, const struct directory *agents,
                     struct buf *answer) {
    struct diag diag;
    cleanup_buf struct buf doubted = {0};
    const char *given = *field_of(rule, step);
    const char *fallback = given != NULL ? given : step->fallback;
    for (;;) {
        if (!ask_line(step->question, fallback, answer)) {
            return false;
        }
        take_answer(rule, step, agents, answer->p);
        if (!check_answer(rule, step, &diag)) {
            say_bad(step, agents, answer->p, diag.what);
        } else if (!is_doubtful(rule, step, agents, &doubted)) {
            return true;
        }
    }
}

bool new_rule_ask(struct new_rule *rule, const struct directory *agents, struct new_rule_answers *answers) {
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (steps[i].kind != STEP_ALWAYS && rule->reject) {
            continue;
        }
        if (steps[i].kind == STEP_AGENT) {
            print_agents(agents);
        }
        if (!run_step(rule, &steps[i], agents, &answers->at[i])) {
            return false;
        }
    }
    return true;
}

void new_rule_answers_release(struct new_rule_answers *answers) {
    for (size_t i = 0; i < NEW_RULE_ANSWERS; i++) {
        buf_release(&answers->at[i]);
    }
}
