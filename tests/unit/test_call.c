/* Calls told as stories: the rules of the design ("During and ending a call"), and the traps of real life. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "call_story.h"

/* Rule 1: the call ends when its last caller left. */
static const struct story endings[] = {
    {"an answered call, the caller hangs up",
     false,
     {ANSWERED,
      {9000, HANGS_UP(1), "hanging-up/CALLER_LEFT"},
      {9100, EXITS, "hanging-up/CALLER_LEFT"},
      {9200, DELETED, "over/ROOM_FINISHED"}}},
    {"… and the room cannot be deleted",
     true,
     {ANSWERED, {9000, HANGS_UP(1), "stopping/CALLER_LEFT"}, {9100, EXITS, "over/CALLER_LEFT"}}},
    {"the caller gives up while it rings",
     true,
     {{0, ROOM, "deciding"},
      {0, CHOICE, "starting"},
      {10, RUNS, "joining"},
      {100, CALLER(1), "joining"},
      {2000, HANGS_UP(1), "stopping/CALLER_LEFT"},
      {2500, EXITS, "over/CALLER_LEFT"}}},
    {"a caller whose line drops may come back",
     true,
     {ANSWERED, {9000, DROPS(1), "grace"}, {13999, WAIT, "grace"}, {14000, WAIT, "stopping/CALLER_LEFT"}}},
    {"… and does",
     true,
     {ANSWERED, {9000, DROPS(1), "grace"}, {12000, CALLER_AGAIN(1, 150), "talking"}, {14000, WAIT, "talking"}}},
    {"… and does when the agent is gone: a new one",
     true,
     {ANSWERED,
      {9000, DROPS(1), "grace"},
      {9100, LEAVES(1), "grace"},
      {9150, EXITS, "grace"},
      {12000, CALLER_AGAIN(1, 150), "starting"}}},
    {"the agent that leaves because its caller's line dropped has not ended the call",
     false,
     {ANSWERED,
      {9000, DROPS(1), "grace"},
      {9100, EXITS, "grace"},
      {9150, LEAVES(1), "grace"},
      {12000, CALLER_AGAIN(1, 150), "starting"}}},
    {"the agent that crashes while the caller is away is not replaced before they are back",
     true,
     {ANSWERED, {9000, DROPS(1), "grace"}, {9100, CRASHES, "grace"}, {14000, WAIT, "over/CALLER_LEFT"}}},
    {"a soft leave that turns out hard",
     true,
     {ANSWERED, {9000, DROPS(1), "grace"}, {9500, HANGS_UP(1), "stopping/CALLER_LEFT"}}},
    {"a leg that left is remembered: its joined comes late",
     true,
     {{0, ROOM, "deciding"},
      {0, CHOICE, "starting"},
      {10, RUNS, "joining"},
      {100, HANGS_UP(1), "stopping/CALLER_LEFT"},
      {150, CALLER(1), "stopping/CALLER_LEFT"}}},
    {"a leg that left is remembered: its joined is repeated",
     true,
     {ANSWERED,
      {9000, HANGS_UP(1), "stopping/CALLER_LEFT"},
      {9001, CALLER(1), "stopping/CALLER_LEFT"},
      {9100, EXITS, "over/CALLER_LEFT"},
      {9200, CALLER(1), "over/CALLER_LEFT"}}},
    {"the same identity twice: the first leg's abort ends nothing",
     true,
     {ANSWERED, {5000, CALLER_AGAIN(1, 150), "talking"}, {5010, DROPS(1), "talking"}, {99000, WAIT, "talking"}}},
    {"… in the other order",
     true,
     {ANSWERED, {5000, DROPS(1), "grace"}, {5010, CALLER_AGAIN(1, 150), "talking"}, {99000, WAIT, "talking"}}},
    {"… and the old leg's late leave after the new one's joined",
     true,
     {ANSWERED, {5000, CALLER_AGAIN(1, 150), "talking"}, {5010, HANGS_UP(1), "talking"}}},
    {"two callers: the first leaves, the call goes on",
     true,
     {ANSWERED,
      {5000, CALLER(2), "talking"},
      {6000, HANGS_UP(1), "talking"},
      {7000, HANGS_UP(2), "stopping/CALLER_LEFT"}}},
    {"the room is finished",
     true,
     {ANSWERED,
      {9000, FINISHED, "stopping/ROOM_FINISHED"},
      {9001, FINISHED, "stopping/ROOM_FINISHED"},
      {9100, EXITS, "over/ROOM_FINISHED"}}},
    {"a finished room that was started late",
     true,
     {{0, FINISHED, "over/ROOM_FINISHED"}, {5, ROOM, "over/ROOM_FINISHED"}}},
    {"four hours",
     true,
     {ANSWERED, {100 + 4 * 3600000 - 1, WAIT, "talking"}, {100 + 4 * 3600000, WAIT, "stopping/TOO_LONG"}}},
    {"a caller who comes when another was there too long is served",
     true,
     {ANSWERED,
      {100 + 4 * 3600000, WAIT, "stopping/TOO_LONG"},
      {101 + 4 * 3600000, CALLER(2), "replacing"},
      {102 + 4 * 3600000, CRASHES, "starting"}}},
    {"the operator's word", false, {ANSWERED, {5000, OPERATOR_STOPS, "hanging-up/OPERATOR"}}},
    {"a room without a caller is no call",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE, "starting"},
      {10, RUNS, "joining"},
      {500, JOINS(1), "joined"},
      {600, SPEAKS(1), "talking"},
      {9999, WAIT, "talking"},
      {10000, WAIT, "stopping/NOT_A_CALL"},
      {10100, EXITS, "over/NOT_A_CALL"}}},
    {"an outbound leg alone makes no call",
     true,
     {{0, ROOM, "deciding"}, {10, PERSON(7), "deciding"}, {10000, WAIT, "over/NOT_A_CALL"}}},
};

