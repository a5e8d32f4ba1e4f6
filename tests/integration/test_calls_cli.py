"""`sipbridge calls` beside a running daemon: the calls in progress, and what their agents write, while they write."""
import json
import subprocess

from daemon import binary, wait_for
from livekit import Call

TALKER = 'echo "hello from $SIP_CALL_SID"; while [ ! -e "$AGENT_OUT/go" ]; do sleep 0.02; done; echo bye; exec sleep 600'


def calls(daemon, *arguments):
    return subprocess.run([binary(), "calls", *arguments], env=daemon.environment(), capture_output=True, text=True,
                          timeout=20)


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
        assert follower.wait(10) == 0
    assert followed.read_text() == f"hello from {call.sid}\nbye\n"
    assert calls(daemon, "logs", "RM_unknown").returncode == 1
