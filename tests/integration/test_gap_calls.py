"""Rules of the machine that only the whole daemon shows: who is told apart from whom, what outlives what."""
import fcntl
import json
import os
import resource
import signal
import sys
from pathlib import Path

import livekit
from daemon import UnixConnection, cpu_seconds, holds_for, is_alive, wait_for
from livekit import Call

ANY = [{"pattern": "*", "agent_name": "support"}]
BLOCK = [{"pattern": "*", "caller": "+1900*", "reject": True, "priority": 1}, *ANY]


def leave_when_told(daemon):
    """An agent that ends with status 0 as soon as `go` is there."""
    code = ("import os,sys,time\nsys.stdin.readline()\nhere = os.environ['AGENT_OUT']\nopen(here + '/up', 'w')\n"
            "while not os.path.exists(here + '/go'): time.sleep(0.02)\n")
    return {"support": daemon.entry(command=[sys.executable, "-S", "-E", "-c", code])}


def test_veto_after_an_early_start_stops_the_agent_again(start):
    daemon = start(rules=ANY)
    call = Call(trunk="")
    daemon.post(call.room_started())
    agent = daemon.wait_agent(call)
    daemon.post(call.caller_joined())
    daemon.wait_gone(agent["pid"])
    daemon.wait_logged("^call ended: the caller is rejected")


def test_blocked_caller_in_a_shared_room_does_not_end_the_others_call(start):
    daemon = start(rules=BLOCK)
    call = Call(room="sip-inbound_lobby")
    daemon.post(*call.ringing(), *call.answered())
    agent = daemon.wait_agent(call)
    blocked = Call(room=call.room, room_sid=call.sid, caller="+19005551234")
    daemon.post(blocked.caller_joined(), blocked.caller_left("PARTICIPANT_REMOVED"))
    daemon.wait_logged("rejected: a reject rule matches")
    holds_for(lambda: is_alive(agent["pid"]), 0.4, "the other caller keeps the agent")
    daemon.post(call.caller_left())
    daemon.wait_gone(agent["pid"])


def test_call_that_lasts_too_long_is_ended(start):
    daemon = start(SIP_MAX_CALL="1s")
    call = Call()
    daemon.post(*call.ringing(), *call.answered())
    daemon.wait_gone(daemon.wait_logged("^agent process started")["pid"])
    daemon.wait_logged("^call ended: it lasted SIP_MAX_CALL")


def test_new_sid_of_a_known_room_name_is_a_new_call(start):
    """The old agent's token would fit the new room; what comes late for the old sid does not touch the new call."""
    daemon = start()
    old, new = Call(room="sip-inbound_direct"), Call(room="sip-inbound_direct")
    daemon.post(*old.ringing(), *old.answered())
    first = daemon.wait_agent(old)
    daemon.post(*new.ringing())
    second = daemon.wait_agent(new)
    daemon.wait_gone(first["pid"])
    daemon.post(old.caller_left(), old.room_finished())
    holds_for(lambda: is_alive(second["pid"]), 0.4, "the new call's agent")


def test_hand_over_to_a_human_keeps_the_call(start):
    daemon = start(agents=leave_when_told)
    call = Call()
    daemon.post(*call.ringing())
    wait_for((daemon.notes / "up").exists, "the agent runs")
    human = call.caller_joined()
    human["participant"].update(sid=livekit.sid("PA"), identity="sip_outbound")
    del human["participant"]["attributes"]["sip.ruleID"]
    daemon.post(*call.answered(), human, call.agent_left())
    (daemon.notes / "go").touch()
    wait_for(lambda: [c["state"] for c in daemon.calls()] == ["handed-over"], "the call is handed over")
    holds_for(lambda: daemon.status()["process_count"] == 0, 0.4, "no new agent")
    daemon.post(call.caller_left())
    daemon.wait_logged("^call ended: the last caller left")


def test_agent_with_credentials_of_its_own_is_known_by_its_kind(start):
    """It joins under a name of its own: whoever is of kind AGENT in this room is it."""
    daemon = start(SIP_READY_TIMEOUT="4s", agents=lambda d: {"support": d.entry(credentials="api")})
    call = Call()
    call.agent_identity = "agent-AJ_123"
    daemon.post(*call.ringing(), *call.answered())
    pid = daemon.wait_logged("^agent process started")["pid"]
    holds_for(lambda: is_alive(pid), 4.5, "it counts as ready")
    assert [c["state"] for c in daemon.calls()] == ["talking"]


