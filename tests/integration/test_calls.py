"""The main job: a webhook comes in, the right agent's process runs, and it is gone when the call is over."""
import json
import re
import signal
import subprocess
import time

import livekit
import pytest
from daemon import binary, holds_for, is_alive, wait_for
from livekit import Call


@pytest.mark.parametrize("name", livekit.recording_names())
def test_recording_gets_the_right_agent_which_is_gone_afterwards(start, name):
    """The recorded bodies themselves, byte for byte, with a new signature."""
    wanted = "first" if name == "hidden-numbers" else "support"
    with_rules = [{"pattern": "+1234567", "agent_name": "support"}]
    daemon = start(rules=with_rules, agents=lambda d: {n: d.entry() for n in ("first", "support")}, SIP_REJOIN_GRACE="0")
    for _, _, body in livekit.recording(name):
        daemon.post(body)
        event = json.loads(body)
        if event["event"] == "participant_joined" and event["participant"]["kind"] == "SIP":
            daemon_sees_one_agent(daemon, event["room"]["sid"])
    reports = daemon.reports()
    assert {report["env"]["SIP_AGENT_NAME"] for report in reports} == {wanted}
    for report in reports:
        daemon.wait_gone(report["pid"])
    wait_for(lambda: daemon.status()["process_count"] == 0, "status counts no process")
    assert daemon.reports() == reports, "an agent was started after the call was over"


def daemon_sees_one_agent(daemon, sid):
    def one():
        alive = [r for r in daemon.reports() if r["env"]["SIP_CALL_SID"] == sid and is_alive(r["pid"])]
        return alive if len(alive) == 1 else None
    wait_for(one, "exactly one agent is in the call")


def test_rules_choose_by_called_number(start):
    daemon = start()
    french, english = Call(called="+33612345678"), Call(called="+1234567")
    daemon.post(*french.ringing(), *english.ringing())
    assert daemon.wait_agent(french)["env"]["SIP_AGENT_NAME"] == "sales"
    assert daemon.wait_agent(english)["env"]["SIP_AGENT_NAME"] == "support"


def test_default_agent_when_no_rule_matches(start):
    daemon = start(DEFAULT_SIP_AGENT="sales")
    call = Call(called="+4930123456")
    daemon.post(*call.ringing())
    assert daemon.wait_agent(call)["env"]["SIP_AGENT_NAME"] == "sales"


def test_first_agent_of_the_directory_when_there_is_no_default(start):
    daemon = start(agents=lambda d: {"a": d.entry(order=7), "z": d.entry(order=1), "support": d.entry()})
    call = Call(called="+4930123456")
    daemon.post(*call.ringing())
    assert daemon.wait_agent(call)["env"]["SIP_AGENT_NAME"] == "z"


def test_room_metadata_names_the_agent_at_room_started(start):
    daemon = start()
    call = Call(called="+1234567")
    call.metadata = json.dumps({"agent_name": "sales"})
    daemon.post(call.room_started())
    assert daemon.wait_agent(call)["env"]["SIP_AGENT_NAME"] == "sales"
    daemon.post(call.caller_joined())


def test_one_answer_for_every_number_starts_at_room_started(start):
    """No rule can change the outcome: the agent need not wait for the number."""
    daemon = start(rules=[{"pattern": "*", "agent_name": "support"}])
    call = Call()
    daemon.post(call.room_started())
    assert daemon.wait_agent(call)["env"]["SIP_AGENT_NAME"] == "support"
    daemon.post(call.caller_joined())


def test_different_answers_wait_for_the_number(start):
    daemon = start()
    call = Call()
    daemon.post(call.room_started())
    holds_for(lambda: not daemon.reports(call), 0.3, "no agent before the number is known")
    daemon.post(call.caller_joined())
    daemon.wait_agent(call)


def test_number_that_never_comes_is_not_waited_for_longer_than_the_setting(start):
    daemon = start(SIP_NUMBER_WAIT="200ms", DEFAULT_SIP_AGENT="sales")
    call = Call(called=None, caller="+1555")
    daemon.post(*call.ringing())
    assert daemon.wait_agent(call)["env"]["SIP_AGENT_NAME"] == "sales"


