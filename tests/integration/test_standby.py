"""Standbys: processes that are started ahead of calls and get one by a line on standard input."""
import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from daemon import HERE, PYTHON, binary, holds_for, is_alive, processes_marked, wait_for
from livekit import SECRET, Call, encode, jwt_claims, webhook_token
from test_overload import pressure
from test_restart import kill


def agent(daemon, *args, **more):
    return daemon.entry(command=[*PYTHON, str(HERE / "standby_agent.py"), *args], **more)


def waiting(daemon):
    """Pids of the living processes that said that they stand by."""
    pids = [int(path.stem) for path in daemon.notes.glob("*.waits")]
    return sorted(pid for pid in pids if is_alive(pid))


def pool(daemon, name="support"):
    return daemon.status()["standbys"].get(name, {})


def wait_pool(daemon, timeout=60, **wanted):
    def there():
        now = pool(daemon)
        return all(now.get(name) == value for name, value in wanted.items()) and now
    return wait_for(there, f"the pool has {wanted}", timeout)


def idle(daemon):
    """Those that stand by and have no call."""
    busy = {report["pid"] for report in daemon.reports()}
    return [pid for pid in waiting(daemon) if pid not in busy]


def ringing(daemon, *calls):
    daemon.post(*[event for call in calls for event in call.ringing()])


def talking(daemon, ready):
    """A call that is answered, and what its agent noted; then READY wait again."""
    call = Call()
    ringing(daemon, call)
    report = daemon.wait_agent(call)
    daemon.post(*call.answered())
    wait_pool(daemon, ready=ready)
    return call, report


@pytest.fixture
def warm(start):
    """warm(*agent's arguments, standby=…, …, SETTING=…): a daemon whose agent support stands by."""
    def make(*args, ready=True, agents=None, **more):
        settings = {name: more.pop(name) for name in list(more) if name.isupper()}
        daemon = start(agents=agents or (lambda daemon: {"support": agent(daemon, *args, **{"standby": 1, **more})}), **settings)
        if ready:
            wait_pool(daemon, ready=more.get("standby", 1))
        return daemon
    return make


@pytest.fixture
def keep(warm):
    """The same, and the daemon leaves its calls to the next start; what is left is ended afterwards."""
    made = []

    def make(*args, **more):
        made.append(warm(*args, SIP_ON_EXIT="keep", **more))
        return made[-1]
    yield make
    for daemon in made:
        for pid in processes_marked(daemon.mark()):
            if daemon.process.pid != pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def test_call_gets_a_standby(warm):
    daemon, call = warm(standby=2), Call()
    before = waiting(daemon)
    ringing(daemon, call)
    report = daemon.wait_agent(call)
    assert report["standby"] and report["pid"] in before
    line = json.loads(report["line"])
    assert (line["call_sid"], line["agent"], line["called"], line["caller"]) == (call.sid, "support", call.called, call.caller)
    assert jwt_claims(line["token"])["video"]["room"] == call.room
    daemon.post(*call.answered())
    wait_for(lambda: daemon.calls()[0]["state"] == "talking", "the call is answered")
    now = wait_pool(daemon, ready=2, handed_over=1, missed=0)
    assert now["start_ms"] > 0 and now["failed"] == 0
    assert report["pid"] not in idle(daemon) and len(idle(daemon)) == 2
    assert daemon.calls()[0]["pid"] == report["pid"]


