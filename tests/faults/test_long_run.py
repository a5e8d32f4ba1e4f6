"""A share of the hour of long_run.py, or with --all the whole of it."""
import subprocess
import sys
from pathlib import Path

from daemon import binary

SHARE = 4000


def test_long_run_leaks_nothing(request, record_property):
    whole = ["--to-the-end"] if request.config.getoption("--all") else ["--calls", str(SHARE)]
    done = subprocess.run([sys.executable, str(Path(__file__).parent / "long_run.py"), "--bin", binary(), *whole],
                          capture_output=True, text=True, timeout=4 * 3600)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    calls = next(line for line in done.stdout.splitlines() if " webhooks in " in line).split(" ", 1)[0]
    record_property("row", ("long run", 1, calls, 0, 0, 0, "-"))
