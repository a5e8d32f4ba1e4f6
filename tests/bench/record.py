"""Writing a run into doc/performance.md, between its markers, and plots into doc/."""
import datetime
import os
import re
import shutil
import subprocess
from pathlib import Path

import peers
from parts import HERE

DOC = HERE.parents[1] / "doc"
BEGIN, END = "<!-- bench {} -->", "<!-- /bench {} -->"


def machine():
    processor = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                      if line.startswith("model name")), "unknown")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    load = os.getloadavg()[0]
    lines = [f"{datetime.date.today().isoformat()}, {os.cpu_count()} cores ({processor}), {memory:.0f} GiB, load at the start "
             f"{load:.1f}", ""]
    return lines + [f"- {what}: {version}" for what, version in peers.versions()]


def replace(text, name, content):
    begin, end = BEGIN.format(name), END.format(name)
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    if not pattern.search(text):
        raise SystemExit(f"run.py: doc/performance.md has no {begin} … {end}")
    return pattern.sub(lambda _: f"{begin}\n{content}\n{end}", text)


def write(table, parts, about):
    """What was measured goes in; of parts that were not, what is there stays."""
    path = DOC / "performance.md"
    text = replace(path.read_text(), "machine", "\n".join(about))
    names = re.findall(BEGIN.format(r"([\w-]+)"), text)
    for part in (name for name in names if name.partition("-")[0] in parts):
        text = replace(text, part, table.markdown(part) + "".join(f"\n\n{line}" for line in table.missing
                                                                 if line.startswith(f"{part}:")))
    path.write_text(text)


GROWTH = """set terminal pngcairo size 1000,450 font ",11"
set output "{png}"
set datafile separator ","
set logscale x
set xlabel "calls in the table"
set grid
set key top left
set multiplot layout 1,2
set ylabel "us of CPU"
set yrange [0:*]
plot "{csv}" every ::1 using 1:2 with linespoints title "an event", "" every ::1 using 1:3 with linespoints title "a new call"
set ylabel "KiB resident, over idle"
set logscale y
set yrange [1:*]
plot "{csv}" every ::1 using 1:($4 > 0 ? $4 : 1) with linespoints title "all calls"
"""


def plot(name, columns, points, where):
    """NAME.csv and NAME.png in WHERE; false without gnuplot."""
    csv, png = Path(where) / f"bench-{name}.csv", Path(where) / f"bench-{name}.png"
    rows = [",".join(columns)] + [",".join(f"{value:.1f}".removesuffix(".0") for value in point) for point in points]
    csv.write_text("\n".join(rows) + "\n")
    if shutil.which("gnuplot") is None:
        return False
    subprocess.run(["gnuplot"], input=GROWTH.format(csv=csv, png=png), text=True, check=True, timeout=60)
    return True
