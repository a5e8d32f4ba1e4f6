"""A restart, an upgrade or kill -9 of sipbridge drops no call: the next start takes calls and agents back."""
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from daemon import HERE, PYTHON, binary, holds_for, is_alive, processes_marked, wait_for
from livekit import Call, encode, webhook_token

def small(daemon, *args):
    return daemon.entry(command=[*PYTHON, str(HERE / "small_agent.py"), *args])


def agents_of(daemon, call):
    pids = [int(path.name.split(".")[1]) for path in daemon.notes.glob(f"{call.sid}.*.up")]
    return [pid for pid in pids if is_alive(pid)]


def wait_up(daemon, calls):
    return {call.sid: wait_for(lambda call=call: agents_of(daemon, call), f"an agent of {call.sid}", 300)[0] for call in calls}


def kill(daemon):
    daemon.process.kill()
    daemon.process.wait()
    if daemon.connection is not None:
        daemon.connection.close()
        daemon.connection = None


def start_again(daemon):
    daemon.process.stdout.close()
    daemon.start()


def restart(daemon):
    kill(daemon)
    start_again(daemon)


def journal(daemon):
    return sorted(path.name for path in (daemon.state / "journal").glob("*.json"))


def entry_of(daemon, call):
    path = daemon.state / "journal" / f"{call.sid}.json"
    return json.loads(path.read_text())


def wait_kept(daemon, call, **wanted):
    """Until the journal says so of the call."""
    def kept():
        with contextlib.suppress(FileNotFoundError):
            entry = entry_of(daemon, call)
            return all(entry.get(name, entry["facts"].get(name)) == value for name, value in wanted.items()) and entry
    return wait_for(kept, f"the journal says {wanted} of {call.sid}")


def talking(keep, **settings):
    """A daemon, a call in it that the journal says is answered, and the pid of its agent."""
    daemon, call = keep(**settings), Call()
    daemon.post(*call.ringing(), *call.answered())
    agent = wait_up(daemon, [call])[call.sid]
    wait_kept(daemon, call, voice="speaks")
    return daemon, call, agent


def hang_up(daemon, call, agent):
    daemon.post(*call.hung_up())
    daemon.wait_gone(agent)