/* Rule 3: hanging up is a state; rule 4: rejecting acts on the leg. */
static const struct story hang_ups[] = {
    {"deleting is tried again after 0.2, 1, 2 s",
     false,
     {ANSWERED,
      {9000, HANGS_UP(1), "hanging-up/CALLER_LEFT"},
      {9100, NOT_DELETED, "hanging-up/CALLER_LEFT"},
      {9300, NOT_DELETED, "hanging-up/CALLER_LEFT"},
      {9400, EXITS, "hanging-up/CALLER_LEFT"},
      {9500, FINISHED, "over/ROOM_FINISHED"}}},
    {"a caller who joins while the call is stopping gets a new agent at once",
     true,
     {ANSWERED,
      {9000, HANGS_UP(1), "stopping/CALLER_LEFT"},
      {9100, CALLER(2), "replacing"},
      {9200, CRASHES, "starting"},
      {9210, RUNS, "joining"},
      {9400, JOINS(2), "joined"},
      {9410, PUSHED_OUT(1), "joined"},
      {9500, SPEAKS(2), "talking"}}},
    {"… and while the room is being deleted",
     false,
     {ANSWERED,
      {9000, HANGS_UP(1), "hanging-up/CALLER_LEFT"},
      {9100, CALLER(2), "replacing"},
      {9150, EXITS, "starting"}}},
    {"… and when it is over",
     true,
     {ANSWERED,
      {9000, HANGS_UP(1), "stopping/CALLER_LEFT"},
      {9100, EXITS, "over/CALLER_LEFT"},
      {9200, CALLER(2), "starting"}}},
    {"… and after the operator stopped the former one",
     true,
     {ANSWERED,
      {9000, OPERATOR_STOPS, "stopping/OPERATOR"},
      {9100, EXITS, "over/OPERATOR"},
      {9200, CALLER(2), "starting"}}},
    {"a rejected caller alone",
     false,
     {{0, ROOM, "deciding"}, {0, CHOICE, "starting"}, {10, RUNS, "joining"}, {100, SPAMMER(1), "hanging-up/REJECTED"}}},
    {"a rejected caller beside a live one ends nothing",
     false,
     {ANSWERED, {5000, SPAMMER(2), "talking"}, {5001, SPAMMER(2), "talking"}, {6000, HANGS_UP(2), "talking"}}},
    {"a rejected caller is not one who joined",
     false,
     {{0, ROOM, "deciding"}, {10, SPAMMER(1), "hanging-up/REJECTED"}, {20, CALLER(1), "hanging-up/REJECTED"}}},
    {"a good caller after a rejected one",
     true,
     {{0, ROOM, "deciding"},
      {0, CHOICE, "starting"},
      {10, RUNS, "joining"},
      {100, SPAMMER(1), "stopping/REJECTED"},
      {200, CALLER(2), "replacing"},
      {300, EXITS, "starting"}}},
    {"no agent can be had",
     false,
     {{0, ROOM, "deciding"}, {10, NOBODY, "hanging-up/NO_AGENT"}, {20, CHOICE, "hanging-up/NO_AGENT"}}},
    {"… until a caller comes: then it is decided anew",
     false,
     {{0, ROOM, "deciding"},
      {10, NOBODY, "hanging-up/NO_AGENT"},
      {20, CALLER(1), "deciding"},
      {20, CHOICE, "starting"},
      {30, NOBODY, "starting"}}},
};

