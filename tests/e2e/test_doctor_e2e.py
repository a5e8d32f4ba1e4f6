"""`sipbridge doctor` against the real livekit-server: a healthy set-up has no problem, and what only a real server shows."""
import subprocess

import livekit
import pytest
from daemon import binary
from doctor_livekit import Findings
from worker import Worker

SIP_ADMIN = {"sip": {"admin": True}}
OTHER = "0123456789abcdef" * 2 + "0123"


@pytest.fixture
def ward(start):
    """A stage with a trunk and a dispatch rule; what doctor looks at is LiveKit's own Redis."""
    def make(trunk=("+1234567",), rule=True, **more):
        stage = start(REDIS_URL=None, **more)
        if trunk:
            stage.livekit.create_trunk(*trunk)
        if rule:
            create_rule(stage)
        return stage
    return make


def create_rule(stage, prefix="sip-inbound", **more):
    rule = {"name": "all calls", "rule": {"dispatch_rule_individual": {"room_prefix": prefix}}, **more}
    stage.livekit.api("SIP/CreateSIPDispatchRule", {"dispatch_rule": rule}, **SIP_ADMIN)


def run(stage, *args, wait="2s", **settings):
    environment = {**stage.daemon.settings, "SIP_LISTEN": f"127.0.0.1:{stage.daemon.port()}", "LIVEKIT_API_URL": None,
                   "REDIS_URL": f"redis://127.0.0.1:{stage.livekit.values['redis_port']}", **settings}
    return subprocess.run([binary(), "doctor", "--wait", wait, *args], capture_output=True, text=True, timeout=60,
                          env={name: str(value) for name, value in environment.items() if value is not None})


def doctor(stage, *args, **settings):
    found = Findings(run(stage, "--json", *args, **settings))
    assert stage.livekit.rooms() == [], "the throw-away room is left"
    return found


def redis_of_livekit(stage, *words):
    subprocess.run(["redis-cli", "-p", str(stage.livekit.values["redis_port"]), *words], check=True, capture_output=True)


def restart(stage, **values):
    stage.livekit.kill()
    redis_of_livekit(stage, "DEL", "nodes")  # else the killed one is given rooms for some time
    stage.livekit.values.update(values)
    stage.livekit.start()


def test_healthy(ward):
    stage = ward()
    found = doctor(stage, "--webhook-url", stage.livekit.values["webhook_url"], wait="6s")
    assert found.code == 0, found.text
    found.good(*[one["check"] for one in found.list])
    assert "devkey" in found.of("webhook")[0]["what"]
    assert stage.daemon.reports() == [], "no agent was started for it"


def test_nothing_is_set_up(ward):
    found = doctor(ward(trunk=(), rule=False))
    found.bad("trunks", "no inbound trunk")
    found.bad("dispatch", "no dispatch rule")


def test_webhook_url_is_wrong(ward):
    stage = ward()
    restart(stage, webhook_url="http://127.0.0.1:1/webhooks/livekit")
    found = doctor(stage)
    found.bad("webhook", "no webhook about it came", f'urls: ["http://127.0.0.1:{stage.daemon.port()}/webhooks/livekit"]')


def test_webhook_is_signed_with_another_key(ward):
    stage = ward()
    restart(stage, key="other", secret=f'{OTHER}", {livekit.KEY}: "{livekit.SECRET}')
    found = doctor(stage)
    found.good("api-key")
    found.bad("webhook", "came and was refused (bad_signature)", "api_key:")


def test_wrong_secret(ward):
    found = doctor(ward(LIVEKIT_API_SECRET="f" * 32))
    found.bad("api-key", "does not accept a token of the API key devkey")
    found.unchecked("webhook", "LiveKit does not accept the API key")


def test_json_in_its_redis(ward):
    """Stimm's old script: LiveKit can no longer list its trunks; --fix takes it out."""
    stage = ward()
    redis_of_livekit(stage, "HSET", "sip_inbound_trunk", "ST_stimm", '{"sip_trunk_id": "ST_stimm"}')
    found = doctor(stage)
    found.bad("redis-json", "sip_inbound_trunk holds JSON in its field ST_stimm", "HDEL sip_inbound_trunk ST_stimm")
    found.bad("grant-sip-admin", "LiveKit cannot list its trunks")
    found.unchecked("trunks", "LiveKit's trunks could not be listed")
    assert "deleted: sip_inbound_trunk ST_stimm" in run(stage, "--fix", "--yes").stderr
    assert doctor(stage).code == 0


def test_rules_that_LiveKit_keeps(ward):
    """Fields as the real server writes them."""
    stage = ward(trunk=("+1234567", "+331"), rule=False)
    create_rule(stage, hide_phone_number=True, room_config={"agents": [{"agent_name": "Lotte"}]})
    found = doctor(stage)
    found.bad("hidden-numbers", "our rules need the called one")
    found.bad("dispatch-agents", "asks LiveKit's agent Lotte")


def test_trunk_without_agent_or_rule(ward):
    stage = ward(rule=False, trunk=("+1999",), rules=[{"pattern": "+1234567", "agent_name": "support"}])
    create_rule(stage, prefix="call")
    found = doctor(stage)
    found.bad("dispatch", "rooms that begin with sip-inbound")
    found.warns("trunk-dispatch", "rooms sipbridge leaves alone")
    found.good("numbers")  # its calls do not come here
    create_rule(stage, inbound_numbers=["+1555"])
    doctor(stage).warns("numbers", "no rule matches calls to +1999")


def test_unnamed_worker_of_livekits_agents(ward):
    stage = ward()
    with Worker(stage.livekit.port, agent_name="lotte") as named:
        doctor(stage, wait="6s").good("unnamed-worker")
        assert not named.jobs
    with Worker(stage.livekit.port) as unnamed:
        found = doctor(stage, wait="6s")
        assert len(unnamed.jobs) == 1
    found.bad("unnamed-worker", "took the throw-away room", "agent_name")


def test_livekit_away(ward):
    stage = ward()
    url = f"http://127.0.0.1:{stage.livekit.port}"
    stage.livekit.kill()
    found = Findings(run(stage, "--json"))
    stage.livekit.start()
    found.bad("livekit", f"LiveKit at {url}")
