/* What the board sends: everything to who comes, then what changed, once for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "board/board.h"
#include "bridge_stage.h"
#include "http_scene.h"

#define ASK "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"

static struct stage the_stage, *const stage = &the_stage;
static struct http_scene *scene;
static struct board *board;
static const char *health;
static unsigned looks; /* at the health: one for each look at all */

static void add_health(void *context, struct buf *out) {
    (void)context;
    looks++;
    buf_addf(out, "\"status\":\"%s\",\"message\":\"m\",\"errors\":[]", health);
}

static int setup(void **state) {
    (void)state;
    scene = http_scene_new(NULL);
    stage_open(stage, NULL);
    stage_rules(stage, NULL, STAGE_AGENTS);
    health = "healthy";
    looks = 0;
    struct board_options options = {.loop = scene->loop, .bridge = stage->bridge, .add_health = add_health};
    board = board_new(&options);
    scene->stream = board_stream(board);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    http_scene_free(scene);
    board_free(board);
    stage_close(stage);
    return 0;
}

struct viewer_end {
    int fd;
    struct buf text;
};

static struct viewer_end come(void) {
    struct viewer_end viewer = {.fd = http_scene_connect(scene)};
    assert_true(http_scene_send(scene, viewer.fd, SLICE(ASK)));
    return viewer;
}

static void leave(struct viewer_end *viewer) {
    close(viewer->fd);
    buf_release(&viewer->text);
}

/* The next event that VIEWER is sent. */
static json_t *next_part(struct viewer_end *viewer) {
    mono_ms deadline = clock_mono_ms() + PATIENCE_MS;
    for (;;) {
        char *data = viewer->text.len > 0 ? strstr(viewer->text.p, "data: ") : NULL;
        char *end = data != NULL ? strstr(data, "\n\n") : NULL;
        if (end != NULL) {
            json_t *part = json_loadb(data + 6, (size_t)(end - data - 6), 0, NULL);
            assert_non_null(part);
            buf_consume(&viewer->text, (size_t)(end + 2 - viewer->text.p));
            return part;
        }
        assert_true(clock_mono_ms() < deadline);
        http_scene_turn(scene);
        assert_int_not_equal(http_scene_read(viewer->fd, &viewer->text), 0);
    }
}

static void call_rings(const char *sid, const char *leg) {
    cleanup_free char *room = xasprintf("sip-inbound_%s", sid);
    struct webhook_event event = stage_caller_event(sid, leg, "+15550001");
    event.room.name = slice_of(room);
    bridge_webhook(stage->bridge, &event, stage->now);
    board_touched(board);
}

static const char *text_in(const json_t *part, const char *list, size_t place, const char *name) {
    return json_string_value(json_object_get(json_array_get(json_object_get(part, list), place), name));
}

static json_int_t count_in(const json_t *part, const char *name) {
    return json_integer_value(json_object_get(json_object_get(part, "counts"), name));
}

static void test_one_call_from_ring_to_end(void **state) {
    (void)state;
    struct viewer_end viewer = come();
    json_t *part = next_part(&viewer);
    assert_true(json_is_true(json_object_get(part, "full")));
    assert_string_equal(json_string_value(json_object_get(part, "status")), "healthy");
    assert_int_equal(count_in(part, "ringing"), 0);
    json_decref(part);

    call_rings("RM_1", "PA_1");
    part = next_part(&viewer);
    assert_null(json_object_get(part, "full"));
    assert_null(json_object_get(part, "status")); /* as it was */
    assert_string_equal(text_in(part, "calls", 0, "state"), "ringing");
    assert_string_equal(text_in(part, "calls", 0, "called"), "+*****001");
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(part, "calls"), 0), "ring_ms")));
    assert_int_equal(count_in(part, "ringing"), 1);
    json_decref(part);

    stage->now += 700;
    stage_person(stage, EVENT_participant_joined, "RM_1", "sip-agent-RM_1", KIND_AGENT);
    stage_person(stage, EVENT_track_published, "RM_1", "sip-agent-RM_1", KIND_AGENT);
    board_touched(board);
    part = next_part(&viewer);
    assert_string_equal(text_in(part, "calls", 0, "state"), "talking");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(part, "calls"), 0), "ring_ms")),
                     700);
    json_decref(part);

    board_ended(board, &(struct call_record){.sid = SLICE("RM_1"),
                                             .end = SLICE("CALLER_LEFT"),
                                             .answered = 1,
                                             .ended = 2,
                                             .ring_ms = 700,
                                             .talk_ms = 5000});
    struct webhook_event over = stage_event(EVENT_room_finished, "RM_1", "sip-inbound_RM_1");
    bridge_webhook(stage->bridge, &over, stage->now);
    stage_engine(stage, "RM_1", ENGINE_EXITED, 0);
    part = next_part(&viewer);
    assert_string_equal(json_string_value(json_array_get(json_object_get(part, "gone"), 0)), "RM_1");
    assert_string_equal(text_in(part, "ends", 0, "text"), "the last caller left");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(part, "ends"), 0), "talk_ms")),
                     5000);
    json_decref(part);
    leave(&viewer);
}