@pytest.fixture
def keep(start):
    """A daemon with small agents that leaves its calls to the next start; whatever it left is ended afterwards."""
    made = []

    def make(**settings):
        settings = {"SIP_ON_EXIT": "keep", "SIP_STOP_TIMEOUT": "2s", "SIP_REJOIN_GRACE": "300ms", **settings}
        daemon = start(agents=settings.pop("agents", lambda d: {n: small(d) for n in ("support", "sales")}), **settings)
        made.append(daemon)
        return daemon
    yield make
    for daemon in made:
        for pid in processes_marked(daemon.mark()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_kill_under_100_calls_harms_none(keep):
    daemon = keep(rules=[{"pattern": "*", "agent_name": "support"}])
    calls = [Call(caller=f"+1555{n:06}") for n in range(100)]
    told = {call.sid: call.ringing() for call in calls}
    for events in told.values():
        daemon.post(*events)
    agents = wait_up(daemon, calls)
    for call in calls[:90]:
        told[call.sid] += call.answered()
        daemon.post(*told[call.sid][3:])
    for call in calls:
        wait_kept(daemon, call, process="running")
    restart(daemon)
    daemon.wait_logged("calls taken back from a former start: 100, agents' processes: 100")
    assert daemon.status()["process_count"] == 100
    for call in calls:  # what is told again changes nothing
        daemon.post(*told[call.sid])
    holds_for(lambda: all(is_alive(pid) for pid in agents.values()), 0.5, "all agents live")
    assert wait_up(daemon, calls) == agents and all(len(agents_of(daemon, call)) == 1 for call in calls)
    for pid in agents.values():
        os.kill(pid, signal.SIGUSR1)
    output = daemon.state / "calls" / f"{calls[0].sid}.log"
    wait_for(lambda: output.read_text() == "agent is here\nstill here\n", "output still reaches the file")
    logs = subprocess.run([binary(), "calls", "logs", calls[0].sid], env=daemon.environment(), capture_output=True, text=True)
    assert logs.returncode == 0 and logs.stdout == "agent is here\nstill here\n"
    for call in calls:
        daemon.post(*call.hung_up())
    for call in calls:
        daemon.wait_gone(agents[call.sid])
    wait_for(lambda: daemon.status()["process_count"] == 0, "status counts no process")
    assert not [record for record in daemon.log if record["level"] == "error"]


def test_killed_again_and_again_while_calls_come(keep):
    """Whatever it was about to do: one agent for each call in the end, and none without one."""
    daemon = keep(rules=[{"pattern": "*", "agent_name": "support"}])
    told = {}
    for _ in range(12):
        fresh = [Call() for _ in range(6)]
        for call in fresh:
            told[call.sid] = (call, call.ringing())
            daemon.post(*told[call.sid][1])
        restart(daemon)
        for _, events in told.values():  # what was answered and not yet kept is lost: LiveKit is asked, or tells again
            daemon.post(*events)
    calls = [call for call, _ in told.values()]
    agents = wait_up(daemon, calls)
    wait_for(lambda: len(processes_marked(daemon.mark())) == len(calls), "one agent for each call")
    holds_for(lambda: all(agents_of(daemon, call) == [agents[call.sid]] for call in calls), 0.5, "and it stays that one")
    assert daemon.status()["process_count"] == len(calls)
    for call in calls:
        daemon.post(*call.hung_up())
    wait_for(lambda: not processes_marked(daemon.mark()), "all agents are gone")
    wait_for(lambda: not daemon.calls(), "all calls are over")


def test_sigterm_leaves_the_calls_to_the_next_start(keep):
    daemon, call, agent = talking(keep)
    for _ in range(3):
        daemon.process.terminate()
        assert daemon.process.wait(60) == 0
        daemon.wait_logged("told to stop; calls in progress: 1; leaving them and their agents to the next start")
        daemon.wait_logged("^stopped$")
        assert not daemon.logged("could not be asked to delete")
        assert is_alive(agent)
        restart(daemon)
        shown = daemon.calls()[0]
        assert (shown["sid"], shown["pid"], shown["agent"], shown["state"]) == (call.sid, agent, "support", "talking")
        assert (shown["called"], shown["caller"]) == (call.called, call.caller)
    hang_up(daemon, call, agent)
    wait_for(lambda: not daemon.calls(), "no call is left")


@pytest.mark.parametrize("created", ["9223372036854775807", "-5"])
def test_a_call_that_a_broken_clock_told_is_taken_back(keep, created):
    daemon, call = keep(), Call()
    for event in [*call.ringing(), *call.answered()]:
        daemon.post({**event, "createdAt": created})
    agent = wait_up(daemon, [call])[call.sid]
    wait_kept(daemon, call, voice="speaks")
    restart(daemon)
    assert [shown["pid"] for shown in daemon.calls()] == [agent]
    hang_up(daemon, call, agent)


def test_a_call_whose_room_names_what_is_no_agent_is_taken_back(keep):
    """Where one command answers for every name a name of any length was taken, and was too long for the journal."""
    daemon, call = keep(rules=[], agents=False, SIP_AGENT_COMMAND="sleep 600"), Call()
    call.metadata = json.dumps({"agent_name": "x" * 2000})
    daemon.post(*call.ringing(), *call.answered())
    daemon.wait_logged("the room's metadata name nobody: an agent's name has 1 to 128 bytes, not 2000")
    agent = wait_for(lambda: daemon.calls()[0]["pid"], "its process")
    wait_kept(daemon, call, voice="speaks")
    restart(daemon)
    assert [shown["pid"] for shown in daemon.calls()] == [agent]
    hang_up(daemon, call, agent)


@pytest.mark.parametrize("how", ["drain", "stop"])
def test_sigterm_that_drains_or_stops_leaves_nobody(keep, how):
    daemon, call, agent = talking(keep, SIP_ON_EXIT=how)
    daemon.process.terminate()
    if how == "drain":
        holds_for(lambda: is_alive(agent) and daemon.process.poll() is None, 0.3, "the call is waited for")
        daemon.process.terminate()
    assert daemon.process.wait(60) == 0
    assert not is_alive(agent)


def test_second_signal_hurries_agents_that_have_their_time_after_the_call(keep):
    daemon, call, agent = talking(keep, SIP_ON_EXIT="drain", SIP_AFTER_CALL="1h")
    daemon.post(*call.hung_up())
    wait_kept(daemon, call, dismissed=True)
    daemon.process.terminate()
    daemon.wait_logged("told to stop; calls in progress: 1; waiting for them")
    holds_for(lambda: is_alive(agent) and daemon.process.poll() is None, 0.3, "it has its time")
    daemon.process.terminate()
    assert daemon.process.wait(60) == 0
    assert not is_alive(agent)


def test_caller_of_a_call_that_is_being_ended_is_left_to_the_next_start(keep):
    """Told to end its calls, it makes no call of one that is ending: LiveKit tells of that caller again."""
    daemon, call, agent = talking(keep, SIP_ON_EXIT="stop", agents=lambda d: {"support": small(d, "deaf")})
    second = Call(room=call.room, room_sid=call.sid)
    joined = encode(second.caller_joined())
    daemon.process.terminate()
    daemon.wait_logged("told to stop; calls in progress: 1; ending them")
    assert daemon.post_raw(joined, webhook_token(joined)) == 503
    assert daemon.process.wait(60) == 0
    assert not is_alive(agent)
    start_again(daemon)
    assert daemon.post_raw(joined, webhook_token(joined)) == 200
    hang_up(daemon, second, wait_up(daemon, [second])[second.sid])


NEW_PIDS = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


@pytest.mark.skipif(subprocess.run([*NEW_PIDS, "true"], capture_output=True).returncode != 0, reason="no new pid namespace")
def test_as_process_1_it_drains(keep):
    daemon = keep(SIP_ON_EXIT=None, wrapper=NEW_PIDS)
    call = Call()
    daemon.post(*call.ringing(), *call.answered())
    wait_for(lambda: list(daemon.notes.glob("*.up")), "an agent runs")
    first = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()[0]
    os.kill(int(first), signal.SIGTERM)
    daemon.wait_logged("told to stop; calls in progress: 1; waiting")
    daemon.post(call.caller_left())
    assert daemon.process.wait(60) == 0


@pytest.mark.skipif(subprocess.run([*NEW_PIDS, "true"], capture_output=True).returncode != 0, reason="no new pid namespace")
def test_as_process_1_it_reaps_orphans_and_forwards_no_signal(keep):
    daemon = keep(SIP_ON_EXIT=None, wrapper=NEW_PIDS, agents=lambda d: {"support": small(d, "daemon")})
    call = Call()
    daemon.post(*call.ringing(), *call.answered())
    first = int(Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()[0])

    def parent(pid):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

    def agent_and_orphan():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found = processes_marked(daemon.mark())
            return found if len(found) == 2 and {parent(pid) for pid in found} == {first} else None
    both = wait_for(agent_and_orphan, "an agent, and what it left behind is ours")
    orphan = max(both)
    os.kill(orphan, signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{orphan}").exists(), "no zombie is left")
    os.kill(first, signal.SIGTERM)
    daemon.wait_logged("told to stop; calls in progress: 1; waiting")
    holds_for(lambda: is_alive(min(both)), 0.3, "the agent was not told")
    daemon.post(call.caller_left())
    assert daemon.process.wait(60) == 0


def test_keep_is_the_default(keep):
    daemon = keep(SIP_ON_EXIT=None)
    call = Call()
    daemon.post(*call.ringing())
    agent = wait_up(daemon, [call])[call.sid]
    daemon.process.terminate()
    assert daemon.process.wait(60) == 0 and is_alive(agent)


def test_call_that_ended_meanwhile_is_ended_by_its_late_webhook(keep):
    daemon, call, agent = talking(keep)
    kill(daemon)
    late = call.hung_up()
    start_again(daemon)
    daemon.post(*late)
    daemon.wait_gone(agent)


def test_agent_that_died_meanwhile_is_replaced(keep):
    daemon, call, agent = talking(keep)
    kill(daemon)
    os.kill(agent, signal.SIGKILL)
    wait_for(lambda: not is_alive(agent), "the agent is gone")
    start_again(daemon)
    daemon.wait_logged("ended by itself with an unknown status")
    fresh = wait_up(daemon, [call])[call.sid]
    assert fresh != agent
    hang_up(daemon, call, fresh)


def test_stop_in_progress_goes_on(keep):
    """The agent ignores SIGTERM; the bridge that told it dies; the next one still ends it in time."""
    daemon, call, agent = talking(keep, agents=lambda d: {"support": small(d, "deaf")})
    daemon.post(*call.hung_up())
    wait_kept(daemon, call, dismissed=True)
    restart(daemon)
    assert daemon.calls()[0]["state"] == "stopping" and is_alive(agent)
    daemon.wait_gone(agent)
    wait_for(lambda: not daemon.calls(), "the call is over")


def stranger():
    """A process that is no agent."""
    return subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], env={"PATH": os.environ["PATH"]})


