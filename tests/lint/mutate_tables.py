#!/usr/bin/env python3
"""Breaks every row of the product's three tables, one at a time, and requires that a unit test notices, or a simulation.

CALL_ENDS and CALL_PHASES (src/calls/verdict.h) and EXIT_MEANINGS (src/calls/exit.h) are what the bridge does. For each
row: its condition never holds, its condition always holds, and each of its other columns says something else. A
mutant that all tests pass is a row that nothing proves.

    mutate_tables.py [--verbose] [DIR]     prints each table with what was noticed; exit 1 when a mutant survives
    mutate_tables.py --simulate BUILD      the same, but nothing may notice except simulated calls, each within a second
                                           of processor time; BUILD has the product's libraries (build/release)
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

# Where a table is, which file compiles it, and what its columns are called.
Table = namedtuple("Table", "name header unit columns")
TABLES = [
    Table("CALL_ENDS", "verdict.h", "verdict.c", ["reason", "hang_up", "text", "when"]),
    Table("CALL_PHASES", "verdict.h", "verdict.c", ["phase", "label", "text", "when", "agent", "ask", "room", "until"]),
    Table("EXIT_MEANINGS", "exit.h", "exit.c", ["meaning", "effect", "text", "when"]),
]
TESTS = ["test_verdict", "test_exit_meaning", "test_call"]
UNITS = ["call.c", "exit.c", "ghosts.c", "legs.c", "verdict.c", "words.c"]
BASE = ["mem.c"]
TIME_LIMIT_S = 20

# What the simulation is made of.
CC = os.environ.get("CC", "cc")
LAYERS = ["base", "bridge", "rules", "pool", "calllog", "sim", "livekit", "auth", "loop", "http"]
ARCHIVES = ["sim", "bridge", "calls", "rules", "pool", "calllog", "webhooks", "livekit", "http", "auth", "loop", "base"]
SIMULATION_FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-w", "-fPIC"]
OTHER_LIBRARIES = ["-lsodium", "-lcurl", "-lh2o-evloop", "-lssl", "-lcrypto"]

Mutant = namedtuple("Mutant", "table row column value text")

# What a column is changed into; a dict maps the value it has, None stands for every other value.
OTHERWISE = {
    "when": [{"false": None, None: "false"}, {"true": None, None: "true"}],
    "hang_up": [{"true": "false", "false": "true"}],
    "agent": [{"LEAVE": "STOP", None: "LEAVE"}],
    "ask": [{"NOTHING": "READY", None: "NOTHING"}],
    "room": [{"KEEP": "DELETE", "DELETE": "KEEP"}],
    "until": [{"MONO_NEVER": None, None: "MONO_NEVER"}],
    "effect": [{"NOTHING": "COUNT_CRASH", None: "NOTHING"}],
}

# … where simulated calls must notice: the row never holds, always holds, or asks for less.
WEAKER = {
    "when": OTHERWISE["when"],
    "hang_up": [{"true": "false"}],
    "agent": [{"LEAVE": None, None: "LEAVE"}],
    "ask": [{"NOTHING": None, None: "NOTHING"}],
    "room": [{"DELETE": "KEEP"}],
    "until": [{"MONO_NEVER": None, None: "MONO_NEVER"}],
    "effect": [{"NOTHING": None, None: "NOTHING"}],
}

# Changes that cannot make a difference, and why.
EQUIVALENT = {
    ("ROOM_FINISHED", "hang_up"): "HANGING_UP holds only while the room is open",
    ("NOT_A_CALL", "hang_up"): "HANGING_UP holds only where a phone was seen",
}
# … that simulated calls can hardly show.
UNSEEN = {
    ("EMPTY", "until"): "it matters where LiveKit gives no answer for four hours",
    ("GRACE", "ask"): "whom it finds, the last look before the room is deleted finds too",
    ("EXPECTED", "when", "false"): "it matters where an agent lingers after its call and a caller comes to it",
    ("NEEDLESS", "when", "false"): "it matters where agents crash as their calls end, and callers come back, four times a minute",
    ("SERVER_AWAY", "when", "false"): "one exit an outage: more are not started meanwhile",
    ("SERVER_RESTARTED", "when", "false"): "one exit a restart, counted, and two seconds later",
    ("NEW_CALLER", "when", "false"): "what CROSSED does with it differs by a count only",
    ("CROSSED", "effect", "NOTHING"): "callers would have to come as agents leave, four times a minute",
    ("VANISHED", "effect", "NOTHING"): "at two seconds each too few for a storm",
    ("VANISHED", "when", "false"): "… the last row: then it is EXPECTED, which does nothing either",
}


def split_columns(text):
    """[(start, end)] of the arguments in TEXT, which has no comments: commas inside () and "" separate nothing."""
    columns, depth, start, quoted = [], 0, 0, False
    for place, char in enumerate(text):
        if char == '"' and text[place - 1] != "\\":
            quoted = not quoted
        elif quoted:
            continue
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == "," and depth == 0:
            columns.append((start, place))
            start = place + 1
    return columns + [(start, len(text))]


def closing(text, opening):
    depth = 0
    for place in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise ValueError("no closing parenthesis")


def rows_of(source, table):
    """[(name, [(start, end) of each column in SOURCE])]; comments are blanked out first, so that places stay."""
    blank = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), source, flags=re.S)
    begin = blank.index(f"#define {table.name}(X)")
    end = re.compile(r"[^\\]\n").search(blank, begin).end()
    rows, place = [], begin + len(f"#define {table.name}(X)")
    while (match := re.compile(r"\bX\(").search(blank, place, end)):
        last = closing(blank, match.end() - 1)
        inside = blank[match.end():last]
        spans = [(match.end() + a, match.end() + b) for a, b in split_columns(inside)]
        if len(spans) != len(table.columns):
            raise ValueError(f"{table.name}: a row with {len(spans)} columns: {inside}")
        rows.append((inside.split(",")[0].strip(), spans))
        place = last
    return rows


def value_in(source, span):
    return " ".join(re.sub(r"/\*.*?\*/|\\\n", " ", source[slice(*span)], flags=re.S).split())


def mutants_of(source, table, changes):
    for row, spans in rows_of(source, table):
        for column, span in zip(table.columns, spans):
            value = value_in(source, span)
            for choice in changes.get(column, []):
                other = choice[value] if value in choice else choice.get(None)
                keys = {(row, column), (row, column, other)}
                equal = keys & EQUIVALENT.keys() or (changes is WEAKER and keys & UNSEEN.keys())
                if other is not None and not equal:
                    yield Mutant(table, row, column, other, source[:span[0]] + " " + other + source[span[1]:])


def link_sources(include, root):
    """The header directories of the layers as the product sees them, but for src/calls."""
    include.mkdir(parents=True)
    for layer in LAYERS:
        (include / layer).symlink_to((root / "src" / layer).resolve())
    for layer in ("webhooks", "spawner"):
        (include / layer).symlink_to((root / layer).resolve())


class SimulationBench:
    """The program mutant_sim with the tables in shared libraries, of which each mutant has its own."""

    def __init__(self, root, directory, build):
        self.root, self.directory = Path(root), Path(directory)
        include = self.directory / "include"
        link_sources(include, self.root)
        (include / "calls").symlink_to((self.root / "src/calls").resolve())
        for table in TABLES:
            self.library(include, table.unit, self.directory)
        archives = [Path(build) / f"lib{name}.a" for name in ARCHIVES]
        packages = subprocess.run(["pkg-config", "--libs", "jansson"], check=True, capture_output=True, text=True)
        self.program = self.directory / "mutant_sim"
        subprocess.run([CC, *SIMULATION_FLAGS, "-I", include, self.root / "tests/lint/mutant_sim.c", "-o", self.program,
                        "-rdynamic", "-Wl,--no-as-needed", "-L", self.directory, *[f"-l{Path(t.unit).stem}" for t in TABLES[1:]],
                        "-Wl,--start-group", *archives, "-Wl,--end-group", *packages.stdout.split(),
                        *OTHER_LIBRARIES], check=True)

    @staticmethod
    def library(include, unit, directory):
        subprocess.run([CC, *SIMULATION_FLAGS, "-shared", "-I", include, include / "calls" / unit, "-o",
                        directory / f"lib{Path(unit).stem}.so"], check=True)

    def broken(self):
        return self.first_failure(self.directory)

    def first_failure(self, directory):
        """What a second of simulated calls notices with the tables in DIRECTORY, or None."""
        path = f"{directory}:{self.directory}"
        try:
            run = subprocess.run([self.program, "1"], capture_output=True, text=True, timeout=TIME_LIMIT_S * 6,
                                 env={**os.environ, "LD_LIBRARY_PATH": path})
        except subprocess.TimeoutExpired:
            return "never comes to an end"
        return None if run.returncode == 0 else run.stdout.strip() or f"ends with {run.returncode}"

    def try_mutant(self, number, mutant):
        directory = self.directory / str(number)
        include = directory / "include"
        link_sources(include, self.root)
        shutil.copytree(self.root / "src/calls", include / "calls")
        (include / "calls" / mutant.table.header).write_text(mutant.text)
        self.library(include, mutant.table.unit, directory)
        noticed = self.first_failure(directory)
        shutil.rmtree(directory)
        return noticed


class Bench:
    """A directory with copies of the sources and everything compiled that no mutant changes."""

    def __init__(self, root, directory):
        self.root, self.directory = Path(root), Path(directory)
        self.flags = ["-std=gnu11", "-D_GNU_SOURCE", "-O0", "-w"] + self.pkg("--cflags")
        self.libraries = self.pkg("--libs")
        self.include = self.directory / "include"
        self.include.mkdir()
        (self.include / "base").symlink_to((self.root / "src/base").resolve())
        (self.include / "calls").symlink_to((self.root / "src/calls").resolve())
        objects = [self.root / "src/base" / name for name in BASE] + [self.root / "src/calls" / name for name in UNITS]
        self.objects = {path.name: self.compile(path, self.directory / (path.name + ".o"), self.include)
                        for path in objects}
        self.tests = {name: self.compile(self.root / "tests/unit" / (name + ".c"), self.directory / (name + ".o"),
                                         self.include) for name in TESTS}

    @staticmethod
    def pkg(what):
        return subprocess.run(["pkg-config", what, "cmocka"], check=True, capture_output=True, text=True).stdout.split()

    def compile(self, source, target, include):
        subprocess.run([os.environ.get("CC", "cc"), *self.flags, "-I", include, "-I", self.root / "tests/unit", "-c",
                        source, "-o", target], check=True)
        return target

    def broken(self):
        return self.first_failure(self.objects, self.directory)

    def first_failure(self, objects, directory):
        """The first test that fails with OBJECTS, or None."""
        for name in TESTS:
            program = directory / name
            subprocess.run([os.environ.get("CC", "cc"), self.tests[name], *objects.values(), "-o", program,
                            *self.libraries], check=True)
            try:
                run = subprocess.run([program], capture_output=True, timeout=TIME_LIMIT_S)
            except subprocess.TimeoutExpired:
                return name
            if run.returncode != 0:
                return name
        return None

    def try_mutant(self, number, mutant):
        directory = self.directory / str(number)
        include = directory / "include"
        include.mkdir(parents=True)
        (include / "base").symlink_to((self.root / "src/base").resolve())
        shutil.copytree(self.root / "src/calls", include / "calls")
        (include / "calls" / mutant.table.header).write_text(mutant.text)
        unit = mutant.table.unit
        compiled = self.compile(include / "calls" / unit, directory / (unit + ".o"), include)
        noticed = self.first_failure({**self.objects, unit: compiled}, directory)
        shutil.rmtree(directory)
        return noticed


def print_table(table, results, verbose):
    print(f"{table.name}: {sum(m.table is table for m, _ in results)} mutants")
    rows = {}
    for mutant, noticed in results:
        if mutant.table is table:
            rows.setdefault(mutant.row, []).append((mutant, noticed))
    for row, tried in rows.items():
        survived = [f"{m.column} = {m.value}" for m, noticed in tried if noticed is None]
        by = sorted({noticed for _, noticed in tried if noticed})
        state = "SURVIVED: " + ", ".join(survived) if survived else "noticed"
        print(f"  {row:<18} {len(tried):2} {state}" + (f" ({', '.join(by)})" if verbose else ""))


def main():
    parser = argparse.ArgumentParser(description="Breaks every row of the tables; a unit test must notice.")
    parser.add_argument("root", nargs="?", default=Path(__file__).resolve().parents[2], metavar="DIR")
    parser.add_argument("--verbose", action="store_true", help="say which tests noticed")
    parser.add_argument("--simulate", metavar="BUILD", help="simulated calls must notice, made of the libraries there")
    options = parser.parse_args()
    root = Path(options.root)
    changes = WEAKER if options.simulate else OTHERWISE
    tables = TABLES
    mutants = [mutant for table in tables
               for mutant in mutants_of((root / "src/calls" / table.header).read_text(), table, changes)]
    with tempfile.TemporaryDirectory() as directory:
        bench = SimulationBench(root, directory, options.simulate) if options.simulate else Bench(root, directory)
        broken = bench.broken()
        if broken:
            sys.exit(f"mutate_tables: {broken} fails without any mutation")
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(zip(mutants, pool.map(bench.try_mutant, range(len(mutants)), mutants)))
    for table in tables:
        print_table(table, results, options.verbose)
    survivors = sum(noticed is None for _, noticed in results)
    print(f"{len(results)} mutants, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
