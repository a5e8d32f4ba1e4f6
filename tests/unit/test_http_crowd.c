/* Who has to go, with made-up connections: no socket, no HTTP library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "base/mem.h"
#include "http/crowd.h"

#define HEAD "GET / HTTP/1.1\r\n\r\n"

/* A connection: what it is doing, and what became of it. */
struct actor {
    struct member member;
    struct crowd_view view;
    bool in, slow_to_go;
    unsigned closes;
    const char *answer;
};

static struct loop *loop;
static struct crowd crowd;
static mono_ms now; /* made up too */

static struct crowd_view view_actor(struct member *member) {
    return container_of(member, struct actor, member)->view;
}

static void close_actor(struct member *member, const char *answer) {
    struct actor *actor = container_of(member, struct actor, member);
    actor->closes++;
    actor->answer = answer;
    if (!actor->slow_to_go) {
        actor->in = false;
        crowd_leave(member);
    }
}

static void start(const struct http_limits *limits) {
    loop = loop_new();
    now = 1000000;
    crowd = (struct crowd){.view = view_actor, .close = close_actor};
    crowd_init(&crowd, loop, limits);
}

static void finish(void) {
    crowd_close_all(&crowd);
    crowd_release(&crowd);
    loop_free(loop);
}

/* ADDRESS: the last number of 10.0.0.x. */
static bool join(struct actor *actor, unsigned address) {
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000000U + address)};
    actor->view.reading = true;
    actor->in = crowd_join(&crowd, &actor->member, (struct sockaddr *)&from, now);
    return actor->in;
}

static void does(struct actor *actor, const char *input) {
    actor->view.input = slice_of(input);
}

/* Lets MS pass and sweeps. */
static void pass(int ms) {
    now += ms;
    crowd_tend(&crowd, now);
}

static void test_phases_have_their_own_time(void **state) {
    struct http_limits limits = http_limits_default;
    struct actor idle = {.in = false}, header = {.in = false}, body = {.in = false}, answer = {.in = false};
    (void)state;
    limits.header_ms = 30;
    limits.body_ms = 60;
    limits.write_ms = 90;
    limits.idle_ms = 120;
    start(&limits);
    assert_true(join(&idle, 1) && join(&header, 1) && join(&body, 1) && join(&answer, 1));
    does(&header, "GET");
    does(&body, HEAD "abc");
    answer.view.reading = false;
    pass(10); /* the phases are seen */
    pass(29);
    assert_true(idle.in && header.in && body.in && answer.in);
    pass(10); /* each 39 */
    assert_true(idle.in && !header.in && body.in && answer.in);
    pass(30);
    assert_true(idle.in && !body.in && answer.in);
    pass(30);
    assert_true(idle.in && !answer.in);
    pass(30);
    assert_false(idle.in);
    assert_null(header.answer); /* closed without a word: LiveKit tries again */
    assert_int_equal(crowd.counters.too_slow, 3);
    assert_int_equal(crowd.counters.open, 0);
    finish();
}

/* The same phase of another request starts anew. */
static void test_next_request_has_its_own_time(void **state) {
    struct http_limits limits = http_limits_default;
    struct actor actor = {.in = false};
    (void)state;
    limits.header_ms = 30;
    start(&limits);
    assert_true(join(&actor, 1));
    does(&actor, "GET");
    for (int i = 0; i < 5; i++) {
        pass(20);
        assert_true(actor.in);
        actor.member.requests++;
    }
    pass(20);
    pass(30);
    assert_false(actor.in);
    finish();
}

static void test_large_header(void **state) {
    struct http_limits limits = http_limits_default;
    struct actor fits = {.in = false}, large = {.in = false}, body = {.in = false};
    (void)state;
    limits.max_header = 5;
    start(&limits);
    assert_true(join(&fits, 1) && join(&large, 1) && join(&body, 1));
    does(&fits, "GET /");
    does(&large, "GET /a");
    does(&body, HEAD "large but a body");
    pass(10);
    assert_true(fits.in && body.in && !large.in);
    assert_memory_equal(large.answer, "HTTP/1.1 431 ", 13);
    assert_int_equal(crowd.counters.too_large, 1);
    finish();
}

static void test_largest_is_shed(void **state) {
    struct http_limits limits = http_limits_default;
    struct actor actors[4];
    static const char *const inputs[] = {HEAD "1234", HEAD "12345678901234567890", HEAD "12", HEAD "123456789"};
    (void)state;
    limits.max_bodies = 2 * (sizeof HEAD - 1) + 8;
    start(&limits);
    memset(actors, 0, sizeof actors);
    for (size_t i = 0; i < 4; i++) {
        assert_true(join(&actors[i], 1));
        does(&actors[i], inputs[i]);
    }
    pass(10);
    assert_true(actors[0].in && !actors[1].in && actors[2].in && !actors[3].in);
    assert_memory_equal(actors[1].answer, "HTTP/1.1 503 ", 13);
    assert_int_equal(crowd.counters.over_limit, 2);
    finish();
}

