"""Log messages that nothing else provokes; what a warning is about, as status, board and terminal show it; and looking a
line of the log up."""
import errno
import json
import os
import re
import shutil
import signal
import subprocess

import livekit
import odd_livekit as odd
import pytest
from daemon import PYTHON, binary, wait_for
from deny import POSSIBLE, deny
from livekit import Call
from manager import Manager
from test_board import board  # noqa: F401
from test_livekit_trouble import talking
from test_reconcile import rounds_go_by, reconciling, server, stale  # noqa: F401
from test_reload import written  # noqa: F401
from test_standby import agent, wait_pool

LEVELS = ("error", "warning")


def run(*words, **more):
    return subprocess.run([binary(), *words], capture_output=True, text=True, timeout=120, **more)


# --- looking up ---

def test_every_warning_of_a_bad_day_is_explained(start, tmp_path):
    """A daemon with broken agents, no rules that fit, an agent that crashes: its own log, given to explain."""
    crashes = {"support": {"command": [*PYTHON, "-c", "import sys; print('oh'); sys.exit(3)"]}, "gone": {"command": ["/nowhere"]}}
    daemon = start(agents=crashes, rules=[{"pattern": "+1234567", "agent_name": "gone"}, {"pattern": "*", "agent_name": "support"}])
    call = Call()
    daemon.post(*call.ringing())
    daemon.wait_logged("^call ended: ")
    assert daemon.post_raw(b"{}", "junk") == 401
    daemon.wait_logged("is not verified")
    records = [record for record in daemon.log if record["level"] in LEVELS]
    assert len(records) >= 5
    lines = "\n".join(f"Nov 25 host sipbridge[1]: {json.dumps(record)}" for record in records)
    done = run("explain", "-", input=f"not ours\n{lines}\n\n")
    assert done.returncode == 0 and done.stderr == ""
    heads = [line for line in done.stdout.splitlines() if not line.startswith("  ")]
    assert heads == [f"{record['level']}: {record['message'].strip()}" for record in records]
    assert done.stdout.count("\n  when      ") == done.stdout.count("\n  remedy    ") == len(records)


def test_what_is_no_line_of_ours(start):
    done = run("explain", "-", input="nothing\nof ours\n")
    assert done.returncode == 1 and done.stdout == "" and "no line of sipbridge's log" in done.stderr
    assert run("explain").returncode == 2


# --- what a warning is about ---

def silent_call(start, **settings):
    """A daemon with a call whose agent does not speak, after the warning about it."""
    daemon = start(SIP_READY_TIMEOUT="200ms", **settings)
    call = Call()
    daemon.post(*call.ringing())
    daemon.wait_logged("^the agent published no audio within 200 ms")
    return daemon, call


def warning_of(daemon):
    return next(one for one in daemon.status()["errors"] if "published no audio" in one["message"])


def test_status_tells_agent_call_and_room_of_a_warning(start):
    daemon, call = silent_call(start)
    found = warning_of(daemon)
    assert (found["agent"], found["call"], found["room"]) == ("support", call.sid, call.room)
    done = run("status", env={**daemon.environment()})
    assert done.returncode == 0, done.stderr
    assert f"killing it (agent support, call {call.sid})" in " ".join(done.stdout.split())
    daemon.post(*call.hung_up())


def test_numbers_are_masked_there_as_in_the_log(start):
    daemon, call = silent_call(start, SIP_LOG_NUMBERS="mask")
    assert call.caller[1:] in call.room
    found = warning_of(daemon)
    assert found["call"] == call.sid and call.caller[1:] not in found["room"] and found["room"].endswith(call.room[-4:])
    daemon.post(*call.hung_up())


