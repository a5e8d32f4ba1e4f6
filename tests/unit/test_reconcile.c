/* The reconcile with LiveKit (design, rule 8), clause by clause, against a LiveKit that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "livekit_scene.h"

#define START "mint sip-inbound_x sip-agent-RM_1;start RM_1 support;"
#define STOP "stop RM_1 after=0 timeout=5000;"
#define PEOPLE "participants sip-inbound_x;"

static struct scene scene;
static struct stage *const stage = &scene.stage;
static struct fake_asker *const fake = &scene.fake;

static int open_scene(void **state) {
    (void)state;
    scene_open(&scene);
    stage_rules(stage, NULL, STAGE_AGENTS);
    return 0;
}

static int close_scene(void **state) {
    (void)state;
    scene_close(&scene);
    return 0;
}

static int64_t wall_s(void) {
    return scene_wall(&scene) / 1000;
}

static struct livekit_room room_aged(const char *sid, int64_t people, int64_t age_s) {
    struct livekit_room room = fake_room(sid, STAGE_ROOM, people);
    room.creation_time_s = wall_s() - age_s;
    return room;
}

static struct reconcile_view view(void) {
    return reconcile_view(scene.reconcile);
}

/* Answers the round that is under way; then nothing else may be asked. */
static void round_is(const struct livekit_room *rooms, size_t count) {
    fake_did(fake, "rooms;");
    fake_list(fake, QUESTION_ROOMS, rooms, count);
}

/* PEOPLE without the agent, who is no participant to LiveKit; it publishes. */
static void round_of(int64_t people, bool agent) {
    struct livekit_room room = room_aged("RM_1", people, 300);
    room.num_publishers = people + agent;
    round_is(&room, 1);
}

static void round_of_one(int64_t people) {
    round_of(people, true);
}

static void is_confirmed(const char *identity) {
    cleanup_free char *wanted = xasprintf("confirm sip-inbound_x %s;", identity);
    fake_did(fake, wanted);
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
}

static void next_round_in(int64_t ms) {
    assert_int_equal(reconcile_next_due(scene.reconcile) - stage->now, ms);
    scene_wait(&scene, ms);
}

/* The agent of RM_1, as PA_A1. */
static void agent_is(enum event_kind kind) {
    struct webhook_event event = stage_event(kind, "RM_1", STAGE_ROOM);
    event.participant.sid = SLICE("PA_A1");
    event.participant.identity = SLICE("sip-agent-RM_1");
    event.participant.kind = KIND_AGENT;
    bridge_webhook(stage->bridge, &event, stage->now);
}

/* A call of one caller whose agent speaks, settled; and the reconcile's first question. */
static void answered_call(void) {
    stage_caller(stage, "RM_1", "PA_1", "+1");
    stage_engine(stage, "RM_1", ENGINE_STARTED, 0);
    agent_is(EVENT_participant_joined);
    agent_is(EVENT_track_published);
    stage_did(stage, START);
    stage_wait(stage, 20000);
    scene_reconcile(&scene, true);
    scene_tick(&scene);
}

static void reconcile_alone(void) {
    scene_reconcile(&scene, true);
    scene_tick(&scene);
}

/* --- when rounds are --- */

static void test_rounds(void **state) {
    (void)state;
    answered_call();
    assert_false(fake->open->urgent);
    assert_int_equal(reconcile_next_due(scene.reconcile), MONO_NEVER);
    round_of_one(1);
    next_round_in(5000); /* the second look at start */
    round_of_one(1);
    next_round_in(60000);
    assert_int_equal(fake->open->timeout_ms, 2000);
    for (int i = 0; i < 2; i++) { /* all is well: one request a round, and one for each caller who is not heard of */
        round_of_one(1);
        is_confirmed("PA_1");
        next_round_in(60000);
    }
    assert_int_equal(fake->asked, 7);
    assert_int_equal(view().rounds, 4);
    assert_int_equal(fake_open(fake), 1);
    stage_is(stage, "RM_1", "talking");
}

static void test_rounds_that_are_wanted_soon(void **state) {
    (void)state;
    reconcile_alone();
    round_is(NULL, 0);
    reconcile_soon(scene.reconcile);
    reconcile_soon(scene.reconcile);
    next_round_in(1000);                         /* at least so far apart */
    reconcile_soon(scene.reconcile);             /* something came up that this answer may not know of */
    reconcile_tick(scene.reconcile, stage->now); /* one at a time */
    round_is(NULL, 0);
    next_round_in(1000);
    round_is(NULL, 0);
    scene_wait(&scene, 30000);
    reconcile_answers(scene.reconcile); /* of course it does */
    assert_int_equal(reconcile_next_due(scene.reconcile), stage->now + 30000);
    reconcile_soon(scene.reconcile);
    next_round_in(0);
    round_is(NULL, 0);
    next_round_in(60000);
    round_is(NULL, 0);
}

/* --- calls that LiveKit does not list --- */

static void test_absent_twice(void **state) {
    (void)state;
    answered_call();
    round_is(NULL, 0);
    stage_is(stage, "RM_1", "talking");
    next_round_in(5000);
    round_is(NULL, 0);
    stage_is(stage, "RM_1", "stopping/ROOM_FINISHED");
    assert_int_equal(view().ended, 1);
    stage_did(stage, STOP);
    stage_engine(stage, "RM_1", ENGINE_EXITED, 0);
    stage_is(stage, "RM_1", "");
    next_round_in(60000);
    round_is(NULL, 0);
    assert_int_equal(view().ended, 1);
}

static void test_absent_but_changed(void **state) {
    (void)state;
    answered_call();
    stage_person(stage, EVENT_track_published, "RM_1", "PA_1", KIND_SIP); /* while it is asked */
    round_is(NULL, 0);
    next_round_in(5000);
    round_is(NULL, 0);
    stage_is(stage, "RM_1", "talking"); /* only this one counts */
    scene_wait(&scene, 1000);
    stage_person(stage, EVENT_track_published, "RM_1", "PA_1", KIND_SIP); /* between two */
    scene_wait(&scene, 4000);
    round_is(NULL, 0);
    stage_is(stage, "RM_1", "talking");
    next_round_in(5000);
    round_is(NULL, 0);
    stage_is(stage, "RM_1", "stopping/ROOM_FINISHED");
}

static void test_absent_and_listed_again(void **state) {
    (void)state;
    answered_call();
    round_is(NULL, 0);
    next_round_in(5000);
    round_of_one(1);
    next_round_in(60000);
    round_is(NULL, 0);
    stage_is(stage, "RM_1", "talking");
    next_round_in(5000);
    round_of_one(1);
    stage_is(stage, "RM_1", "talking");
}

enum { MANY = 10 };

static void make_calls(int count) {
    for (int i = 0; i < count; i++) {
        cleanup_free char *sid = xasprintf("RM_%d", i), *name = xasprintf("sip-inbound_%d", i);
        struct webhook_event event = stage_caller_event(sid, sid, "+1");
        event.room.name = slice_of(name);
        bridge_webhook(stage->bridge, &event, stage->now);
    }
    stage_wait(stage, 1000); /* not settled: no room is in doubt for its people */
    reconcile_alone();
}

