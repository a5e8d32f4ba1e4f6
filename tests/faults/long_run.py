#!/usr/bin/env python3
"""One hour's worth of calls, as fast as they go:  tests/faults/long_run.py [--calls 180000] [--at-once 20] [--bin FILE]

Every call is six signed webhooks and a process of its own (`sleep`, started when the call begins and stopped when its
caller hangs up); so many are in progress at once. What the daemon holds when the first thousand calls are over is compared
with what it holds at the end: descriptors, watchers of its epolls, its timer, processes and files must be the same, and
memory, but for GROWTH_KIB however many the calls. With --to-the-end it is waited, both times, until all calls that are over
are forgotten and their files gone; else there are files of as many as are remembered, MOST_OVER at most.
Prints a line every EVERY calls, and a table; fails when something leaks."""
import argparse
import contextlib
import json
import os
import socket
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "bench"), str(HERE.parent / "integration")]
import livekit  # noqa: E402
from daemon import wait_for  # noqa: E402
from parts import Daemon, Line, Wrong, number, request_of  # noqa: E402
from servers import free_port  # noqa: E402

FIRST, EVERY = 1000, 10000
# What is remembered for a while is not full after so few calls: of 4,096 calls that are over (336 bytes each) 1,000, of the
# 1 MiB for ids of webhooks an eighth. That makes 2 MiB; the third is for the holes that the allocator leaves.
MOST_OVER, GROWTH_KIB = 4096, 3072
SAME = ("descriptors", "watchers", "timers armed", "processes", "files of calls in progress", "notify sockets")


class Plot:
    """The six webhooks of call N, signed, made from those of one call."""

    def __init__(self):
        call = livekit.Call()
        self.call = call
        beginning, answered, end = [call.room_started(), call.caller_joined()], call.answered(), call.hung_up()
        self.parts = [[(event["id"], livekit.encode(event).decode()) for event in events]
                      for events in (beginning, answered, end)]
        self.ids = 0

    def requests(self, part, n):
        call = self.call
        for event_id, body in self.parts[part]:
            self.ids += 1
            for old, new in ((event_id, number("EV", self.ids)), (call.room, call.room[:-12] + f"{n:012d}"),
                             (call.sid, number("RM", n)), (call.leg, number("PA", 2 * n)),
                             (call.agent_leg, number("PA", 2 * n + 1))):
                body = body.replace(old, new)
            yield request_of(body.encode())


class Quiet(Daemon):
    """Its log has no word of where it listens."""

    def __init__(self, where, binary):
        self.wanted = free_port()
        super().__init__(where, binary, agent="sleep 1000", LOG_LEVEL="warning", SIP_LISTEN=f"127.0.0.1:{self.wanted}",
                         SIP_REJOIN_GRACE="0s")

    def find_port(self):
        if self.process.poll() is not None:
            raise Wrong(f"sipbridge ended at its start:\n{self.out.read_text(errors='replace')}")
        with socket.socket() as probe:
            return self.wanted if probe.connect_ex(("127.0.0.1", self.wanted)) == 0 else None


