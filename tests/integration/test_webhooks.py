"""Who is believed: every vector over HTTP, keys, repeats, and what cannot be an event."""
import datetime
import json
import time
from pathlib import Path

import livekit
import pytest
from daemon import holds_for
from livekit import Call

VECTORS = json.loads((livekit.FIXTURES / "vectors/webhooks.json").read_text())
ACCEPTED = {"accept": {200, 400}, "reject": {401}, "either": {200, 400, 401}}
STATUSES = {"200": {200}, "400": {400}, "400 or 200 without a spawn": {200, 400}}


def at_vector_time():
    """Settings of a daemon whose wall clock starts at the vectors' moment; its other clock is the real one."""
    return {"LD_PRELOAD": faketime_library(), "FAKETIME": "@2026-01-01 00:00:00", "TZ": "UTC",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "LIVEKIT_API_KEY": VECTORS["key"],
            "LIVEKIT_API_SECRET": VECTORS["secret"]}


def faketime_library():
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert found, "libfaketime is needed for this test (Debian package faketime)"
    return str(found[0])


def test_the_vectors_time_is_what_the_fake_clock_says():
    assert VECTORS["now"] == datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc).timestamp()


def test_every_vector_over_http(start):
    """One daemon, well within the seconds that the narrowest case leaves (exp + 60 s leeway)."""
    daemon = start(**at_vector_time())
    wrong = []
    for case in VECTORS["cases"]:
        status = daemon.post_raw(case["body"].encode(), case["authorization"])
        if status not in ACCEPTED[case["want"]]:
            wrong.append(f"{case['name']}: wanted {case['want']}, got {status}")
    for case in VECTORS["bodies"]:
        status = daemon.post_raw(case["body"].encode(), case["authorization"])
        if status not in STATUSES[str(case["want"])]:
            wrong.append(f"body {case['name']}: wanted {case['want']}, got {status}")
    assert not wrong, "\n".join(wrong)
    assert not daemon.reports()


@pytest.mark.parametrize("name", livekit.recording_names())
def test_recorded_tokens_of_livekit_itself_are_accepted_at_their_time(start, name):
    at = livekit.jwt_claims(livekit.recording(name)[0][1])["nbf"]
    moment = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("@%Y-%m-%d %H:%M:%S")
    daemon = start(**{**at_vector_time(), "FAKETIME": moment, "LIVEKIT_API_KEY": livekit.KEY,
                      "LIVEKIT_API_SECRET": livekit.SECRET})
    for _, token, body in livekit.recording(name):
        assert daemon.post_raw(body, token) == 200


