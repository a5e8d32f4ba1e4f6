"""sipbridge is restarted under real calls: those in progress talk on, and one that arrives meanwhile is answered, because
LiveKit tells of it again (0, 1, 3, 7, 15 s), or because the socket is held."""
import signal
import time

import pytest
from daemon import is_alive
from manager import activation, listener
from stage import note


def stop(stage, number):
    daemon = stage.daemon
    daemon.process.send_signal(number)
    daemon.process.wait(60)
    if daemon.connection is not None:
        daemon.connection.close()
        daemon.connection = None


def start_again(stage):
    stage.daemon.process.stdout.close()
    stage.daemon.start()


def restart_under_calls(stage, number):
    """One call in progress and one that arrives while nobody is there: LiveKit has told of its room when it has joined."""
    stage.daemon.settings["SIP_LISTEN"] = f"127.0.0.1:{stage.daemon.port()}"
    talking, arriving = stage.call("+1234567"), stage.phone("+331")
    talking.answered(hz=440)
    agent = stage.pid(talking)
    arriving.wait("ready")
    stop(stage, number)
    arriving.dial()
    arriving.wait("joined")
    start_again(stage)
    back = time.monotonic()
    note("the arriving call: ring_ms", arriving.answered(hz=620, timeout=60))
    note("answered after the start, ms", round((time.monotonic() - back) * 1000))
    assert talking.is_talking() and is_alive(agent) and stage.pid(talking) == agent, "the call in progress was harmed"
    stage.heard_by_agent(talking)
    for phone in (talking, arriving):
        assert len(stage.agents_in(phone.room)) == 1
        stage.end(phone)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["terminated", "killed"])
def test_livekits_retries_bring_the_call_that_arrived_meanwhile(start, number):
    """Its first webhooks meet a closed port."""
    restart_under_calls(start(SIP_ON_EXIT="keep"), number)


def test_held_socket_keeps_the_first_webhook(start):
    with listener() as held:
        stage = start(SIP_ON_EXIT="keep", activated=activation(public=held))
        restart_under_calls(stage, signal.SIGTERM)
