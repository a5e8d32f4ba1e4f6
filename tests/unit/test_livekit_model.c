/* Which rooms a dispatch rule of LiveKit's makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "livekit/model.h"

static void rooms_of_rules(void **state) {
    static const struct {
        const char *room, *prefix;
        enum livekit_rule_kind kind;
        bool ours;
    } cases[] = {
        {"sip-inbound", "sip-inbound", LIVEKIT_RULE_INDIVIDUAL, true},
        {"sip-inbound", "sip-inbound_", LIVEKIT_RULE_INDIVIDUAL, true},
        {"sip-inbound-", "sip-inbound", LIVEKIT_RULE_INDIVIDUAL, true},
        {"sip", "sip", LIVEKIT_RULE_CALLEE, true},
        {"sip", "sip-inbound", LIVEKIT_RULE_CALLEE, false},
        {"sip-inbound", "sip-inbound", LIVEKIT_RULE_DIRECT, true},
        {"sip-inbound", "sip-inbound_", LIVEKIT_RULE_DIRECT, false},
        {"lobby", "", LIVEKIT_RULE_DIRECT, true},
        {"sip-inbound", "", LIVEKIT_RULE_OTHER, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct livekit_rule rule = {.kind = cases[i].kind, .room = slice_of(cases[i].room)};
        if (livekit_rule_makes(&rule, slice_of(cases[i].prefix)) != cases[i].ours) {
            fail_msg("%s with %s", cases[i].room, cases[i].prefix);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rooms_of_rules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