def test_environment_of_a_standby_names_no_call(warm):
    daemon = warm()
    note = json.loads(next(daemon.notes.glob("*.waits")).read_text())
    env = note["env"]
    assert env["SIP_STANDBY"] == "1" and env["SIP_AGENT_NAME"] == "support" and env["LIVEKIT_URL"].startswith("ws")
    of_calls = {"LIVEKIT_TOKEN", "SIP_CALL_SID", "SIP_ROOM_NAME", "SIP_CALLED_NUMBER", "SIP_CALLER_NUMBER", "SIP_TRUNK_ID",
                "SIP_RULE_ID", "SIP_RULE_METADATA", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"}
    assert not of_calls & set(env)


def test_api_credentials_are_given_ahead(warm):
    daemon, call = warm(credentials="api"), Call()
    env = json.loads(next(daemon.notes.glob("*.waits")).read_text())["env"]
    assert env["LIVEKIT_API_SECRET"] == SECRET
    ringing(daemon, call)
    assert daemon.wait_agent(call)["standby"]


def test_its_output_becomes_the_calls(warm):
    daemon, call = warm(), Call()
    ringing(daemon, call)
    report = daemon.wait_agent(call)
    output = daemon.state / "calls" / f"{call.sid}.log"
    wait_for(lambda: output.exists() and "has the call" in output.read_text(), "its output is the call's")
    assert output.read_text().startswith("standing by\n")
    os.kill(report["pid"], signal.SIGKILL)
    record = daemon.wait_logged("agent says: has the call")
    assert record["call"] == call.sid
    wait_for(lambda: len(daemon.reports(call)) == 2, "another one has the call")
    part = daemon.state / "calls" / f"{call.sid}.log.1"
    if daemon.reports(call)[1]["standby"]:
        assert f"has the call {call.sid}" in part.read_text() and f"has the call {call.sid}" in output.read_text()


def test_replacement_of_a_crashed_agent_comes_from_the_pool(warm):
    daemon = warm(standby=2)
    call, first = talking(daemon, 2)
    before = idle(daemon)
    os.kill(first["pid"], signal.SIGKILL)
    second = daemon.wait_agent(call, 1)
    assert second["standby"] and second["pid"] in before
    output = daemon.state / "calls" / call.sid
    wait_for(lambda: Path(f"{output}.log.1").exists(), "the first one's output is set aside")


def test_ten_at_once_with_three(warm):
    daemon, calls = warm(standby=3), [Call() for _ in range(10)]
    ringing(daemon, *calls)
    reports = [daemon.wait_agent(call) for call in calls]
    assert sum(report["standby"] for report in reports) >= 3
    for call in calls:
        assert len(daemon.reports(call)) == 1
        daemon.post(*call.answered())
    now = wait_pool(daemon, ready=3)
    assert now["handed_over"] + now["missed"] == 10 and now["lost"] == 0


def test_all_killed_at_the_moment_of_the_call(warm):
    daemon, call = warm(standby=3), Call()
    daemon.process.send_signal(signal.SIGSTOP)
    for pid in waiting(daemon):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not waiting(daemon), "they are gone")  # one that is still there could be handed the call
    daemon.process.send_signal(signal.SIGCONT)
    ringing(daemon, call)
    report = daemon.wait_agent(call)
    assert not report["standby"] or report["pid"] in waiting(daemon)
    holds_for(lambda: len(daemon.reports(call)) == 1, 0.5, "one agent")
    assert daemon.calls()[0]["restarts"] == 0
    daemon.post(*call.answered())
    wait_pool(daemon, ready=3, timeout=150)


def test_killed_while_they_are_told(warm):
    """Ten calls, and all standbys killed as they come: each call has an agent, and none was given up."""
    daemon, calls = warm(standby=5), [Call() for _ in range(10)]
    victims = waiting(daemon)
    for call in calls:
        ringing(daemon, call)
        if victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victims.pop(), signal.SIGKILL)

    def served():
        alive = [[report for report in daemon.reports(call) if is_alive(report["pid"])] for call in calls]
        return all(len(reports) == 1 for reports in alive)
    wait_for(served, "each call has one agent")
    assert len(daemon.calls()) == 10


def test_one_that_is_never_ready(warm):
    daemon = warm("mute", ready=False, SIP_STANDBY_TIMEOUT="300ms")
    daemon.wait_logged(r"a standby failed: it did not say READY=1")
    now = wait_for(lambda: (now := pool(daemon))["failed"] >= 3 and now["retry_in_ms"] > 0 and now, "it failed again and again")
    assert now["ready"] == 0 and "READY=1" in now["error"]
    health = daemon.health()
    assert health["status"] == "degraded" and "standby" in health["message"]
    call = Call()
    ringing(daemon, call)
    assert not daemon.wait_agent(call)["standby"]
    assert pool(daemon)["missed"] == 1


def test_failing_starts_do_not_loop_hot(warm):
    daemon = warm("dies", ready=False, standby=3)
    wait_for(lambda: pool(daemon)["failed"] >= 3, "it failed again and again")
    assert daemon.wait_logged("agent says: cannot load the model")
    started, began = pool(daemon)["started"], time.monotonic()
    holds_for(lambda: pool(daemon)["started"] <= started + 1 + (time.monotonic() - began), 2, "the next start waits")


