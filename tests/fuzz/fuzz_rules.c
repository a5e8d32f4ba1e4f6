/* Any bytes as a rules document: it is taken or refused with a reason, and what is taken keeps its promises. */
#include <stdlib.h>

#include "rules/decide.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds) {
    if (!holds) {
        abort();
    }
}

static void count_step(void *context, const struct rule *rule, const char *what) {
    (void)rule;
    demand(what[0] != '\0' && strchr(what, '\n') == NULL);
    ++*(size_t *)context;
}

static void check_rules(struct ruleset *rules, struct slice called) {
    long priority = -1000000000;
    for (size_t i = 0; i < ruleset_tries(rules); i++) {
        const struct rule *rule = ruleset_at(rules, i);
        demand(rule->priority >= priority && rule->called[0] != NULL && rule->index < ruleset_count(rules));
        demand((rule->agent_name != NULL) + rule->reject + rule->skipped == 1);
        priority = rule->priority;
    }
    struct decide_input input = {.rules = rules, .default_agent = SLICE("a"), .called = called};
    for (unsigned known = 0; known < 2; known++) {
        input.leg_known = known == 1;
        size_t steps = 0;
        struct choice choice = decide(&input), explained = decide_explain(&input, count_step, &steps);
        demand(choice.kind == explained.kind && choice.rule == explained.rule && steps > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice json = {(const char *)data, size};
    struct diag diag = {0};
    struct ruleset *rules = ruleset_parse(json, &diag);
    demand((rules != NULL) != (diag.what[0] != '\0'));
    if (rules != NULL) {
        check_rules(rules, (struct slice){json.p, size < 20 ? size : 20});
        check_rules(rules, SLICE("+33123"));
    }
    ruleset_release(rules);
    return 0;
}
