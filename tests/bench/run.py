#!/usr/bin/env python3
"""What sipbridge costs, measured on this machine: `tests/bench/run.py [--only NAME]...`

  latency    POST of a webhook to the first instruction of the agent, 200 calls one at a time; and to its end
  webhooks   verified webhooks a second on one core, beside a bare h2o in the same run
  memory     resident memory without calls, and with 100 and 1,000 whose agent is `sleep`
  scrape     processor time and size of one GET /metrics without calls, and with 1,000
  size       of the stripped binary
  flat       CPU time of one event with 10, 1,000 and 10,000 calls in the table

Prints a table, tab-separated when it is not for a terminal. No time is judged here, for they are the machine's; it
fails when something is wrong: a webhook not answered 200, an agent that does not start or does not go. Needs what
the build needs (a C compiler, libh2o) and a release build. Takes about two minutes, and leaves nothing behind."""
import argparse
import math
import os
import random
import select
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
from parts import (Daemon, Line, Server, Tools, Wrong, about_calls, foreign, is_alive, livekit, number,  # noqa: E402
                   own_core, pinned, request_of, send_all, wait_for, write_requests)

ROOT = Path(__file__).resolve().parents[2]
LATENCY_CALLS = 200
MEMORY_CALLS = (100, 1000)
FLAT_CALLS = (10, 1000, 10000)
FLAT_EVENTS = 20000
ROUNDS = 3
SCRAPES = 300
BODY_SIZES = (566, 1179)
COLUMNS = ("benchmark", "measure", "value", "unit", "min", "max", "note")


class Table:
    def __init__(self):
        self.rows = []

    def add(self, benchmark, measure, values, unit, note=""):
        """VALUES: one number, or those of several rounds: then their median, and the least and the most."""
        values = sorted(values) if isinstance(values, (list, tuple)) else [values]
        spread = (values[0], values[-1]) if len(values) > 1 else ("", "")
        self.rows.append((benchmark, measure, statistics.median(values), unit, *spread, note))

    @staticmethod
    def cell(value):
        if not isinstance(value, float):
            return str(value)
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"

    def show(self):
        lines = [COLUMNS] + [tuple(map(self.cell, row)) for row in self.rows]
        if not sys.stdout.isatty():
            print("\n".join("\t".join(line) for line in lines))
            return
        widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
        right = {2, 4, 5}
        for line in lines:
            cells = [cell.rjust(w) if i in right else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths))]
            print("  ".join(cells).rstrip())


def say(text):
    print(f"  … {text}", file=sys.stderr, flush=True)