/* One that is told to go and takes its time is told once, and its memory does not cost others their place. */
static void test_told_once(void **state) {
    struct http_limits limits = http_limits_default;
    struct actor slow = {.slow_to_go = true}, other = {.in = false};
    (void)state;
    limits.write_ms = 20;
    limits.max_bodies = 30;
    start(&limits);
    assert_true(join(&slow, 1) && join(&other, 1));
    slow.view.reading = false;
    does(&slow, HEAD "1234567890");
    does(&other, HEAD "12");
    for (int i = 0; i < 5; i++) {
        slow.member.requests++; /* stays below its time */
        other.member.requests++;
        pass(10);
        assert_int_equal(slow.closes, 0);
        if (i == 0) {
            assert_false(other.in); /* too much, and nothing else to shed */
        }
    }
    pass(20);
    pass(20);
    assert_int_equal(slow.closes, 1);
    assert_true(slow.member.doomed);
    crowd_leave(&slow.member);
    finish();
}

static void test_idlest_goes_first(void **state) {
    struct http_limits limits = http_limits_default;
    struct actor actors[4];
    (void)state;
    limits.max_connections = 3;
    start(&limits);
    memset(actors, 0, sizeof actors);
    for (size_t i = 0; i < 3; i++) {
        assert_false(crowd_is_full(&crowd));
        assert_true(crowd_has_room(&crowd, now));
        assert_true(join(&actors[i], (unsigned)i));
        pass(12);
    }
    assert_true(crowd_is_full(&crowd));
    assert_false(crowd_has_room(&crowd, now)); /* all are new */
    pass(1000);
    actors[0].member.requests++; /* the oldest, but it has just been used */
    assert_true(crowd_has_room(&crowd, now));
    assert_true(actors[0].in && !actors[1].in && actors[2].in);
    assert_true(join(&actors[3], 3));
    does(&actors[0], "G");
    does(&actors[2], "G");
    does(&actors[3], "G");
    assert_false(crowd_has_room(&crowd, now));
    assert_true(actors[0].in && actors[2].in && actors[3].in);
    finish();
}

/* LiveKit's connection idles between calls; strangers who fill the house with half requests push each other out. */
static void test_served_ones_outlive_strangers(void **state) {
    struct http_limits limits = http_limits_default;
    struct actor actors[5];
    (void)state;
    limits.max_connections = 3;
    start(&limits);
    memset(actors, 0, sizeof actors);
    assert_true(join(&actors[0], 0) && join(&actors[1], 1) && join(&actors[2], 2));
    actors[0].member.requests++;
    does(&actors[1], "POST /");
    pass(12);
    pass(1000);
    assert_true(crowd_has_room(&crowd, now));
    assert_true(actors[0].in && actors[1].in && !actors[2].in); /* who never began was here longest */
    assert_true(join(&actors[3], 3));
    assert_true(crowd_has_room(&crowd, now));
    assert_true(actors[0].in && !actors[1].in && actors[3].in);
    assert_true(join(&actors[4], 4));
    assert_true(crowd_has_room(&crowd, now)); /* the others are new: now it is its turn */
    assert_true(!actors[0].in && actors[3].in && actors[4].in);
    finish();
}

static void test_peer_makes_room_for_itself(void **state) {
    struct http_limits limits = http_limits_default;
    struct actor actors[5];
    (void)state;
    limits.max_per_peer = 2;
    start(&limits);
    memset(actors, 0, sizeof actors);
    assert_true(join(&actors[0], 9)); /* idle longest, but another's */
    pass(12);
    assert_true(join(&actors[1], 1) && join(&actors[2], 1));
    does(&actors[1], "G");
    assert_false(join(&actors[3], 1)); /* all are new or busy */
    pass(1000);
    assert_true(join(&actors[3], 1));
    assert_true(actors[0].in && actors[1].in && !actors[2].in && actors[3].in);
    does(&actors[3], "G");
    assert_true(join(&actors[4], 1)); /* at the cost of who has been slow for a second */
    assert_true(actors[0].in && !actors[1].in && actors[3].in && actors[4].in);
    assert_int_equal(crowd.counters.open, 3);
    assert_int_equal(crowd.counters.connections, 5);
    finish();
}

/* The sweep is due by timer while there is anybody, and not while there is nobody. */
static void test_timer_runs_while_there_is_anybody(void **state) {
    struct actor actor = {.in = false};
    (void)state;
    start(&http_limits_default);
    assert_int_equal(loop_wait_ms(loop, 10000), 10000);
    assert_true(join(&actor, 1));
    assert_int_equal(loop_timers(loop), 1);
    assert_in_range(loop_wait_ms(loop, 10000), 0, 250);
    crowd_leave(&actor.member);
    mono_ms deadline = clock_mono_ms() + 60000;
    while (loop_wait_ms(loop, 10000) < 10000 && clock_mono_ms() < deadline) {
        loop_turn(loop, 10000);
    }
    assert_true(clock_mono_ms() < deadline);
    finish();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phases_have_their_own_time),
        cmocka_unit_test(test_next_request_has_its_own_time),
        cmocka_unit_test(test_large_header),
        cmocka_unit_test(test_largest_is_shed),
        cmocka_unit_test(test_told_once),
        cmocka_unit_test(test_idlest_goes_first),
        cmocka_unit_test(test_served_ones_outlive_strangers),
        cmocka_unit_test(test_peer_makes_room_for_itself),
        cmocka_unit_test(test_timer_runs_while_there_is_anybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
