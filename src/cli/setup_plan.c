/* LiveKit's matching, as far as it can be told without a call. */
#include "cli/setup_plan.h"

#include "base/buf.h"
#include "rules/number.h"

static bool has_number(struct livekit_texts numbers, struct slice number) {
    for (size_t i = 0; i < numbers.count; i++) {
        cleanup_buf struct buf own = {0};
        number_normalise(&own, numbers.at[i]);
        if (slice_eq(buf_slice(&own), number)) {
            return true;
        }
    }
    return false;
}

static bool has_text(struct livekit_texts texts, struct slice text) {
    for (size_t i = 0; i < texts.count; i++) {
        if (slice_eq(texts.at[i], text)) {
            return true;
        }
    }
    return false;
}

static void find_trunk(const struct livekit_answer *trunks, struct slice number, struct setup_plan *plan) {
    const struct livekit_trunk *wildcard = NULL;
    for (size_t i = 0; i < trunks->count; i++) {
        const struct livekit_trunk *trunk = &trunks->trunks[i];
        if (has_number(trunk->numbers, number)) {
            plan->trunk = plan->trunks++ == 0 ? trunk : plan->trunk;
        } else if (trunk->numbers.count == 0 && wildcard == NULL) {
            wildcard = trunk;
        }
    }
    plan->trunk = plan->trunk != NULL ? plan->trunk : wildcard;
}

/* The lowest is LiveKit's choice (sip.DispatchRulePriority), those of all trunks after those of one. */
static int rank_of(const struct livekit_rule *rule) {
    static const int kinds[] = {
        [LIVEKIT_RULE_DIRECT] = 0, [LIVEKIT_RULE_INDIVIDUAL] = 1, [LIVEKIT_RULE_CALLEE] = 2, [LIVEKIT_RULE_OTHER] = 3};
    return kinds[rule->kind] + (rule->has_pin ? 0 : 100) + (rule->numbers.count > 0 ? 0 : 1000) +
           (rule->trunk_ids.count > 0 ? 0 : 100000);
}

static bool takes(const struct livekit_rule *rule, const struct setup_plan *plan, struct slice number) {
    bool takes_trunk =
        rule->trunk_ids.count == 0 || (plan->trunk != NULL && has_text(rule->trunk_ids, plan->trunk->id));
    return takes_trunk && rule->inbound_numbers.count == 0 &&
           (rule->numbers.count == 0 || has_number(rule->numbers, number));
}

struct setup_plan setup_plan(const struct setup_wish *wish, const struct livekit_answer *trunks,
                             const struct livekit_answer *rules) {
    struct setup_plan plan = {0};
    find_trunk(trunks, wish->number, &plan);
    for (size_t i = 0; i < rules->count; i++) {
        const struct livekit_rule *rule = &rules->rules[i];
        if (takes(rule, &plan, wish->number) && (plan.rule == NULL || rank_of(rule) < rank_of(plan.rule))) {
            plan.rule = rule;
        }
    }
    plan.is_foreign = plan.rule != NULL && !livekit_rule_makes(plan.rule, wish->prefix);
    return plan;
}
