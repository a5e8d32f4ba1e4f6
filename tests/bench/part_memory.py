"""Memory and processes: the daemon with 0 to 1,000 calls and per standby, beside LiveKit's own worker.

The daemon's agents are `sleep`: what an agent itself needs is its own business, here as there. Of the worker the main process and its
warm processes are counted, idle and with jobs, by what is theirs alone of the memory they share (Pss).

What a call needs beyond its own text (text_bytes; doc/performance.md names it) is its own row."""
import json
import os
import time
from pathlib import Path

import ring
from parts import Daemon, Line, smaps_kib, wait_for
from table import say

PART = "memory"
CALLS = (10, 100, 1000)
SCRAPES = 300
STANDBYS = 10
READY = "systemd-notify --ready; read line; exec sleep 3600"


def family(pid):
    """PID and all that descend from it."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def family_kib(pid):
    return sum(smaps_kib(one, "Pss") for one in family(pid))


def end_calls(daemon, calls, table):
    line = Line(daemon.port)
    started = time.monotonic()
    for call in calls:
        line.tell(*call.hung_up())
    wait_for(lambda: not daemon.leftovers(), "all agents are gone", timeout=60)
    line.close()
    took = time.monotonic() - started
    table.add(PART, "sipbridge, agents left when all hung up", len(daemon.leftovers()), "", note=f"after {took:.1f} s")
    table.add(PART, "sipbridge, resident, all hung up", daemon.resident_kib(), "KiB", note="their sids are kept 2 min")


def scrape(bench, daemon, count):
    """What one GET /metrics costs with COUNT calls."""
    scrapes = bench.few(SCRAPES, 10)
    before = daemon.cpu_ns()
    for _ in range(scrapes):
        size = len(daemon.ask("/metrics"))
    took_us = (daemon.cpu_ns() - before) / scrapes / 1000
    bench.table.add(PART, f"sipbridge, GET /metrics, {count} calls", took_us, "us CPU", note=f"{size / 1024:.1f} KiB")


def text_bytes(daemon):
    """Of a call, the mean of all: what it keeps of LiveKit's, the rules' and its token's words, each at its length and a NUL."""
    sizes = []
    for path in (daemon.dir / "state/journal").glob("*.json"):
        entry = json.loads(path.read_text())
        environment = Path(f"/proc/{entry['pid']}/environ").read_bytes().split(b"\0")
        token = next(word for word in environment if word.startswith(b"LIVEKIT_TOKEN="))[len("LIVEKIT_TOKEN="):].decode()
        caller = [entry["caller"].get(name) for name in ("called", "number", "trunk_id", "rule_id", "attributes", "identity")]
        socket = f"{daemon.dir}/state/notify/{entry['instance'][:16]}"
        texts = [token, socket, entry["room"], entry["agent"], entry["agent"], entry.get("metadata"), entry.get("chosen_rule"),
                 entry.get("room_agent"), *caller, *(name["text"] for name in entry.get("identities", []))]
        sizes.append(sum(len(text.encode()) + 1 for text in texts if text is not None))
    return sum(sizes) / len(sizes)


def calls(bench):
    with Daemon(bench.where, bench.binary, SIP_READY_TIMEOUT="600s") as daemon:
        known, before = [], daemon.resident_kib()
        bench.table.add(PART, "sipbridge, resident, 0 calls", before, "KiB", note="1 process")
        for count in CALLS[:bench.few(3, 1)]:
            say(f"memory: {count} calls")
            last = len(known)
            known = daemon.start_calls(count, known)
            resident = daemon.resident_kib()
            bench.table.add(PART, f"sipbridge, resident, {count} calls", resident, "KiB",
                            note=f"{(resident - before) * 1024 / (count - last):.0f} bytes for each of the last {count - last}; "
                                 f"{count + 1} processes, {len(os.listdir(f'/proc/{daemon.pid}/fd'))} descriptors")
            text, of_each = text_bytes(daemon), (resident - before) * 1024 / (count - last)
            bench.table.add(PART, f"sipbridge, a call of {count} beyond its text", of_each - text, "bytes",
                            note=f"its text: {text:.0f} bytes")
            before = resident
            scrape(bench, daemon, count)
        end_calls(daemon, known, bench.table)


def standbys(bench):
    """The daemon with none and with ten; None where this build has no standbys."""
    used = []
    for count in (0, STANDBYS):
        agents = bench.write("agents.json", {"ready": {"command": ["sh", "-c", READY], "standby": count}})
        with Daemon(bench.where, bench.binary, agent="", SIP_AGENTS_FILE=agents) as daemon:
            if count > 0 and not bench.standbys_ready(daemon.status, "ready", count):
                bench.table.miss(PART, "a standby's memory", "this sipbridge starts no standbys")
                return
            used.append(daemon.resident_kib())
    bench.table.add(PART, "sipbridge, of a standby", (used[1] - used[0]) / STANDBYS, "KiB",
                    note="one more process each, which is the agent's")


def worker(bench):
    if ring.Worker.missing():
        bench.table.miss(PART, "livekit-agents worker", ring.Worker.missing())
        return
    with ring.playing(bench) as stage:
        if stage is None:
            return
        with ring.Worker(stage) as worker:
            for jobs in (0, 10):
                try:
                    worker.take(jobs)
                except AssertionError as error:  # above 70 % of load it takes none
                    bench.table.miss(PART, f"livekit-agents worker with {jobs} jobs", str(error).splitlines()[0])
                    return
                bench.table.add(PART, f"livekit-agents worker, {jobs} jobs", family_kib(worker.pid), "KiB",
                                note=f"{len(family(worker.pid))} processes, those of the jobs included")


def run(bench):
    calls(bench)
    standbys(bench)
    if not bench.quick:
        worker(bench)
