"""Phone calls for which sipbridge must talk to LiveKit itself: ask, hang up, reject, reconcile."""
import contextlib
import os
import signal
import time

import livekit
import pytest
from daemon import holds_for, is_alive, wait_for
from stage import AGENT_HZ, note


HUMAN_HZ = 1500


def ended_by_us(phone, since, timeout=60):
    """The far end hung up; how many ms after SINCE."""
    ended = phone.ended(timeout)
    assert ended["ended_by"] == "far end", f"{ended}\n{phone.story()}"
    return round((ended["seen"] - since) * 1000)


@pytest.mark.parametrize("agents, why", [
    ({}, "nobody is there"),
    ({"support": {"command": ["/nowhere/agent"]}}, "cannot be started"),
    ({"support": {"command": ["false"]}}, "ends at once"),
], ids=["nobody-is-there", "cannot-be-started", "ends-at-once"])
def test_no_agent_can_be_had_and_the_call_ends(start, agents, why):
    stage = start(agents=agents)
    phone = stage.call("+1234567")
    joined = phone.wait("joined")
    note(f"hung up after, ms ({why})", ended_by_us(phone, joined["seen"]))
    assert not phone.all("answered")


def test_one_call_more_than_the_agent_takes_ends(start):
    stage = start(agents={"support": {"max": 1}})
    phone = stage.call("+1234567")
    note("ring_ms", phone.answered())
    pid = stage.pid(phone)
    second = stage.call("+1234567")
    note("hung up after, ms", ended_by_us(second, second.wait("joined")["seen"]))
    assert not second.all("answered")
    assert phone.is_talking() and stage.pid(phone) == pid
    stage.end(phone)


def test_the_agent_ends_the_call(start):
    stage = start(agents={"support": {"env": {"AGENT_TALK_MS": "1500"}}})
    phone = stage.call("+1234567")
    note("ring_ms", phone.answered())
    pid = stage.pid(phone)
    wait_for(lambda: not is_alive(pid), "the agent has left")
    note("hung up after, ms", ended_by_us(phone, time.monotonic()))


def test_the_room_of_an_agent_with_an_ordinary_token_is_closed(start):
    """LiveKit keeps a room open for a participant of kind STANDARD, and this one does not go by itself."""
    stage = start(agents={"support": {"credentials": "api", "env": {"AGENT_STANDARD": "1", "AGENT_STUBBORN": "1"}}},
                  SIP_STOP_TIMEOUT="10m")
    phone = stage.call("+1234567")
    note("ring_ms", phone.answered())
    assert stage.agents_in(phone.room) == []
    pid = stage.pid(phone)
    started = time.monotonic()
    phone.hang_up()
    phone.hung_up()
    stage.wait_no_room(timeout=60)
    note("room closed after, ms", round((time.monotonic() - started) * 1000))
    with contextlib.suppress(ProcessLookupError):  # its library may have ended with the room
        os.kill(pid, signal.SIGKILL)


def test_hidden_numbers_are_told_by_the_trunk(start):
    stage = start(DEFAULT_SIP_AGENT="sales")
    trunk = stage.livekit.create_trunk("+1234567")
    phone = stage.call("+1234567", trunk=trunk, SIP_HIDE_NUMBERS="1")
    note("ring_ms", phone.answered(AGENT_HZ))
    stage.end(phone)


def test_the_number_is_known_before_participant_joined(start):
    """With the event that names it lost, only asking can tell."""
    stage = start(losing=True)
    stage.proxy.loses = lambda event: event["event"] == "participant_joined" and event["participant"].get("kind") == "SIP"
    phone = stage.call("+3312345")
    note("ring_ms", phone.answered(hz=620))
    assert stage.proxy.lost
    phone.hang_up()
    phone.hung_up()