/* LiveKit lists the calls from FIRST on, of COUNT. */
static void round_from(int first, int count) {
    char sids[MANY][16], names[MANY][24];
    struct livekit_room rooms[MANY];
    for (int i = first; i < count; i++) {
        snprintf(sids[i], sizeof sids[i], "RM_%d", i);
        snprintf(names[i], sizeof names[i], "sip-inbound_%d", i);
        rooms[i] = fake_room(sids[i], names[i], 1);
        rooms[i].num_publishers = 1;
    }
    round_is(rooms + first, (size_t)(count - first));
}

static void callers_are_there(int count) {
    for (int i = 0; i < count; i++) {
        fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    }
    buf_clear(&fake->log);
}

static void test_not_in_bulk(void **state) {
    (void)state;
    make_calls(5);
    round_from(3, 5);
    assert_true(view().refused);
    for (int i = 0; i < 3; i++) { /* not however often it is said */
        callers_are_there(3);     /* each call's are asked for */
        next_round_in(5000);
        round_from(3, 5);
        assert_true(view().refused);
        assert_int_equal(view().missing, 3);
        assert_int_equal(view().live, 5);
        assert_int_equal(bridge_live(stage->bridge), 5);
    }
    callers_are_there(3);
    next_round_in(5000);
    round_from(0, 5); /* it was odd */
    assert_false(view().refused);
    assert_int_equal(view().ended, 0);
}

/* What a list in bulk lacks is over when LiveKit says so of each caller. */
static void test_gone_in_bulk(void **state) {
    (void)state;
    make_calls(3);
    for (int i = 0; i < CALL_ABSENCES * 3; i++) {
        if (i % 3 == 0) {
            assert_int_equal(bridge_live(stage->bridge), 3);
            fake_list(fake, QUESTION_ROOMS, NULL, 0);
            assert_true(view().refused);
        }
        fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
        if (i == 2) {
            assert_int_equal(view().left, 0);
            next_round_in(5000);
        }
    }
    assert_int_equal(view().left, 3);
}

static void test_what_is_no_bulk(void **state) {
    (void)state;
    static const struct { int calls, missing; } cases[] = {{1, 1}, {2, 2}, {6, 3}, {10, 5}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        make_calls(cases[i].calls);
        round_from(cases[i].missing, cases[i].calls);
        next_round_in(5000);
        round_from(cases[i].missing, cases[i].calls);
        assert_false(view().refused);
        assert_int_equal(view().ended, cases[i].missing);
        scene_close(&scene);
        open_scene(NULL);
    }
}

/* --- callers of whom nothing told --- */

static struct livekit_participant caller_since(const char *sid, int64_t joined_at_s) {
    struct livekit_participant caller = fake_caller(sid);
    caller.joined_at_s = joined_at_s;
    return caller;
}

static void test_a_caller_from_before_our_start(void **state) {
    (void)state;
    reconcile_alone();
    round_of_one(1);
    fake_did(fake, PEOPLE);
    FAKE_PEOPLE(fake, caller_since("PA_1", wall_s() - 20));
    fake_did(fake, "confirm sip-inbound_x PA_1;");
    stage_did(stage, "");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_did(stage, START);
    assert_int_equal(view().started, 1);
    assert_false(view().unheard);
    next_round_in(5000);
    round_of_one(1);
    fake_did(fake, "");
    next_round_in(60000);
    round_of_one(1);
    is_confirmed("PA_1"); /* nothing was heard of them since */
    assert_int_equal(fake->asked, 6);
}

/* Nothing but LiveKit's list tells of the call: it is looked at every 2 s, until a webhook comes. */
static void run_into_unheard(void) {
    reconcile_alone();
    round_is(NULL, 0);
    next_round_in(5000);
    round_is(NULL, 0);
    scene_wait(&scene, 60000);
    round_of_one(1);
    FAKE_PEOPLE(fake, caller_since("PA_1", wall_s() - 10));
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_did(stage, START);
    assert_true(view().unheard);
    buf_clear(&fake->log);
}

static void test_webhooks_do_not_arrive(void **state) {
    (void)state;
    run_into_unheard();
    next_round_in(2000);
    round_of_one(1);
    fake_did(fake, PEOPLE);
    stage_engine(stage, "RM_1", ENGINE_STARTED, 0);
    stage_person(stage, EVENT_track_published, "RM_1", "PA_1", KIND_SIP);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1")); /* changed since it was asked */
    stage_is(stage, "RM_1", "joining");
    next_round_in(2000);
    round_of_one(1);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1"));
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_is(stage, "RM_1", "talking");
    buf_clear(&fake->log);
    next_round_in(2000);
    round_of_one(0);
    FAKE_PEOPLE(fake, fake_agent("PA_A1"));
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK); /* the agent */
    buf_clear(&fake->log);
    next_round_in(2000);
    round_of_one(0);
    FAKE_PEOPLE(fake, fake_agent("PA_A1"));
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_1;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    stage_is(stage, "RM_1", "hanging-up/CALLER_LEFT"); /* as soon as that */
    assert_int_equal(view().left, 1);
    buf_clear(&fake->log);
}

/* Callers of the first 2 s after our start may have come before it: the clocks may differ by so much. */
static void test_who_could_be_told_of(void **state) {
    (void)state;
    for (int late = 0; late < 2; late++) {
        int64_t began_s = wall_s();
        reconcile_alone();
        round_is(NULL, 0);
        next_round_in(5000);
        round_of_one(1);
        FAKE_PEOPLE(fake, caller_since("PA_1", began_s + 2 + late));
        fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
        assert_int_equal(view().started, 1);
        assert_int_equal(view().unheard, late);
        scene_close(&scene);
        open_scene(NULL);
    }
}

static void test_webhooks_arrive_again(void **state) {
    (void)state;
    run_into_unheard();
    reconcile_heard(scene.reconcile);
    assert_false(view().unheard);
    next_round_in(2000); /* that was planned */
    round_of_one(1);
    fake_did(fake, "");
    next_round_in(60000);
}

/* A webhook that was only slower than the list is no lost one. */
static void test_a_slow_webhook(void **state) {
    (void)state;
    reconcile_alone();
    round_is(NULL, 0);
    next_round_in(5000);
    round_of_one(1);
    FAKE_PEOPLE(fake, caller_since("PA_1", wall_s()));
    stage_caller(stage, "RM_1", "PA_1", "+1");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    assert_false(view().unheard);
    assert_int_equal(view().started, 0);
}