def test_anothers_audio_does_not_make_the_agent_ready(start):
    daemon = start(SIP_READY_TIMEOUT="500ms")
    call = Call()
    call.agent_identity = "guest"
    events = [dict(event, participant={**event["participant"], "kind": "STANDARD"}) for event in call.answered()]
    daemon.post(*call.ringing(), *events)
    daemon.wait_gone(daemon.wait_logged("^agent process started")["pid"])


def test_call_keeps_the_entry_it_began_with(start):
    """Its agent is out of the directory by now; a crash in the call is mended all the same."""
    daemon = start()
    call, later = Call(), Call()
    daemon.post(*call.ringing(), *call.answered())
    agent = daemon.wait_agent(call)
    daemon.write("agents.json", {"sales": daemon.entry()})
    daemon.wait_logged("agents from .*: 1 in use")
    os.kill(agent["pid"], signal.SIGKILL)
    assert daemon.wait_agent(call, 1)["env"]["SIP_AGENT_NAME"] == "support"
    daemon.post(*later.ringing())
    daemon.wait_logged("no agent for this call")
    assert not daemon.reports(later)


def test_caller_who_comes_while_the_agent_writes_its_summary_gets_another(start):
    daemon = start(agents=lambda d: {"support": d.entry(after_call="5s"), "sales": d.entry()})
    call = Call()
    daemon.post(*call.ringing(), *call.answered())
    first = daemon.wait_agent(call)
    daemon.post(call.caller_left())
    wait_for(lambda: [c["state"] for c in daemon.calls()] == ["stopping"], "the call is stopping")
    call.leg = livekit.sid("PA")
    daemon.post(call.caller_joined())
    second = daemon.wait_agent(call, 1)
    daemon.wait_gone(first["pid"])
    assert is_alive(second["pid"])


def test_attributes_too_long_for_the_line_are_left_out(start):
    daemon = start()
    call = Call()
    call.attributes = {"sip.h.x-long": "y" * 60_000}
    daemon.post(*call.ringing())
    line = json.loads(daemon.wait_agent(call)["line"])
    assert line["attributes"] == {} and line["called"] == call.called
    daemon.wait_logged("attributes are too long")


def test_drain_leaves_new_calls_to_livekits_retry_and_a_second_signal_ends_the_rest(start):
    daemon = start(SIP_ON_EXIT="drain")
    call, late = Call(), Call()
    daemon.post(*call.ringing(), *call.answered())
    agent = daemon.wait_agent(call)
    daemon.process.terminate()
    daemon.wait_logged("told to stop; calls in progress: 1; waiting")
    assert daemon.get("/readyz")[0] == 503 and daemon.health()["status"] == "degraded"
    body = livekit.encode(late.room_started())
    headers = {"Authorization": livekit.webhook_token(body)}
    for _ in (1, 2):  # the retry is not taken for a repeat
        status, _, answer = daemon.request("POST", "/webhooks/livekit", body, headers)
        assert status == 503 and "Retry-After" not in answer, "with Retry-After LiveKit would give up sooner"
    daemon.process.terminate()
    assert daemon.process.wait(60) == 0
    assert not is_alive(agent["pid"])


def test_masked_numbers_are_nowhere_in_the_log(start, tmp_path):
    """Neither in room names nor in what agents say."""
    command = ["/bin/sh", "-c", 'echo "$SIP_CALLER_NUMBER calls $SIP_CALLED_NUMBER in $SIP_ROOM_NAME"; exit 3']
    daemon = start(SIP_LISTEN=f"unix:{tmp_path}/public", SIP_LOG_NUMBERS="mask",
                   agents=lambda d: {"support": d.entry(command=command)})
    call = Call(called="+1234567")
    daemon.post(*call.ringing())
    daemon.wait_logged("^call ended")
    text = json.dumps(daemon.log)
    assert "agent says: +********111 calls" in text
    assert call.caller[1:] not in text and call.called[1:] not in text