def test_a_blocked_caller_in_a_shared_room_leaves_the_others_alone(start):
    stage = start(rules=[{"pattern": "*", "caller": "+1999*", "reject": True, "priority": 1},
                         {"pattern": "+1234567", "agent_name": "support"}])
    room = "sip-inbound-desk"
    phone = stage.call("+1234567", room=room)
    note("ring_ms", phone.answered())
    pid = stage.pid(phone)
    blocked = stage.call("+1234567", caller="+19995550", room=room)
    note("rejected after, ms", ended_by_us(blocked, blocked.wait("joined")["seen"]))
    assert blocked.events[-1]["reason"] == "PARTICIPANT_REMOVED"
    holds_for(lambda: phone.is_talking() and stage.pid(phone) == pid, 2, "the other caller talks on with the same agent")
    stage.end(phone)


def test_an_agent_hands_over_to_a_human_and_leaves(start):
    stage = start(agents={"support": {"env": {"AGENT_HAND_OVER": "1"}}})
    phone = stage.call("+1234567")
    note("ring_ms", phone.answered())
    pid = stage.pid(phone)
    human = stage.call("", caller="+15557777", room=phone.room, SIP_RULE_ID="", PHONE_HZ=str(HUMAN_HZ))
    wait_for(lambda: not is_alive(pid), "the agent has left")
    phone.wait("heard", hz=HUMAN_HZ)
    holds_for(lambda: phone.is_talking() and human.is_talking(), 5, "caller and human talk")
    assert stage.daemon.status()["process_count"] == 0, "an agent came back into the call"
    phone.hang_up()
    phone.hung_up()
    note("human's leg ended after, ms", ended_by_us(human, time.monotonic()))


LOSSES = {
    "the-call": lambda event: event["event"] in ("room_started", "participant_joined", "track_published"),
    "its-end": lambda event: event["event"] in ("participant_left", "room_finished"),
    "the-agents-arrival": lambda event: event.get("participant", {}).get("identity", "").startswith("sip-agent-"),
    "everything": lambda event: True,
}


@pytest.mark.parametrize("what", LOSSES)
def test_webhooks_dropped_on_the_way_are_healed(start, what):
    stage = start(losing=True, SIP_RECONCILE="2s", SIP_READY_TIMEOUT="10s")
    stage.proxy.loses = LOSSES[what]
    phone = stage.call("+1234567")
    note(f"ring_ms with {what} lost", phone.answered(timeout=60))
    pid = stage.pid(phone)
    holds_for(lambda: phone.is_talking() and stage.pid(phone) == pid, 11, "one agent talks, and it stays that one")
    started = time.monotonic()
    phone.hang_up()
    phone.hung_up()
    wait_for(lambda: not is_alive(pid), "the agent is gone")
    note(f"agent gone after, ms, {what} lost", round((time.monotonic() - started) * 1000))
    assert stage.proxy.lost


def test_a_room_without_a_phone_is_left_alone(start):
    """A browser in a room with our prefix: no call, so no agent stays and the room lives."""
    stage = start(rules=[], agents={"support": {"env": {"AGENT_HZ": "440"}}})
    made = stage.livekit.api("RoomService/CreateRoom", {"name": "sip-inbound_web", "empty_timeout": 60},
                             video={"roomCreate": True})
    holds_for(lambda: any(room["sid"] == made["sid"] for room in stage.livekit.rooms()), 12, "the room lives")
    wait_for(lambda: stage.daemon.status()["process_count"] == 0, "no agent waits in it")
    stage.livekit.api("RoomService/DeleteRoom", {"room": "sip-inbound_web"}, video={"roomCreate": True})


def test_the_operators_word_ends_a_call(start):
    stage = start()
    phone = stage.call("+1234567")
    note("ring_ms", phone.answered())
    sid = next(call["sid"] for call in stage.daemon.calls() if call["room"] == phone.room)
    token = livekit.operator_token()
    started = time.monotonic()
    status, body = stage.daemon.admin("POST", f"/api/calls/{sid}/stop", token)
    assert status == 200, body
    note("hung up after, ms", ended_by_us(phone, started))
