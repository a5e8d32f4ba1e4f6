"""replay on a terminal: how far it is stands in one line that is written over; piped, nothing of the kind is seen."""
import os
import pty
import re
import subprocess

import livekit
from daemon import binary
from terminal import Terminal


def command(daemon):
    return [binary(), "replay", "--speed", "20", "--url", f"http://127.0.0.1:{daemon.port()}/webhooks/livekit",
            str(livekit.RECORDINGS / "answered.jsonl")]


def replay_on_terminal(daemon):
    ours, theirs = pty.openpty()
    run = subprocess.Popen(command(daemon), env={**daemon.environment(), "TERM": "xterm"}, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # EIO: nobody has the other side open any more
            break
        if not part:
            break
        said += part
    os.close(ours)
    assert run.wait(60) == 0
    return said.decode()


def test_progress_is_shown_and_removed_again(start):
    said = replay_on_terminal(start())
    shown = [int(done) for done in re.findall(r"\r(\d+) of 10 webhooks sent \[[#-]+\]", said)]
    assert shown == sorted(set(shown)) and shown[-1] == 10, said
    last = said.rstrip("\r\n").split("\n")[-1].split("\x1b[K")[-1]
    assert last.startswith("replayed 10 of 10 webhooks"), last


def test_no_progress_in_a_pipe(start):
    daemon = start()
    run = subprocess.run(command(daemon), env=daemon.environment(), capture_output=True, text=True, check=True)
    assert "\r" not in run.stdout + run.stderr and "\x1b" not in run.stdout + run.stderr


def test_simulate_shows_a_bar_as_wide_as_its_terminal():
    for columns, has_bar in ((100, True), (60, True), (20, False)):
        with Terminal("simulate", "--calls", "3000", env={**os.environ, "TERM": "xterm"}, columns=columns) as it:
            assert it.end(60) == 0
            lines = re.findall(r"\r(\d+ of [^\r]*?)\x1b\[K", it.shown)
            assert lines and lines[-1].startswith("3000 of 3000 calls"[:columns - 1])
            assert all(len(line) < columns for line in lines)
            assert ("[" in lines[-1]) == has_bar
            assert "every promise was kept" in it.shown.split("\x1b[K")[-1]


def test_simulate_shows_none_on_a_dumb_terminal_or_in_a_pipe():
    with Terminal("simulate", "--calls", "200", env={**os.environ, "TERM": "dumb"}) as it:
        assert it.end(60) == 0 and "\x1b" not in it.shown
    run = subprocess.run([binary(), "simulate", "--calls", "200"], capture_output=True, text=True, check=True)
    assert run.stderr == "" and "\x1b" not in run.stdout
