/* Two agents, one of which joins with a token of its own, and three sets of rules. */
#include "sim/stock.h"

#include <assert.h>
#include <stddef.h>

#define BLOCKED "{\"pattern\":\"*\",\"caller\":\"+1999*\",\"reject\":true,\"priority\":1}"

static const char *const rule_texts[RULES_COUNT] = {
    [RULES_NONE] = "[]",
    [RULES_BY_NUMBER] = "[" BLOCKED ",{\"pattern\":\"+1555*\",\"agent_name\":\"support\"},"
                        "{\"pattern\":\"+1777*\",\"agent_name\":\"nobody\"},"
                        "{\"pattern\":\"+1666*\",\"agent_name\":\"sales\",\"metadata\":{\"team\":2}}]",
    [RULES_CERTAIN] = "[" BLOCKED ",{\"pattern\":\"*\",\"agent_name\":\"sales\"}]",
};

#define AGENTS                                                                                                     \
    "{\"support\":{\"command\":[\"support\"],\"stop_timeout\":\"5s\",\"order\":1,"                                 \
    "\"standby\":2,\"standby_max\":4,\"standby_max_age\":\"10m\"},"                                                \
    "\"sales\":{\"command\":[\"sales\",\"{room}\"],\"stop_timeout\":\"2s\",\"after_call\":\"3s\",\"credentials\":" \
    "\"api\"}}"

void stock_load(struct sim_stock *stock) {
    struct diag diag;
    for (unsigned i = 0; i < RULES_COUNT; i++) {
        stock->rules[i] = ruleset_parse(slice_of(rule_texts[i]), &diag);
        assert(stock->rules[i] != NULL);
    }
    static const struct directory_defaults defaults = {.stop_timeout_ms = 5000};
    stock->directory = directory_parse(SLICE(AGENTS), &defaults, &diag);
    assert(stock->directory != NULL);
}

void stock_release(struct sim_stock *stock) {
    for (unsigned i = 0; i < RULES_COUNT; i++) {
        ruleset_release(stock->rules[i]);
    }
    directory_release(stock->directory);
}
