"""How long a caller hears ringing, one call at a time and ten at once; and how many of a burst are answered within a second.

Each answerer takes real calls (ring.py). Floor: the agent is in the room before the caller. Everyone's agent is agent.mjs, but
livekit-agents' own, which does the same in Python."""
import contextlib
import statistics

import ring
from table import percentile, say

PART, PROMPT = "ring", "burst"
BURST = 10
WITHIN_MS = 1000
STANDBYS, BURSTS = (1, 5, 10), (1, 5, 10)


@contextlib.contextmanager
def sipbridge(bench, standby=0):
    """None where this build starts no standbys."""
    with ring.playing(bench, {"support": {"standby": standby} if standby else {}}) as stage:
        if stage is None:
            yield None
            return

        def ready():
            return bench.standbys_ready(stage.daemon.status, "support", standby)
        if standby and not ready():
            yield None
            return
        yield ring.Sipbridge(stage, ready if standby else None)


@contextlib.contextmanager
def answerer(bench, kind):
    with ring.playing(bench) as stage:
        if stage is None:
            yield None
            return
        with kind(stage) as made:
            yield made


def answerers(bench):
    """(name, what makes it, whether it takes bursts)"""
    return (("floor: the agent is there already", lambda: answerer(bench, ring.Floor), True),
            ("sipbridge, standby", lambda: sipbridge(bench, BURST), True),
            ("sipbridge, cold", lambda: sipbridge(bench), True),
            ("livekit-agents, warm worker", lambda: answerer(bench, ring.Worker), True),
            ("a bridge that polls every 5 s", lambda: answerer(bench, ring.Polling), False))


def take_calls(bench, name, make, bursts):
    """{1: [ms], 10: [ms]} of one answerer, None for a call that nobody answered."""
    rings = {1: [], BURST: []}
    with make() as made:
        if made is None:
            bench.table.miss(PART, name, "this sipbridge starts no standbys" if "standby" in name else "see above")
            return rings
        for _ in range(bench.few(8, 1)):
            rings[1] += made.burst(1)
        for _ in range(bench.few(2, 0) if bursts else 0):
            rings[BURST] += made.burst(BURST)
    return rings


def tell(bench, name, size, rings, floor):
    values = [ring_ms for ring_ms in rings if ring_ms is not None]
    label = f"{name}, {'one at a time' if size == 1 else f'{size} at once'}"
    if rings and not values:
        bench.table.miss(PART, label, f"none of {len(rings)} calls was answered (LiveKit's worker takes none above 70 % load)")
    if not values:
        return
    median = statistics.median(values)
    floor.setdefault(size, median)
    lost = f", {len(rings) - len(values)} NOT ANSWERED" if len(rings) > len(values) else ""
    bench.table.add(PART, label, values, "ms", median / floor[size],
                    f"ratio: to the floor; {len(values)} calls, p90 {percentile(values, 0.9)}{lost}")


def run(bench):
    floor = {}
    if bench.quick and ring.there():
        bench.table.miss(PART, "every call", ring.there())
        return
    for name, make, bursts in answerers(bench)[:bench.few(5, 3)]:
        if name.startswith("livekit-agents") and ring.Worker.missing():
            bench.table.miss(PART, name, ring.Worker.missing())
            continue
        say(f"ring: {name}")
        try:
            rings = take_calls(bench, name, make, bursts)
        except AssertionError as error:
            bench.table.miss(PART, name, str(error).strip().splitlines()[0])
            continue
        for size, values in rings.items():
            tell(bench, name, size, values, floor)


def run_bursts(bench):
    """How many of a burst are answered within a second, by how many agents stand by."""
    if ring.there():
        bench.table.miss(PROMPT, "every burst", ring.there())
        return
    for standby in (0, *STANDBYS)[:bench.few(4, 1)]:
        say(f"burst: {standby} agents in standby")
        with sipbridge(bench, standby) as made:
            if made is None:
                bench.table.miss(PROMPT, f"{standby} in standby", "this sipbridge starts no standbys")
                return
            for size in BURSTS[:bench.few(3, 1)]:
                rings = made.burst(size)
                prompt = sum(value is not None and value <= WITHIN_MS for value in rings)
                bench.table.add(PROMPT, f"{standby} in standby, {size} calls at once", prompt, "calls", prompt / size,
                                "answered within 1 s; ratio: of all")