def percentile(values, share):
    """Nearest rank."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


class Bench:
    def __init__(self, where, binary, table):
        self.where, self.binary, self.table = Path(where), binary, table
        self.tools = Tools(where)

    def daemon(self, **options):
        return Daemon(self.where, self.binary, **options)

    def bare(self, **options):
        return Server(self.where, [self.tools.bare_h2o], **options)

    # -- latency

    def read_report(self, fifo):
        """(sid, pid, ns) that an agent wrote."""
        if not select.select([fifo], [], [], 10)[0]:
            raise Wrong("no agent started within 10 s")
        sid, pid, started = os.read(fifo, 4096).split()
        return sid.decode(), int(pid), int(started)

    def one_call(self, line, fifo, times):
        call = livekit.Call()
        start, end = (request_of(livekit.encode(event)) for event in (call.room_started(), call.room_finished()))
        sent, answered = line.post(start)
        sid, pid, started = self.read_report(fifo)
        if sid != call.sid:
            raise Wrong(f"an agent came for {sid} instead of {call.sid}")
        handle = os.pidfd_open(pid)
        ended, _ = line.post(end)
        gone = select.select([handle], [], [], 10)[0]
        times["gone"].append(time.monotonic_ns() - ended)
        os.close(handle)
        if not gone:
            raise Wrong(f"the agent of {sid} is still there 10 s after the room was finished")
        wait_for(lambda: not is_alive(pid), f"agent {pid} is gone")
        times["answer"].append(answered - sent)
        times["start"].append(started - sent)

    def by_hand(self, path, fifo, times):
        """The floor: the same program, started by posix_spawn of this process."""
        started = time.monotonic_ns()
        pid = os.posix_spawn(self.tools.agent, [self.tools.agent, path], {"SIP_CALL_SID": "by-hand"})
        times["hand"].append(self.read_report(fifo)[2] - started)
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)

    def time_starts(self, path, fifo, times):
        say(f"latency: {LATENCY_CALLS} calls, one at a time")
        with self.daemon(agent=f"{self.tools.agent} {path}") as daemon:
            line = Line(daemon.port)
            for _ in range(LATENCY_CALLS):
                self.one_call(line, fifo, times)
                self.by_hand(path, fifo, times)
            line.close()

    def time_answers(self, path, fifo, times):
        """Again, with this process on a core of its own: else it waits for the one on which the agent is started."""
        say(f"latency: answers of {LATENCY_CALLS} more")
        unused = {"start": [], "gone": []}
        agent = f"{self.tools.agent} {path}"
        with own_core(), self.daemon(agent=agent, pin=True) as daemon, self.bare(pin=True) as bare:
            line, bare_line = Line(daemon.port), Line(bare.port)
            for _ in range(LATENCY_CALLS):
                self.one_call(line, fifo, {**unused, "answer": times["answer"]})
                sent, answered = bare_line.post(request_of(livekit.encode(livekit.Call().room_started())))
                times["bare"].append(answered - sent)
            line.close()
            bare_line.close()

    def latency(self):
        path = str(self.where / "fifo")
        os.mkfifo(path, 0o600)
        fifo = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        times = {name: [] for name in ("start", "answer", "gone", "hand", "bare")}
        self.time_starts(path, fifo, {**times, "answer": []})
        self.time_answers(path, fifo, times)
        os.close(fifo)
        for name, measure, note in (
                ("start", "POST to agent running", "room_started to the agent's main"),
                ("hand", "posix_spawn to agent running", "the floor: the same program started by hand"),
                ("gone", "POST to agent gone", "room_finished to the end of the process"),
                ("answer", "POST to answer", "of a room_started that starts an agent"),
                ("bare", "POST to answer, bare h2o", "the floor")):
            for share in (50, 99):
                spent_us = percentile(times[name], share / 100) / 1000
                self.table.add("latency", f"{measure}, p{share}", spent_us, "us", note)

    # -- webhooks

    def start_calls(self, daemon, count, known=()):
        """COUNT calls in all, KNOWN of them before, each with its agent in the room."""
        line = Line(daemon.port)
        calls = [livekit.Call(caller=f"+1555{n:07d}") for n in range(len(known), count)]
        for call in calls:
            line.tell(*call.ringing())
        wait_for(lambda: len(daemon.leftovers()) == count, f"{count} agents run", timeout=60)
        for call in calls:
            line.tell(*call.answered())
        line.close()
        return [*known, *calls]

    def measure_bare(self, path, size):
        with self.bare(pin=True) as server:
            return send_all(self.tools, server, path, size)

    def measure_foreign(self, path, size):
        with self.daemon(pin=True) as server:
            return send_all(self.tools, server, path, size)

    def measure_calls(self, path, body_size):
        with self.daemon(pin=True) as server:
            calls = self.start_calls(server, 20)
            size = write_requests(path, *about_calls(calls, body_size))
            measured = send_all(self.tools, server, path, size)
            if server.live_calls() != len(calls):
                raise Wrong("calls ended while they were measured")
            return measured

    def webhooks(self):
        for body_size in BODY_SIZES:
            path, calls_path = self.where / "foreign.requests", self.where / "calls.requests"
            size = write_requests(path, *foreign(body_size))
            rounds = {"bare h2o": [], "verified, not ours": [], "verified, of a call": []}
            for n in range(ROUNDS):
                say(f"webhooks: bodies of {body_size} bytes, round {n + 1} of {ROUNDS}")
                rounds["bare h2o"].append(self.measure_bare(path, size))
                rounds["verified, not ours"].append(self.measure_foreign(path, size))
                rounds["verified, of a call"].append(self.measure_calls(calls_path, body_size))
            path.unlink()
            calls_path.unlink()
            self.add_rates(body_size, rounds)

    def add_rates(self, body_size, rounds):
        bare = [rate for rate, _, _ in rounds["bare h2o"]]
        for name, measured in rounds.items():
            rates, server, generator = map(list, zip(*measured))
            cost = statistics.median(busy * 1e6 / rate for rate, busy, _ in measured)
            note = (f"{cost:.1f} us CPU each; server {statistics.median(server):.0%} busy, "
                    f"generator {statistics.median(generator):.0%}")
            self.table.add("webhooks", f"{name}, {body_size} B", rates, "1/s", note)
            if name != "bare h2o":
                ratios = [rate / floor for rate, floor in zip(rates, bare)]
                self.table.add("webhooks", f"{name}, {body_size} B, of bare h2o", ratios, "ratio", "round by round")

    # -- memory

    def memory(self):
        with self.daemon() as daemon:
            idle, calls = daemon.resident_kib(), []
            self.table.add("memory", "resident, idle", idle, "KiB")
            for count in MEMORY_CALLS:
                say(f"memory: {count} calls with sleep as their agent")
                calls = self.start_calls(daemon, count, calls)
                resident = daemon.resident_kib()
                self.table.add("memory", f"resident, {count} calls", resident, "KiB")
                self.table.add("memory", f"a call of {count}", (resident - idle) / count, "KiB", "over idle")
            fds = len(os.listdir(f"/proc/{daemon.pid}/fd"))
            self.table.add("memory", f"file descriptors, {len(calls)} calls", fds, "")
            self.end_calls(daemon, calls)

    def end_calls(self, daemon, calls):
        line = Line(daemon.port)
        started = time.monotonic()
        for call in calls:
            line.tell(*call.hung_up())
        wait_for(lambda: not daemon.leftovers(), "all agents are gone", timeout=60)
        line.close()
        took = time.monotonic() - started
        self.table.add("memory", "agents left when all hung up", len(daemon.leftovers()), "", f"after {took:.1f} s")
        self.table.add("memory", "resident, all hung up", daemon.resident_kib(), "KiB", "their sids are kept 2 min")

    # -- scrape

    def scrape_round(self, daemon):
        """Microseconds of processor time for one scrape, and the bytes of the answer."""
        before = daemon.cpu_seconds()
        for _ in range(SCRAPES):
            size = len(daemon.ask("/metrics"))
        return (daemon.cpu_seconds() - before) / SCRAPES * 1e6, size

    def scrape(self):
        with self.daemon(SIP_READY_TIMEOUT="600s") as daemon:
            calls = []
            for count in (0, MEMORY_CALLS[-1]):
                say(f"scrape: {count} calls with sleep as their agent")
                calls = self.start_calls(daemon, count, calls)
                rounds = [self.scrape_round(daemon) for _ in range(ROUNDS)]
                self.table.add("scrape", f"GET /metrics, {count} calls", [took for took, _ in rounds], "us", "processor time")
                self.table.add("scrape", f"its answer, {count} calls", rounds[-1][1] / 1024, "KiB")
            self.end_calls(daemon, calls)

    # -- size

    def size(self):
        stripped = self.where / "stripped"
        self.tools.run("strip", "-o", str(stripped), self.binary)
        self.table.add("size", "binary, stripped", stripped.stat().st_size / 1024, "KiB", "dynamically linked")
        stripped.unlink()

    # -- flat

    def undecided(self):
        """Rules that cannot choose before the number is known: such a call is in the table without a process."""
        rules, agents = self.where / "rules.json", self.where / "agents.json"
        rules.write_text('[{"pattern":"+1*","agent_name":"one"},{"pattern":"+2*","agent_name":"two"}]')
        agents.write_text('{"one":{"command":["sleep","3600"]},"two":{"command":["sleep","3600"]}}')
        return self.daemon(pin=True, SIP_RULES_FILE=str(rules), SIP_AGENTS_FILE=str(agents), SIP_NUMBER_WAIT="60s")

    def flat_round(self, count):
        """Microseconds of CPU time an event; all in the 10 s after which a room without a caller is no call."""
        first, order = livekit.Call(), random.Random(3)
        starts, tracks = self.where / "starts.requests", self.where / "tracks.requests"

        def changes_of(n):
            return {first.sid: number("RM", n), first.room: first.room[:-12] + f"{n:012d}"}
        start_size = write_requests(starts, first.room_started(), count, changes_of)
        track_size = write_requests(tracks, first.agent_track(), FLAT_EVENTS,
                                    lambda n: changes_of(order.randrange(count)), first_id=count)
        with self.undecided() as daemon:
            send_all(self.tools, daemon, starts, start_size)
            before = daemon.cpu_seconds()
            send_all(self.tools, daemon, tracks, track_size)
            used = daemon.cpu_seconds() - before
            live = daemon.live_calls()
        starts.unlink()
        tracks.unlink()
        if live != count:
            raise Wrong(f"{live} of {count} calls were in the table at the end: the machine is too slow, or too busy")
        return used * 1e6 / FLAT_EVENTS

    def flat(self):
        rounds = {count: [] for count in FLAT_CALLS}
        for n in range(ROUNDS):
            say(f"flat: {', '.join(map(str, FLAT_CALLS))} calls, round {n + 1} of {ROUNDS}")
            for count, costs in rounds.items():
                costs.append(self.flat_round(count))
        for count, costs in rounds.items():
            note = "whole webhook: HTTP, verify, note, verdict"
            self.table.add("flat", f"an event with {count} calls", costs, "us CPU", note)
        ratios = [most / least for most, least in zip(rounds[FLAT_CALLS[-1]], rounds[FLAT_CALLS[0]])]
        self.table.add("flat", f"{FLAT_CALLS[-1]} calls to {FLAT_CALLS[0]}", ratios, "ratio", "1: the cost is flat")


BENCHMARKS = ("latency", "webhooks", "memory", "scrape", "size", "flat")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=BENCHMARKS, metavar="NAME",
                        help=f"one of {', '.join(BENCHMARKS)}; may be given again")
    parser.add_argument("--bin", default=os.environ.get("SIPBRIDGE_BIN", str(ROOT / "build/release/sipbridge")),
                        help="the sipbridge to measure (default: $SIPBRIDGE_BIN, else that of the release preset)")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if not os.access(arguments.bin, os.X_OK):
        print(f"run.py: no sipbridge at {arguments.bin}: build the release preset, or say --bin", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not pinned(0):
        say("one CPU only, or no taskset: server and generator share what there is")
    table = Table()
    with tempfile.TemporaryDirectory(prefix="sipbridge-bench-") as where:
        try:
            bench = Bench(where, str(Path(arguments.bin).resolve()), table)
            for name in BENCHMARKS:
                if arguments.only is None or name in arguments.only:
                    getattr(bench, name)()
        except (Wrong, AssertionError) as error:
            print(f"run.py: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
        finally:
            table.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
