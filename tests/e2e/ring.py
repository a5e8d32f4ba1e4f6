#!/usr/bin/env python3
"""How long a caller hears ringing: the same cold agent (agent.mjs) behind sipbridge and behind a bridge that polls.

    SIPBRIDGE_BIN=build/release/sipbridge tests/e2e/ring.py [CALLS]

Both answer real calls through the real livekit-server, one after the other, in one run. The polling bridge asks LiveKit
for its rooms every 5 s, as Stimm's did, and starts the agent for every room it has not seen.
"""
import json
import random
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

import livekit  # noqa: E402
from stage import Stage  # noqa: E402

RULES = [{"pattern": "+1234567", "agent_name": "support"}, {"pattern": "+33*", "agent_name": "sales"}]
AGENTS = {"support": {}, "sales": {}}
POLL_S = 5


def talk(stage):
    """One call; its ring_ms."""
    phone = stage.call("+1234567")
    ring_ms = phone.answered(timeout=60)
    phone.hang_up()
    phone.hung_up()
    return ring_ms


class PollingBridge:
    def __init__(self, stage):
        self.stage, self.seen, self.agents, self.over = stage, set(), [], threading.Event()
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

    def answer(self, room):
        now = int(time.time())
        token = livekit.jwt({"iss": livekit.KEY, "sub": "polled-agent", "nbf": now - 10, "exp": now + 600, "kind": "agent",
                             "video": {"roomJoin": True, "room": room}})
        agent = subprocess.Popen([shutil.which("node"), "agent.mjs"], cwd=self.stage.dir, stdin=subprocess.PIPE,
                                 stdout=subprocess.DEVNULL, text=True)
        agent.stdin.write(json.dumps({"livekit_url": self.stage.livekit.url, "token": token, "room": room}) + "\n")
        agent.stdin.flush()
        self.agents.append(agent)

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        for agent in self.agents:
            agent.terminate()
            agent.wait()


def tell(what, values):
    values = sorted(values)
    print(f"{what:58} {statistics.median(values):8.0f} {values[int(len(values) * 0.99)]:8.0f} {len(values):6}", flush=True)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    subprocess.run([str(HERE / "setup.sh")], check=True)
    print(f"{'ms':58} {'median':>8} {'p99':>8} {'calls':>6}")
    with Stage(RULES, AGENTS) as stage:
        tell("ring, sipbridge, cold agent", [talk(stage) for _ in range(count)])
        started = [int(match.group(1)) for match in (re.search(r"started, (\d+) ms after the first event", record["message"])
                                                     for record in stage.daemon.log) if match]
        tell("first webhook to agent process, rules need the number", started)
        requests = stage.daemon.status()["livekit"]["requests"]
        print(f"{'requests made to LiveKit per call, looks included':58} {requests / count:8.1f} {'':8} {count:6}", flush=True)
    with Stage(RULES, AGENTS, ENABLE_SIP_BRIDGE="false") as stage, PollingBridge(stage):
        rings = []
        for _ in range(count):
            time.sleep(random.uniform(0, POLL_S))
            rings.append(talk(stage))
        tell(f"ring, a bridge that polls every {POLL_S} s, the same agent", rings)


main()
