"""Phone calls through the real livekit-server, as far as webhooks alone carry them."""
import os
import signal
import statistics
import time

import pytest
from daemon import holds_for, is_alive, wait_for
from stage import AGENT_HZ, SIPPHONE, note

SALES_HZ = 620
SLOW_AGENT = {"support": {"command": ["sleep", "60"]}}


def test_answered_and_ended_by_the_caller(start):
    stage = start()
    phone = stage.call("+1234567")
    note("ring_ms", phone.answered())
    stage.heard_by_agent(phone)
    assert len(stage.agents_in(phone.room)) == 1
    note("agent gone after, ms", stage.end(phone))


def test_answered_as_livekit_sip_does(start):
    """With the SDK that livekit-sip is made of: LiveKit and its webhooks are those of a call through it, and so is the time it rings."""
    stage = start(agents={"support": {"standby": 1}})
    wait_for(lambda: stage.daemon.status()["standbys"]["support"]["ready"] == 1, "an agent stands by")
    phone = stage.call("+1234567", program=SIPPHONE)
    note("ring_ms", phone.wait("answered")["ring_ms"])
    phone.wait("heard")
    assert len(stage.agents_in(phone.room)) == 1
    note("agent gone after, ms", stage.end(phone))


def test_hung_up_on_as_livekit_sip_is(start):
    """Nobody can answer: the phone is told by LiveKit that its room is gone."""
    stage = start(agents={"support": {"command": ["/bin/false"]}})
    phone = stage.call("+1234567", program=SIPPHONE)
    ended = phone.ended()
    assert (ended["answered"], ended["ended_by"]) == (False, "far end"), phone.story()


def test_given_up_while_ringing(start):
    stage = start(agents=SLOW_AGENT)
    phone = stage.call("+1234567")
    stage.pid(phone)
    assert not phone.all("answered")
    note("ring_ms", "never answered")
    note("agent gone after, ms", stage.end(phone))


def test_two_numbers_two_agents_one_default(start):
    stage = start(DEFAULT_SIP_AGENT="sales", rules=[{"pattern": "+1234567", "agent_name": "support"},
                                                    {"pattern": "+7654321", "agent_name": "other"}],
                  agents={"support": {"env": {"AGENT_HZ": "440"}}, "other": {"env": {"AGENT_HZ": "800"}},
                          "sales": {"env": {"AGENT_HZ": "620"}}})
    phones = [(stage.call("+1234567"), 440), (stage.call("+7654321"), 800), (stage.call("+4930123456"), SALES_HZ)]
    for phone, hz in phones:
        note(f"ring_ms {phone.called}", phone.answered(hz))
    for phone, hz in phones:
        assert {event["hz"] for event in phone.all("heard")} == {hz}
        stage.end(phone)


def test_agent_killed_in_a_call_is_replaced_and_the_caller_stays(start):
    stage = start()
    phone = stage.call("+1234567")
    note("ring_ms", phone.answered())
    first = stage.pid(phone)
    killed = time.monotonic()
    os.kill(first, signal.SIGKILL)
    heard = phone.wait("heard", after=killed, hz=AGENT_HZ)
    note("heard again after, ms", round((heard["seen"] - killed) * 1000))
    assert stage.pid(phone) != first
    assert phone.is_talking() and not phone.all("reconnecting")
    assert len(stage.agents_in(phone.room)) == 1
    stage.end(phone)


ON_LOSS = ["join-again", "exit", "crash", "hang"]


def talk_again_after_restart(start, on_loss, away_s):
    """ON_LOSS: what the agents do when LiveKit is gone; all three callers must be talked to again in any case."""
    stage = start(agents={name: {"env": {"AGENT_HZ": str(hz), "AGENT_ON_LOSS": on_loss}}
                          for name, hz in (("support", AGENT_HZ), ("sales", SALES_HZ))}, SIP_READY_TIMEOUT="15s")
    phones = [stage.call("+1234567"), stage.call("+3312345"), stage.call("+1234567")]
    pitches = [AGENT_HZ, SALES_HZ, AGENT_HZ]
    note("ring_ms", [phone.answered(hz) for phone, hz in zip(phones, pitches)])
    stage.livekit.kill()
    time.sleep(away_s)
    stage.livekit.start()
    back = time.monotonic()
    again = [phone.wait("heard", timeout=120, after=back, hz=hz)["seen"] for phone, hz in zip(phones, pitches)]
    note("heard again, ms after its return", [round((seen - back) * 1000) for seen in again])
    holds_for(lambda: all(phone.is_talking() for phone in phones), 2, "all three talk")
    for phone in phones:
        wait_for(lambda: len(stage.agents_in(phone.room)) == 1, f"one agent in {phone.room}")
        stage.end(phone)


@pytest.mark.parametrize("agents", ON_LOSS)
@pytest.mark.parametrize("away_s", [1, 20])
def test_livekit_killed_under_three_calls(start, away_s, agents):
    talk_again_after_restart(start, agents, away_s)


