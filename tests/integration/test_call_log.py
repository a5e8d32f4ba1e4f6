"""SIP_CALL_LOG: one line for each call that is over, whatever happens to the file or to sipbridge; and `sipbridge report`."""
import json
import os
import re
import resource
import signal
import subprocess

import jsonschema
import pytest
from daemon import ROOT, RULES, binary, wait_for
from livekit import Call
from servers import find
from test_restart import agents_of, kill, restart, small, start_again, wait_kept, wait_up

SCHEMA = json.loads((ROOT / "doc" / "call-log.schema.json").read_text())
ANY = [{"pattern": "*", "agent_name": "support"}]


def valid(line):
    """A line as an object, judged by the schema."""
    record = json.loads(line)
    jsonschema.validate(record, SCHEMA, cls=jsonschema.Draft202012Validator)
    return record


def lines(path):
    text = path.read_text() if path.exists() else ""
    assert text == "" or text.endswith("\n"), f"the last line is torn: {text[-200:]!r}"
    return [valid(line) for line in text.splitlines()]


def wait_lines(path, count):
    wait_for(lambda: len(lines(path)) >= count, f"{count} lines in {path}")
    found = lines(path)
    assert len(found) == count, found
    return found


@pytest.fixture
def logging(start, tmp_path):
    """make(…): a daemon with a call log, and where that is."""
    def make(**settings):
        path = tmp_path / "log" / "calls.jsonl"
        path.parent.mkdir(exist_ok=True)
        return start(SIP_CALL_LOG=str(path), **settings), path
    return make


def talk(daemon, call):
    daemon.post(*call.ringing())
    daemon.wait_agent(call)
    daemon.post(*call.answered())
    return call


def talk_and_hang_up(daemon, call):
    talk(daemon, call)
    daemon.post(*call.hung_up())
    return call


# --- what a line says ---

def test_a_call_leaves_a_line(logging):
    daemon, path = logging()
    call = talk_and_hang_up(daemon, Call())
    line, = wait_lines(path, 1)
    assert list(line) == list(SCHEMA["properties"])
    assert (line["sid"], line["room"], line["caller"], line["called"]) == (call.sid, call.room, call.caller, call.called)
    assert (line["agent"], line["chosen"], line["rule"]) == ("support", "RULE", "rule [0] (+1234567, priority 1)")
    assert (line["trunk"], line["end"], line["limit"]) == (call.trunk, "CALLER_LEFT", None)
    assert (line["starts"], line["restarts"], line["kills"]) == (1, 0, 0)
    assert line["ring_ms"] + line["talk_ms"] == line["duration_ms"]
    assert line["first_seen"] <= line["answered"] <= line["ended"]
    assert path.stat().st_mode & 0o777 == 0o640
    assert daemon.status()["call_log"] == {"state": "written", "lines": 1, "waiting": 0, "lost": 0, "error": None}


def test_why_calls_end(logging):
    daemon, path = logging(rules=[*RULES, {"pattern": "+99", "agent_name": "broken"}, {"pattern": "+66", "reject": True}],
                           agents=lambda d: {"support": d.entry(), "broken": d.entry(command=["/bin/false"])})
    unheard = Call()
    daemon.post(*unheard.ringing())
    daemon.wait_agent(unheard)
    daemon.post(*unheard.hung_up())
    crashing, rejected, silent = Call(called="+99"), Call(called="+66"), Call()
    daemon.post(*crashing.ringing())
    daemon.post(*rejected.ringing(), rejected.room_finished())
    daemon.post(silent.room_started(), silent.room_finished())
    wanted = {call.sid for call in (unheard, crashing, rejected)}
    wait_for(lambda: wanted <= {line["sid"] for line in lines(path)}, "these calls are over")
    found = {line["sid"]: line for line in lines(path)}
    never = found[unheard.sid]
    assert (never["answered"], never["ring_ms"], never["talk_ms"], never["end"]) == (None, None, None, "CALLER_LEFT")
    assert found[crashing.sid]["end"] == "AGENT_FAILED" and found[crashing.sid]["restarts"] > 0
    assert found[rejected.sid]["end"] in ("REJECTED", "ROOM_FINISHED") and found[rejected.sid]["agent"] is None