static void test_ghosts_of_a_crash(void **state) {
    (void)state;
    static const enum livekit_outcome outcomes[] = {LIVEKIT_NOT_FOUND, LIVEKIT_AWAY, LIVEKIT_ODD, LIVEKIT_REFUSED};
    reconcile_alone();
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        round_of_one(1);
        FAKE_PEOPLE(fake, caller_since("PA_1", wall_s() - 1));
        fake_did(fake, PEOPLE "confirm sip-inbound_x PA_1;");
        fake_outcome(fake, QUESTION_CONFIRM, outcomes[i]);
        if (outcomes[i] == LIVEKIT_NOT_FOUND) { /* nobody is in it */
            fake_did(fake, "room sip-inbound_x;");
            fake_list(fake, QUESTION_ROOM, NULL, 0);
        }
        scene_wait(&scene, i == 0 ? 5000 : 60000);
    }
    stage_did(stage, "");
    assert_int_equal(bridge_live(stage->bridge), 0);
    assert_int_equal(view().started, 0);
    assert_false(view().unheard);
    buf_clear(&fake->log);
    fake_list(fake, QUESTION_ROOMS, NULL, 0);
}

/* A second caller in a room whose call is known. */
static void test_an_untold_caller_in_a_call(void **state) {
    (void)state;
    answered_call();
    round_of_one(2);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_caller("PA_2"), fake_agent("PA_A1"));
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_2;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_is(stage, "RM_1", "talking");
    stage_caller_leaves(stage, "RM_1", "PA_1");
    stage_is(stage, "RM_1", "talking");
    assert_int_equal(view().started, 1);
}

/* --- who is not in the room any more --- */

static void absent_once(void) {
    answered_call();
    round_of_one(0);
    fake_did(fake, PEOPLE);
    FAKE_PEOPLE(fake, fake_agent("PA_A1"));
    is_confirmed("sip-agent-RM_1");
    stage_is(stage, "RM_1", "talking");
    next_round_in(5000);
}

static void test_a_caller_absent_twice(void **state) {
    (void)state;
    absent_once();
    round_of_one(0);
    FAKE_PEOPLE(fake, fake_agent("PA_A1"));
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_1;");
    stage_is(stage, "RM_1", "talking");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    stage_is(stage, "RM_1", "hanging-up/CALLER_LEFT");
    assert_int_equal(view().left, 1);
    fake_did(fake, "room sip-inbound_x;");
    fake_list(fake, QUESTION_ROOM, NULL, 0);
}

static void test_a_caller_hidden_by_a_duplicate(void **state) {
    (void)state;
    absent_once();
    round_of_one(1);
    FAKE_PEOPLE(fake, fake_agent("PA_A1"));
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_1;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_is(stage, "RM_1", "talking");
    scene_wait(&scene, 60000);
    round_of_one(0);
    FAKE_PEOPLE(fake, fake_agent("PA_A1")); /* it counts anew */
    fake_did(fake, PEOPLE "confirm sip-inbound_x sip-agent-RM_1;");
    stage_is(stage, "RM_1", "talking");
}

static void test_nobody_can_confirm_an_absence(void **state) {
    (void)state;
    absent_once();
    round_of_one(0);
    FAKE_PEOPLE(fake, fake_agent("PA_A1"));
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_AWAY);
    stage_is(stage, "RM_1", "talking");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK); /* the agent */
    buf_clear(&fake->log);
    scene_wait(&scene, 60000);
    round_of_one(1); /* as many as are known: it is in doubt all the same */
    FAKE_PEOPLE(fake, fake_agent("PA_A1"), fake_person("EG_1", "EG_1", KIND_EGRESS));
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_1;");
    stage_caller_leaves(stage, "RM_1", "PA_1"); /* changed while it is asked */
    buf_clear(&fake->log);
    fake_list(fake, QUESTION_CONFIRM, NULL, 0);
    stage_is(stage, "RM_1", "hanging-up/CALLER_LEFT");
    assert_int_equal(view().left, 0);
    fake_list(fake, QUESTION_ROOM, NULL, 0);
}

static void test_a_caller_listed_again(void **state) {
    (void)state;
    absent_once();
    round_of_one(1);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1"));
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_1;"); /* or is it a ghost? */
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    next_round_in(60000);
    round_of_one(0);
    FAKE_PEOPLE(fake, fake_agent("PA_A1"));
    fake_did(fake, PEOPLE "confirm sip-inbound_x sip-agent-RM_1;"); /* the first time again */
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    struct livekit_participant gone = fake_caller("PA_1");
    gone.state = LIVEKIT_DISCONNECTED;
    next_round_in(5000);
    round_of_one(0);
    FAKE_PEOPLE(fake, gone, fake_agent("PA_A1"));
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_1;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
}

static void test_the_second_caller_absent_twice(void **state) {
    (void)state;
    stage_caller(stage, "RM_1", "PA_0", "+1");
    answered_call();
    for (int i = 0; i < 2; i++) {
        round_of_one(1);
        FAKE_PEOPLE(fake, fake_caller("PA_0"), fake_agent("PA_A1"));
        fake_did(fake, PEOPLE "confirm sip-inbound_x PA_0;");
        fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
        if (i == 1) {
            fake_did(fake, "confirm sip-inbound_x PA_1;");
            fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
        }
        is_confirmed("sip-agent-RM_1");
        next_round_in(5000);
    }
    round_of_one(1);
    fake_did(fake, "");
    assert_int_equal(view().left, 1);
    stage_caller_leaves(stage, "RM_1", "PA_0");
    stage_is(stage, "RM_1", "hanging-up/CALLER_LEFT");
    fake_list(fake, QUESTION_ROOM, NULL, 0);
}

/* Both are gone: the end of the first one's absence must not hurt the second one's. */
static void test_all_absent_twice(void **state) {
    (void)state;
    stage_caller(stage, "RM_1", "PA_0", "+1");
    answered_call();
    round_of_one(0);
    FAKE_NOBODY(fake);
    fake_did(fake, PEOPLE);
    next_round_in(5000);
    round_of_one(0);
    FAKE_NOBODY(fake);
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_0;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    fake_did(fake, "confirm sip-inbound_x PA_1;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    assert_int_equal(view().left, 2);
    stage_is(stage, "RM_1", "hanging-up/CALLER_LEFT");
    fake_list(fake, QUESTION_ROOM, NULL, 0);
}

static void test_people_who_changed_meanwhile(void **state) {
    (void)state;
    absent_once();
    round_of_one(0);
    stage_person(stage, EVENT_track_published, "RM_1", "PA_1", KIND_SIP);
    FAKE_PEOPLE(fake, fake_agent("PA_A1"), fake_caller("PA_2"));
    fake_did(fake, PEOPLE);
    stage_is(stage, "RM_1", "talking");
    scene_wait(&scene, 60000);
    round_of_one(1);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1"));
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_1;");
}

/* The leg of a call that has left is not absent a second time. */
static void test_absent_once_and_gone(void **state) {
    (void)state;
    stage_caller(stage, "RM_1", "PA_0", "+1");
    answered_call();
    round_of_one(1);
    FAKE_PEOPLE(fake, fake_caller("PA_0"), fake_agent("PA_A1"));
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK); /* PA_0 */
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK); /* the agent */
    stage_caller_leaves(stage, "RM_1", "PA_1");
    next_round_in(5000);
    buf_clear(&fake->log);
    fake_list(fake, QUESTION_ROOMS, NULL, 0);
    scene_wait(&scene, 5000);
    round_of_one(1);
    scene_wait(&scene, 60000);
    round_of_one(2);
    FAKE_PEOPLE(fake, fake_caller("PA_0"), fake_agent("PA_A1"));
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK); /* nothing was heard for so long that they may be ghosts */
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    assert_int_equal(view().left, 0);
    next_round_in(60000);
    buf_clear(&fake->log);
    fake_list(fake, QUESTION_ROOMS, NULL, 0);
}

