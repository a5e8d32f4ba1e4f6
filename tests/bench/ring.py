"""Real phone calls through the real livekit-server: what part_ring.py and part_memory.py play on, and who answers them.

The phones are tests/e2e/sipphone and phone.mjs, the agent is agent.mjs; every answerer has LiveKit, phones and machine to itself for
its calls."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time

from parts import HERE, livekit, wait_for
from table import shout

sys.path.insert(0, str(HERE.parent / "e2e"))
CALLED, POLL_S = "+1234567", 5
AGENT = [shutil.which("node") or "node", "agent.mjs"]


def there():
    """Why no call can be made; empty when all is there."""
    from stage import CACHE
    if not (CACHE / "livekit-server/server").exists():
        return "no livekit-server (tests/e2e/setup.sh)"
    if shutil.which("node") is None or not (CACHE / "node/node_modules/@livekit/rtc-node").is_dir():
        return "no Node.js with @livekit/rtc-node (tests/e2e/setup.sh)"
    if shutil.which("redis-server") is None:
        return "no redis-server"
    return ""


def program_of(phone):
    """What to start as a PHONE of that name; None where it is missing."""
    from stage import NODE_PHONE, SIPPHONE
    if phone == "phone.mjs":
        return NODE_PHONE
    return SIPPHONE if os.access(SIPPHONE[0], os.X_OK) else None


@contextlib.contextmanager
def playing(bench, agents=None, **settings):
    """A Stage whose sipbridge answers only if AGENTS are given; None with a loud line where no call can be made."""
    why = there()
    if why:
        shout(f"no call is made: {why}")
        yield None
        return
    from stage import Stage
    os.environ["SIPBRIDGE_BIN"] = str(bench.binary)
    if agents is None:
        settings["ENABLE_SIP_BRIDGE"] = "false"
    rules = [{"pattern": CALLED, "agent_name": "support"}]
    with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as stack:  # what a Stage tells when it fails
        yield enter(stack, lambda: Stage(rules, agents or {"support": {}}, LOG_LEVEL="info", **settings))


def enter(stack, make, tries=3):
    """A port that was free may be somebody else's by the time it is used."""
    for left in reversed(range(tries)):
        try:
            return stack.enter_context(make())
        except AssertionError as error:
            if left == 0 or "address already in use" not in str(error):
                raise
    return None


def burst(stage, size, phone, ring_s=30, rooms=None):
    """SIZE calls at once by PHONE: how long each rang, in ms; None for one that was not answered."""
    phones = [stage.phone(CALLED, ring_s=ring_s, program=program_of(phone), room=rooms[n] if rooms else None) for n in range(size)]
    for phone in phones:
        phone.wait("ready", timeout=60)
    for phone in phones:
        phone.dial()
    rings = [outcome(phone, ring_s + 10) for phone in phones]
    for phone in phones:
        phone.hang_up()
    for phone in phones:
        wait_for(lambda: phone.process.poll() is not None, f"{phone.caller} hung up\n{phone.story()}", timeout=60)
    return rings


def outcome(phone, patience_s):
    with contextlib.suppress(AssertionError):
        wait_for(lambda: phone.all("answered") or phone.process.poll() is not None, "it rings", patience_s)
    answered = phone.all("answered")
    return answered[0]["ring_ms"] if answered else None


def token(room, identity):
    now = int(time.time())
    return livekit.jwt({"iss": livekit.KEY, "sub": identity, "nbf": now - 10, "exp": now + 600, "kind": "agent",
                        "video": {"roomJoin": True, "room": room}})


