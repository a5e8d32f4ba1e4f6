/* The rules of who answers which number: the document `sip_dispatch_rules` (design: "Deciding the agent"), parsed
 * whole or not at all, in the order they are tried. Immutable and reference-counted: a call holds the set it was
 * decided with. Pure. */
#ifndef RULES_RULESET_H
#define RULES_RULESET_H

#include "base/diag.h"
#include "base/slice.h"

enum { RULESET_MAX_RULES = 100000, RULESET_MAX_BYTES = 32 << 20, RULE_DEFAULT_PRIORITY = 100 };

struct rule {
    unsigned index;   /* its place in the document, from 0 */
    long priority;    /* lowest first */
    char **called;    /* normalised patterns of the called number, NULL-terminated, never empty */
    char *caller;     /* normalised pattern of the caller's number, or NULL: any */
    char *trunk;      /* trunk id, or NULL: any */
    char *agent_name; /* NULL when it rejects or is skipped */
    char *metadata;   /* compact JSON handed to the agent, or NULL */
    bool reject;
    bool skipped; /* target_type "room": cannot be honoured, reported, never matches */
};

struct ruleset;

/* NULL with DIAG (where "[3].pattern") for a document with a mistake. "[]" is a valid, empty set. */
struct ruleset *ruleset_parse(struct slice json, struct diag *diag);
struct ruleset *ruleset_hold(struct ruleset *rules);
void ruleset_release(struct ruleset *rules); /* NULL is fine */
/* Rules in the document. */
size_t ruleset_count(const struct ruleset *rules);

/* What is tried: at least one entry for each rule. A list of patterns that are not equally specific stands for as
 * many entries, so that a rule for ["+33123","*"] is tried late for "*" and first for "+33123". */
size_t ruleset_tries(const struct ruleset *rules);
/* ORDER from 0 below ruleset_tries: priority, then the more specific pattern, then the order written. */
const struct rule *ruleset_at(const struct ruleset *rules, size_t order);

/* Only the entries that may match CALLED (normalised, empty: hidden), in the order they are tried: those with
 * wildcards, and those that name this very number. Begin with a zeroed cursor; NULL at the end. */
struct ruleset_cursor {
    size_t next; /* no entry before this one is given any more */
    size_t wild, exact;
    uint64_t hash;
    bool started;
};
const struct rule *ruleset_next(const struct ruleset *rules, struct slice called, struct ruleset_cursor *cursor);

/* Whether RULE has one pattern for CALLED; whether the rest of RULE fits. All normalised; empty: hidden. */
bool rule_takes_called(const struct rule *rule, struct slice called);
bool rule_takes_caller(const struct rule *rule, struct slice caller);
bool rule_takes_trunk(const struct rule *rule, struct slice trunk);
/* Whether it matches every call. A skipped rule matches none. */
bool rule_takes_all(const struct rule *rule);
/* Appends what people call it: "rule [3] (+33*, caller +1*, priority 10)". */
struct buf;
void rule_label(const struct rule *rule, struct buf *out);

/* What is odd without being a mistake, at most 20 sentences ("[3]: the key …"): skipped rules, unknown keys. */
size_t ruleset_warnings(const struct ruleset *rules);
const char *ruleset_warning(const struct ruleset *rules, size_t place);

#endif
