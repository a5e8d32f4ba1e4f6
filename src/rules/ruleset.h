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
    char *caller;     /* pattern of the caller's number, or NULL: any */
    char *trunk;      /* trunk id, or NULL: any */
    char *agent_name; /* NULL when it rejects or is skipped */
    char *metadata;   /* compact JSON handed to the agent, or NULL */
    bool reject;
    bool skipped;     /* target_type "room": cannot be honoured, reported, never matches */
};

struct ruleset;

/* NULL with DIAG (where "[3].pattern") for a document with a mistake. "[]" is a valid, empty set. */
struct ruleset *ruleset_parse(struct slice json, struct diag *diag);
struct ruleset *ruleset_hold(struct ruleset *rules);
void ruleset_release(struct ruleset *rules); /* NULL is fine */
size_t ruleset_count(const struct ruleset *rules);
/* In the order they are tried: priority, then the more specific pattern, then the order written. */
const struct rule *ruleset_at(const struct ruleset *rules, size_t order);
size_t ruleset_skipped(const struct ruleset *rules);

#endif
