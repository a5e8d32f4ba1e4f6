"""Many at once: hundreds of agents with orphans end in one moment, and the daemon answers all the while."""
import threading
import time

from daemon import processes_marked, wait_for
from livekit import Call

AGENTS = 300
STUBBORN_WITH_ORPHAN = "trap '' TERM; setsid sleep 600 & sleep 600"


class Prober(threading.Thread):
    """Asks /livez all the time; `longest` is the longest answer in seconds."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.daemon_under_test, self.connection = daemon, daemon.new_connection(timeout=60)
        self.longest, self.running = 0.0, True

    def run(self):
        while self.running:
            began = time.monotonic()
            self.daemon_under_test.request("GET", "/livez", connection=self.connection)
            self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(0.005)

    def end(self):
        self.running = False
        self.join()
        self.connection.close()
        return self.longest


def test_the_end_of_many_agents_with_orphans_delays_no_answer(start):
    """A look at every child for every exit is quadratic: 700 agents kept the loop for five seconds."""
    daemon = start(rules=[{"pattern": "*", "agent_name": "it"}], LOG_LEVEL="info",
                   agents=lambda d: {"it": d.entry(command=["/bin/sh", "-c", STUBBORN_WITH_ORPHAN], stop_timeout="1s")})
    calls = [Call() for _ in range(AGENTS)]
    for call in calls:
        daemon.post(call.room_started(), call.caller_joined())
    wait_for(lambda: len(processes_marked(daemon.mark())) >= 3 * AGENTS, "agents and orphans run", timeout=60)
    prober = Prober(daemon)
    prober.start()
    for call in calls:
        daemon.post(call.caller_left())
    wait_for(lambda: not processes_marked(daemon.mark()), "all are gone")
    assert prober.end() < 0.5, f"an answer took {prober.longest:.2f} s"


def test_what_orphans_started_is_gone_when_the_daemon_is(start):
    """The daemon waits for the last look: descendants become its children only when their parent is killed."""
    script = ("import os,time\n"
              "for generation in range(4):\n"
              " if os.fork() > 0: time.sleep(600)\n"
              " os.setsid()\n"
              "open(os.environ['AGENT_OUT'] + '/all', 'w')\n"
              "time.sleep(600)\n")
    daemon = start(rules=[{"pattern": "*", "agent_name": "it"}],
                   agents=lambda d: {"it": d.entry(command=["python3", "-S", "-E", "-c", script])})
    daemon.post(*Call().ringing())
    wait_for((daemon.notes / "all").exists, "five generations run")
    assert len(processes_marked(daemon.mark())) == 5
    daemon.stop()
    assert not processes_marked(daemon.mark()), "left behind by a daemon that has ended"