def test_one_that_does_not_read_its_line(warm):
    daemon, call = warm("hangs", standby=1), Call()
    hung = waiting(daemon)
    ringing(daemon, call)
    daemon.wait_logged("did not read its call's line")
    daemon.wait_gone(hung[0])
    wait_for(lambda: daemon.reports(call), "a new process has the call")
    reports = daemon.reports(call)
    assert len(reports) == 1 and not reports[0]["standby"]
    assert pool(daemon)["lost"] >= 1 and daemon.logged("call ended") is None


def test_one_that_closed_its_standard_input(warm):
    daemon, call = warm("closed", ready=False), Call()
    wait_for(lambda: pool(daemon).get("ready") == 1, "it stands by")
    ringing(daemon, call)
    daemon.wait_logged("was gone, or had closed its standard input")
    assert daemon.wait_logged("agent process started")["call"] == call.sid


def test_changed_entry_replaces_them(warm):
    daemon = warm(standby=2)
    before = waiting(daemon)
    daemon.write("agents.json", {"support": agent(daemon, standby=1, env={"NEW": "yes"})})
    wait_for(lambda: not [pid for pid in before if is_alive(pid)] and len(waiting(daemon)) == 1, "the new entry's stand by")
    wait_pool(daemon, ready=1)
    call = Call()
    ringing(daemon, call)
    assert daemon.wait_agent(call)["env"]["NEW"] == "yes"


def test_entry_without_standby_ends_them(warm):
    daemon = warm(standby=2)
    daemon.write("agents.json", {"support": agent(daemon)})
    wait_for(lambda: not waiting(daemon), "none stands by")
    wait_for(lambda: not daemon.status()["standbys"], "the pool is gone")


def test_agent_that_is_gone(warm):
    daemon = warm(standby=2)
    daemon.write("agents.json", {"sales": agent(daemon, standby=1)})
    wait_for(lambda: list(daemon.status()["standbys"]) == ["sales"], "only the other agent has some")
    wait_for(lambda: len(waiting(daemon)) == 1, "only the other agent's stand by")


def test_reload_replaces_them_without_a_gap(warm):
    daemon = warm(standby=2)
    before = waiting(daemon)
    daemon.process.send_signal(signal.SIGHUP)

    def replaced():
        assert pool(daemon)["ready"] >= 2
        return not [pid for pid in before if is_alive(pid)]
    wait_for(replaced, "all were replaced")
    wait_pool(daemon, ready=2)


def test_changed_program_replaces_them(start):
    def agents(daemon):
        daemon.script = daemon.dir / "agent.py"
        daemon.script.write_text((HERE / "standby_agent.py").read_text())
        return {"support": daemon.entry(command=[*PYTHON, str(daemon.script)], standby=1)}
    daemon = start(agents=agents)
    wait_pool(daemon, ready=1)
    before = waiting(daemon)
    daemon.script.write_text(daemon.script.read_text() + "# newer\n")
    daemon.wait_logged("a standby is replaced: its program changed", 20)
    wait_for(lambda: waiting(daemon) and not is_alive(before[0]), "it was replaced")


def test_too_old(warm):
    daemon = warm(standby_max_age="1s")
    before = waiting(daemon)
    daemon.wait_logged("waited for standby_max_age")
    wait_for(lambda: not is_alive(before[0]), "it was replaced")


def test_too_large(warm):
    daemon = warm("big", standby_max_rss="30MiB", ready=False)
    daemon.wait_logged("more memory resident than standby_max_rss", 20)


def test_kill_9_leaves_none_and_calls_live_on(keep):
    daemon = keep(standby=2)
    call, report = talking(daemon, 2)
    before = idle(daemon)
    kill(daemon)
    wait_for(lambda: not [pid for pid in before if is_alive(pid)], "those that wait end with the bridge")
    assert is_alive(report["pid"])
    daemon.process.stdout.close()
    daemon.start()
    wait_for(lambda: [one["pid"] for one in daemon.calls()] == [report["pid"]], "its call was taken back")
    wait_pool(daemon, ready=2)
    assert not list((daemon.state / "standby").glob("*")) or len(list((daemon.state / "standby").glob("*"))) == 2
    daemon.post(*call.hung_up())
    daemon.wait_gone(report["pid"])


def test_one_that_ignores_the_end_of_the_bridge_is_found(keep):
    daemon = keep("deaf", standby=2, stop_timeout="500ms", SIP_STOP_TIMEOUT="500ms")
    before = waiting(daemon)
    kill(daemon)
    holds_for(lambda: all(is_alive(pid) for pid in before), 0.3, "they ignore it")
    daemon.process.stdout.close()
    daemon.start()
    wait_for(lambda: not [pid for pid in before if is_alive(pid)], "they are ended")
    wait_pool(daemon, ready=2)


