/* The bridge's questions to LiveKit: what is asked when, what answers become, and that no answer becomes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "livekit_scene.h"

#define START "mint sip-inbound_x sip-agent-RM_1;start RM_1 support;"
#define STOP "stop RM_1 after=0 timeout=5000;"
#define PEOPLE "participants sip-inbound_x;"

#define BY_NUMBER                                           \
    "[{\"pattern\":\"+1555*\",\"agent_name\":\"support\"}," \
    "{\"pattern\":\"+1666*\",\"agent_name\":\"sales\"},"    \
    "{\"pattern\":\"+1777*\",\"agent_name\":\"support\"}]"

static struct scene scene;
static struct stage *const stage = &scene.stage;
static struct fake_asker *const fake = &scene.fake;

static int open_scene(void **state) {
    (void)state;
    scene_open(&scene);
    return 0;
}

static int close_scene(void **state) {
    (void)state;
    scene_close(&scene);
    return 0;
}

/* A call of one caller whose agent, the participant PA_A1, speaks. */
static void answered_call(void) {
    stage_rules(stage, NULL, STAGE_AGENTS);
    stage_caller(stage, "RM_1", "PA_1", "+1");
    stage_engine(stage, "RM_1", ENGINE_STARTED, 0);
    static const enum event_kind kinds[] = {EVENT_participant_joined, EVENT_track_published};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct webhook_event event = stage_event(kinds[i], "RM_1", STAGE_ROOM);
        event.participant.sid = SLICE("PA_A1");
        event.participant.identity = SLICE("sip-agent-RM_1");
        event.participant.kind = KIND_AGENT;
        bridge_webhook(stage->bridge, &event, stage->now);
    }
    stage_is(stage, "RM_1", "talking");
    stage_wait(stage, 20000);
    stage_did(stage, START);
    fake_did(fake, "");
}

static void is_asked_for_rooms(const char *sid) {
    const struct livekit_room room = fake_room(sid, STAGE_ROOM, 1);
    fake_list(fake, QUESTION_ROOM, &room, 1);
}

/* --- the number --- */

static void test_the_number_is_asked_for_again(void **state) {
    (void)state;
    static const int64_t waits[] = {20, 50, 100};
    stage_rules(stage, BY_NUMBER, STAGE_AGENTS);
    stage_room(stage, EVENT_room_started, "RM_1");
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        fake_did(fake, PEOPLE);
        assert_true(fake->open->urgent);
        FAKE_NOBODY(fake);
        assert_int_equal(livekit_link_next_due(scene.link), stage->now + waits[i]);
        scene_wait(&scene, waits[i] - 1);
        fake_did(fake, "");
        scene_wait(&scene, 1);
    }
    fake_did(fake, PEOPLE);
    FAKE_NOBODY(fake);
    assert_int_equal(livekit_link_next_due(scene.link), MONO_NEVER);
    stage_is(stage, "RM_1", "deciding");
    assert_int_equal(scene.touched, 4);
}

static void test_the_number_is_told(void **state) {
    (void)state;
    stage_rules(stage, BY_NUMBER, STAGE_AGENTS);
    stage_room(stage, EVENT_room_started, "RM_1");
    FAKE_PEOPLE(fake, fake_caller("PA_1"));
    stage_did(stage, START);
    stage_caller(stage, "RM_1", "PA_1", "+16660001"); /* the webhook comes second */
    stage_did(stage, "");
    fake_did(fake, PEOPLE);
    assert_int_equal(livekit_link_next_due(scene.link), MONO_NEVER);
}

static void test_who_tells_no_number(void **state) {
    (void)state;
    stage_rules(stage, BY_NUMBER, STAGE_AGENTS);
    stage_room(stage, EVENT_room_started, "RM_1");
    struct livekit_participant outbound = fake_caller("PA_1"), gone = fake_caller("PA_2");
    outbound.rule_id = SLICE("");
    gone.state = LIVEKIT_DISCONNECTED;
    FAKE_PEOPLE(fake, outbound, gone, fake_agent("PA_3"), fake_person("PA_4", "someone", KIND_STANDARD));
    stage_did(stage, "");
    assert_int_equal(livekit_link_next_due(scene.link), stage->now + 20);
    scene_wait(&scene, 20);
    fake_did(fake, PEOPLE PEOPLE);
    fake_outcome(fake, QUESTION_PARTICIPANTS, LIVEKIT_AWAY);
    assert_int_equal(livekit_link_next_due(scene.link), stage->now + 50);
    scene_wait(&scene, 50);
    fake_outcome(fake, QUESTION_PARTICIPANTS, LIVEKIT_REFUSED); /* it will not next time either */
    assert_int_equal(livekit_link_next_due(scene.link), MONO_NEVER);
}

