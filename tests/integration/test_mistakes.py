"""The mistakes that are likely in a program like this, each with the test that catches it. See also test_agents.py
(fds, signal mask, notify from a grandchild) and test_webhooks.py (awkward secrets, two Authorization headers)."""
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import time

import livekit
import pytest
from daemon import HERE, binary, cpu_seconds, is_alive, wait_for
from livekit import Call
from test_webhooks import faketime_library

ANY = [{"pattern": "*", "agent_name": "support"}]


def signed_request(event, path="/webhooks/livekit"):
    body = livekit.encode(event)
    head = (f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {livekit.webhook_token(body)}\r\n"
            f"Content-Type: application/webhook+json\r\nContent-Length: {len(body)}\r\n\r\n")
    return head.encode() + body


def other_event():
    return {"event": "egress_updated", "id": livekit.sid("EV"), "createdAt": str(int(time.time()))}


def test_empty_answer_is_not_chunked_and_keeps_the_connection(start):
    daemon = start()
    with socket.create_connection(("127.0.0.1", daemon.port()), timeout=60) as sock:
        stream = sock.makefile("rb")
        for _ in range(20):
            sock.sendall(signed_request(other_event()))
            lines = list(iter(stream.readline, b"\r\n"))
            headers = {line.split(b":")[0].lower(): line.split(b":", 1)[1].strip() for line in lines[1:]}
            assert lines[0].split()[1] == b"200"
            assert headers[b"content-length"] == b"0" and b"transfer-encoding" not in headers
            assert headers.get(b"connection", b"keep-alive").lower() != b"close"


NODE = """
const http = require('http'), agent = new http.Agent({keepAlive: true, maxSockets: 1}), ports = new Set();
const requests = JSON.parse(require('fs').readFileSync(0)), port = +process.argv[1];
const post = ([token, body]) => new Promise((done, fail) => {
  const req = http.request({port, host: '127.0.0.1', path: '/webhooks/livekit', method: 'POST', agent,
    headers: {Authorization: token, 'Content-Length': Buffer.byteLength(body)}}, res => {
      ports.add(res.socket.localPort);
      res.resume().on('end', () => res.statusCode === 200 ? done() : fail(new Error('status ' + res.statusCode)));
    });
  req.on('error', fail).end(body);
});
(async () => { for (const r of requests) { await post(r); await new Promise(setImmediate); }
  console.log(ports.size); agent.destroy(); })();
"""


def test_node_client_posts_twenty_times_over_one_connection(start):
    assert shutil.which("node"), "node is needed for this test (Debian package nodejs)"
    daemon = start()
    bodies = [livekit.encode(other_event()) for _ in range(20)]
    requests = json.dumps([[livekit.webhook_token(body), body.decode()] for body in bodies])
    run = subprocess.run(["node", "-e", NODE, str(daemon.port())], input=requests, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "1", "connections used"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_full_stdout_pipe_does_not_block(start, log_format):
    """Nobody ever reads the log: 10,000 webhooks are answered all the same, at debug level."""
    probe = start(read_log=False, wait=False, SIP_LOG_FORMAT=log_format)
    probe.settings["SIP_LISTEN"] = f"unix:{probe.dir}/public.sock"
    probe.process.kill()
    probe.process.wait()
    probe.process.stdout.close()
    probe.start()
    wait_for(probe.answers, "sipbridge answers")
    bodies = [livekit.encode(other_event()) for _ in range(100)]
    for n in range(10_000):
        body = bodies[n % 100] if n % 2 else livekit.encode(other_event())
        assert probe.post_raw(body, livekit.webhook_token(body)) == 200
    assert probe.post_raw(b"{}", "junk") == 401
    assert probe.status()["webhooks"]["received"] == 10_001


def test_mute_name_server_for_redis_delays_no_webhook(start, tmp_path):
    """It never answers: whoever waited for it would not answer either."""
    library = tmp_path / "mute.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", str(library), str(HERE / "mute_resolver.c")], check=True)
    daemon = start(rules=False, LD_PRELOAD=str(library), REDIS_URL="redis://redis.example:6379")
    for _ in range(300):
        daemon.post(other_event())
    wait_for(lambda: "Redis" in daemon.health()["message"], "health names Redis")
    assert daemon.health()["status"] == "degraded"
    for _ in range(300):
        daemon.post(other_event())


def test_killed_subscriber_does_not_leave_stale_rules(start, redis):
    """If only the connection that hears of changes dies, the other one must not go on as if nothing could change."""
    redis("SET", "sip_dispatch_rules", json.dumps([{"pattern": "*", "agent_name": "support"}]))
    daemon = start(rules=False, REDIS_URL=redis.url)
    wait_for(lambda: daemon.status()["redis"]["state"] == "connected", "Redis is connected")
    wait_for(lambda: daemon.status()["rules"]["count"] == 1, "the rule is loaded")
    subscriber = next(line for line in redis("CLIENT", "LIST").splitlines() if " flags=P" in line or "sub=1" in line)
    client_id = dict(field.split("=", 1) for field in subscriber.split() if "=" in field)["id"]
    redis("CLIENT", "KILL", "ID", client_id)
    redis("SET", "sip_dispatch_rules", json.dumps([{"pattern": "*", "agent_name": "sales"}]))
    wait_for(lambda: answered_by(daemon) == "sales", "the new rule, long before the next slow re-read", timeout=20)


