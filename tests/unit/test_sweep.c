/* The sweep against a small LiveKit of the test's own, some of whose rooms do not want to go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "livekit/sweep.h"
#include "odd_server.h"

enum { MOST_ROOMS = 64 };

struct room {
    const char *name, *fail; /* fail: the answer to DeleteRoom, with status 400 */
    char sid[16];
    int stays;       /* so many DeleteRoom do nothing */
    bool comes_back; /* deleted, it is there again with another sid */
    bool is_gone;
};

static struct loop *loop;
static struct odd_server server;
static struct livekit_api *api;
static struct keyring *keys;
static struct room rooms[MOST_ROOMS];
static size_t room_count;
static int lists, gone_at_list, list_fails_from, deletes, in_flight_most;
static int done_calls, progress_calls;
static size_t count, left, last_done;
static bool is_known;
static struct buf whys;

static void add_room(struct room room) {
    snprintf(room.sid, sizeof room.sid, "RM_%zu", room_count);
    rooms[room_count++] = room;
}

static void answer_list(struct odd_conn *conn) {
    cleanup_buf struct buf body = {0};
    lists++;
    if (list_fails_from > 0 && lists >= list_fails_from) {
        odd_answer(conn, 401, "", "invalid token");
        return;
    }
    for (size_t i = 0; lists == gone_at_list && i < room_count; i++) {
        rooms[i].is_gone = true;
    }
    buf_adds(&body, "{\"rooms\":[");
    bool first = true;
    for (size_t i = 0; i < room_count; i++) {
        if (!rooms[i].is_gone) {
            buf_addf(&body, "%s{\"sid\":\"%s\",\"name\":\"%s\"}", first ? "" : ",", rooms[i].sid, rooms[i].name);
            first = false;
        }
    }
    buf_adds(&body, "]}");
    odd_answer(conn, 200, "", body.p);
}

static void answer_delete(struct odd_conn *conn, const char *body) {
    size_t waiting_flight;
    livekit_waiting(api, &waiting_flight);
    in_flight_most = (int)waiting_flight > in_flight_most ? (int)waiting_flight : in_flight_most;
    deletes++;
    for (size_t i = 0; i < room_count; i++) {
        cleanup_free char *request = xasprintf("{\"room\":\"%s\"}", rooms[i].name);
        if (strcmp(request, body) != 0 || rooms[i].is_gone) {
            continue;
        }
        if (rooms[i].fail != NULL) {
            odd_answer(conn, 400, "", rooms[i].fail);
            return;
        }
        if (rooms[i].stays-- <= 0) {
            rooms[i].is_gone = true;
            if (rooms[i].comes_back) {
                add_room((struct room){.name = rooms[i].name});
            }
        }
        odd_answer(conn, 200, "", "{}");
        return;
    }
    odd_answer(conn, 404, "", "{\"code\":\"not_found\",\"msg\":\"requested room does not exist\"}");
}

static void on_request(struct odd_server *self, struct odd_conn *conn, const char *request) {
    (void)self;
    if (strstr(request, "RoomService/ListRooms") != NULL) {
        answer_list(conn);
    } else {
        answer_delete(conn, strstr(request, "\r\n\r\n") + 4);
    }
}

static int setup(void **state) {
    (void)state;
    loop = loop_new();
    keys = keyring_new();
    assert_true(keyring_parse(keys, SLICE("devkey: 0123456789abcdef0123456789abcdef"), NULL));
    odd_start(&server, loop, on_request);
    cleanup_free char *url = xasprintf("http://127.0.0.1:%d", server.port);
    api = livekit_new(&(struct livekit_options){.loop = loop, .url = url, .keys = keys});
    room_count = count = left = last_done = 0;
    lists = gone_at_list = list_fails_from = deletes = in_flight_most = done_calls = progress_calls = 0;
    memset(rooms, 0, sizeof rooms);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    livekit_free(api);
    odd_stop(&server);
    loop_free(loop);
    keyring_free(keys);
    buf_release(&whys);
    return 0;
}