static void test_the_number_of_a_call_that_is_over(void **state) {
    (void)state;
    stage_rules(stage, BY_NUMBER, STAGE_AGENTS);
    stage_room(stage, EVENT_room_started, "RM_1");
    stage_room(stage, EVENT_room_finished, "RM_1");
    assert_int_equal(fake_open(fake), 0);
    stage_is(stage, "RM_1", "");
    stage_did(stage, "");
    assert_int_equal(livekit_link_next_due(scene.link), MONO_NEVER);
}

/* --- ready --- */

static void run_into_ready(const char *called) {
    stage_rules(stage, BY_NUMBER, STAGE_AGENTS);
    stage_caller(stage, "RM_1", "PA_1", called);
    stage_engine(stage, "RM_1", ENGINE_STARTED, 0);
    buf_clear(&stage->log);
    scene_wait(&scene, 10000);
    fake_did(fake, PEOPLE);
}

static void test_ready_after_all(void **state) {
    (void)state;
    run_into_ready("+15550001");
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1"));
    stage_is(stage, "RM_1", "not-ready"); /* it may be a ghost */
    fake_did(fake, "confirm sip-inbound_x sip-agent-RM_1;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_is(stage, "RM_1", "talking");
    stage_did(stage, "");
    assert_int_equal(livekit_link_next_due(scene.link), MONO_NEVER);
}

/* LiveKit crashed, and its list outlived that: who cannot be asked for is not there. */
static void test_a_listed_agent_that_is_not_there(void **state) {
    (void)state;
    run_into_ready("+15550001");
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1"));
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_AWAY);
    stage_did(stage, ""); /* no answer is no action */
    scene_wait(&scene, 2000);
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    stage_did(stage, "kill RM_1;");
}

static void test_not_ready(void **state) {
    (void)state;
    struct livekit_participant mute = fake_agent("PA_A1"), gone = fake_agent("PA_A1");
    mute.audio_tracks = 0;
    gone.state = LIVEKIT_DISCONNECTED;
    const struct livekit_participant listed[] = {mute, gone, fake_person("PA_9", "sip-agent-RM_2", KIND_AGENT),
                                                 fake_person("PA_9", "someone", KIND_STANDARD)};
    for (size_t i = 0; i < ARRAY_LEN(listed); i++) {
        run_into_ready("+15550001");
        FAKE_PEOPLE(fake, fake_caller("PA_1"), listed[i]);
        stage_did(stage, "kill RM_1;");
        scene_close(&scene);
        scene_open(&scene);
    }
}

/* The participant of a process that was killed is listed for some 20 s more: it is no answer. */
static void test_a_ghost_is_not_ready(void **state) {
    (void)state;
    answered_call();
    stage_engine(stage, "RM_1", ENGINE_EXITED, 137);
    stage_engine(stage, "RM_1", ENGINE_STARTED, 0);
    stage_did(stage, START);
    scene_wait(&scene, 10000);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1"));
    stage_did(stage, "kill RM_1;");
    stage_is(stage, "RM_1", "replacing");
}

static void test_agents_with_a_token_of_their_own(void **state) {
    (void)state;
    const struct livekit_participant agents[] = {fake_person("PA_9", "worker", KIND_AGENT),
                                                 fake_person("PA_9", "worker", KIND_STANDARD)};
    for (size_t i = 0; i < ARRAY_LEN(agents); i++) {
        run_into_ready("+16660001");
        FAKE_PEOPLE(fake, fake_caller("PA_1"), agents[i]);
        fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
        stage_is(stage, "RM_1", "talking");
        stage_did(stage, "");
        scene_close(&scene);
        scene_open(&scene);
    }
    run_into_ready("+16660001");
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_person("PA_9", "EG_1", KIND_EGRESS),
                fake_person("PA_8", "human", KIND_SIP));
    stage_did(stage, "kill RM_1;");
}

static void count_failures(void *context, const struct log_heard *record) {
    unsigned *count = context;
    *count += record->level == LOG_WARNING && strncmp(record->message, "LiveKit could not be asked", 26) == 0;
}

