/* Any bytes as a rules document: it is taken or refused with a reason, and what is taken keeps its promises. */
#include <stdlib.h>

#include "rules/decide.h"
#include "rules/edit.h"

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

static size_t count_of(struct slice json) {
    struct diag diag;
    struct ruleset *rules = ruleset_parse(json, &diag);
    demand(rules != NULL);
    size_t count = ruleset_count(rules);
    ruleset_release(rules);
    return count;
}

/* What is taken can be edited: a rule in front and out again, and every other one is still there. */
static void check_edit(struct slice json, size_t count) {
    cleanup_buf struct buf more = {0};
    cleanup_buf struct buf less = {0};
    cleanup_edit_rules struct edit_rules written;
    struct diag diag;
    struct edit_place rule = {SLICE("{\"pattern\":\"+7,]\",\"agent_name\":\"fuzz\"}"), 0};
    edit_rules_read(json, &written);
    demand(written.count == count);
    if (count > 1000 || edit_add(json, &rule, &more, &diag) == EDIT_SAME) {
        return;
    }
    demand(count_of(buf_slice(&more)) == count + 1 && edit_find(buf_slice(&more), rule.json) == 0);
    demand(edit_remove(buf_slice(&more), &rule, &less, &diag) == EDIT_CHANGED);
    demand(count_of(buf_slice(&less)) == count && edit_append(json, buf_slice(&less), &more) == EDIT_SAME);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice json = {(const char *)data, size};
    struct diag diag = {0};
    struct ruleset *rules = ruleset_parse(json, &diag);
    demand((rules != NULL) != (diag.what[0] != '\0'));
    if (rules != NULL) {
        check_rules(rules, (struct slice){json.p, size < 20 ? size : 20});
        check_rules(rules, SLICE("+33123"));
        check_edit(json, ruleset_count(rules));
    }
    ruleset_release(rules);
    return 0;
}
