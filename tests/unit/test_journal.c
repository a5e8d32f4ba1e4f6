/* What is kept of a call, as text: nothing is lost on the way, later versions keep reading what this one writes, and
 * what is no entry is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "bridge/journal.h"
#include "calls/legs.h"
#include "fixture_file.h"

static uint64_t state = 88172645463325252ULL;

static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static mono_ms some_time(void) {
    return (mono_ms)(next_random() % (1ULL << 50));
}

static void fill_legs(struct call *facts) {
    for (uint64_t left = next_random() % (CALL_LEGS + 1); left > 0; left--) {
        legs_append(facts, &(struct leg){0});
        struct leg *leg = call_leg_at(facts, facts->leg_count - 1U);
        leg->sid = next_random();
        leg->identity = next_random();
        leg->joined_at = some_time();
        leg->left_at = some_time();
        leg->role = (uint8_t)(next_random() % (LEG_OTHER + 1));
        leg->state = (uint8_t)(next_random() % (LEG_REJECTED + 1));
        leg->arriving = next_random() % 2 == 0;
        leg->only_listed = next_random() % 2 == 0;
    }
}

/* FACTS is zeroed, padding included. */
static void fill_facts(struct call *facts) {
#define X(field) facts->field = (uint8_t)next_random();
    JOURNAL_COUNTS(X)
#undef X
#define X(field) facts->field = next_random() % 2 == 0;
    JOURNAL_FLAGS(X)
#undef X
#define X(field) facts->field = next_random();
    JOURNAL_HASHES(X)
#undef X
#define X(field) facts->field = some_time();
    JOURNAL_PAST(X)
    JOURNAL_COMING(X)
#undef X
    facts->room = (uint8_t)(next_random() % (ROOM_FINISHED + 1));
    facts->choice = (uint8_t)(next_random() % (CHOSEN_NOBODY + 1));
    facts->process = (uint8_t)(next_random() % (PROCESS_RUNNING + 1));
    facts->voice = (uint8_t)(next_random() % (VOICE_SPEAKS + 1));
    facts->exit = (uint8_t)(next_random() % (EXIT_NOT_KNOWN + 1));
    for (unsigned i = 0; i < CALL_REPLACEMENTS; i++) {
        facts->crash_at[i] = some_time() + 1;
    }
    for (uint64_t i = next_random() % CALL_GHOSTS; i > 0; i--) {
        facts->older_ghosts[i - 1] = next_random() | 1;
    }
    fill_legs(facts);
}

static void fill(struct journal_entry *entry) {
    memset(entry, 0, sizeof *entry);
    fill_facts(&entry->facts);
    entry->sid = SLICE("RM_aB3");
    entry->room = SLICE("sip-inbound_+49 \"x\"\n\\ \xc3\xa9");
    entry->boot = SLICE("boot");
    entry->over = next_random() % 2 == 0;
    entry->over_at = some_time();
    entry->named = next_random() % 2 == 0;
    entry->end = (enum call_end)(next_random() % CALL_END_COUNT);
    entry->agent = SLICE("support");
    entry->metadata = SLICE("{\"a\":[1]}");
    entry->after_call_ms = some_time();
    entry->stop_timeout_ms = some_time();
    entry->room_agent = next_random() % 2 == 0 ? SLICE("") : (struct slice){0};
    entry->looked_at_metadata = next_random() % 2 == 0;
    entry->instance = SLICE("00112233445566778899aabbccddeeff");
    entry->pid = 2 + (pid_t)(next_random() % 4000000);
    entry->birth = next_random() >> 1;
    entry->dismissed_at = some_time();
    entry->leg = (struct journal_leg){.known = true, .sid = next_random(), .called = SLICE(""), .caller = SLICE("+1")};
    entry->started_wall_ms = some_time();
    entry->newest_s = some_time();
    entry->finished_s = some_time();
    entry->listed_s = some_time();
    entry->name_count = (unsigned)(next_random() % (CALL_LEGS + 1));
    for (unsigned i = 0; i < entry->name_count; i++) {
        entry->names[i] = (struct journal_name){next_random(), i % 2 == 0 ? SLICE("sip_+1 \"x\"") : SLICE("")};
    }
    entry->room_event = next_random();
    entry->rearmed_at = some_time();
    entry->starts = (unsigned)next_random();
    entry->kills = (unsigned)next_random();
    entry->created_s = some_time();
    entry->ended_at = some_time();
    entry->chosen_by = (enum choice_reason)(next_random() % (CHOICE_BY_COMMAND + 1));
    entry->chosen_rule = SLICE("rule [0] (+1*, priority 1)");
}