static void test_no_answer_is_no_action(void **state) {
    (void)state;
    unsigned warnings = 0;
    log_listen(count_failures, &warnings);
    static const enum livekit_outcome outcomes[] = {LIVEKIT_AWAY, LIVEKIT_ODD, LIVEKIT_REFUSED, LIVEKIT_NOT_FOUND};
    run_into_ready("+15550001");
    for (size_t i = 0; i < 3 * ARRAY_LEN(outcomes); i++) {
        fake_outcome(fake, QUESTION_PARTICIPANTS, outcomes[i % ARRAY_LEN(outcomes)]);
        stage_is(stage, "RM_1", "not-ready");
        scene_wait(&scene, 1999);
        fake_did(fake, "");
        scene_wait(&scene, 1);
        fake_did(fake, PEOPLE);
    }
    log_listen(NULL, NULL);
    assert_int_equal(warnings, 3); /* of 12 failures in 24 s */
    stage_did(stage, "");
    stage_room(stage, EVENT_room_finished, "RM_1");
    stage_engine(stage, "RM_1", ENGINE_EXITED, 0);
    fake_outcome(fake, QUESTION_PARTICIPANTS, LIVEKIT_AWAY); /* nobody wants to know any more */
    assert_int_equal(livekit_link_next_due(scene.link), MONO_NEVER);
}

/* --- who is in the room --- */

static void run_into_empty(void) {
    stage_rules(stage, NULL, STAGE_AGENTS);
    stage_room(stage, EVENT_room_started, "RM_1");
    stage_engine(stage, "RM_1", ENGINE_STARTED, 0);
    stage_did(stage, START);
    scene_wait(&scene, 10000);
    fake_did(fake, PEOPLE);
    stage_is(stage, "RM_1", "empty");
}

static void test_nobody_is_in_the_room(void **state) {
    (void)state;
    run_into_empty();
    FAKE_PEOPLE(fake, fake_agent("PA_A1"), fake_person("PA_9", "someone", KIND_STANDARD));
    stage_did(stage, STOP);
    stage_is(stage, "RM_1", "stopping/NOT_A_CALL");
    fake_did(fake, ""); /* the room is left alone */
    assert_int_equal(livekit_link_next_due(scene.link), MONO_NEVER);
}

static void test_nobody_says_who_is_in_the_room(void **state) {
    (void)state;
    run_into_empty();
    for (int i = 0; i < 20; i++) {
        fake_outcome(fake, QUESTION_PARTICIPANTS, LIVEKIT_AWAY);
        scene_wait(&scene, 2000);
        fake_did(fake, PEOPLE);
    }
    stage_is(stage, "RM_1", "empty");
    FAKE_NOBODY(fake);
    stage_did(stage, STOP);
}

static void test_an_untold_caller_is_in_the_room(void **state) {
    (void)state;
    run_into_empty();
    FAKE_PEOPLE(fake, fake_caller("PA_1"));
    fake_did(fake, "confirm sip-inbound_x PA_1;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_is(stage, "RM_1", "not-ready"); /* it has not spoken for 10 s */
    fake_did(fake, PEOPLE);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1"));
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_is(stage, "RM_1", "talking");
    stage_did(stage, "");
    assert_int_equal(livekit_link_next_due(scene.link), MONO_NEVER);
}

static void test_a_ghost_of_a_caller_is_in_the_room(void **state) {
    (void)state;
    run_into_empty();
    FAKE_PEOPLE(fake, fake_caller("PA_1"));
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_AWAY); /* that says nothing */
    stage_is(stage, "RM_1", "empty");
    scene_wait(&scene, 2000);
    fake_did(fake, "confirm sip-inbound_x PA_1;" PEOPLE);
    FAKE_PEOPLE(fake, fake_caller("PA_1"));
    stage_is(stage, "RM_1", "empty");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    stage_is(stage, "RM_1", "stopping/NOT_A_CALL");
    stage_did(stage, STOP);
    assert_int_equal(livekit_link_next_due(scene.link), MONO_NEVER);
}

