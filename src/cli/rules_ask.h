/* The new rule of `rules add`, from its options or asked for step by step. */
#ifndef CLI_RULES_ASK_H
#define CLI_RULES_ASK_H

#include "cli/cli.h"
#include "rules/directory.h"

/* As given; NULL or empty: not given. Borrowed. */
struct new_rule {
    const char *pattern, *agent, *caller, *trunk, *priority, *metadata;
    bool reject;
};

/* Appends it as JSON, compact, in the order in which the documentation names the members. False with DIAG (where:
 * "pattern", "--priority"). */
bool new_rule_json(const struct new_rule *rule, struct buf *ret_json, struct diag *diag)
    __attribute__((warn_unused_result));
/* Asks for what is to be known, with what RULE has as the answers of Return, and for each again until it is good. The
 * texts are kept in ANSWERS. False at the end of the input. AGENTS may be NULL. */
enum { NEW_RULE_ANSWERS = 6 };
struct new_rule_answers {
    struct buf at[NEW_RULE_ANSWERS];
};
bool new_rule_ask(struct new_rule *rule, const struct directory *agents, struct new_rule_answers *answers)
    __attribute__((warn_unused_result));
void new_rule_answers_release(struct new_rule_answers *answers);
#define cleanup_answers __attribute__((cleanup(new_rule_answers_release)))

#endif
