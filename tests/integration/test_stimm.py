"""Agents from Stimm: a real HTTP server in its place, and a worker started as Stimm's own is."""
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time

import livekit
import pytest
from daemon import HERE, binary, holds_for, wait_for
from livekit import FIXTURES, Call
from stimm import KEY, Stimm, agent

WORKER = """import runpy
runpy.run_path({good_agent!r}, run_name="__main__")
"""
MISS_S = 2  # STIMM_TIMES.miss_ms


@pytest.fixture
def stimm():
    with Stimm(agent("Support"), agent("Reception", is_default=True), agent("Old", is_active=False)) as server:
        yield server


@pytest.fixture
def checkout(tmp_path):
    """What Stimm's backend looks like to `python -m src.cli.agent_worker`: a package, and a `python` in PATH."""
    package = tmp_path / "checkout" / "src" / "cli"
    package.mkdir(parents=True)
    (package / "agent_worker.py").write_text(WORKER.format(good_agent=str(HERE / "good_agent.py")))
    for directory in (package, package.parent):
        (directory / "__init__.py").write_text("")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    return tmp_path


@pytest.fixture
def bridge(start, stimm, checkout):
    """A daemon with nothing set but what a Stimm user sets, and the working directory."""
    def make(rules=False, **settings):
        def agents_note(daemon):
            daemon.settings["AGENT_OUT"] = str(daemon.notes)
            return False
        path = f"{checkout / 'bin'}:{os.environ['PATH']}"
        settings = {"STIMM_API_URL": stimm.url, "SIP_AGENT_CWD": str(checkout / "checkout"), "PATH": path, **settings}
        return start(rules=rules, agents=agents_note, **settings)
    return make


def wait_agents(daemon, count):
    wait_for(lambda: daemon.status()["agents"]["count"] == count, f"{count} agents are read")


def wait_copy(daemon, *names):
    def there():
        path = daemon.state / "agents.json"
        return path.is_file() and set(json.loads(path.read_text())) == set(names)
    wait_for(there, f"the last good copy has {names}")


def call_gets(daemon, timeout=60, **about):
    call = Call(**about)
    daemon.post(*call.ringing())
    return daemon.wait_agent(call, timeout=timeout)


def name_of(report):
    return report["env"]["SIP_AGENT_NAME"]


def rule_for(name):
    return [{"pattern": "*", "agent_name": name}]


def test_a_worker_as_stimm_starts_it(bridge, stimm, checkout):
    """The preset: argv, working directory, the environment whole, the API key and secret; no more settings than those
    of a Stimm user."""
    daemon = bridge(DATABASE_URL="postgresql://stimm", PYTHONPATH="/nowhere/src", LIVEKIT_URL="ws://127.0.0.1:7999")
    wait_agents(daemon, 2)
    call = Call()
    daemon.post(*call.ringing())
    report = daemon.wait_agent(call)
    assert report["argv"] == ["--room-name", call.room, "--agent-id", stimm.id_of("Reception"), "--livekit-url",
                              "ws://127.0.0.1:7999"]
    assert report["cwd"] == str(checkout / "checkout")
    environment = report["env"]
    assert name_of(report) == "Reception"
    assert (environment["LIVEKIT_API_KEY"], environment["LIVEKIT_API_SECRET"]) == (livekit.KEY, livekit.SECRET)
    assert environment["DATABASE_URL"] == "postgresql://stimm"
    assert environment["PYTHONPATH"] == "/nowhere/src"
    assert environment["PYTHONUNBUFFERED"] == "1"
    assert json.loads(report["line"])["agent_id"] == stimm.id_of("Reception")
    status = daemon.status()
    assert status["agents"]["source"] == "stimm"
    assert status["stimm"] == {"state": "connected", "error": None}
    assert daemon.health()["status"] == "healthy"
    assert stimm.requests == ["/api/agents/"]


def test_settings_of_ones_own_come_before_the_preset(bridge, stimm, checkout):
    worker = f"{sys.executable} {HERE / 'good_agent.py'} {{agent}} {{agent_id}}"
    daemon = bridge(SIP_AGENT_COMMAND=worker, SIP_AGENT_ENV="AGENT_*")
    wait_agents(daemon, 2)
    report = call_gets(daemon)
    assert report["argv"] == ["Reception", stimm.id_of("Reception")]
    assert "LIVEKIT_API_SECRET" not in report["env"] and "STIMM_API_URL" not in report["env"]