def test_fds_do_not_leak_over_sixty_calls(start):
    """With sixty to have (its /proc/PID/fd is closed to us), one lost a call would be the end."""
    daemon = start(rules=ANY, preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60)))
    for _ in range(60):
        call = Call()
        daemon.post(*call.ringing())
        agent = daemon.wait_agent(call)
        daemon.post(*call.hung_up())
        daemon.wait_gone(agent["pid"])
    assert not daemon.logged("(?i)too many open files")


def test_config_map_swap_and_mv_are_seen_at_once(start):
    """Kubernetes swaps the link ..data, editors and deployments rename a new file into place."""
    daemon = start(wait=False)
    daemon.process.kill()
    daemon.process.wait()
    volume = daemon.dir / "volume"

    def publish(generation, name):
        directory = volume / f"..{generation}"
        directory.mkdir(parents=True)
        (directory / "rules.json").write_text(json.dumps([{"pattern": "*", "agent_name": name}]))
        (volume / "..new").symlink_to(directory.name)
        (volume / "..new").rename(volume / "..data")

    publish("2026_01", "support")
    (volume / "rules.json").symlink_to("..data/rules.json")
    daemon.settings["SIP_RULES_FILE"] = str(volume / "rules.json")
    daemon.start()
    daemon.wait_until_up()
    assert answered_by(daemon) == "support"
    publish("2026_02", "sales")
    wait_for(lambda: answered_by(daemon) == "sales", "the swapped link is seen")
    publish("2026_03", "support")
    wait_for(lambda: answered_by(daemon) == "support", "and the next one")


def test_mv_over_the_file_is_seen_at_once(start):
    daemon = start()
    for name in ("sales", "support", "sales"):
        daemon.write("rules.json", [{"pattern": "*", "agent_name": name}])
        wait_for(lambda: answered_by(daemon) == name, f"the file with {name} is seen")
    (daemon.dir / "rules.json").write_text(json.dumps(ANY))
    wait_for(lambda: answered_by(daemon) == "support", "writing in place is seen")


def answered_by(daemon):
    call = Call()
    daemon.post(*call.ringing())
    name = daemon.wait_agent(call)["env"]["SIP_AGENT_NAME"]
    daemon.post(*call.hung_up())
    return name


def test_clock_set_back_an_hour_stops_no_deadline(start, tmp_path):
    stamp = tmp_path / "offset"
    stamp.write_text("+0")
    daemon = start(rules=ANY, SIP_READY_TIMEOUT="2s", LD_PRELOAD=faketime_library(), FAKETIME_NO_CACHE="1",
                   FAKETIME_DONT_FAKE_MONOTONIC="1", FAKETIME_TIMESTAMP_FILE=str(stamp))
    call = Call()
    daemon.post(*call.ringing())
    first = daemon.wait_logged("^agent process started")["pid"]
    (tmp_path / "new").write_text("-3600")
    (tmp_path / "new").rename(stamp)
    daemon.wait_gone(first)
    wait_for(lambda: [record["pid"] for record in list(daemon.log) if record["message"].startswith("agent process started")][1:],
             "it is replaced")
    body = livekit.encode(call.caller_left())
    assert daemon.post_raw(body, livekit.webhook_token(body)) == 401, "the daemon's clock is an hour back"
    assert daemon.post_raw(body, livekit.webhook_token(body, now=time.time() - 3600)) == 200
    wait_for(lambda: daemon.status()["process_count"] == 0, "the call is over")


def test_stopped_and_continued_daemon_goes_on(start):
    daemon = start(rules=ANY)
    call, late = Call(), Call()
    daemon.post(*call.ringing())
    agent = daemon.wait_agent(call)
    for _ in range(3):
        os.kill(daemon.process.pid, signal.SIGSTOP)
        wait_for(lambda: b"T" in open(f"/proc/{daemon.process.pid}/stat", "rb").read().rpartition(b")")[2].split()[0],
                 "it is stopped")
        os.kill(daemon.process.pid, signal.SIGCONT)
    daemon.post(*late.ringing())
    daemon.wait_agent(late)
    assert is_alive(agent["pid"]), "a stopped bridge harms no call"
    daemon.post(*call.hung_up())
    daemon.wait_gone(agent["pid"])


def test_running_out_of_file_descriptors_does_not_spin(start):
    daemon = start(preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    daemon.post(other_event())
    held = []
    for _ in range(100):
        sock = socket.socket()
        sock.settimeout(5)
        sock.connect(("127.0.0.1", daemon.port()))
        held.append(sock)
    begin, used = time.monotonic(), cpu_seconds(daemon.process.pid)
    wait_for(lambda: time.monotonic() - begin > 2, "two seconds")
    used = cpu_seconds(daemon.process.pid) - used
    assert used < 0.5, f"{used:.2f} s of CPU in 2 s with no file descriptor left"
    for sock in held:
        sock.close()
    daemon.connection.close()
    daemon.connection = None
    wait_for(lambda: daemon.answers(), "it takes connections again")
    daemon.post(other_event())


@pytest.mark.parametrize("arguments", [("docs", "man"), ("docs", "messages-json"), ("--help",), ("config", "--json")])
def test_output_that_is_lost_is_no_success(arguments):
    """Much of it goes to the disk at once, past the buffer that is looked at in the end."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        run = subprocess.run([binary(), *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
                             env={"PATH": "/usr/bin:/bin"})
    assert run.returncode == 1
    assert "standard output" in run.stderr
