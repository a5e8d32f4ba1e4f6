"""Webhooks a second and their latency on one core, beside bare h2o and the receivers of LiveKit's SDKs.

Every server gets signed participant_joined events of BODY bytes as LiveKit sends them, each with an id, a hash and a signature
of its own, over 32 kept-alive connections, one at a time on each. Server and generator have a core each. The receivers of the
SDKs verify and parse, and do nothing with what they have; sipbridge also remembers the id and finds the call. All take turns in
every round; ratios are taken round by round."""
import statistics

import peers
from parts import Daemon, Server, about_calls, foreign, send, write_requests
from table import say

PART = "webhooks"
BODY, CALLS, SINGLE = 1179, 20, 2000
COUNTS = {"sipbridge": 40000, "bare h2o": 40000, "Go SDK receiver": 12000, "Node SDK receiver": 12000,
          "Python SDK receiver": 4000}


class Webhooks:
    def __init__(self, bench):
        self.bench, self.where, self.tools, self.table = bench, bench.where, bench.tools, bench.table
        self.count = bench.few(40000, 2000)
        self.measured = {}  # name -> [Sent]

    def note(self, name, server, requests):
        count = min(self.count, COUNTS.get(name, self.count))
        self.measured.setdefault(name, []).append(send(self.tools, server, requests, count))

    def sipbridge(self, name, make):
        """MAKE gives the requests once calls are there."""
        with Daemon(self.where, self.bench.binary, pin=True) as server:
            calls = server.start_calls(CALLS)
            requests = write_requests(self.where / "requests", self.count, *make(calls))
            self.note(name, server, requests)
            if server.live_calls() != len(calls):
                raise AssertionError("calls ended while they were measured")

    def peers(self, requests):
        servers = {"bare h2o": Server(self.where, [self.tools.bare_h2o], pin=True),
                   "Go SDK receiver": peers.go_receiver(self.where), "Node SDK receiver": peers.node_receiver(self.where),
                   "Python SDK receiver": peers.python_receiver(self.where)}
        for name, server in servers.items():
            if server is not None:
                with server:
                    self.note(name, server, requests)
            elif name not in self.measured:
                self.measured[name] = []
                self.table.miss(PART, name, "tests/bench/setup.sh did not make it")

    def single(self, requests):
        """One connection: how long one webhook takes."""
        for name, server in (("sipbridge", Daemon(self.where, self.bench.binary, pin=True)),
                             ("bare h2o", Server(self.where, [self.tools.bare_h2o], pin=True))):
            with server:
                sent = send(self.tools, server, requests, self.bench.few(SINGLE, 200), connections=1)
            for share, value in zip(("p50", "p99", "p99.9"), sent.latency_us):
                self.table.add(PART, f"{name}, one at a time, latency {share}", value, "us")

    def run(self):
        rounds = self.bench.few(5, 1)
        for n in range(rounds):
            say(f"webhooks of {BODY} bytes: round {n + 1} of {rounds}")
            requests = write_requests(self.where / "foreign", self.count, *foreign(BODY))  # signed for five minutes
            self.peers(requests)
            with Daemon(self.where, self.bench.binary, pin=True) as server:
                self.note("sipbridge, of no call of ours", server, requests)
            self.sipbridge("sipbridge, of calls in progress", lambda calls: about_calls(calls, BODY))
            self.sipbridge("sipbridge, of one more caller (logged)", lambda calls: about_calls(calls, BODY, True))
        self.report()
        self.single(requests)

    def report(self):
        floor = self.measured["bare h2o"]
        for name, rounds in self.measured.items():
            if not rounds:
                continue
            ratio = statistics.median(one.rate / bare.rate for one, bare in zip(rounds, floor))
            note = (f"server {statistics.median(r.busy for r in rounds):.0%} busy, "
                    f"generator {statistics.median(r.generator_busy for r in rounds):.0%}")
            self.table.add(PART, name, [r.rate for r in rounds], "1/s", ratio, f"ratio: to bare h2o; {note}")
            cost = statistics.median(one.cost_us / bare.cost_us for one, bare in zip(rounds, floor))
            self.table.add(PART, f"{name}, CPU", [r.cost_us for r in rounds], "us", cost, "of one webhook, kernel included")
            for share, place in (("p50", 0), ("p99", 1), ("p99.9", 2)):
                self.table.add(PART, f"{name}, latency {share}", [r.latency_us[place] for r in rounds], "us")
        ours = self.measured["sipbridge, of calls in progress"]
        for name in ("Go SDK receiver", "Node SDK receiver", "Python SDK receiver"):
            for what, value in (("rate", lambda r: r.rate), ("CPU", lambda r: 1 / r.cost_us)):
                ratios = [value(one) / value(other) for one, other in zip(ours, self.measured[name])]
                if ratios:
                    self.table.add(PART, f"sipbridge to {name}, {what}", ratios, "times")


def run(bench):
    Webhooks(bench).run()
