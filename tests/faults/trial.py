"""One trial: a story, a fault at the n-th call of its kind, and what became of the promises."""
import re
import signal
import time
from dataclasses import dataclass

from daemon import wait_for
from story import PATIENCE_S, Story, Wrong

# How a daemon may end by itself, and what it then says: doc/faults.md.
GIVES_UP = re.compile(r"SIP out of memory|no memory|SIP epoll_|SIP eventfd|fatal")


@dataclass
class Outcome:
    fired: bool       # the fault was met
    ended: bool       # the daemon ended by it
    calls: int        # in progress
    healed_s: float   # until all promises held again
    number: int = 0


def check_same(before, after, what):
    """Who had an agent has that agent."""
    for sid, pids in before.items():
        if sid in after and after[sid] != pids:
            raise Wrong(f"{what}: the call {sid} was dropped: its agent was {pids}, now it is {after[sid]}")


def check_end(story, fault):
    """It was killed, or gave up as documented."""
    code = story.daemon.process.wait(PATIENCE_S)
    words = story.check_words()
    if fault.kills:
        right = code == -signal.SIGKILL
    elif fault.when == "start" and code == 1:
        right = "sipbridge:" in words
    else:
        right = code == -signal.SIGABRT and GIVES_UP.search(words)
    if not right:
        raise Wrong(f"it ended with {code}, saying {words[-500:]!r}")


def of_calls(story, agents):
    """The agents whose calls are in progress."""
    return {call.sid: agents[call.sid] for call in story.calls if call.sid in agents}


def meet_busy(story, fault, number):
    daemon = story.daemon
    daemon.start(preload=True)
    daemon.wait_until_up()
    story.begin()
    before = story.settle("before")[1]
    daemon.control.aim(fault, number)
    daemon.control.arm()
    story.go_on()
    return before


def meet_at_start(story, fault, number):
    daemon = story.daemon
    daemon.start()
    daemon.wait_until_up()
    story.begin()
    story.go_on()
    before = story.settle("before")[1]
    story.stop(signal.SIGKILL)
    story.hang_up(story.staying)
    story.daemon.process.stdout.close()
    daemon.control.aim(fault, number)
    daemon.control.arm()
    daemon.start(preload=True)
    wait_for(lambda: daemon.has_ended() or daemon.answers(), "it answers, or ends", PATIENCE_S)
    story.deliver()
    return of_calls(story, before)


def run(story, fault, number):
    daemon = story.daemon
    before = (meet_busy if fault.when == "busy" else meet_at_start)(story, fault, number)
    if fault.stays:
        daemon.control.arm(False)
    began = time.monotonic()
    while not daemon.has_ended() and not story.try_settled():
        if time.monotonic() > began + PATIENCE_S:
            raise Wrong(f"not settled after {PATIENCE_S} s: {story.state()}")
        time.sleep(0.002)
    daemon.control.arm(False)
    fired, ended = daemon.control.failed() > 0, daemon.has_ended()
    if ended:
        check_end(story, fault)
        alive = of_calls(story, story.agents())
        check_same(before, alive, "when the daemon had ended")
        lost = [sid for sid in before if sid not in alive]
        if lost:
            raise Wrong(f"the agents of {lost} ended with the daemon")
    else:
        alive = of_calls(story, story.agents())
        check_same(before, alive, "when it was well again")
        seconds = time.monotonic() - began
        story.stop(signal.SIGKILL if number % 2 else signal.SIGTERM)
    began = time.monotonic()
    story.start_again()
    _, agents = story.settle("after the next start")
    if ended:
        seconds = time.monotonic() - began
    check_same(alive, agents, "after the next start")
    calls = len(story.calls)
    story.finish()
    return Outcome(fired, ended, calls, seconds, number)
