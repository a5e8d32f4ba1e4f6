"""How long a caller hears ringing, one call at a time and ten at once; and how many of a burst are answered within a second.

Each answerer takes real calls (ring.py). Floor: the agent is in the room before the caller. Everyone's agent is agent.mjs, but
livekit-agents' own, which does the same in Python."""
import contextlib
import statistics
import tempfile
from pathlib import Path

import ring
from table import percentile, say

PART, PROMPT = "ring", "burst"
PHONES = {"sipphone": PART, "phone.mjs": "ring-node"}  # by whom it is called: in which table
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


def run_examples(bench, floor):
    """The examples of examples/, each in its language, in standby."""
    import examples
    if not bench.quick:
        examples.install()
    for name in list(examples.COMMANDS)[:bench.few(5, 0)]:
        label = f"sipbridge, standby, examples/{name}, one at a time"
        if not examples.is_there(name):
            bench.table.miss(PART, label, "what it needs is missing (tests/e2e/setup.sh examples)")
            continue
        say(f"ring: {label}")
        with tempfile.TemporaryDirectory(prefix="sipbridge-bench-") as where, \
                ring.playing(bench, {"support": {**examples.entry(name, Path(where)), "standby": 2}}, **examples.PATIENT) as stage:
            made = ring.Sipbridge(stage, lambda: bench.standbys_ready(stage.daemon.status, "support", 2))
            tell(bench, PART, label, [ms for _ in range(6) for ms in made.burst(1, "sipphone")], floor)


def take_calls(bench, name, make, phones, bursts):
    """{(phone, size): [ms]} of one answerer, None for a call that nobody answered."""
    rings = {(phone, size): [] for phone in phones for size in (1, BURST)}
    with make() as made:
        if made is None:
            for phone in phones:
                bench.table.miss(PHONES[phone], name, "this sipbridge starts no standbys" if "standby" in name else "see above")
            return {}
        for size, times in ((1, bench.few(8, 1)), (BURST, bench.few(2, 0) if bursts else 0)):
            for phone in [*phones] * times:
                rings[phone, size] += made.burst(size, phone)
    return rings


def tell(bench, part, label, rings, floor):
    """Its row in the table of PART; its own median where there is no FLOOR yet."""
    values = [ring_ms for ring_ms in rings if ring_ms is not None]
    if rings and not values:
        bench.table.miss(part, label, f"none of {len(rings)} calls was answered (LiveKit's worker takes none above 70 % load)")
    if not values:
        return floor
    median = statistics.median(values)
    floor = floor or median
    lost = f", {len(rings) - len(values)} NOT ANSWERED" if len(rings) > len(values) else ""
    bench.table.add(part, label, values, "ms", median / floor,
                    f"ratio: to the floor; {len(values)} calls, p90 {percentile(values, 0.9)}{lost}")
    return floor


def phones_there(bench):
    """Names of the phones that can call; of the others a loud line."""
    why = ring.there()
    for phone, part in PHONES.items():
        if why or ring.program_of(phone) is None:
            bench.table.miss(part, "every call", why or f"no {phone} (tests/e2e/setup.sh)")
    return [] if why else [phone for phone in PHONES if ring.program_of(phone)]


def run(bench):
    """Both tables: every answerer takes the calls of either phone in turn."""
    phones, floor = phones_there(bench), {}
    for name, make, bursts in answerers(bench)[:bench.few(5, 3) if phones else 0]:
        if name.startswith("livekit-agents") and ring.Worker.missing():
            bench.table.miss(PART, name, ring.Worker.missing())
            continue
        say(f"ring: {name}")
        try:
            rings = take_calls(bench, name, make, phones, bursts)
        except AssertionError as error:
            bench.table.miss(PART, name, str(error).strip().splitlines()[0])
            continue
        for (phone, size), values in rings.items():
            label = f"{name}, {'one at a time' if size == 1 else f'{size} at once'}"
            floor[phone, size] = tell(bench, PHONES[phone], label, values, floor.get((phone, size)))
    if ("sipphone", 1) in floor:
        run_examples(bench, floor["sipphone", 1])


def run_bursts(bench):
    """How many of a burst are answered within a second, by how many agents stand by."""
    if ring.there() or ring.program_of("sipphone") is None:
        bench.table.miss(PROMPT, "every burst", ring.there() or "no sipphone (tests/e2e/setup.sh)")
        return
    for standby in (0, *STANDBYS)[:bench.few(4, 1)]:
        say(f"burst: {standby} agents in standby")
        with sipbridge(bench, standby) as made:
            if made is None:
                bench.table.miss(PROMPT, f"{standby} in standby", "this sipbridge starts no standbys")
                return
            for size in BURSTS[:bench.few(3, 1)]:
                prompt = [sum(value is not None and value <= WITHIN_MS for value in made.burst(size, "sipphone"))
                          for _ in range(bench.few(3, 1))]
                bench.table.add(PROMPT, f"{standby} in standby, {size} calls at once", prompt, "calls",
                                statistics.median(prompt) / size, "answered within 1 s; ratio: of all")