def test_one_command_is_enough(start):
    """No rules, no directory, one SIP_AGENT_COMMAND: every call gets that command; placeholders are filled in."""
    daemon = start(rules=False, agents=False, SIP_AGENT_COMMAND="/bin/sh -c 'echo \"$0 $1\"; exec sleep 60' {room} {agent}")
    call = Call()
    daemon.post(*call.ringing())
    wait_for(lambda: daemon.status()["process_pids"].get(call.room), "a process for the room")
    output = daemon.state / "calls" / f"{call.sid}.log"
    wait_for(lambda: output.exists() and call.room in output.read_text(), "the room's name as an argument")
    daemon.post(*call.hung_up())
    wait_for(lambda: daemon.status()["process_count"] == 0, "the process is gone")


@pytest.mark.parametrize("settings,said", [
    ({"SIP_AGENT_COMMAND": "nosuchprog {room}"}, "SIP_AGENT_COMMAND cannot be used: .*nosuchprog is not in PATH"),
    ({}, "no agent is known: every call will be hung up; set SIP_AGENTS_FILE"),
])
def test_a_start_without_anybody_to_answer_is_said(start, settings, said):
    daemon = start(rules=False, agents=False, **settings)
    daemon.wait_logged(said)


def test_a_reload_looks_up_the_one_command_again(start, tmp_path):
    program = tmp_path / "bot"
    daemon = start(rules=False, agents=False, SIP_AGENT_COMMAND=f"{program} {{room}}")
    daemon.wait_logged("SIP_AGENT_COMMAND cannot be used")
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_logged("reloaded")
    call = Call()
    daemon.post(*call.ringing())
    wait_for(lambda: daemon.status()["process_pids"].get(call.room), "a process for the room")
    daemon.post(*call.hung_up())
    wait_for(lambda: daemon.status()["process_count"] == 0, "the process is gone")


def test_what_the_agent_gets(start):
    daemon = start(rules=[{"pattern": "+1234567", "agent_name": "support", "metadata": {"tenant": 7}}],
                   agents=lambda d: {"support": d.entry("{room}", "{called}", env={"COLOUR": "blue"}, id="42")},
                   SIP_AGENT_ENV="KEEP_*", KEEP_ME="yes", DROP_ME="no", LIVEKIT_URL="ws://127.0.0.1:1")
    call = Call()
    daemon.post(*call.ringing())
    report = daemon.wait_agent(call)
    env, line = report["env"], json.loads(report["line"])
    assert env["COLOUR"] == "blue" and env["KEEP_ME"] == "yes" and "DROP_ME" not in env
    assert "LIVEKIT_API_SECRET" not in env and "LIVEKIT_API_KEY" not in env
    assert livekit.SECRET not in json.dumps(report), "the API secret reached the agent"
    assert (env["SIP_CALL_SID"], env["SIP_ROOM_NAME"], env["SIP_CALLED_NUMBER"], env["SIP_CALLER_NUMBER"]) == (
        call.sid, call.room, call.called, call.caller)
    assert json.loads(env["SIP_RULE_METADATA"]) == {"tenant": 7}
    assert len(env["SIP_INSTANCE"]) == 32 and env["PYTHONUNBUFFERED"] == "1"
    assert report["argv"] == [call.room, call.called]
    assert line["v"] == 1 and line["call_sid"] == call.sid and line["room"] == call.room
    assert line["called"] == call.called and line["caller"] == call.caller and line["agent"] == "support"
    assert line["agent_id"] == "42" and line["livekit_url"] == "ws://127.0.0.1:1" and line["metadata"] == {"tenant": 7}
    assert line["attributes"]["sip.trunkID"] == call.trunk
    assert line["token"] == env["LIVEKIT_TOKEN"]
    check_token(line["token"], call)


def check_token(token, call):
    claims = livekit.jwt_claims(token)
    text, _, signature = token.rpartition(".")
    assert signature == livekit.signature(text)
    assert claims["iss"] == livekit.KEY and claims["sub"] == f"sip-agent-{call.sid}" and claims["kind"] == "agent"
    assert claims["video"]["roomJoin"] is True and claims["video"]["room"] == call.room
    assert "roomAdmin" not in claims["video"] and "roomCreate" not in claims["video"]
    assert claims["nbf"] <= time.time() - 290 and claims["exp"] >= time.time() + 5 * 3600


