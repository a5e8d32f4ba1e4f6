/* Tapes: a sorted array, because only failures are written down, and their text. */
#include "sim/tape.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

static const char *const names[CHOICE_COUNT] = {
#define X(symbol, name) [CHOICE_##symbol] = name,
    SIM_CHOICES(X)
#undef X
};

void tape_release(struct tape *tape) {
    free(tape->items);
    *tape = (struct tape){0};
}

static void make_room(struct tape *tape, size_t count) {
    if (count > tape->cap) {
        tape->cap = count * 2;
        tape->items = xrealloc(tape->items, tape->cap * sizeof *tape->items);
    }
}

void tape_copy(struct tape *to, const struct tape *from) {
    make_room(to, from->count);
    if (from->count > 0) {
        memcpy(to->items, from->items, from->count * sizeof *to->items);
    }
    to->count = from->count;
}

void tape_add(struct tape *tape, const struct tape_item *item) {
    if (item->outcome != 0) {
        make_room(tape, tape->count + 1);
        tape->items[tape->count++] = *item;
    }
}

static int compare(const void *one, const void *other) {
    const struct tape_item *a = one, *b = other;
    if (a->what != b->what) {
        return a->what < b->what ? -1 : 1;
    }
    return a->turn < b->turn ? -1 : a->turn > b->turn;
}

void tape_sort(struct tape *tape) {
    if (tape->count > 0) {
        qsort(tape->items, tape->count, sizeof tape->items[0], compare);
    }
}

void tape_cut(struct tape *tape, size_t from, size_t count) {
    memmove(tape->items + from, tape->items + from + count, (tape->count - from - count) * sizeof tape->items[0]);
    tape->count -= count;
}

uint64_t tape_value(const struct tape *tape, enum sim_choice what, uint32_t turn) {
    const struct tape_item wanted = {.what = what, .turn = turn};
    const struct tape_item *found =
        tape->count > 0 ? bsearch(&wanted, tape->items, tape->count, sizeof tape->items[0], compare) : NULL;
    return found != NULL ? found->outcome : 0;
}

void tape_print(const struct tape *tape, struct buf *out) {
    for (size_t i = 0; i < tape->count; i++) {
        const struct tape_item *item = &tape->items[i];
        buf_addf(out, "%s%s", i > 0 ? " " : "", names[item->what]);
        if (item->turn != 0) {
            buf_addf(out, ".%" PRIu32, item->turn);
        }
        if (item->outcome != 1) {
            buf_addf(out, "=%" PRIu64, item->outcome);
        }
    }
}

/* --- reading --- */

static struct slice cut_at(struct slice *text, char mark) {
    const char *found = text->n > 0 ? memchr(text->p, mark, text->n) : NULL;
    struct slice rest = {0};
    if (found != NULL) {
        rest = (struct slice){found + 1, text->n - (size_t)(found + 1 - text->p)};
        text->n = (size_t)(found - text->p);
    }
    return rest;
}

static bool find_name(struct slice name, enum sim_choice *ret_what) {
    for (int what = 0; what < CHOICE_COUNT; what++) {
        if (slice_is(name, names[what])) {
            *ret_what = (enum sim_choice)what;
            return true;
        }
    }
    return false;
}

static bool read_number(struct slice text, int64_t absent, int64_t *ret_value) {
    *ret_value = absent;
    return text.p == NULL || (text_int64(text, ret_value) && *ret_value >= 0 && *ret_value <= INT32_MAX);
}

static bool parse_item(struct slice word, struct tape_item *ret_item, struct diag *diag) {
    struct slice whole = word, outcome = cut_at(&word, '='), turn = cut_at(&word, '.');
    int64_t turn_number, outcome_number;
    if (!find_name(word, &ret_item->what)) {
        return diag_fail(diag, "", "no choice is called %.*s", (int)(word.n < 40 ? word.n : 40),
                         word.n > 0 ? word.p : "");
    }
    if (!read_number(turn, 0, &turn_number) || !read_number(outcome, 1, &outcome_number)) {
        return diag_fail(diag, "", "\"%.*s\" is not NAME, NAME.TURN, NAME=OUTCOME or NAME.TURN=OUTCOME",
                         (int)(whole.n < 60 ? whole.n : 60), whole.p);
    }
    ret_item->turn = (uint32_t)turn_number;
    ret_item->outcome = (uint64_t)outcome_number;
    return true;
}

bool tape_parse(struct slice text, struct tape *ret_tape, struct diag *diag) {
    struct tape tape = {0};
    while (text.n > 0) {
        struct slice word = text;
        struct tape_item item = {0};
        text = cut_at(&word, ' ');
        if (word.n > 0 && (!parse_item(word, &item, diag) || tape.count == TAPE_MOST)) {
            tape_release(&tape);
            return false;
        }
        if (word.n > 0) {
            tape_add(&tape, &item);
        }
    }
    tape_sort(&tape);
    *ret_tape = tape;
    return true;
}
