/* Drawing a plan: most calls are ordinary in most ways and odd in one or two. */
#include "sim/plan.h"

enum { FIVE_HOURS_MS = 5 * 3600 * 1000 };

static void draw_caller(struct plan_caller *caller, struct dice *dice) {
    caller->stays_ms = dice_chance(dice, 25) ? dice_between(dice, 100, 3000) : dice_between(dice, 3000, 120000);
    caller->stays_ms = dice_chance(dice, 1) ? FIVE_HOURS_MS : caller->stays_ms;
    caller->back_after_ms = dice_chance(dice, 12) ? dice_between(dice, 50, 8000) : PLAN_NEVER;
    caller->spam = dice_chance(dice, 4);
    caller->blocked = dice_chance(dice, 6);
    caller->sales = dice_chance(dice, 40);
    caller->nobodys = dice_chance(dice, 4);
}

static void draw_callers(struct plan *plan, struct dice *dice) {
    plan->shared_room = dice_chance(dice, 25);
    plan->no_caller = dice_chance(dice, 3);
    plan->callers = plan->no_caller ? 0 : plan->shared_room ? 1 + dice_below(dice, PLAN_CALLERS) : 1;
    int64_t at = 0;
    for (unsigned i = 0; i < plan->callers; i++) {
        draw_caller(&plan->caller[i], dice);
        plan->caller[i].at_ms = at;
        at += dice_chance(dice, 50) ? dice_between(dice, 10, 5000) : dice_between(dice, 5000, 160000);
    }
}

/* In PERCENT of 100 cases a moment up to MOST; else never. */
static int64_t draw_moment(struct dice *dice, unsigned percent, int64_t most) {
    return dice_chance(dice, percent) ? dice_between(dice, 0, most) : PLAN_NEVER;
}

static void draw_events(struct plan *plan, struct dice *dice) {
    bool ordered = plan->network != NETWORK_REORDERING; /* LiveKit keeps the order where it restarts */
    plan->restart_at = ordered ? draw_moment(dice, 10, 60000) : PLAN_NEVER;
    plan->other_bridge_at = draw_moment(dice, 3, 20000);
    plan->operator_at = draw_moment(dice, 4, 30000);
    plan->outbound_at = draw_moment(dice, 8, 30000);
    plan->egress_at = draw_moment(dice, 5, 5000);
    plan->rules_at = draw_moment(dice, 5, 7000);
    plan->new_rules_at = draw_moment(dice, 10, 30000);
    for (unsigned i = 0; i < plan->callers && plan->rules_at != PLAN_NEVER; i++) {
        plan->caller[i].nobodys = false; /* while rules are waited for the first caller speaks for all */
    }
}

/* Seldom, now and then, or between any two events. */
static unsigned draw_loss(struct dice *dice) {
    static const unsigned percents[] = {1, 10, 100};
    return dice_chance(dice, 40) ? percents[dice_below(dice, 3)] : 0;
}

void plan_draw(struct plan *plan, struct dice *dice) {
    *plan = (struct plan){0};
    plan->network = (enum plan_network)dice_below(dice, NETWORK_COUNT);
    plan->rules = (enum plan_rules)dice_below(dice, RULES_COUNT);
    plan->healthy = dice_chance(dice, 40);
    plan->stubborn = dice_chance(dice, 40);
    plan->habit = (enum plan_behaviour)(1 + dice_below(dice, BEHAVIOUR_COUNT - 1));
    plan->can_ask = dice_chance(dice, 50);
    plan->delete_fails_percent = dice_chance(dice, 30) ? 40 : 0;
    draw_callers(plan, dice);
    draw_events(plan, dice);
    plan->loss_percent = draw_loss(dice);
}

const char *plan_network_name(enum plan_network network) {
    static const char *const names[] = {
#define X(symbol) #symbol,
        PLAN_NETWORKS(X)
#undef X
    };
    return names[network];
}

const char *plan_behaviour_name(enum plan_behaviour behaviour) {
    static const char *const names[] = {
#define X(symbol) #symbol,
        PLAN_BEHAVIOURS(X)
#undef X
    };
    return names[behaviour];
}