def test_api_credentials_only_where_the_entry_says_so(start):
    daemon = start(agents=lambda d: {"support": d.entry(credentials="api"), "sales": d.entry()})
    with_key, without = Call(called="+1234567"), Call(called="+331")
    daemon.post(*with_key.ringing(), *without.ringing())
    assert daemon.wait_agent(with_key)["env"]["LIVEKIT_API_SECRET"] == livekit.SECRET
    assert "LIVEKIT_API_SECRET" not in daemon.wait_agent(without)["env"]


def test_call_over_by_room_finished_alone(start):
    daemon = start()
    call = Call()
    daemon.post(*call.ringing())
    agent = daemon.wait_agent(call)
    daemon.post(call.room_finished())
    daemon.wait_gone(agent["pid"])


def test_soft_disconnect_gives_the_caller_time_to_come_back(start):
    daemon = start(SIP_REJOIN_GRACE="400ms")
    away_s = 1
    while away_s > 0.4:  # this machine may be too slow to be back in time
        call = Call()
        daemon.post(*call.ringing(), *call.answered())
        agent = daemon.wait_agent(call)
        began = time.monotonic()
        daemon.post(call.caller_left("SIGNAL_CLOSE"))
        call.leg = livekit.sid("PA")
        daemon.post(call.caller_joined())
        away_s = time.monotonic() - began
    holds_for(lambda: is_alive(agent["pid"]), 0.8, "the agent stays, for the caller came back")
    daemon.post(call.caller_left("SIGNAL_CLOSE"))
    daemon.wait_gone(agent["pid"])


def test_two_callers_in_one_room_share_one_agent(start):
    daemon = start()
    call = Call(room="sip-inbound_lobby")
    daemon.post(*call.ringing(), *call.answered())
    agent = daemon.wait_agent(call)
    first = (call.leg, call.identity)
    call.leg, call.identity = livekit.sid("PA"), "sip_+15550002222"
    daemon.post(call.caller_joined())
    second, (call.leg, call.identity) = (call.leg, call.identity), first
    daemon.post(call.caller_left())
    holds_for(lambda: is_alive(agent["pid"]), 0.4, "the agent stays with the second caller")
    call.leg, call.identity = second
    daemon.post(call.caller_left())
    daemon.wait_gone(agent["pid"])
    assert len(daemon.reports()) == 1


def test_repeated_events_start_one_agent(start):
    daemon = start()
    call = Call()
    events = call.ringing()
    daemon.post(*events, *events, *[dict(event, id=livekit.sid("EV")) for event in events])
    daemon.wait_agent(call)
    holds_for(lambda: len(daemon.reports(call)) == 1, 0.3, "one agent")
    assert daemon.status()["webhooks"]["duplicate"] == 3


def test_room_of_another_kind_gets_no_agent(start):
    daemon = start(rules=[{"pattern": "*", "agent_name": "support"}])
    meeting = Call(room="meeting-4711")
    daemon.post(meeting.room_started(), meeting.agent_joined())
    holds_for(lambda: not daemon.reports(), 0.3, "no agent in a meeting")


def test_caller_without_a_trunk_gets_no_agent(start):
    daemon = start()
    spam, same = Call(trunk=""), Call(trunk="")
    daemon.post(*spam.ringing())
    holds_for(lambda: not daemon.reports(), 0.3, "no agent for spam")
    relaxed = start(SIP_REQUIRE_TRUNK="false")
    relaxed.post(*same.ringing())
    relaxed.wait_agent(same)


def test_participant_that_only_says_it_is_a_caller_is_none(start):
    """Any room client may set sip.* attributes; only LiveKit makes participants of kind SIP."""
    daemon = start()
    call = Call()
    joined = call.caller_joined()
    joined["participant"]["kind"] = "STANDARD"
    daemon.post(call.room_started(), joined)
    holds_for(lambda: not daemon.reports(), 0.3, "no agent for an impostor")


def test_disabled_bridge_is_healthy_and_ignores_webhooks(start):
    daemon = start(ENABLE_SIP_BRIDGE="false")
    call = Call()
    daemon.post(*call.ringing())
    assert daemon.health()["status"] == "disabled"
    assert daemon.health()["sip_bridge"] == "not_enabled"
    assert daemon.status()["enabled"] is False
    assert daemon.status()["webhooks"]["ignored"] >= 3
    holds_for(lambda: not daemon.reports(), 0.2, "no agent while disabled")


def test_disabled_bridge_needs_no_key(start):
    daemon = start(ENABLE_SIP_BRIDGE="false", LIVEKIT_API_KEY="", LIVEKIT_API_SECRET="")
    assert daemon.health()["status"] == "disabled"
    assert daemon.post_raw(b"{}", "whatever") == 200


