"""sipbridge replay against the real daemon and against a listener of our own that keeps what it got."""
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading

import livekit
import pytest
from daemon import binary, wait_for

ENVIRONMENT = {"LIVEKIT_API_KEY": livekit.KEY, "LIVEKIT_API_SECRET": livekit.SECRET, "PATH": "/usr/bin:/bin"}


def replay(*args, **settings):
    return subprocess.run([binary(), "replay", *map(str, args)], env={**ENVIRONMENT, **settings}, capture_output=True,
                          text=True, timeout=120)


def path(name):
    return livekit.RECORDINGS / f"{name}.jsonl"


class Keeper(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.headers["Authorization"], body, self.client_address))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def keeper():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keeper)
    server.got, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", livekit.recording_names())
def test_replayed_recording_is_one_call_answered_by_one_agent_at_a_time(start, name):
    daemon = start(rules=[{"pattern": "*", "agent_name": "support"}], SIP_REJOIN_GRACE="50ms")
    run = replay("--speed", "20", "--url", f"http://127.0.0.1:{daemon.port()}/webhooks/livekit", path(name))
    assert run.returncode == 0, run.stdout + run.stderr
    count = len(livekit.recording(name))
    assert run.stdout.splitlines()[-1].startswith(f"replayed {count} of {count} webhooks in ")
    served = wait_for(lambda: started_for(daemon), "an agent is started")
    wait_for(lambda: daemon.status()["process_count"] == 0, "no process")
    assert len(set(started_for(daemon))) == 1
    recorded = json.loads(livekit.recording(name)[0][2])["room"]["sid"]
    assert served[0] != recorded, "a fresh call"


def started_for(daemon):
    """The calls that got an agent, by the log: one whose call is over so soon may be told to go before it has noted anything."""
    return [record["call"] for record in list(daemon.log) if record["message"].startswith("agent process started")]


def test_replay_twice_is_two_calls(start):
    daemon = start(rules=[{"pattern": "*", "agent_name": "support"}])
    url = f"http://127.0.0.1:{daemon.port()}/webhooks/livekit"
    run = replay("--speed", "50", "--url", url, path("answered"), path("answered"))
    assert run.returncode == 0, run.stdout + run.stderr
    wait_for(lambda: len(set(started_for(daemon))) == 2, "two calls")


def test_tokens_are_ours_and_one_connection_is_enough(keeper):
    run = replay("--speed", "50", "--url", keeper.url, path("answered"))
    assert run.returncode == 0, run.stderr
    for token, body, _ in keeper.got:
        claims = livekit.jwt_claims(token)
        assert claims["iss"] == livekit.KEY
        assert claims["sha256"] == livekit.jwt_claims(livekit.webhook_token(body))["sha256"]
    assert len({address for _, _, address in keeper.got}) == 1
    events = [json.loads(body)["event"] for _, body, _ in keeper.got]
    assert events == [json.loads(body)["event"] for _, _, body in livekit.recording("answered")], "in order"


def test_as_recorded_changes_nothing_but_the_signature(keeper):
    run = replay("--as-recorded", "--speed", "50", "--url", keeper.url, path("answered"))
    assert run.returncode == 0, run.stderr
    assert [body for _, body, _ in keeper.got] == [body for _, _, body in livekit.recording("answered")]
    assert all(token != recorded for (token, _, _), (_, recorded, _) in zip(keeper.got, livekit.recording("answered")))


def test_speed_scales_the_rhythm(keeper, tmp_path):
    """7.6 s are made more than two hours: at 10000 times the speed they are told in 0.76 s, not sooner, and not in hours."""
    long = tmp_path / "long.jsonl"
    lines = [json.loads(line) for line in path("answered").read_text().splitlines()]
    long.write_text("".join(json.dumps({**line, "at_ms": line["at_ms"] * 1000}) + "\n" for line in lines))
    run = replay("--speed", "10000", "--url", keeper.url, long)
    assert run.returncode == 0, run.stdout + run.stderr
    seconds = float(run.stdout.splitlines()[-1].split(" in ")[1].split()[0])
    assert seconds >= 0.7


def test_refused_webhooks_are_counted_and_the_exit_code_says_so(keeper):
    keeper.status = 401
    run = replay("--speed", "100", "--url", keeper.url, path("answered"))
    assert run.returncode == 1
    assert "0 accepted, 10 refused" in run.stdout


def test_unix_socket_of_sip_listen_is_the_default_target(start):
    short = tempfile.mkdtemp(prefix="sb-")
    try:
        address = f"unix:{short}/s"
        daemon = start(rules=[{"pattern": "*", "agent_name": "support"}], SIP_LISTEN=address)
        run = replay("--speed", "50", path("answered"), SIP_LISTEN=address)
        assert run.returncode == 0, run.stdout + run.stderr
        assert daemon.status()["webhooks"]["verified"] == 10
    finally:
        shutil.rmtree(short, ignore_errors=True)
    assert not os.path.exists(short)


@pytest.mark.parametrize("args,code,said", [
    (["/nowhere.jsonl"], 1, "/nowhere.jsonl"),
    ([], 2, "FILE"),
    (["--speed", "0", "x"], 2, "speed"),
    (["--sped", "2", "x"], 2, "--speed"),
    (["--url", "http://127.0.0.1:1/", str(path("answered"))], 1, "127.0.0.1"),
], ids=["no file", "no argument", "speed 0", "misspelt option", "nobody listens"])
def test_mistakes_are_named(args, code, said):
    run = replay(*args)
    assert run.returncode == code, run.stderr
    assert said in run.stderr


def test_line_that_is_none_is_named_with_its_number(tmp_path):
    file = tmp_path / "bad.jsonl"
    file.write_text('{"at_ms":1,"body":"{}"}\nhello\n')
    run = replay("--url", "http://127.0.0.1:1/", file)
    assert run.returncode == 1 and "bad.jsonl:2" in run.stderr


def test_a_dry_run_wishes_once_that_a_room_is_deleted(tmp_path):
    run = subprocess.run([binary(), "replay", "--dry-run", str(livekit.RECORDINGS / "answered.jsonl")], capture_output=True,
                         text=True, timeout=120, env={"PATH": "/usr/bin:/bin", "SIP_AGENT_COMMAND": "true",
                                                     "SIP_STATE_DIR": str(tmp_path)})
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("action: delete the room") == 1
    assert not [line for line in run.stdout.splitlines() if line.endswith(" ")]