/* Rule 5: agent exits. */
static const struct story exits[] = {
    {"exit 0 before it was ready is a failed start, three are replaced",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE, "starting"},
      {1, RUNS, "joining"},
      {2, CALLER(1), "joining"},
      {10, EXITS, "starting"},
      {11, RUNS, "joining"},
      {20, CRASHES, "starting"},
      {30, NO_START, "starting"},
      {31, RUNS, "joining"},
      {40, EXITS, "hanging-up/AGENT_FAILED"}}},
    {"one that was ready counts anew",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE, "starting"},
      {1, RUNS, "joining"},
      {2, CALLER(1), "joining"},
      {10, EXITS, "starting"},
      {11, RUNS, "joining"},
      {20, EXITS, "starting"},
      {21, RUNS, "joining"},
      {30, EXITS, "starting"},
      {31, RUNS, "joining"},
      {40, JOINS(1), "joined"},
      {50, SPEAKS(1), "talking"},
      {5000, CRASHES, "starting"},
      {5001, RUNS, "joining"},
      {5010, EXITS, "starting"}}},
    {"exit 0 with participant_left before: it ended the call",
     false,
     {ANSWERED, {9000, LEAVES(1), "joining"}, {10999, EXITS, "hanging-up/AGENT_DONE"}}},
    {"… 2 s before at most", false, {ANSWERED, {9000, LEAVES(1), "joining"}, {11001, EXITS, "starting"}}},
    {"exit 0 with participant_left after: it ended the call",
     false,
     {ANSWERED, {9000, EXITS, "parting"}, {10999, LEAVES(1), "hanging-up/AGENT_DONE"}}},
    {"exit 0 and no word of its leaving within 2 s: replaced",
     false,
     {ANSWERED,
      {9000, EXITS, "parting"},
      {10999, WAIT, "parting"},
      {11000, WAIT, "starting"},
      {11001, LEAVES(1), "starting"}}},
    {"exit 0 after LiveKit threw it out otherwise: replaced",
     false,
     {ANSWERED, {9000, TIMES_OUT(1), "joining"}, {9100, EXITS, "starting"}}},
    {"a crash is replaced at once, even when it left properly",
     false,
     {ANSWERED, {9000, LEAVES(1), "joining"}, {9001, CRASHES, "starting"}}},
    {"an adopted process has no status: leaving decides",
     false,
     {ANSWERED,
      {9000, {.kind = CALL_PROCESS_EXITED, .exit = EXIT_NOT_KNOWN}, "parting"},
      {9001, LEAVES(1), "hanging-up/AGENT_DONE"}}},
    {"handed over to an outbound leg: no hang-up until the caller leaves",
     false,
     {ANSWERED,
      {5000, PERSON(7), "talking"},
      {9000, LEAVES(1), "joining"},
      {9100, EXITS, "handed-over"},
      {99000, WAIT, "handed-over"},
      {99001, HANGS_UP(1), "hanging-up/CALLER_LEFT"}}},
    {"the outbound leg was gone already: no hand-over",
     false,
     {ANSWERED,
      {5000, PERSON(7), "talking"},
      {6000, PERSON_LEAVES(7), "talking"},
      {9000, LEAVES(1), "joining"},
      {9100, EXITS, "hanging-up/AGENT_DONE"}}},
    {"a caller who comes after the hand-over gets an agent",
     false,
     {ANSWERED,
      {5000, PERSON(7), "talking"},
      {9000, LEAVES(1), "joining"},
      {9100, EXITS, "handed-over"},
      {9200, CALLER(2), "starting"}}},
    {"a caller who came after the agent left: a new agent for them",
     false,
     {ANSWERED, {9000, LEAVES(1), "joining"}, {9050, CALLER(2), "joining"}, {9100, EXITS, "starting"}}},
    {"… after its process ended",
     false,
     {ANSWERED, {9000, EXITS, "parting"}, {9050, CALLER(2), "starting"}, {9100, LEAVES(1), "starting"}}},
    {"exit 125: never again", false, {ANSWERED, {9000, EXITS_125, "hanging-up/AGENT_FAILED"}}},
    {"exit 125 before it was ready: never again",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE, "starting"},
      {1, RUNS, "joining"},
      {2, CALLER(1), "joining"},
      {10, EXITS_125, "hanging-up/AGENT_FAILED"}}},
    {"crashes: replaced at once, then after 1 and 2 s, the fourth in a minute is too many",
     false,
     {ANSWERED,
      {10000, CRASHES, "starting"},
      {10010, RUNS, "joining"},
      {10100, JOINS(2), "joined"},
      {10200, SPEAKS(2), "talking"},
      {11000, CRASHES, "backing-off"},
      {11999, WAIT, "backing-off"},
      {12000, WAIT, "starting"},
      {12010, RUNS, "joining"},
      {12100, JOINS(3), "joined"},
      {12200, SPEAKS(3), "talking"},
      {13000, CRASHES, "backing-off"},
      {14999, WAIT, "backing-off"},
      {15000, WAIT, "starting"},
      {15010, RUNS, "joining"},
      {15100, JOINS(4), "joined"},
      {15200, SPEAKS(4), "talking"},
      {69999, CRASHES, "hanging-up/AGENT_FAILED"}}},
    {"… a minute later it is the first again",
     false,
     {ANSWERED,
      {10000, CRASHES, "starting"},
      {10010, RUNS, "joining"},
      {10100, JOINS(2), "joined"},
      {10200, SPEAKS(2), "talking"},
      {11000, CRASHES, "backing-off"},
      {12000, WAIT, "starting"},
      {12010, RUNS, "joining"},
      {12100, JOINS(3), "joined"},
      {12200, SPEAKS(3), "talking"},
      {13000, CRASHES, "backing-off"},
      {15000, WAIT, "starting"},
      {15010, RUNS, "joining"},
      {15100, JOINS(4), "joined"},
      {15200, SPEAKS(4), "talking"},
      {70000, CRASHES, "backing-off"},
      {72000, WAIT, "starting"}}},
    {"the process that we stop is expected to end",
     true,
     {ANSWERED, {9000, HANGS_UP(1), "stopping/CALLER_LEFT"}, {9100, EXITS_125, "over/CALLER_LEFT"}}},
};

