"""Tests of what is installed, in a bare Debian. `python3 -m pytest tests/install` makes that first (setup.sh)."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

from daemon import ROOT, binary  # noqa: E402
from root import Root  # noqa: E402

NOT_HERE = 77
NEW_VERSION = "0.1.1"


def pytest_configure(config):
    config.addinivalue_line("markers", "whole: takes minutes; only when it is asked for by name")


def pytest_collection_modifyitems(config, items):
    if "whole" not in (config.option.markexpr or ""):
        whole = [item for item in items if item.get_closest_marker("whole")]
        items[:] = [item for item in items if item not in whole]
        config.hook.pytest_deselected(items=whole)


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


def build_directory():
    """Where the binary under test was built; the release build's when it is no build of the package's kind."""
    given = Path(binary()).parent
    return given if given.name == "release" else ROOT / "build" / "release"


@pytest.fixture(scope="session")
def lower():
    run = subprocess.run([str(HERE / "setup.sh")], stdout=subprocess.PIPE, text=True)
    if run.returncode == NOT_HERE:
        pytest.skip("NOT TESTED: no bare Debian can be made here (tests/install/setup.sh says why)")
    assert run.returncode == 0, "tests/install/setup.sh failed"
    return run.stdout.strip()


@pytest.fixture
def root(lower):
    with Root(lower) as made:
        yield made


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """{version: package file}: that of this work tree, and the same as a newer version."""
    built = build_directory()
    assert (built / "CPackConfig.cmake").exists(), f"{built}: cmake --preset release && cmake --build --preset release"
    made = {}
    for version, more in (("0.1.0", []), (NEW_VERSION, ["-R", NEW_VERSION])):
        where = tmp_path_factory.mktemp(f"package-{version}")
        subprocess.run(["cpack", "-G", "DEB", "-B", str(where), *more], cwd=built, check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "DESTDIR": ""}, timeout=300)
        made[version], = where.glob("*.deb")
    return made