def test_a_room_without_a_caller_is_no_call(logging):
    daemon, path = logging(SIP_RECONCILE="1s")
    empty = Call()
    daemon.post(empty.room_started())
    daemon.wait_logged("call ended: no caller came")
    talk_and_hang_up(daemon, Call())
    assert wait_lines(path, 1)[0]["sid"] != empty.sid


def test_killed_and_replaced_processes(logging):
    stubborn = ["/bin/sh", "-c", "trap '' TERM; : > $AGENT_OUT/up.$SIP_CALL_SID; while :; do read l || exec sleep 60; done"]
    daemon, path = logging(rules=ANY, agents=lambda d: {"support": d.entry(command=stubborn, stop_timeout="100ms")})
    call = Call()
    daemon.post(*call.ringing())
    wait_for((daemon.notes / f"up.{call.sid}").exists, "the agent runs")
    daemon.post(*call.hung_up())
    assert wait_lines(path, 1)[0]["kills"] == 1


def test_numbers_are_masked_as_in_the_log(logging):
    daemon, path = logging(SIP_LOG_NUMBERS="mask")
    call = talk_and_hang_up(daemon, Call())
    line, = wait_lines(path, 1)
    text = path.read_text()
    assert call.caller[1:] not in text and call.called[1:] not in text
    assert line["caller"].endswith("111") and line["caller"].count("*") == 8 and line["sid"] == call.sid


def test_another_call_in_a_room_that_was_over(logging):
    daemon, path = logging()
    call = talk_and_hang_up(daemon, Call())
    wait_lines(path, 1)
    again = Call(caller="+15550002222", room=call.room, room_sid=call.sid)
    joined = again.caller_joined()
    joined["createdAt"] = str(int(joined["createdAt"]) + 1)  # after room_finished, which LiveKit tells by the second
    daemon.post(joined)
    daemon.wait_agent(call, 1)
    daemon.post(*again.hung_up())
    first, second = wait_lines(path, 2)
    assert first["sid"] == second["sid"] and first["first_seen"] < second["first_seen"]
    assert second["caller"] == "+15550002222" and second["answered"] is None


# --- the file ---

def test_logrotate(logging, tmp_path):
    """The snippet of deploy/logrotate by the real logrotate, under calls that end."""
    daemon, path = logging()
    talk_and_hang_up(daemon, Call())
    wait_lines(path, 1)
    snippet = (ROOT / "deploy/logrotate/sipbridge").read_text()
    assert "/var/log/sipbridge/calls.jsonl" in snippet
    snippet = snippet.replace("/var/log/sipbridge/calls.jsonl", str(path))
    snippet = re.sub(r"^ *su .*\n", f"    su {os.popen('id -un').read().strip()} {os.popen('id -gn').read().strip()}\n",
                     snippet, flags=re.M)
    config = tmp_path / "rotate.conf"
    config.write_text(snippet)
    for _ in range(2):
        subprocess.run([find("logrotate"), "--force", "--state", tmp_path / "state", config], check=True, timeout=120)
        talk_and_hang_up(daemon, Call())
        wait_lines(path, 1)
    names = sorted(entry.name for entry in path.parent.iterdir())
    assert names == ["calls.jsonl", "calls.jsonl.1", "calls.jsonl.2.gz"]
    report = subprocess.run(["sh", "-c", f"zcat {path}.2.gz | {binary()} report --json {path} {path}.1 -"],
                            capture_output=True, text=True, check=True, timeout=120)
    assert json.loads(report.stdout)["calls"] == 3


