/* The decision against a naive second implementation on random rules, judged from plain arrays by the words of the
 * design; certainty before the number is known is judged by trying every possible leg. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "decide_scene.h"
#include "rules/pattern.h"

enum { ORACLE_RULES = 5, LEG_NUMBERS = 5, LEG_TRUNKS = 3 };
static const char *const leg_numbers[LEG_NUMBERS] = {"", "+1", "+2", "+12", "x"};
static const char *const leg_trunks[LEG_TRUNKS] = {"", "ST_1", "ST_2"};
static const char *const any_patterns[] = {"*", "+1", "+1*", "+2", "?*", "x", "**", "+?"};
static const char *const callers[] = {NULL, NULL, NULL, "+1", "+*"};
static const char *const trunks[] = {NULL, NULL, NULL, "ST_1"};
static const char *const agent_names[] = {"first", "support", "sales", "bad", "who"};

struct oracle_rule {
    const char *pattern, *caller, *trunk, *agent; /* agent NULL: rejects */
    int priority, metadata;                       /* metadata 0: none */
};

struct oracle {
    struct oracle_rule rules[ORACLE_RULES]; /* in the order they are tried, once sorted */
    size_t count;
    const char *fallback, *room; /* "" when there is none */
    bool sales_full;
};

static uint64_t random_state;

static size_t pick(size_t count) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)((random_state >> 20) % count);
}

static bool glob(const char *pattern, const char *text) {
    if (*pattern == '\0') {
        return *text == '\0';
    }
    if (*pattern == '*') {
        return glob(pattern + 1, text) || (*text != '\0' && glob(pattern, text + 1));
    }
    return *text != '\0' && (*pattern == '?' || *pattern == *text) && glob(pattern + 1, text + 1);
}

static bool oracle_takes(const struct oracle_rule *rule, const char *called, const char *caller, const char *trunk) {
    return glob(rule->pattern, called) && (rule->caller == NULL || glob(rule->caller, caller)) &&
           (rule->trunk == NULL || strcmp(rule->trunk, trunk) == 0);
}

static bool oracle_has(const struct oracle *o, const char *agent) {
    return strcmp(agent, "first") == 0 || strcmp(agent, "support") == 0 ||
           (strcmp(agent, "sales") == 0 && !o->sales_full);
}

/* "agent/metadata", "reject" or "nobody". */
static const char *oracle_decide(const struct oracle *o, size_t called, size_t caller, size_t trunk) {
    static char text[64];
    bool named = o->room[0] != '\0';
    if (named && oracle_has(o, o->room)) {
        snprintf(text, sizeof text, "%s/0", o->room);
        return text;
    }
    for (size_t i = 0; i < o->count; i++) {
        const struct oracle_rule *rule = &o->rules[i];
        if (!oracle_takes(rule, leg_numbers[called], leg_numbers[caller], leg_trunks[trunk])) {
            continue;
        }
        if (rule->agent == NULL) {
            return "reject";
        }
        if (oracle_has(o, rule->agent)) {
            snprintf(text, sizeof text, "%s/%d", rule->agent, rule->metadata);
            return text;
        }
        named = true;
    }
    if (o->fallback[0] != '\0' && oracle_has(o, o->fallback)) {
        snprintf(text, sizeof text, "%s/0", o->fallback);
        return text;
    }
    return named ? "nobody" : "first/0";
}

static void random_oracle(struct oracle *o) {
    *o = (struct oracle){.count = pick(ORACLE_RULES + 1), .sales_full = pick(4) == 0, .room = "", .fallback = ""};
    if (pick(10) == 0) {
        o->room = agent_names[pick(ARRAY_LEN(agent_names))];
    }
    if (pick(2) == 0) {
        o->fallback = agent_names[pick(ARRAY_LEN(agent_names))];
    }
    size_t agents = 1 + pick(ARRAY_LEN(agent_names)), any_metadata = pick(3);
    for (size_t i = 0; i < o->count; i++) {
        o->rules[i] = (struct oracle_rule){.pattern = any_patterns[pick(ARRAY_LEN(any_patterns))],
                                           .caller = callers[pick(ARRAY_LEN(callers))],
                                           .trunk = trunks[pick(ARRAY_LEN(trunks))],
                                           .agent = pick(6) == 0 ? NULL : agent_names[pick(agents)],
                                           .priority = (int)pick(3),
                                           .metadata = (int)(pick(3) * any_metadata)};
    }
}

