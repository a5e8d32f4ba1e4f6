/* Drawing a plan: most calls are ordinary in most ways and odd in one or two. */
#include "sim/plan.h"

#include "base/mem.h"

enum { FIVE_HOURS_MS = 5 * 3600 * 1000, LATEST_MS = 30000 };

static void draw_caller(const struct plan *plan, struct plan_caller *caller, struct dice *dice) {
    caller->stays_ms = dice_spared(dice, CHOICE_STAYS_LONG, 25) ? dice_between(dice, CHOICE_STAYS, 100, 3000)
                                                                : dice_between(dice, CHOICE_STAYS, 3000, 120000);
    bool polled = plan->network == NETWORK_DEAD; /* every 2 s: five hours of it are long */
    caller->stays_ms = dice_chance(dice, CHOICE_STAYS_HOURS, 1) && !polled ? FIVE_HOURS_MS : caller->stays_ms;
    caller->back_after_ms =
        dice_chance(dice, CHOICE_LOSES_LINE, 12) ? dice_between(dice, CHOICE_BACK_AFTER, 50, 8000) : PLAN_NEVER;
    caller->spam = dice_chance(dice, CHOICE_SPAM, 4);
    caller->hidden = dice_chance(dice, CHOICE_HIDDEN, 12);
    caller->trunk = dice_spared(dice, CHOICE_ODD_TRUNK, 80)       ? TRUNK_OF_NUMBER
                    : dice_spared(dice, CHOICE_UNKNOWN_TRUNK, 50) ? TRUNK_OF_MANY
                                                                  : TRUNK_UNKNOWN;
    caller->blocked = dice_chance(dice, CHOICE_BLOCKED, 6) && !caller->hidden;
    caller->sales = dice_chance(dice, CHOICE_SALES, 40);
    caller->nobodys = dice_chance(dice, CHOICE_NOBODYS, 4);
}

static void draw_callers(struct plan *plan, struct dice *dice) {
    plan->shared_room = dice_chance(dice, CHOICE_SHARED_ROOM, 25);
    plan->no_caller = dice_chance(dice, CHOICE_NO_CALLER, 3);
    plan->own_rooms = !plan->shared_room && dice_chance(dice, CHOICE_OWN_ROOMS, 8);
    bool several = plan->shared_room || plan->own_rooms;
    plan->callers = plan->no_caller ? 0 : several ? 1 + dice_below(dice, CHOICE_CALLERS, PLAN_CALLERS) : 1;
    int64_t at = 0;
    for (unsigned i = 0; i < plan->callers; i++) {
        draw_caller(plan, &plan->caller[i], dice);
        plan->caller[i].at_ms = at;
        at += plan->own_rooms || dice_spared(dice, CHOICE_APART, 50) ? dice_between(dice, CHOICE_NEXT_AT, 10, 5000)
                                                                     : dice_between(dice, CHOICE_NEXT_AT, 5000, 160000);
    }
}

/* In PERCENT of 100 cases a moment up to MOST; else never. The choice of the moment is the one after WHAT. */
static int64_t draw_moment(struct dice *dice, enum sim_choice what, unsigned percent, int64_t most) {
    return dice_chance(dice, what, percent) ? dice_between(dice, what + 1, 0, most) : PLAN_NEVER;
}

static void draw_restart(struct plan *plan, struct dice *dice) {
    static const int64_t back_after_ms[] = {1000, 4000, 20000, 60000};
    bool ordered = plan->network != NETWORK_REORDERING; /* LiveKit keeps the order where it restarts */
    plan->restart_at = ordered ? draw_moment(dice, CHOICE_RESTARTS, 10, 60000) : PLAN_NEVER;
    plan->back_after_ms = back_after_ms[dice_below(dice, CHOICE_RESTART_TIME, 4)];
    plan->forgets =
        dice_chance(dice, CHOICE_FORGETS, 30) && !plan->own_rooms; /* all calls gone at once: that is not believed */
}