def test_reused_pid_of_a_stranger_is_not_signalled(keep):
    daemon, call, agent = talking(keep)
    kill(daemon)
    os.kill(agent, signal.SIGKILL)
    with stranger() as other:
        try:
            path = daemon.state / "journal" / f"{call.sid}.json"
            entry = json.loads(path.read_text())
            path.write_text(json.dumps({**entry, "pid": other.pid}))
            start_again(daemon)
            fresh = wait_up(daemon, [call])[call.sid]
            daemon.post(*call.hung_up())
            daemon.wait_gone(fresh)
            assert other.poll() is None, "a stranger was signalled"
        finally:
            other.kill()


def test_start_that_was_interrupted_is_found_by_its_instance(keep):
    """The journal has the intent alone: killed after the spawn and before the pid was written."""
    daemon = keep()
    call, never = Call(), Call()
    daemon.post(*call.ringing(), *never.ringing())
    agent = wait_up(daemon, [call, never])[call.sid]
    gone = wait_up(daemon, [never])[never.sid]
    kept = {c.sid: wait_kept(daemon, c, process="running") for c in (call, never)}
    kill(daemon)
    os.kill(gone, signal.SIGKILL)
    wait_for(lambda: not is_alive(gone), "one of them is gone")
    for sid, entry in kept.items():
        del entry["pid"], entry["birth"]
        entry["facts"]["process"] = "starting"
        (daemon.state / "journal" / f"{sid}.json").write_text(json.dumps(entry))
    start_again(daemon)
    wait_for(lambda: {c["sid"]: c["pid"] for c in daemon.calls()}[call.sid] == agent, "the agent is taken back")
    fresh = wait_up(daemon, [never])[never.sid]
    assert is_alive(agent) and fresh != gone
    for c, pid in ((call, agent), (never, fresh)):
        daemon.post(*c.hung_up())
        daemon.wait_gone(pid)