class Run:
    def __init__(self, daemon, at_once):
        self.daemon, self.at_once, self.plot = daemon, at_once, Plot()
        self.line, self.begun, self.over = Line(daemon.port), 0, 0

    def tell(self, part, n):
        for request in self.plot.requests(part, n):
            self.line.post(request)

    def calls(self, count):
        """COUNT more, in a window: begun, answered when half of the others have begun, over when all have."""
        last = self.begun + count
        for n in range(self.begun, last + self.at_once):
            if n < last:
                self.tell(0, n)
            if self.begun <= n - self.at_once // 2 < last:
                self.tell(1, n - self.at_once // 2)
            if self.begun <= n - self.at_once < last:
                self.tell(2, n - self.at_once)
        self.begun = self.over = last
        wait_for(lambda: self.daemon.live_calls() == 0, "all calls are over", 120)
        wait_for(lambda: not self.daemon.leftovers(), "all agents are gone", 120)

    def timers(self):
        metrics = self.daemon.ask("/metrics").decode()
        return int(next(line.split()[1] for line in metrics.splitlines() if line.startswith("sipbridge_loop_timers ")))

    def forget(self):
        """Calls that are over are remembered for 2 minutes."""
        self.line.close()
        wait_for(lambda: not list((self.daemon.dir / "state/journal").glob("*.json")), "their files are gone", 300)
        self.line = Line(self.daemon.port)

    def watchers(self):
        count = 0
        for fd in Path(f"/proc/{self.daemon.pid}/fdinfo").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                count += fd.read_text().count("tfd:")
        return count

    def held(self, before=None):
        """With BEFORE it is waited for the ends of the connections that our own questions had."""
        if before is not None:
            with contextlib.suppress(AssertionError):
                wait_for(lambda: self.watchers() <= before["watchers"], "no more watchers than before")
        watchers, fds, kept = self.watchers(), len(os.listdir(f"/proc/{self.daemon.pid}/fd")), []
        for path in (self.daemon.dir / "state/journal").glob("*.json"):
            with contextlib.suppress(FileNotFoundError):  # forgotten meanwhile
                kept.append(json.loads(path.read_text()).get("over", False))
        return {"descriptors": fds, "watchers": watchers, "timers armed": self.timers(), "processes": len(self.daemon.leftovers()),
                "files of calls in progress": kept.count(False), "notify sockets": len(list((self.daemon.dir / "state/notify").iterdir())),
                "files of calls that are over": len(kept), "resident, KiB": self.daemon.resident_kib()}


# What is made ahead of starts or kept for them, at most (spawner/local/ahead.h); the timers are those of our questions' connections.
KEPT = {"descriptors": 20, "notify sockets": 16, "timers armed": 2}


def judge(first, last, waited):
    """What leaked."""
    wrong = [name for name in SAME if last[name] > first[name] + KEPT.get(name, 0)]
    for name, most in (("files of calls that are over", 0 if waited else MOST_OVER),
                       ("resident, KiB", first["resident, KiB"] + GROWTH_KIB)):
        if last[name] > most:
            wrong.append(f"{name} (at most {most})")
    return wrong


def show(first, last, seconds, run):
    print(f"{run.over} calls, {run.plot.ids} webhooks in {seconds:.0f} s: {run.over / seconds:.0f} calls/s, "
          f"{run.over / seconds / 50:.1f} times the rate of 50/s")
    print(f"{'':30}{'after ' + str(FIRST):>14}{'at the end':>14}")
    for name, value in first.items():
        print(f"{name:30}{value:>14}{last[name]:>14}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=180000)
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--to-the-end", action="store_true")
    parser.add_argument("--bin", default=os.environ.get("SIPBRIDGE_BIN", str(HERE.parents[1] / "build/release/sipbridge")))
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if not os.access(arguments.bin, os.X_OK):
        print(f"long_run.py: no sipbridge at {arguments.bin}: build the release preset, or say --bin", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="sb-long-") as where, \
            Quiet(where, os.path.abspath(arguments.bin)) as daemon:
        run, began = Run(daemon, arguments.at_once), time.monotonic()
        run.calls(FIRST)
        seconds = time.monotonic() - began
        if arguments.to_the_end:
            run.forget()
        first, began = run.held(), time.monotonic()
        while run.over < arguments.calls:
            run.calls(min(EVERY - run.over % EVERY, arguments.calls - run.over))
            print(f"{run.over} calls: {daemon.resident_kib()} KiB", flush=True)
        seconds += time.monotonic() - began
        if arguments.to_the_end:
            run.forget()
        last = run.held(first)
        show(first, last, seconds, run)
        wrong = judge(first, last, arguments.to_the_end)
        run.line.close()
    if wrong:
        print(f"leaked: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Wrong as wrong:
        print(f"long_run.py: {wrong}", file=sys.stderr)
        sys.exit(1)
