"""replay on a terminal: how far it is stands in one line that is written over; piped, nothing of the kind is seen."""
import os
import pty
import subprocess

import livekit
from daemon import binary


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
    assert run.wait(20) == 0
    return said.decode()


def test_progress_is_shown_and_removed_again(start):
    said = replay_on_terminal(start())
    assert "\r5 of 10 webhooks sent" in said and "\r10 of 10 webhooks sent" in said
    last = said.rstrip("\r\n").split("\n")[-1].split("\x1b[K")[-1]
    assert last.startswith("replayed 10 of 10 webhooks"), last


def test_no_progress_in_a_pipe(start):
    daemon = start()
    run = subprocess.run(command(daemon), env=daemon.environment(), capture_output=True, text=True, check=True)
    assert "\r" not in run.stdout + run.stderr and "\x1b" not in run.stdout + run.stderr