def test_two_callers_in_one_direct_rule_room_one_leaves(start):
    stage = start()
    room = "sip-inbound-desk"
    first = stage.call("+1234567", room=room)
    note("ring_ms, first", first.answered())
    pid = stage.pid(first)
    second = stage.call("+1234567", room=room, PHONE_HZ="1500")
    note("ring_ms, second", second.answered())
    stage.heard_by_agent(second, hz=1500)
    first.hang_up()
    first.hung_up()
    holds_for(lambda: second.is_talking() and stage.pid(second) == pid, 3, "the second caller talks with the same agent")
    stage.end(second)


def one_after_the_other(stage, called, room):
    """Callers in one direct-rule room, each dialling when the one before has hung up."""
    phones = [(stage.phone(number, room=room), hz) for number, hz in called]
    for phone, _ in phones:
        phone.wait("ready")
    for phone, hz in phones:
        phone.dial()
        note("ring_ms", phone.answered(hz))
        phone.hang_up()
        phone.hung_up()


def test_callers_one_after_the_other_in_a_room(start):
    """LiveKit keeps the room for its departure_timeout: the same sid, whose call has just ended, is a call again. Its
    agents are no replacements of crashed ones."""
    one_after_the_other(start(), [("+1234567", AGENT_HZ)] * 6, "sip-inbound-desk")


def test_the_next_caller_in_the_same_room_dialled_another_number(start):
    one_after_the_other(start(), [("+1234567", AGENT_HZ), ("+3312345", SALES_HZ)], "sip-inbound-desk")


@pytest.mark.parametrize("how", ["room-deleted", "caller-removed"])
def test_somebody_else_ends_the_call_in_livekit(start, how):
    stage = start()
    phone = stage.call("+1234567")
    note("ring_ms", phone.answered())
    pid, ended = stage.pid(phone), time.monotonic()
    if how == "room-deleted":
        stage.livekit.api("RoomService/DeleteRoom", {"room": phone.room}, video={"roomCreate": True})
    else:
        stage.livekit.api("RoomService/RemoveParticipant", {"room": phone.room, "identity": phone.wait("joined")["identity"]},
                          video={"roomAdmin": True, "room": phone.room})
    assert phone.ended()["ended_by"] == "far end"
    wait_for(lambda: not is_alive(pid), "the agent is gone")
    note("agent gone after, ms", round((time.monotonic() - ended) * 1000))


def test_the_same_caller_twice(start):
    """LiveKit throws the first leg out (DUPLICATE_IDENTITY); the second one must find an agent and keep it."""
    stage = start()
    room = "sip-inbound-desk"
    first = stage.call("+1234567", caller="+15551234", room=room)
    note("ring_ms, first", first.answered())
    second = stage.call("+1234567", caller="+15551234", room=room)
    note("ring_ms, second", second.answered())
    assert first.ended()["reason"] == "DUPLICATE_IDENTITY"
    pid = stage.pid(second)
    grace_s = 5
    holds_for(lambda: second.is_talking() and stage.pid(second) == pid, grace_s + 1, "the second leg talks on")
    assert len(stage.agents_in(room)) == 1
    stage.end(second)


def test_redis_stopped_during_a_call_and_while_a_new_call_comes(start):
    stage = start(own_redis=True)
    phone = stage.call("+1234567")
    note("ring_ms", phone.answered())
    pid = stage.pid(phone)
    stage.redis.kill()
    wait_for(lambda: "Redis" in stage.daemon.health()["message"], "health says that Redis is away")
    french = stage.call("+3312345")
    note("ring_ms with Redis away", french.answered(SALES_HZ))
    assert phone.is_talking() and stage.pid(phone) == pid
    stage.redis.start()
    wait_for(lambda: "Redis" not in stage.daemon.health()["message"], "health is good again")
    for one in (phone, french):
        assert one.is_talking()
        stage.end(one)


@pytest.mark.alone
def test_ten_calls_at_once(start):
    stage = start(SIP_READY_TIMEOUT="30s")  # twenty programs that start at once on two cores
    phones = [stage.phone("+1234567" if n % 2 == 0 else "+3312345") for n in range(10)]
    for phone in phones:
        phone.wait("ready", timeout=60)
    for phone in phones:
        phone.dial()
    rings = [phone.answered(AGENT_HZ if n % 2 == 0 else SALES_HZ, timeout=60) for n, phone in enumerate(phones)]
    note("ring_ms of ten: median, max", f"{statistics.median(rings):.0f}, {max(rings)}")
    assert len({stage.pid(phone) for phone in phones}) == 10
    for phone in phones:
        assert len(stage.agents_in(phone.room)) == 1
    for phone in phones:
        phone.hang_up()
    for phone in phones:
        phone.hung_up()
