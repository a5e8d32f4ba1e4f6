"""An upgrade is a restart: webhooks come on, calls talk on."""
import http.client
import signal
import threading
import time
from pathlib import Path

import pytest
from daemon import is_alive, processes_marked, wait_for
from livekit import Call, encode, webhook_token
from manager import activation, listener
from sender import Sender
from test_restart import agents_of, keep, kill, start_again, wait_up  # noqa: F401 (a fixture)

RULES = [{"pattern": "*", "agent_name": "support"}]
RATE, CALLS, RESTARTS = 200, 50, 20


def stop(daemon):
    """As systemctl restart does. Who asks next must not meet the former start's connections."""
    daemon.process.terminate()
    assert daemon.process.wait(60) == 0, daemon.story()
    daemon.connection = daemon.connection and daemon.connection.close()


class Traffic:
    """A steady rate of webhooks about CALLS that are in progress, until told to end: tracks, again and again."""

    def __init__(self, sender, calls, rate):
        self.sender, self.calls, self.rate = sender, calls, rate
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def run(self):
        began, sent = time.monotonic(), 0
        while not self.ended.is_set():
            while sent < (time.monotonic() - began) * self.rate:
                self.sender.send(self.calls[sent % len(self.calls)].caller_track())
                sent += 1
            self.ended.wait(0.005)

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def begin(daemon, calls):
    for call in calls:
        daemon.post(*call.ringing(), *call.answered())
    return wait_up(daemon, calls)


def check_unharmed(daemon, calls, agents):
    assert all(is_alive(pid) for pid in agents.values()), "an agent died"
    assert all(agents_of(daemon, call) == [agents[call.sid]] for call in calls), "a call has another agent, or two"
    assert sorted(processes_marked(daemon.mark())) == sorted(agents.values()), "processes that are of no call"


def end(daemon, calls):
    for call in calls:
        daemon.post(*call.hung_up())
    wait_for(lambda: not processes_marked(daemon.mark()), "all agents are gone")
    wait_for(lambda: not daemon.calls(), "all calls are over")


def test_restarts_with_a_held_socket_lose_no_webhook(keep):  # noqa: F811
    """20 in a row under 50 calls and 200 webhooks a second: none refused, none lost, no agent dies, none is doubled; calls
    that come meanwhile get theirs."""
    with listener() as held:
        daemon = keep(rules=RULES, **activation(public=held))
        calls = [Call(caller=f"+1555{n:06}") for n in range(CALLS)]
        agents, late = begin(daemon, calls), []
        with Sender(held.getsockname()[1]) as sender:
            with Traffic(sender, calls, RATE):
                for _ in range(RESTARTS):
                    late.append(Call())
                    stop(daemon)
                    sender.send(*late[-1].ringing())
                    start_again(daemon)
            wait_for(sender.finished, f"every webhook is answered: {sender.tally}")
        print(dict(sender.tally))
        assert sender.tally["lost"] == 0 and sender.tally["refused"] == 0, sender.tally
        assert sender.tally["answered"] == sender.tally["sent"] >= RESTARTS * 10
        agents |= wait_up(daemon, late)
        check_unharmed(daemon, calls + late, agents)
        end(daemon, calls + late)


def test_who_connects_while_it_leaves_is_served_by_the_next_start(keep):  # noqa: F811
    """It takes nobody in once it was told to stop: whoever it took it could only cut off."""
    with listener() as held:
        daemon = keep(rules=RULES, **activation(public=held))
        daemon.process.send_signal(signal.SIGSTOP)
        wait_for(lambda: Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T", "it stands still")
        daemon.process.terminate()  # it will find this first …
        late = http.client.HTTPConnection("127.0.0.1", held.getsockname()[1], timeout=60)
        late.connect()              # … and this together with it
        daemon.process.send_signal(signal.SIGCONT)
        assert daemon.process.wait(60) == 0, daemon.story()
        daemon.connection = daemon.connection and daemon.connection.close()
        start_again(daemon)
        call = Call()
        body = encode(call.room_started())
        assert daemon.post_raw(body, webhook_token(body), connection=late) == 200
        agents = wait_up(daemon, [call])
        late.close()
        check_unharmed(daemon, [call], agents)
        end(daemon, [call])


@pytest.mark.parametrize("how", ["terminated", "killed"])
def test_livekits_retries_cover_a_restart_without_a_held_socket(keep, how):  # noqa: F811
    """The port is closed for a moment: LiveKit's own schedule brings every event, in the order of its room."""
    daemon = keep(rules=RULES)
    daemon.settings["SIP_LISTEN"] = f"127.0.0.1:{daemon.port()}"
    calls = [Call(caller=f"+1555{n:06}") for n in range(10)]
    agents, late = begin(daemon, calls), []
    with Sender(daemon.port(), keep_alive=False) as sender:
        with Traffic(sender, calls, 50):
            for _ in range(2):
                stop(daemon) if how == "terminated" else kill(daemon)
                late.append(Call())
                sender.send(*late[-1].ringing())
                wait_for(lambda count=len(late): sender.tally["refused"] >= count * 5, "the port is closed")
                start_again(daemon)
        wait_for(sender.finished, f"every webhook is answered: {sender.tally}")
    print(dict(sender.tally))
    assert sender.tally["lost"] == 0 and sender.tally["answered"] == sender.tally["sent"], sender.tally
    agents |= wait_up(daemon, late)
    check_unharmed(daemon, calls + late, agents)
    end(daemon, calls + late)