/* The agent as a participant: ghosts, other bridges, time-outs. */
static const struct story voices[] = {
    {"the ghost that its replacement pushes out is benign",
     false,
     {ANSWERED,
      {9000, CRASHES, "starting"},
      {9010, RUNS, "joining"},
      {9300, PUSHED_OUT(1), "joining"},
      {9400, JOINS(2), "joined"},
      {9500, SPEAKS(2), "talking"},
      {20000, WAIT, "talking"}}},
    {"… also when its leaving is told after the replacement joined",
     false,
     {ANSWERED,
      {9000, CRASHES, "starting"},
      {9010, RUNS, "joining"},
      {9300, JOINS(2), "joined"},
      {9400, PUSHED_OUT(1), "joined"},
      {9500, SPEAKS(2), "talking"}}},
    {"… and when it joined only after its process had gone",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE, "starting"},
      {1, RUNS, "joining"},
      {2, CALLER(1), "joining"},
      {10, CRASHES, "starting"},
      {20, JOINS(1), "starting"},
      {30, RUNS, "joined"},
      {40, PUSHED_OUT(1), "joining"},
      {50, JOINS(2), "joined"},
      {60, SPEAKS(2), "talking"}}},
    {"an agent that reconnects pushes out itself",
     false,
     {ANSWERED,
      {9000, PUSHED_OUT(1), "joining"},
      {9090, JOINS(2), "joined"},
      {9100, SPEAKS(2), "talking"},
      {60000, WAIT, "talking"}}},
    {"… and then ends the call",
     false,
     {ANSWERED,
      {9000, PUSHED_OUT(1), "joining"},
      {9090, JOINS(2), "joined"},
      {9100, SPEAKS(2), "talking"},
      {9200, EXITS, "parting"},
      {9300, LEAVES(2), "hanging-up/AGENT_DONE"}}},
    {"its audio is told before its joined",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE, "starting"},
      {5, RUNS, "joining"},
      {10, CALLER(1), "joining"},
      {20, SPEAKS(1), "joining"},
      {30, JOINS(1), "talking"}}},
    {"… of one with a token of its own",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE_ANY, "starting"},
      {5, RUNS, "joining"},
      {10, CALLER(1), "joining"},
      {20, SPEAKS(107), "joining"},
      {30, PERSON(7), "talking"}}},
    {"the caller's audio is not the agent's",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE_ANY, "starting"},
      {5, RUNS, "joining"},
      {8, SPEAKS(101), "joining"},
      {10, CALLER(1), "joining"},
      {20, SPEAKS(101), "joining"}}},
    {"another bridge's agent takes the identity, ours ends: let go",
     false,
     {ANSWERED,
      {9000, PUSHED_OUT(1), "joining"},
      {9090, JOINS(2), "joined"},
      {9200, EXITS, "parting"},
      {11199, WAIT, "parting"},
      {11200, WAIT, "over/TAKEN"},
      {20000, CALLER(2), "over/TAKEN"},
      {20100, PUSHED_OUT(2), "over/TAKEN"},
      {20200, JOINS(3), "over/TAKEN"},
      {30000, LEAVES(3), "starting"}}},
    {"… its end is noticed before the word of its leaving",
     false,
     {ANSWERED, {9000, EXITS, "parting"}, {9100, PUSHED_OUT(1), "parting"}, {11000, WAIT, "over/TAKEN"}}},
    {"… before it was ready",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE, "starting"},
      {1, RUNS, "joining"},
      {2, CALLER(1), "joining"},
      {10, JOINS(1), "joined"},
      {20, PUSHED_OUT(1), "joining"},
      {30, EXITS, "parting"},
      {2030, WAIT, "over/TAKEN"}}},
    {"… a crash is a crash all the same",
     false,
     {ANSWERED, {9000, PUSHED_OUT(1), "joining"}, {9200, CRASHES, "starting"}}},
    {"… and an end long after has other reasons",
     false,
     {ANSWERED,
      {9000, PUSHED_OUT(1), "joining"},
      {9090, JOINS(2), "joined"},
      {9100, SPEAKS(2), "talking"},
      {11001, EXITS, "parting"},
      {11002, LEAVES(2), "hanging-up/AGENT_DONE"}}},
    {"never ready: killed, once more, then hung up",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE, "starting"},
      {5, RUNS, "joining"},
      {10, CALLER(1), "joining"},
      {10004, WAIT, "joining"},
      {10005, WAIT, "replacing"},
      {10100, CRASHES, "starting"},
      {10110, RUNS, "joining"},
      {10500, JOINS(2), "joined"},
      {20109, WAIT, "joined"},
      {20110, WAIT, "hanging-up/AGENT_FAILED"},
      {20200, CRASHES, "hanging-up/AGENT_FAILED"}}},
    {"a hang before it was ever ready, then a good one: it counts anew",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE, "starting"},
      {5, RUNS, "joining"},
      {10, CALLER(1), "joining"},
      {10005, WAIT, "replacing"},
      {10100, CRASHES, "starting"},
      {10110, RUNS, "joining"},
      {10500, JOINS(2), "joined"},
      {10600, SPEAKS(2), "talking"},
      {15000, TIMES_OUT(2), "joining"},
      {25000, WAIT, "replacing"},
      {25010, CRASHES, "starting"}}},
    {"it leaves and its process lives: it may come back, or hang",
     false,
     {ANSWERED,
      {9000, LEAVES(1), "joining"},
      {12000, JOINS(2), "joined"},
      {12100, SPEAKS(2), "talking"},
      {99000, WAIT, "talking"}}},
    {"an agent with a token of its own joins as a person and speaks",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE_ANY, "starting"},
      {5, RUNS, "joining"},
      {10, CALLER(1), "joining"},
      {500, PERSON(7), "joining"},
      {600, SPEAKS(107), "talking"},
      {9000, PERSON_LEAVES(7), "joining"},
      {9100, EXITS, "hanging-up/AGENT_DONE"}}},
    {"… and its leaving is told after its process ended",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE_ANY, "starting"},
      {5, RUNS, "joining"},
      {10, CALLER(1), "joining"},
      {500, PERSON(7), "joining"},
      {600, SPEAKS(107), "talking"},
      {9000, EXITS, "parting"},
      {9100, PERSON_LEAVES(7), "hanging-up/AGENT_DONE"}}},
    {"a human on the phone who speaks is no agent",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE_ANY, "starting"},
      {5, RUNS, "joining"},
      {10, CALLER(1), "joining"},
      {500, HUMAN(7), "joining"},
      {600, SPEAKS(107), "joining"},
      {700, JOINS(1), "joined"},
      {800, SPEAKS(1), "talking"},
      {9000, LEAVES(1), "joining"},
      {9100, EXITS, "handed-over"}}},
    {"beside the agent with a token of its own another one means nothing",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE_ANY, "starting"},
      {5, RUNS, "joining"},
      {10, CALLER(1), "joining"},
      {500, JOINS(1), "joined"},
      {600, SPEAKS(1), "talking"},
      {20000, JOINS(2), "talking"},
      {40000, WAIT, "talking"}}},
    {"a reconnection whose first half is lost: it has time to speak",
     false,
     {ANSWERED, {20000, JOINS(2), "joined"}, {29999, SPEAKS(2), "talking"}}},
    {"another bridge had the call, but LiveKit restarts",
     false,
     {ANSWERED,
      {9000, PUSHED_OUT(1), "joining"},
      {9200, EXITS, "parting"},
      {11200, WAIT, "over/TAKEN"},
      {20000, ROOM, "grace"},
      {20500, CALLER_AGAIN(1, 150), "starting"}}},
    {"with our token a person who speaks is a person",
     false,
     {{0, ROOM, "deciding"},
      {0, CHOICE, "starting"},
      {5, RUNS, "joining"},
      {10, CALLER(1), "joining"},
      {500, PERSON(7), "joining"},
      {600, SPEAKS(107), "joining"}}},
};

