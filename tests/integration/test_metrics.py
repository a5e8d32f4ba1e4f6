"""GET /metrics, what Prometheus makes of it, and the alerts and the dashboard that live on it."""
import json
import re
import socket
import time

import livekit
import odd_livekit as odd
import pytest
from daemon import ROOT, RULES, binary, wait_for
from livekit import Call
from prometheus import Prometheus, promtool
from servers import free_port

DEPLOY = ROOT / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "sipbridge.json").read_text())


def metrics(daemon, **headers):
    status, body = daemon.admin("GET", "/metrics")
    assert status == 200
    return body.decode()


def values(text):
    """{"name{labels}": value}"""
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")}


def value(daemon, name):
    return values(metrics(daemon)).get(name)


def wait_value(daemon, name, wanted):
    wait_for(lambda: value(daemon, name) == wanted, f"{name} is {wanted}, not {value(daemon, name)}")


def one_call(daemon, called="+1234567"):
    call = Call(called=called)
    daemon.post(*call.ringing())
    daemon.wait_agent(call)
    daemon.post(*call.answered())
    return call


# --- what is told ---

def test_a_call_is_told(start):
    daemon = start()
    call = one_call(daemon)
    wait_value(daemon, 'sipbridge_calls{phase="talking"}', 1)
    told = values(metrics(daemon))
    assert told["sipbridge_calls_begun_total"] == told["sipbridge_calls_answered_total"] == told["sipbridge_calls_served"] == 1
    assert told["sipbridge_ring_seconds_count"] == told['sipbridge_ring_seconds_bucket{le="+Inf"}'] == 1
    assert told["sipbridge_decision_seconds_count"] == told["sipbridge_agent_start_seconds_count"] == 1
    assert told['sipbridge_agent_calls{agent="support"}'] == 1 and told['sipbridge_agent_calls{agent="sales"}'] == 0
    assert told["sipbridge_agent_processes"] == told["sipbridge_agent_starts_total"] == 1
    assert told['sipbridge_webhooks_total{verdict="accepted",reason=""}'] == 5
    assert told["sipbridge_webhook_lag_seconds_count"] == 5
    assert told["sipbridge_agents"] == 2 and told["sipbridge_rules"] == 2
    daemon.post(*call.hung_up())
    wait_value(daemon, 'sipbridge_calls_ended_total{reason="CALLER_LEFT"}', 1)
    told = values(metrics(daemon))
    assert told['sipbridge_calls{phase="talking"}'] == 0 and told["sipbridge_agent_stops_total"] == 1
    assert told["sipbridge_agent_exits_total"] == 1 and told["sipbridge_calls_remembered"] == 1


def test_what_is_not_there_is_absent(start):
    names = {name.partition("{")[0] for name in values(metrics(start()))}
    assert not [name for name in names if re.match(r"sipbridge_(redis|livekit|stimm|reconcile|standby|call_log)_", name)]
    assert {"process_open_fds", "process_resident_memory_bytes", "sipbridge_build_info"} <= names


def test_rejected_webhooks_by_reason(start):
    daemon = start()
    body = livekit.encode(Call().room_started())
    assert daemon.post_raw(body, None) == 401
    assert daemon.post_raw(body, livekit.webhook_token(body, secret="x" * 32)) == 401
    assert daemon.post_raw(body + b" ", livekit.webhook_token(body)) == 401
    told = values(metrics(daemon))
    rejected = {name: count for name, count in told.items() if 'verdict="rejected"' in name and count}
    assert len(rejected) == 3 and set(rejected.values()) == {1}


def test_killed_agents_are_counted(start):
    daemon = start(agents=lambda d: {"support": d.entry(command=["/bin/sh", "-c", "trap '' TERM; : > $AGENT_OUT/up; "
                                                                 "while :; do read line || exec sleep 60; done"],
                                                        stop_timeout="100ms")}, rules=RULES[:1])
    call = Call()
    daemon.post(*call.ringing())
    wait_for((daemon.notes / "up").exists, "the agent ignores SIGTERM")
    daemon.post(*call.hung_up())
    wait_value(daemon, "sipbridge_agent_kills_total", 1)


def test_no_number_and_no_room_is_told(start):
    daemon = start()
    call = one_call(daemon)
    text = metrics(daemon)
    for private in (call.caller[1:], call.called[1:], call.room, call.sid, call.identity):
        assert private not in text
    daemon.post(*call.hung_up())


def test_promtool_finds_nothing_to_mend(start):
    daemon = start()
    call = one_call(daemon)
    code, said = promtool("check", "metrics", given=metrics(daemon).encode())
    assert (code, said) == (0, "")
    daemon.post(*call.hung_up())


def test_table_document_and_answer_have_the_same_names(start):
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "doc" / "metrics.md").read_text(), re.M))
    told = set(re.findall(r"^# TYPE (\w+) ", metrics(start()), re.M))
    assert told <= documented
    queried = set(re.findall(r"(?:sipbridge|process)_\w+", json.dumps(DASHBOARD["panels"]) +
                             (DEPLOY / "prometheus" / "alerts.yml").read_text()))
    queried = {re.sub(r"(_seconds)_(bucket|count|sum)$", r"\1", name) for name in queried}
    assert queried <= documented, queried - documented