def test_rules_choose_among_stimms_agents_and_its_default_answers_the_rest(bridge, stimm):
    daemon = bridge(rules=[{"pattern": "+33*", "agent_name": "Support"}, {"pattern": "+44*", "agent_name": "Old"}])
    wait_agents(daemon, 2)
    report = call_gets(daemon, called="+33123")
    assert (name_of(report), report["argv"][3]) == ("Support", stimm.id_of("Support"))
    assert name_of(call_gets(daemon, called="+1")) == "Reception"
    call = Call(called="+44123")  # an inactive agent is no agent, and the first does not stand in for it
    daemon.post(*call.ringing())
    daemon.wait_logged("the agent Old is not in the directory")


def test_default_sip_agent_comes_before_stimms_default(bridge, stimm):
    daemon = bridge(DEFAULT_SIP_AGENT="Support")
    wait_agents(daemon, 2)
    assert name_of(call_gets(daemon)) == "Support"


def test_rules_from_redis(bridge, stimm, redis):
    redis("SET", "sip_dispatch_rules", json.dumps(rule_for("Support")))
    redis("HSET", "sip_agents", "Support", json.dumps({"command": ["false"]}))
    daemon = bridge(REDIS_URL=redis.url)
    wait_agents(daemon, 2)
    wait_for(lambda: daemon.status()["rules"]["count"] == 1, "the rule is read")
    report = call_gets(daemon)
    assert (name_of(report), report["argv"][3]) == ("Support", stimm.id_of("Support"))
    assert "REDIS_URL" not in report["env"]
    assert daemon.status()["agents"]["source"] == "stimm"


def test_a_new_agent_is_found_on_a_miss_for_the_next_call(bridge, stimm):
    daemon = bridge(rules=rule_for("Night"))
    wait_agents(daemon, 2)
    stimm.agents.append(agent("Night"))
    call = Call()
    daemon.post(*call.ringing())
    wait_agents(daemon, 3)  # the slow reading is a minute away
    assert name_of(call_gets(daemon)) == "Night"


def test_the_rooms_metadata_cause_a_miss_too(bridge, stimm):
    daemon = bridge()
    wait_agents(daemon, 2)
    stimm.agents.append(agent("Night"))
    call = Call()
    call.metadata = json.dumps({"agent_name": "Night"})
    daemon.post(*call.ringing())
    wait_agents(daemon, 3)


def test_misses_do_not_flood_stimm(bridge, stimm):
    """It is asked once more, and then once in MISS_S at most."""
    began, daemon = time.monotonic(), bridge(rules=rule_for("Nobody"))
    wait_agents(daemon, 2)
    for _ in range(30):
        daemon.post(*Call().ringing())
    wait_for(lambda: len(stimm.requests) > 1, "it was asked once more")
    for _ in range(30):
        daemon.post(*Call().ringing())
    asked = len(stimm.requests)
    assert asked <= 2 + (time.monotonic() - began) / MISS_S


def test_a_reload_asks_at_once(bridge, stimm):
    daemon = bridge()
    wait_agents(daemon, 2)
    stimm.agents.append(agent("Night"))
    daemon.process.send_signal(signal.SIGHUP)
    wait_agents(daemon, 3)
    wait_copy(daemon, "Support", "Reception", "Night")


def test_the_last_good_copy_carries_a_start_while_stimm_is_away(bridge, stimm):
    daemon = bridge(rules=rule_for("Support"))
    wait_agents(daemon, 2)
    wait_copy(daemon, "Support", "Reception")
    assert stat.S_IMODE((daemon.state / "agents.json").stat().st_mode) == 0o600
    assert json.loads((daemon.state / "agents.json").read_text()) == {
        "Reception": {"id": stimm.id_of("Reception"), "order": 0}, "Support": {"id": stimm.id_of("Support")}}
    daemon.stop()
    stimm.stop()
    daemon.start()
    assert daemon.get("/readyz")[0] == 200
    report = call_gets(daemon)
    assert (name_of(report), report["argv"][3]) == ("Support", stimm.id_of("Support"))
    daemon.wait_logged(r"Stimm http://127\.0\.0\.1:\d+: .*, what is in use stays, again in 500ms")
    status = daemon.status()
    assert status["agents"]["source"] == "last good copy"
    assert status["stimm"]["state"] == "away" and "onnect" in status["stimm"]["error"]
    assert daemon.health() == {"status": "degraded", "sip_bridge": "running",
                               "message": "Stimm gives no agents: the last known agents are in use"}
    stimm.start()
    wait_for(lambda: daemon.status()["agents"]["source"] == "stimm", "Stimm's agents are in use")
    daemon.wait_logged("Stimm http.*: gives its agents again")
    assert daemon.health()["status"] == "healthy"


