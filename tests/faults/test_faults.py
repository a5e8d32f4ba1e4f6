"""Every function that asks something of the kernel or of memory fails once, at its n-th call, in a daemon that takes calls
back or is busy; or the daemon is killed at it. doc/faults.md says what must hold then."""
import concurrent.futures
import contextlib
import errno
import itertools
import os
import random

import odd_livekit as odd
import pytest
import trial
from daemon import binary
from faulty import Fault
from servers import Redis
from story import Doubled, Dropped, Leaked, Store, Story

THREADS, DATABASES = 3, 64
SANITIZED = os.path.basename(os.path.dirname(binary())) == "asan"

ONCE = {"open": errno.EMFILE, "read": errno.EIO, "write": errno.ENOSPC, "send": errno.ECONNRESET, "receive": errno.ECONNRESET,
        "rename": errno.EIO, "remove": errno.EIO, "truncate": errno.ENOSPC, "stat": errno.EIO, "socket": errno.EMFILE,
        "accept": errno.EMFILE, "connect": errno.ECONNREFUSED, "epoll_ctl": errno.ENOSPC, "epoll_wait": errno.EINTR,
        "pidfd_open": errno.EMFILE, "signal": errno.EPERM, "waitid": errno.ECHILD, "fcntl": errno.EMFILE}
ONLY_BUSY = {"spawn": errno.EAGAIN}
ONLY_START = {"mkdir": errno.ENOSPC, "sync": errno.EIO, "epoll_create": errno.EMFILE, "signalfd": errno.EMFILE,
              "thread": errno.EAGAIN}
# From the n-th call on, until the test lets go: the disk is full, no process may be started, Redis and LiveKit are away.
STAYING = {"write": errno.ENOSPC, "rename": errno.EROFS, "spawn": errno.EAGAIN, "connect": errno.ECONNREFUSED,
           "socket": errno.EMFILE, "accept": errno.EMFILE}
MEMORY = [] if SANITIZED else [Fault("busy", "memory", errno.ENOMEM), Fault("start", "memory", errno.ENOMEM)]
FAULTS = [Fault("busy", "any"), Fault("start", "any"), *MEMORY,
          *(Fault("busy", kind, error) for kind, error in (ONCE | ONLY_BUSY).items()),
          *(Fault("start", kind, error) for kind, error in (ONCE | ONLY_START).items()),
          *(Fault("busy", kind, error, stays=True) for kind, error in STAYING.items())]
# How many n are tried of a fault that has so many: those of which much is expected get more.
USUAL = {"any": 50, "memory": 30}
FEW = 6


class Stage:
    """A Redis that the stories of one process share, each with a database of its own. A LiveKit is each one's own: a bridge
    finds every call in it."""

    def __init__(self, redis):
        self.redis = redis
        self.databases, self.looks = itertools.cycle(range(DATABASES)), {}

    @contextlib.contextmanager
    def story(self, **forgiven):
        with odd.OddLiveKit() as server:
            story = Story(server, Store(self.redis.port, next(self.databases)), **forgiven)
            try:
                yield story
            finally:
                story.close()

    def look(self, when):
        """(how often a run calls what, what it has open), once for each process."""
        if when not in self.looks:
            with self.story() as story:
                self.looks[when] = trial.look(story, when)
        return self.looks[when]


@pytest.fixture(scope="module")
def stage():
    with Redis("--databases", str(DATABASES)) as redis:
        yield Stage(redis)


def try_one(stage, fault, number):
    """The outcome, or what went wrong."""
    clean = stage.look(fault.when)[1]
    try:
        with stage.story(unreadable=fault.when == "start" and fault.error == errno.EIO, may_give_up=fault.stays) as story:
            return trial.run(story, fault, number, clean)
    except Exception as error:  # whatever it is, it is told with its number
        return number, error


def numbers_of(fault, count, config):
    """Endless with --all: until runs are clean."""
    if config.getoption("--all"):
        return itertools.count(1)
    usual = max(1, round(USUAL.get(fault.kind, FEW) * config.getoption("--share")))
    dice = random.Random(f"{config.seed} {fault}")
    most = max(count, 1)  # what one run calls may be another's (what is synced depends on what changed)
    return sorted(dice.sample(range(1, most + 1), min(usual, most)))


def try_all(stage, fault, numbers):
    """The outcomes, in batches, until all of one were clean."""
    results, numbers = [], iter(numbers)
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        while batch := list(itertools.islice(numbers, 4 * THREADS)):
            done = list(pool.map(lambda number: try_one(stage, fault, number), batch))
            results += done
            if not any(isinstance(one, tuple) or one.fired for one in done):
                break
    return results


def row_of(fault, outcomes, failures):
    def of(kind):
        return sum(isinstance(error, kind) for _, error in failures)
    healed = max((outcome.healed_s for outcome in outcomes if outcome.fired), default=0)
    return (str(fault), len(outcomes) + len(failures), sum(outcome.calls for outcome in outcomes), of(Dropped), of(Doubled),
            of(Leaked), f"{healed:.2f} s")


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_fault(stage, fault, request, record_property):
    count = stage.look(fault.when)[0][fault.kind]
    results = try_all(stage, fault, numbers_of(fault, count, request.config))
    outcomes = [one for one in results if not isinstance(one, tuple)]
    failures = [one for one in results if isinstance(one, tuple)]
    record_property("row", row_of(fault, outcomes, failures))
    told = "\n".join(f"n = {number}: {type(error).__name__}: {error}" for number, error in failures)
    assert not failures, f"{len(failures)} of {len(results)} (--seed {request.config.seed}):\n{told}"