/* A caller whose line dropped may be back, and that unheard. */
static void test_back_unheard(void **state) {
    (void)state;
    answered_call();
    struct webhook_event drops = stage_caller_event("RM_1", "PA_1", "");
    drops.kind = EVENT_participant_left;
    drops.participant.disconnect_reason = DISCONNECT_SIGNAL_CLOSE;
    bridge_webhook(stage->bridge, &drops, stage->now);
    fake_did(fake, PEOPLE);
    struct livekit_participant again = fake_caller("PA_2");
    again.identity = SLICE("PA_1");
    FAKE_PEOPLE(fake, fake_caller("PA_1"), again); /* the old leg is known to be gone */
    fake_did(fake, "confirm sip-inbound_x PA_1;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_is(stage, "RM_1", "talking");
}

/* --- callers of the list --- */

static unsigned there;

static void on_asked(void *context, enum livekit_outcome outcome) {
    assert_ptr_equal(context, &scene);
    there += outcome == LIVEKIT_OK;
}

static bool confirm(const char *sid) {
    const struct livekit_participant listed = fake_caller(sid);
    return livekit_link_confirm(scene.link, SLICE("RM_1"), SLICE(STAGE_ROOM), &listed, on_asked, &scene);
}

static void test_confirming(void **state) {
    (void)state;
    there = 0;
    stage_rules(stage, NULL, STAGE_AGENTS);
    static const enum livekit_outcome outcomes[] = {LIVEKIT_NOT_FOUND, LIVEKIT_AWAY, LIVEKIT_REFUSED, LIVEKIT_ODD};
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        confirm("PA_1");
        assert_true(fake->open->urgent);
        fake_outcome(fake, QUESTION_CONFIRM, outcomes[i]);
    }
    assert_int_equal(bridge_live(stage->bridge), 0);
    assert_int_equal(there, 0);
    buf_clear(&fake->log);
    assert_true(confirm("PA_1"));
    assert_false(confirm("PA_1")); /* it is being asked */
    fake_did(fake, "confirm sip-inbound_x PA_1;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_did(stage, START);
    assert_true(slice_is(stage_state(stage, "RM_1").view.called, "+15550001"));
    assert_int_equal(there, 1);
}

/* They may be in the room that has the name now, or a webhook told of them first: nothing comes of LiveKit's word. */
static void test_confirming_what_is_over_or_known(void **state) {
    (void)state;
    there = 0;
    answered_call();
    assert_true(confirm("PA_2"));
    stage_caller(stage, "RM_1", "PA_2", "+1");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    assert_int_equal(there, 0);
    assert_true(confirm("PA_3"));
    stage_room(stage, EVENT_room_finished, "RM_1");
    stage_engine(stage, "RM_1", ENGINE_EXITED, 0);
    stage_is(stage, "RM_1", "");
    buf_clear(&stage->log);
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    assert_int_equal(there, 0);
    stage_is(stage, "RM_1", "");
    stage_did(stage, "");
}

/* The same identity as another participant, or in another room of that name, is somebody else. */
static void test_confirming_others(void **state) {
    (void)state;
    there = 0;
    stage_rules(stage, NULL, STAGE_AGENTS);
    struct livekit_participant listed = fake_caller("PA_1");
    livekit_link_confirm(scene.link, SLICE("RM_1"), SLICE(STAGE_ROOM), &listed, on_asked, &scene);
    livekit_link_confirm(scene.link, SLICE("RM_2"), SLICE(STAGE_ROOM), &listed, on_asked, &scene);
    listed.sid = SLICE("PA_2");
    livekit_link_confirm(scene.link, SLICE("RM_1"), SLICE(STAGE_ROOM), &listed, on_asked, &scene);
    assert_int_equal(fake_open(fake), 3);
    for (int i = 0; i < 3; i++) {
        fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    }
}

static void test_confirming_many(void **state) {
    (void)state;
    stage_rules(stage, NULL, STAGE_AGENTS);
    for (int i = 0; i < 10000; i++) {
        cleanup_free char *sid = xasprintf("PA_%d", i);
        confirm(sid);
    }
    assert_int_equal(fake_open(fake), LIVEKIT_LINK_CONFIRMS);
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    confirm("PA_9999");
    assert_int_equal(fake_open(fake), LIVEKIT_LINK_CONFIRMS);
}

/* --- deleting the room --- */

static void run_into_hanging_up(void) {
    answered_call();
    stage_caller_leaves(stage, "RM_1", "PA_1");
    fake_did(fake, "room sip-inbound_x;");
    stage_did(stage, STOP);
    assert_true(fake->open->urgent);
}

static void is_hung_up(void) {
    stage_is(stage, "RM_1", "stopping/CALLER_LEFT");
    stage_engine(stage, "RM_1", ENGINE_EXITED, 0);
    stage_is(stage, "RM_1", "");
    assert_int_equal(livekit_link_next_due(scene.link), MONO_NEVER);
}

static void test_deleting(void **state) {
    (void)state;
    static const enum livekit_outcome good[] = {LIVEKIT_OK, LIVEKIT_NOT_FOUND};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        run_into_hanging_up();
        is_asked_for_rooms("RM_1");
        fake_did(fake, PEOPLE);
        FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1")); /* known to be gone */
        fake_did(fake, "delete sip-inbound_x;");
        fake_outcome(fake, QUESTION_DELETE, good[i]);
        fake_did(fake, "");
        is_hung_up();
        scene_close(&scene);
        scene_open(&scene);
    }
}