/* Rules 6 and 7: LiveKit restarts, rooms come back. */
static const struct story restarts[] = {
    {"LiveKit restarts: room_started again, the agent sees disconnected and exits 0, everybody joins again",
     false,
     {ANSWERED,
      {9000, ROOM, "grace"},
      {9100, CALLER_AGAIN(1, 150), "joining"},
      {9200, EXITS, "starting"},
      {9210, RUNS, "joining"},
      {9500, JOINS(2), "joined"},
      {9600, SPEAKS(2), "talking"}}},
    {"… the agent exits before the room is told of again",
     false,
     {ANSWERED, {9000, EXITS, "parting"}, {9500, ROOM, "grace"}, {9600, CALLER_AGAIN(1, 150), "starting"}}},
    {"… the agent comes back itself",
     false,
     {ANSWERED,
      {9000, ROOM, "grace"},
      {9100, JOINS(2), "grace"},
      {9150, SPEAKS(2), "grace"},
      {9200, CALLER_AGAIN(1, 150), "talking"}}},
    {"… just after the agent had reconnected",
     false,
     {ANSWERED,
      {9000, PUSHED_OUT(1), "joining"},
      {9050, JOINS(2), "joined"},
      {9100, EXITS, "parting"},
      {9500, ROOM, "grace"},
      {9600, CALLER_AGAIN(1, 150), "starting"}}},
    {"… the agent hangs: killed and replaced",
     false,
     {ANSWERED,
      {9000, ROOM, "grace"},
      {9100, CALLER_AGAIN(1, 150), "joining"},
      {19000, WAIT, "replacing"},
      {19010, CRASHES, "starting"}}},
    {"… the caller does not come back", true, {ANSWERED, {9000, ROOM, "grace"}, {14000, WAIT, "stopping/CALLER_LEFT"}}},
    {"… while nobody but an early agent is there",
     true,
     {{0, ROOM, "deciding"},
      {0, CHOICE, "starting"},
      {10, RUNS, "joining"},
      {5000, ROOM, "joining"},
      {6000, CALLER(1), "joining"}}},
    {"room_started that comes after the caller's joined is no restart",
     true,
     {{0, CALLER(1), "deciding"},
      {0, CHOICE, "starting"},
      {5, RUNS, "joining"},
      {10, ROOM, "joining"},
      {11, JOINS(1), "joined"}}},
    {"a finished sid with a live caller is a call again",
     false,
     {ANSWERED,
      {9000, FINISHED, "stopping/ROOM_FINISHED"},
      {9100, EXITS, "over/ROOM_FINISHED"},
      {9200, CALLER(2), "starting"},
      {9210, ROOM, "starting"},
      {9300, HANGS_UP(2), "hanging-up/CALLER_LEFT"}}},
    {"the room's name comes back with a new sid: the agent is stopped, the room left alone",
     false,
     {ANSWERED,
      {9000, NEW_SID, "stopping/SUPERSEDED"},
      {9010, CALLER(2), "stopping/SUPERSEDED"},
      {9100, EXITS, "over/SUPERSEDED"},
      {9200, FINISHED, "over/SUPERSEDED"}}},
};

