"""sipbridge status --watch: a screen that follows the bridge on a terminal, lines of what changed in a pipe."""
import http.server
import json
import signal
import subprocess
import termios
import threading

import pytest
from daemon import binary, wait_for
from livekit import Call
from terminal import Terminal


def environment(daemon, **more):
    return {name: value for name, value in {**daemon.environment(), **more}.items() if value is not None}


@pytest.fixture
def lines(start):
    """(daemon, the lines that a watching pipe has printed so far)"""
    daemon, said = start(), []
    watching = subprocess.Popen([binary(), "status", "--watch"], env=environment(daemon), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, bufsize=1)
    threading.Thread(target=lambda: said.extend(iter(watching.stdout.readline, "")), daemon=True).start()
    yield daemon, said
    watching.terminate()
    assert watching.wait(60) == 0
    watching.stdout.close()


def has(said, *words):
    return wait_for(lambda: [line for line in said if all(word in line for word in words)], f"{words} in {said}")


def test_piped_it_prints_what_changed(lines):
    daemon, said = lines
    has(said, " health ", "ready for calls")
    call = Call()
    daemon.post(*call.ringing())
    has(said, "joining", call.sid, "support")
    daemon.post(*call.answered())
    has(said, "talking", call.sid, call.called)
    daemon.post(*call.hung_up())
    line = has(said, " over ", call.sid)[0]
    assert line.split()[-1].isdigit() and "\x1b" not in "".join(said)
    count = len(said)
    daemon.stop()
    has(said, " unreachable ")
    assert len(said) == count + 1
    daemon.start()
    wait_for(lambda: said[-1].endswith("ready for calls\n"), "it is found again")


def test_on_a_terminal_it_is_a_screen(start):
    daemon = start()
    before = Call()
    daemon.post(*before.ringing())
    with Terminal("status", "--watch", env={**environment(daemon), "TERM": "xterm"}, columns=100) as it:
        it.expect("\x1b[?1049h")
        it.expect(before.sid)
        it.expect("q ends this")
        assert not it.has_echo()
        call = Call()
        daemon.post(*call.ringing(), *before.hung_up())
        it.expect(call.sid)
        it.type("q")
        it.expect("\x1b[?1049l")
        assert it.end() == 0
        assert it.has_echo()
    daemon.post(*call.hung_up())


def test_what_does_not_fit_is_left_out_and_a_larger_terminal_shows_it(start):
    daemon = start()
    calls = [Call(caller=f"+1555{i:07d}") for i in range(40)]
    for call in calls:
        daemon.post(call.room_started())
    with Terminal("status", "--watch", env={**environment(daemon), "TERM": "xterm"}, columns=100) as it:
        it.expect("there is more than fits")
        assert it.shown.count("\n") < 48 and calls[-1].sid not in it.shown
        termios.tcsetwinsize(it.master, (80, 100))
        it.process.send_signal(signal.SIGWINCH)
        it.expect(calls[-1].sid)
        it.process.send_signal(signal.SIGTERM)
        it.expect("\x1b[?1049l")
        assert it.end() == 0
    for call in calls:
        daemon.post(call.room_finished())


def test_who_waits_stands_first_even_on_a_small_terminal(start):
    daemon = start()
    talks, waits = Call(), Call()
    daemon.post(*talks.ringing(), *talks.answered(), *waits.ringing())
    with Terminal("status", "--watch", env={**environment(daemon), "TERM": "xterm"}, columns=80) as it:
        termios.tcsetwinsize(it.master, (9, 80))
        it.process.send_signal(signal.SIGWINCH)
        it.expect("there is more than fits")
        it.expect("bridge")
        it.expect(waits.sid)
        it.expect(talks.sid)
        it.type("q")
        assert it.end() == 0
    daemon.post(*talks.hung_up(), *waits.hung_up())


def test_without_a_bridge_it_waits_for_one(start):
    daemon = start()
    daemon.stop()
    with Terminal("status", "-w", env={**environment(daemon), "TERM": "xterm"}, columns=100) as it:
        it.expect("admin.sock")
        daemon.start()
        it.expect("ready for calls")
        it.type("q")
        assert it.end() == 0


def test_watch_and_json_do_not_go_together(start):
    daemon = start()
    done = subprocess.run([binary(), "status", "--watch", "--json"], env=environment(daemon), capture_output=True, text=True)
    assert done.returncode == 2 and "--watch and --json do not go together" in done.stderr


class Stranger(http.server.BaseHTTPRequestHandler):
    """What answers in the bridge's place, and means no good."""
    body = b""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def stranger():
    """a function: the URL of a status with that body"""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def serve(body):
        Stranger.body = body
        return f"http://127.0.0.1:{server.server_port}/"
    yield serve
    server.shutdown()
    server.server_close()


def test_hostile_calls_are_escaped_in_lines(stranger):
    body = json.dumps({"message": "", "calls": [{"sid": "RM_\x1b]0;evil\x07", "state": "talking\x1b[2J", "agent": "\x1b[31m"}]})
    with subprocess.Popen([binary(), "status", "--watch", "--url", stranger(body.encode())], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env={"PATH": "/usr/bin:/bin"}) as watching:
        line = next(line for line in watching.stdout if "RM_" in line)
        watching.terminate()
    assert "\x1b" not in line and "\x07" not in line and "evil" in line


def test_a_hostile_answer_is_escaped_on_a_terminal(stranger):
    with Terminal("status", "--watch", "--url", stranger(b"[\x1b"), env={"PATH": "/usr/bin:/bin", "TERM": "xterm"},
                  columns=200) as it:
        it.expect("no status of sipbridge")
        it.expect("q ends this")
        assert "near '\x1b" not in it.shown
        it.type("q")
