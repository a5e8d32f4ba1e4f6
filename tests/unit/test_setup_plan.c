/* What `sipbridge setup` finds in LiveKit for a number: the trunk, and the dispatch rule that LiveKit would choose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cli/setup_plan.h"

#define LIST(array) \
    { (array), ARRAY_LEN(array) }
#define S(text) SLICE(text)
#define OURS .kind = LIVEKIT_RULE_INDIVIDUAL, .room = S("sip-inbound")
#define THEIRS .kind = LIVEKIT_RULE_INDIVIDUAL, .room = S("call")

#define NONE                  \
    {                         \
        {                     \
            .id = { NULL, 0 } \
        }                     \
    }

enum { MOST = 4 };

struct plan_case {
    const char *name;
    struct livekit_trunk trunks[MOST];
    struct livekit_rule rules[MOST];
    const char *trunk, *rule; /* ids; "" for one to be made */
    size_t with_number;
    bool is_foreign;
    const char *prefix; /* NULL: "sip-inbound" */
};

static const struct slice other[] = {SLICE("+99")};
static const struct slice written_otherwise[] = {SLICE("+1"), SLICE("1 23-4")};
static const struct slice without_plus[] = {SLICE("1234")};
static const struct slice number[] = {SLICE("+1234")};
static const struct slice trunk_a[] = {SLICE("A")};
static const struct slice trunk_z[] = {SLICE("Z")};
static const struct slice caller[] = {SLICE("+7")};

static const struct plan_case cases[] = {
    {"nothing is there", NONE, NONE, "", "", 0, false, NULL},
    {"the trunk is found in whatever form the number is written",
     {{.id = S("A"), .numbers = LIST(other)}, {.id = S("B"), .numbers = LIST(written_otherwise)}},
     NONE,
     "B",
     "",
     1,
     false,
     NULL},
    {"two trunks have it",
     {{.id = S("A"), .numbers = LIST(without_plus)}, {.id = S("B"), .numbers = LIST(number)}},
     NONE,
     "A",
     "",
     2,
     false,
     NULL},
    {"a trunk that takes every number will do",
     {{.id = S("A"), .numbers = LIST(other)}, {.id = S("B")}},
     NONE,
     "B",
     "",
     0,
     false,
     NULL},
    {"but the one of the number comes first",
     {{.id = S("B")}, {.id = S("A"), .numbers = LIST(number)}},
     NONE,
     "A",
     "",
     1,
     false,
     NULL},
    {"a rule of the trunk",
     {{.id = S("A"), .numbers = LIST(number)}},
     {{.id = S("R"), OURS, .trunk_ids = LIST(trunk_a)}},
     "A",
     "R",
     1,
     false,
     NULL},
    {"a rule of another trunk is none",
     {{.id = S("A"), .numbers = LIST(number)}},
     {{.id = S("R"), OURS, .trunk_ids = LIST(trunk_z)}},
     "A",
     "",
     1,
     false,
     NULL},
    {"a rule of every trunk, also for a trunk that is not there yet",
     NONE,
     {{.id = S("R"), OURS}},
     "",
     "R",
     0,
     false,
     NULL},
    {"a foreign rule of every trunk is in the way", NONE, {{.id = S("R"), THEIRS}}, "", "R", 0, true, NULL},
    {"not where ours is of this trunk",
     {{.id = S("A"), .numbers = LIST(number)}},
     {{.id = S("R"), THEIRS}, {.id = S("Q"), OURS, .trunk_ids = LIST(trunk_a)}},
     "A",
     "Q",
     1,
     false,
     NULL},
    {"a rule for other numbers is none",
     NONE,
     {{.id = S("R"), THEIRS, .numbers = LIST(other)}},
     "",
     "",
     0,
     false,
     NULL},
    {"one for this number comes before one for all",
     NONE,
     {{.id = S("R"), THEIRS}, {.id = S("Q"), OURS, .numbers = LIST(without_plus)}},
     "",
     "Q",
     0,
     false,
     NULL},
    {"one for certain callers does not count",
     NONE,
     {{.id = S("R"), THEIRS, .inbound_numbers = LIST(caller)}},
     "",
     "",
     0,
     false,
     NULL},
    {"a direct room comes before an individual one",
     NONE,
     {{.id = S("R"), OURS}, {.id = S("Q"), .kind = LIVEKIT_RULE_DIRECT, .room = S("lobby")}},
     "",
     "Q",
     0,
     true,
     NULL},
    {"a direct room of ours",
     NONE,
     {{.id = S("Q"), .kind = LIVEKIT_RULE_DIRECT, .room = S("sip-inbound-desk")}},
     "",
     "Q",
     0,
     false,
     NULL},
    {"one with a PIN comes first",
     NONE,
     {{.id = S("R"), OURS}, {.id = S("Q"), THEIRS, .has_pin = true}},
     "",
     "Q",
     0,
     true,
     NULL},
    {"a kind that is not known is foreign", NONE, {{.id = S("R"), .kind = LIVEKIT_RULE_OTHER}}, "", "R", 0, true, NULL},
    {"LiveKit puts a _ behind the prefix of a rule", NONE, {{.id = S("R"), OURS}}, "", "R", 0, false, "sip-inbound_"},
    {"with an empty prefix every room is ours", NONE, {{.id = S("R"), THEIRS}}, "", "R", 0, false, ""},
};

static void test_plan(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct plan_case *at = &cases[i];
        struct livekit_answer trunks = {.what = LIVEKIT_TRUNKS, .trunks = at->trunks};
        struct livekit_answer rules = {.what = LIVEKIT_RULES, .rules = at->rules};
        while (trunks.count < MOST && at->trunks[trunks.count].id.n > 0) {
            trunks.count++;
        }
        while (rules.count < MOST && at->rules[rules.count].id.n > 0) {
            rules.count++;
        }
        const struct setup_wish wish = {S("+1234"), at->prefix != NULL ? slice_of(at->prefix) : S("sip-inbound")};
        struct setup_plan plan = setup_plan(&wish, &trunks, &rules);
        struct slice trunk = plan.trunk != NULL ? plan.trunk->id : S(""),
                     rule = plan.rule != NULL ? plan.rule->id : S("");
        if (!slice_is(trunk, at->trunk) || !slice_is(rule, at->rule) || plan.trunks != at->with_number ||
            plan.is_foreign != at->is_foreign) {
            fail_msg("%s: trunk %.*s, rule %.*s, %zu with the number, foreign %d", at->name, SLICE_ARG(trunk),
                     SLICE_ARG(rule), plan.trunks, plan.is_foreign);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plan)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
