"""Which log messages the tests have seen. Daemon notes each record here; a run ends with "messages: N of M seen".

The table is that of the program (`sipbridge docs messages-json`). SIPBRIDGE_SEEN names a file in which several runs add up
(tests/run.sh sets it). As a program it notes what stands in files, such as ctest's LastTest.log:

    SIPBRIDGE_SEEN=FILE seen.py build/release/Testing/Temporary/LastTest.log
"""
import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

NAME = re.compile(r"\{[A-Z_ ]+\}")
LINE = re.compile(r" SIP (error|warning|info|debug) +(.*)")
FACTS = re.compile(r" (?:call|room|agent|pid)=")
LEVELS = ("error", "warning", "info", "debug")
seen = set()  # (level, text of the table)


def program():
    import daemon
    return daemon.binary()


@functools.cache
def table():
    """[(level, text, pattern, literal bytes)]; empty when the program has none."""
    run = subprocess.run([program(), "docs", "messages-json"], capture_output=True, text=True)
    rows = json.loads(run.stdout) if run.returncode == 0 else []
    return [(row["level"], row["message"], re.compile(".*".join(map(re.escape, NAME.split(row["message"]))), re.S),
             len(NAME.sub("", row["message"]))) for row in rows]


@functools.lru_cache(10000)
def find(level, message):
    """The row that MESSAGE is of: the one with the most in common."""
    fits = [(common, text) for of, text, pattern, common in table() if of == level and pattern.fullmatch(message)]
    return (level, max(fits)[1]) if fits else None


def note(record):
    """RECORD is one of Daemon's log: JSON, or a raw line."""
    level, message = record.get("level"), str(record.get("message", "")).strip()
    if level == "raw":
        match = LINE.search(message)
        if not match:
            return
        level, message = match.group(1), FACTS.split(match.group(2))[0].strip()
    row = find(level, re.sub(r"\d{2,}", "00", message)) or find(level, message)
    if row:
        seen.add(row)


def add_up():
    """What this run and, with SIPBRIDGE_SEEN, those before it have seen."""
    path = os.environ.get("SIPBRIDGE_SEEN")
    if path:
        before = json.loads(Path(path).read_text() or "[]") if Path(path).exists() else []
        seen.update(map(tuple, before))
        Path(path).write_text(json.dumps(sorted(seen)))
    return seen & {(level, text) for level, text, _, _ in table()}


def summary():
    """Lines to print. What was never seen is named by runs that saw most: others did not try."""
    rows, known = [(level, text) for level, text, _, _ in table()], add_up()
    if not rows or not known:
        return []
    lines = [f"messages: {len(known)} of {len(rows)} seen"]
    if 2 * len(known) > len(rows):
        missing = sorted((row for row in rows if row not in known), key=lambda row: LEVELS.index(row[0]))
        lines += [f"  never: {level:7} {text}" for level, text in missing]
    return lines


def register(config):
    """For pytest_configure of each conftest whose tests start daemons."""
    import pytest  # daemons run where there is none, too

    class Plugin:
        """Workers of xdist hand over what they saw when they end."""

        def pytest_sessionfinish(self, session):
            if hasattr(session.config, "workeroutput"):
                session.config.workeroutput["seen"] = sorted(seen)

        @pytest.hookimpl(optionalhook=True)
        def pytest_testnodedown(self, node):
            seen.update(map(tuple, getattr(node, "workeroutput", {}).get("seen", [])))

        def pytest_terminal_summary(self, terminalreporter):
            for line in summary():
                terminalreporter.write_line(line)

    if not config.pluginmanager.has_plugin("seen"):
        config.pluginmanager.register(Plugin(), "seen")


def main(paths):
    for path in paths:
        for line in Path(path).read_text(errors="replace").splitlines():
            note({"level": "raw", "message": line})
    print("\n".join(summary()))


if __name__ == "__main__":
    main(sys.argv[1:])
