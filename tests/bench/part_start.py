"""From a webhook to the process that it starts, or to one that stands by and has read its line: sipbridge beside posix_spawn by
hand and adnanh/webhook, one call at a time."""
import contextlib
import hashlib
import hmac
import json
import os
import select
import shutil
import signal
import time

from parts import Daemon, Line, Server, Wrong, is_alive, livekit, own_core, request_of, wait_for
from servers import free_port
from table import percentile, say

PART = "start"


class Adnanh(Server):
    """A hook that starts the agent for a body signed as such hooks are: HMAC-SHA256 in X-Hub-Signature-256."""

    def __init__(self, bench, fifo):
        self.chosen = free_port()
        super().__init__(bench.where, [shutil.which("webhook"), "-hooks", "hooks.json", "-ip", "127.0.0.1", "-port",
                                       str(self.chosen), "-urlprefix", "webhooks"], pin=False)
        hook = {"id": "livekit", "execute-command": bench.tools.agent,
                "pass-arguments-to-command": [{"source": "string", "name": fifo}],
                "pass-environment-to-command": [{"source": "payload", "envname": "SIP_CALL_SID", "name": "room.sid"}],
                "trigger-rule": {"match": {"type": "payload-hmac-sha256", "secret": livekit.SECRET, "parameter":
                                           {"source": "header", "name": "X-Hub-Signature-256"}}}}
        (self.dir / "hooks.json").write_text(json.dumps([hook]))

    def find_port(self):
        with contextlib.suppress(OSError):
            Line(self.chosen).close()
            return self.chosen
        return None


def hub_request(body):
    signature = hmac.new(livekit.SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = (f"POST /webhooks/livekit HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n")
    return head.encode() + body


class Starts:
    def __init__(self, bench):
        self.bench = bench
        self.path = str(bench.where / "fifo")
        os.mkfifo(self.path, 0o600)
        self.fifo = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        self.times = {}

    def note(self, name, ns):
        self.times.setdefault(name, []).append(ns / 1000)

    def report_of(self, sid):
        """(pid, ns) that the agent of SID wrote."""
        if not select.select([self.fifo], [], [], 10)[0]:
            raise Wrong("no agent started within 10 s")
        told, pid, started = os.read(self.fifo, 4096).split()
        if told.decode() != sid:
            raise Wrong(f"an agent came for {told} instead of {sid}")
        return int(pid), int(started)

    def one_call(self, line, name, what="agent running"):
        call = livekit.Call()
        start, end = (request_of(livekit.encode(event)) for event in (call.room_started(), call.room_finished()))
        sent, answered = line.post(start)
        pid, started = self.report_of(call.sid)
        handle = os.pidfd_open(pid)
        ended, _ = line.post(end)
        gone = select.select([handle], [], [], 10)[0]
        self.note(f"{name}: webhook to agent gone", time.monotonic_ns() - ended)
        os.close(handle)
        if not gone:
            raise Wrong(f"the agent of {call.sid} is still there 10 s after the room was finished")
        wait_for(lambda: not is_alive(pid), f"agent {pid} is gone")
        self.note(f"{name}: webhook to answer", answered - sent)
        self.note(f"{name}: webhook to {what}", started - sent)

    def by_hand(self):
        """The floor: the same program, started by posix_spawn of this process."""
        agent, started = self.bench.tools.agent, time.monotonic_ns()
        pid = os.posix_spawn(agent, [agent, self.path], {"SIP_CALL_SID": "by-hand"})
        self.note("posix_spawn by hand: to agent running", self.report_of("by-hand")[1] - started)
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)

    def one_hook(self, port):
        call, line = livekit.Call(), Line(port)  # it closes after each answer
        sent, _ = line.post(hub_request(livekit.encode(call.room_started())))
        line.close()
        pid, started = self.report_of(call.sid)
        self.note("adnanh/webhook: webhook to agent running", started - sent)
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not is_alive(pid), f"the hook's process {pid} is gone")

    def run(self):
        calls = self.bench.few(200, 10)
        say(f"start: {calls} calls, one at a time")
        with contextlib.ExitStack() as stack:
            daemon = stack.enter_context(Daemon(self.bench.where, self.bench.binary, agent=f"{self.bench.tools.agent} {self.path}"))
            hooks = None
            if shutil.which("webhook") is not None:
                hooks = stack.enter_context(Adnanh(self.bench, self.path))
            else:
                self.bench.table.miss(PART, "adnanh/webhook", "it is not installed (Debian package webhook)")
            line = Line(daemon.port)
            for _ in range(calls):  # in turn, so that all have the same machine
                self.one_call(line, "sipbridge")
                self.by_hand()
                if hooks:
                    self.one_hook(hooks.port)
            line.close()
        self.hand_overs(calls)
        with own_core(), Daemon(self.bench.where, self.bench.binary, pin=True,
                                agent=f"{self.bench.tools.agent} {self.path}") as daemon:
            line = Line(daemon.port)
            for _ in range(calls):
                self.one_call(line, "sipbridge on a core of its own")
            line.close()
        self.report()

    def hand_overs(self, calls):
        """To an agent that stands by: until it has read its line."""
        name = "sipbridge, standby"
        with Daemon(self.bench.where, self.bench.binary, agent=f"{self.bench.tools.agent} {self.path}", SIP_STANDBY="4") as daemon:
            line = Line(daemon.port)
            for _ in range(calls):
                if not self.bench.standbys_ready(daemon.status, "SIP_AGENT_COMMAND", 4):
                    self.bench.table.miss(PART, name, "this sipbridge starts no standbys")
                    return
                self.one_call(line, name, "line read")
            line.close()

    def report(self):
        floor = percentile(self.times["posix_spawn by hand: to agent running"], 0.5)
        for name, values in self.times.items():
            ratio = percentile(values, 0.5) / floor if name.endswith("running") else None
            for share in (0.5, 0.99):
                self.bench.table.add(PART, f"{name}, p{share * 100:.0f}", percentile(values, share), "us",
                                     ratio if share == 0.5 else None, "ratio: to posix_spawn" if ratio and share == 0.5 else "")


def run(bench):
    starts = Starts(bench)
    try:
        starts.run()
    finally:
        os.close(starts.fifo)
        os.unlink(starts.path)
