"""How long a decision takes with 10 to 100,000 rules (decide.c): numbers of exact rules, numbers that only a pattern takes, and
numbers that none takes."""
import json

from parts import Wrong
from table import say

PART = "rules"
COUNTS = (10, 1000, 100000)
KINDS = ("an exact rule", "a pattern", "no rule")


def document(count):
    """All exact but one in ten, which is a pattern (at most 100, as people write them)."""
    patterns = min(count // 10, 100)
    rules = [{"pattern": f"+1555{n:07d}", "agent_name": f"agent{n % 7}"} for n in range(count - patterns)]
    return rules + [{"pattern": f"+4{n:03d}*", "agent_name": f"agent{n % 7}"} for n in range(patterns)]


def run(bench):
    tool = bench.binary.parent / "tests/bench_decide"
    if not tool.exists():
        bench.table.miss(PART, "the time to decide", f"no {tool.name} beside the binary (build with SIPBRIDGE_TESTS)")
        return
    rounds, base = bench.few(5, 1), {}
    for count in COUNTS:
        say(f"rules: {count}")
        path = bench.write("rules.json", document(count))
        measured = [json.loads(bench.tools.run(str(tool), path, str(bench.few(200000, 2000)))) for _ in range(rounds)]
        if measured[0]["rules"] != count:
            raise Wrong(f"{measured[0]['rules']} of {count} rules were read")
        for kind, name in zip(KINDS, ("exact", "pattern", "none")):
            values = [one[name] for one in measured]
            base.setdefault(name, sorted(values)[len(values) // 2])
            bench.table.add(PART, f"{kind}, {count} rules", values, "ns", sorted(values)[len(values) // 2] / base[name],
                            f"ratio: to {COUNTS[0]} rules")
        bench.table.add(PART, f"reading {count} rules", [one["parse_us"] for one in measured], "us")