static void oracle_json(const struct oracle *o, struct buf *json) {
    buf_adds(json, "[");
    for (size_t i = 0; i < o->count; i++) {
        const struct oracle_rule *rule = &o->rules[i];
        buf_addf(json, "%s{\"pattern\":\"%s\",\"priority\":%d", i > 0 ? "," : "", rule->pattern, rule->priority);
        if (rule->caller != NULL) {
            buf_addf(json, ",\"caller\":\"%s\"", rule->caller);
        }
        if (rule->trunk != NULL) {
            buf_addf(json, ",\"trunk\":\"%s\"", rule->trunk);
        }
        if (rule->metadata != 0) {
            buf_addf(json, ",\"metadata\":{\"m\":%d}", rule->metadata);
        }
        buf_addf(json, rule->agent != NULL ? ",\"agent_name\":\"%s\"}" : ",\"reject\":true%s}",
                 rule->agent != NULL ? rule->agent : "");
    }
    buf_adds(json, "]");
}

/* By priority, then pattern_weight (which has its own test), then as written: an insertion sort is stable. */
static void oracle_sort(struct oracle *o) {
    for (size_t i = 1; i < o->count; i++) {
        struct oracle_rule rule = o->rules[i];
        unsigned weight = pattern_weight(slice_of(rule.pattern));
        size_t at = i;
        for (; at > 0; at--) {
            const struct oracle_rule *before = &o->rules[at - 1];
            bool stays = before->priority != rule.priority ? before->priority < rule.priority
                                                           : pattern_weight(slice_of(before->pattern)) >= weight;
            if (stays) {
                break;
            }
            o->rules[at] = *before;
        }
        o->rules[at] = rule;
    }
}

static void say_answer(const struct choice *choice, char ret_text[64]) {
    int metadata = 0;
    if (choice->rule != NULL && choice->rule->metadata != NULL) {
        assert_int_equal(sscanf(choice->rule->metadata, "{\"m\":%d}", &metadata), 1);
    }
    switch (choice->kind) {
    case CHOICE_AGENT: snprintf(ret_text, 64, "%.*s/%d", SLICE_ARG(choice->name), metadata); break;
    case CHOICE_REJECT: snprintf(ret_text, 64, "reject"); break;
    case CHOICE_NOBODY: snprintf(ret_text, 64, "nobody"); break;
    case CHOICE_UNCERTAIN: snprintf(ret_text, 64, "uncertain"); break;
    }
}

static void set_leg(struct decide_input *input, size_t called, size_t caller, size_t trunk) {
    input->leg_known = true;
    input->called = slice_of(leg_numbers[called]);
    input->caller = slice_of(leg_numbers[caller]);
    input->trunk = slice_of(leg_trunks[trunk]);
}

/* What all legs that are not rejected agree on; "" when they do not. Each leg is also decided by the real thing. */
struct all_legs {
    char agreed[64];
    bool differ;
    unsigned rejected;
};

static void visit_leg(const struct oracle *o, struct scene *scene, const size_t leg[3], struct all_legs *legs) {
    const char *wanted = oracle_decide(o, leg[0], leg[1], leg[2]);
    set_leg(&scene->input, leg[0], leg[1], leg[2]);
    struct choice choice = decide(&scene->input);
    char text[64];
    say_answer(&choice, text);
    if (strcmp(text, wanted) != 0) {
        fail_msg("called \"%s\" caller \"%s\" trunk \"%s\": %s, the oracle says %s", leg_numbers[leg[0]],
                 leg_numbers[leg[1]], leg_trunks[leg[2]], text, wanted);
    }
    unsigned steps = 0;
    struct choice explained = decide_explain(&scene->input, ignore_step, &steps);
    assert_true(same_choice(&choice, &explained));
    if (strcmp(wanted, "reject") == 0) {
        legs->rejected++;
    } else if (legs->agreed[0] == '\0') {
        snprintf(legs->agreed, sizeof legs->agreed, "%s", wanted);
    } else if (strcmp(legs->agreed, wanted) != 0) {
        legs->differ = true;
    }
}

static struct all_legs visit_all(const struct oracle *o, struct scene *scene) {
    struct all_legs legs = {0};
    for (size_t n = 0; n < LEG_NUMBERS * LEG_NUMBERS * LEG_TRUNKS; n++) {
        size_t leg[3] = {n % LEG_NUMBERS, n / LEG_NUMBERS % LEG_NUMBERS, n / LEG_NUMBERS / LEG_NUMBERS};
        visit_leg(o, scene, leg, &legs);
    }
    return legs;
}

static struct scene scene_of_oracle(struct oracle *o, struct buf *json) {
    buf_clear(json);
    oracle_json(o, json);
    oracle_sort(o);
    struct setting setting = {.rules = json->p, .agents = AGENTS, .sales_full = o->sales_full};
    setting.fallback = o->fallback;
    setting.room = o->room;
    return scene_of(&setting);
}

/* Decided before the leg is known. */
static void say_early(struct scene *scene, char ret_text[64]) {
    set_leg(&scene->input, 0, 0, 0);
    scene->input.leg_known = false;
    struct choice early = decide(&scene->input);
    unsigned steps = 0;
    struct choice explained = decide_explain(&scene->input, ignore_step, &steps);
    assert_true(same_choice(&early, &explained));
    say_answer(&early, ret_text);
}