static void test_deleting_what_is_not_there(void **state) {
    (void)state;
    run_into_hanging_up();
    is_asked_for_rooms("RM_2"); /* its name came back */
    fake_did(fake, "");
    is_hung_up();
    scene_close(&scene);
    scene_open(&scene);
    run_into_hanging_up();
    fake_list(fake, QUESTION_ROOM, NULL, 0);
    fake_did(fake, "");
    is_hung_up();
}

static void test_deleting_fails(void **state) {
    (void)state;
    static const enum livekit_outcome bad[] = {LIVEKIT_AWAY, LIVEKIT_ODD, LIVEKIT_REFUSED};
    run_into_hanging_up();
    fake_outcome(fake, QUESTION_ROOM, LIVEKIT_AWAY);
    scene_wait(&scene, 199);
    fake_did(fake, "");
    scene_wait(&scene, 1);
    fake_did(fake, "room sip-inbound_x;");
    is_asked_for_rooms("RM_1");
    fake_outcome(fake, QUESTION_PARTICIPANTS, LIVEKIT_AWAY);
    fake_did(fake, PEOPLE);
    scene_wait(&scene, 1000);
    fake_did(fake, "room sip-inbound_x;");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        is_asked_for_rooms("RM_1");
        FAKE_NOBODY(fake);
        fake_outcome(fake, QUESTION_DELETE, bad[i]);
        stage_is(stage, "RM_1", "hanging-up/CALLER_LEFT");
        scene_wait(&scene, 8000);
    }
    is_asked_for_rooms("RM_1");
    FAKE_NOBODY(fake);
    fake_outcome(fake, QUESTION_DELETE, LIVEKIT_OK);
    is_hung_up();
}

static void test_an_untold_caller_is_not_hung_up(void **state) {
    (void)state;
    run_into_hanging_up();
    is_asked_for_rooms("RM_1");
    FAKE_PEOPLE(fake, fake_caller("PA_2"));
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_2;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_is(stage, "RM_1", "replacing");
    scene_wait(&scene, 1000);
    fake_did(fake, "");
    stage_did(stage, "kill RM_1;");
}

/* Somebody is listed of whom nobody can say whether they are there: they are not hung up, it is looked at again. */
static void test_a_caller_who_cannot_be_confirmed_is_not_hung_up(void **state) {
    (void)state;
    run_into_hanging_up();
    is_asked_for_rooms("RM_1");
    FAKE_PEOPLE(fake, fake_caller("PA_2"));
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_2;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_AWAY);
    fake_did(fake, "");
    stage_is(stage, "RM_1", "hanging-up/CALLER_LEFT");
    scene_wait(&scene, 200);
    fake_did(fake, "room sip-inbound_x;");
    fake_list(fake, QUESTION_ROOM, NULL, 0);
    is_hung_up();
}

static void test_a_ghost_is_hung_up(void **state) {
    (void)state;
    run_into_hanging_up();
    is_asked_for_rooms("RM_1");
    FAKE_PEOPLE(fake, fake_caller("PA_2"));
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_2;"
                          "delete sip-inbound_x;");
    fake_outcome(fake, QUESTION_DELETE, LIVEKIT_OK);
    is_hung_up();
}

static void test_a_caller_comes_before_it_is_deleted(void **state) {
    (void)state;
    run_into_hanging_up();
    is_asked_for_rooms("RM_1");
    stage_caller(stage, "RM_1", "PA_2", "+1");
    FAKE_PEOPLE(fake, fake_caller("PA_2"));
    fake_did(fake, PEOPLE);
    stage_is(stage, "RM_1", "replacing");
    stage_engine(stage, "RM_1", ENGINE_EXITED, 137); /* … and later it can be hung up again, at once */
    stage_engine(stage, "RM_1", ENGINE_STARTED, 0);
    scene_wait(&scene, 200);
    stage_caller_leaves(stage, "RM_1", "PA_2");
    fake_did(fake, "room sip-inbound_x;");
    fake_list(fake, QUESTION_ROOM, NULL, 0);
}

/* Rooms are deleted by name: after the name came back that would be somebody else's call. */
static void test_the_name_comes_back_before_it_is_deleted(void **state) {
    (void)state;
    run_into_hanging_up();
    is_asked_for_rooms("RM_1");
    stage_room(stage, EVENT_room_started, "RM_2");
    FAKE_NOBODY(fake);
    fake_did(fake, PEOPLE);
    scene_wait(&scene, 5000);
    fake_did(fake, "");
}

