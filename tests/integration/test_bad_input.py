"""Bad input: each gets a clear error and loses nothing."""
import json
import socket
import subprocess

import livekit
import pytest
from daemon import ROOT, Daemon, binary, holds_for, wait_for
from livekit import Call
from servers import free_port


def serve(settings, timeout=60):
    """Runs `sipbridge serve` with SETTINGS only, for starts that fail; (exit code, all it said)."""
    daemon = Daemon(settings)
    try:
        run = subprocess.run([binary(), "serve"], env=daemon.environment(), capture_output=True, text=True, timeout=timeout)
        return run.returncode, run.stdout + run.stderr
    finally:
        daemon.errors = open(daemon.dir / "stderr", "w")
        daemon.clean_up()


BAD_SETTINGS = [
    ("SIP_STOP_TIMEOUT", "soon", "500ms"), ("SIP_STOP_TIMEOUT", "-5s", ""), ("SIP_MAX_BODY", "lots", "MiB"),
    ("ENABLE_SIP_BRIDGE", "maybe", "true"), ("LOG_LEVEL", "loud", "debug"), ("SIP_LOG_FORMAT", "xml", "json"),
    ("SIP_LISTEN", "nowhere", ""), ("SIP_LISTEN", "127.0.0.1:99999", ""), ("SIP_SOCKET_MODE", "0999", ""),
    ("SIP_AGENT_CREDENTIALS", "all", "token"), ("SIP_ON_EXIT", "panic", "drain"), ("LIVEKIT_URL", "ftp://x", "ws"),
    ("REDIS_URL", "rediss://127.0.0.1", "stunnel"), ("REDIS_URL", "http://x", "redis://"),
    ("SIP_WEBHOOK_PATH", "webhooks", "/"), ("SIP_STATE_DIR", "relative", "/"), ("SIP_AGENT_COMMAND", "run 'open", ""),
    ("SIP_AGENT_COMMAND", "run {rom}", "{room}"), ("LIVEKIT_API_KEY", None, "LIVEKIT_API_KEY"),
    ("LIVEKIT_API_SECRET", None, "LIVEKIT_API_SECRET"),
]


@pytest.mark.parametrize("name,value,right", BAD_SETTINGS, ids=[f"{n}={v}" for n, v, _ in BAD_SETTINGS])
def test_bad_setting_ends_the_start_with_name_value_and_what_would_be_right(name, value, right):
    code, said = serve({name: value})
    assert code == 2, said
    assert name in said and right in said, said
    assert livekit.SECRET not in said
    if value is not None and not name.endswith("_URL"):  # those may hold a password
        assert value in said, said


def test_all_bad_settings_are_told_at_once():
    code, said = serve({"SIP_STOP_TIMEOUT": "soon", "LOG_LEVEL": "loud", "SIP_MAX_BODY": "lots"})
    assert code == 2
    assert all(name in said for name in ("SIP_STOP_TIMEOUT", "LOG_LEVEL", "SIP_MAX_BODY"))


def test_unknown_setting_is_warned_about_with_the_nearest_name(start):
    daemon = start(SIP_STOP_TIMOUT="3s")
    wait_for(lambda: daemon.logged("SIP_STOP_TIMOUT.*SIP_STOP_TIMEOUT") or
             "SIP_STOP_TIMEOUT" in (daemon.dir / "stderr").read_text(), "a warning that names both")


BAD_RULES = {
    "not JSON": "[{", "not a list": '{"pattern":"*"}', "no target": '[{"pattern":"*"}]',
    "wrong type": '[{"pattern":7,"agent_name":"support"}]', "agent and reject": '[{"pattern":"*","agent_name":"a","reject":true}]',
    "bad UTF-8": b'[{"pattern":"\xff","agent_name":"a"}]', "empty file": "", "deep": "[" * 100_000,
}


@pytest.mark.parametrize("name", BAD_RULES)
def test_bad_rules_document_keeps_the_good_one(start, name):
    daemon = start()
    bad = BAD_RULES[name]
    path = daemon.dir / ".bad"
    path.write_bytes(bad if isinstance(bad, bytes) else bad.encode())
    path.rename(daemon.dir / "rules.json")
    error = wait_for(lambda: daemon.status()["rules"]["error"], "the mistake is shown in status")
    assert error
    assert daemon.status()["rules"]["count"] == 2
    daemon.wait_logged(r"keeping the 2 rules in use")
    call = Call(called="+331")
    daemon.post(*call.ringing())
    assert daemon.wait_agent(call)["env"]["SIP_AGENT_NAME"] == "sales"
    daemon.write("rules.json", [{"pattern": "*", "agent_name": "support"}])
    wait_for(lambda: daemon.status()["rules"]["error"] is None and daemon.status()["rules"]["count"] == 1, "mended")