static void on_progress(void *context, const struct sweep_report *report) {
    assert_ptr_equal(context, &server);
    assert_true(report->done <= report->count);
    last_done = report->done;
    progress_calls++;
}

static void on_done(void *context, const struct sweep_report *report) {
    assert_ptr_equal(context, &server);
    done_calls++;
    count = report->count;
    left = report->left;
    is_known = report->is_known;
    assert_true(is_known == (report->why[0] == '\0'));
    for (size_t i = 0; i < report->count; i++) {
        const struct sweep_room *room = &report->rooms[i];
        if (!room->is_gone && room->why != NULL) {
            buf_addf(&whys, "%s: %s\n", room->name, room->why);
        }
    }
}

static struct sweep *start_with(struct sweep_options options, const char *prefix) {
    options.api = api;
    options.loop = loop;
    options.prefix = slice_of(prefix);
    options.is_every_room = *prefix == '\0';
    options.on_progress = on_progress;
    options.on_done = on_done;
    options.context = &server;
    return sweep_start(&options);
}

static struct sweep *start(const char *prefix) {
    return start_with((struct sweep_options){0}, prefix);
}

static void sweep_with(struct sweep_options options, const char *prefix) {
    start_with(options, prefix);
    assert_int_equal(done_calls, 0);
    TURN_UNTIL(loop, done_calls > 0);
    assert_int_equal(done_calls, 1);
}

static void sweep(const char *prefix) {
    sweep_with((struct sweep_options){0}, prefix);
}

static void test_only_the_prefix(void **state) {
    (void)state;
    add_room((struct room){.name = "sip-inbound_1"});
    add_room((struct room){.name = "meeting"});
    add_room((struct room){.name = "sip-inbound-desk"});
    sweep("sip-inbound");
    assert_int_equal(count, 2);
    assert_int_equal(left, 0);
    assert_true(is_known && rooms[0].is_gone && !rooms[1].is_gone && rooms[2].is_gone);
    assert_int_equal(deletes, 2);
    assert_int_equal(progress_calls, 2);
}

static void test_nothing_to_do(void **state) {
    (void)state;
    add_room((struct room){.name = "meeting"});
    sweep("sip-inbound");
    assert_int_equal(count, 0);
    assert_true(is_known && !rooms[0].is_gone);
    assert_int_equal(deletes, 0);
}

static void test_every_room_a_few_at_a_time(void **state) {
    static char names[40][16];
    (void)state;
    for (size_t i = 0; i < 40; i++) {
        snprintf(names[i], sizeof names[i], "room%zu", i);
        add_room((struct room){.name = names[i]});
    }
    sweep("");
    assert_int_equal(count, 40);
    assert_int_equal(left, 0);
    assert_int_equal(last_done, 40);
    assert_in_range(in_flight_most, 2, 6);
}

static void test_a_room_that_is_slow_to_go_is_deleted_again(void **state) {
    (void)state;
    add_room((struct room){.name = "sip-inbound_1", .stays = 1});
    add_room((struct room){.name = "sip-inbound_2"});
    sweep("sip-inbound");
    assert_int_equal(left, 0);
    assert_true(is_known);
    assert_int_equal(deletes, 3); /* both, and again the first */
}

static void test_a_room_that_stays_is_told(void **state) {
    (void)state;
    add_room((struct room){.name = "sip-inbound_1", .fail = "{\"code\":\"invalid_argument\",\"msg\":\"no\"}"});
    add_room((struct room){.name = "sip-inbound_2"});
    sweep("sip-inbound");
    assert_int_equal(count, 2);
    assert_int_equal(left, 1);
    assert_true(is_known);
    assert_non_null(strstr(whys.p, "sip-inbound_1: invalid_argument: no"));
}

static void test_a_room_that_comes_back_is_another(void **state) {
    (void)state;
    add_room((struct room){.name = "sip-inbound-desk", .comes_back = true});
    sweep("sip-inbound");
    assert_int_equal(left, 0);
    assert_int_equal(room_count, 2);
    assert_false(rooms[1].is_gone);
    assert_int_equal(deletes, 1);
}

