"""End-to-end tests against the real livekit-server. `python3 -m pytest tests/e2e` installs what they need (setup.sh)."""
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

import seen  # noqa: E402
import stage as stages  # noqa: E402
from daemon import binary  # noqa: E402

RULES = [{"pattern": "+1234567", "agent_name": "support"}, {"pattern": "+33*", "agent_name": "sales"}]
AGENTS = {"support": {"env": {"AGENT_HZ": "440"}}, "sales": {"env": {"AGENT_HZ": "620"}}}
NOT_HERE = 77

setup_failed = None
figures = []


def pytest_configure(config):
    global setup_failed
    config.addinivalue_line("markers", "alone: needs both cores for itself")
    try:
        binary()
    except FileNotFoundError as error:
        raise pytest.UsageError(str(error)) from None
    seen.register(config)
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        codes = [subprocess.run([str(HERE / "setup.sh"), *what]).returncode for what in ([], ["sipphone"])]
    if any(code not in (0, NOT_HERE) for code in codes):
        raise pytest.UsageError(f"tests/e2e/setup.sh failed with {codes}")
    if NOT_HERE in codes:
        setup_failed = "NOT TESTED: Go or Node.js is missing (tests/e2e/setup.sh says which)"


def pytest_report_header():
    return f"end to end: {binary()}"


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE not in item.path.parents:
            continue
        if setup_failed:
            item.add_marker(pytest.mark.skip(reason=setup_failed))


def pytest_terminal_summary(terminalreporter):
    if figures:
        terminalreporter.section("figures")
    for test, what, value in sorted(figures, key=lambda figure: figure[0]):
        terminalreporter.write_line(f"{test:66} {what:34} {value}")
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "NOT TESTED" in str(report.longrepr)]
    if skipped:
        terminalreporter.section(f"{len(skipped)} tests were NOT run", red=True)
        terminalreporter.write_line(skipped[0].longrepr[2], red=True)
        for report in skipped:
            terminalreporter.write_line("  " + report.nodeid.split("::")[-1])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    if call.excinfo is not None:
        item.has_failed = True
    report = (yield).get_result()
    report.user_properties += [("figure", figure) for figure in stages.FIGURES]  # they reach whoever runs the workers
    stages.FIGURES.clear()


def pytest_runtest_logreport(report):
    figures.extend(figure for name, figure in report.user_properties if name == "figure")


@pytest.fixture
def start(request):
    """start(rules=…, agents=…, SETTING=…): everything that a call needs; checked for leftovers after a good test."""
    stack = contextlib.ExitStack()

    def make(rules=RULES, agents=AGENTS, **more):
        return stack.enter_context(stages.Stage(rules, agents, **more))
    yield make
    error = AssertionError("the test has failed") if getattr(request.node, "has_failed", False) else None
    stack.__exit__(type(error) if error else None, error, None)