static void tell_all(const struct story *stories, size_t count) {
    for (size_t i = 0; i < count; i++) {
        story_tell(&stories[i]);
    }
}

static void test_endings(void **state) {
    (void)state;
    tell_all(endings, ARRAY_LEN(endings));
}

static void test_hang_ups(void **state) {
    (void)state;
    tell_all(hang_ups, ARRAY_LEN(hang_ups));
}

static void test_exits(void **state) {
    (void)state;
    tell_all(exits, ARRAY_LEN(exits));
}

static void test_voices(void **state) {
    (void)state;
    tell_all(voices, ARRAY_LEN(voices));
}

static void test_restarts(void **state) {
    (void)state;
    tell_all(restarts, ARRAY_LEN(restarts));
}

static const struct call_policy *policy = &call_policy_default;

static void note(struct call *call, struct call_event event, mono_ms now) {
    call_note(call, &event, policy, now);
}

static void test_many_callers_one_after_the_other(void **state) {
    (void)state;
    struct call call;
    call_init(&call, STORY_START);
    note(&call, (struct call_event)CHOICE, STORY_START);
    for (unsigned i = 0; i < 3 * CALL_LEGS; i++) {
        note(&call, (struct call_event)CALLER(i), STORY_START + 10 * i);
        assert_int_equal(call_here(&call, LEG_CALLER), 1);
        note(&call, (struct call_event)HANGS_UP(i), STORY_START + 10 * i + 5);
        assert_int_equal(call_here(&call, LEG_CALLER), 0);
        assert_int_equal(call_end(&call, policy, STORY_START + 10 * i + 5), END_CALLER_LEFT);
    }
}

