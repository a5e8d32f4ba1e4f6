"""Time and memory of one event and one call with 10 to 100,000 calls in the table: flat, or not.

A room without a caller is a call for 10 s where the rules need the caller's number: so a call is there without a process. Each is
made by one webhook; then some 10,000 spread over all hear of audio, which changes them; then webhooks about these follow, at random,
which change nothing more. All that before the first call is taken for none. The journal is in memory (/dev/shm) where that is
there: else the disk would be measured. All times are CPU time of the daemon."""
import random
import tempfile
import time
from pathlib import Path

from parts import Daemon, foreign, livekit, number, send, write_requests
from table import say

PART = "growth"
SIZES = (10, 100, 1000, 10000, 100000)
EVENTS, TOUCHED, WARM, ALIVE_S = 20000, 10000, 500, 9.5
IN_MEMORY = Path("/dev/shm")


def undecided(bench, state):
    rules = bench.write("rules.json", [{"pattern": "+1*", "agent_name": "one"}, {"pattern": "+2*", "agent_name": "two"}])
    agents = bench.write("agents.json", {name: {"command": ["sleep", "3600"]} for name in ("one", "two")})
    return Daemon(bench.where, bench.binary, pin=True, agent="", SIP_RULES_FILE=rules, SIP_AGENTS_FILE=agents,
                  SIP_NUMBER_WAIT="1m", SIP_STATE_DIR=state)


def measure(bench, size, events):
    """(us of CPU for a new call, for an event of one of them, KiB resident); None where the machine was too slow."""
    first, order = livekit.Call(), random.Random(3)

    def changes_of(n):
        return {first.sid: number("RM", n), first.room: first.room[:-12] + f"{n:012d}"}
    touched = min(size, TOUCHED)

    def pick(n):
        return changes_of(n * (size // touched))
    starts = write_requests(bench.where / "starts", size, first.room_started(), changes_of)
    touches = write_requests(bench.where / "touches", touched, first.agent_track(), pick, size)
    more = write_requests(bench.where / "more", events, first.agent_track(), lambda n: pick(order.randrange(touched)),
                          size + touched)
    warm = write_requests(bench.where / "warm", WARM, *foreign(1179), size + touched + events)
    memory = IN_MEMORY if IN_MEMORY.is_dir() else bench.where
    with tempfile.TemporaryDirectory(dir=memory, prefix="sipbridge-bench-") as state, undecided(bench, state) as daemon:
        send(bench.tools, daemon, warm, WARM)  # what a daemon does once
        idle, started = daemon.resident_kib(), time.monotonic()
        made = send(bench.tools, daemon, starts, size)
        resident = daemon.resident_kib()
        send(bench.tools, daemon, touches, touched)
        told = send(bench.tools, daemon, more, events)
        took = time.monotonic() - started
    for path, _ in (warm, starts, touches, more):
        path.unlink()
    return (made.cost_us, told.cost_us, resident - idle) if took < ALIVE_S else None


def run(bench):
    sizes, events, rounds = bench.few(SIZES, SIZES[:3]), bench.few(EVENTS, 1000), bench.few(3, 1)
    measured = {size: [] for size in sizes}
    for n in range(rounds):
        say(f"growth: {sizes[0]} to {sizes[-1]} calls, round {n + 1} of {rounds}")
        for size in sizes:
            measured[size].append(measure(bench, size, events))
    report(bench, {size: [one for one in all if one is not None] for size, all in measured.items()})


def report(bench, measured):
    sizes, points = list(measured), []
    base = [told for _, told, _ in measured[sizes[0]]]
    for size in sizes:
        if not measured[size]:
            bench.table.miss(PART, f"{size} calls", f"making them took longer than the {ALIVE_S} s that they live")
            continue
        made, told, kib = map(list, zip(*measured[size]))
        ratios = sorted(one / other for one, other in zip(told, base))
        bench.table.add(PART, f"an event with {size} calls", told, "us CPU", ratios[len(ratios) // 2],
                        f"ratio: to {sizes[0]} calls; HTTP, verify, note, verdict, journal")
        bench.table.add(PART, f"a new call, the last of {size}", made, "us CPU", note="the first seen of it; mean of all")
        if size >= 1000:
            bench.table.add(PART, f"a call of {size}", [one * 1024 / size for one in kib], "bytes", note="resident, over idle")
        points.append((size, sorted(told)[len(told) // 2], sorted(made)[len(made) // 2], sorted(kib)[len(kib) // 2]))
    bench.plot("growth", ("calls", "event_us", "new_call_us", "resident_kib"), points)
