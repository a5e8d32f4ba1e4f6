"""Notes which log messages the daemon in the guest wrote."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import seen  # noqa: E402


def pytest_configure(config):
    seen.register(config)