/* Whom it cannot tell apart it does not hang up on: only the room's end is sure then. */
static void test_more_callers_at_once_than_legs(void **state) {
    (void)state;
    struct call call;
    call_init(&call, STORY_START);
    for (unsigned i = 0; i < CALL_LEGS + 2; i++) {
        note(&call, (struct call_event)CALLER(i), STORY_START + i);
    }
    for (unsigned i = 0; i < CALL_LEGS + 1; i++) {
        note(&call, (struct call_event)HANGS_UP(i), STORY_START + 100 + i);
        assert_int_equal(call_end(&call, policy, STORY_START + 200), END_NONE);
    }
    note(&call, (struct call_event)FINISHED, STORY_START + 300);
    assert_int_equal(call_here(&call, LEG_CALLER), 0);
    assert_int_equal(call_end(&call, policy, STORY_START + 300), END_ROOM_FINISHED);
}

static void test_a_full_house_keeps_its_callers(void **state) {
    (void)state;
    struct call call;
    call_init(&call, STORY_START);
    note(&call, (struct call_event)CALLER(1), STORY_START);
    for (unsigned i = 20; i < 20 + 2 * CALL_LEGS; i++) {
        note(&call, (struct call_event)PERSON(i), STORY_START + i);
    }
    for (unsigned i = 100; i < 100 + 2 * CALL_LEGS; i++) {
        note(&call, (struct call_event)PERSON_LEAVES(i), STORY_START + i); /* their joined was lost */
    }
    assert_int_equal(call_here(&call, LEG_CALLER), 1);
    note(&call, (struct call_event)CALLER(2), STORY_START + 200);
    assert_int_equal(call_here(&call, LEG_CALLER), 2);
}