/* Whatever leg comes, the answer is the oracle's; and what is certain early is what every leg gets. */
static void test_random_rules(void **state) {
    (void)state;
    random_state = 0x9E3779B97F4A7C15ULL;
    cleanup_buf struct buf json = {0};
    unsigned certain = 0, uncertain = 0;
    for (unsigned round = 0; round < 3000; round++) {
        struct oracle oracle;
        random_oracle(&oracle);
        struct scene scene = scene_of_oracle(&oracle, &json);
        struct all_legs legs = visit_all(&oracle, &scene);
        char early[64];
        say_early(&scene, early);
        if (strcmp(early, "uncertain") == 0) {
            uncertain++;
        } else if (legs.differ || (legs.agreed[0] != '\0' && strcmp(early, legs.agreed) != 0)) {
            fail_msg("early %s, but not for every leg, with %s", early, json.p);
        } else {
            certain++;
        }
        scene_release(&scene);
    }
    assert_in_range(certain, 300, 2700);
    assert_in_range(uncertain, 300, 2700);
}

/* Rules for one number each, and perhaps one for every call: none hides another, so what all legs agree on must be
 * seen to be certain. ("+12" and "+2" and "x" are names of their own here; hidden numbers reach only "*".) */
static void random_plain_oracle(struct oracle *o) {
    random_oracle(o);
    static const char *const own[ORACLE_RULES] = {"+1", "+2", "+12", "x", "*"};
    size_t kept = 0;
    for (size_t i = 0; i < ORACLE_RULES; i++) {
        if (pick(2) == 0) {
            size_t name = pick(2 + pick(4));
            o->rules[kept++] = (struct oracle_rule){.pattern = own[i], .agent = agent_names[name % 5], .priority = 1};
        }
    }
    o->count = kept;
}

static void test_certain_as_soon_as_it_can_be(void **state) {
    (void)state;
    random_state = 0xD1B54A32D192ED03ULL;
    cleanup_buf struct buf json = {0};
    unsigned certain = 0, rounds = 3000;
    for (unsigned round = 0; round < rounds; round++) {
        struct oracle oracle;
        random_plain_oracle(&oracle);
        struct scene scene = scene_of_oracle(&oracle, &json);
        struct all_legs legs = visit_all(&oracle, &scene);
        bool wanted = !legs.differ && strcmp(legs.agreed, "nobody") != 0;
        char early[64];
        say_early(&scene, early);
        if (strcmp(early, wanted ? legs.agreed : "uncertain") != 0) {
            fail_msg("early %s, every leg gets %s, with %s", early, wanted ? legs.agreed : "its own", json.p);
        }
        certain += wanted;
        scene_release(&scene);
    }
    assert_in_range(certain, rounds / 10, rounds * 9 / 10);
}

static struct all_legs visit_called(const struct oracle *o, struct scene *scene, size_t called) {
    struct all_legs legs = {0};
    for (size_t n = 0; n < LEG_NUMBERS * LEG_TRUNKS; n++) {
        size_t leg[3] = {called, n % LEG_NUMBERS, n / LEG_NUMBERS};
        visit_leg(o, scene, leg, &legs);
    }
    return legs;
}

/* The room's name told the called number and nothing else: what is certain then is what every such leg gets, and
 * more is certain than without it (but for rules that then reject every leg). */
static void test_called_number_alone(void **state) {
    (void)state;
    random_state = 0xA0761D6478BD642FULL;
    cleanup_buf struct buf json = {0};
    unsigned certain = 0, certain_without = 0;
    for (unsigned round = 0; round < 1500; round++) {
        struct oracle oracle;
        random_oracle(&oracle);
        struct scene scene = scene_of_oracle(&oracle, &json);
        size_t called = pick(LEG_NUMBERS);
        struct all_legs legs = visit_called(&oracle, &scene, called);
        char early[64];
        say_early(&scene, early);
        bool without = strcmp(early, "uncertain") != 0;
        scene.input.called_known = true;
        scene.input.called = slice_of(leg_numbers[called]);
        struct choice choice = decide(&scene.input);
        say_answer(&choice, early);
        bool with = strcmp(early, "uncertain") != 0;
        if (with && legs.agreed[0] != '\0' && (legs.differ || strcmp(early, legs.agreed) != 0)) {
            fail_msg("called \"%s\": early %s, but not for every leg, with %s", leg_numbers[called], early, json.p);
        }
        certain += with;
        certain_without += without;
        scene_release(&scene);
    }
    assert_true(certain > certain_without + 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_rules),
        cmocka_unit_test(test_certain_as_soon_as_it_can_be),
        cmocka_unit_test(test_called_number_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
