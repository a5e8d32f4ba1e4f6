"""Fixtures. `start` starts daemons and checks at the end of the test that each left nothing behind."""
import signal

import pytest
import seen
from daemon import binary, starting
from servers import Redis


def pytest_configure(config):
    # Whoever starts us in the background of a shell has these ignored, and so would have all that we start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    try:
        binary()
    except FileNotFoundError as error:
        raise pytest.UsageError(str(error)) from None
    seen.register(config)


def pytest_report_header():
    return f"sipbridge: {binary()}"


@pytest.fixture
def start():
    with starting() as make:
        yield make


@pytest.fixture
def redis():
    with Redis() as server:
        yield server