def fill(path, size):
    """Whole lines of former calls, so many bytes."""
    example = re.search(r"^\{\"v\":1.*\}$", (ROOT / "doc" / "call-log.md").read_text(), re.M).group(0) + "\n"
    path.parent.mkdir(exist_ok=True)
    path.write_text(example * (size // len(example)))
    return size // len(example)


@pytest.mark.parametrize("room", [100, 0])
def test_disk_full_and_well_again(logging, tmp_path, room):
    """The file may not grow: calls go on, health says so, and the lines are there when it may again. (No file may, but no
    other one is as long.) Where there is no room for a byte the kernel sends SIGXFSZ, too."""
    before = fill(tmp_path / "log" / "calls.jsonl", 20000)
    daemon, path = logging()
    pid, most = daemon.process.pid, path.stat().st_size + room
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, unlimited[1]))
    calls = [talk_and_hang_up(daemon, Call()) for _ in range(3)]
    wait_for(lambda: daemon.status()["call_log"]["waiting"] == 3, "three lines wait")
    health = daemon.health()
    assert health["status"] == "degraded" and "call log" in health["message"]
    assert daemon.status()["call_log"]["state"] == "failing"
    shown = subprocess.run([binary(), "status"], env=daemon.environment(), capture_output=True, text=True, timeout=120).stdout
    assert re.search(r"call log +failing, 0 lines, 3 wait, 0 lost: cannot be written", shown), shown
    assert len(lines(path)) == before, "nothing is left of what did not fit"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    assert [line["sid"] for line in wait_lines(path, before + 3)[before:]] == [call.sid for call in calls]
    wait_for(lambda: daemon.health()["status"] == "healthy", "it is well again")
    assert daemon.wait_logged("is written again") and daemon.status()["call_log"]["lost"] == 0


def test_directory_that_is_not_there(logging, tmp_path):
    missing = tmp_path / "later" / "calls.jsonl"
    daemon, _ = logging(agents=None)
    daemon.stop()
    daemon.settings["SIP_CALL_LOG"] = str(missing)
    start_again(daemon)
    assert "call log" in daemon.health()["message"]
    call = talk_and_hang_up(daemon, Call())
    wait_for(lambda: daemon.status()["call_log"]["waiting"] == 1, "the line waits")
    missing.parent.mkdir()
    assert wait_lines(missing, 1)[0]["sid"] == call.sid


def test_reload_takes_another_file(start, tmp_path):
    paths, env = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"], tmp_path / "env"
    env.write_text(f"SIP_CALL_LOG={paths[0]}\n")
    daemon = start(args=("--env-file", str(env)))
    calls = [talk_and_hang_up(daemon, Call())]
    wait_lines(paths[0], 1)
    env.write_text(f"SIP_CALL_LOG={paths[1]}\nSIP_LOG_NUMBERS=mask\n")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_logged("^changed: .*SIP_CALL_LOG")
    calls.append(talk_and_hang_up(daemon, Call()))
    assert wait_lines(paths[1], 1)[0]["caller"] == "+********111"
    assert [line["sid"] for path in paths for line in lines(path)] == [call.sid for call in calls]


def test_path_must_be_absolute(start):
    daemon = start(SIP_CALL_LOG="calls.jsonl", wait=False)
    assert daemon.process.wait(60) == 2
    daemon.stop()
    assert "SIP_CALL_LOG" in daemon.stderr


# --- restarts ---

def restartable(logging):
    return logging(rules=ANY, agents=lambda d: {"support": small(d)}, SIP_ON_EXIT="keep")


def answered(daemon, *calls):
    for call in calls:
        daemon.post(*call.ringing())
    pids = wait_up(daemon, calls)
    for call in calls:
        daemon.post(*call.answered())
        wait_kept(daemon, call, voice="speaks")
    return pids


def test_a_call_taken_back_has_one_line(logging):
    daemon, path = restartable(logging)
    call = Call()
    answered(daemon, call)
    created = wait_kept(daemon, call)["started_wall_ms"]
    restart(daemon)
    daemon.post(*call.hung_up())
    line, = wait_lines(path, 1)
    assert (line["agent"], line["chosen"], line["rule"]) == ("support", "RULE", "rule [0] (*, priority 100)")
    assert (line["caller"], line["end"], line["restarts"]) == (call.caller, "CALLER_LEFT", 0)
    assert line["answered"] is not None and line["created"] is not None
    assert created % 1000 == int(line["first_seen"][-4:-1])
    restart(daemon)
    restart(daemon)
    other = Call()
    answered(daemon, other)
    daemon.post(*other.hung_up())
    assert [found["sid"] for found in wait_lines(path, 2)] == [call.sid, other.sid]


