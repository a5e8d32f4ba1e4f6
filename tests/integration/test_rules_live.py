"""Rules and agents in a real Redis: what changes there counts for the next call, and what is wrong or away costs none."""
import json
import signal
import stat

import pytest
from daemon import wait_for
from livekit import Call
from servers import Redis

RULES = "sip_dispatch_rules"
AGENTS = "sip_agents"


def rules_for(agent):
    return json.dumps([{"pattern": "*", "agent_name": agent}])


def fill(redis, daemon, *names):
    """Agents of these names, and every call for the first."""
    for name in names:
        redis("HSET", AGENTS, name, json.dumps(daemon.entry()))
    redis("SET", RULES, rules_for(names[0]))


def started(start, redis, *names, **settings):
    """A daemon that has read what FILL wrote."""
    daemon = start(rules=False, agents=False, REDIS_URL=redis.url, **settings)
    fill(redis, daemon, *names)
    wait_read(daemon, len(names))
    return daemon


def wait_read(daemon, agents):
    """One rule and so many agents are in use."""
    wait_for(lambda: (daemon.status()["rules"]["count"], daemon.status()["agents"]["count"]) == (1, agents),
             "rules and agents are read")


def agent_of_a_call(daemon, timeout=60):
    call = Call()
    daemon.post(*call.ringing())
    return daemon.wait_agent(call, timeout=timeout)["env"]["SIP_AGENT_NAME"]


def next_call_gets(daemon, agent):
    """Soon a call gets AGENT. Until both documents are read, calls may get another one, or nobody."""
    def does():
        try:
            return agent_of_a_call(daemon, 5) == agent
        except AssertionError:
            return False
    wait_for(does, f"a call gets {agent}")


def test_changed_rules_and_agents_count_for_the_next_call(start, redis):
    daemon = started(start, redis, "support", "sales")
    assert agent_of_a_call(daemon) == "support"
    redis("SET", RULES, rules_for("sales"))
    next_call_gets(daemon, "sales")
    redis("HSET", AGENTS, "night", json.dumps(daemon.entry()))
    redis("SET", RULES, rules_for("night"))
    next_call_gets(daemon, "night")
    assert daemon.status()["redis"]["error"] in ("", None)


def test_vanished_keys_cost_nothing_and_an_empty_list_clears(start, redis):
    daemon = started(start, redis, "sales", "support", DEFAULT_SIP_AGENT="support")
    redis("FLUSHALL")
    daemon.wait_logged("the key sip_dispatch_rules is gone.*keeping the 1 rules in use")
    daemon.wait_logged("the key sip_agents is gone.*keeping the 2 agents in use")
    assert agent_of_a_call(daemon) == "sales"
    redis("SET", RULES, "[]")
    next_call_gets(daemon, "support")
    assert daemon.status()["rules"]["error"] in ("", None)


def test_last_good_copies_carry_a_restart_while_redis_is_away(start, redis):
    daemon = started(start, redis, "sales", "support")
    copies = [daemon.state / "rules.json", daemon.state / "agents.json"]
    wait_for(lambda: all(copy.is_file() for copy in copies), "both copies are written")
    assert all(stat.S_IMODE(copy.stat().st_mode) == 0o600 for copy in copies)
    daemon.stop(signal.SIGKILL)
    redis.kill()
    daemon.start()
    assert daemon.get("/readyz")[0] == 200
    assert daemon.status()["rules"]["source"] == "last good copy"
    assert agent_of_a_call(daemon) == "sales"
    daemon.wait_logged(r"Redis 127\.0\.0\.1:\d+: .*, what is in use stays, again in 500ms")
    redis.start()
    fill(redis, daemon, "support")
    next_call_gets(daemon, "support")


def test_without_copies_and_redis_not_ready_until_it_comes(start, redis):
    redis.kill()
    daemon = start(rules=False, agents=False, REDIS_URL=redis.url)
    assert daemon.get("/readyz")[0] == 503
    redis.start()
    fill(redis, daemon, "support")
    wait_for(lambda: daemon.get("/readyz")[0] == 200, "ready")
    wait_read(daemon, 1)
    next_call_gets(daemon, "support")


def test_narrow_user_without_tracking_is_told_once_and_its_password_never(start, redis):
    user = ("bridge", "on", ">hunter2hunter2", f"~{RULES}", f"~{AGENTS}", "&*", "+get", "+hgetall")
    redis("ACL", "SETUSER", *user)
    daemon = start(rules=False, agents=False, REDIS_URL=redis.url.replace("://", "://bridge:hunter2hunter2@"))
    daemon.wait_logged("it does not tell of changes .*NOPERM.*: they are seen within 30 s")
    fill(redis, daemon, "support")
    daemon.process.send_signal(signal.SIGHUP)
    wait_read(daemon, 1)
    next_call_gets(daemon, "support")
    redis.kill()
    redis.start()
    redis("ACL", "SETUSER", *user)
    daemon.wait_logged("Redis 127.*: connected$")
    assert len([record for record in daemon.log if "it does not tell of changes" in record["message"]]) == 1
    assert "hunter2" not in json.dumps([daemon.log, daemon.status()])


@pytest.mark.parametrize("wrong", ["redis://:hunter2hunter2@", "redis://bridge:hunter2hunter2@"])
def test_wrong_password_is_told_without_it(start, redis, wrong):
    redis("CONFIG", "SET", "requirepass", "right")
    daemon = start(rules=False, agents=False, REDIS_URL=redis.url.replace("redis://", wrong))
    daemon.wait_logged("it refuses the user or the password of REDIS_URL")
    status = daemon.status()
    assert "WRONGPASS" in status["redis"]["error"]
    assert "hunter2" not in json.dumps([daemon.log, status])


def test_unix_socket_and_database_number(start, tmp_path):
    path = tmp_path / "r.sock"
    with Redis("--unixsocket", str(path)) as redis:
        daemon = start(rules=False, agents=False, REDIS_URL=f"unix://{path}?db=3")
        redis("-n", "3", "HSET", AGENTS, "support", json.dumps(daemon.entry()))
        redis("SET", RULES, rules_for("elsewhere"))
        redis("-n", "3", "SET", RULES, rules_for("support"))
        wait_read(daemon, 1)
        next_call_gets(daemon, "support")