/* Who ends a call looks himself before the room is deleted. */
static void test_a_call_that_ends(void **state) {
    (void)state;
    answered_call();
    round_of_one(1);
    stage_caller_leaves(stage, "RM_1", "PA_1");
    fake_did(fake, "room sip-inbound_x;");
    scene_wait(&scene, 5000);
    buf_clear(&fake->log);
    struct livekit_room room = room_aged("RM_1", 7, 300);
    struct livekit_result rooms = {.outcome = LIVEKIT_OK, .answer = {.count = 1, .rooms = &room}};
    fake_answer_to(fake, fake->open->next, &rooms);
    scene_wait(&scene, 60000);
    fake_did(fake, "rooms;");
    fake_answer_to(fake, fake->open->next, &rooms);
    fake_did(fake, "");
    fake_list(fake, QUESTION_ROOM, NULL, 0);
}

/* A young call is not doubted: LiveKit counts late. */
static void test_not_settled(void **state) {
    (void)state;
    stage_caller(stage, "RM_1", "PA_1", "+1");
    stage_wait(stage, 9999);
    reconcile_alone();
    round_of_one(0);
    fake_did(fake, "");
}

/* --- the agent --- */

static void test_an_agents_arrival_is_found(void **state) {
    (void)state;
    run_into_unheard();
    stage_engine(stage, "RM_1", ENGINE_STARTED, 0);
    next_round_in(2000);
    struct livekit_participant mute = fake_agent("PA_A1");
    mute.audio_tracks = 0;
    round_of_one(1);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), mute);
    stage_is(stage, "RM_1", "joining");
    buf_clear(&fake->log);
    next_round_in(2000);
    round_of_one(1);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1"));
    fake_did(fake, PEOPLE "confirm sip-inbound_x sip-agent-RM_1;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_is(stage, "RM_1", "talking");
}

static void test_an_agent_absent_twice(void **state) {
    (void)state;
    struct livekit_participant gone = fake_agent("PA_A1");
    gone.state = LIVEKIT_DISCONNECTED;
    answered_call();
    round_of(1, false);
    FAKE_PEOPLE(fake, fake_caller("PA_1"));
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_1;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    next_round_in(5000);
    round_of_one(1);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1"));
    fake_did(fake, PEOPLE);
    next_round_in(60000);
    round_of(1, false);
    FAKE_PEOPLE(fake, fake_caller("PA_1"));
    buf_clear(&fake->log);
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_is(stage, "RM_1", "talking"); /* it was listed in between */
    next_round_in(5000);
    round_of(1, false);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), gone);
    buf_clear(&fake->log);
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    fake_did(fake, "confirm sip-inbound_x sip-agent-RM_1;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    stage_is(stage, "RM_1", "joining");
    stage_did(stage, "");
    next_round_in(5000);
    round_of_one(2);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1")); /* and there it is again */
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_is(stage, "RM_1", "talking");
}

/* LiveKit may count an agent with a token of its own or not: its room is looked into each time. */
static void test_an_agent_with_a_token_of_its_own(void **state) {
    (void)state;
    stage_rules(stage, "[{\"pattern\":\"*\",\"agent_name\":\"sales\"}]", STAGE_AGENTS);
    stage_caller(stage, "RM_1", "PA_1", "+1");
    stage_engine(stage, "RM_1", ENGINE_STARTED, 0);
    stage_person(stage, EVENT_participant_joined, "RM_1", "worker", KIND_AGENT);
    stage_person(stage, EVENT_track_published, "RM_1", "worker", KIND_AGENT);
    stage_wait(stage, 20000);
    reconcile_alone();
    for (int i = 0; i < 2; i++) {
        stage_is(stage, "RM_1", "talking");
        round_of(1, false);
        FAKE_PEOPLE(fake, fake_caller("PA_1"));
        fake_did(fake, PEOPLE "confirm sip-inbound_x PA_1;");
        fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
        if (i == 0) {
            next_round_in(5000);
        }
    }
    fake_did(fake, "confirm sip-inbound_x worker;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    stage_is(stage, "RM_1", "joining");
}

/* --- stale rooms --- */

static void look_at(struct livekit_room room, bool delete_stale) {
    scene_reconcile(&scene, delete_stale);
    scene_tick(&scene);
    round_is(&room, 1);
}

static void stale_room(void) {
    look_at(room_aged("RM_1", 0, 60), true);
    FAKE_PEOPLE(fake, fake_person("PA_9", "agent-of-whomever", KIND_AGENT), fake_person("EG", "EG", KIND_EGRESS));
    fake_did(fake, PEOPLE "room sip-inbound_x;");
}

static void test_stale_rooms(void **state) {
    (void)state;
    stale_room();
    const struct livekit_room same = fake_room("RM_1", STAGE_ROOM, 0);
    fake_list(fake, QUESTION_ROOM, &same, 1);
    fake_did(fake, "delete sip-inbound_x;");
    fake_outcome(fake, QUESTION_DELETE, LIVEKIT_OK);
    assert_int_equal(view().deleted, 1);
    next_round_in(5000);
    round_is(NULL, 0);
}

static void test_stale_rooms_that_cannot_be_deleted(void **state) {
    (void)state;
    static const enum livekit_outcome outcomes[] = {LIVEKIT_NOT_FOUND, LIVEKIT_AWAY, LIVEKIT_REFUSED};
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        stale_room();
        const struct livekit_room same = fake_room("RM_1", STAGE_ROOM, 0);
        fake_list(fake, QUESTION_ROOM, &same, 1);
        fake_did(fake, "delete sip-inbound_x;");
        fake_outcome(fake, QUESTION_DELETE, outcomes[i]);
        assert_int_equal(view().deleted, 0);
        reconcile_free(take_ptr(scene.reconcile));
    }
}