static void draw_api(struct plan *plan, struct dice *dice) {
    plan->can_ask = dice_spared(dice, CHOICE_UNASKED, 60);
    plan->api_fails_percent = dice_chance(dice, CHOICE_API_FAILS, 25) ? 15 : 0;
    plan->lag_ms = dice_chance(dice, CHOICE_LAGS, 50) ? dice_between(dice, CHOICE_LAG, 0, 5000) : 0;
    plan->odd_list_at = draw_moment(dice, CHOICE_ODD_LIST, 8, 120000);
    plan->odd_lists = dice_spared(dice, CHOICE_ODD_LISTS, 80) ? 1 : 5;
    plan->odd_is_half = plan->odd_lists == 1 && dice_chance(dice, CHOICE_ODD_IS_HALF, 50);
}

static void draw_events(struct plan *plan, struct dice *dice) {
    plan->begins_at = dice_spared(dice, CHOICE_BEGINS_LATE, 40) ? dice_between(dice, CHOICE_BEGINS, 0, 1000)
                                                                : dice_between(dice, CHOICE_BEGINS, 0, 66000);
    draw_restart(plan, dice);
    plan->other_bridge_at = draw_moment(dice, CHOICE_OTHER_BRIDGE, 3, 20000);
    plan->operator_at = draw_moment(dice, CHOICE_OPERATOR, 4, 30000);
    int64_t stays_ms = plan->callers > 0 && plan->caller[0].stays_ms < LATEST_MS ? plan->caller[0].stays_ms : LATEST_MS;
    plan->outbound_at = draw_moment(dice, CHOICE_OUTBOUND, 10, stays_ms);
    plan->egress_at = draw_moment(dice, CHOICE_EGRESS, 5, 5000);
    plan->rules_at = draw_moment(dice, CHOICE_RULES_LATE, 5, 7000);
    plan->new_rules_at = draw_moment(dice, CHOICE_NEW_RULES, 10, 30000);
    plan->redis_stops_at = draw_moment(dice, CHOICE_REDIS_STOPS, 8, 30000);
    plan->redis_away_ms = dice_between(dice, CHOICE_REDIS_AWAY, 1000, 60000);
    for (unsigned i = 0; i < plan->callers && plan->rules_at != PLAN_NEVER; i++) {
        plan->caller[i].nobodys = false; /* while rules are waited for the first caller speaks for all */
    }
}

/* Seldom, now and then, or (it takes long) between any two events. */
static unsigned draw_loss(struct dice *dice) {
    static const unsigned percents[] = {1, 1, 1, 1, 1, 1, 1, 5, 5, 5, 5, 5, 5, 20, 20, 100};
    unsigned rate = dice_below(dice, CHOICE_LOSS_RATE, ARRAY_LEN(percents));
    return dice_chance(dice, CHOICE_LOSSES, 12) ? percents[rate] : 0;
}

void plan_draw(struct plan *plan, struct dice *dice) {
    *plan = (struct plan){0};
    plan->network = (enum plan_network)dice_below(dice, CHOICE_NETWORK, NETWORK_COUNT);
    plan->rules = (enum plan_rules)dice_below(dice, CHOICE_RULES, RULES_COUNT);
    plan->healthy = dice_spared(dice, CHOICE_AILING, 40);
    plan->stubborn = dice_chance(dice, CHOICE_STUBBORN, 40);
    plan->habit = (enum plan_behaviour)(1 + dice_below(dice, CHOICE_HABIT, BEHAVIOUR_COUNT - 1));
    plan->hasty = dice_chance(dice, CHOICE_HASTY, 20);
    draw_api(plan, dice);
    draw_callers(plan, dice);
    draw_events(plan, dice);
    plan->loss_percent = draw_loss(dice);
    plan->loses_within = plan->loss_percent > 0 && dice_chance(dice, CHOICE_LOSSES_WITHIN, 50);
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