static void test_the_end_comes_while_it_is_deleted(void **state) {
    (void)state;
    run_into_hanging_up();
    stage_room(stage, EVENT_room_finished, "RM_1");
    stage_engine(stage, "RM_1", ENGINE_EXITED, 0);
    stage_is(stage, "RM_1", "");
    is_asked_for_rooms("RM_1");
    FAKE_NOBODY(fake);
    fake_did(fake, PEOPLE);
    assert_int_equal(livekit_link_next_due(scene.link), MONO_NEVER);
}

/* --- rejecting a leg --- */

static void spam_joins(const char *leg, bool audible) {
    struct webhook_event event = stage_caller_event("RM_1", leg, "+1");
    event.participant.trunk_id = SLICE("");
    event.participant.audible = audible;
    bridge_webhook(stage->bridge, &event, stage->now);
}

static void test_rejecting(void **state) {
    (void)state;
    answered_call();
    spam_joins("PA_2", true);
    fake_did(fake, "remove sip-inbound_x PA_2;");
    fake_outcome(fake, QUESTION_REMOVE, LIVEKIT_OK);
    spam_joins("PA_3", true);
    fake_outcome(fake, QUESTION_REMOVE, LIVEKIT_NOT_FOUND);
    fake_did(fake, "remove sip-inbound_x PA_3;");
    assert_int_equal(livekit_link_next_due(scene.link), MONO_NEVER);
    stage_is(stage, "RM_1", "talking");
}

static void test_rejecting_who_arrives(void **state) {
    (void)state;
    answered_call();
    spam_joins("PA_2", false);
    scene_wait(&scene, 2999);
    fake_did(fake, "");
    scene_wait(&scene, 1);
    fake_did(fake, "remove sip-inbound_x PA_2;");
    fake_outcome(fake, QUESTION_REMOVE, LIVEKIT_OK);
    spam_joins("PA_3", false);
    scene_wait(&scene, 500);
    stage_person(stage, EVENT_track_published, "RM_1", "PA_3", KIND_SIP);
    fake_did(fake, "remove sip-inbound_x PA_3;");
    fake_outcome(fake, QUESTION_REMOVE, LIVEKIT_OK);
    scene_wait(&scene, 10000);
    fake_did(fake, ""); /* once is enough */
}

/* The same person again, by another leg: one removal may have come too early for it. */
static void test_rejecting_who_comes_again(void **state) {
    (void)state;
    answered_call();
    struct webhook_event spam = stage_caller_event("RM_1", "PA_2", "+1");
    spam.participant.trunk_id = SLICE("");
    bridge_webhook(stage->bridge, &spam, stage->now);
    scene_wait(&scene, 2000);
    spam.participant.sid = SLICE("PA_3");
    bridge_webhook(stage->bridge, &spam, stage->now);
    fake_did(fake, "");
    scene_wait(&scene, 1000);
    fake_did(fake, "remove sip-inbound_x PA_2;");
    spam.participant.audible = true;
    bridge_webhook(stage->bridge, &spam, stage->now);
    fake_did(fake, "remove sip-inbound_x PA_2;");
    fake_outcome(fake, QUESTION_REMOVE, LIVEKIT_OK);
    fake_outcome(fake, QUESTION_REMOVE, LIVEKIT_OK);
    scene_wait(&scene, 2000);
    fake_outcome(fake, QUESTION_REMOVE, LIVEKIT_NOT_FOUND);
}

static void test_rejecting_fails(void **state) {
    (void)state;
    answered_call();
    spam_joins("PA_2", true);
    for (int i = 0; i < 8; i++) {
        fake_outcome(fake, QUESTION_REMOVE, LIVEKIT_AWAY);
        assert_int_equal(livekit_link_next_due(scene.link), stage->now + (200 << i));
        scene_wait(&scene, 200 << i);
    }
    fake_outcome(fake, QUESTION_REMOVE, LIVEKIT_AWAY);
    assert_int_equal(livekit_link_next_due(scene.link), MONO_NEVER);
    assert_int_equal(fake->asked, 9);
}

/* --- trunks --- */

static void hidden(const char *sid, const char *trunk) {
    cleanup_free char *room = xasprintf("sip-inbound_%s", sid);
    struct webhook_event event = stage_caller_event(sid, sid, "");
    event.room.name = slice_of(room);
    event.participant.trunk_id = slice_of(trunk);
    bridge_webhook(stage->bridge, &event, stage->now);
}