static void test_stale_rooms_that_are_not(void **state) {
    (void)state;
    const struct livekit_participant people[] = {fake_person("PA_9", "someone", KIND_STANDARD),
                                                 fake_person("PA_9", "human", KIND_SIP), fake_caller("PA_1")};
    for (size_t i = 0; i < ARRAY_LEN(people); i++) {
        look_at(room_aged("RM_1", 0, 60), true);
        FAKE_PEOPLE(fake, people[i]);
        cleanup_free char *asked = xasprintf(PEOPLE "confirm sip-inbound_x %.*s;", SLICE_ARG(people[i].identity));
        fake_did(fake, asked);
        fake_outcome(fake, QUESTION_CONFIRM, i == 2 ? LIVEKIT_AWAY : LIVEKIT_OK);
        fake_did(fake, "");
        reconcile_free(take_ptr(scene.reconcile));
    }
    look_at(room_aged("RM_1", 0, 59), true); /* too young */
    FAKE_NOBODY(fake);
    fake_did(fake, PEOPLE);
    reconcile_free(take_ptr(scene.reconcile));
    look_at(room_aged("RM_1", 0, 60), false); /* SIP_CLOSE_ROOM=false */
    fake_did(fake, "");
    reconcile_free(take_ptr(scene.reconcile));
    look_at(room_aged("RM_1", 1, 60), false);
    FAKE_NOBODY(fake);
    fake_did(fake, PEOPLE);
    reconcile_free(take_ptr(scene.reconcile));
    look_at(room_aged("RM_1", 0, 60), true);
    fake_outcome(fake, QUESTION_PARTICIPANTS, LIVEKIT_AWAY); /* nobody knows who is in it */
    fake_did(fake, PEOPLE);
}

static void test_stale_rooms_that_changed(void **state) {
    (void)state;
    const struct livekit_room other = fake_room("RM_2", STAGE_ROOM, 0), same = fake_room("RM_1", STAGE_ROOM, 0);
    stale_room();
    fake_list(fake, QUESTION_ROOM, &other, 1);
    reconcile_free(take_ptr(scene.reconcile));
    stale_room();
    fake_list(fake, QUESTION_ROOM, NULL, 0);
    reconcile_free(take_ptr(scene.reconcile));
    stale_room();
    const struct livekit_room entered = fake_room("RM_1", STAGE_ROOM, 1);
    fake_list(fake, QUESTION_ROOM, &entered, 1);
    reconcile_free(take_ptr(scene.reconcile));
    stale_room();
    fake_outcome(fake, QUESTION_ROOM, LIVEKIT_AWAY);
    reconcile_free(take_ptr(scene.reconcile));
    stale_room();
    stage_caller(stage, "RM_1", "PA_1", "+1"); /* a call after all */
    fake_list(fake, QUESTION_ROOM, &same, 1);
    fake_did(fake, "");
}

/* The room of a call that is over and was not closed, with SIP_CLOSE_ROOM=false or by a mishap. */
static void test_the_room_of_a_call_that_is_over(void **state) {
    (void)state;
    answered_call();
    round_of_one(1);
    stage_room(stage, EVENT_room_finished, "RM_1");
    stage_engine(stage, "RM_1", ENGINE_EXITED, 0);
    stage_is(stage, "RM_1", "");
    next_round_in(5000);
    round_of_one(0);
    FAKE_PEOPLE(fake, fake_agent("PA_A1")); /* our own ghost: it serves nobody */
    fake_did(fake, PEOPLE "room sip-inbound_x;");
    fake_list(fake, QUESTION_ROOM, NULL, 0);
    scene_wait(&scene, 60000);
    round_of_one(1);
    FAKE_PEOPLE(fake, fake_caller("PA_1")); /* known to have left */
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_1;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    fake_list(fake, QUESTION_ROOM, NULL, 0);
    scene_wait(&scene, 30000);
}

/* --- rooms that somebody else serves --- */

#define CONFIRM_AGENT "confirm sip-inbound_x sip-agent-RM_1;"

static void find_served(void) {
    round_of_one(2);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1"));
    fake_did(fake, PEOPLE CONFIRM_AGENT);
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
}

static void test_served_by_somebody_else(void **state) {
    (void)state;
    reconcile_alone();
    for (int i = 0; i < 6; i++) {
        find_served();
        next_round_in(5000); /* its process may be dead all the same */
    }
    find_served();
    next_round_in(60000);
    stage_did(stage, "");
    round_is(NULL, 0);
    next_round_in(60000);
    find_served();
    next_round_in(5000); /* another one: it counts anew */
    round_of_one(1);
    struct livekit_participant mute = fake_agent("PA_A1"); /* serves nobody */
    mute.audio_tracks = 0;
    FAKE_PEOPLE(fake, caller_since("PA_1", wall_s() - 300), mute);
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_1;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_did(stage, START);
}

