"""What happens in a run: calls that begin, end, lose their agent, while the daemon meets a fault; and the promises that must
hold when the daemon is well again, or the next one has taken its place."""
import collections
import contextlib
import http.client
import json
import os
import signal
import socket
import time
from pathlib import Path

import odd_livekit as odd
import livekit
from daemon import SANITIZER, is_alive, wait_for
from faulty import Subject
from livekit import Call

PATIENCE_S = 60  # the machine may be busy; nothing takes that long
SOON_S = 2       # more than an agent needs to start
STAYING = "read line; exec sleep 1000"
CRASHING = "exit 3"


class Wrong(AssertionError):
    """A promise was broken."""


class Dropped(Wrong):
    """A call lost its agent."""


class Doubled(Wrong):
    """A call has two."""


class Leaked(Wrong):
    """Something is left that belongs to no call."""


class Store:
    """One database of a Redis that many stories share."""

    def __init__(self, port, database):
        self.port, self.database = port, database
        self.url = f"redis://localhost:{port}/{database}"

    def command(self, stream, *words):
        stream.sendall(b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%b\r\n" % (len(w), w) for w in map(str.encode, words))]))
        answer = stream.recv(4096)
        assert answer[:1] in b"+:", answer

    def set(self, rules, agents=None):
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as stream:
            self.command(stream, "SELECT", str(self.database))
            for name, entry in (agents or {}).items():
                self.command(stream, "HSET", "sip_agents", name, json.dumps(entry))
            self.command(stream, "SET", "sip_dispatch_rules", json.dumps(rules))


def agents_of(mark):
    """{call sid: [pid]} of all agents that were started for the daemon MARK."""
    found = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            words = Path(entry.path, "environ").read_bytes()
            if mark in words and b"SIP_INSTANCE=" in words and is_alive(entry.name):
                sid = next(w[13:] for w in words.split(b"\0") if w.startswith(b"SIP_CALL_SID="))
                found.setdefault(sid.decode(), []).append(int(entry.name))
    return found


class Story:
    def __init__(self, server, store, unreadable=False, may_give_up=False):
        self.server, self.store = server, store
        self.unreadable, self.may_give_up = unreadable, may_give_up
        self.daemon = Subject({"REDIS_URL": store.url, "LIVEKIT_API_URL": server.url, "SIP_ON_EXIT": "keep",
                               "SIP_REJOIN_GRACE": "0s", "SIP_RECONCILE": "1s", "SIP_STOP_TIMEOUT": "1s"})
        self.mark = b"MARK=" + self.daemon.mark()
        self.calls = []            # that are in progress
        self.over = []             # that are not
        self.unheard = []          # (call, event) that were not answered 200 yet, in order
        self.lost = []             # that were answered so that LiveKit does not send them again
        self.crashing = None
        self.answering, self.present = set(), {}  # calls that an agent speaks in; {sid: pid} of those that joined
        entry = {"env": {"MARK": str(self.daemon.dir)}}
        store.set(self.rules(False), {"stays": {"command": ["/bin/sh", "-c", STAYING], "order": 1, **entry},
                                      "crashes": {"command": ["/bin/sh", "-c", CRASHING], **entry}})

    @staticmethod
    def rules(late):
        number = "+4*" if late else "+3*"
        return [{"pattern": "+1234567", "agent_name": "stays"}, {"pattern": "+1999*", "agent_name": "crashes"},
                {"pattern": number, "agent_name": "stays"}]

    # --- what LiveKit knows and tells ---

    def tell(self, call, *events):
        self.unheard += [(call, event) for event in events]
        self.deliver()

    def deliver(self):
        """Sends what was not heard, those of a room in their order; what fails is sent again later."""
        again, stuck = [], set()
        for call, event in self.unheard:
            if call.sid in stuck or not self.post(event):
                stuck.add(call.sid)
                again.append((call, event))
        self.unheard = again

    def post(self, event):
        if self.daemon.has_ended():
            return False
        body = livekit.encode(event)
        try:
            status = self.daemon.post_raw(body, livekit.webhook_token(body))
        except (OSError, http.client.HTTPException):
            self.daemon.forget_connection()
            return False
        if status in (400, 401, 413):
            self.lost.append((status, event["event"]))
        return status == 200 or status < 500

    def ring(self, call):
        self.server.add(call)
        self.calls.append(call)
        self.tell(call, *call.ringing())

    def answer(self, call):
        """Its agent joins and speaks, as soon as there is one: now, or when all is well again."""
        self.answering.add(call.sid)
        with contextlib.suppress(AssertionError):
            wait_for(lambda: self.daemon.has_ended() or call.sid in self.agents(), "its agent runs", SOON_S)
        self.see_agents(self.agents())

    def see_agents(self, agents):
        """Who is in the rooms: the agents that live. One that takes another's place pushes it out, as LiveKit does."""
        for call in self.calls:
            pid = agents.get(call.sid, [None])[0] if call.sid in self.answering else None
            if pid == self.present.get(call.sid):
                continue
            former = self.present.get(call.sid)
            self.present[call.sid] = pid
            if former and pid:
                self.tell(call, call.agent_left("DUPLICATE_IDENTITY"))
                call.agent_leg = livekit.sid("PA")
            with self.server.lock:
                people = self.server.rooms.get(call.room, (None, []))[1]
                people[1:] = [odd.agent(call)] if pid else []
            if pid:
                self.tell(call, *call.answered())

    def hang_up(self, call):
        if call not in self.calls:
            return
        with contextlib.suppress(KeyError):
            self.server.remove(call)
        self.end(call)
        self.tell(call, *call.hung_up())

    def end(self, call):
        self.calls.remove(call)
        self.over.append(call)

    def hear_of_deleted(self):
        """LiveKit tells the end of a room that the bridge deleted: that of the call whose agent crashes; of others only where
        no agent can be had (the fault stays)."""
        for call in [call for call in self.calls if call.room in self.server.deleted]:
            if call is not self.crashing and not self.may_give_up:
                raise Dropped(f"the call {call.sid} was hung up\n{self.daemon.story()}")
            self.end(call)
            self.tell(call, call.caller_left("ROOM_DELETED"), call.room_finished())

    # --- the plot ---

    def begin(self):
        """A call that was there before."""
        self.earlier = Call(caller="+15550000001")
        self.ring(self.earlier)
        self.answer(self.earlier)

    def go_on(self):
        """Everything a busy bridge does."""
        short, self.staying = Call(caller="+15550000002"), Call(caller="+15550000003")
        late = Call(called="+49", caller="+15550000004")
        self.crashing = Call(called="+19990", caller="+15550000005")
        self.ring(self.crashing)
        self.ring(short)
        self.ring(self.staying)
        self.store.set(self.rules(True))
        self.answer(self.staying)
        self.answer(short)
        self.hear_of_deleted()
        self.hang_up(short)
        self.ring(late)
        self.answer(late)
        self.hear_of_deleted()

    # --- the promises ---

    def agents(self):
        return agents_of(self.mark)

    def is_settled(self):
        """One agent in every call, none without a call, and the bridge says that all is well."""
        self.hear_of_deleted()
        self.deliver()
        agents = self.agents()
        self.see_agents(agents)
        if self.unheard or self.crashing in self.calls or self.daemon.has_ended():
            return False
        if {sid: 1 for sid in agents} != {sid: len(pids) for sid, pids in agents.items()}:
            return False
        if set(agents) != {call.sid for call in self.calls}:
            return False
        status = self.daemon.status()
        shown = {call["sid"]: [call["pid"]] for call in status["calls"]}
        return shown == agents and self.is_well() and agents

    def is_well(self):
        """An agent that could not be started is left alone for a while, and health says so."""
        health = self.daemon.health()
        resting = self.may_give_up and health["message"].startswith("an agent fails again and again")
        return health["status"] == "healthy" or resting

    def settle(self, what):
        """Seconds until it is so; the agents."""
        began = time.monotonic()
        try:
            agents = wait_for(self.try_settled, "settled", PATIENCE_S)
        except AssertionError:
            raise self.not_settled(what) from None
        return time.monotonic() - began, agents

    def not_settled(self, what):
        agents, sids = self.agents(), {call.sid for call in self.calls}
        kind = (Doubled if any(len(pids) > 1 for pids in agents.values()) else Leaked if set(agents) - sids else
                Dropped if sids - set(agents) else Wrong)
        return kind(f"{what}: not settled after {PATIENCE_S} s: {self.state()}\n{self.daemon.story()}")

    def try_settled(self):
        try:
            return self.is_settled()
        except (OSError, http.client.HTTPException):
            self.daemon.forget_connection()
            return False

    def state(self):
        told = {"calls": [call.sid for call in self.calls], "agents": self.agents(), "unheard": len(self.unheard),
                "lost": self.lost, "ended": self.daemon.process.poll()}
        with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
            told["shown"] = [(c["sid"], c["state"], c["pid"]) for c in self.daemon.calls()]
            told["health"] = self.daemon.health()
        return json.dumps(told, default=str)

    def was_set_aside(self):
        """The disk did not give an entry of the journal back: that call is given up (doc/restart.md)."""
        return self.unreadable and (self.daemon.state / "journal" / "set-aside").exists()

    def check_files(self):
        """Nothing but what is kept of calls that are over, for a while."""
        state = self.daemon.state
        forgiven = ("set-aside",) if self.was_set_aside() else ()
        kept = [json.loads(path.read_text()) for path in (state / "journal").glob("*.json")]
        if not all(entry["over"] for entry in kept):
            raise Leaked(f"the journal has calls that are not over: {kept}")
        odd_ones = [path.name for path in [*(state / "journal").iterdir(), *state.iterdir()]
                    if (path.name == "set-aside" and not forgiven) or (path.name.endswith(".tmp") and not path.name.endswith(".json.tmp"))]
        odd_ones += [path.name for path in (state / "notify").iterdir()]
        if odd_ones:
            raise Leaked(f"left in the state directory: {odd_ones}")

    def check_words(self):
        stderr = (self.daemon.dir / "stderr").read_text(errors="replace")
        if SANITIZER.search(stderr):
            raise Wrong(stderr)
        return stderr

    def stop(self, number, may_crash=False):
        """MAY_CRASH: at its very end, when a library takes down what it never got."""
        self.daemon.forget_connection()
        self.daemon.process.send_signal(number)
        code = self.daemon.process.wait(PATIENCE_S)
        if code != (0 if number == signal.SIGTERM else -number) and not (may_crash and code == -signal.SIGSEGV):
            raise Wrong(f"exit code {self.daemon.process.returncode}\n{self.daemon.story()}")

    def start_again(self):
        self.daemon.process.stdout.close()
        self.daemon.start_clean()

    def finish(self):
        """All hang up. What the daemon has open when nobody is left."""
        for call in list(self.calls):
            self.hang_up(call)
        try:
            wait_for(self.is_empty, "nothing is left", PATIENCE_S)
        except AssertionError:
            raise Leaked(f"not all is over: {self.state()}") from None
        self.stop(signal.SIGTERM)
        self.check_files()
        self.check_words()

    def is_empty(self):
        self.deliver()
        status = self.daemon.status()
        return not (self.unheard or self.agents() or status["process_count"] or status["calls"])

    def check_descriptors(self, clean):
        """No more than the daemon of a clean run has at that point; idle connections to LiveKit and Redis vary."""
        self.daemon.forget_connection()
        if self.was_set_aside():
            return  # another agent is there, whose streams the clean run does not have

        def more():
            now = self.daemon.descriptors()
            return {kind: (count, clean[self.plain(kind)]) for kind, count in now.items()
                    if count > clean[self.plain(kind)] + (4 if kind == "socket" else 0)}
        try:
            wait_for(lambda: not more(), "descriptors as in a clean run", PATIENCE_S)
        except AssertionError:
            raise Leaked(f"descriptors (now, in a clean run): {more()}") from None

    def plain(self, kind):
        return kind.replace(str(self.daemon.dir), "DIR")

    def descriptors(self):
        self.daemon.forget_connection()
        return collections.Counter({self.plain(kind): count for kind, count in self.daemon.descriptors().items()})

    def close(self):
        if self.daemon.process is not None and not self.daemon.has_ended():
            self.daemon.process.kill()
            self.daemon.process.wait()
        self.daemon.clean_up()
        for call in self.calls:
            with contextlib.suppress(KeyError):
                self.server.remove(call)
