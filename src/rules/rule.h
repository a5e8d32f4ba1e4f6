/* One rule of the document, read and checked but not yet ordered: what ruleset.c makes its entries of. */
#ifndef RULES_RULE_H
#define RULES_RULE_H

#include "base/diag.h"
#include "rules/notes.h"
#include "rules/ruleset.h"

struct json_t;

enum { RULE_MAX_PATTERNS = 1000, RULE_MAX_METADATA = 16 << 10, RULE_MAX_PRIORITY = 1000000000, RULE_MAX_TRUNK = 128 };

/* The texts of `rule` belong to whoever parsed it, each by itself; rule.called is not set. */
struct rule_draft {
    struct rule rule;
    char **patterns; /* normalised, NULL-terminated, in the order written */
};

/* Parses the rule at INDEX. Nothing is left to free when it fails. */
bool rule_parse(struct json_t *value, unsigned index, struct notes *notes, struct diag *diag,
                struct rule_draft *ret_draft);
void rule_draft_release(struct rule_draft *draft);

#endif