/* What LiveKit lists may be from before its crash: then the caller, who is there, is served. */
static void test_served_by_a_ghost(void **state) {
    (void)state;
    reconcile_alone();
    round_of_one(2);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1"));
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    fake_did(fake, PEOPLE CONFIRM_AGENT PEOPLE);
    FAKE_PEOPLE(fake, caller_since("PA_1", wall_s() - 300), fake_agent("PA_A1"));
    fake_did(fake, "confirm sip-inbound_x PA_1;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_did(stage, START);
}

/* --- an agent that ended by itself: are its callers there? --- */

static void run_into_suspicion(void) {
    answered_call();
    round_of_one(1);
    buf_clear(&fake->log);
    stage_engine(stage, "RM_1", ENGINE_EXITED, 0);
    scene_wait(&scene, 20);
    fake_did(fake, PEOPLE);
}

/* Answers the first open question of KIND, past the round that is under way. */
static void round_answers(enum question_kind kind, enum livekit_outcome outcome) {
    struct fake_question *question = fake->open;
    while (question != NULL && question->kind != kind) {
        question = question->next;
    }
    assert_non_null(question);
    fake_answer_to(fake, question, &(struct livekit_result){.outcome = outcome});
}

static void test_the_callers_of_an_agent_that_left_are_gone(void **state) {
    (void)state;
    run_into_suspicion();
    FAKE_NOBODY(fake);
    stage_is(stage, "RM_1", "parting"); /* one answer may be odd */
    scene_wait(&scene, 1000);
    round_answers(QUESTION_PARTICIPANTS, LIVEKIT_OK);
    round_answers(QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    stage_is(stage, "RM_1", "hanging-up/CALLER_LEFT");
}

static void test_the_callers_of_an_agent_that_left_are_there(void **state) {
    (void)state;
    run_into_suspicion();
    FAKE_PEOPLE(fake, fake_caller("PA_1"));
    is_confirmed("PA_1");
    scene_wait(&scene, 2000);
    stage_did(stage, START); /* in place of the one that vanished */
}

/* After a restart of LiveKit that told nothing its list goes on to show them. An agent that crashes at every start, and
 * whose coming and going LiveKit tells, is no sign of their life. */
static void test_the_callers_of_an_agent_that_crashes_are_ghosts(void **state) {
    (void)state;
    answered_call();
    round_of_one(1);
    buf_clear(&fake->log);
    stage_engine(stage, "RM_1", ENGINE_EXITED, 1);
    stage_did(stage, START);
    scene_wait(&scene, 20);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1"));
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_1;");
    scene_wait(&scene, 980);
    stage_engine(stage, "RM_1", ENGINE_STARTED, 0);
    agent_is(EVENT_participant_left); /* while LiveKit looks for the caller */
    round_answers(QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    stage_is(stage, "RM_1", "joining"); /* one answer may be odd */
    struct livekit_room room = room_aged("RM_1", 1, 300);
    fake_list(fake, QUESTION_ROOMS, &room, 1);
    scene_wait(&scene, 1000);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A1"));
    stage_engine(stage, "RM_1", ENGINE_EXITED, 1);
    round_answers(QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    stage_is(stage, "RM_1", "hanging-up/CALLER_LEFT");
}

/* The same where it is the slow look that asks: the agent's words do not put it off. */
static void test_an_agent_is_no_sign_of_its_callers(void **state) {
    (void)state;
    answered_call();
    round_of_one(1);
    next_round_in(5000);
    round_of_one(1);
    scene_wait(&scene, 50000);
    agent_is(EVENT_track_published);
    buf_clear(&fake->log);
    next_round_in(10000);
    round_of_one(1);
    fake_did(fake, "confirm sip-inbound_x PA_1;");
}

/* Our agent was pushed out, so the call is over for us; and the first round of then. */
static void let_go(void) {
    answered_call();
    round_of_one(1);
    struct webhook_event out = stage_event(EVENT_participant_left, "RM_1", STAGE_ROOM);
    out.participant.sid = SLICE("PA_A1");
    out.participant.identity = SLICE("sip-agent-RM_1");
    out.participant.disconnect_reason = DISCONNECT_DUPLICATE_IDENTITY;
    bridge_webhook(stage->bridge, &out, stage->now);
    stage_engine(stage, "RM_1", ENGINE_EXITED, 0);
    scene_wait(&scene, 5000);
    assert_int_equal(bridge_counters(stage->bridge)->ends[END_TAKEN], 1);
    buf_clear(&stage->log);
    round_of_one(1);
    fake_did(fake, PEOPLE);
}

static void test_calls_that_another_bridge_serves(void **state) {
    (void)state;
    struct livekit_participant silent = fake_agent("PA_A2"), human = fake_caller("PA_2"), leaving = fake_caller("PA_1");
    silent.audio_tracks = 0;   /* it is there for the call all the same */
    human.rule_id = SLICE(""); /* an agent left them together */
    leaving.state = LIVEKIT_DISCONNECTED;
    const struct livekit_participant people[][2] = {{fake_caller("PA_1"), silent},
                                                    {fake_caller("PA_1"), human},
                                                    {leaving}};
    for (size_t i = 0; i < ARRAY_LEN(people); i++) {
        let_go();
        fake_list(fake, QUESTION_PARTICIPANTS, people[i], i < 2 ? 2 : 1);
        scene_wait(&scene, 5000);
        fake_did(fake, "");
        stage_did(stage, "");
        close_scene(NULL);
        open_scene(NULL);
    }
    let_go();
    FAKE_NOBODY(fake);
    next_round_in(60000);
    round_of_one(0);
    fake_did(fake, "");
}

/* Nobody in its place at two looks, 5 s apart: an agent that crashed would have its successor. */
static void let_go_and_alone(void) {
    let_go();
    FAKE_PEOPLE(fake, fake_caller("PA_1"));
    scene_wait(&scene, 4999);
    fake_did(fake, "");
    scene_wait(&scene, 1);
    FAKE_PEOPLE(fake, fake_caller("PA_1"));
    fake_did(fake, PEOPLE CONFIRM_AGENT);
    stage_did(stage, "");
}

/* The other bridge is gone, or there never was one: webhooks in the wrong order look so, too. */
static void test_calls_that_nobody_serves(void **state) {
    (void)state;
    let_go_and_alone();
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    FAKE_PEOPLE(fake, fake_caller("PA_1"));
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_1;");
    stage_did(stage, "");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_did(stage, START);
    assert_int_equal(view().started, 1);
    assert_false(view().unheard); /* webhooks do arrive */
    stage_is(stage, "RM_1", "starting");
}

static void test_calls_that_are_served_after_all(void **state) {
    (void)state;
    let_go();
    FAKE_PEOPLE(fake, fake_caller("PA_1"));
    scene_wait(&scene, 5000);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A2"));
    fake_did(fake, PEOPLE);
    close_scene(NULL);
    open_scene(NULL);
    let_go_and_alone();
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK); /* the list hides it */
    close_scene(NULL);
    open_scene(NULL);
    let_go_and_alone();
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    FAKE_PEOPLE(fake, fake_caller("PA_1"), fake_agent("PA_A2")); /* it came that moment */
    fake_did(fake, PEOPLE);
    stage_did(stage, "");
}

static void test_calls_that_nobody_serves_and_nobody_is_in(void **state) {
    (void)state;
    let_go_and_alone();
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    FAKE_PEOPLE(fake, fake_caller("PA_1"));
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND); /* a ghost */
    stage_did(stage, "");
    assert_int_equal(view().started, 0);
}

static void test_a_name_that_came_back(void **state) {
    (void)state;
    answered_call();
    round_of_one(1);
    char first[ENGINE_INSTANCE_SIZE];
    memcpy(first, stage->instance, sizeof first);
    stage_room(stage, EVENT_room_started, "RM_2");
    scene_wait(&scene, 5000);
    round_of_one(7);
    fake_did(fake, ""); /* it is ending … */
    memcpy(stage->instance, first, sizeof first);
    stage_engine(stage, "RM_1", ENGINE_EXITED, 0);
    stage_is(stage, "RM_1", "");
    scene_wait(&scene, 10000);
    fake_did(fake, PEOPLE "rooms;");
    FAKE_NOBODY(fake); /* the new one's own question */
    struct livekit_room room = room_aged("RM_1", 7, 300);
    fake_list(fake, QUESTION_ROOMS, &room, 1);
    fake_did(fake, ""); /* … and over */
}

/* Without a prefix any room may be ours, by its caller; but none is ours to delete. */
static void test_any_room(void **state) {
    (void)state;
    scene_close(&scene);
    scene_open_for(&scene, "");
    stage_rules(stage, NULL, STAGE_AGENTS);
    reconcile_alone();
    struct livekit_room rooms[] = {fake_room("RM_1", "meeting", 1), fake_room("RM_2", "empty", 0),
                                   fake_room("RM_3", "", 1)};
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        rooms[i].creation_time_s = wall_s() - 3600;
    }
    round_is(rooms, ARRAY_LEN(rooms));
    fake_did(fake, "participants meeting;");
    FAKE_NOBODY(fake);
    fake_did(fake, "");
    next_round_in(5000);
    round_is(rooms, ARRAY_LEN(rooms));
    FAKE_PEOPLE(fake, caller_since("PA_1", 0));
    fake_did(fake, "participants meeting;confirm meeting PA_1;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
    stage_did(stage, "mint meeting sip-agent-RM_1;start RM_1 support;");
}

/* --- LiveKit is away --- */

static void test_away(void **state) {
    (void)state;
    static const int64_t waits[] = {1000, 2000, 5000, 10000, 20000, 20000, 20000};
    answered_call();
    round_of_one(1);
    next_round_in(5000);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        fake_did(fake, "rooms;");
        assert_int_equal(fake->open->timeout_ms, i == 0 ? 2000 : 0);
        fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY);
        assert_true(view().away);
        next_round_in(waits[i]);
    }
    stage_engine(stage, "RM_1", ENGINE_EXITED, 1);
    stage_is(stage, "RM_1", "livekit-away");
    assert_int_equal(view().rounds, 1);
    round_of_one(1);
    assert_false(view().away);
    stage_did(stage, START); /* told at once */
    scene_wait(&scene, 20);
    fake_did(fake, PEOPLE);
    FAKE_PEOPLE(fake, fake_caller("PA_1")); /* the agent's end raised the question whether they are there */
    is_confirmed("PA_1");
    next_round_in(980); /* it was suspected after it was asked */
    round_of_one(1);
    next_round_in(60000);
    assert_int_equal(fake->open->timeout_ms, 2000);
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY); /* another outage begins anew */
    next_round_in(1000);
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY);
    next_round_in(2000);
    buf_clear(&fake->log);
    fake_list(fake, QUESTION_ROOMS, NULL, 0);
}