static const char *called_by(const char *sid) {
    static char text[32];
    struct slice called = stage_state(stage, sid).view.called;
    snprintf(text, sizeof text, "%.*s", SLICE_ARG(called));
    return text;
}

static void list_trunks(const char *number_of_one) {
    const struct slice one[] = {slice_of(number_of_one)}, two[] = {SLICE("+15550001"), SLICE("+15550002")};
    const struct livekit_trunk trunks[] = {{.id = SLICE("ST_1"), .numbers = {one, 1}},
                                           {.id = SLICE("ST_1"), .numbers = {two, 1}}, /* odd: the first counts */
                                           {.id = SLICE("ST_2"), .numbers = {two, 2}},
                                           {.id = SLICE("ST_0")},
                                           {.numbers = {one, 1}}};
    fake_list(fake, QUESTION_TRUNKS, trunks, ARRAY_LEN(trunks));
}

static void test_numbers_of_trunks(void **state) {
    (void)state;
    stage_rules(stage, BY_NUMBER, STAGE_AGENTS);
    hidden("RM_1", "ST_1");
    hidden("RM_2", "ST_2");
    hidden("RM_3", "ST_0");
    hidden("RM_4", "ST_9");
    fake_did(fake, "trunks;"); /* once for all */
    stage_is(stage, "RM_1", "deciding");
    list_trunks("+16660001");
    assert_string_equal(called_by("RM_1"), "+16660001");
    assert_string_equal(stage_state(stage, "RM_1").view.agent, "sales");
    for (int i = 2; i <= 4; i++) {
        cleanup_free char *sid = xasprintf("RM_%d", i);
        assert_string_equal(called_by(sid), "");
        stage_is(stage, sid, "starting"); /* no number is all that can be known: the first agent */
    }
    hidden("RM_5", "ST_1");
    assert_string_equal(called_by("RM_5"), "+16660001");
    fake_did(fake, "");
}

/* No event brings one so long, and the journal would not take it back. */
static void test_numbers_of_trunks_may_be_too_long(void **state) {
    char number[EVENT_MAX_NAME + 2] = "+";
    (void)state;
    memset(number + 1, '1', EVENT_MAX_NAME);
    stage_rules(stage, BY_NUMBER, STAGE_AGENTS);
    hidden("RM_1", "ST_1");
    list_trunks(number);
    assert_string_equal(called_by("RM_1"), "");
    stage_is(stage, "RM_1", "starting");
}

static void test_numbers_of_trunks_grow_old(void **state) {
    (void)state;
    stage_rules(stage, BY_NUMBER, STAGE_AGENTS);
    hidden("RM_1", "ST_1");
    list_trunks("+15550001");
    scene_wait(&scene, 4999);
    hidden("RM_2", "ST_9"); /* not there so lately */
    buf_clear(&fake->log);
    scene_wait(&scene, 1);
    hidden("RM_3", "ST_9"); /* it may be new */
    fake_did(fake, "trunks;");
    hidden("RM_6", "ST_1"); /* known, whatever is asked */
    assert_string_equal(called_by("RM_6"), "+15550001");
    list_trunks("+15550001");
    scene_wait(&scene, 59999);
    hidden("RM_4", "ST_1");
    fake_did(fake, "");
    scene_wait(&scene, 1);
    hidden("RM_5", "ST_1");
    fake_did(fake, "trunks;");
    list_trunks("+17770001");
    assert_string_equal(called_by("RM_5"), "+17770001");
}

static void test_numbers_of_trunks_are_not_to_be_had(void **state) {
    (void)state;
    stage_rules(stage, BY_NUMBER, STAGE_AGENTS);
    hidden("RM_1", "ST_1");
    fake_outcome(fake, QUESTION_TRUNKS, LIVEKIT_REFUSED);
    stage_is(stage, "RM_1", "starting");
    assert_string_equal(called_by("RM_1"), "");
    hidden("RM_2", "ST_1"); /* not asked for again at once */
    stage_is(stage, "RM_2", "starting");
    buf_clear(&fake->log);
    scene_wait(&scene, 5000);
    hidden("RM_3", "ST_1");
    fake_did(fake, "trunks;");
    list_trunks("+15550001");
    scene_wait(&scene, 60000);
    hidden("RM_4", "ST_1");
    fake_outcome(fake, QUESTION_TRUNKS, LIVEKIT_AWAY);
    assert_string_equal(called_by("RM_4"), "+15550001"); /* what was known stays */
}