class HandMade:
    """Agents started by us, by a line on stdin."""

    def __init__(self, stage):
        self.stage, self.agents = stage, []

    def __enter__(self):
        return self

    def answer(self, room):
        agent = subprocess.Popen(AGENT, cwd=self.stage.dir, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.agents.append(agent)
        line = {"livekit_url": self.stage.livekit.url, "token": token(room, "polled-agent"), "room": room}
        agent.stdin.write(json.dumps(line) + "\n")
        agent.stdin.flush()

    def burst(self, size, phone, rooms=None):
        """Its agents leave with the callers, as everyone else's."""
        try:
            return burst(self.stage, size, phone, rooms=rooms)
        finally:
            self.leave()

    def leave(self):
        leaving, self.agents = self.agents, []
        for agent in leaving:
            agent.terminate()
        for agent in leaving:
            agent.wait()

    def __exit__(self, *_):
        self.leave()


class Floor(HandMade):
    """The agent is in the room, and heard, before the caller is."""

    def burst(self, size, phone):
        rooms = [f"web-{livekit.sid('floor')}" for _ in range(size)]
        for room in rooms:
            self.answer(room)
        for room in rooms:
            wait_for(lambda: self.publishes(room), f"an agent publishes in {room}", timeout=60)
        return super().burst(size, phone, rooms)

    def publishes(self, room):
        rooms = [one["name"] for one in self.stage.livekit.rooms()]
        return room in rooms and any(one.get("tracks") for one in self.stage.livekit.participants(room))


class Polling(HandMade):
    """A bridge that asks LiveKit for its rooms every 5 s, as Stimm's did, and starts the agent for each that is new."""

    def __init__(self, stage):
        super().__init__(stage)
        self.seen, self.over = set(), threading.Event()
        self.thread = threading.Thread(target=self.poll)

    def __enter__(self):
        self.thread.start()
        return self

    def poll(self):
        while not self.over.wait(POLL_S):
            for room in self.stage.livekit.rooms():
                if room["sid"] not in self.seen:
                    self.seen.add(room["sid"])
                    self.answer(room["name"])

    def __exit__(self, *how):
        self.over.set()
        self.thread.join()
        super().__exit__(*how)


class Worker:
    """LiveKit's own worker (peers/python/worker.py) with its default settings, its processes warm before the first call."""

    def __init__(self, stage):
        self.stage, self.out = stage, stage.dir / "worker"

    @staticmethod
    def missing():
        from peers import PYTHON
        return "" if PYTHON.exists() else "tests/bench/setup.sh did not install livekit-agents"

    def __enter__(self):
        from peers import KEYS, PYTHON
        environment = {**KEYS, "LIVEKIT_URL": self.stage.livekit.url, "LIVEKIT_LOG_LEVEL": "info"}
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen([str(PYTHON), str(HERE / "peers/python/worker.py"), "start"], env=environment,
                                            cwd=self.stage.dir, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.pid, self.rooms = self.process.pid, []
        try:
            wait_for(self.is_warm, f"the worker is warm\n{self.story()}", timeout=120)
        except BaseException:
            self.__exit__()
            raise
        return self

    def story(self):
        return self.out.read_text(errors="replace")[-3000:]

    def is_warm(self):
        """Registered, and as many processes are initialised as it keeps."""
        if self.process.poll() is not None:
            raise AssertionError(f"the worker ended\n{self.story()}")
        text = self.out.read_text(errors="replace")
        return "registered worker" in text and text.count("process initialized") >= min(os.cpu_count(), 4)

    def burst(self, size, phone):
        return burst(self.stage, size, phone)

    def take(self, jobs):
        """JOBS in all: a room each."""
        while len(self.rooms) < jobs:
            self.rooms.append(f"web-{livekit.sid('job')}")
            self.stage.livekit.api("RoomService/CreateRoom", {"name": self.rooms[-1], "empty_timeout": 300},
                                   video={"roomCreate": True})
        wait_for(lambda: all(self.stage.agents_in(room) for room in self.rooms), f"{jobs} jobs run\n{self.story()}",
                 timeout=120)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for room in self.rooms:
            self.stage.livekit.api("RoomService/DeleteRoom", {"room": room}, video={"roomCreate": True})


class Sipbridge:
    """The stage's own daemon."""

    def __init__(self, stage, ready=None):
        self.stage, self.ready = stage, ready

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def burst(self, size, phone):
        if self.ready is not None:
            self.ready()
        return burst(self.stage, size, phone)

    def first_event_to_process(self):
        """ms, of every start that the log tells."""
        found = (re.search(r"started, (\d+) ms after the first event", record["message"]) for record in self.stage.daemon.log)
        return [int(match.group(1)) for match in found if match]