/* What was heard during an earlier outage says nothing of this one. */
static void test_heard_in_an_earlier_outage(void **state) {
    (void)state;
    reconcile_alone();
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY);
    next_round_in(1000);
    reconcile_heard(scene.reconcile);
    fake_list(fake, QUESTION_ROOMS, NULL, 0);
    next_round_in(1000);
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY); /* 1 s after the webhook */
    assert_true(view().away);
    reconcile_heard(scene.reconcile);
    next_round_in(1000);
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY);
    assert_false(view().away);
}

static void test_away_and_something_else_gets_an_answer(void **state) {
    (void)state;
    reconcile_alone();
    for (int i = 0; i < 5; i++) {
        fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY);
        scene_wait(&scene, 20000);
    }
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY);
    scene_wait(&scene, 5000);
    buf_clear(&fake->log);
    reconcile_answers(scene.reconcile);
    next_round_in(0);
    round_is(NULL, 0);
    assert_false(view().away);
}

/* Its API cannot be asked, but its webhooks come. */
static void test_heard_though_not_to_be_asked(void **state) {
    (void)state;
    reconcile_alone();
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY);
    assert_true(view().away);
    reconcile_heard(scene.reconcile);
    assert_false(view().away);
    stage_caller(stage, "RM_1", "PA_1", "+1");
    stage_did(stage, START);
    buf_clear(&fake->log);
    for (int i = 0; i < 6; i++) { /* it never answered: what is heard is all there is */
        scene_wait(&scene, 20000);
        fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY);
        assert_false(view().away);
    }
}

/* A webhook ends the wait for the next try. */
static void test_heard_after_a_long_time(void **state) {
    (void)state;
    reconcile_alone();
    for (int i = 0; i < 5; i++) {
        fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY);
        scene_wait(&scene, 20000);
    }
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY);
    scene_wait(&scene, 5000);
    buf_clear(&fake->log);
    reconcile_heard(scene.reconcile);
    next_round_in(0);
    round_is(NULL, 0);
}

/* Where it did answer before, one webhook does not excuse it for ever. */
static void test_heard_and_then_gone(void **state) {
    (void)state;
    reconcile_alone();
    fake_list(fake, QUESTION_ROOMS, NULL, 0);
    scene_wait(&scene, 5000);
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY);
    assert_true(view().away);
    scene_wait(&scene, 500);
    reconcile_heard(scene.reconcile);
    assert_false(view().away);
    scene_wait(&scene, 500);
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY);
    assert_false(view().away);
    scene_wait(&scene, 2000);
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY);
    assert_false(view().away);
    scene_wait(&scene, 20000);
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY);
    assert_true(view().away);
}

static void test_answers_that_are_none(void **state) {
    (void)state;
    reconcile_alone();
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_ODD);
    assert_false(view().away);
    next_round_in(1000);
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_AWAY);
    assert_true(view().away);
    next_round_in(2000);
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_ODD);
    assert_true(view().away); /* whatever that was */
    next_round_in(5000);
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_REFUSED);
    assert_false(view().away); /* it is there */
    next_round_in(10000);
    fake_outcome(fake, QUESTION_ROOMS, LIVEKIT_REFUSED);
    assert_int_equal(view().rounds, 0);
}

/* --- hostile and many rooms --- */

static void test_hostile_rooms(void **state) {
    (void)state;
    scene_reconcile(&scene, true);
    scene_tick(&scene);
    char long_sid[80];
    memset(long_sid, 'A', sizeof long_sid - 1);
    long_sid[sizeof long_sid - 1] = '\0';
    const struct livekit_room rooms[] = {room_aged("", 1, 300),           room_aged("../../x", 1, 300),
                                         room_aged("RM 1", 1, 300),       room_aged("RM_\n", 1, 300),
                                         room_aged(long_sid, 1, 300),     fake_room("RM_1", "", 1),
                                         fake_room("RM_2", "meeting", 1), fake_room("RM_3", "x-sip-inbound", 1),
                                         {.num_participants = 1}};
    round_is(rooms, ARRAY_LEN(rooms));
    fake_did(fake, "");
}

/* Times that cannot be: the room is looked at, and neither waited for nor deleted. */
static void test_impossible_times(void **state) {
    (void)state;
    const int64_t times[] = {INT64_MIN, -1, 0, wall_s() + 90000, INT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        scene_reconcile(&scene, true);
        scene_tick(&scene);
        round_is(NULL, 0);
        next_round_in(5000);
        struct livekit_room room = fake_room("RM_1", STAGE_ROOM, INT64_MAX);
        room.creation_time_s = times[i];
        round_is(&room, 1);
        FAKE_NOBODY(fake);
        fake_did(fake, PEOPLE);
        next_round_in(60000);
        round_is(NULL, 0);
        reconcile_free(take_ptr(scene.reconcile));
    }
}

/* A room so young that its webhook may still be on the way; whatever LiveKit's clock says. */
static void test_fresh_rooms(void **state) {
    (void)state;
    reconcile_alone();
    struct livekit_room room = room_aged("RM_1", 1, 0);
    round_is(&room, 1);
    FAKE_PEOPLE(fake, caller_since("PA_9", wall_s())); /* at start there is no webhook to wait for */
    fake_did(fake, PEOPLE "confirm sip-inbound_x PA_9;");
    fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_NOT_FOUND);
    next_round_in(5000);
    static const int64_t fresh[] = {-1, 0, 1};
    for (size_t i = 0; i < ARRAY_LEN(fresh); i++) {
        room = room_aged("RM_1", 1, fresh[i]);
        round_is(&room, 1);
        fake_did(fake, "");
        next_round_in(3000);
    }
    room = room_aged("RM_1", 1, -40);
    round_is(&room, 1);
    FAKE_NOBODY(fake);
    fake_did(fake, PEOPLE);
    next_round_in(60000);
    room = room_aged("RM_1", 1, 2);
    round_is(&room, 1);
    FAKE_NOBODY(fake);
    fake_did(fake, PEOPLE);
}

enum { CROWD = 10000 };