/* An answer that does not come in time: it is chosen without the number, and comes to nobody. */
static void test_numbers_of_trunks_come_late(void **state) {
    (void)state;
    stage_rules(stage, BY_NUMBER, STAGE_AGENTS);
    hidden("RM_1", "ST_1");
    scene_wait(&scene, 6000);
    stage_is(stage, "RM_1", "starting");
    stage_room(stage, EVENT_room_finished, "RM_1");
    list_trunks("+16660001");
    stage_did(stage, "mint sip-inbound_RM_1 sip-agent-RM_1;start RM_1 support;" STOP);
}

/* --- life --- */

static void test_suspicion(void **state) {
    (void)state;
    answered_call();
    stage_engine(stage, "RM_1", ENGINE_EXITED, 1);
    assert_int_equal(scene.suspicions, 1);
}

static void test_suspicion_without_a_listener(void **state) {
    (void)state;
    struct livekit_link_options options = {.asker = fake_asker(fake), .now = scene_now, .context = &scene};
    struct livekit_link *link = livekit_link_new(&options);
    struct livekit_port port = livekit_link_port(link);
    port.suspect(port.self, "RM_1", SLICE(STAGE_ROOM));
    livekit_link_free(link);
    livekit_link_free(NULL);
}

/* One errand of each kind is under way or waits: all of it is cancelled and freed. */
static void test_freed_with_questions_under_way(void **state) {
    (void)state;
    run_into_hanging_up();
    spam_joins("PA_7", false);
    confirm("PA_8");
    stage_rules(stage, BY_NUMBER, STAGE_AGENTS);
    hidden("RM_2", "ST_1");
    stage_room(stage, EVENT_room_started, "RM_3");
    assert_true(fake_open(fake) >= 4);
    unsigned open_ones = fake_open(fake);
    livekit_link_free(take_ptr(scene.link));
    assert_int_equal(fake->cancelled, open_ones);
    assert_int_equal(fake_open(fake), 0);
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, open_scene, close_scene)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCENE(test_the_number_is_asked_for_again),
        IN_SCENE(test_the_number_is_told),
        IN_SCENE(test_who_tells_no_number),
        IN_SCENE(test_the_number_of_a_call_that_is_over),
        IN_SCENE(test_ready_after_all),
        IN_SCENE(test_a_listed_agent_that_is_not_there),
        IN_SCENE(test_not_ready),
        IN_SCENE(test_a_ghost_is_not_ready),
        IN_SCENE(test_agents_with_a_token_of_their_own),
        IN_SCENE(test_no_answer_is_no_action),
        IN_SCENE(test_nobody_is_in_the_room),
        IN_SCENE(test_nobody_says_who_is_in_the_room),
        IN_SCENE(test_an_untold_caller_is_in_the_room),
        IN_SCENE(test_a_ghost_of_a_caller_is_in_the_room),
        IN_SCENE(test_back_unheard),
        IN_SCENE(test_confirming),
        IN_SCENE(test_confirming_what_is_over_or_known),
        IN_SCENE(test_confirming_others),
        IN_SCENE(test_confirming_many),
        IN_SCENE(test_deleting),
        IN_SCENE(test_deleting_what_is_not_there),
        IN_SCENE(test_deleting_fails),
        IN_SCENE(test_an_untold_caller_is_not_hung_up),
        IN_SCENE(test_a_caller_who_cannot_be_confirmed_is_not_hung_up),
        IN_SCENE(test_a_ghost_is_hung_up),
        IN_SCENE(test_a_caller_comes_before_it_is_deleted),
        IN_SCENE(test_the_name_comes_back_before_it_is_deleted),
        IN_SCENE(test_the_end_comes_while_it_is_deleted),
        IN_SCENE(test_rejecting),
        IN_SCENE(test_rejecting_who_arrives),
        IN_SCENE(test_rejecting_who_comes_again),
        IN_SCENE(test_rejecting_fails),
        IN_SCENE(test_numbers_of_trunks),
        IN_SCENE(test_numbers_of_trunks_may_be_too_long),
        IN_SCENE(test_numbers_of_trunks_grow_old),
        IN_SCENE(test_numbers_of_trunks_are_not_to_be_had),
        IN_SCENE(test_numbers_of_trunks_come_late),
        IN_SCENE(test_suspicion),
        IN_SCENE(test_suspicion_without_a_listener),
        IN_SCENE(test_freed_with_questions_under_way),
    };
    return cmocka_run_group_tests(tests, stage_silence_log, NULL);
}
