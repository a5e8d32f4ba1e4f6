"""Agents that misbehave, and what an agent's process finds around it."""
import json
import os
import signal
import time

import livekit
import pytest
from daemon import PYTHON, holds_for, is_alive, processes_marked, wait_for
from livekit import Call

ANY = [{"pattern": "*", "agent_name": "it"}]
# What a shell agent does first: it waits until all of its call is told (an agent that ends before its caller has joined may be
# tried again for that caller), and notes its start.
NOTE = 'while [ ! -e "$AGENT_OUT/rung" ]; do sleep 0.02; done; echo x >> "$AGENT_OUT/starts"; '


def with_agent(start, *command, **settings):
    """A daemon whose one agent runs COMMAND; keywords in lower case belong to the agent's entry."""
    entry = {name: settings.pop(name) for name in list(settings) if name.islower()}
    return start(rules=ANY, agents=lambda d: {"it": d.entry(command=list(command) or None, **entry)}, **settings)


def shell(start, script, first="", **settings):
    return with_agent(start, "/bin/sh", "-c", first + NOTE + script, **settings)


def starts(daemon):
    path = daemon.notes / "starts"
    return len(path.read_text().split()) if path.exists() else 0


def started(daemon):
    """By the log: one that has only a moment may be gone before it has noted anything."""
    return sum(record["message"].startswith("agent process started") for record in list(daemon.log))


def pid_of(daemon, call):
    return wait_for(lambda: daemon.status()["process_pids"].get(call.room), "a process for the room")


def ringing(daemon):
    call = Call()
    daemon.post(*call.ringing())
    (daemon.notes / "rung").touch()
    return call


def is_over(daemon):
    def over():
        status = daemon.status()
        return status["process_count"] == 0 and all(call["state"] == "ended" for call in status["calls"])
    wait_for(over, "the call is over and no process left")


def test_an_agent_that_crashes_without_a_word(start):
    daemon = start(agents=lambda d: {"support": d.entry(command=["false"])})
    call = Call()
    daemon.post(*call.ringing())
    said = daemon.wait_logged("ended by itself with status 1")
    assert said["message"].endswith(f"sipbridge calls logs {call.sid})")
    assert daemon.wait_logged("the agent wrote nothing")["call"] == call.sid
    daemon.post(*call.hung_up())


def test_fds_signals_session_and_directory_of_an_agent(start):
    daemon = start()
    call = ringing(daemon)
    report = daemon.wait_agent(call)
    assert report["fds"] == [0, 1, 2]
    assert report["blocked"] == 0, "a blocked signal was inherited"
    python_itself = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
    glibc_itself = 1 << 31 | 1 << 32  # posix_spawn leaves the two signals of its threads ignored
    assert report["ignored"] & ~(python_itself | glibc_itself) == 0, "an ignored signal was inherited"
    assert report["sid"] == report["pid"], "a session of its own"


def test_agent_that_knows_no_signals_dies_of_sigterm(start):
    """With an inherited mask it would wait for SIGKILL, for longer than anybody waits here."""
    daemon = with_agent(start, "sleep", "600", stop_timeout="10m")
    call = ringing(daemon)
    pid = pid_of(daemon, call)
    daemon.post(*call.hung_up())
    daemon.wait_gone(pid)


def test_agent_that_ignores_sigterm_is_killed(start):
    daemon = shell(start, "while :; do sleep 0.1; done", first="trap '' TERM; ", stop_timeout="300ms")
    call = ringing(daemon)
    pid = pid_of(daemon, call)
    wait_for(lambda: starts(daemon) == 1, "it runs")
    daemon.post(*call.hung_up())
    daemon.wait_gone(pid)


def test_stopped_agent_is_killed_too(start):
    daemon = with_agent(start, "sleep", "600", stop_timeout="300ms")
    call = ringing(daemon)
    pid = pid_of(daemon, call)
    os.kill(pid, signal.SIGSTOP)
    daemon.post(*call.hung_up())
    daemon.wait_gone(pid)


def test_daemonised_grandchild_is_found(start):
    script = ("import os,time\n"
              "if os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n  time.sleep(600)\n os._exit(0)\n"
              "time.sleep(600)\n")
    daemon = with_agent(start, *PYTHON, "-c", script)
    call = ringing(daemon)
    pid_of(daemon, call)
    wait_for(lambda: len(processes_marked(daemon.mark())) >= 2, "agent and grandchild run")
    daemon.post(*call.hung_up())
    wait_for(lambda: not processes_marked(daemon.mark()), "agent and grandchild are gone")


def test_ten_megabytes_of_output_neither_block_the_agent_nor_fill_the_disk(start):
    script = "import sys,time\nfor n in range(10240): print('x' * 1023)\nopen(__import__('os').environ['AGENT_OUT'] + '/done', 'w')\ntime.sleep(600)"
    daemon = with_agent(start, *PYTHON, "-u", "-c", script, SIP_LOG_MAX="1MiB")
    call = ringing(daemon)
    wait_for((daemon.notes / "done").exists, "all is written")
    output = daemon.state / "calls" / f"{call.sid}.log"
    wait_for(lambda: output.stat().st_blocks * 512 <= 1.25 * 2**20, "at most 1 MiB stays on disk")
    assert output.read_bytes().endswith(b"x" * 1023 + b"\n"), "the newest part is what is kept"


