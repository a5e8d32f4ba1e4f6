"""One trial: a story, a fault at the n-th call of its kind, and what became of the promises."""
import re
import signal
import time
from dataclasses import dataclass

from daemon import wait_for
from faulty import KINDS, Fault
from story import PATIENCE_S, Dropped, Wrong

# How a daemon may end by itself, and what it then says: doc/faults.md.
GIVES_UP = re.compile(r"SIP (out of memory|epoll_|signalfd)|no memory|^pipe: |h2o_evloop_create")
# Some allocations of libh2o, libcurl (a table of no size is divided by) and the C library are not checked.
LIBRARY_ENDS = (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGFPE)


@dataclass
class Outcome:
    number: int       # of the call that failed
    fired: bool       # the fault was met
    ended: bool       # the daemon ended by it
    calls: int        # of the run
    healed_s: float   # until all promises held again


def check_same(story, before, after, what):
    """Who had an agent has that agent."""
    if story.was_set_aside():
        return
    for sid, pids in before.items():
        if sid in after and after[sid] != pids:
            raise Dropped(f"{what}: the call {sid} was dropped: its agent was {pids}, now it is {after[sid]}\n{story.daemon.story()}")


def check_end(story, fault):
    """It was killed, or gave up as documented."""
    code = story.daemon.process.wait(PATIENCE_S)
    words = story.check_words()
    if fault.kills:
        right = code == -signal.SIGKILL
    elif fault.when == "start" and code == 1:
        right = "sipbridge serve: " in words
    elif story.daemon.control.starved_library():
        right = code in LIBRARY_ENDS
    else:
        right = code == -signal.SIGABRT and GIVES_UP.search(words)
    if not right:
        raise Wrong(f"it ended with {code}, saying {words[-500:]!r}; memory was refused to {story.daemon.control.asker() or 'nobody'}")


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


def wait_well(story):
    """Until it has ended, or all is as it should be."""
    try:
        wait_for(lambda: story.daemon.has_ended() or story.try_settled(), "settled", PATIENCE_S)
    except AssertionError:
        raise story.not_settled("after the fault") from None


def go_over(story, number, before, clean):
    """The daemon lives: nothing was lost, nothing leaked; then it is restarted, one way or the other."""
    alive = of_calls(story, story.agents())
    check_same(story, before, alive, "when it was well again")
    story.check_descriptors(clean)
    number_of_signal = signal.SIGKILL if number % 2 else signal.SIGTERM
    story.stop(number_of_signal, may_crash=story.daemon.control.starved_library())
    return alive


def survive(story, fault, before):
    """The daemon has ended: all agents live on."""
    check_end(story, fault)
    alive = of_calls(story, story.agents())
    check_same(story, before, alive, "when the daemon had ended")
    lost = [sid for sid in before if sid not in alive]
    if lost:
        raise Dropped(f"the agents of {lost} ended with the daemon")
    return alive


def run(story, fault, number, clean):
    """The trial. CLEAN: the descriptors of a daemon that met no fault, where its calls are the same."""
    daemon = story.daemon
    before = (meet_busy if fault.when == "busy" else meet_at_start)(story, fault, number)
    if fault.stays:
        daemon.control.arm(False)
    began = time.monotonic()
    wait_well(story)
    daemon.control.arm(False)
    wait_for(lambda: daemon.has_ended() or daemon.answers(), "it answers, or has ended of what was met last", PATIENCE_S)
    seconds = time.monotonic() - began
    fired, ended = daemon.control.failed() > 0, daemon.has_ended()
    alive = survive(story, fault, before) if ended else go_over(story, number, before, clean)
    began = time.monotonic()
    story.start_again()
    _, agents = story.settle("after the next start")
    if ended:
        seconds = time.monotonic() - began
    check_same(story, alive, agents, "after the next start")
    calls = len(story.calls) + len(story.over)
    story.finish()
    return Outcome(number, fired, ended, calls, seconds)


def look(story, when):
    """What a run without a fault does: ({kind: calls}, its descriptors)."""
    fault = Fault(when, "any")
    (meet_busy if when == "busy" else meet_at_start)(story, fault, 0)
    story.settle("without a fault")
    calls = {kind: story.daemon.control.calls(kind) for kind in KINDS}
    return calls, story.descriptors()
