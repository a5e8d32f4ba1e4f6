"""What webhooks did not tell is found in LiveKit's own list, and only what it says twice is believed."""
import os
import signal
import time

import livekit
import odd_livekit as odd
import pytest
from daemon import holds_for, is_alive, wait_for
from livekit import Call
from test_livekit_trouble import KINDS, is_healthy, stop_call, talking

ANY = [{"pattern": "*", "agent_name": "support"}]
WAY_BACK_S = 100


@pytest.fixture
def server():
    with odd.OddLiveKit() as running:
        yield running


def reconciling(start, server, **more):
    return start(rules=ANY, LIVEKIT_API_URL=server.url, SIP_RECONCILE="1s", SIP_READY_TIMEOUT="60s", **more)


def found(daemon):
    return daemon.status()["livekit"]["reconcile"]


def rounds_go_by(daemon, count):
    before = found(daemon)["rounds"]
    wait_for(lambda: found(daemon)["rounds"] >= before + count, f"{count} more rounds")


def untold_call(server, age_s=5):
    """A call that LiveKit has and no webhook told of; it came after the daemon's start."""
    call = Call()
    call.created = int(time.time()) - age_s
    server.add(call, odd.phone(call, joined_at=str(int(time.time()) + 5)))
    return call


def test_call_of_which_no_webhook_tells_is_served(start, server):
    daemon = reconciling(start, server)
    call = untold_call(server)
    pid = daemon.wait_agent(call)["pid"]
    health = daemon.health()
    assert health["status"] == "degraded" and "webhooks do not arrive" in health["message"]
    assert found(daemon)["calls_found"] == 1 and found(daemon)["webhooks_missing"]
    assert daemon.wait_logged("urls:"), "the YAML to add is said"
    daemon.post(*call.answered())
    wait_for(lambda: is_healthy(daemon), "a webhook came")
    server.remove(call)
    daemon.wait_gone(pid)


def test_call_from_before_our_start_is_no_lost_webhook(start, server):
    call = Call()
    call.created = int(time.time()) - WAY_BACK_S
    server.add(call, odd.phone(call))
    daemon = reconciling(start, server)
    daemon.wait_agent(call)
    assert daemon.health()["status"] == "healthy"
    server.remove(call)


def test_ghost_of_a_crashed_livekit_is_not_served(start, server):
    """Its list outlives a crash; nobody answers for who is in it."""
    daemon = reconciling(start, server)
    server.behave(odd.twirp(503, "unavailable", "no response from servers"), "UpdateSubscriptions")
    call = untold_call(server)
    wait_for(lambda: server.asked("UpdateSubscriptions", call), "it is asked for")
    rounds_go_by(daemon, 2)
    assert daemon.calls() == [] and not daemon.reports(call)


def test_call_whose_end_was_lost_ends(start, server):
    daemon = reconciling(start, server)
    call, pid = talking(daemon, server)
    server.remove(call)
    daemon.wait_gone(pid)
    wait_for(lambda: daemon.calls() == [], "the call is over")
    assert found(daemon)["calls_ended"] == 1


def test_call_let_go_for_a_bridge_that_is_gone(start, server):
    """Our agent was pushed out of its place, and nobody is in that: the caller is served again."""
    leaves = ["/bin/sh", "-c", "trap 'exit 0' TERM; : >$AGENT_OUT/ready; while :; do sleep 1000 & wait; done"]
    daemon = reconciling(start, server, agents=lambda made: {"support": made.entry(command=leaves)})
    call = Call()
    server.add(call, odd.phone(call), odd.agent(call))
    daemon.post(*call.ringing(), *call.answered())
    pid = wait_for(lambda: daemon.status()["process_pids"].get(call.room), "an agent runs")
    wait_for((daemon.notes / "ready").exists, "it knows SIGTERM")
    daemon.post(call.agent_left(reason="DUPLICATE_IDENTITY"))
    os.kill(pid, signal.SIGTERM)  # it ends with 0, as it does when LiveKit throws it out
    wait_for(lambda: daemon.calls() == [], "the call is left to the other bridge")
    rounds_go_by(daemon, 2)
    assert daemon.calls() == []
    server.add(call, odd.phone(call))  # the other bridge is gone, and no webhook says so
    wait_for(lambda: daemon.status()["process_pids"].get(call.room), "the caller is served again")
    assert daemon.wait_logged("nobody serves its callers")
    server.remove(call)