def test_without_a_copy_calls_wait_for_stimm(bridge, stimm):
    stimm.stop()
    daemon = bridge()
    assert daemon.get("/readyz")[0] == 503
    wait_for(lambda: "Stimm gives no agents and none were ever loaded" in daemon.health()["message"], "health says so")
    call = Call()
    daemon.post(*call.ringing())
    stimm.start()
    assert name_of(daemon.wait_agent(call)) == "Reception"


@pytest.mark.parametrize("status,body,error", [
    (500, None, "it answers 500"),
    (404, None, "it answers 404: there is no /api/agents/"),
    (200, f"<html>{KEY}</html>", "not valid JSON"),
    (200, f'[{{"{KEY}":1,"{KEY}":2}}]', "not valid JSON"),
    (200, json.dumps({"agents": [agent("Night")]}), "must be a list of agents, not an object"),
    (200, json.dumps([{"name": "Night", "llm_config": KEY}]), "none of its 1 agents can be used"),
    (200, f'["{KEY}' + "x" * (8 << 20), "the answer is longer than 8388608 bytes"),
    (200, (FIXTURES / "stimm" / "hostile-deep.json").read_bytes(), "nested deeper than 32 levels"),
    (200, (FIXTURES / "stimm" / "hostile-utf8.json").read_bytes(), "not valid JSON"),
], ids=["500", "404", "html", "twice", "object", "no-id", "long", "deep", "utf8"])
def test_odd_answers_change_nothing(bridge, stimm, status, body, error):
    daemon = bridge(rules=rule_for("Support"))
    wait_agents(daemon, 2)
    stimm.status, stimm.body = status, body
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.status()["stimm"]["error"], "status tells")
    assert error in daemon.status()["stimm"]["error"]
    assert "Stimm gives no agents: the last known" in daemon.health()["message"]
    assert name_of(call_gets(daemon)) == "Support"
    assert KEY not in json.dumps([daemon.log, daemon.status()])


def test_a_slow_stimm_keeps_nobody_waiting(bridge, stimm):
    daemon = bridge(rules=rule_for("Support"))
    wait_agents(daemon, 2)
    stimm.delay_s = 60
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(stimm.requests) == 2, "it is asked")
    assert name_of(call_gets(daemon)) == "Support"
    wait_for(lambda: daemon.status()["stimm"]["error"] == "no answer within 10000 ms", "status tells")
    assert name_of(call_gets(daemon)) == "Support"


def test_a_stimm_that_is_away_is_not_asked_all_the_time(bridge, stimm):
    stimm.status = 500
    daemon = bridge()
    wait_for(lambda: len(stimm.requests) >= 2, "it is asked again")
    for _ in range(20):
        daemon.post(*Call().ringing())
    holds_for(lambda: len(stimm.requests) < 10, 0.5, "asked with back-off, and not for each call")


def test_more_agents_than_stimm_lists_at_once(bridge, stimm):
    stimm.agents += [agent(f"Agent {i}") for i in range(120)]
    daemon = bridge(rules=rule_for("Agent 119"))
    wait_agents(daemon, 122)
    assert stimm.requests == ["/api/agents/", "/api/agents/?limit=10000"]
    assert name_of(call_gets(daemon)) == "Agent 119"


def files_below(directory):
    return [path for path in directory.rglob("*") if path.is_file()]