def test_board_names_agent_and_call_and_shows_no_number(board):  # noqa: F811
    daemon, _, look = board
    viewer, call = look(), Call()
    daemon.write("rules.json", [{"pattern": "*", "reject": True}])
    daemon.wait_logged("^rules from .*: 1 in use now")
    daemon.post(*call.ringing())
    errors = []
    while not any("rejected" in one["text"] for one in errors):
        errors = viewer.take().get("errors", errors)
    shown = next(one for one in errors if "rejected" in one["text"])
    assert shown["call"] == call.sid and call.caller[1:] not in json.dumps(errors)
    daemon.post(*call.hung_up())


def test_remedy_of_health(start):
    daemon = start(agents={})
    status = daemon.status()
    assert status["message"].startswith("no agent can be had") and "`sipbridge agents check`" in status["remedy"]
    done = run("explain", status["message"])
    assert f"remedy    {status['remedy']}" in done.stdout


def test_the_board_s_url_is_said(start, tmp_path):
    daemon = start(SIP_LISTEN=f"unix:{tmp_path}/public", SIP_ADMIN_LISTEN="127.0.0.1:0")
    said = daemon.wait_logged(r"^listening on 127\.0\.0\.1:\d+ \(admin; the board: ")["message"]
    url = said.partition("the board: ")[2].rstrip(")")
    address = said.split()[2]
    assert url == f"http://{address}/board"
    import urllib.request
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.status == 200 and b"<html" in answer.read()


# --- what the kernel refuses ---

DENIED = {
    "subreaper": (("prctl", 36, errno.EPERM), "^no child subreaper"),
    "no new privileges": (("prctl", 38, errno.EPERM), "^PR_SET_NO_NEW_PRIVS fails"),
    "ambient capabilities": (("prctl", 47, errno.EPERM), "^the capabilities that programs inherit cannot be cleared"),
    "watches": (("inotify_add_watch", None, errno.ENOSPC), "^LIVEKIT_KEYS: .* cannot be watched for changes"),
}


@pytest.mark.skipif(not POSSIBLE, reason="no seccomp filter here")
@pytest.mark.parametrize("name", DENIED)
def test_the_kernel_refuses(start, tmp_path, name):
    """It is said, and calls are served all the same."""
    what, message = DENIED[name]
    keys = tmp_path / "keys"
    keys.write_text(f"{livekit.KEY}: {livekit.SECRET}\n")
    keys.chmod(0o600)
    daemon = start(preexec=deny(*what), LIVEKIT_KEYS=str(keys))
    assert daemon.wait_logged(message)["level"] == "warning"
    call = Call()
    daemon.post(*call.ringing())
    daemon.wait_agent(call)
    daemon.post(*call.hung_up())


@pytest.mark.skipif(not POSSIBLE, reason="no seccomp filter here")
def test_watchdog_that_cannot_be_served(start):
    with Manager() as manager:
        daemon = start(preexec=deny("eventfd2", None, errno.EMFILE), **manager.settings(watchdog_us=30_000_000))
        daemon.wait_logged("^the service manager's watchdog cannot be served")
        daemon.stop()


@pytest.mark.skipif(not POSSIBLE, reason="no seccomp filter here")
def test_file_system_that_cannot_cut(start):
    chatty = [*PYTHON, "-c", "import time; print('x' * 200000, flush=True); time.sleep(60)"]
    daemon = start(agents=lambda d: {"support": d.entry(command=chatty)}, preexec=deny("fallocate", None, errno.EOPNOTSUPP),
                   SIP_LOG_MAX="4KiB")
    call = Call()
    daemon.post(*call.ringing())
    daemon.wait_logged("this file system cannot cut files")
    daemon.post(*call.hung_up())


# --- files that are not as they should be ---

def test_output_that_has_no_file(start):
    daemon, call = start(), Call()
    (daemon.state / "calls" / f"{call.sid}.log").mkdir()
    daemon.post(*call.ringing())
    daemon.wait_agent(call)
    record = daemon.wait_logged("^no file for the agent's output")
    assert (record["call"], record["agent"]) == (call.sid, "support")
    daemon.post(*call.hung_up())


