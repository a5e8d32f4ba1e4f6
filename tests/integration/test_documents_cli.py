"""`sipbridge rules` and `sipbridge agents` as a person uses them: what they print, and their exit codes."""
import json
import subprocess

import pytest
from daemon import binary

RULES = [{"pattern": "+33*", "agent_name": "sales", "metadata": {"language": "fr"}, "priority": 5},
         {"pattern": "*", "caller": "+1900*", "reject": True, "priority": 1},
         {"pattern": "*", "agent_name": "gone"}]
AGENTS = {"sales": {"command": ["sleep", "60"], "env": {"KEY": "private-value"}},
          "broken": {"command": ["no-such-program-anywhere"]}}


@pytest.fixture
def cli(tmp_path):
    """cli("rules", "list", SETTING=…): the finished process. The documents are in files."""
    def write(name, document):
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return str(path)

    def run(*arguments, rules=RULES, agents=AGENTS, **settings):
        environment = {"PATH": "/usr/bin:/bin", "SIP_RULES_FILE": write("rules.json", rules),
                       "SIP_AGENTS_FILE": write("agents.json", agents), **settings}
        return subprocess.run([binary(), *arguments], env=environment, capture_output=True, text=True, timeout=120)
    return run


def test_rules_are_listed_in_the_order_they_are_tried(cli):
    done = cli("rules", "list", "--json")
    assert done.returncode == 0, done.stderr
    assert [rule["rule"] for rule in json.loads(done.stdout)] == [1, 0, 2]
    lines = cli("rules", "list").stdout.splitlines()
    assert lines[0].split() == ["RULE", "PRIORITY", "CALLED", "CALLER", "TRUNK", "AGENT", "METADATA"]
    assert lines[2].split() == ["[0]", "5", "+33*", "*", "*", "sales", '{"language":"fr"}']


def test_a_check_warns_of_agents_that_cannot_be_had(cli):
    done = cli("rules", "check")
    assert done.returncode == 0, done.stderr
    assert "warning: [2]: the agent gone is not in the directory" in done.stdout
    assert "rules from file: 3, warnings: 1" in done.stdout


def test_a_check_of_a_file_names_the_mistake_and_its_place(cli, tmp_path):
    candidate = tmp_path / "new.json"
    candidate.write_text('[{"pattern": "+33*", "agent_name": "sales"}, {"pattern": 33, "agent_name": "sales"}]')
    done = cli("rules", "check", str(candidate))
    assert done.returncode == 1
    assert f"{candidate}: [1].pattern: must be a string" in done.stderr


@pytest.mark.parametrize("arguments,code,last", [
    (["33 1 23"], 0, "the agent sales: a rule matched, rule [0] (+33*, priority 5)"),
    (["+331", "--caller", "+19001"], 0, "the call is rejected"),
    (["+441"], 1, "nobody: no agent can be had"),
    ([""], 1, "nobody: no agent can be had"),
    (["+441", "--room-agent", "sales"], 0, "the agent sales: the room's metadata names it"),
])
def test_explain(cli, arguments, code, last):
    done = cli("rules", "explain", *arguments)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (code, last)


def test_explain_as_json(cli):
    answer = json.loads(cli("rules", "explain", "+331", "--json").stdout)
    assert (answer["choice"], answer["agent"], answer["rule"]["metadata"]) == ("agent", "sales", {"language": "fr"})
    assert [step.get("rule") for step in answer["steps"]] == [1, 0, 2, None]


def test_default_agent_stands_in(cli):
    done = cli("rules", "explain", "+441", DEFAULT_SIP_AGENT="sales")
    assert done.stdout.splitlines()[-1] == "the agent sales: no usable rule, DEFAULT_SIP_AGENT"


def test_agents(cli):
    done = cli("agents", "check")
    assert done.returncode == 1
    assert "broken: broken: command[0]: no-such-program-anywhere" in done.stdout
    listed = cli("agents", "list", "--json").stdout
    assert {agent["name"]: agent["broken"] is None for agent in json.loads(listed)} == {"sales": True, "broken": False}
    assert "private-value" not in listed
    good = cli("agents", "check", agents={"sales": {"command": "sleep 60"}})
    assert (good.returncode, good.stdout) == (0, "agents from file: 1, broken: 0, warnings: 0\n")


@pytest.mark.parametrize("command,code,said", [
    ("nosuchprog bot.py {room}", 1, "broken: SIP_AGENT_COMMAND: command[0]: nosuchprog is not in PATH"),
    ("sleep 60", 0, "one command for every name (SIP_AGENT_COMMAND): good\n"),
])
def test_the_one_command_is_looked_up(cli, command, code, said):
    done = cli("agents", "check", SIP_AGENTS_FILE="", SIP_AGENT_COMMAND=command)
    assert (done.returncode, done.stdout[:len(said)]) == (code, said)


@pytest.mark.parametrize("verb", [["rules", "list"], ["rules", "explain", "+33"], ["agents", "list"]])
def test_a_bad_document_is_said(cli, verb):
    done = cli(*verb, rules="[", agents="[")
    assert done.returncode == 1
    assert "not valid JSON" in done.stderr
    assert done.stdout == ""


def test_a_redis_that_is_away(cli):
    done = cli("rules", "list", SIP_RULES_FILE="", REDIS_URL="redis://127.0.0.1:1")
    assert done.returncode == 1
    assert "Connection refused; is Redis running, is REDIS_URL right?" in done.stderr


def test_a_caller_that_is_not_given_is_said(cli):
    assert "no --caller given: taken as hidden" in cli("rules", "explain", "+331").stderr
    assert cli("rules", "explain", "+331", "--caller", "+1").stderr == ""
    assert cli("rules", "explain", "+331", rules=[{"pattern": "*", "agent_name": "sales"}]).stderr == ""


def test_a_bad_command_is_a_bad_setting(cli):
    done = cli("agents", "list", SIP_AGENT_COMMAND="bot --to {number}")
    assert done.returncode == 2
    assert "cannot be a command: {number} is not known" in done.stderr
