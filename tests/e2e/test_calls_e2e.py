"""Phone calls through the real livekit-server, as far as webhooks alone carry them."""
import os
import signal
import statistics
import time

from daemon import holds_for, wait_for
from stage import AGENT_HZ, note

SALES_HZ = 620
SLOW_AGENT = {"support": {"command": ["sleep", "60"]}}


def test_answered_and_ended_by_the_caller(start):
    stage = start()
    phone = stage.call("+1234567")
    note("ring_ms", phone.answered())
    stage.heard_by_agent(phone)
    assert len(stage.agents_in(phone.room)) == 1
    note("agent gone after, ms", stage.end(phone))


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
    assert phone.is_talking() and not phone.all("rejoining")
    assert len(stage.agents_in(phone.room)) == 1
    stage.end(phone)


def talk_again_after_restart(stage, away_s, timeout):
    phones = [stage.call("+1234567"), stage.call("+3312345"), stage.call("+1234567")]
    pitches = [AGENT_HZ, SALES_HZ, AGENT_HZ]
    for phone, hz in zip(phones, pitches):
        note("ring_ms", phone.answered(hz))
    stage.livekit.kill()
    time.sleep(away_s)
    stage.livekit.start()
    back = time.monotonic()
    for phone, hz in zip(phones, pitches):
        again = phone.wait("heard", timeout, after=back, hz=hz)
        note("heard again, ms after its return", round((again["seen"] - back) * 1000))
    holds_for(lambda: all(phone.is_talking() for phone in phones), 2, "all three talk")
    for phone in phones:
        wait_for(lambda: len(stage.agents_in(phone.room)) == 1, f"one agent in {phone.room}")
        stage.end(phone)


def test_livekit_killed_under_three_calls_and_back_after_1_s(start):
    talk_again_after_restart(start(), 1, timeout=40)


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
    wait_for(lambda: "Redis" not in stage.daemon.health()["message"], "health is good again", timeout=30)
    for one in (phone, french):
        assert one.is_talking()
        stage.end(one)


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
