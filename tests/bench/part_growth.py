"""Time and memory of one event and one call with 10 to 100,000 calls in the table: flat, or not.

A caller who hides the number waits SIP_NUMBER_WAIT for it where the rules need it: so a call is there without a process. Each is
made by one webhook; then as many about calls picked at random follow. All of it is CPU time of the daemon."""
import random

from parts import Daemon, Wrong, livekit, number, send, write_requests
from table import say

PART = "growth"
SIZES = (10, 100, 1000, 10000, 100000)
EVENTS = 20000


def undecided(bench):
    rules = bench.write("rules.json", [{"pattern": "+1*", "agent_name": "one"}, {"pattern": "+2*", "agent_name": "two"}])
    agents = bench.write("agents.json", {name: {"command": ["sleep", "3600"]} for name in ("one", "two")})
    return Daemon(bench.where, bench.binary, pin=True, agent="", SIP_RULES_FILE=rules, SIP_AGENTS_FILE=agents,
                  SIP_NUMBER_WAIT="1m", LOG_LEVEL="warning")


def measure(bench, size, events):
    """(us of CPU for a new call, for an event of one of them, KiB resident)"""
    first, order = livekit.Call(), random.Random(3)
    first.attributes = {"sip.phoneNumber": None, "sip.trunkPhoneNumber": None}

    def changes_of(n):
        return {first.sid: number("RM", n), first.room: first.room[:-12] + f"{n:012d}", first.leg: number("PA", n)}
    starts = write_requests(bench.where / "starts", size, first.caller_joined(), changes_of)
    more = write_requests(bench.where / "more", events, first.agent_track(), lambda n: changes_of(order.randrange(size)), size)
    with undecided(bench) as daemon:
        idle = daemon.resident_kib()
        made = send(bench.tools, daemon, starts, size)
        resident = daemon.resident_kib()
        told = send(bench.tools, daemon, more, events)
        if daemon.live_calls() != size:
            raise Wrong(f"{daemon.live_calls()} of {size} calls were in the table at the end: the machine is too busy")
    for path, _ in (starts, more):
        path.unlink()
    return made.cost_us, told.cost_us, resident - idle


def run(bench):
    sizes, events, rounds = bench.few(SIZES, SIZES[:3]), bench.few(EVENTS, 1000), bench.few(3, 1)
    measured = {size: [] for size in sizes}
    for n in range(rounds):
        say(f"growth: {sizes[0]} to {sizes[-1]} calls, round {n + 1} of {rounds}")
        for size in sizes:
            measured[size].append(measure(bench, size, events))
    base = [told for _, told, _ in measured[sizes[0]]]
    points = []
    for size in sizes:
        made, told, kib = map(list, zip(*measured[size]))
        ratios = sorted(one / other for one, other in zip(told, base))
        bench.table.add(PART, f"an event with {size} calls", told, "us CPU", ratios[len(ratios) // 2],
                        f"ratio: to {sizes[0]} calls; HTTP, verify, note, verdict, journal")
        bench.table.add(PART, f"a new call, the last of {size}", made, "us CPU", note="the first seen of it; mean of all")
        if size >= 1000:
            bench.table.add(PART, f"a call of {size}", [one * 1024 / size for one in kib], "bytes", note="resident, over idle")
        points.append((size, sorted(told)[len(told) // 2], sorted(made)[len(made) // 2], sorted(kib)[len(kib) // 2]))
    bench.plot("growth", ("calls", "event_us", "new_call_us", "resident_kib"), points)