def test_one_odd_list_ends_nothing(start, server):
    """Five calls, and LiveKit lists none of them: that is not believed, and health says so."""
    daemon = reconciling(start, server)
    calls = [talking(daemon, server) for _ in range(5)]
    server.behave(odd.answer(200, {"rooms": []}), "ListRooms")
    wait_for(lambda: "not believed" in daemon.health()["message"], "health names it")
    assert daemon.health()["status"] == "degraded"
    rounds_go_by(daemon, 1)
    assert all(is_alive(pid) for _, pid in calls) and len(daemon.calls()) == 5
    server.behave(odd.well)
    wait_for(lambda: is_healthy(daemon), "the list is good again")
    for call, _ in calls:
        daemon.post(*call.hung_up())


@pytest.mark.parametrize("name", ["401", "html", "array", "types", "500", "reset"])
def test_answer_that_is_none_ends_nothing(start, server, name):
    daemon = reconciling(start, server)
    call, pid = talking(daemon, server)
    server.behave(KINDS[name].how, "ListRooms")
    wait_for(lambda: daemon.health()["status"] == "degraded", "health names it")
    holds_for(lambda: is_alive(pid), 2, "the call goes on")
    assert found(daemon)["calls_ended"] == 0
    server.behave(odd.well)
    wait_for(lambda: is_healthy(daemon), "LiveKit is well again")
    daemon.post(*call.hung_up())
    daemon.wait_gone(pid)


def stale(server, room, *people):
    call = Call(room=room)
    call.created = int(time.time()) - WAY_BACK_S
    server.add(call, *(people or [odd.agent(call)]))
    return call


def test_stale_rooms_of_ours_are_deleted(start, server):
    ours = stale(server, "sip-inbound_left")
    theirs = stale(server, "meeting")
    human = Call(room="sip-inbound_web")
    human.created = ours.created
    server.add(human, {**odd.agent(human), "identity": "anna", "kind": "STANDARD"})
    daemon = reconciling(start, server)
    wait_for(lambda: ours.room in server.deleted, "the stale room is deleted")
    rounds_go_by(daemon, 2)
    assert server.deleted == [ours.room] and {theirs.room, human.room} <= set(server.rooms)
    assert found(daemon)["stale_rooms_deleted"] == 1


def test_nothing_is_deleted_when_rooms_are_not_to_be_closed(start, server):
    """SIP_CLOSE_ROOM=false: only our part ends, by the operator's word, too."""
    stale(server, "sip-inbound_left")
    daemon = reconciling(start, server, SIP_CLOSE_ROOM="false")
    call, pid = talking(daemon, server)
    stop_call(daemon, call)
    daemon.wait_gone(pid)
    wait_for(lambda: daemon.calls() == [], "the call is over for us")
    rounds_go_by(daemon, 2)
    assert server.deleted == [] and not daemon.reports(call)[1:], "no room is deleted, and no second agent comes"


def test_call_that_lasts_too_long_is_hung_up(start, server):
    daemon = reconciling(start, server, SIP_MAX_CALL="5s")
    call, pid = talking(daemon, server)
    wait_for(lambda: call.room in server.deleted, "it is hung up")
    daemon.wait_gone(pid)
    daemon.wait_logged("it lasted SIP_MAX_CALL")


def test_operators_word_hangs_up(start, server):
    daemon = reconciling(start, server)
    call, pid = talking(daemon, server)
    status, _ = daemon.admin("POST", f"/api/calls/{call.sid}/stop", livekit.operator_token())
    assert status == 200
    wait_for(lambda: server.deleted == [call.room], "the room is deleted")
    daemon.wait_gone(pid)
