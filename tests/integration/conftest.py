"""Fixtures. `start` starts daemons and checks at the end of the test that each left nothing behind."""
import contextlib

import pytest
from daemon import Daemon, binary
from servers import Redis

RULES = [{"pattern": "+1234567", "priority": 1, "agent_name": "support"},
         {"pattern": "+33*", "agent_name": "sales", "metadata": {"language": "fr"}}]


def pytest_configure():
    try:
        binary()
    except FileNotFoundError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_report_header():
    return f"sipbridge: {binary()}"


@pytest.fixture
def start():
    """start(rules=…, agents=…, SETTING=…): a daemon with these documents as files. `agents` may be a function of the
    daemon; the default is two good agents, support and sales, and rules for +1234567 and +33*."""
    with contextlib.ExitStack() as stack:
        def make(rules=RULES, agents=None, daemon=None, **settings):
            own = {name: settings.pop(name) for name in ("wrapper", "preexec", "read_log", "wait", "args")
                   if name in settings}
            made = Daemon(settings, **own)
            if agents is None:
                documents = {name: made.entry() for name in ("support", "sales")}
            else:
                documents = agents(made) if callable(agents) else agents
            for setting, name, document in (("SIP_RULES_FILE", "rules.json", rules),
                                            ("SIP_AGENTS_FILE", "agents.json", documents)):
                if document is not False:
                    made.settings.setdefault(setting, str(made.write(name, document)))
            return stack.enter_context(made)
        yield make


@pytest.fixture
def redis():
    with Redis() as server:
        yield server