def test_stopped_while_lines_wait(logging):
    """SIGTERM with a line in memory: it is written before the end."""
    daemon, path = restartable(logging)
    calls = [Call() for _ in range(3)]
    answered(daemon, *calls)
    for call in calls:
        daemon.post(*call.hung_up())
    daemon.process.send_signal(signal.SIGTERM)
    daemon.process.wait(60)
    start_again(daemon)
    assert {line["sid"] for line in wait_lines(path, 3)} == {call.sid for call in calls}


def test_killed_at_any_moment_no_line_is_there_twice(logging):
    """kill -9 as calls end, again and again: a line may be lost, none is there twice."""
    daemon, path = restartable(logging)
    ended = set()
    for round_number in range(6):
        calls = [Call() for _ in range(6)]
        answered(daemon, *calls)
        ended |= {call.sid for call in calls}
        for place, call in enumerate(calls):
            daemon.post(*call.hung_up())
            if place == round_number:
                break
        kill(daemon)
        start_again(daemon)
        for call in calls:
            daemon.post(*call.hung_up())
        wait_for(lambda calls=calls: not any(agents_of(daemon, call) for call in calls), "their agents are gone")
    last = Call()
    answered(daemon, last)
    daemon.post(*last.hung_up())
    wait_for(lambda: any(line["sid"] == last.sid for line in lines(path)), "the last line")
    sids = [line["sid"] for line in lines(path)]
    assert len(sids) == len(set(sids)) and set(sids) <= ended | {last.sid}
    assert len(sids) >= len(ended) - 6 + 1, "at most one line a kill is lost"


# --- report ---

def report(*args, given=None):
    return subprocess.run([binary(), "report", *map(str, args)], input=given, capture_output=True, text=True, timeout=60)


def sample(count=50):
    made = []
    for i in range(count):
        answered_at = None if i % 10 == 9 else f"2026-11-25T1{i % 5}:00:01.000Z"
        made.append(json.dumps({
            "v": 1, "sid": f"RM_{i}", "agent": ("support", "sales")[i % 2], "first_seen": f"2026-11-25T1{i % 5}:00:00.000Z",
            "answered": answered_at, "ended": f"2026-11-25T1{i % 5}:10:00.000Z", "ring_ms": answered_at and 100 + i,
            "talk_ms": answered_at and 60000, "end": "CALLER_LEFT" if answered_at else "NO_AGENT", "starts": 1}) + "\n")
    return "".join(made)


def test_report_adds_up(tmp_path):
    path = tmp_path / "calls.jsonl"
    path.write_text(sample())
    told = json.loads(report("--json", path).stdout)
    assert (told["calls"], told["answered"], told["bad_lines"]) == (50, 45, 0)
    assert told["ends"]["NO_AGENT"]["calls"] == 5 and told["agents"]["sales"]["calls"] == 25
    assert told["ring_ms"]["p50"] == 124 and told["ring_ms"]["max"] == 148
    assert [hour["calls"] for hour in told["hours"]] == [10] * 5
    text = report(path)
    assert text.returncode == 0 and "answered: 45 (90.0 %)" in text.stdout and "support" in text.stdout
    assert report("-", given=sample()).stdout == text.stdout
    assert json.loads(report("--json", path, path).stdout)["calls"] == 100


def test_report_of_real_lines(logging):
    daemon, path = logging()
    for _ in range(3):
        talk_and_hang_up(daemon, Call())
    wait_lines(path, 3)
    told = json.loads(report("--json", path).stdout)
    assert (told["calls"], told["answered"], told["bad_lines"]) == (3, 3, 0)


