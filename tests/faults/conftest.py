"""The table at the end of a run: one row for each fault."""
import os
import random
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import seen  # noqa: E402
from daemon import binary  # noqa: E402

COLUMNS = ("fault", "times", "calls", "dropped", "doubled", "leaked", "healed, longest")


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="every n, until a run is clean, instead of some")
    parser.addoption("--seed", help="of the choice of n, as a former run printed it")
    parser.addoption("--share", type=float, default=1.0, help="how many of the usual choice of n")


def pytest_configure(config):
    """Workers get their seed from the first process."""
    if not hasattr(config, "workerinput"):
        config.seed = config.getoption("--seed") or str(random.randrange(10**9))
    else:
        config.seed = config.workerinput["seed"]
    try:
        binary()
    except FileNotFoundError as error:
        raise pytest.UsageError(str(error)) from None
    seen.register(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    node.workerinput["seed"] = node.config.seed


def pytest_report_header(config):
    return f"sipbridge: {binary()}; faults are chosen with --seed {config.seed}"


def pytest_terminal_summary(terminalreporter, config):
    rows = [dict(report.user_properties)["row"] for kind in ("passed", "failed")
            for report in terminalreporter.stats.get(kind, ()) if "row" in dict(report.user_properties)]
    if not rows:
        return
    rows.sort(key=lambda row: row[0])
    lines = [COLUMNS] + [tuple(map(str, row)) for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    terminalreporter.section(f"faults ({os.path.basename(os.path.dirname(binary()))}, --seed {config.seed})")
    for line in lines:
        cells = [line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        terminalreporter.line("  ".join(cells))
