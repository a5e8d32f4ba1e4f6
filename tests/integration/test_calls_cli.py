"""`sipbridge calls` beside a running daemon: the calls in progress, and what their agents write, while they write."""
import json
import subprocess

from daemon import binary, wait_for
from livekit import Call
from terminal import Terminal

TALKER = 'echo "hello from $SIP_CALL_SID"; while [ ! -e "$AGENT_OUT/go" ]; do sleep 0.02; done; echo bye; exec sleep 600'


def calls(daemon, *arguments):
    return subprocess.run([binary(), "calls", *arguments], env=daemon.environment(), capture_output=True, text=True,
                          timeout=120)


def test_list_and_logs_of_a_call_until_nobody_writes_any_more(start, tmp_path):
    daemon = start(rules=[{"pattern": "*", "agent_name": "it"}],
                   agents=lambda d: {"it": d.entry(command=["/bin/sh", "-c", TALKER])})
    call = Call()
    daemon.post(*call.ringing())
    wait_for(lambda: "hello" in calls(daemon, "logs", call.sid).stdout, "its first words")
    listed = json.loads(calls(daemon, "list", "--json").stdout)
    assert [(one["sid"], one["agent"]) for one in listed] == [(call.sid, "it")]
    assert call.sid in calls(daemon, "list").stdout

    followed = tmp_path / "followed"
    with followed.open("w") as out, subprocess.Popen([binary(), "calls", "logs", call.sid, "-f"], stdout=out,
                                                     env=daemon.environment()) as follower:
        wait_for(lambda: "hello" in followed.read_text(), "the follower shows what was there")
        (daemon.notes / "go").touch()
        wait_for(lambda: "bye" in followed.read_text(), "and what came later")
        assert follower.poll() is None, "the agent still runs"
        daemon.post(*call.hung_up())
        assert follower.wait(60) == 0
    assert followed.read_text() == f"hello from {call.sid}\nbye\n"
    assert calls(daemon, "logs", "RM_unknown").returncode == 1


def test_a_narrow_terminal_leaves_out_columns_and_wraps_what_says_why(start):
    """The call's SID is whole, a row is a line, and the advice at the end of a warning is there."""
    daemon = start(rules=[{"pattern": "*", "agent_name": "it"}],
                   agents=lambda d: {"it": d.entry(), "gone": {"command": ["/nowhere/at-all/a-program-that-is-missing"]}})
    call = Call()
    daemon.post(*call.ringing())
    daemon.wait_agent(call)
    env = {name: str(value) for name, value in daemon.environment().items()}
    with Terminal("calls", "list", env=env, columns=80) as it:
        assert it.end() == 0
    rows = it.shown.splitlines()
    assert "PID" not in rows[1] and "ROOM" not in rows[1] and "AGE" in rows[1] and rows[2].startswith(f"{call.sid} "), rows
    with Terminal("status", env=env, columns=80) as it:
        assert it.end() == 0
    assert "is broken" in it.shown and "…" not in it.shown and max(map(len, it.shown.splitlines())) <= 80, it.shown
    assert "install it or correct the path" in " ".join(it.shown.split()), it.shown
    with Terminal("agents", "list", env=env, columns=80) as it:
        assert it.end() == 0
    assert it.shown.splitlines()[-1].startswith("broken: ") or "install it" in " ".join(it.shown.split()), it.shown
    assert calls(daemon, "list").stdout.splitlines()[1].split()[-2:] == ["PID", "ROOM"]


def test_an_ended_call_is_found_by_its_output(start):
    daemon = start(rules=[{"pattern": "*", "agent_name": "it"}],
                   agents=lambda d: {"it": d.entry(command=["/bin/sh", "-c", "echo hello; exec sleep 600"])})
    assert calls(daemon, "logs").stdout.startswith("No agent's output is kept in ")
    ended = Call()
    daemon.post(*ended.ringing())
    wait_for(lambda: "hello" in calls(daemon, "logs", ended.sid).stdout, "its words")
    daemon.post(*ended.hung_up())
    wait_for(lambda: daemon.status()["process_count"] == 0, "the agent is gone")
    (daemon.state / "calls" / "no-sid.log").write_text("")
    rows = [row.split() for row in calls(daemon, "logs").stdout.splitlines()]
    assert rows[0] == ["CALL", "LAST", "WRITTEN", "BYTES"] and [row[0] for row in rows[1:]] == [ended.sid]
    assert rows[1][2] == "6" and rows[1][1].endswith("Z")


def test_an_unknown_call_is_said_before_anything_is_asked(start):
    daemon = start()
    done = calls(daemon, "stop", "RM_nope")
    assert done.returncode == 1 and "has no call RM_nope in progress" in done.stderr and "--yes" not in done.stderr
