/* The decision: room metadata, rules, DEFAULT_SIP_AGENT, first agent; and whether it is already certain before the
 * number is known. One walk serves deciding and explaining, so that an explanation can never tell another story. */
#include "rules/decide.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "rules/number.h"

enum { STEP_MAX_TEXT = 200 };

struct deciding {
    const struct decide_input *input;
    decide_step *step;
    void *context;
    struct buf line;           /* the step being written */
    struct buf called, caller; /* normalised */
    bool stepped_down;         /* an agent that was named cannot be had */
    bool unknown;              /* one is not in the directory */
    bool named;                /* the room or a rule named an agent: the first agent is out */
    size_t order;
    struct ruleset_cursor cursor;
    struct slice asked; /* the last name that was looked up, with what came of it */
    struct availability {
        const struct agent *agent; /* NULL: cannot be had */
        const struct agent *full, *broken, *resting;
    } had;
};

/* Tells a step: "rule [3] (…): WHAT". */
static void tell(struct deciding *d, const struct rule *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(struct deciding *d, const struct rule *rule, const char *format, ...) {
    if (d->step == NULL) {
        return;
    }
    buf_clear(&d->line);
    if (rule != NULL) {
        rule_label(rule, &d->line);
        buf_adds(&d->line, ": ");
    }
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_adds(&d->line, text);
    d->step(d->context, rule, d->line.p);
}

static struct availability look_up(const struct decide_input *input, struct slice name) {
    struct availability had = {0};
    const struct agent *agent = input->directory != NULL ? directory_find(input->directory, name) : NULL;
    if (agent == NULL) {
        return had;
    }
    if (agent->broken != NULL) {
        had.broken = agent;
    } else if (agent->max > 0 && input->in_use != NULL && input->in_use(input->context, agent) >= agent->max) {
        had.full = agent;
    } else if (input->is_resting != NULL && input->is_resting(input->context, name)) {
        had.resting = agent;
    } else {
        had.agent = agent;
    }
    return had;
}

/* The agent of that NAME if it can be had now, else NULL. Asking for one name again and again costs a comparison. */
static const struct agent *have(struct deciding *d, struct slice name) {
    if (d->asked.p == NULL || !slice_eq(d->asked, name)) {
        d->had = look_up(d->input, name);
        d->asked = name;
    }
    return d->had.agent;
}

/* Tells why the agent just asked for cannot be had. WHO: "matches", "the room's metadata name it". */
static void tell_missing(struct deciding *d, const struct rule *rule, const char *who) {
    const struct decide_input *input = d->input;
    d->stepped_down = true;
    d->unknown = d->unknown || (d->had.broken == NULL && d->had.full == NULL && d->had.resting == NULL);
    if (d->step == NULL && input->on_missing == NULL) {
        return;
    }
    cleanup_buf struct buf line = {0};
    if (rule != NULL) {
        rule_label(rule, &line);
        buf_adds(&line, ": ");
    }
    buf_addf(&line, "%s, but the agent ", who);
    text_escape(&line, d->asked, STEP_MAX_TEXT);
    if (d->had.broken != NULL) {
        buf_addf(&line, " is broken: %s", d->had.broken->broken);
    } else if (d->had.full != NULL) {
        buf_addf(&line, " has all its %ld calls (max)", d->had.full->max);
    } else if (d->had.resting != NULL) {
        buf_adds(&line, " failed again and again and is left alone for a while");
    } else {
        buf_adds(&line, " is not in the directory");
    }
    if (d->step != NULL) {
        d->step(d->context, rule, line.p);
    }
    if (input->on_missing != NULL) {
        input->on_missing(input->context, line.p);
    }
}

static struct choice choose(const struct agent *agent, struct slice name, enum choice_reason reason) {
    return (struct choice){.kind = CHOICE_AGENT, .reason = reason, .agent = agent, .name = name};
}

static struct choice nobody(void) {
    return (struct choice){.kind = CHOICE_NOBODY};
}

static struct choice by_room(struct deciding *d) {
    struct slice name = d->input->room_agent;
    if (name.n == 0) {
        return nobody();
    }
    d->named = true;
    const struct agent *agent = have(d, name);
    if (agent == NULL) {
        tell_missing(d, NULL, "the room's metadata name an agent");
        return nobody();
    }
    tell(d, NULL, "the room's metadata name the agent: the rules are not asked");
    return choose(agent, name, CHOICE_BY_ROOM);
}

/* The first agent, or the one command under the name "default". */
static struct choice by_first(struct deciding *d) {
    const struct agent *first = d->input->directory != NULL ? directory_first(d->input->directory) : NULL;
    if (first == NULL) {
        tell(d, NULL, "the directory has no agent that can be used");
        return nobody();
    }
    bool command = first->name[0] == '\0';
    struct slice name = command ? SLICE("default") : slice_of(first->name);
    if (have(d, name) == NULL) {
        tell_missing(d, NULL, "nothing named an agent, the first would answer");
        return nobody();
    }
    tell(d, NULL,
         command ? "nothing named an agent: SIP_AGENT_COMMAND answers" : "nothing named an agent: the first answers");
    return choose(first, name, command ? CHOICE_BY_COMMAND : CHOICE_BY_FIRST);
}

/* When no rule gave an agent. NAMED: the room or a rule named one that could not be had. */
static struct choice by_fallback(struct deciding *d, bool named) {
    struct slice name = d->input->default_agent;
    if (name.n > 0) {
        const struct agent *agent = have(d, name);
        if (agent != NULL) {
            tell(d, NULL, "no rule gives an agent: DEFAULT_SIP_AGENT answers");
            return choose(agent, name, CHOICE_BY_DEFAULT);
        }
        tell_missing(d, NULL, "no rule gives an agent, DEFAULT_SIP_AGENT would answer");
    } else {
        tell(d, NULL, "no rule gives an agent, and DEFAULT_SIP_AGENT is not set");
    }
    if (named) {
        tell(d, NULL, "an agent was named, so the first agent of the directory does not stand in for it");
        return nobody();
    }
    return by_first(d);
}

/* What of the rule does not fit the leg, or NULL when it matches. */
static const char *mismatch(const struct deciding *d, const struct rule *rule) {
    if (rule->skipped) {
        return "skipped: \"target_type\": \"room\" cannot be honoured";
    }
    if (!rule_takes_called(rule, buf_slice(&d->called))) {
        return d->called.len > 0 ? "the called number does not match"
                                 : "the called number is hidden: only * matches it";
    }
    if (!rule_takes_caller(rule, buf_slice(&d->caller))) {
        return d->caller.len > 0 ? "the caller's number does not match"
                                 : "the caller's number is hidden: only * matches it";
    }
    return rule_takes_trunk(rule, d->input->trunk) ? NULL : "the call came over another trunk";
}

static const struct rule *next_rule(struct deciding *d) {
    const struct ruleset *rules = d->input->rules;
    if (rules == NULL) {
        return NULL;
    }
    if (d->step == NULL) {
        return ruleset_next(rules, buf_slice(&d->called), &d->cursor);
    }
    return d->order < ruleset_tries(rules) ? ruleset_at(rules, d->order++) : NULL;
}

/* Rules after the one that decides are told of too: why they were not asked. */
static void tell_rest(struct deciding *d) {
    for (const struct rule *rule; d->step != NULL && (rule = next_rule(d)) != NULL;) {
        const char *why = mismatch(d, rule);
        tell(d, rule, "%s", why != NULL ? why : "matches too, but comes later");
    }
}

static struct choice by_rules(struct deciding *d) {
    for (const struct rule *rule; (rule = next_rule(d)) != NULL;) {
        const char *why = mismatch(d, rule);
        if (why != NULL) {
            tell(d, rule, "%s", why);
            continue;
        }
        if (rule->reject) {
            tell(d, rule, "matches and rejects the call");
            return (struct choice){.kind = CHOICE_REJECT, .reason = CHOICE_BY_RULE, .rule = rule};
        }
        d->named = true;
        struct slice name = slice_of(rule->agent_name);
        const struct agent *agent = have(d, name);
        if (agent == NULL) {
            tell_missing(d, rule, "matches");
            continue;
        }
        tell(d, rule, "matches");
        struct choice choice = choose(agent, name, CHOICE_BY_RULE);
        choice.rule = rule;
        return choice;
    }
    return by_fallback(d, d->named);
}

static bool same_text(const char *a, const char *b) {
    return (a == NULL) == (b == NULL) && slice_eq(slice_of(a), slice_of(b));
}

/* Same agent, same name (an open directory has one entry for all), same metadata. */
static bool same_answer(const struct choice *a, const struct choice *b) {
    return a->agent == b->agent && slice_eq(a->name, b->name) &&
           same_text(a->rule != NULL ? a->rule->metadata : NULL, b->rule != NULL ? b->rule->metadata : NULL);
}

/* The answers seen so far while the leg is not known: all the same, or the matter is uncertain. */
struct answers {
    struct choice first;
    bool any, differ;
};

static void add_answer(struct answers *answers, struct choice choice) {
    if (choice.kind != CHOICE_AGENT) {
        answers->differ = true;
    } else if (!answers->any) {
        answers->first = choice;
        answers->any = true;
    } else if (!same_answer(&answers->first, &choice)) {
        answers->differ = true;
    }
}

/* What is known after the rules were walked without a leg. */
struct walk {
    bool gave_way;  /* the room or a rule that could match names an agent that cannot be had */
    bool concluded; /* a rule that decides matches every call: nothing after it counts */
};

/* Whether it matches whoever calls, as far as the called number is not known or fits already. */
static bool takes_every_leg(const struct deciding *d, const struct rule *rule) {
    bool anyone = rule->caller == NULL && rule->trunk == NULL;
    return (d->input->called_known && anyone) || rule_takes_all(rule);
}

static void walk_rule(struct deciding *d, const struct rule *rule, struct walk *walk, struct answers *answers) {
    if (rule->skipped) {
        tell(d, rule, "%s", mismatch(d, rule));
        return;
    }
    if (d->input->called_known && !rule_takes_called(rule, buf_slice(&d->called))) {
        tell(d, rule, "the called number does not match");
        return;
    }
    bool all = takes_every_leg(d, rule);
    if (rule->reject) {
        tell(d, rule, all ? "rejects every call that comes to it" : "could reject the call, later");
        walk->concluded = all;
        answers->differ = answers->differ || all;
        return;
    }
    struct choice choice = choose(have(d, slice_of(rule->agent_name)), slice_of(rule->agent_name), CHOICE_BY_RULE);
    choice.rule = rule;
    if (choice.agent == NULL) {
        tell_missing(d, rule, all ? "matches every call" : "could match");
        walk->gave_way = true;
        return;
    }
    tell(d, rule, all ? "matches every call that comes to it" : "could match");
    walk->concluded = all;
    add_answer(answers, choice);
}

/* Linear in the number of rules: every rule that could match is one possible answer, the fallback another. */
static struct choice before_leg(struct deciding *d) {
    struct walk walk = {.gave_way = d->named};
    struct answers answers = {0};
    size_t tries = d->input->rules != NULL ? ruleset_tries(d->input->rules) : 0;
    for (size_t i = 0; i < tries && !walk.concluded && !answers.differ; i++) {
        walk_rule(d, ruleset_at(d->input->rules, i), &walk, &answers);
    }
    /* A rule that gave way leaves DEFAULT_SIP_AGENT, the same as if it had not matched, or nobody, which is uncertain
     * whatever else there is: one fallback stands for both. */
    if (!walk.concluded && !answers.differ) {
        add_answer(&answers, by_fallback(d, walk.gave_way));
    }
    if (answers.differ || !answers.any) {
        tell(d, NULL, "not certain before the number is known");
        return (struct choice){.kind = CHOICE_UNCERTAIN};
    }
    tell(d, NULL, "certain before the number is known");
    return answers.first;
}

/* A caller chooses these texts: what is too long is no number and must not cost time. */
static void take_number(struct deciding *d, const char *whose, struct slice number, struct buf *out) {
    if (number.n > NUMBER_MAX) {
        tell(d, NULL, "the %s number has %zu bytes: counts as hidden", whose, number.n);
        return;
    }
    number_normalise(out, number);
}

static struct choice decide_all(struct deciding *d) {
    struct choice choice = by_room(d);
    if (choice.kind == CHOICE_AGENT) {
        return choice;
    }
    if (d->input->leg_known || d->input->called_known) {
        take_number(d, "called", d->input->called, &d->called);
    }
    if (!d->input->leg_known) {
        return before_leg(d);
    }
    take_number(d, "caller's", d->input->caller, &d->caller);
    choice = by_rules(d);
    tell_rest(d);
    return choice;
}

struct choice decide_explain(const struct decide_input *input, decide_step *step, void *context) {
    struct deciding deciding = {.input = input, .step = step, .context = context};
    struct choice choice = decide_all(&deciding);
    choice.stepped_down = deciding.stepped_down;
    choice.unknown = deciding.unknown;
    struct buf last = {0};
    if (step != NULL) {
        decide_describe(&choice, &last);
        step(context, NULL, last.p);
    }
    buf_release(&last);
    buf_release(&deciding.line);
    buf_release(&deciding.called);
    buf_release(&deciding.caller);
    return choice;
}

struct choice decide(const struct decide_input *input) {
    return decide_explain(input, NULL, NULL);
}

void decide_describe(const struct choice *choice, struct buf *out) {
    static const char *const reasons[] = {
#define X(symbol, text) [CHOICE_BY_##symbol] = text,
        CHOICE_REASONS(X)
#undef X
    };
    switch (choice->kind) {
    case CHOICE_UNCERTAIN: buf_adds(out, "undecided: LiveKit is asked for the number"); return;
    case CHOICE_REJECT: buf_adds(out, "the call is rejected"); return;
    case CHOICE_NOBODY: buf_adds(out, "nobody: no agent can be had"); return;
    case CHOICE_AGENT: break;
    }
    buf_adds(out, "the agent ");
    text_escape(out, choice->name, STEP_MAX_TEXT);
    buf_addf(out, ": %s", reasons[choice->reason]);
    if (choice->rule != NULL) {
        buf_adds(out, ", ");
        rule_label(choice->rule, out);
    }
}