def test_output_of_a_standby_that_cannot_be_renamed(start):
    daemon = start(agents=lambda d: {"support": agent(d, standby=1)})
    wait_pool(daemon, ready=1)
    call, calls = Call(), daemon.state / "calls"
    (calls / f"{call.sid}.log").mkdir()
    for part in range(1, 5):  # nor can what is there be put aside
        (calls / f"{call.sid}.log.{part}" / "full").mkdir(parents=True)
    daemon.post(*call.ringing())
    daemon.wait_agent(call)
    daemon.wait_logged(r"^what the agent writes stays in standby_\w+\.log")
    daemon.post(*call.hung_up())


def test_standby_that_cannot_be_noted(start):
    daemon = start()
    shutil.rmtree(daemon.state / "standby")
    daemon.write("agents.json", {"support": agent(daemon, standby=1)})
    daemon.wait_logged(r"/standby/standby_\w+ cannot be written")
    wait_pool(daemon, ready=1)


def test_identity_that_is_damaged(start):
    daemon = start()
    daemon.stop()
    (daemon.state / "identity").write_text("garbage\n")
    daemon.start()
    daemon.wait_logged("identity is damaged and written anew")


def test_journal_that_can_be_written_again(start):
    daemon, call = start(), Call()
    obstacle = daemon.state / "journal" / "spare0.json.tmp"  # what the next text is written to
    obstacle.mkdir()
    daemon.post(*call.ringing())
    daemon.wait_logged("cannot be written: .*; the call goes on")
    assert daemon.health()["message"].startswith("the journal of calls cannot be written")
    obstacle.rmdir()
    daemon.wait_logged("^the journal can be written again")
    daemon.post(*call.hung_up())


def without_redis(start, **copies):
    """A start without Redis; COPIES are what the last good copies on disk are made into."""
    daemon = start(rules=False, agents={"support": {"command": ["/bin/true"]}} if "agents" not in copies else False, wait=False,
                   REDIS_URL="redis://127.0.0.1:1")
    wait_for(daemon.answers, "it answers")
    daemon.stop()
    for name, make in copies.items():
        make(daemon.state / f"{name}.json")
    daemon.start()
    return daemon


def test_last_good_copy_that_cannot_be_read(start):
    daemon = without_redis(start, rules=lambda path: path.mkdir())
    daemon.wait_logged("^the last good copy of the rules cannot be read: ")


def test_last_good_copy_that_cannot_be_used(start):
    daemon = without_redis(start, rules=lambda path: path.write_text('{"no": "rules"}'))
    daemon.wait_logged("^the last good copy of the rules, .*/rules.json, cannot be used: ")


def test_last_good_copy_that_cannot_be_kept(start):
    daemon = start()
    copy = daemon.state / "rules.json"
    wait_for(copy.exists, "the copy is there")
    copy.unlink()
    (copy / "full").mkdir(parents=True)
    daemon.write("rules.json", [{"pattern": "*", "agent_name": "support"}])
    daemon.wait_logged("^the last good copy cannot be kept in ")


# --- documents and settings ---

def test_many_broken_agents_are_counted(start):
    daemon = start(agents={"": {}, "support": {"command": ["/bin/true"]}, **{f"a{n}": {"command": ["/nowhere"]} for n in range(25)}})
    daemon.wait_logged("^agents from .*: 5 more cannot be used$")
    daemon.wait_logged('^agents from .*: the agent "" is left out')


def test_odd_setting_at_a_reload(written):  # noqa: F811
    bridge = written(LOG_LEVEL="debug")
    bridge.write(SIP_LISTENN="127.0.0.1:1")
    status, said = bridge.reload()
    assert status == 200 and "warning: settings: " in said
    bridge.daemon.wait_logged("^settings: .*SIP_LISTENN")


# --- LiveKit ---