def test_two_authorization_headers_are_401(start):
    daemon = start()
    body = livekit.encode(Call().room_started())
    token = livekit.webhook_token(body)
    connection = daemon.new_connection()
    connection.putrequest("POST", "/webhooks/livekit")
    for value in (token, token):
        connection.putheader("Authorization", value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    assert connection.getresponse().status == 401
    connection.close()
    assert daemon.status()["webhooks"]["rejected"]["two_tokens"] == 1


def test_secrets_of_awkward_lengths_verify(start):
    """1, 31, 33, 64, 65 bytes: HMAC pads or hashes its key around 64, and libsodium's one-shot takes only 32."""
    secrets = {f"key{size}": "s" * (size - 1) + "x" for size in (1, 31, 33, 64, 65)}
    daemon = start(LIVEKIT_API_KEY=None, LIVEKIT_API_SECRET=None,
                   LIVEKIT_KEYS="\n".join(f"{key}: {secret}" for key, secret in secrets.items()))
    for key, secret in secrets.items():
        daemon.post(Call().room_started(), key=key, secret=secret)
    body = livekit.encode(Call().room_started())
    assert daemon.post_raw(body, livekit.webhook_token(body, "key1", secrets["key64"])) == 401


@pytest.mark.parametrize("name,token,reason", [
    ("no token", lambda body: None, "no_token"),
    ("not a token", lambda body: "hello", "not_jwt"),
    ("wrong secret", lambda body: livekit.webhook_token(body, secret="x" * 32), "bad_signature"),
    ("expired", lambda body: livekit.webhook_token(body, now=1e9), "expired"),
    ("not yet valid", lambda body: livekit.webhook_token(body, now=4e9), "not_yet"),
    ("changed body", lambda body: livekit.webhook_token(body + b" "), "body_changed"),
    ("a room client's token", lambda body: livekit.jwt({"iss": livekit.KEY, "sub": "me", "exp": 4e9 // 1, "nbf": 0,
                                                      "video": {"roomJoin": True}}), "no_body_hash"),
    ("an operator's token", lambda body: livekit.operator_token(), "bad_claims"),
])
def test_rejected_webhook_changes_nothing_and_has_its_reason(start, name, token, reason):
    daemon = start()
    body = livekit.encode(Call().room_started())
    assert daemon.post_raw(body, token(body)) == 401
    rejected = daemon.status()["webhooks"]["rejected"]
    assert {key: count for key, count in rejected.items() if count} == {reason: 1}
    assert daemon.status()["calls"] == []


def test_a_webhook_at_another_path_is_told_of(start):
    daemon = start()
    body = livekit.encode(Call().room_started())
    for token in (livekit.webhook_token(body), "junk"):
        status, _ = daemon.request("POST", "/webhook/livekit", body, {"Authorization": token})[:2]
        assert status == 404
    daemon.wait_logged("came to /webhook/livekit, answered 404: the path is /webhooks/livekit")
    assert sum("answered 404" in record.get("message", "") for record in daemon.log) == 1
    assert daemon.status()["webhooks"]["received"] == 0 and daemon.status()["calls"] == []


def test_flood_of_rejected_webhooks_does_not_fill_the_log(start):
    daemon = start(LOG_LEVEL="info")
    before, began = len(daemon.log), time.monotonic()
    for _ in range(500):
        assert daemon.post_raw(b"{}", "junk") == 401
    assert daemon.status()["webhooks"]["rejected"]["not_jwt"] == 500
    assert len(daemon.log) - before <= 20 + (time.monotonic() - began)


def test_repeated_event_is_answered_200_and_not_acted_on(start):
    daemon = start()
    call = Call()
    started, joined = call.room_started(), call.caller_joined()
    daemon.post(started, joined)
    agent = daemon.wait_agent(call)
    daemon.post(*call.hung_up())
    daemon.wait_gone(agent["pid"])
    daemon.post(started, joined)
    holds_for(lambda: len(daemon.reports(call)) == 1, 0.3, "no second agent for repeated events")
    assert daemon.status()["webhooks"]["duplicate"] == 2


def test_reload_of_keys_is_not_needed_for_what_was_there_at_start(start):
    daemon = start(LIVEKIT_KEYS="other: 0123456789012345678901234567890a")
    call = Call()
    daemon.post(*call.ringing(), key="other", secret="0123456789012345678901234567890a")
    token = daemon.wait_agent(call)["env"]["LIVEKIT_TOKEN"]
    assert livekit.jwt_claims(token)["iss"] == livekit.KEY, "LIVEKIT_API_KEY signs, all keys verify"


def test_hostile_bodies_over_http_are_answered_as_the_parser_judges_them(start):
    daemon = start()
    directory = livekit.FIXTURES / "webhooks-hostile"
    wanted = {name: case["status"] for name, case in json.loads((directory / "expected.json").read_text()).items()}
    assert set(wanted) == {path.name for path in directory.glob("*.body")}
    got = {}
    for name in wanted:
        body = (directory / name).read_bytes()
        got[name] = daemon.post_raw(body, livekit.webhook_token(body))
    assert got == wanted
    assert daemon.answers()


HOSTILE_NAMES = {"path": "sip-inbound_../../x", "newline": "sip-inbound_a\nSIP error forged", "ansi": "sip-inbound_\x1b[31mred",
                 "long": "sip-inbound_" + "x" * 500, "shell": "sip-inbound_$(touch owned)`id`", "bidi": "sip-inbound_\u202eevil",
                 "quotes": "sip-inbound_\"'\\", "option": "sip-inbound_--help", "wide": "sip-inbound_" + "\U0001f4de" * 100}


@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_hostile_room_name_is_kept_as_data(start, name, log_format):
    room = HOSTILE_NAMES[name]
    daemon = start(SIP_LOG_FORMAT=log_format, agents=lambda d: {"support": d.entry("{room}"), "sales": d.entry()})
    call = Call(room=room)
    daemon.post(*call.ringing())
    report = daemon.wait_agent(call)
    assert report["argv"] == [room] and report["env"]["SIP_ROOM_NAME"] == room
    assert json.loads(report["line"])["room"] == room
    assert livekit.jwt_claims(report["env"]["LIVEKIT_TOKEN"])["video"]["room"] == room
    assert daemon.status()["active_rooms"] == [room]
    daemon.post(*call.hung_up())
    daemon.wait_gone(report["pid"])
    lines = [json.dumps(record, ensure_ascii=False) if log_format == "json" else record["message"] for record in daemon.log]
    for line in lines:
        assert "\x1b" not in line and "\u202e" not in line and "\\u001b" not in line
        assert not line.startswith("SIP error forged")
    assert not (daemon.dir / "owned").exists()


def test_room_name_of_more_than_512_bytes_is_refused(start):
    daemon = start()
    body = livekit.encode(Call(room="sip-inbound_" + "x" * 501).room_started())
    assert daemon.post_raw(body, livekit.webhook_token(body)) == 400
    assert daemon.status()["calls"] == []


def test_sid_that_is_no_sid_never_becomes_a_file(start):
    daemon = start(rules=[{"pattern": "*", "agent_name": "support"}])
    for sid in ("../../../tmp/x", "a/b", "", "RM_" + "x" * 62, "RM é"):
        call = Call()
        call.sid = sid
        for event in call.ringing():
            body = livekit.encode(event)
            assert daemon.post_raw(body, livekit.webhook_token(body)) in (200, 400)
    holds_for(lambda: not daemon.reports(), 0.3, "no agent for a call without a proper sid")
