/* Delta debugging of a tape: what is out of the ordinary in it is left out, in ever smaller parts, made to come sooner
 * and to be less, for as long as the same promise is broken. */
#include "sim/sim.h"

enum {
    MOST_EVENTS = 20000000, /* in all the calls that are tried: some seconds */
    MOST_PASSES = 12,
};

struct shrink {
    struct sim *sim;
    struct tape *tape; /* the shortest so far */
    struct tape tried;
    struct sim_result *result; /* of tape */
    uint64_t events;           /* happened in all that was tried */
};

/* Keeps what is in TRIED if it breaks the same promise. */
static bool keep(struct shrink *shrink) {
    struct sim_result result;
    if (shrink->events > MOST_EVENTS) {
        return false;
    }
    sim_replay(shrink->sim, &shrink->tried, NULL, &result);
    shrink->events += result.events;
    if (!result.failed || result.promise != shrink->result->promise) {
        return false;
    }
    *shrink->result = result;
    tape_copy(shrink->tape, &shrink->tried);
    return true;
}

static bool try_without(struct shrink *shrink, size_t from, size_t count) {
    tape_copy(&shrink->tried, shrink->tape);
    tape_cut(&shrink->tried, from, count);
    return keep(shrink);
}

/* Parts of SIZE items are left out, the last ones first. */
static bool leave_out(struct shrink *shrink, size_t size) {
    bool any = false;
    for (size_t end = shrink->tape->count; end > 0; end -= end < size ? end : size) {
        size_t from = end > size ? end - size : 0;
        any |= try_without(shrink, from, end - from);
    }
    return any;
}

static bool leave_out_all_sizes(struct shrink *shrink) {
    bool any = false;
    for (size_t size = shrink->tape->count; size > 0; size /= 2) {
        any |= leave_out(shrink, size < shrink->tape->count ? size : shrink->tape->count);
        if (shrink->tape->count == 0) {
            break;
        }
    }
    return any;
}

/* The choice at PLACE comes out as it does, and all later ones of its name, STEPS turns sooner; those between are lost. */
static bool try_sooner(struct shrink *shrink, size_t place, uint32_t steps) {
    struct tape *tried = &shrink->tried;
    tape_copy(tried, shrink->tape);
    const struct tape_item first = tried->items[place];
    for (size_t i = place; i < tried->count && tried->items[i].what == first.what; i++) {
        tried->items[i].turn -= steps;
    }
    size_t lost = 0;
    while (place - lost > 0 && tried->items[place - lost - 1].what == first.what &&
           tried->items[place - lost - 1].turn >= first.turn - steps) {
        lost++;
    }
    tape_cut(tried, place - lost, lost);
    return keep(shrink);
}

static bool try_outcome(struct shrink *shrink, size_t place, uint64_t outcome) {
    tape_copy(&shrink->tried, shrink->tape);
    shrink->tried.items[place].outcome = outcome;
    return keep(shrink);
}

static bool bring_forward(struct shrink *shrink) {
    bool any = false;
    for (size_t i = 0; i < shrink->tape->count; i++) {
        uint32_t turn = shrink->tape->items[i].turn;
        for (uint32_t steps = turn; steps > 0; steps /= 2) {
            size_t before = shrink->tape->count;
            if (steps <= shrink->tape->items[i].turn && try_sooner(shrink, i, steps)) {
                any = true;
                i -= before - shrink->tape->count;
            }
        }
    }
    return any;
}

/* Half as much, then by steps of a thousand, a hundred, ten and one, so that what cannot be less is at least round. */
static bool lessen(struct shrink *shrink) {
    bool any = false;
    for (size_t i = 0; i < shrink->tape->count; i++) {
        while (shrink->tape->items[i].outcome > 1 && try_outcome(shrink, i, shrink->tape->items[i].outcome / 2)) {
            any = true;
        }
        for (uint64_t round = 1000; round > 0; round /= 10) {
            uint64_t outcome = shrink->tape->items[i].outcome;
            bool can = outcome > round && (round == 1 || outcome % round != 0);
            any |= can && try_outcome(shrink, i, round == 1 ? outcome - 1 : outcome - outcome % round);
        }
    }
    return any;
}

bool sim_shrink(struct sim *sim, struct tape *tape, struct sim_result *ret_result) {
    struct shrink shrink = {.sim = sim, .tape = tape, .result = ret_result};
    sim_replay(sim, tape, NULL, ret_result);
    bool any = ret_result->failed;
    for (unsigned pass = 0; pass < MOST_PASSES && any; pass++) {
        any = leave_out_all_sizes(&shrink);
        any |= bring_forward(&shrink);
        any |= lessen(&shrink);
    }
    tape_release(&shrink.tried);
    return ret_result->failed;
}
