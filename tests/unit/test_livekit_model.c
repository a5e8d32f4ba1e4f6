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
        enum livekit_rule_kind kind;
        const char *room, *prefix;
        bool ours;
    } cases[] = {
        {LIVEKIT_RULE_INDIVIDUAL, "sip-inbound", "sip-inbound", true},
        {LIVEKIT_RULE_INDIVIDUAL, "sip-inbound", "sip-inbound_", true},
        {LIVEKIT_RULE_INDIVIDUAL, "sip-inbound-", "sip-inbound", true},
        {LIVEKIT_RULE_CALLEE, "sip", "sip", true},
        {LIVEKIT_RULE_CALLEE, "sip", "sip-inbound", false},
        {LIVEKIT_RULE_DIRECT, "sip-inbound", "sip-inbound", true},
        {LIVEKIT_RULE_DIRECT, "sip-inbound", "sip-inbound_", false},
        {LIVEKIT_RULE_DIRECT, "lobby", "", true},
        {LIVEKIT_RULE_OTHER, "sip-inbound", "", false},
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
