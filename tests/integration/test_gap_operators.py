"""Who gets through which door: operators' and readers' tokens, the admin address over TCP, what stop and reload do."""
import http.client
import json
import re

import livekit
import pytest
from daemon import holds_for, is_alive
from livekit import Call

STATUS = "/health/sip-bridge-status"
STATUS_KEYS = {"enabled", "running", "active_rooms", "process_count", "process_pids", "version", "uptime_s", "calls",
               "rules", "agents", "redis", "livekit", "webhooks", "errors"}
CALL_KEYS = {"sid", "room", "state", "agent", "called", "caller", "pid", "started_at", "age_s", "ring_ms", "restarts"}


def bearer(*args, **more):
    return {"Authorization": f"Bearer {livekit.operator_token(*args, **more)}"}


def test_status_has_every_name_that_scripts_rely_on(start):
    daemon = start()
    call = Call()
    daemon.post(*call.ringing())
    daemon.wait_agent(call)
    status = daemon.status()
    assert STATUS_KEYS <= set(status)
    assert CALL_KEYS <= set(status["calls"][0])
    for document in ("rules", "agents"):
        assert {"source", "count", "loaded_at", "error"} <= set(status[document])
    for peer in ("redis", "livekit"):
        assert {"state", "error"} <= set(status[peer])
    assert {"received", "verified", "rejected", "ignored", "duplicate"} <= set(status["webhooks"])


# What is signed (claims beside the usual ones), and what it opens: status, reload. Signed in the test: they expire.
TOKENS = {
    "none": (None, 404, 404), "operator": ({}, 200, 200), "reader": ({"scope": "reader"}, 200, 401),
    "reader of a year": ({"scope": "reader", "ttl": 365 * 86400}, 200, 401),
    "operator of two hours": ({"ttl": 7200}, 401, 401), "expired": ({"ttl": -120}, 401, 401),
    "other secret": ({"secret": "x" * 32}, 401, 401), "other scope": ({"scope": "admin"}, 401, 401),
    "no scope": ({"scope": None}, 401, 401), "LiveKit grant beside it": ({"video": {"roomAdmin": True}}, 401, 401),
    "body hash beside it": ({"sha256": "x"}, 401, 401),
}


@pytest.mark.parametrize("name", TOKENS)
def test_doors_of_the_public_address(start, name):
    """Status is for readers, reload and stop for operators; without a token neither seems to be there."""
    claims, status, reload = TOKENS[name]
    headers = {} if claims is None else bearer(**claims)
    daemon = start()
    assert daemon.request("GET", STATUS, headers=headers)[0] == status
    assert daemon.request("POST", "/api/reload", headers=headers)[0] == reload
    assert daemon.request("POST", "/api/calls/RM_none/stop", headers=headers)[0] == (404 if reload == 200 else reload)
    if reload == 200:
        daemon.wait_logged("reloaded")
    else:
        assert not daemon.logged("reloaded")


@pytest.mark.parametrize("host,status", [
    ("127.0.0.1", 200), ("localhost:8791", 200), ("[::1]:1", 200), ("127.8.8.8", 200),
    ("evil.example", 403), ("127.evil.example", 403), ("localhost.evil.example", 403), ("[::1].evil.example", 403), ("", 403),
])
def test_admin_over_a_loopback_wants_a_host_that_names_one(start, tmp_path, host, status):
    """A page in the operator's browser can make its own name resolve to 127.0.0.1, but not send another Host."""
    daemon = start(SIP_LISTEN=f"unix:{tmp_path}/public", SIP_ADMIN_LISTEN="127.0.0.1:0")
    listening = daemon.wait_logged(r"listening on 127\.0\.0\.1:\d+ \(admin; the board: ")["message"]
    port = int(re.search(r":(\d+)", listening).group(1))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", STATUS, headers={"Host": host})
    assert connection.getresponse().status == status
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", STATUS, headers={"Host": host, **bearer("reader")})
    assert connection.getresponse().status == 200
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/api/reload", headers={"Host": "localhost"})
    assert connection.getresponse().status == 401, "what changes something always wants a token"


def test_stop_ends_the_one_call(start):
    daemon = start()
    one, other = Call(), Call()
    daemon.post(*one.ringing(), *one.answered(), *other.ringing(), *other.answered())
    agents = daemon.wait_agent(one), daemon.wait_agent(other)
    assert daemon.request("POST", f"/api/calls/{one.sid}/stop", headers=bearer())[0] == 200
    daemon.wait_gone(agents[0]["pid"])
    assert daemon.wait_logged("^call ended: the operator stopped it")["call"] == one.sid
    holds_for(lambda: is_alive(agents[1]["pid"]), 0.3, "the other call goes on")
    for path in (f"/api/calls/{one.sid}/stop", "/api/calls/../stop", "/api/calls//stop", f"/api/calls/{other.sid}"):
        assert daemon.request("POST", path, headers=bearer())[0] == 404, path


def test_keys_file_is_watched_and_a_bad_one_costs_nothing(start, tmp_path):
    """Rotation: LiveKit's key file changes under us; no signal is needed."""
    keys, part = tmp_path / "keys", tmp_path / "part"
    keys.write_text(f"old: {'o' * 32}\n")
    daemon = start(LIVEKIT_API_KEY=None, LIVEKIT_API_SECRET=None, LIVEKIT_KEYS=keys)

    def status(name):
        body = livekit.encode({"event": "egress_updated", "id": livekit.sid("EV")})
        return daemon.post_raw(body, livekit.webhook_token(body, name, name[0] * 32))

    assert (status("old"), status("new")) == (200, 401)
    part.write_text(f"new: {'n' * 32}\nold: {'o' * 32}\n")
    part.rename(keys)
    daemon.wait_logged("reloaded; API keys: 2")
    assert (status("old"), status("new")) == (200, 200)
    part.write_text("no keys in here\n")
    part.rename(keys)
    daemon.wait_logged("the keys could not be read again, keeping the 2 in use")
    assert (status("old"), status("new")) == (200, 200)
    part.write_text(f"new: {'n' * 32}\n")
    part.rename(keys)
    daemon.wait_logged("reloaded; API keys: 1")
    assert (status("old"), status("new")) == (401, 200)


def test_secrets_are_not_in_the_environment_of_the_running_process(start):
    """Children of our uid could read them there."""
    daemon = start(REDIS_URL="redis://:hunter2hunter2@127.0.0.1:1")
    with open(f"/proc/{daemon.process.pid}/environ", "rb") as file:
        environ = file.read()
    assert livekit.SECRET.encode() not in environ and b"hunter2" not in environ
    assert "hunter2" not in json.dumps(daemon.log) and "hunter2" not in json.dumps(daemon.status())