@pytest.mark.parametrize("code", [0, 1, 3])
def test_agent_that_ends_before_it_was_ready_is_tried_four_times(start, code):
    """Exit 0 included: nobody has heard it yet. Three replacements, then the call ends."""
    daemon = shell(start, f"exit {code}")
    ringing(daemon)
    is_over(daemon)
    assert starts(daemon) == 4


def test_agent_that_crashes_leaves_its_last_words_in_the_log_without_secrets(start):
    daemon = shell(start, 'echo "token $LIVEKIT_TOKEN"; printf "\\033[31mred\\n"; echo "last words"; exit 7')
    ringing(daemon)
    is_over(daemon)
    daemon.wait_logged("last words")
    log = json.dumps(list(daemon.log))
    assert "red" in log
    assert "eyJ" not in log and "\\u001b" not in log


def test_agent_that_exits_125_is_not_started_again(start):
    daemon = shell(start, "exit 125")
    ringing(daemon)
    is_over(daemon)
    assert starts(daemon) == 1


def test_agent_that_never_joins_is_killed_and_tried_once_more(start):
    daemon = shell(start, "exec sleep 600", SIP_READY_TIMEOUT="200ms")
    ringing(daemon)
    wait_for(lambda: started(daemon) == 2, "one more try")
    is_over(daemon)
    assert started(daemon) == 2


def test_agent_killed_in_the_call_is_replaced_in_the_same_room(start):
    daemon = start()
    call = ringing(daemon)
    first = daemon.wait_agent(call)
    daemon.post(*call.answered())
    os.kill(first["pid"], signal.SIGKILL)
    second = daemon.wait_agent(call, nth=1)
    for name in ("SIP_ROOM_NAME", "SIP_AGENT_NAME", "SIP_CALL_SID"):
        assert second["env"][name] == first["env"][name]
    assert second["env"]["SIP_INSTANCE"] != first["env"]["SIP_INSTANCE"]
    tokens = [livekit.jwt_claims(report["env"]["LIVEKIT_TOKEN"]) for report in (first, second)]
    assert tokens[0]["sub"] == tokens[1]["sub"], "one identity per call: LiveKit puts the ghost out"
    assert daemon.calls()[0]["restarts"] == 1


def test_agent_that_hangs_up_ends_the_call(start):
    """Exit 0 after it was ready and left by itself, nobody but the caller in the room: it wanted to."""
    daemon = shell(start, 'while [ ! -e "$AGENT_OUT/go" ]; do sleep 0.02; done')
    call = ringing(daemon)
    pid = pid_of(daemon, call)
    daemon.post(*call.answered(), call.agent_left())
    (daemon.notes / "go").touch()
    daemon.wait_gone(pid)
    is_over(daemon)
    assert starts(daemon) == 1


def test_agent_at_its_max_gives_way_to_the_default(start):
    daemon = start(rules=ANY, DEFAULT_SIP_AGENT="spare", agents=lambda d: {"it": d.entry(max=1), "spare": d.entry()})
    first, second = ringing(daemon), ringing(daemon)
    assert daemon.wait_agent(first)["env"]["SIP_AGENT_NAME"] == "it"
    assert daemon.wait_agent(second)["env"]["SIP_AGENT_NAME"] == "spare"
    daemon.post(*first.hung_up())
    daemon.wait_gone(daemon.wait_agent(first)["pid"])
    third = ringing(daemon)
    assert daemon.wait_agent(third)["env"]["SIP_AGENT_NAME"] == "it"


def test_agent_may_finish_after_the_call_if_its_entry_says_so(start):
    daemon = shell(start, "while :; do sleep 0.05; done", first='trap "echo told > $AGENT_OUT/told; exit 0" TERM; ',
                   after_call="600ms")
    call = ringing(daemon)
    pid = pid_of(daemon, call)
    wait_for(lambda: starts(daemon) == 1, "it runs")
    over = time.time()
    daemon.post(*call.hung_up())
    daemon.wait_gone(pid)
    left_alone_s = (daemon.notes / "told").stat().st_mtime - over
    assert left_alone_s > 0.5, "left alone to write its summary"  # the clock of files is behind by a tick


def test_value_that_begins_with_a_dash_is_never_a_whole_argument(start):
    daemon = start(agents=lambda d: {"support": d.entry("{caller}", "--number={caller}", "{called}"), "sales": d.entry()})
    call = Call(caller="--help")
    daemon.post(*call.ringing())
    assert daemon.wait_agent(call)["argv"] == ["--number=--help", call.called]


def test_stop_ends_what_runs(start):
    daemon = start(SIP_ON_EXIT="stop")
    call = ringing(daemon)
    agent = daemon.wait_agent(call)
    daemon.stop()
    assert not is_alive(agent["pid"])