static void test_deleting_backs_off(void **state) {
    (void)state;
    static const int64_t waits[] = {200, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    struct call call;
    call_init(&call, STORY_START);
    mono_ms now = STORY_START;
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        note(&call, (struct call_event)NOT_DELETED, now);
        assert_int_equal(call.delete_at - now, waits[i]);
        note(&call, (struct call_event)NOT_DELETED, now); /* told twice */
        assert_int_equal(call.delete_at - now, waits[i]);
        now = call.delete_at;
    }
}

static void test_answer_time_is_the_first(void **state) {
    (void)state;
    static const struct story twice = {"crashed and replaced",
                                       false,
                                       {ANSWERED,
                                        {9000, CRASHES, "starting"},
                                        {9010, RUNS, "joining"},
                                        {9100, JOINS(2), "joined"},
                                        {9200, SPEAKS(2), "talking"}}};
    struct call call = story_tell(&twice);
    assert_int_equal(call.answered_at, STORY_START + 300);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(call_event_name(CALL_ROOM_STARTED), "ROOM_STARTED");
    assert_string_equal(call_event_name(CALL_TICK), "TICK");
    for (int i = 0; i < CALL_EVENT_COUNT; i++) {
        assert_non_null(call_event_name((enum call_event_kind)i));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endings),
        cmocka_unit_test(test_hang_ups),
        cmocka_unit_test(test_exits),
        cmocka_unit_test(test_voices),
        cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_many_callers_one_after_the_other),
        cmocka_unit_test(test_more_callers_at_once_than_legs),
        cmocka_unit_test(test_a_full_house_keeps_its_callers),
        cmocka_unit_test(test_deleting_backs_off),
        cmocka_unit_test(test_answer_time_is_the_first),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
