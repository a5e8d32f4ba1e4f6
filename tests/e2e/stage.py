"""What one end-to-end test plays on: a real Redis, a real livekit-server whose webhooks go to a real sipbridge, and phones.

All on 127.0.0.1, on ports of their own. When a test was good, Stage sees to it that nothing is left: no agent process, no
room in LiveKit, no call in sipbridge's status, and no file of a call in its state directory but the agent's output.
"""
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import string
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import livekit
from daemon import Daemon, is_alive, wait_for
from servers import Redis, Server, free_port

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sipbridge-e2e"
CALLER_HZ, AGENT_HZ = 1000, 440

# (test, what, value): printed when all tests are done.
FIGURES = []


def note(what, value):
    FIGURES.append((os.environ["PYTEST_CURRENT_TEST"].split("::")[-1].rpartition(" ")[0], what, value))


class LiveKit(Server):
    """The real livekit-server; can be killed and started again with what it keeps in Redis."""

    def __init__(self, redis_port):
        super().__init__("sb-livekit-")
        self.values = {"port": self.port, "tcp_port": free_port(), "udp_port": free_port(socket.SOCK_DGRAM), "redis_port": redis_port,
                       "key": livekit.KEY, "secret": livekit.SECRET, "webhook_url": None}
        self.url = f"ws://127.0.0.1:{self.port}"

    def start(self):
        template = string.Template((HERE / "livekit.yaml").read_text())
        (self.dir / "livekit.yaml").write_text(template.substitute(self.values))
        self.run([str(CACHE / "livekit-server/server"), "--config", str(self.dir / "livekit.yaml")])
        wait_for(self.is_open, "livekit-server listens")

    def output(self):
        return (self.dir / "output").read_text(errors="replace")[-4000:]

    def api(self, method, request, **grants):
        """One call of LiveKit's API, "Service/Method", with a token that holds GRANTS."""
        now = int(time.time())
        token = livekit.jwt({"iss": livekit.KEY, "nbf": now - 10, "exp": now + 60, **grants})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", f"/twirp/livekit.{method}", json.dumps(request),
                               {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, f"{method}: {answer.status} {body}"
        return json.loads(body)

    def rooms(self):
        return self.api("RoomService/ListRooms", {}, video={"roomList": True})["rooms"]

    def participants(self, room):
        grants = {"roomAdmin": True, "room": room}
        return self.api("RoomService/ListParticipants", {"room": room}, video=grants)["participants"]

    def create_trunk(self, *numbers):
        trunk = {"name": "e2e", "numbers": list(numbers), "allowed_addresses": ["127.0.0.1"]}
        return self.api("SIP/CreateSIPInboundTrunk", {"trunk": trunk}, sip={"admin": True})["sip_trunk_id"]


class LosingProxy:
    """Stands between LiveKit and sipbridge; what `loses(event)` picks is answered 200 and never arrives."""

    def __init__(self, port):
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = 200 if proxy.is_lost(json.loads(body)) else proxy.forward(self, body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.target = port
        self.loses, self.lost = (lambda _event: False), []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]

    def is_lost(self, event):
        if not self.loses(event):
            return False
        self.lost.append(event["event"])
        return True

    def forward(self, handler, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.target, timeout=60)
        try:
            headers = {name: handler.headers[name] for name in ("Authorization", "Content-Type")}
            connection.request("POST", handler.path, body, headers)
            return connection.getresponse().status
        except OSError:
            return 502
        finally:
            connection.close()

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


NODE_PHONE, SIPPHONE = (shutil.which("node"), "phone.mjs"), (str(CACHE / "sipphone"),)


class Phone:
    """A phone call (phone.mjs, or PROGRAM): `events` is what it told so far, each with the time it was `seen` at."""

    def __init__(self, stage, called, caller, talk_s=300, ring_s=60, room=None, trunk=None, program=NODE_PHONE, **environment):
        given = {"LIVEKIT_URL": stage.livekit.url, "LIVEKIT_API_KEY": livekit.KEY, "LIVEKIT_API_SECRET": livekit.SECRET,
                 "SIP_ROOM_NAME": room, "SIP_TRUNK_ID": trunk, "PHONE_HZ": str(CALLER_HZ), "PHONE_HOLD": "1", **environment}
        self.called, self.caller, self.events = called, caller, []
        self.errors = open(stage.dir / f"phone-{caller}-{len(stage.phones)}", "w+")
        self.process = subprocess.Popen(
            [*program, called, caller, str(int(talk_s * 1000)), str(int(ring_s * 1000))],
            cwd=stage.dir, env={"PATH": os.environ["PATH"], **{k: v for k, v in given.items() if v is not None}},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def dial(self):
        self.wait("ready")
        self.process.stdin.write("dial\n")
        self.process.stdin.close()

    def read(self):
        for line in self.process.stdout:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if "event" in event:  # else the library's own log
                    self.events.append({**event, "seen": time.monotonic()})

    def all(self, event, after=0.0, **wanted):
        wanted["event"] = event
        return [e for e in list(self.events) if e["seen"] >= after and wanted.items() <= e.items()]

    def wait(self, event, timeout=60, after=0.0, **wanted):
        """The first such event, seen after AFTER (time.monotonic())."""
        def found():
            return self.all(event, after, **wanted) or (event != "ended" and self.all("ended") and [None])
        what = f"{self.caller}: {event} {wanted}"
        first = wait_for(found, f"{what}\n{self.story()}", timeout)[0]
        assert first is not None, f"the call ended before {what}\n{self.story()}"
        return first

    def answered(self, hz=AGENT_HZ, timeout=60):
        """Rings until somebody answers, and is heard; its ring_ms."""
        ring_ms = self.wait("answered", timeout)["ring_ms"]
        self.wait("heard", timeout, hz=hz)
        return ring_ms

    @property
    def room(self):
        return self.wait("joined")["room"]

    def hears(self, hz):
        """HZ is what came last."""
        return bool(self.all("heard")) and self.all("heard")[-1]["hz"] == hz

    def is_talking(self):
        return bool(self.all("answered")) and not self.all("ended") and self.process.poll() is None

    def hang_up(self):
        """The caller hangs up."""
        self.process.send_signal(signal.SIGTERM)

    def hung_up(self):
        ended = self.ended()
        assert ended["ended_by"] == "caller", f"{ended}\n{self.story()}"

    def ended(self, timeout=60):
        ended = self.wait("ended", timeout)
        wait_for(lambda: self.process.poll() is not None, f"the phone {self.caller} is gone")
        return ended

    def story(self):
        self.errors.seek(0)
        return "\n".join([f"--- phone {self.caller}", *map(str, self.events), self.errors.read()[-2000:]])

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.errors.close()


class Stage:
    """`with Stage(rules=…, agents=…, SETTING=…) as stage:`. AGENTS: name -> directory entry without its command, which is
    agent.mjs; own_redis: sipbridge's rules and agents come from a Redis of their own, else from files; activated: sockets that
    sipbridge is handed over (manager.activation)."""

    def __init__(self, rules, agents, own_redis=False, losing=False, activated=None, **settings):
        self.rules, self.agents, self.own_redis, self.losing, self.settings = rules, agents, own_redis, losing, settings
        self.activated = activated or {}
        self.stack, self.phones, self.proxy, self.redis = contextlib.ExitStack(), [], None, None

    def __enter__(self):
        with self.stack:
            self.dir = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="sb-e2e-")))
            for script in HERE.glob("*.mjs"):
                shutil.copy(script, self.dir)
            (self.dir / "node_modules").symlink_to(CACHE / "node/node_modules")
            self.livekit = LiveKit(self.stack.enter_context(Redis()).port)
            self.start_daemon()
            target = self.daemon.port()
            if self.losing:
                self.proxy = self.stack.enter_context(LosingProxy(target))
                target = self.proxy.port
            self.livekit.values["webhook_url"] = f"http://127.0.0.1:{target}/webhooks/livekit"
            self.stack.enter_context(self.livekit)
            self.stack = self.stack.pop_all()
        return self

    def start_daemon(self):
        self.daemon = Daemon({"LIVEKIT_URL": self.livekit.url, "LIVEKIT_API_URL": None, **self.settings}, **self.activated)
        documents = {"rules": self.rules, "agents": {name: self.entry(**more) for name, more in self.agents.items()}}
        if self.own_redis:
            self.redis = self.stack.enter_context(Redis())
            self.redis("SET", "sip_dispatch_rules", json.dumps(documents["rules"]))
            for name, entry in documents["agents"].items():
                self.redis("HSET", "sip_agents", name, json.dumps(entry))
            self.daemon.settings["REDIS_URL"] = self.redis.url
        else:
            for name, document in documents.items():
                self.daemon.settings[f"SIP_{name.upper()}_FILE"] = str(self.daemon.write(f"{name}.json", document))
        self.stack.enter_context(self.daemon)

    def entry(self, command=None, **more):
        return self.daemon.entry(command=command or [shutil.which("node"), str(self.dir / "agent.mjs")], **more)

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self.check_nothing_left()
        except AssertionError as left:
            kind, error = AssertionError, left
            raise
        finally:
            if kind is not None:
                print(self.story())
            for phone in self.phones:
                phone.close()
            self.stack.__exit__(kind, error, trace)

    def story(self):
        output = [f"--- {path.name}\n{path.read_text(errors='replace')[-2000:]}" for path in self.outputs()]
        return "\n".join([*(phone.story() for phone in self.phones), *output, "--- livekit-server",
                          self.livekit.output()])

    def outputs(self):
        return sorted((self.daemon.state / "calls").glob("*.log"))

    # --- people and agents ---

    def phone(self, called, caller=None, **more):
        """A phone that has not dialled yet."""
        self.phones.append(Phone(self, called, caller or f"+1555000{len(self.phones):04}", **more))
        return self.phones[-1]

    def call(self, called, caller=None, **more):
        phone = self.phone(called, caller, **more)
        phone.dial()
        return phone

    def pid(self, phone):
        """The agent process in the phone's room, once there is one."""
        room = phone.room
        return wait_for(lambda: self.daemon.status()["process_pids"].get(room), f"an agent process for {room}")

    def heard_by_agent(self, phone, hz=CALLER_HZ):
        """The agent hears this caller: its output says so."""
        said = f'"event":"heard","hz":{hz},"from":"{phone.wait("joined")["identity"]}"'
        wait_for(lambda: any(said in path.read_text(errors="replace") for path in self.outputs()), f"the agent says {said}")

    def agents_in(self, room):
        return [p["identity"] for p in self.livekit.participants(room) if p["kind"] == "AGENT"]

    # --- afterwards ---

    def end(self, phone, timeout=60):
        """The last caller hangs up: the agent process must go; how many ms that took."""
        pid, started = self.pid(phone), time.monotonic()
        phone.hang_up()
        wait_for(lambda: not is_alive(pid), f"agent process {pid} is gone", timeout)
        took_ms = round((time.monotonic() - started) * 1000)
        phone.hung_up()
        return took_ms

    def wait_no_room(self, timeout):
        wait_for(lambda: not self.livekit.rooms(), "LiveKit has no room", timeout)

    def check_nothing_left(self):
        for phone in self.phones:
            assert phone.process.poll() is not None, f"a phone still talks\n{phone.story()}"
        status = wait_for(self.quiet, "sipbridge has no call and no agent process")
        assert status["active_rooms"] == [], status
        self.wait_no_room(timeout=90)  # LiveKit itself closes an empty one after 30 s
        wait_for(lambda: not self.files_left(), "sipbridge keeps no file of a call")

    def files_left(self):
        """But for the agents' output (RM_x.log.1 is that of an earlier process of the call), and for calls that are over, which are
        remembered for two minutes."""
        def is_over(path):
            entry = path.with_name(path.name.removesuffix(".tmp"))
            with contextlib.suppress(FileNotFoundError):
                return path.parent.name == "journal" and json.loads(entry.read_text()).get("over")
            return not path.exists()
        outputs = self.daemon.state / "calls"
        return [path for path in self.daemon.state.rglob("*RM_*") if path.parent != outputs and not is_over(path)]

    def quiet(self):
        status = self.daemon.status()
        return None if status["calls"] or status["process_count"] else status
