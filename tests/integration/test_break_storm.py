"""Many at once: hundreds of agents with orphans end in one moment."""
from daemon import cpu_seconds, processes_marked, wait_for
from livekit import Call

AGENTS = 300
STUBBORN_WITH_ORPHAN = "trap '' TERM; setsid sleep 600 & sleep 600"


def test_the_end_of_many_agents_with_orphans_keeps_the_loop_no_longer_than_their_start(start):
    """A look at every child for every exit is quadratic: 700 agents kept the loop for five seconds. Both in CPU time, which is
    another on another machine: to end them is less work than to start them."""
    daemon = start(rules=[{"pattern": "*", "agent_name": "it"}], LOG_LEVEL="info",
                   agents=lambda d: {"it": d.entry(command=["/bin/sh", "-c", STUBBORN_WITH_ORPHAN], stop_timeout="1s")})
    calls = [Call() for _ in range(AGENTS)]
    before = cpu_seconds(daemon.process.pid)
    for call in calls:
        daemon.post(call.room_started(), call.caller_joined())
    wait_for(lambda: len(processes_marked(daemon.mark())) >= 3 * AGENTS, "agents and orphans run", timeout=300)
    running = cpu_seconds(daemon.process.pid)
    for call in calls:
        daemon.post(call.caller_left())
    wait_for(lambda: not processes_marked(daemon.mark()), "all are gone", timeout=300)
    over = cpu_seconds(daemon.process.pid)
    assert over - running < running - before, f"CPU time: {over - running:.2f} s to end, {running - before:.2f} s to start"


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