def test_stale_room_that_livekit_does_not_delete(start, server):  # noqa: F811
    left = stale(server, "sip-inbound_left")
    server.behave(odd.twirp(400, "failed_precondition", "not now"), "DeleteRoom")
    daemon = reconciling(start, server)
    assert "not now" in daemon.wait_logged("^a stale room could not be deleted: ")["message"]
    server.behave(odd.well)
    wait_for(lambda: left.room in server.deleted, "it is tried again")


def test_participant_whose_end_was_lost(start, server):  # noqa: F811
    """Two callers in one room; one is gone, and LiveKit alone knows."""
    daemon = reconciling(start, server)
    call, pid = talking(daemon, server)
    second = Call(room=call.room, room_sid=call.sid, caller="+15550002222")
    with server.lock:
        server.rooms[call.room][1].append(odd.phone(second))
    daemon.post(second.caller_joined())
    daemon.wait_logged(r"caller \+15550002222 joined")
    rounds_go_by(daemon, 1)
    with server.lock:
        server.rooms[call.room][1].pop()
    assert daemon.wait_logged("^a caller is not in the room any more")["call"] == call.sid
    assert not daemon.logged("^ending the call"), "the other one is there"
    server.remove(call)
    daemon.post(*call.hung_up())
    daemon.wait_gone(pid)


def test_clean_up_that_livekit_does_not_do(start, server):  # noqa: F811
    stale(server, "sip-inbound_stays", {**odd.phone(Call()), "kind": "STANDARD"})
    server.behave(odd.answer(200, {}), "DeleteRoom")
    daemon = reconciling(start, server)
    assert daemon.admin("POST", "/api/livekit/cleanup-sip-rooms", livekit.operator_token())[0] == 202
    daemon.wait_logged("^clean-up: 0 of 1 rooms without a call deleted, 1 are still there$")


def test_hidden_number_that_the_trunk_tells(start, server):  # noqa: F811
    call = Call(called="")
    call.attributes = {"sip.trunkPhoneNumber": "", "sip.phoneNumber": "", "sip.trunkID": call.trunk}
    server.behave(odd.answer(200, {"items": [{"sip_trunk_id": call.trunk, "name": "t", "numbers": ["+33123"]}]}),
                  "ListSIPInboundTrunk")
    daemon = start(LIVEKIT_API_URL=server.url)
    server.add(call)
    daemon.post(*call.ringing())
    assert "has only +33123" in daemon.wait_logged("^the called number is hidden; the trunk ")["message"]
    server.remove(call)
    daemon.post(*call.hung_up())


# --- the rest ---

def test_records_that_nobody_read_are_counted(start, tmp_path):
    """The pipe and the ring of 256 KiB fill, and what comes then is lost; at the end somebody reads."""
    daemon = start(rules=[{"pattern": "*", "reject": True}], read_log=False, SIP_LISTEN=f"unix:{tmp_path}/public")

    def lost():
        call = Call()
        daemon.post(*call.ringing(), *call.hung_up())
        metrics = daemon.admin("GET", "/metrics")[1].decode()
        return int(re.search(r"^sipbridge_log_records_lost_total (\d+)$", metrics, re.M).group(1)) > 0
    wait_for(lost, "records are lost", timeout=60)
    daemon.stop()
    assert daemon.wait_logged(r"^\d+ log records were lost because nobody read standard output fast enough$")


def test_standby_that_ends_after_a_long_wait(start):
    daemon = start(agents=lambda d: {"support": agent(d, standby=1)})
    wait_pool(daemon, ready=1)
    pid, so_far_s = int(next(daemon.notes.glob("*.waits")).stem), daemon.status()["uptime_s"]
    wait_for(lambda: daemon.status()["uptime_s"] >= so_far_s + 12, "it has waited for more than ten seconds")
    os.kill(pid, signal.SIGKILL)
    daemon.wait_logged("^a standby ended with signal 9 while it waited for a call$")
    assert not daemon.logged("^a standby failed")