def test_a_stranger_with_its_pid_is_left_alone(keep):
    daemon = keep()
    kill(daemon)
    wait_for(lambda: not waiting(daemon), "it ended with the bridge")
    file = daemon.state / "standby" / "standby_0123456789abcdef"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    file.write_text(f"{'0123456789abcdef' * 2} {os.getpid()} 12345 {boot}\n")
    daemon.process.stdout.close()
    daemon.start()
    wait_for(lambda: not file.exists(), "it is forgotten")
    wait_pool(daemon, ready=1)


def test_one_that_has_a_call_by_now_is_no_standby(keep):
    """Killed after the call was handed over and before its standby was forgotten: it is the call's, and talks on."""
    daemon = keep()
    file = wait_for(lambda: list((daemon.state / "standby").iterdir()), "it is kept")[0]
    text = file.read_text()
    call, report = talking(daemon, 1)
    assert text.split()[1] == str(report["pid"]) and not file.exists()
    kill(daemon)
    file.write_text(text)
    daemon.process.stdout.close()
    daemon.start()
    wait_for(lambda: not file.exists(), "it is forgotten")
    holds_for(lambda: is_alive(report["pid"]) and [one["pid"] for one in daemon.calls()] == [report["pid"]], 0.5, "it talks on")
    daemon.post(*call.hung_up())
    daemon.wait_gone(report["pid"])


def test_stop_that_keeps_calls_ends_those_that_wait(keep):
    daemon = keep(standby=2)
    call, report = talking(daemon, 2)
    before = idle(daemon)
    daemon.stop()
    wait_for(lambda: not [pid for pid in before if is_alive(pid)], "those that wait are ended")
    assert is_alive(report["pid"])


def test_drain_ends_those_that_wait(warm):
    daemon, call = warm(standby=2, SIP_ON_EXIT="drain"), Call()
    ringing(daemon, call)
    report = daemon.wait_agent(call)
    daemon.post(*call.answered())
    daemon.process.send_signal(signal.SIGTERM)
    wait_for(lambda: not idle(daemon), "those that wait are ended")
    assert is_alive(report["pid"]) and daemon.process.poll() is None
    daemon.post(call.caller_left())  # and no more: the bridge goes with its last call
    assert daemon.process.wait(60) == 0


def test_only_so_many_start_at_a_time(warm):
    daemon = warm("mute", standby=5, ready=False, SIP_STANDBY_STARTS="2", SIP_STANDBY_TIMEOUT="10s")
    wait_for(lambda: pool(daemon)["starting"] == 2, "two are starting")
    holds_for(lambda: len(processes_marked(daemon.mark())) <= 2, 1, "two at a time")


def test_none_is_started_while_a_caller_waits(warm):
    daemon, call = warm(), Call()
    ringing(daemon, call)
    daemon.wait_agent(call)
    holds_for(lambda: not idle(daemon) and pool(daemon)["starting"] == 0, 0.5, "no standby is started")
    daemon.post(*call.answered())
    wait_pool(daemon, ready=1)


def test_none_is_started_while_memory_is_short(warm):
    def agents(daemon):
        daemon.settings["SIP_PRESSURE_FILE"] = str(daemon.write("memory.pressure", pressure(90)))
        return {"support": agent(daemon, standby=1)}
    daemon = warm(ready=False, agents=agents, SIP_MAX_PRESSURE="40")
    assert daemon.status()["limits"]["reached"] == "memory"
    holds_for(lambda: not processes_marked(daemon.mark()) and pool(daemon)["starting"] == 0, 0.5, "no standby is started")
    daemon.write("memory.pressure", pressure(1))
    wait_pool(daemon, ready=1)


def test_template_stands_by_for_every_name(start):
    def no_agents(daemon):
        daemon.settings["AGENT_OUT"] = str(daemon.notes)
        return False
    daemon = start(rules=False, agents=no_agents, SIP_AGENT_COMMAND=" ".join([*PYTHON, str(HERE / "standby_agent.py")]),
                   SIP_STANDBY="1", SIP_AGENT_ENV="AGENT_OUT,SIP_*")
    wait_for(lambda: pool(daemon, "SIP_AGENT_COMMAND").get("ready") == 1, "it stands by")
    call = Call()
    ringing(daemon, call)
    report = daemon.wait_agent(call)
    assert report["standby"] and "SIP_AGENT_NAME" not in report["env"]


