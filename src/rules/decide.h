/* Which agent answers: room metadata, rules, DEFAULT_SIP_AGENT, first agent, with every step down explained
 * (design: "Deciding the agent"). Pure: the same input gives the same choice. */
#ifndef RULES_DECIDE_H
#define RULES_DECIDE_H

#include "base/buf.h"
#include "rules/directory.h"
#include "rules/ruleset.h"

struct decide_input {
    const struct ruleset *rules;       /* NULL: none loaded or none configured */
    const struct directory *directory; /* NULL: none */
    struct slice default_agent;        /* DEFAULT_SIP_AGENT; empty when not set */
    struct slice room_agent;           /* agent_name of the room's metadata; empty when there is none */
    bool called_known; /* with leg_known false: `called` alone is known (a callee rule put it into the room's name) */
    bool leg_known;    /* called, caller and trunk below are LiveKit's word (or final: SIP_NUMBER_WAIT is over) */
    struct slice called, caller, trunk; /* as LiveKit gave them; empty: hidden */
    /* Told, as one line, of every agent that was named but cannot be had. NULL: nobody wants to know. */
    void (*on_missing)(void *context, const char *what);
    /* How many calls the agent has now, against its max. NULL: no limits. */
    long (*in_use)(void *context, const struct agent *agent);
    /* Whether the agent of that NAME failed so often that it is left alone for a while. NULL: none did. */
    bool (*is_resting)(void *context, struct slice name);
    void *context;
};

/* X(symbol, text): why this agent. */
#define CHOICE_REASONS(X)                                                 \
    X(ROOM, "the room's metadata names it")                               \
    X(RULE, "a rule matched")                                             \
    X(DEFAULT, "no usable rule, DEFAULT_SIP_AGENT")                       \
    X(FIRST, "no rule matched and no DEFAULT_SIP_AGENT: the first agent") \
    X(COMMAND, "SIP_AGENT_COMMAND is all there is")
enum choice_reason {
#define X(symbol, text) CHOICE_BY_##symbol,
    CHOICE_REASONS(X)
#undef X
};

enum choice_kind {
    CHOICE_UNCERTAIN, /* ask for the number: rules that could still match give different answers */
    CHOICE_AGENT,
    CHOICE_REJECT, /* a reject rule matched: the leg is rejected */
    CHOICE_NOBODY, /* no agent can be had */
};

struct choice {
    enum choice_kind kind;
    bool stepped_down;         /* an agent that was named cannot be had: decide again with on_missing to hear of each */
    bool unknown;              /* one of those is not in the directory at all */
    enum choice_reason reason; /* of CHOICE_AGENT and CHOICE_REJECT only */
    const struct agent *agent; /* borrowed from the directory; CHOICE_AGENT only */
    const struct rule *rule;   /* borrowed from the rules; CHOICE_BY_RULE and CHOICE_REJECT */
    struct slice name;         /* the agent's name; borrowed from the input */
};

/* The room's metadata are asked first, also before reject rules. An agent that cannot be had (unknown, broken, at its
 * max, resting) gives way: the room's to the rules, a rule's to the next rule that matches, then DEFAULT_SIP_AGENT. The first
 * agent is only for calls that nothing named an agent for (one tenant's call is not another tenant's); where there
 * is only SIP_AGENT_COMMAND it runs under the name "default". A number over NUMBER_MAX bytes counts as hidden.
 *
 * With leg_known false: CHOICE_AGENT when every rule that could match and the fallback give the same agent with the
 * same metadata, else CHOICE_UNCERTAIN, never another kind. Reject rules do not count (such a veto may come later)
 * but for one that matches every call: what it leaves over is not known to be answered at all. */
struct choice decide(const struct decide_input *input);

/* The same decision, telling every step in order to STEP (WHAT is one line without newline: "rule [3] (+33*, priority
 * 10): the called number does not match", "rule [4] …: matches, but the agent support is broken: …"). [3] is the
 * rule's place in the document from 0, as in the diags of ruleset_parse. RULE is NULL for steps that are not a rule's.
 * decide() is this with no STEP, which looks only at the rules that may match. */
typedef void decide_step(void *context, const struct rule *rule, const char *what);
struct choice decide_explain(const struct decide_input *input, decide_step *step, void *context);
/* "the agent support: a rule matched, rule [3] (…)", "nobody: …": the last line of every explanation, appended to OUT. */
void decide_describe(const struct choice *choice, struct buf *out);

#endif
