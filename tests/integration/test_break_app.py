"""What was found by trying to break the daemon's wiring: a stop that never ends, keys, credentials that are not there."""
import os
import signal

import livekit
import pytest
from daemon import wait_for
from livekit import Call

STUBBORN = ["/bin/sh", "-c", "trap '' TERM; : >$AGENT_OUT/up; while :; do sleep 0.1; done"]
OTHER_SECRET = "0123456789abcdef0123456789abcdee"
ANY = [{"pattern": "*", "agent_name": "it"}]


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"other: {OTHER_SECRET}\n")
    return path


def test_each_address_of_a_long_list_is_listened_on(start):
    """What came after the thirty-second was left out without a word, all of SIP_ADMIN_LISTEN first."""
    daemon = start(SIP_LISTEN=",".join(["127.0.0.1:0"] * 64))

    def listens():
        return [record for record in list(daemon.log) if record["message"].startswith("listening on")]
    wait_for(lambda: len(listens()) == 65, "it says so of each, and of the operator's")
    assert daemon.status()["calls"] == []


def test_a_caller_who_comes_while_calls_are_ended_keeps_nothing_alive(start):
    """A new leg makes a call of what is over: it is left to the successor (503), or the daemon would never end."""
    daemon = start(rules=ANY, agents=lambda d: {"it": d.entry(command=STUBBORN, stop_timeout="5s")})
    call = Call()
    daemon.post(*call.ringing())
    wait_for((daemon.notes / "up").exists, "the agent ignores SIGTERM")
    daemon.process.send_signal(signal.SIGTERM)
    daemon.wait_logged("told to stop; calls in progress: 1; ending them")
    again = call.caller_joined()
    again["participant"].update(sid=livekit.sid("PA"), identity="sip_again")
    body = livekit.encode(again)
    assert daemon.post_raw(body, livekit.webhook_token(body)) == 503
    assert daemon.process.wait(timeout=60) == 0


@pytest.mark.parametrize("kind", ["fifo", "directory", "gone"])
def test_keys_file_that_becomes_something_else_neither_blocks_nor_loses_keys(start, keys, kind):
    """Opening a FIFO waits for its writer: the loop stood still."""
    daemon = start(LIVEKIT_KEYS=keys)
    keys.unlink()
    if kind == "fifo":
        os.mkfifo(keys)
    elif kind == "directory":
        keys.mkdir()
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_logged("the keys could not be read again, keeping the 2 in use")
    daemon.post(Call().room_finished(), key="other", secret=OTHER_SECRET)


def test_api_credentials_without_a_key_of_ours_break_the_agent(start, keys):
    """It would start without credentials and fail call after call."""
    daemon = start(rules=ANY, agents=lambda d: {"it": d.entry(credentials="api"), "other": d.entry()},
                   LIVEKIT_KEYS=keys, LIVEKIT_API_KEY=None, LIVEKIT_API_SECRET=None)
    assert "LIVEKIT_API_KEY" in daemon.status()["agents"]["broken"]["it"]