static void check_same(const struct slice *a, const struct slice *b) {
    assert_true(slice_eq(*a, *b) && (a->p == NULL) == (b->p == NULL));
}

/* By members: what is between them may differ. */
static void check_same_leg(const struct leg *a, const struct leg *b) {
    assert_true(a->sid == b->sid && a->identity == b->identity && a->joined_at == b->joined_at &&
                a->left_at == b->left_at);
    assert_true(a->role == b->role && a->state == b->state && a->absences == b->absences);
    assert_true(a->only_listed == b->only_listed && a->arriving == b->arriving);
}

static void check_equal(const struct journal_entry *a, const struct journal_entry *b) {
    struct call near = a->facts, other = b->facts;
    assert_true((near.more == NULL) == (other.more == NULL));
    near.more = other.more = NULL;
    memset(near.legs, 0, sizeof near.legs);
    memset(other.legs, 0, sizeof other.legs);
    assert_memory_equal(&near, &other, sizeof near);
    for (unsigned i = 0; i < near.leg_count; i++) {
        check_same_leg(call_leg_at(&a->facts, i), call_leg_at(&b->facts, i));
    }
    const struct slice *const texts[][2] = {
        {&a->sid, &b->sid},
        {&a->room, &b->room},
        {&a->boot, &b->boot},
        {&a->agent, &b->agent},
        {&a->metadata, &b->metadata},
        {&a->room_agent, &b->room_agent},
        {&a->instance, &b->instance},
        {&a->leg.called, &b->leg.called},
        {&a->leg.caller, &b->leg.caller},
        {&a->leg.trunk_id, &b->leg.trunk_id},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        check_same(texts[i][0], texts[i][1]);
    }
    assert_true(a->over == b->over && a->named == b->named && a->looked_at_metadata == b->looked_at_metadata);
    assert_true(a->over_at == b->over_at && a->end == b->end && a->pid == b->pid && a->birth == b->birth);
    assert_true(a->after_call_ms == b->after_call_ms && a->stop_timeout_ms == b->stop_timeout_ms);
    assert_true(a->kills == b->kills && a->created_s == b->created_s && a->ended_at == b->ended_at);
    assert_true(a->chosen_by == b->chosen_by && slice_eq(a->chosen_rule, b->chosen_rule));
    assert_true(a->dismissed_at == b->dismissed_at && a->rearmed_at == b->rearmed_at && a->starts == b->starts);
    assert_true(a->started_wall_ms == b->started_wall_ms && a->newest_s == b->newest_s);
    assert_true(a->finished_s == b->finished_s && a->room_event == b->room_event);
    assert_true(a->leg.known == b->leg.known && a->leg.sid == b->leg.sid);
    assert_true(a->listed_s == b->listed_s && a->name_count == b->name_count);
    for (unsigned i = 0; i < a->name_count; i++) {
        assert_true(a->names[i].sid == b->names[i].sid);
        check_same(&a->names[i].text, &b->names[i].text);
    }
}

static void test_nothing_is_lost(void **unused) {
    (void)unused;
    for (int i = 0; i < 2000; i++) {
        struct journal_entry written, read;
        struct diag diag = {0};
        cleanup_buf struct buf text = {0}, again = {0};
        fill(&written);
        journal_write(&written, &text);
        if (!journal_read(buf_slice(&text), &read, &diag)) {
            fail_msg("%s %s in %s", diag.where, diag.what, text.p);
        }
        check_equal(&written, &read);
        journal_write(&read, &again);
        assert_string_equal(text.p, again.p);
        journal_release(&read);
        journal_release(&written);
    }
}

/* What is cut anywhere is refused; so is what has bytes after it. */
static void test_truncated_text_is_refused(void **unused) {
    (void)unused;
    struct journal_entry entry;
    struct diag diag;
    cleanup_buf struct buf text = {0};
    fill(&entry);
    journal_write(&entry, &text);
    for (size_t n = 0; n < text.len; n++) {
        diag = (struct diag){0};
        assert_false(journal_read((struct slice){text.p, n}, &entry, &diag));
        assert_true(diag.what[0] != '\0');
    }
    buf_adds(&text, "x");
    assert_false(journal_read(buf_slice(&text), &entry, &diag));
    journal_release(&entry);
}

