/* Rules as the commands show them. */
#ifndef CLI_RULES_SHOW_H
#define CLI_RULES_SHOW_H

#include "rules/directory.h"
#include "rules/ruleset.h"

struct json_t;

/* VALUE indented on standard output; lets go of it. */
void rules_print_json(struct json_t *value);
/* The rule as it would be written, with its place. */
struct json_t *rules_json_of(const struct rule *rule);
/* "the agent x is not in the directory", or NULL when the rule can be followed. Free it. */
char *rules_trouble_of(const struct rule *rule, const struct directory *directory);
/* Prints a warning for the rules that would give way for want of their agent, only for the first few. How many there
 * are; none without a DIRECTORY. */
size_t rules_warn_of_agents(const struct ruleset *rules, const struct directory *directory);

#endif