static void test_who_comes_later_gets_everything(void **state) {
    (void)state;
    call_rings("RM_1", "PA_1");
    struct viewer_end first = come();
    json_decref(next_part(&first));
    call_rings("RM_2", "PA_2");
    json_t *part = next_part(&first);
    assert_int_equal(json_array_size(json_object_get(part, "calls")), 1);
    json_decref(part);
    struct viewer_end second = come();
    part = next_part(&second);
    assert_int_equal(json_array_size(json_object_get(part, "calls")), 2);
    json_decref(part);
    call_rings("RM_3", "PA_3");
    for (unsigned i = 0; i < 2; i++) {
        part = next_part(i == 0 ? &first : &second);
        assert_string_equal(text_in(part, "calls", 0, "sid"), "RM_3");
        assert_int_equal(json_array_size(json_object_get(part, "calls")), 1);
        json_decref(part);
    }
    leave(&first);
    leave(&second);
}

static void test_health_is_told_when_it_changes(void **state) {
    (void)state;
    struct viewer_end viewer = come();
    json_decref(next_part(&viewer));
    health = "degraded";
    board_touched(board);
    json_t *part = next_part(&viewer);
    assert_string_equal(json_string_value(json_object_get(part, "status")), "degraded");
    json_decref(part);
    leave(&viewer);
}

static void test_nobody_looks(void **state) {
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        board_touched(board);
        http_server_turn(scene->server, 0);
    }
    assert_int_equal(looks, 0);
    assert_int_equal(loop_wait_ms(scene->loop, 5000), 5000); /* no timer runs */
}

/* A hundred changes in one turn are one look. */
static void test_changes_are_gathered(void **state) {
    (void)state;
    struct viewer_end viewer = come();
    json_decref(next_part(&viewer));
    unsigned before = looks;
    for (unsigned i = 0; i < 100; i++) {
        char sid[16], leg[16];
        snprintf(sid, sizeof sid, "RM_%u", i);
        snprintf(leg, sizeof leg, "PA_%u", i);
        call_rings(sid, leg);
    }
    json_t *part = next_part(&viewer);
    assert_int_equal(json_array_size(json_object_get(part, "calls")), 100);
    assert_int_equal(looks, before + 1);
    json_decref(part);
    leave(&viewer);
}

/* What changes nothing that is shown is looked at as seldom as what does. */
static void test_looks_are_apart_when_nothing_changed(void **state) {
    (void)state;
    struct viewer_end viewer = come();
    json_decref(next_part(&viewer));
    unsigned before = looks;
    mono_ms since = clock_mono_ms();
    while (clock_mono_ms() - since < 4 * BOARD_APART_MS) {
        board_touched(board);
        http_server_turn(scene->server, 1);
    }
    assert_in_range(looks - before, 1, (uintmax_t)((clock_mono_ms() - since) / BOARD_APART_MS + 1));
    leave(&viewer);
}

static void test_more_calls_than_are_shown(void **state) {
    (void)state;
    for (unsigned i = 0; i < BOARD_MOST_CALLS + 7; i++) {
        char sid[16], leg[16];
        snprintf(sid, sizeof sid, "RM_%u", i);
        snprintf(leg, sizeof leg, "PA_%u", i);
        call_rings(sid, leg);
    }
    struct viewer_end viewer = come();
    json_t *part = next_part(&viewer);
    assert_int_equal(json_array_size(json_object_get(part, "calls")), BOARD_MOST_CALLS);
    assert_int_equal(count_in(part, "unshown"), 7);
    assert_int_equal(count_in(part, "ringing"), BOARD_MOST_CALLS + 7);
    json_decref(part);
    leave(&viewer);
}

static void test_only_so_many_look(void **state) {
    (void)state;
    struct viewer_end viewers[BOARD_MOST_VIEWERS];
    for (size_t i = 0; i < BOARD_MOST_VIEWERS; i++) {
        assert_non_null(board_stream(board));
        viewers[i] = come();
        json_decref(next_part(&viewers[i]));
    }
    assert_null(board_stream(board));
    for (size_t i = 0; i < BOARD_MOST_VIEWERS; i++) {
        leave(&viewers[i]);
    }
}

/* Text from outside is JSON text, cut, with its numbers masked. */
static void test_hostile_names(void **state) {
    (void)state;
    char called[400];
    memset(called, '\xff', sizeof called);
    memcpy(called, "</script>\n\ndata: \"+15550009999", 30);
    struct webhook_event event = stage_caller_event("RM_1", "PA_1", "");
    event.participant.called = (struct slice){called, sizeof called};
    bridge_webhook(stage->bridge, &event, stage->now);
    struct viewer_end viewer = come();
    json_t *part = next_part(&viewer);
    const char *shown = text_in(part, "calls", 0, "called");
    assert_non_null(strstr(shown, "</script>\n\ndata: \"+********999"));
    assert_true(strlen(shown) <= 3 * BOARD_MOST_TEXT);
    json_decref(part);
    leave(&viewer);
}

static void test_parts_of_the_page(void **state) {
    (void)state;
    struct board_part part;
    assert_true(board_part(SLICE(""), &part));
    assert_true(slice_starts(part.body, SLICE("<!doctype html>")));
    assert_true(board_part(SLICE("/board.js"), &part));
    assert_true(board_part(SLICE("/board.css"), &part));
    assert_false(board_part(SLICE("/"), &part));
    assert_false(board_part(SLICE("/../board.js"), &part));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_call_from_ring_to_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_comes_later_gets_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(test_health_is_told_when_it_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_looks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changes_are_gathered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_looks_are_apart_when_nothing_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_calls_than_are_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_so_many_look, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_names, setup, teardown),
        cmocka_unit_test(test_parts_of_the_page),
    };
    return cmocka_run_group_tests(tests, stage_silence_log, NULL);
}