def test_keys_of_providers_are_nowhere(bridge, stimm):
    daemon = bridge(rules=rule_for("Nobody yet"), LOG_LEVEL="debug")
    wait_agents(daemon, 2)
    daemon.post(*Call().ringing())
    stimm.agents.append(agent("Nobody yet"))
    wait_agents(daemon, 3)
    report = call_gets(daemon)
    wait_copy(daemon, "Support", "Reception", "Nobody yet")
    seen = files_below(daemon.dir)
    assert any(path.name == "agents.json" for path in seen)
    for path in seen:
        assert KEY.encode() not in path.read_bytes(), path
    assert KEY not in json.dumps([daemon.log, daemon.status(), daemon.health(), report])
    assert KEY.encode() not in open(f"/proc/{report['pid']}/environ", "rb").read()
    assert KEY.encode() not in open(f"/proc/{report['pid']}/cmdline", "rb").read()


def test_a_file_of_agents_comes_before_stimm(start, stimm):
    daemon = start(STIMM_API_URL=stimm.url)
    assert daemon.status()["agents"]["source"] == "file"
    assert daemon.status()["stimm"] == {"state": "not configured", "error": None}
    assert name_of(call_gets(daemon)) == "support"
    assert stimm.requests == []


# --- commands ---

@pytest.fixture
def cli(stimm, checkout):
    def run(*arguments, **settings):
        environment = {"PATH": f"{checkout / 'bin'}:/usr/bin:/bin", "STIMM_API_URL": stimm.url,
                       "SIP_STATE_DIR": str(checkout), "LIVEKIT_API_KEY": livekit.KEY,
                       "LIVEKIT_API_SECRET": livekit.SECRET, **settings}
        done = subprocess.run([binary(), *arguments], env=environment, capture_output=True, text=True, timeout=120)
        assert KEY not in done.stdout + done.stderr
        return done
    return run


def test_agents_are_listed(cli, stimm):
    done = cli("agents", "list", "--json")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assert [(one["name"], one["id"], one["credentials"]) for one in listed] == [
        (name, stimm.id_of(name), "api") for name in ("Reception", "Support")]
    assert listed[0]["command"][:3] == ["python", "-m", "src.cli.agent_worker"]
    assert re.search(r"^Reception +0 ", cli("agents", "list").stdout, re.M)


def test_agents_are_checked(cli, stimm, checkout):
    done = cli("agents", "check")
    assert (done.returncode, done.stdout) == (0, "agents from stimm: 2, broken: 0, warnings: 0\n")
    done = cli("agents", "check", SIP_AGENT_CWD=str(checkout / "gone"))
    assert done.returncode == 1
    assert "broken: Support: cwd" in done.stdout
    stimm.status = 500
    done = cli("agents", "check")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{stimm.url}: it answers 500" in done.stderr


def test_rules_are_explained_and_checked(cli, checkout):
    rules = checkout / "rules.json"
    rules.write_text(json.dumps([{"pattern": "+33*", "agent_name": "Support"}, {"pattern": "+44*", "agent_name": "X"}]))
    assert cli("rules", "explain", "+331", SIP_RULES_FILE=str(rules)).stdout.splitlines()[-1] == \
        "the agent Support: a rule matched, rule [0] (+33*, priority 100)"
    assert cli("rules", "explain", "+1", SIP_RULES_FILE=str(rules)).stdout.splitlines()[-1].startswith(
        "the agent Reception: no rule matched and no DEFAULT_SIP_AGENT")
    assert "the agent X is not in the directory" in cli("rules", "check", SIP_RULES_FILE=str(rules)).stdout


def test_a_dry_run_decides_with_stimms_agents(cli):
    done = cli("replay", "--dry-run", str(FIXTURES / "recordings" / "answered.jsonl"))
    assert done.returncode == 0, done.stderr
    assert "the agent Reception" in done.stdout


def test_the_preset_is_shown(cli):
    shown = json.loads(cli("config", "--json").stdout)
    assert shown["SIP_AGENT_CREDENTIALS"] == {"value": "api", "from": "preset of STIMM_API_URL"}
    assert shown["SIP_AGENT_COMMAND"]["value"].startswith("python -m src.cli.agent_worker --room-name {room}")


def test_a_stimm_that_is_away_is_said(cli, stimm):
    stimm.stop()
    done = cli("agents", "list")
    assert done.returncode == 1
    assert f"the agents cannot be used: {stimm.url}" in done.stderr
