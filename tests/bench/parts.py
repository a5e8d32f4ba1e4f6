"""What run.py measures with: the helpers in C, the servers under test, connections, and signed webhooks."""
import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
import livekit  # noqa: E402
from daemon import UnixConnection, is_alive, processes_marked, wait_for  # noqa: E402

LOAD_CONNECTIONS = 32
CPUS = sorted(os.sched_getaffinity(0))


class Wrong(Exception):
    """What was measured did not do what it should."""


# ---- processes ----

def pinned(cpu):
    """Words before a command that keep it on the CPU of that place, if there is more than one."""
    return ["taskset", "-c", str(CPUS[cpu])] if len(CPUS) > 1 and shutil.which("taskset") else []


@contextlib.contextmanager
def own_core():
    """Keeps this process off the core of the servers."""
    if pinned(1):
        os.sched_setaffinity(0, {CPUS[1]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, CPUS)


class Tools:
    """The helpers in C, built into a directory of their own."""

    def __init__(self, where):
        h2o = shlex.split(self.run("pkg-config", "--cflags", "--libs", "libh2o-evloop"))
        self.agent, self.load = (self.build(where, name) for name in ("agent", "load"))
        self.bare_h2o = self.build(where, "peers/h2o/bare_h2o", "-DH2O_USE_LIBUV=0", *h2o)

    @staticmethod
    def run(*command):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise Wrong(f"{shlex.join(command)} failed:\n{done.stderr.strip()}")
        return done.stdout

    def build(self, where, name, *flags):
        compiler, program = os.environ.get("CC", "cc"), f"{where}/{Path(name).name}"
        self.run(compiler, "-O2", "-D_GNU_SOURCE", "-o", program, str(HERE / f"{name}.c"), *flags)
        return program


class Server:
    """A process that listens on 127.0.0.1, ended and its agents with it when the block is left."""

    def __init__(self, where, command, environment=None, pin=False):
        self.dir = Path(tempfile.mkdtemp(dir=where))
        self.command = (pinned(0) if pin else []) + command
        self.environment = environment
        self.out = self.dir / "out"

    def __enter__(self):
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen(self.command, env=self.environment, cwd=self.dir, stdout=out,
                                            stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        self.pid = self.process.pid
        try:
            self.port = wait_for(self.find_port, f"{self.command[-1]} listens", timeout=20)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def find_port(self):
        if self.process.poll() is not None:
            raise Wrong(f"{shlex.join(self.command)} ended at its start:\n{self.out.read_text(errors='replace')}")
        first = self.out.read_text()
        return int(first) if first.endswith("\n") else None

    def __exit__(self, kind, error, trace):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        left = self.leftovers()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.dir, ignore_errors=True)
        if kind is None and left:
            raise Wrong(f"{len(left)} agents outlived the daemon")

    def leftovers(self):
        return []

    def cpu_ns(self):
        """CPU time of all its threads, exact (the kernel's other figure has ticks of 10 ms)."""
        return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{self.pid}/task").glob("*/schedstat"))


class Daemon(Server):
    """sipbridge with an agent command, or with rules that leave the choice open. Its log goes to a file."""

    def __init__(self, where, binary, pin=False, agent="sleep 3600", **settings):
        super().__init__(where, [binary, "serve"], pin=pin)
        self.admin = self.dir / "admin.sock"
        self.environment = {
            "PATH": os.environ["PATH"], "LIVEKIT_API_KEY": livekit.KEY, "LIVEKIT_API_SECRET": livekit.SECRET,
            "LIVEKIT_API_URL": "off", "SIP_LISTEN": "127.0.0.1:0", "SIP_ADMIN_LISTEN": f"unix:{self.admin}",
            "SIP_STATE_DIR": str(self.dir / "state"), "SIP_ON_EXIT": "stop",
            "SIP_MAX_PRESSURE": "0", **({"SIP_AGENT_COMMAND": agent} if agent else {}), "SIP_AGENT_ENV": "BENCH_MARK", "BENCH_MARK": str(self.dir), **settings,
        }
        (self.dir / "state").mkdir(mode=0o700)

    def find_port(self):
        if self.process.poll() is not None:
            raise Wrong(f"sipbridge ended at its start:\n{self.out.read_text(errors='replace')}")
        for line in self.out.read_text(errors="replace").splitlines():
            _, found, rest = line.partition("listening on 127.0.0.1:")
            if found:
                return int(rest.split()[0])
        return None

    def leftovers(self):
        return [pid for pid in processes_marked(f"BENCH_MARK={self.dir}".encode()) if pid != self.pid]

    def resident_kib(self):
        return smaps_kib(self.pid, "Rss")

    def ask(self, path):
        """The body of GET PATH at the admin side."""
        connection = UnixConnection(str(self.admin))
        connection.request("GET", path)
        body = connection.getresponse().read()
        connection.close()
        return body

    def status(self):
        return json.loads(self.ask("/health/sip-bridge-status"))

    def live_calls(self):
        return len(self.status()["calls"])

    def start_calls(self, count, known=()):
        """COUNT calls in all, KNOWN of them before, each with its agent in the room."""
        line = Line(self.port)
        calls = [livekit.Call(caller=f"+1555{n:07d}") for n in range(len(known), count)]
        for call in calls:
            line.tell(*call.ringing())
        wait_for(lambda: len(self.leftovers()) == count, f"{count} agents run", timeout=120)
        for call in calls:
            line.tell(*call.answered())
        line.close()
        return [*known, *calls]


def smaps_kib(pid, what):
    """Rss: what is in memory of it; Pss: the same, of what it shares only its share."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1])
    raise Wrong(f"/proc/PID/smaps_rollup has no {what}")


class Line:
    """One kept-alive connection, with as little Python as can be between the bytes and the clock."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, request):
        """(sent, answered) in nanoseconds of CLOCK_MONOTONIC."""
        sent = time.monotonic_ns()
        self.socket.sendall(request)
        answer = self.socket.recv(4096)
        answered = time.monotonic_ns()
        while b"\r\n\r\n" not in answer:
            more = self.socket.recv(4096)
            if not more:
                break
            answer += more
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise Wrong(f"a webhook was answered {answer[:60]!r}")
        return sent, answered

    def tell(self, *events):
        for event in events:
            self.post(request_of(livekit.encode(event)))

    def close(self):
        self.socket.close()


# ---- webhooks ----

def request_of(body):
    """As Go sends it."""
    head = (f"POST /webhooks/livekit HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Go-http-client/1.1\r\n"
            f"Content-Length: {len(body)}\r\nAuthorization: {livekit.webhook_token(body)}\r\n"
            f"Content-Type: application/webhook+json\r\nAccept-Encoding: gzip\r\n\r\n")
    return head.encode() + body


def number(prefix, n):
    """A sid of the usual length."""
    return f"{prefix}_{n:012d}"


def fit(event, size):
    """EVENT with optional fields dropped and one stretched, so that its body has SIZE bytes."""
    excess = lambda: len(livekit.encode(event)) - size  # noqa: E731
    codecs, track = event["room"].get("enabledCodecs", []), event.get("track", {})
    while excess() > 0 and codecs:
        codecs.pop()
    for name in ("backupCodecPolicy", "stream"):
        if excess() > 0:
            track.pop(name, None)
    if excess() > 0:
        raise Wrong(f"{event['event']} cannot be made as small as {size} bytes")
    if track:
        track["name"] += "x" * -excess()
    else:
        event["room"]["turnPassword"] += "x" * -excess()
    return event


def write_requests(path, count, event, changes, first_id=0):
    """COUNT signed requests like EVENT, each with its own event id; CHANGES(n) gives {text in the template: text of
    the same length} for each. Returns (path, size of one)."""
    template = livekit.encode(event).decode()
    sizes = set()
    with open(path, "wb") as file:
        for n in range(count):
            body = template
            for old, new in {event["id"]: number("EV", first_id + n), **changes(n)}.items():
                body = body.replace(old, new)
            request = request_of(body.encode())
            sizes.add(len(request))
            file.write(request)
    if len(sizes) != 1:
        raise Wrong(f"the requests in {path} have {len(sizes)} different sizes")
    return path, sizes.pop()


def foreign(size):
    """Arguments of write_requests: events of rooms that are none of ours."""
    call = livekit.Call(room="web-meeting-of-all-hands_+15550001111_jf2yFd")
    event = fit(call.caller_joined(), size)
    return event, lambda n: {call.sid: number("RM", n), call.leg: number("PA", n)}


def about_calls(calls, size, newcomers=False):
    """Arguments of write_requests: participant_joined of CALLS in progress, in turn, each with an id of its own: their callers
    again, or NEWCOMERS, one more caller each time."""
    call = calls[0]
    event = fit(call.caller_joined(), size)

    def changes(n):
        other = calls[n % len(calls)]
        return {call.sid: other.sid, call.room: other.room, call.leg: number("PA", n) if newcomers else other.leg}
    return event, changes


class Sent:
    """What one run of the load generator measured."""

    def __init__(self, words, server_ns):
        good, bad, wall_ns, cpu_ns, *latencies = map(int, words)
        if bad > 0:
            raise Wrong(f"{bad} of {good + bad} webhooks were not answered 200 with an empty body")
        self.rate = good * 1e9 / wall_ns
        self.cost_us = server_ns / good / 1000
        self.busy, self.generator_busy = server_ns / wall_ns, cpu_ns / wall_ns
        self.latency_us = [ns / 1000 for ns in latencies]  # p50, p99, p99.9


def send(tools, server, requests, count, connections=LOAD_CONNECTIONS):
    """The first COUNT of REQUESTS, (path, size of one)."""
    path, size = requests
    before = server.cpu_ns()
    words = tools.run(*pinned(1), tools.load, str(server.port), str(connections), str(size), str(path), str(count)).split()
    return Sent(words, server.cpu_ns() - before)