def test_report_names_bad_lines(tmp_path):
    path = tmp_path / "calls.jsonl"
    bad = ["garbage", '{"v":1}', '{"v":7}', "\x00\xff", "[" * 100000, "x" * 200000, '{"v":1,"sid":"RM_1","end":"\ud83d"}']
    path.write_text(sample(3) + "\n".join(bad) + "\n" + sample(2), errors="surrogatepass")
    run = report("--json", path)
    assert run.returncode == 0
    told = json.loads(run.stdout)
    assert (told["calls"], told["bad_lines"]) == (5, len(bad))
    assert f"{path}:4: " in run.stderr and f"{path}:6: v: is that of a later sipbridge" in run.stderr
    path.write_text("x\n" * 1000)
    run = report(path)
    assert run.returncode == 1 and run.stdout == "" and run.stderr.endswith(f"{path}: is no call log (SIP_CALL_LOG): no line of it is of one\n")
    assert len(run.stderr.splitlines()) == 12 and "990 more" in run.stderr
    path.write_text("")
    assert (report(path).returncode, report(path).stdout) == (0, "no calls\n")


def test_report_refuses_what_it_cannot_read(tmp_path):
    assert report().returncode == 2
    missing = report(tmp_path / "none")
    assert missing.returncode == 1 and "cannot be read" in missing.stderr
    assert report(tmp_path).returncode == 1
    compressed = tmp_path / "calls.gz"
    subprocess.run(["gzip", "-c"], input=sample().encode(), stdout=compressed.open("wb"), check=True)
    run = report(compressed)
    assert run.returncode == 1 and "zcat" in run.stderr


def test_report_draws(tmp_path):
    path, picture = tmp_path / "calls.jsonl", tmp_path / "a picture `touch owned`.png"
    hostile = json.loads(sample(1)) | {"agent": '`touch owned2`"; system("touch owned3")\nEOD\n!touch owned4'}
    path.write_text(sample() + json.dumps(hostile) + "\n")
    run = subprocess.run([binary(), "report", path, "--png", picture], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 10000
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([path.name, picture.name])
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    run = report(empty, "--png", picture)
    assert run.returncode == 0 and run.stderr == ""


def test_report_without_gnuplot_or_room(tmp_path):
    path, picture = tmp_path / "calls.jsonl", tmp_path / "out.png"
    path.write_text(sample())
    run = subprocess.run([binary(), "report", path, "--png", picture], capture_output=True, text=True, timeout=60,
                         env={"PATH": str(tmp_path)})
    assert run.returncode == 1 and "gnuplot-nox" in run.stderr and "answered: 45" in run.stdout
    assert not picture.exists() and not list(tmp_path.glob("*.part"))
    run = report(path, "--png", tmp_path / "none" / "out.png")
    assert run.returncode == 1 and "cannot be written" in run.stderr


def test_report_keeps_the_picture_that_is_there_when_the_disk_is_full(tmp_path):
    path, picture = tmp_path / "calls.jsonl", tmp_path / "out.png"
    path.write_text(sample())
    assert report(path, "--png", picture).returncode == 0
    before = picture.read_bytes()

    def little_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
    run = subprocess.run([binary(), "report", path, "--png", picture], capture_output=True, text=True, timeout=60,
                         preexec_fn=little_room)
    assert run.returncode == 1 and "gnuplot: " in run.stderr
    assert picture.read_bytes() == before and not list(tmp_path.glob("*.part"))


def test_schema_and_document_say_the_same():
    documented = re.findall(r"^\| `(\w+)` \|", (ROOT / "doc" / "call-log.md").read_text(), re.M)
    assert documented == list(SCHEMA["properties"]) == SCHEMA["required"]
    example = re.search(r"^\{\"v\":1.*\}$", (ROOT / "doc" / "call-log.md").read_text(), re.M)
    valid(example.group(0))
    ends = re.findall(r"X\((\w+), (?:true|false), \"", (ROOT / "src" / "calls" / "verdict.h").read_text())
    assert set(SCHEMA["properties"]["end"]["enum"]) == set(ends) - {"NOT_A_CALL"}