def test_bad_rules_document_at_the_first_start_is_told_and_starts_anyway(start):
    daemon = start(rules='[{"pattern":')
    assert daemon.status()["rules"]["error"]
    assert daemon.health()["status"] == "degraded"
    daemon.write("rules.json", [{"pattern": "*", "agent_name": "support"}])
    wait_for(lambda: daemon.health()["status"] == "healthy", "mended")


def test_last_good_rules_are_used_when_the_file_is_gone_at_a_restart(start):
    daemon = start()
    daemon.stop()
    (daemon.dir / "rules.json").unlink()
    daemon.start()
    daemon.wait_until_up()
    call = Call(called="+331")
    daemon.post(*call.ringing())
    assert daemon.wait_agent(call)["env"]["SIP_AGENT_NAME"] == "sales"


BAD_ENTRIES = {
    "no command": {}, "command of the wrong type": {"command": 7}, "unknown placeholder": {"command": ["run", "{rom}"]},
    "missing executable": {"command": ["/nowhere/at/all"]}, "not executable": {"command": ["/etc/passwd"]},
    "bad duration": {"command": ["sleep", "1"], "stop_timeout": "soon"}, "not an object": "sleep 1",
    "missing directory": {"command": ["sleep", "1"], "cwd": "/nowhere"},
}


@pytest.mark.parametrize("name", BAD_ENTRIES)
def test_bad_agent_entry_puts_only_that_agent_out(start, name):
    rules = [{"pattern": "+1*", "agent_name": "bad"}, {"pattern": "+33*", "agent_name": "good"}]
    daemon = start(rules=rules, DEFAULT_SIP_AGENT="spare",
                   agents=lambda d: {"bad": BAD_ENTRIES[name], "good": d.entry(), "spare": d.entry()})
    for called, agent in (("+331", "good"), ("+15", "spare")):
        call = Call(called=called)
        daemon.post(*call.ringing())
        assert daemon.wait_agent(call)["env"]["SIP_AGENT_NAME"] == agent
    wait_for(lambda: any("bad" in json.dumps(record) for record in list(daemon.log) if record.get("level") in ("warning", "error")),
             "it is told")


def test_state_directory_that_cannot_be_written_is_named():
    code, said = serve({"SIP_STATE_DIR": "/proc/sipbridge"})
    assert code in (1, 2) and "/proc/sipbridge" in said, said