# --- who may read ---

def test_doors(start):
    daemon = start()
    assert daemon.get("/metrics")[0] == 404  # the public door does not know it
    reader = {"Authorization": f"Bearer {livekit.operator_token('reader')}"}
    assert daemon.get("/metrics", reader)[0] == 200
    assert daemon.get("/metrics", {"Authorization": f"Bearer {livekit.operator_token('reader', secret='y' * 32)}"})[0] == 401
    status, body, headers = daemon.request("GET", "/metrics", headers=reader)
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert daemon.admin("POST", "/metrics")[0] == 405


def test_scrapers_that_never_read_harm_nobody(start):
    """Each asks again and again and reads nothing; webhooks are answered as ever, and the memory they take is bounded."""
    daemon = start()
    mute = []
    for _ in range(60):
        scraper = socket.socket(socket.AF_UNIX)
        scraper.connect(str(daemon.admin_socket))
        scraper.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        mute.append(scraper)
    call = one_call(daemon)
    daemon.post(*call.hung_up())
    now = values(metrics(daemon))
    assert now["sipbridge_http_connections"] >= len(mute)
    assert "asan" in binary() or now["process_resident_memory_bytes"] < 64 << 20
    wait_for(lambda: value(daemon, "sipbridge_http_connections") < 5, "those that do not read are cut off")
    assert value(daemon, 'sipbridge_http_refused_total{reason="too_slow"}') >= len(mute)
    for scraper in mute:
        scraper.close()


# --- Prometheus ---

def test_alerts(start):
    alerts = DEPLOY / "prometheus"
    assert promtool("check", "rules", alerts / "alerts.yml")[0] == 0
    code, said = promtool("test", "rules", alerts / "alerts.test.yml")
    assert code == 0, said
    defined = re.findall(r"alert: (\w+)", (alerts / "alerts.yml").read_text())
    tested = re.findall(r"- name: (Sipbridge\w+)", (alerts / "alerts.test.yml").read_text())
    assert sorted(defined) == sorted(tested)


def test_scrape_configuration(start):
    code, said = promtool("check", "config", "--syntax-only", DEPLOY / "prometheus" / "scrape.yml")
    assert code == 0, said


def expressions():
    """Every query of the dashboard, with what Grafana puts in the place of its variables."""
    found = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    places = {"$__rate_interval": "1m", "$job": "sipbridge", "$instance": ".+"}
    for old, new in places.items():
        found = [(title, expression.replace(old, new)) for title, expression in found]
    return found


@pytest.fixture
def busy(start, redis):
    """A bridge with everything: LiveKit, Redis, calls that end well and badly, agents that crash, strangers."""
    with odd.OddLiveKit() as server:
        port = free_port()
        daemon = start(rules=False, agents=lambda d: {}, SIP_RULES_FILE=None, SIP_AGENTS_FILE=None, wait=False,
                       REDIS_URL=redis.url, LIVEKIT_API_URL=server.url, SIP_RECONCILE="1s", SIP_CALL_LOG="/dev/null",
                       SIP_ADMIN_LISTEN=f"127.0.0.1:{port}", SIP_MAX_CALLS="100")
        rules = json.dumps([*RULES, {"pattern": "+99", "agent_name": "broken"}])
        redis("SET", "sip_dispatch_rules", rules)
        redis("HSET", "sip_agents", "support", json.dumps(daemon.entry()), "sales", json.dumps(daemon.entry()),
              "broken", json.dumps(daemon.entry(command=["/bin/false"])))
        daemon.wait_until_up()
        yield daemon, server, port, lambda: redis("SET", "sip_dispatch_rules", rules + " ")


def make_busy(daemon, server):
    calls = [one_call(daemon, called) for called in ("+1234567", "+33123456", "+1234567")]
    body = livekit.encode(Call().room_started())
    daemon.post_raw(body, livekit.webhook_token(body, secret="x" * 32))
    failing = Call(called="+99")
    server.add(failing, odd.phone(failing))
    daemon.post(*failing.ringing())
    server.add(calls[2], odd.phone(calls[2]), odd.agent(calls[2]))
    for call in calls[:2]:
        daemon.post(*call.hung_up())
    return calls[2]


def test_every_query_of_the_dashboard_has_data(busy):
    daemon, server, port, touch_rules = busy
    with Prometheus(f"127.0.0.1:{port}") as prometheus:
        prometheus.wait_for_value('up{job="sipbridge"}', 1)
        asked = expressions()
        assert len(asked) > 40
        talking = make_busy(daemon, server)
        touch_rules()

        def without_data():
            return [(title, expression) for title, expression in asked if not prometheus.query(expression)]
        wait_for(lambda: not without_data(), "every query has data")
        assert prometheus.query('sum(increase(sipbridge_calls_answered_total[1m]))')[0][1] > 0
        assert prometheus.query("sum(sipbridge_calls)")[0][1] >= 1
        daemon.post(*talking.hung_up())
