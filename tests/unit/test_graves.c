/* Graves: bytes squeezed and exact again; calls buried and found, the longest over first, and opened as they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/mem.h"
#include "base/squeeze.h"
#include "bridge/internal.h"
#include "bridge_stage.h"
#include "calls/legs.h"

static uint64_t next_random(uint64_t *random) {
    *random = *random * 6364136223846793005ULL + 1442695040888963407ULL;
    return *random >> 33;
}

/* Runs of every length up to 700, of zeros, of others, and of both. */
static void test_squeeze(void **state) {
    (void)state;
    uint64_t random = 7;
    for (int i = 0; i < 5000; i++) {
        char bytes[2000], again[sizeof bytes];
        cleanup_buf struct buf packed = {0};
        size_t size = next_random(&random) % sizeof bytes;
        for (size_t at = 0; at < size;) {
            size_t run = next_random(&random) % (i % 2 == 0 ? 700 : 6);
            bool zero = next_random(&random) % 2 == 0;
            for (; run > 0 && at < size; run--) {
                bytes[at++] = zero ? 0 : (char)(next_random(&random) % 255 + 1);
            }
        }
        squeeze((struct slice){bytes, size}, &packed);
        assert_true(packed.len <= size + size / 100 + 3);
        assert_int_equal(unsqueeze(packed.p, again, size), packed.len);
        assert_memory_equal(bytes, again, size);
    }
    static const char zeros[2000];
    cleanup_buf struct buf packed = {0};
    squeeze((struct slice){zeros, sizeof zeros}, &packed);
    assert_int_equal(packed.len, 16);
}

static struct bridge_call *dead(unsigned number, mono_ms over_at) {
    struct bridge_call *call = xcalloc(1, sizeof *call);
    snprintf(call->entry.sid, sizeof call->entry.sid, "RM_%u", number);
    call->entry.room = slice_of(xasprintf("room %u", number));
    call->entry.over = call->entry.named = true;
    call->entry.over_at = over_at;
    return call;
}

static void lose(struct bridge_call *call) {
    call_release(&call->entry.facts);
    free((char *)call->entry.room.p);
    free(call->room_agent);
    free(call->agent_name);
    free(call->metadata);
    free(call->chosen_rule);
    free(call);
}

/* All that a call keeps, legs of a crowd included; a room's name is any bytes. */
static void test_nothing_is_lost(void **state) {
    (void)state;
    struct graves graves;
    graves_init(&graves);
    struct bridge_call *call = dead(1, 5000);
    free((char *)call->entry.room.p);
    call->entry.room = (struct slice){xmemdup("a\0b", 3), 3};
    for (uint64_t i = 1; i <= CALL_LEGS; i++) {
        legs_append(&call->entry.facts, &(struct leg){.sid = i << 32, .joined_at = (mono_ms)i, .state = LEG_LEFT_HARD});
    }
    call->entry.facts.superseded = true;
    call->agent_name = xstrdup("support");
    call->metadata = xstrdup("");
    call->newest_s = 1767225600;
    call->room_event = UINT64_MAX;
    call->kept = 42;
    call->end = END_CALLER_LEFT;
    graves_add(&graves, call);
    assert_int_equal(graves.count, 1);
    struct slice room = {"a\0b", 3};
    struct grave *grave = graves_find(&graves, SLICE("RM_1"));
    assert_non_null(grave);
    assert_ptr_equal(graves_find_room(&graves, room), grave);
    assert_null(graves_find_room(&graves, SLICE("a")));
    assert_int_equal(grave_over_at(grave), 5000);
    call = graves_open(&graves, grave);
    assert_null(graves_find(&graves, SLICE("RM_1")));
    assert_null(graves_find_room(&graves, room));
    assert_string_equal(call->entry.sid, "RM_1");
    assert_true(slice_eq(call->entry.room, room));
    assert_true(call->entry.over && call->entry.named && call->entry.over_at == 5000);
    assert_int_equal(call->entry.facts.leg_count, CALL_LEGS);
    for (unsigned i = 0; i < CALL_LEGS; i++) {
        assert_true(call_leg_at(&call->entry.facts, i)->sid == (uint64_t)(i + 1) << 32);
    }
    assert_true(call->entry.facts.superseded);
    assert_string_equal(call->agent_name, "support");
    assert_string_equal(call->metadata, "");
    assert_null(call->chosen_rule);
    assert_null(call->room_agent);
    assert_true(call->newest_s == 1767225600 && call->room_event == UINT64_MAX && call->kept == 42);
    assert_int_equal(call->end, END_CALLER_LEFT);
    lose(call);
    graves_release(&graves);
}

/* Opened and buried again an old one is as old as it was. */
static void test_order(void **state) {
    (void)state;
    enum { MANY = 5000 };
    struct graves graves;
    graves_init(&graves);
    assert_null(graves_oldest(&graves));
    assert_null(graves_find(&graves, SLICE("RM_1")));
    for (unsigned i = 0; i < MANY; i++) {
        graves_add(&graves, dead(i, i));
    }
    for (unsigned i = 0; i < MANY; i += 7) {
        char sid[16];
        snprintf(sid, sizeof sid, "RM_%u", i);
        graves_add(&graves, graves_open(&graves, graves_find(&graves, slice_of(sid))));
    }
    for (unsigned i = 0; i < MANY; i++) {
        struct grave *grave = graves_oldest(&graves);
        assert_int_equal(grave_over_at(grave), i);
        lose(graves_open(&graves, grave));
    }
    assert_int_equal(graves.count, 0);
    graves_release(&graves);
}

/* In the bridge: buried when the journal has it, woken by a late word, which it still knows, and buried again unwritten. */
static void test_a_late_word_wakes_it(void **state) {
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    stage_rules(&stage, "[{\"pattern\":\"*\",\"agent_name\":\"unknown\"}]", STAGE_AGENTS);
    stage_room(&stage, EVENT_room_started, "RM_1");
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    stage_caller_leaves(&stage, "RM_1", "PA_1");
    stage_room(&stage, EVENT_room_finished, "RM_1");
    assert_int_equal(stage.bridge->table.over, 1);
    stage.cannot_keep = true;
    assert_false(bridge_flush(stage.bridge));
    assert_int_equal(stage.bridge->graves.count, 0); /* its record must not be lost */
    stage.cannot_keep = false;
    assert_true(bridge_flush(stage.bridge));
    assert_int_equal(stage.bridge->graves.count, 1);
    assert_int_equal(stage.bridge->table.over, 0);
    assert_int_equal(bridge_tombstones(stage.bridge), 1);
    unsigned kept = stage.kept;
    uint64_t calls = bridge_counters(stage.bridge)->calls;
    stage_caller(&stage, "RM_1", "PA_1", "+1");
    assert_int_equal(bridge_live(stage.bridge), 0);
    assert_int_equal(stage.bridge->table.over, 1);
    assert_true(bridge_flush(stage.bridge));
    assert_int_equal(stage.bridge->graves.count, 1);
    assert_int_equal(stage.kept, kept);
    assert_int_equal(bridge_counters(stage.bridge)->calls, calls);
    stage_room(&stage, EVENT_room_started, "RM_2"); /* the same room's name: it is another call's now */
    assert_int_equal(bridge_counters(stage.bridge)->calls, calls + 1);
    stage_close(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_squeeze),
        cmocka_unit_test(test_nothing_is_lost),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_a_late_word_wakes_it),
    };
    return cmocka_run_group_tests(tests, stage_silence_log, NULL);
}
