/* The call table: sids, the newest sid of a room name, deadlines, tombstones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/mem.h"
#include "calls/table.h"

static struct call_entry *add(struct call_table *table, const char *sid, const char *room) {
    struct call_entry *entry = xcalloc(1, sizeof *entry);
    snprintf(entry->sid, sizeof entry->sid, "%s", sid);
    entry->room = (struct slice){xstrdup(room), strlen(room)};
    table_add(table, entry);
    return entry;
}

static void drop(struct call_table *table, struct call_entry *entry) {
    table_remove(table, entry);
    free((char *)entry->room.p);
    free(entry);
}

static void test_newest_sid_of_a_name(void **state) {
    (void)state;
    struct call_table table = {0};
    struct call_entry *old = add(&table, "RM_1", "room"), *other = add(&table, "RM_2", "room2");
    assert_ptr_equal(table_find_room(&table, SLICE("room")), old);
    struct call_entry *new = add(&table, "RM_3", "room");
    assert_ptr_equal(table_find_room(&table, SLICE("room")), new);
    assert_ptr_equal(table_find(&table, SLICE("RM_1")), old);
    assert_ptr_equal(table_find(&table, SLICE("RM_3")), new);
    assert_null(table_find(&table, SLICE("RM_")));
    assert_null(table_find_room(&table, SLICE("roo")));
    drop(&table, old); /* it is not the name's any more */
    assert_ptr_equal(table_find_room(&table, SLICE("room")), new);
    drop(&table, new);
    assert_null(table_find_room(&table, SLICE("room")));
    assert_ptr_equal(table_find_room(&table, SLICE("room2")), other);
    drop(&table, other);
    assert_int_equal(table.live, 0);
    table_release(&table);
}

static void test_names_are_bytes(void **state) {
    (void)state;
    struct call_table table = {0};
    struct call_entry *nameless = add(&table, "RM_1", "");
    struct call_entry *entry = xcalloc(1, sizeof *entry);
    memcpy(entry->sid, "RM_2", 5);
    entry->room = (struct slice){xmemdup("a\0b", 3), 3};
    table_add(&table, entry);
    assert_ptr_equal(table_find_room(&table, (struct slice){"a\0b", 3}), entry);
    assert_null(table_find_room(&table, SLICE("a")));
    assert_null(table_find_room(&table, SLICE("")));
    drop(&table, nameless);
    drop(&table, entry);
    table_release(&table);
}

static void test_deadlines(void **state) {
    (void)state;
    struct call_table table = {0};
    struct call_entry *a = add(&table, "RM_A", "a"), *b = add(&table, "RM_B", "b");
    assert_int_equal(table_next_due(&table), MONO_NEVER);
    assert_null(table_due(&table, 1000));
    table_schedule(&table, a, 200);
    table_schedule(&table, b, 100);
    assert_int_equal(table_next_due(&table), 100);
    assert_null(table_due(&table, 99));
    assert_ptr_equal(table_due(&table, 100), b);
    assert_null(table_due(&table, 100)); /* taken off */
    table_schedule(&table, a, 300);
    assert_null(table_due(&table, 299));
    table_schedule(&table, a, MONO_NEVER);
    assert_int_equal(table_next_due(&table), MONO_NEVER);
    table_schedule(&table, a, 50);
    drop(&table, a); /* its deadline goes with it */
    assert_int_equal(table_next_due(&table), MONO_NEVER);
    drop(&table, b);
    table_release(&table);
}

static void test_tombstones(void **state) {
    (void)state;
    struct call_table table = {0};
    struct call_entry *a = add(&table, "RM_A", "a"), *b = add(&table, "RM_B", "b");
    table_schedule(&table, a, 500);
    table_retire(&table, a, 1000);
    table_retire(&table, a, 3000); /* once */
    assert_true(a->over);
    assert_int_equal(table_next_due(&table), MONO_NEVER);
    assert_int_equal(table.live, 1);
    assert_int_equal(table.over, 1);
    assert_ptr_equal(table_find(&table, SLICE("RM_A")), a); /* still recognised */
    assert_null(table_expired(&table, 1100, 100, 10));
    assert_ptr_equal(table_expired(&table, 1101, 100, 10), a);
    table_retire(&table, b, 1050);
    assert_null(table_expired(&table, 1060, 100, 2));
    assert_ptr_equal(table_expired(&table, 1060, 100, 1), a); /* one too many: the oldest */
    table_revive(&table, a);
    table_revive(&table, a);
    assert_int_equal(table.live, 1);
    assert_int_equal(table.over, 1);
    assert_ptr_equal(table_expired(&table, 2000, 100, 10), b);
    table_retire(&table, a, 2000);
    assert_ptr_equal(table_expired(&table, 1060, 100, 1), b); /* it is the oldest now */
    drop(&table, a);
    drop(&table, b);
    assert_int_equal(table.over, 0);
    assert_int_equal(table.live, 0);
    assert_null(table_expired(&table, 9000, 0, 0));
    table_release(&table);
}

/* Taken out as a tombstone and put back as one. */
static void test_put_back(void **state) {
    (void)state;
    struct call_table table = {0};
    struct call_entry *a = add(&table, "RM_A", "a"), *b = add(&table, "RM_B", "b"), *c = add(&table, "RM_C", "b");
    table_retire(&table, a, 1000);
    table_retire(&table, b, 1100);
    assert_false(b->named);
    table_remove(&table, a);
    table_remove(&table, b);
    assert_null(table_find_room(&table, SLICE("a")));
    a->over = b->over = a->named = true;
    table_add_over(&table, b);
    table_add_over(&table, a);
    assert_int_equal(table.live, 1);
    assert_int_equal(table.over, 2);
    assert_ptr_equal(table_find(&table, SLICE("RM_B")), b);
    assert_ptr_equal(table_find_room(&table, SLICE("a")), a);
    assert_ptr_equal(table_find_room(&table, SLICE("b")), c);
    table_revive(&table, a);
    assert_int_equal(table.live, 2);
    drop(&table, a);
    drop(&table, b);
    drop(&table, c);
    assert_int_equal(table.over, 0);
    table_release(&table);
}

static void test_many(void **state) {
    (void)state;
    enum { MANY = 5000 };
    struct call_table table = {0};
    struct call_entry *entries[MANY];
    for (int i = 0; i < MANY; i++) {
        char sid[16], room[16];
        snprintf(sid, sizeof sid, "RM_%d", i);
        snprintf(room, sizeof room, "room%d", i % 100);
        entries[i] = add(&table, sid, room);
        table_schedule(&table, entries[i], (i * 7919) % 1000);
    }
    assert_int_equal(table.live, MANY);
    mono_ms last = 0;
    for (int i = 0; i < MANY; i++) {
        mono_ms due = table_next_due(&table);
        assert_true(due >= last);
        last = due;
        assert_non_null(table_due(&table, due));
    }
    for (int i = 0; i < MANY; i++) {
        assert_ptr_equal(table_find(&table, slice_of(entries[i]->sid)), entries[i]);
        drop(&table, entries[i]);
    }
    assert_int_equal(table.live, 0);
    table_release(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_sid_of_a_name),
        cmocka_unit_test(test_names_are_bytes),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_tombstones),
        cmocka_unit_test(test_put_back),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