def test_status_and_health_tell_of_a_call(start):
    daemon = start()
    assert daemon.health()["status"] == "healthy" and daemon.health()["sip_bridge"] == "running"
    call = Call()
    daemon.post(*call.ringing())
    agent = daemon.wait_agent(call)
    daemon.post(*call.answered())
    status = daemon.status()
    assert status["active_rooms"] == [call.room] and status["process_count"] == 1
    assert status["process_pids"] == {call.room: agent["pid"]}
    shown = status["calls"][0]
    assert (shown["sid"], shown["room"], shown["agent"], shown["called"], shown["caller"], shown["pid"]) == (
        call.sid, call.room, "support", call.called, call.caller, agent["pid"])
    assert shown["ring_ms"] >= 0 and shown["restarts"] == 0
    assert status["rules"]["count"] == 2 and status["rules"]["source"] == "file"
    assert status["webhooks"]["verified"] == 5
    daemon.post(*call.hung_up())
    wait_for(lambda: daemon.status()["active_rooms"] == [], "the room is no longer active")


def test_five_calls_at_once(start):
    daemon = start(rules=[{"pattern": "*", "agent_name": "support"}])
    calls = [Call(caller=f"+1555000{n}") for n in range(5)]
    for events in zip(*(call.ringing() for call in calls)):
        daemon.post(*events)
    agents = [daemon.wait_agent(call) for call in calls]
    assert len({agent["pid"] for agent in agents}) == 5
    for call in calls:
        daemon.post(*call.hung_up())
    for agent in agents:
        daemon.wait_gone(agent["pid"])


def test_drain_waits_for_the_call_and_takes_no_new_one(start):
    daemon = start(SIP_ON_EXIT="drain")
    call, late = Call(), Call()
    daemon.post(*call.ringing(), *call.answered())
    agent = daemon.wait_agent(call)
    connection = daemon.new_connection()
    connection.connect()
    daemon.process.terminate()
    daemon.wait_logged("told to stop; calls in progress: 1; waiting")
    body = livekit.encode(late.room_started())
    assert daemon.post_raw(body, livekit.webhook_token(body), connection) == 503
    status, answer, _ = daemon.request("GET", "/readyz", connection=connection)
    assert (status, answer) == (503, b"draining\n")
    holds_for(lambda: is_alive(agent["pid"]) and daemon.process.poll() is None, 0.5, "call and bridge live on")
    assert not daemon.reports(late)
    body = livekit.encode(call.caller_left())
    assert daemon.post_raw(body, livekit.webhook_token(body), connection) == 200
    connection.close()
    assert daemon.process.wait(60) == 0
    assert not is_alive(agent["pid"])


def test_agents_output_is_kept_and_shown(start):
    daemon = start()
    call = Call()
    daemon.post(*call.ringing())
    daemon.wait_agent(call)
    output = daemon.state / "calls" / f"{call.sid}.log"
    wait_for(lambda: output.exists() and "agent support is here" in output.read_text(), "the agent's output on disk")
    assert output.stat().st_mode & 0o777 == 0o600
    shown = subprocess.run([binary(), "calls", "logs", call.sid], env=daemon.environment(), capture_output=True, text=True)
    assert shown.returncode == 0 and "agent support is here" in shown.stdout, shown.stderr


def test_an_agent_that_fails_is_told_with_its_call(start):
    """In `status` too, where nothing else says which call it was; and each crash shows its own last lines only."""
    daemon = start(rules=False, agents=lambda d: {"broken": {"command": ["sh", "-c", "echo started as $$; exit 3"]}})
    call = Call()
    daemon.post(*call.ringing())
    daemon.wait_logged(f"ending the call: the agent failed too often .call {call.sid}; sipbridge calls logs {call.sid}")
    told = [error["message"] for error in daemon.status()["errors"]]
    crashes = [one for one in told if one.startswith(f"the agent broken ended by itself with status 3 (call {call.sid}; ")]
    assert crashes and any(one.startswith("ending the call: the agent failed too often") for one in told), told
    lines = [line for line in daemon.story().splitlines() if "agent says: started as" in line]
    assert len(lines) == len(crashes) == len(set(re.findall(r"started as \d+", "\n".join(lines)))), lines