def test_state_directory_of_others_is_left_as_it_is(tmp_path):
    tmp_path.chmod(0o755)
    for name, mode in (("etc", 0o755), ("tmp", 0o1777)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    (tmp_path / "etc/rules.json").write_text("theirs")
    for name, mode in (("etc", 0o755), ("tmp", 0o1777)):
        code, said = serve({"SIP_STATE_DIR": tmp_path / name})
        assert code == 1 and "SIP_STATE_DIR" in said and f"{name}/sipbridge" in said, said
        assert (tmp_path / name).stat().st_mode & 0o7777 == mode
    assert [path.name for path in (tmp_path / "etc").iterdir()] == ["rules.json"]
    assert (tmp_path / "etc/rules.json").read_text() == "theirs"


@pytest.mark.parametrize("kept", [None, "lost+found", "lock"])
def test_state_directory_that_is_ours_is_closed_to_others(kept):
    daemon = Daemon()
    daemon.state.chmod(0o777)
    if kept:
        (daemon.state / kept).touch()
    with daemon:
        assert daemon.state.stat().st_mode & 0o7777 == 0o700


def test_port_in_use_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, said = serve({"SIP_LISTEN": address})
    assert code == 1 and address in said and "in use" in said, said


def test_redis_unreachable_at_start_is_no_reason_not_to_start(start):
    daemon = start(rules=False, REDIS_URL=f"redis://127.0.0.1:{free_port()}")
    health = daemon.health()
    assert health["status"] == "degraded" and health["sip_bridge"] == "running" and "Redis" in health["message"]
    assert daemon.status()["redis"]["state"] != "connected" and daemon.status()["redis"]["error"]
    daemon.wait_logged(r"Redis.*again in")
    body = livekit.encode(Call().room_started())
    assert daemon.post_raw(body, livekit.webhook_token(body)) == 200


def test_redis_that_comes_late_or_comes_back_is_used(start, redis):
    redis.kill()
    daemon = start(rules=False, REDIS_URL=redis.url)
    assert daemon.health()["status"] == "degraded"
    redis.start()
    redis("SET", "sip_dispatch_rules", json.dumps([{"pattern": "*", "agent_name": "sales"}]))
    wait_for(lambda: daemon.status()["rules"]["count"] == 1, "the rules are loaded")
    wait_for(lambda: daemon.health()["status"] == "healthy", "healthy again")
    redis.kill()
    wait_for(lambda: daemon.health()["status"] == "degraded", "Redis away is told")
    call = Call()
    daemon.post(*call.ringing())
    assert daemon.wait_agent(call)["env"]["SIP_AGENT_NAME"] == "sales", "the last rules stay in use"


def test_redis_value_of_the_wrong_type_is_told_and_survived(start, redis):
    redis("RPUSH", "sip_dispatch_rules", "x")
    daemon = start(rules=False, REDIS_URL=redis.url)
    assert "WRONGTYPE" in wait_for(lambda: daemon.status()["rules"]["error"], "the error is shown") or True
    redis("DEL", "sip_dispatch_rules")
    redis("SET", "sip_dispatch_rules", json.dumps([{"pattern": "*", "agent_name": "sales"}]))
    wait_for(lambda: daemon.status()["rules"]["count"] == 1 and not daemon.status()["rules"]["error"], "mended")
    redis("DEL", "sip_dispatch_rules")
    redis("HSET", "sip_dispatch_rules", "a", "b")
    wait_for(lambda: daemon.status()["rules"]["error"], "the wrong type is told")
    assert daemon.status()["rules"]["count"] == 1, "the last good rules stay"


@pytest.mark.parametrize("sent", [b"", b"{", b"POST", b"POST /webhooks/livekit HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"ev"],
                         ids=["nothing", "junk", "half a line", "half a body"])
def test_request_cut_short_changes_nothing(start, sent):
    daemon = start()
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", daemon.port()), timeout=60) as sock:
            sock.sendall(sent)
    holds_for(daemon.answers, 0.1, "sipbridge answers")
    assert daemon.status()["webhooks"]["received"] == 0


def test_body_over_the_limit_is_413_and_the_daemon_goes_on(start):
    daemon = start(SIP_MAX_BODY="64KiB")
    body = b"x" * 65537
    status = daemon.post_raw(body, livekit.webhook_token(body), daemon.new_connection())
    assert status == 413
    fitting = livekit.encode({"event": "x", "id": "EV_1", "pad": "y" * 60_000})
    assert daemon.post_raw(fitting, livekit.webhook_token(fitting), daemon.new_connection()) == 200


RAW = {
    "length and chunked": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
    "negative length": b"Content-Length: -1\r\n\r\n",
    "long header": b"X: " + b"y" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "many headers": b"X: y\r\n" * 200 + b"Content-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("name", RAW)
def test_request_that_two_readers_could_read_differently_is_refused_and_closed(start, name):
    daemon = start()
    with socket.create_connection(("127.0.0.1", daemon.port()), timeout=60) as sock:
        sock.sendall(b"POST /webhooks/livekit HTTP/1.1\r\nHost: x\r\n" + RAW[name])
        answer = sock.makefile("rb").read()
    assert not answer or answer.split()[1] in (b"400", b"411", b"413", b"431"), answer[:100]
    assert daemon.status()["webhooks"]["received"] == 0


@pytest.mark.parametrize("method,path,status", [
    ("GET", "/webhooks/livekit", 405), ("PUT", "/webhooks/livekit", 405), ("POST", "/nowhere", 404), ("GET", "/", 404),
    ("GET", "/health/sip-bridge", 200), ("GET", "/livez", 200), ("GET", "/readyz", 200),
    ("GET", "/health/sip-bridge-status", 401), ("GET", "/metrics", 401), ("POST", "/api/reload", 401),
])
def test_routes_of_the_public_address(start, method, path, status):
    daemon = start()
    got, _, headers = daemon.request(method, path)
    assert got == status or (status == 401 and got in (403, 404)), got
    if status == 405:
        assert headers["Allow"] == "POST"


def test_example_of_an_env_file_is_without_a_mistake():
    run = subprocess.run([binary(), "config", "--env-file", str(ROOT / "deploy/sipbridge.env.example")], env={},
                         capture_output=True, text=True)
    assert run.returncode == 0 and run.stderr == "", run.stderr
    assert "sipbridge.env.example:" in run.stdout and "0123456789abcdef" not in run.stdout