def test_damaged_files_are_set_aside(keep):
    daemon = keep()
    good, damaged = Call(), Call()
    daemon.post(*good.ringing(), *damaged.ringing())
    agents = wait_up(daemon, [good, damaged])
    wait_kept(daemon, good, process="running")
    entry = wait_kept(daemon, damaged, process="running")
    kill(daemon)
    directory = daemon.state / "journal"
    text = json.dumps(entry)
    (directory / f"{damaged.sid}.json").write_text(text[:len(text) // 2])
    (directory / "RM_future.json").write_text(json.dumps({**entry, "v": 99, "sid": "RM_future"}))
    (directory / "RM_other.json").write_text(text)
    (directory / "RM_link.json").symlink_to("/etc/passwd")
    (directory / "notes.txt").write_text("mine")
    (directory / "RM_half.json.tmp").write_text("{")
    start_again(daemon)
    for name in (damaged.sid, "RM_future", "RM_other", "RM_link", "notes.txt"):
        assert daemon.wait_logged(f"{name}.* is no entry of the journal that can be used"), name
    assert daemon.wait_logged("written by a later sipbridge")
    assert [c["sid"] for c in daemon.calls()] == [good.sid] and is_alive(agents[good.sid])
    daemon.wait_gone(agents[damaged.sid])  # of no call that is known
    assert len(list((directory / "set-aside").iterdir())) == 5
    assert journal(daemon) == [f"{good.sid}.json"] and not (directory / "RM_half.json.tmp").exists()
    daemon.post(*damaged.ringing(), *good.hung_up())
    fresh = wait_up(daemon, [damaged])[damaged.sid]
    daemon.post(*damaged.hung_up())
    daemon.wait_gone(fresh)


def test_agents_without_a_journal_are_ended_and_those_of_others_left_alone(keep):
    daemon, other = keep(), keep()
    call, theirs = Call(), Call()
    daemon.post(*call.ringing())
    other.post(*theirs.ringing())
    agent, neighbour = wait_up(daemon, [call])[call.sid], wait_up(other, [theirs])[theirs.sid]
    wait_kept(daemon, call, process="running")
    kill(daemon)
    (daemon.state / "journal" / f"{call.sid}.json").unlink()
    start_again(daemon)
    daemon.wait_gone(agent)
    daemon.wait_logged("of no call that is known: SIGKILL to it")
    assert is_alive(neighbour)
    other.post(*theirs.hung_up())
    other.wait_gone(neighbour)


def test_what_an_adopted_agent_leaves_behind_is_ended_with_it(keep):
    daemon, call, agent = talking(keep, agents=lambda d: {"support": small(d, "daemon")})
    wait_for(lambda: len(processes_marked(daemon.mark())) == 2, "its daemon runs")
    restart(daemon)
    holds_for(lambda: len(processes_marked(daemon.mark())) == 2, 0.3, "both live on")
    hang_up(daemon, call, agent)
    wait_for(lambda: not processes_marked(daemon.mark()), "its daemon is gone")


def test_agent_that_is_no_longer_in_the_directory_is_kept_and_replaced_by_another(keep):
    daemon, call, agent = talking(keep)
    kill(daemon)
    daemon.write("agents.json", {"sales": small(daemon)})
    daemon.write("rules.json", [{"pattern": "*", "agent_name": "sales"}])
    start_again(daemon)
    assert daemon.calls()[0]["agent"] == "support" and is_alive(agent)
    os.kill(agent, signal.SIGKILL)
    fresh = wait_for(lambda: [pid for pid in agents_of(daemon, call) if pid != agent], "another agent")[0]
    daemon.wait_logged("agent support is no longer in the directory")
    assert daemon.calls()[0]["agent"] == "sales"
    hang_up(daemon, call, fresh)


def test_call_of_another_boot_is_not_taken_back(keep):
    daemon = keep()
    call = Call()
    daemon.post(*call.ringing())
    agent = wait_up(daemon, [call])[call.sid]
    entry = wait_kept(daemon, call, process="running")
    assert entry["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    kill(daemon)
    (daemon.state / "journal" / f"{call.sid}.json").write_text(json.dumps({**entry, "boot": "another"}))
    start_again(daemon)
    daemon.wait_logged("is not taken back: its boot is another one")
    assert not daemon.calls() and not journal(daemon)
    daemon.wait_gone(agent)


def test_calls_that_are_over_stay_known(keep):
    daemon = keep()
    call = Call()
    daemon.post(*call.ringing(), *call.answered(), *call.hung_up())
    wait_for(lambda: not daemon.calls(), "the call is over")
    wait_kept(daemon, call, over=True)
    starts = len(list(daemon.notes.iterdir()))
    restart(daemon)
    daemon.post(call.caller_joined(), call.caller_track())
    holds_for(lambda: not daemon.calls() and len(list(daemon.notes.iterdir())) == starts, 0.5, "no agent for a call that is over")


@pytest.mark.parametrize("how", ["by its pid", "by its instance"])
def test_output_of_an_adopted_agent_is_still_limited(keep, how):
    daemon, call, agent = talking(keep, agents=lambda d: {"support": small(d, "flood")}, SIP_LOG_MAX="256KiB")
    kill(daemon)
    if how == "by its instance":
        entry = entry_of(daemon, call)
        del entry["pid"], entry["birth"]
        entry["facts"]["process"] = "starting"
        (daemon.state / "journal" / f"{call.sid}.json").write_text(json.dumps(entry))
    start_again(daemon)
    wait_for(lambda: daemon.calls()[0]["pid"] == agent, "it is taken back")
    output = daemon.state / "calls" / f"{call.sid}.log"
    for size in (1_900_000, 3_900_000):
        os.kill(agent, signal.SIGUSR1)
        wait_for(lambda: output.stat().st_size > size and output.stat().st_blocks * 512 <= 300_000, "the file is cut")
    hang_up(daemon, call, agent)


def test_second_daemon_on_the_same_directory_refuses(keep):
    daemon = keep()
    call = Call()
    daemon.post(*call.ringing())
    agent = wait_up(daemon, [call])[call.sid]
    environment = {**daemon.environment(), "SIP_ADMIN_LISTEN": ""}
    second = subprocess.run([binary(), "serve"], env=environment, capture_output=True, text=True, timeout=120)
    assert second.returncode == 1
    assert f"is in use by another sipbridge (process {daemon.process.pid})" in second.stderr
    assert is_alive(agent) and daemon.calls()[0]["pid"] == agent
    hang_up(daemon, call, agent)


def test_sockets_of_the_former_start_are_removed(keep):
    daemon = keep()
    call = Call()
    daemon.post(*call.ringing())
    agent = wait_up(daemon, [call])[call.sid]
    wait_kept(daemon, call, process="running")

    def sockets():
        return {(path.name, path.stat().st_ctime_ns) for path in (daemon.state / "notify").iterdir()}
    former = wait_for(lambda: len(made := sockets()) > 1 and made, "its agent's, and some made ahead")
    restart(daemon)
    assert not former & sockets()
    hang_up(daemon, call, agent)


def test_journal_that_cannot_be_written_makes_a_stop_wait(keep):
    daemon = keep()
    call = Call()
    (daemon.state / "journal").chmod(0o500)
    if os.geteuid() == 0:  # root writes anywhere: a directory in the place of the file stops it
        (daemon.state / "journal").chmod(0o700)
        (daemon.state / "journal" / "spare0.json.tmp").mkdir()
    daemon.post(*call.ringing(), *call.answered())
    agent = wait_up(daemon, [call])[call.sid]
    daemon.wait_logged("cannot be written: .*; the call goes on")
    daemon.process.terminate()
    daemon.wait_logged("the journal cannot be written, so the next start could not take the calls back")
    holds_for(lambda: is_alive(agent) and daemon.process.poll() is None, 0.3, "the call is waited for")
    daemon.post(call.caller_left())
    assert daemon.process.wait(60) == 0
    assert not is_alive(agent)


def test_secrets_are_not_in_the_state_directory(keep):
    daemon, call, agent = talking(keep)
    environ = dict(v.split("=", 1) for v in open(f"/proc/{agent}/environ").read().split("\0") if "=" in v)
    for path in (daemon.state / "journal").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        text = path.read_text()
        assert environ["LIVEKIT_TOKEN"] not in text and daemon.settings["LIVEKIT_API_SECRET"] not in text
    hang_up(daemon, call, agent)
