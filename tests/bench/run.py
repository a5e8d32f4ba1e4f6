#!/usr/bin/env python3
"""Measures sipbridge and its peers; tests/bench/run.sh is the way to start it.

Parts: webhooks (a second, and latency), start (webhook to process), ring (ring to answer), memory, growth (with calls in the
table), rules (time to decide), burst (answered within a second, by agents in standby). Every part says in its file what it does;
doc/performance.md what it means. Nothing here is a test: no figure makes it fail, only what does not do what it should."""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import part_growth  # noqa: E402
import part_memory  # noqa: E402
import part_ring  # noqa: E402
import part_rules  # noqa: E402
import part_start  # noqa: E402
import part_webhooks  # noqa: E402
import record  # noqa: E402
from parts import Tools, Wrong, pinned, wait_for  # noqa: E402
from table import Table, say, shout  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PARTS = {"webhooks": part_webhooks.run, "start": part_start.run, "ring": part_ring.run, "memory": part_memory.run,
         "growth": part_growth.run, "rules": part_rules.run, "burst": part_ring.run_bursts}
STANDBY_S = 60


class Bench:
    """What a part needs."""

    def __init__(self, where, arguments):
        self.where, self.binary = Path(where), Path(arguments.bin).resolve()
        self.quick, self.record = arguments.quick, arguments.record
        self.table, self.tools = Table(), Tools(where)
        self.has_standbys = None

    def few(self, usual, quick):
        return quick if self.quick else usual

    def write(self, name, document):
        path = self.where / name
        path.write_text(json.dumps(document))
        return str(path)

    def standbys_ready(self, status, agent, count):
        """Waits until COUNT standbys of AGENT are ready, by the daemon's STATUS; false where it has none of them."""
        if self.has_standbys is None:
            self.has_standbys = "standbys" in status()
        if self.has_standbys:
            wait_for(lambda: status()["standbys"].get(agent, {}).get("ready", 0) >= count, f"{count} standbys are ready",
                     timeout=STANDBY_S)
        return self.has_standbys

    def plot(self, name, columns, points):
        if not self.record:
            record.plot(name, columns, points, self.where)
        elif not record.plot(name, columns, points, record.DOC):
            self.table.miss(name, "the plot", "no gnuplot")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART",
                        help=f"one of {', '.join(PARTS)}; may be given again")
    parser.add_argument("--format", choices=("table", "csv", "json"),
                        default="table" if sys.stdout.isatty() else "csv", help="default: table; csv when piped")
    parser.add_argument("--record", action="store_true", help="write doc/performance.md and its plots too")
    parser.add_argument("--quick", action="store_true", help="few iterations: does it still work?")
    parser.add_argument("--bin", default=os.environ.get("SIPBRIDGE_BIN", str(ROOT / "build/release/sipbridge")),
                        help="the sipbridge to measure (default: $SIPBRIDGE_BIN, else that of the release preset)")
    return parser.parse_args()


def measure(bench, wanted):
    """The parts that were measured whole; what went wrong in another is said, and the rest goes on."""
    done = []
    for name in wanted:
        started = time.monotonic()
        try:
            PARTS[name](bench)
            done.append(name)
        except (Wrong, AssertionError, OSError, subprocess.SubprocessError) as error:
            bench.table.miss(name, "the rest of it", str(error).strip().splitlines()[-1])
        say(f"{name} took {time.monotonic() - started:.0f} s")
    return done


def main():
    arguments = parse_arguments()
    if not os.access(arguments.bin, os.X_OK):
        print(f"run.py: no sipbridge at {arguments.bin}: build the release preset, or say --bin", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not pinned(0):
        shout("one CPU only, or no taskset: server and generator share what there is")
    about = record.machine()
    with tempfile.TemporaryDirectory(prefix="sipbridge-bench-") as where:
        bench, wanted = Bench(where, arguments), [name for name in PARTS if arguments.only is None or name in arguments.only]
        done = []
        try:
            done = measure(bench, wanted)
        except KeyboardInterrupt:
            return 130
        finally:
            bench.table.show(arguments.format)
        if arguments.record:
            record.write(bench.table, done, about)
    return 0 if done == wanted else 1


if __name__ == "__main__":
    sys.exit(main())
