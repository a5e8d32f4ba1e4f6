/* The change is tried on the document before it is written: what counts is which rule a call would meet. */
#include "cli/setup_rule.h"

#include "base/json_text.h"
#include "base/text.h"
#include "cli/rules_edit.h"
#include "rules/ruleset.h"

enum { SHOWN_MAX = 200 };

/* The first rule for calls to the number, whoever calls; NULL when there is none. */
static const struct rule *first_rule(const struct ruleset *rules, const struct setup_rule *wish) {
    struct ruleset_cursor cursor = {0};
    const struct rule *rule;
    while ((rule = ruleset_next(rules, wish->number, &cursor)) != NULL) {
        bool takes_trunk = rule->trunk == NULL || slice_is(wish->trunk, rule->trunk);
        if (!rule->skipped && rule->caller == NULL && takes_trunk && rule_takes_called(rule, wish->number)) {
            return rule;
        }
    }
    return NULL;
}

/* Whether the document TEXT gives the number to the agent. Else DIAG says what does get it: nobody, or another. */
static bool gives(struct slice text, struct setup_rule *wish, struct diag *diag) {
    struct ruleset *rules = text.n > 0 ? ruleset_parse(text, diag) : NULL;
    if (rules == NULL) {
        return text.n > 0 ? false : diag_fail(diag, "", "there are no rules");
    }
    const struct rule *rule = first_rule(rules, wish);
    bool good = rule != NULL && rule->agent_name != NULL && slice_is(wish->agent, rule->agent_name);
    cleanup_buf struct buf what = {0};
    if (rule != NULL) {
        rule_label(rule, &what);
    }
    if (good) {
        buf_clear(&wish->ret_label);
        buf_add_slice(&wish->ret_label, buf_slice(&what));
    } else if (rule != NULL && rule->agent_name != NULL) {
        buf_adds(&what, " comes first and gives the number to ");
        text_escape(&what, slice_of(rule->agent_name), SHOWN_MAX);
    } else {
        buf_adds(&what, rule != NULL ? " comes first and rejects the call" : "no rule takes the number");
    }
    (void)(good || diag_fail(diag, "", "%s; `sipbridge rules list` shows the rules", what.p));
    ruleset_release(rules);
    return good;
}

static enum edit_result edit(void *context, struct slice text, struct buf *ret_text, struct diag *diag) {
    struct setup_rule *wish = context;
    cleanup_buf struct buf json = {0}, changed = {0};
    wish->ret_is_there = gives(text, wish, diag);
    if (wish->ret_is_there) {
        return EDIT_SAME;
    }
    buf_adds(&json, "{");
    json_add_field(&json, "pattern", wish->number);
    json_add_field(&json, "agent_name", wish->agent);
    buf_addc(&json, '}');
    enum edit_result result =
        edit_add(text, &(struct edit_place){.json = buf_slice(&json), .at = EDIT_AT_END}, &changed, diag);
    if (result == EDIT_FAILED || !gives(result == EDIT_SAME ? text : buf_slice(&changed), wish, diag)) {
        return EDIT_FAILED;
    }
    if (wish->is_trial) {
        return EDIT_SAME;
    }
    buf_add_slice(ret_text, buf_slice(&changed));
    return EDIT_CHANGED;
}

enum edit_result setup_rule_write(const struct settings *settings, struct setup_rule *rule, struct diag *diag) {
    const struct rules_place place = rules_edit_place(settings);
    const struct rules_change change = {.edit = edit, .context = rule};
    enum edit_result result = rules_write(&place, &change, NULL, diag);
    return result == EDIT_SAME && !rule->ret_is_there ? EDIT_CHANGED : result;
}