static void crowd_round(size_t count) {
    struct livekit_room *rooms = xcalloc(CROWD, sizeof *rooms);
    char(*sids)[24] = xcalloc(CROWD, sizeof *sids);
    for (size_t i = 0; i < count; i++) {
        snprintf(sids[i], sizeof sids[i], "RM_%zu", i);
        rooms[i] = room_aged(sids[i], 1, 300);
    }
    fake_list(fake, QUESTION_ROOMS, rooms, count);
    free(sids);
    free(rooms);
}

static unsigned nobody_in_any(void) {
    unsigned checks = 0;
    while (fake->open != NULL) {
        if (fake->open->kind == QUESTION_CONFIRM) {
            fake_outcome(fake, QUESTION_CONFIRM, LIVEKIT_OK);
            continue;
        }
        FAKE_PEOPLE(fake, fake_person("PA_9", "someone", KIND_STANDARD));
        checks++;
    }
    buf_clear(&fake->log);
    return checks;
}

static void test_ten_thousand_rooms(void **state) {
    (void)state;
    reconcile_alone();
    for (int i = 0; i < CROWD / 200; i++) {
        crowd_round(CROWD);
        assert_int_equal(nobody_in_any(), 200);
        next_round_in(i == CROWD / 200 - 1 ? 60000 : 5000);
    }
    crowd_round(CROWD); /* each had its turn; then there is rest */
    assert_int_equal(fake_open(fake), 200);
    next_round_in(5000);
    assert_int_equal(fake->open->kind, QUESTION_PARTICIPANTS); /* unanswered so far */
    struct fake_question *last = fake->open->prev;
    fake_answer_to(fake, last, &(struct livekit_result){.outcome = LIVEKIT_OK});
    assert_int_equal(nobody_in_any(), 200);
}

/* The list grows shorter while the crowd is looked at. */
static void test_a_crowd_that_goes(void **state) {
    (void)state;
    reconcile_alone();
    crowd_round(450);
    assert_int_equal(nobody_in_any(), 200);
    next_round_in(5000);
    crowd_round(450);
    assert_int_equal(nobody_in_any(), 200);
    next_round_in(5000);
    crowd_round(100);
    assert_int_equal(nobody_in_any(), 100);
    next_round_in(60000);
    buf_clear(&fake->log);
    fake_list(fake, QUESTION_ROOMS, NULL, 0);
}

/* A room that is listed twice, or is being looked at, is looked at once. */
static void test_one_check_a_room(void **state) {
    (void)state;
    reconcile_alone();
    struct livekit_room rooms[] = {room_aged("RM_1", 0, 300), room_aged("RM_1", 0, 300)};
    round_is(rooms, 2);
    fake_did(fake, PEOPLE);
    next_round_in(5000);
    fake_did(fake, "rooms;");
    struct livekit_result listed = {.outcome = LIVEKIT_OK, .answer = {.count = 1, .rooms = rooms}};
    fake_answer_to(fake, fake->open->next, &listed);
    fake_did(fake, "");
    FAKE_NOBODY(fake);
    fake_list(fake, QUESTION_ROOM, NULL, 0);
}

/* --- life --- */

static void test_freed_with_questions_under_way(void **state) {
    (void)state;
    reconcile_alone();
    struct livekit_room rooms[] = {room_aged("RM_1", 1, 300), room_aged("RM_2", 1, 300)};
    round_is(rooms, 2);
    next_round_in(5000);
    assert_int_equal(fake_open(fake), 3);
    reconcile_free(take_ptr(scene.reconcile));
    assert_int_equal(fake->cancelled, 3);
    reconcile_free(NULL);
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, open_scene, close_scene)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCENE(test_rounds),
        IN_SCENE(test_rounds_that_are_wanted_soon),
        IN_SCENE(test_absent_twice),
        IN_SCENE(test_absent_but_changed),
        IN_SCENE(test_absent_and_listed_again),
        IN_SCENE(test_not_in_bulk),
        IN_SCENE(test_gone_in_bulk),
        IN_SCENE(test_what_is_no_bulk),
        IN_SCENE(test_a_caller_from_before_our_start),
        IN_SCENE(test_webhooks_do_not_arrive),
        IN_SCENE(test_who_could_be_told_of),
        IN_SCENE(test_webhooks_arrive_again),
        IN_SCENE(test_a_slow_webhook),
        IN_SCENE(test_ghosts_of_a_crash),
        IN_SCENE(test_an_untold_caller_in_a_call),
        IN_SCENE(test_a_caller_absent_twice),
        IN_SCENE(test_a_caller_hidden_by_a_duplicate),
        IN_SCENE(test_nobody_can_confirm_an_absence),
        IN_SCENE(test_a_caller_listed_again),
        IN_SCENE(test_the_second_caller_absent_twice),
        IN_SCENE(test_all_absent_twice),
        IN_SCENE(test_people_who_changed_meanwhile),
        IN_SCENE(test_absent_once_and_gone),
        IN_SCENE(test_a_call_that_ends),
        IN_SCENE(test_not_settled),
        IN_SCENE(test_an_agents_arrival_is_found),
        IN_SCENE(test_an_agent_absent_twice),
        IN_SCENE(test_an_agent_with_a_token_of_its_own),
        IN_SCENE(test_stale_rooms),
        IN_SCENE(test_stale_rooms_that_cannot_be_deleted),
        IN_SCENE(test_stale_rooms_that_are_not),
        IN_SCENE(test_stale_rooms_that_changed),
        IN_SCENE(test_the_room_of_a_call_that_is_over),
        IN_SCENE(test_served_by_somebody_else),
        IN_SCENE(test_served_by_a_ghost),
        IN_SCENE(test_the_callers_of_an_agent_that_left_are_gone),
        IN_SCENE(test_the_callers_of_an_agent_that_left_are_there),
        IN_SCENE(test_the_callers_of_an_agent_that_crashes_are_ghosts),
        IN_SCENE(test_an_agent_is_no_sign_of_its_callers),
        IN_SCENE(test_calls_that_another_bridge_serves),
        IN_SCENE(test_calls_that_nobody_serves),
        IN_SCENE(test_calls_that_are_served_after_all),
        IN_SCENE(test_calls_that_nobody_serves_and_nobody_is_in),
        IN_SCENE(test_a_name_that_came_back),
        IN_SCENE(test_any_room),
        IN_SCENE(test_away),
        IN_SCENE(test_heard_in_an_earlier_outage),
        IN_SCENE(test_away_and_something_else_gets_an_answer),
        IN_SCENE(test_heard_though_not_to_be_asked),
        IN_SCENE(test_heard_after_a_long_time),
        IN_SCENE(test_heard_and_then_gone),
        IN_SCENE(test_answers_that_are_none),
        IN_SCENE(test_hostile_rooms),
        IN_SCENE(test_impossible_times),
        IN_SCENE(test_fresh_rooms),
        IN_SCENE(test_ten_thousand_rooms),
        IN_SCENE(test_a_crowd_that_goes),
        IN_SCENE(test_one_check_a_room),
        IN_SCENE(test_freed_with_questions_under_way),
    };
    return cmocka_run_group_tests(tests, stage_silence_log, NULL);
}