static bool skips_desk(void *context, const struct livekit_room *room) {
    assert_ptr_equal(context, &server);
    return slice_is(room->name, "sip-inbound-desk");
}

static void test_what_somebody_else_deletes_is_left_alone(void **state) {
    (void)state;
    add_room((struct room){.name = "sip-inbound-desk"});
    add_room((struct room){.name = "sip-inbound_1"});
    sweep_with((struct sweep_options){.skips = skips_desk}, "sip-inbound");
    assert_int_equal(count, 1);
    assert_int_equal(left, 0);
    assert_true(!rooms[0].is_gone && rooms[1].is_gone);
}

static void test_patience_sees_rooms_go_by_themselves(void **state) {
    (void)state;
    add_room((struct room){.name = "sip-inbound_1"});
    gone_at_list = 3;
    sweep_with((struct sweep_options){.patience_ms = 60000}, "sip-inbound");
    assert_int_equal(count, 1);
    assert_int_equal(left, 0);
    assert_int_equal(deletes, 0);
}

static void test_patience_has_an_end(void **state) {
    (void)state;
    add_room((struct room){.name = "sip-inbound_1"});
    sweep_with((struct sweep_options){.patience_ms = 1000}, "sip-inbound");
    assert_int_equal(left, 0);
    assert_int_equal(deletes, 1);
    assert_true(lists >= 3);
}

static void test_rooms_listed_before(void **state) {
    static const struct livekit_room before[] = {{.name = SLICE("sip-inbound_1"), .sid = SLICE("RM_0")},
                                                 {.name = SLICE("sip-inbound_gone"), .sid = SLICE("RM_9")},
                                                 {.name = SLICE("meeting"), .sid = SLICE("RM_8")}};
    const struct livekit_answer listed = {.what = LIVEKIT_ROOMS, .count = 3, .rooms = before};
    (void)state;
    add_room((struct room){.name = "sip-inbound_1"});
    add_room((struct room){.name = "sip-inbound_later"});
    sweep_with((struct sweep_options){.listed = &listed}, "sip-inbound");
    assert_int_equal(count, 2);
    assert_int_equal(left, 0);
    assert_int_equal(deletes, 1);
    assert_true(rooms[0].is_gone && !rooms[1].is_gone);
}

static void test_livekit_does_not_answer(void **state) {
    (void)state;
    add_room((struct room){.name = "sip-inbound_1"});
    list_fails_from = 1;
    sweep("sip-inbound");
    assert_false(is_known);
    assert_int_equal(count, 0);
    assert_int_equal(deletes, 0);
}

static void test_livekit_does_not_answer_at_the_end(void **state) {
    (void)state;
    add_room((struct room){.name = "sip-inbound_1"});
    list_fails_from = 2;
    sweep("sip-inbound");
    assert_false(is_known);
    assert_int_equal(count, 1);
    assert_int_equal(left, 1); /* for all that is known */
}

static void test_cancelled(void **state) {
    (void)state;
    add_room((struct room){.name = "sip-inbound_1", .stays = 100});
    sweep_cancel(NULL);
    sweep_cancel(start("sip-inbound")); /* while it lists */
    struct sweep *running = start("sip-inbound");
    TURN_UNTIL(loop, deletes > 0); /* while it deletes */
    sweep_cancel(running);
    running = start("sip-inbound");
    TURN_UNTIL(loop, deletes >= 3); /* between two rounds, or near it */
    sweep_cancel(running);
    size_t flying;
    assert_int_equal(livekit_waiting(api, &flying), 0);
    assert_int_equal(done_calls, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_the_prefix, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_to_do, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_room_a_few_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_room_that_is_slow_to_go_is_deleted_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_room_that_stays_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_room_that_comes_back_is_another, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_somebody_else_deletes_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_patience_sees_rooms_go_by_themselves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_patience_has_an_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rooms_listed_before, setup, teardown),
        cmocka_unit_test_setup_teardown(test_livekit_does_not_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_livekit_does_not_answer_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancelled, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