def test_setting_and_command_that_do_not_go_together(start):
    daemon = start(wait=False, SIP_AGENT_COMMAND="agent --room {room}", SIP_STANDBY="1")
    daemon.process.wait(60)
    assert daemon.process.returncode == 2
    said = (daemon.dir / "stderr").read_text()
    assert "SIP_STANDBY" in said and "{room}" in said and "known only when a call comes" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_standbys_are_behind_the_fence(start):
    def agents(daemon):
        for path in (daemon.dir, daemon.notes):
            path.chmod(0o777)
        return {"support": agent(daemon, cwd="/", standby=1)}
    daemon = start(agents=agents, SIP_AGENT_USER="65534:65534", SIP_AGENT_LIMITS="nofile=77")
    wait_pool(daemon, ready=1)
    pid, call = waiting(daemon)[0], Call()
    assert os.stat(f"/proc/{pid}").st_uid == 65534
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text() and " 77 " in limits
    ringing(daemon, call)
    assert daemon.wait_agent(call)["pid"] == pid


def test_calls_logs_prints_all_parts(warm):
    daemon = warm(standby=1)
    call, first = talking(daemon, 1)
    os.kill(first["pid"], signal.SIGKILL)
    second = daemon.wait_agent(call, 1)
    wait_for(lambda: (daemon.state / "calls" / f"{call.sid}.log.1").exists(), "the first one's output is set aside")
    wait_for(lambda: "has the call" in (daemon.state / "calls" / f"{call.sid}.log").read_text(), "the second one speaks")
    assert second["standby"]
    run = subprocess.run([binary(), "calls", "logs", call.sid], env=daemon.environment(), capture_output=True, text=True)
    assert run.stdout == 2 * f"standing by\nhas the call {call.sid}\n"


@pytest.mark.parametrize("entry,why", [
    ({"standby": 1, "command": ["run", "{room}"]}, "known only when a call comes"),
    ({"standby": 1, "command": ["run", "x{caller}"]}, "known only when a call comes"),
    ({"standby": -1}, "standby"), ({"standby": 1001}, "standby"), ({"standby": "2"}, "standby"),
    ({"standby": 3, "standby_max": 2}, "standby_max"), ({"standby": 1, "standby_max_rss": "much"}, "standby_max_rss"),
    ({"standby": 1, "standby_max_age": 5}, "standby_max_age"), ({"standby": 1, "standby_max_rss": -5}, "standby_max_rss"),
    ({"standby": 1, "command": ["/nowhere/agent"]}, "nowhere"),
])
def test_odd_entries_break_only_themselves(start, entry, why):
    def agents(daemon):
        odd = {**agent(daemon), **entry}
        return {"support": agent(daemon, standby=1), "odd": odd}
    daemon = start(agents=agents)
    wait_pool(daemon, ready=1)
    status = daemon.status()
    assert why in status["agents"]["broken"]["odd"] and list(status["standbys"]) == ["support"]


@pytest.mark.skipif("PRINT_TIMES" not in os.environ, reason="prints figures only: PRINT_TIMES=1")
def test_time_from_webhook_to_line(start, tmp_path):
    """From just before the webhook is sent until a standby in C has read its line."""
    clock = tmp_path / "clock"
    subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-o", str(clock), str(HERE / "standby_clock.c")], check=True)
    daemon = start(agents=lambda daemon: {"support": daemon.entry(command=[str(clock)], standby=2)}, LOG_LEVEL="info")
    took, answered = [], []
    for _ in range(int(os.environ["PRINT_TIMES"])):
        wait_pool(daemon, ready=2)
        call = Call()
        *before, last = call.ringing()
        daemon.post(*before)
        body = encode(last)
        token = webhook_token(body)
        sent = time.monotonic_ns()
        daemon.post_raw(body, token)
        answered.append((time.monotonic_ns() - sent) / 1000)
        note = wait_for(lambda: next(daemon.notes.glob("*.clock"), None), "the standby has its line")
        took.append((int(note.read_text()) - sent) / 1000)
        note.unlink()
        daemon.post(*call.hung_up())
    for what, times in (("line in the standby", took), ("answer to the webhook", answered)):
        times.sort()
        print(f"\nwebhook to {what}, us: p50 {times[len(times) // 2]:.0f} p99 {times[len(times) * 99 // 100]:.0f}")