def test_several_addresses_with_mode_and_group(start, tmp_path):
    paths = tmp_path / "one", tmp_path / "two"
    daemon = start(SIP_LISTEN=f"127.0.0.1:0,unix:{paths[0]},unix:{paths[1]}", SIP_SOCKET_MODE="0600",
                   SIP_SOCKET_GROUP=str(os.getegid()) if os.geteuid() else "daemon")
    for path in paths:
        assert path.stat().st_mode & 0o777 == 0o600
        assert os.geteuid() != 0 or path.stat().st_gid == 1, "Debian's group daemon"
    call = Call()
    for event, path in zip(call.ringing(), (*paths, None)):
        body = livekit.encode(event)
        connection = UnixConnection(str(path)) if path else None
        assert daemon.post_raw(body, livekit.webhook_token(body), connection) == 200
        if connection:
            connection.close()
    daemon.wait_agent(call)
    daemon.stop()
    assert not any(path.exists() for path in paths)


def test_secret_from_a_file(start, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(livekit.SECRET + "\n")
    daemon = start(LIVEKIT_API_SECRET=None, LIVEKIT_API_SECRET_FILE=secret,
                   agents=lambda d: {"support": d.entry(credentials="api")})
    call = Call()
    daemon.post(*call.ringing())
    assert daemon.wait_agent(call)["env"]["LIVEKIT_API_SECRET"] == livekit.SECRET


def test_without_stdin_and_stdout_the_agent_still_has_its_own(start, tmp_path):
    """fds 0 and 1 are then the first that the daemon opens."""
    daemon = start(read_log=False, wait=False, wrapper=["/bin/sh", "-c", 'exec "$@" >&- <&-', "sh"],
                   SIP_LISTEN=f"unix:{tmp_path}/public")
    wait_for(daemon.answers, "sipbridge answers")
    call = Call()
    daemon.post(*call.ringing())
    agent = daemon.wait_agent(call)
    assert agent["fds"] == [0, 1, 2] and json.loads(agent["line"])["call_sid"] == call.sid


def test_reader_of_the_log_that_goes_away_does_no_harm(start, tmp_path):
    daemon = start(read_log=False, wait=False, SIP_LISTEN=f"unix:{tmp_path}/public")
    wait_for(daemon.answers, "sipbridge answers")
    daemon.process.stdout.close()
    daemon.process.stdout = open(os.devnull, "rb")
    call = Call()
    daemon.post(*call.ringing())
    agent = daemon.wait_agent(call)
    before = cpu_seconds(daemon.process.pid)
    holds_for(lambda: is_alive(agent["pid"]), 1, "the call goes on")
    assert cpu_seconds(daemon.process.pid) - before < 0.3, "it spins"


def test_last_words_wait_for_a_slow_reader(start, tmp_path):
    """Who reads the log slowly gets all of it: what did not fit when the daemon was done is not lost with it. It waits for a
    second; a busy machine may be too slow to read by then, and tries again."""
    path = tmp_path / "public"

    def all_is_read():
        daemon = start(read_log=False, wait=False, SIP_LISTEN=f"unix:{path}", SIP_ADMIN_LISTEN="")
        fcntl.fcntl(daemon.process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        wait_for(daemon.answers, "it answers")
        rooms = [Call() for _ in range(40)]
        for call in rooms:
            daemon.post(call.caller_joined(), call.caller_left("CLIENT_INITIATED"))
        daemon.process.terminate()
        wait_for(lambda: not path.exists(), "it is done but for its last words")
        log = daemon.process.stdout.read().decode()
        assert daemon.process.wait(60) == 0 and len(log) > 4096
        return json.loads(log.splitlines()[-1])["message"] == "stopped" and all(call.sid in log for call in rooms)
    wait_for(all_is_read, "all is read")


def test_more_descriptors_are_taken_than_most_are_given(start):
    """A call takes three: of the usual soft limit of 1,024 they would be the end after some 300."""
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    daemon = start(preexec=few)
    limits = next(line for line in Path(f"/proc/{daemon.process.pid}/limits").read_text().splitlines() if "open files" in line)
    soft, hard = limits.split()[3:5]
    assert soft == hard == str(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
