"""Killed between two steps of a start, at the one call that stands there: the next start must know of it. LiveKit cannot be
asked, and sends nothing again: what is known is what the journal says."""
import contextlib
import errno
import http.client

import pytest
from daemon import wait_for
from faulty import Fault, Subject
from livekit import Call
from story import PATIENCE_S, STAYING, agents_of

RULES = [{"pattern": "*", "agent_name": "stays"}]


@pytest.fixture
def daemon():
    subject = Subject({"SIP_ON_EXIT": "keep", "SIP_REJOIN_GRACE": "0s", "SIP_STOP_TIMEOUT": "1s"})
    entry = {"command": ["/bin/sh", "-c", STAYING], "env": {"MARK": str(subject.dir)}}
    subject.write("rules.json", RULES)
    subject.write("agents.json", {"stays": entry})
    subject.settings |= {"SIP_RULES_FILE": str(subject.dir / "rules.json"), "SIP_AGENTS_FILE": str(subject.dir / "agents.json")}
    yield subject
    if not subject.has_ended():
        subject.process.kill()
        subject.process.wait()
    subject.clean_up()


def test_no_descriptor_for_one_file_of_the_start(daemon):
    """Whichever it is, nothing is wrong with the journal then: no entry is set aside, no agent ended, the next start goes on."""
    def agents():
        return agents_of(b"MARK=" + daemon.mark())

    def kept():
        return '"pid":' in (daemon.state / "journal" / f"{call.sid}.json").read_text()
    daemon.start()
    daemon.wait_until_up()
    call = Call()
    daemon.post(*call.ringing())
    wait_for(lambda: agents() and kept(), "its agent runs, and the journal knows it", PATIENCE_S)
    before, refused = agents(), 0
    daemon.process.kill()
    for number in range(1, 41):  # more than it opens before it listens
        daemon.process.wait()
        daemon.forget_connection()
        daemon.process.stdout.close()
        daemon.control.aim(Fault("start", "open", errno.EMFILE), number)
        daemon.control.arm()
        daemon.start(preload=True)
        wait_for(lambda: daemon.has_ended() or daemon.answers(), "it answers, or ends", PATIENCE_S)
        refused += daemon.has_ended()
        daemon.process.kill()
        assert not (daemon.state / "journal" / "set-aside").exists(), number
        assert agents() == before, number
    daemon.process.wait()
    daemon.process.stdout.close()
    daemon.start_clean()
    assert refused > 5 and [one["pid"] for one in daemon.calls()] == before[call.sid]
    daemon.post(*call.hung_up())
    wait_for(lambda: not agents() and not daemon.calls(), "nothing is left", PATIENCE_S)


def test_process_whose_end_could_not_be_seen(daemon):
    """It is ended again, and another one takes its place: never two."""
    daemon.start(preload=True)
    daemon.wait_until_up()
    daemon.control.aim(Fault("busy", "pidfd_open", errno.EMFILE), 1)
    daemon.control.arm()
    call = Call()
    daemon.post(*call.ringing())
    daemon.wait_logged("since its end could not be seen", PATIENCE_S)
    pid = wait_for(lambda: daemon.calls()[0]["pid"], "another one is started", PATIENCE_S)
    wait_for(lambda: agents_of(b"MARK=" + daemon.mark()) == {call.sid: [pid]}, "there is one", PATIENCE_S)
    daemon.post(*call.hung_up())
    wait_for(lambda: not agents_of(b"MARK=" + daemon.mark()) and not daemon.calls(), "nothing is left", PATIENCE_S)


def lines_of(path, call):
    return [line for line in path.read_text().splitlines() if call.sid in line] if path.exists() else []


def play_to_the_end(daemon, log, number):
    """A call ends, and the daemon is killed at the NUMBERth rename or write meanwhile: (it was, lines of the call log)."""
    daemon.start(preload=True)
    daemon.wait_until_up()
    call = Call()
    daemon.post(*call.ringing())
    wait_for(lambda: agents_of(b"MARK=" + daemon.mark()), "its agent runs", PATIENCE_S)
    daemon.control.aim(Fault("busy", "write"), number)
    daemon.control.arm()
    with contextlib.suppress(OSError, http.client.HTTPException):
        daemon.post(*call.hung_up())
    wait_for(lambda: daemon.has_ended() or lines_of(log, call), "it is killed, or the call is told", PATIENCE_S)
    killed = daemon.control.failed() > 0
    daemon.process.kill()
    daemon.process.wait()
    daemon.forget_connection()
    daemon.process.stdout.close()
    daemon.start_clean()
    daemon.post(*call.hung_up())
    wait_for(lambda: not daemon.calls() and not agents_of(b"MARK=" + daemon.mark()), "the call is over", PATIENCE_S)
    daemon.process.terminate()
    daemon.process.wait(PATIENCE_S)
    daemon.forget_connection()
    daemon.process.stdout.close()
    return killed, len(lines_of(log, call))


def test_killed_as_a_call_ends_it_is_in_the_call_log_once_at_most(daemon):
    """The journal is first to know that a call is over, and the call log second: what dies between the two has lost a line
    (doc/call-log.md), but none is there twice."""
    log = daemon.dir / "calls.jsonl"
    daemon.settings["SIP_CALL_LOG"] = str(log)
    counts = []
    for number in range(1, 40):
        killed, lines = play_to_the_end(daemon, log, number)
        counts.append(lines)
        if not killed:
            break
    assert not killed and counts[-1] == 1 and 1 in counts[:-1] and max(counts) == 1, counts


# The process is there, and nothing was noted of it but that it would be started; and it was about to be started.
@pytest.mark.parametrize("kind, started", [("pidfd_open", True), ("spawn", False)])
def test_killed_around_a_start(daemon, kind, started):
    def agents():
        return agents_of(b"MARK=" + daemon.mark())
    daemon.start(preload=True)
    daemon.wait_until_up()
    daemon.control.aim(Fault("busy", kind), 1)
    daemon.control.arm()
    call = Call()
    with contextlib.suppress(OSError, http.client.HTTPException):  # the answer goes out first, or never
        daemon.post(*call.ringing()[:1])
    daemon.process.wait(PATIENCE_S)
    assert daemon.control.failed() == 1
    before = wait_for(agents, "its agent runs", PATIENCE_S) if started else agents()
    daemon.forget_connection()
    daemon.process.stdout.close()
    daemon.start_clean()
    after = wait_for(lambda: daemon.calls()[0]["pid"] and agents(), "the call has its agent", PATIENCE_S)
    assert len(after[call.sid]) == 1 and daemon.calls()[0]["pid"] == after[call.sid][0]
    assert after == before or not started, "it was started twice, or ended"
    daemon.post(*call.ringing()[1:], *call.hung_up())
    wait_for(lambda: not agents() and not daemon.calls(), "nothing is left", PATIENCE_S)