#define WITH(members) "{\"v\":1,\"sid\":\"RM_1\",\"room\":\"r\",\"boot\":\"b\",\"caller\":{},\"facts\":{}" members "}"
#define FACTS(facts) "{\"v\":1,\"sid\":\"RM_1\",\"room\":\"r\",\"boot\":\"b\",\"caller\":{},\"facts\":{" facts "}}"

static void test_hostile_text_is_refused(void **unused) {
    (void)unused;
    static const struct {
        const char *text, *where;
    } cases[] = {
        {"", ""},
        {"null", "v"},
        {"[]", "v"},
        {"{}", "v"},
        {"{\"v\":\"1\"}", "v"},
        {"{\"v\":0}", "v"},
        {"{\"v\":2}", "v"},
        {"{\"v\":1}", "caller"},
        {"{\"v\":1,\"v\":1}", ""},
        {"{\"v\":1,\"sid\":\"RM_1\",\"room\":\"r\",\"boot\":\"b\",\"caller\":{}}", "facts"},
        {"{\"v\":1,\"sid\":\"../x\",\"room\":\"r\",\"boot\":\"b\",\"caller\":{},\"facts\":{}}", "sid"},
        {"{\"v\":1,\"sid\":\"RM_1\",\"boot\":\"b\",\"caller\":{},\"facts\":{}}", "room"},
        {WITH(",\"pid\":-1"), "pid"},
        {WITH(",\"pid\":4294967297"), "pid"},
        {WITH(",\"pid\":1.5"), "pid"},
        {WITH(",\"instance\":\"zz\""), "instance"},
        {WITH(",\"instance\":\"00112233445566778899AABBCCDDEEFF\""), "instance"},
        {WITH(",\"instance\":\"00112233445566778899aabbccddeeff0\""), "instance"},
        {WITH(",\"end\":\"BECAUSE\""), "end"},
        {WITH(",\"over\":1"), "over"},
        {WITH(",\"over_at\":9223372036854775807"), "over_at"},
        {WITH(",\"over_at\":99999999999999999999"), ""},
        {WITH(",\"agent\":7"), "agent"},
        {WITH(",\"room_event\":\"xyz\""), "room_event"},
        {WITH(",\"listed_s\":-1"), "listed_s"},
        {WITH(",\"identities\":{}"), "identities"},
        {WITH(",\"identities\":[7]"), "identities"},
        {WITH(",\"identities\":[{\"sid\":\"xyz\",\"text\":\"\"}]"), "sid"},
        {WITH(",\"identities\":[{\"text\":7}]"), "text"},
        {WITH(",\"identities\":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]"), "identities"},
        {FACTS("\"room\":\"ajar\""), "room"},
        {FACTS("\"process\":\"running\""), "instance"},
        {FACTS("\"choice\":\"agent\""), "agent"},
        {FACTS("\"hangs\":256"), "hangs"},
        {FACTS("\"spoke\":\"yes\""), "spoke"},
        {FACTS("\"seen_at\":-5"), "seen_at"},
        {FACTS("\"legs\":{}"), "legs"},
        {FACTS("\"legs\":[7]"), "legs"},
        {FACTS("\"legs\":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]"), "legs"},
        {FACTS("\"legs\":[{\"state\":\"flying\"}]"), "state"},
        {FACTS("\"crash_at\":[1,2,3,4]"), "crash_at"},
        {FACTS("\"crash_at\":[\"x\"]"), "crash_at"},
        {FACTS("\"older_ghosts\":[1]"), "older_ghosts"},
        {FACTS("\"older_ghosts\":[\"0123\"]"), "older_ghosts"},
        {FACTS("\"older_ghosts\":{}"), "older_ghosts"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct journal_entry entry;
        struct diag diag = {0};
        if (journal_read(slice_of(cases[i].text), &entry, &diag)) {
            fail_msg("accepted: %s", cases[i].text);
        }
        if (strcmp(diag.where, cases[i].where) != 0 || diag.what[0] == '\0') {
            fail_msg("%s: \"%s\" %s", cases[i].text, diag.where, diag.what);
        }
    }
}

static void test_text_that_is_too_long_is_refused(void **unused) {
    (void)unused;
    struct diag diag = {0};
    struct journal_entry entry;
    cleanup_buf struct buf text = {0};
    buf_adds(&text, "{\"v\":1,\"sid\":\"RM_1\",\"room\":\"r\",\"boot\":\"b\",\"caller\":{},\"facts\":{}}");
    while (text.len < JOURNAL_MAX_BYTES) {
        buf_addc(&text, ' ');
    }
    assert_true(journal_read(buf_slice(&text), &entry, &diag));
    journal_release(&entry);
    buf_addc(&text, ' ');
    assert_false(journal_read(buf_slice(&text), &entry, &diag));
    assert_non_null(strstr(diag.what, "is larger than"));
}

static void test_running_process_needs_a_pid(void **unused) {
    (void)unused;
    struct journal_entry entry;
    struct diag diag = {0};
    for (pid_t pid = 0; pid <= 1; pid++) {
        cleanup_buf struct buf text = {0};
        fill(&entry);
        entry.facts.process = PROCESS_RUNNING;
        entry.pid = pid;
        journal_write(&entry, &text);
        assert_false(journal_read(buf_slice(&text), &entry, &diag));
        assert_string_equal(diag.where, "pid");
        journal_release(&entry);
    }
}

static void test_what_a_later_version_adds_is_ignored(void **unused) {
    (void)unused;
    struct journal_entry entry;
    struct diag diag = {0};
    assert_true(journal_read(slice_of(WITH(",\"mood\":{\"good\":[true]}")), &entry, &diag));
    journal_release(&entry);
    assert_true(journal_read(slice_of(FACTS("\"mood\":1,\"legs\":[{\"mood\":2}]")), &entry, &diag));
    assert_int_equal(entry.facts.leg_count, 1);
    journal_release(&entry);
}

/* Written by the first version: every later one reads it. */
static void test_entries_of_version_1_are_read(void **unused) {
    (void)unused;
    struct journal_entry entry;
    struct diag diag = {0};
    struct buf text = fixture_file("journal/v1-talking.json");
    assert_true(journal_read(buf_slice(&text), &entry, &diag));
    assert_true(slice_is(entry.sid, "RM_fixture") && slice_is(entry.room, "sip-inbound_+15550001111_x"));
    assert_true(slice_is(entry.instance, "00112233445566778899aabbccddeeff"));
    assert_true(entry.pid == 4711 && entry.birth == 123456 && entry.starts == 2 && entry.named && !entry.over);
    assert_true(slice_is(entry.agent, "support") && slice_is(entry.metadata, "{\"language\":\"fr\"}"));
    assert_true(entry.after_call_ms == 3000 && entry.stop_timeout_ms == 10000 && entry.end == END_NONE);
    assert_true(entry.leg.known && entry.leg.sid == 0xa000000000000001 && slice_is(entry.leg.called, "+1234567"));
    const struct call *facts = &entry.facts;
    assert_true(facts->room == ROOM_OPEN && facts->choice == CHOSEN_AGENT && facts->process == PROCESS_RUNNING);
    assert_true(facts->voice == VOICE_SPEAKS && facts->exit == EXIT_CRASHED && facts->spoke && facts->had_caller);
    assert_true(facts->seen_at == 5000 && facts->answered_at == 6000 && facts->crash_at[2] == 8900);
    assert_true(facts->leg_count == 2 && facts->legs[0].state == LEG_HERE && facts->legs[1].role == LEG_OUTBOUND);
    assert_true(facts->legs[1].state == LEG_LEFT_HARD && facts->legs[1].left_at == 5300);
    journal_release(&entry);
    buf_release(&text);
    text = fixture_file("journal/v1-intent.json");
    assert_true(journal_read(buf_slice(&text), &entry, &diag));
    assert_true(entry.facts.process == PROCESS_STARTING && entry.pid == 0);
    journal_release(&entry);
    buf_release(&text);
    text = fixture_file("journal/v1-over.json");
    assert_true(journal_read(buf_slice(&text), &entry, &diag));
    assert_true(entry.over && entry.over_at == 9000 && entry.end == END_CALLER_LEFT && !entry.named);
    journal_release(&entry);
    buf_release(&text);
}

static void test_order(void **unused) {
    (void)unused;
    struct journal_entry list[] = {{.named = true, .over_at = 3}, {.named = true}, {.over_at = 9}, {.over_at = 2}};
    qsort(list, ARRAY_LEN(list), sizeof list[0], journal_order);
    assert_true(!list[0].named && list[0].over_at == 2 && list[1].over_at == 9);
    assert_true(list[2].named && list[2].over_at == 0 && list[3].over_at == 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_lost),
        cmocka_unit_test(test_truncated_text_is_refused),
        cmocka_unit_test(test_hostile_text_is_refused),
        cmocka_unit_test(test_text_that_is_too_long_is_refused),
        cmocka_unit_test(test_running_process_needs_a_pid),
        cmocka_unit_test(test_what_a_later_version_adds_is_ignored),
        cmocka_unit_test(test_entries_of_version_1_are_read),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
