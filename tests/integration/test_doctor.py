"""`sipbridge doctor` beside the real daemon, a real Redis, a real nginx and a stand-in for LiveKit's API. Every check is
seen good and seen failing; the last test counts them, and prints which test has seen each fail."""
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import livekit
import pytest
from daemon import Daemon, binary, wait_for
from doctor_livekit import SEEN, FakeLiveKit, Findings, rule, trunk
from livekit import Call
from servers import Nginx, Redis, free_port
from terminal import Terminal

RULES = [{"pattern": "+1234567", "agent_name": "support"}]
DENIED = (401, {"code": "unauthenticated", "msg": "permissions denied"})
PATH = "/webhooks/livekit"


class Ward:
    """A bridge that could take calls, with all that doctor looks at. Settings may be changed for doctor alone."""

    def __init__(self, stack, rules=RULES, agents=None, redis=None, runs=True, **settings):
        self.stack, self.port = stack, free_port()
        self.livekit = stack.enter_context(FakeLiveKit(f"http://127.0.0.1:{self.port}{PATH}"))
        self.daemon = Daemon({"SIP_LISTEN": f"127.0.0.1:{self.port}", "LIVEKIT_API_URL": self.livekit.url,
                              "REDIS_URL": redis.url if redis else None})
        entries = {"support": self.daemon.entry()} if agents is None else agents
        for setting, name, document in (("SIP_RULES_FILE", "rules.json", rules),
                                        ("SIP_AGENTS_FILE", "agents.json", entries)):
            if document is not False:
                self.daemon.settings[setting] = str(self.daemon.write(name, document))
        self.daemon.settings.update(settings)
        if runs:
            stack.enter_context(self.daemon)
        else:
            stack.callback(self.remove)

    def remove(self):
        self.daemon.errors = open(os.devnull)
        self.daemon.clean_up()

    def start_doctor(self, *args, preexec=None, **settings):
        environment = {**self.daemon.settings, **settings}
        return subprocess.Popen([binary(), "doctor", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, preexec_fn=preexec,
                                env={name: str(value) for name, value in environment.items() if value is not None})

    def run(self, *args, **more):
        with self.start_doctor(*args, **more) as process:
            process.stdout_text, process.stderr_text = process.communicate(timeout=60)
        return subprocess.CompletedProcess(args, process.returncode, process.stdout_text, process.stderr_text)

    def doctor(self, *args, **more):
        found = Findings(self.run("--json", *args, **more))
        assert not [name for name in self.livekit.rooms if name.startswith("sipbridge-doctor-")], "a room is left"
        return found

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{PATH}"


@pytest.fixture
def ward():
    with contextlib.ExitStack() as stack:
        yield lambda *args, **more: Ward(stack, *args, **more)


# --- all is well ---


def test_healthy(ward, redis):
    it = ward(redis=redis)
    found = it.doctor("--webhook-url", it.url)
    assert found.code == 0, found.text
    found.good(*[one["check"] for one in found.list])
    assert [timeout for _, timeout in it.livekit.made] == [16]
    assert [name for name, _ in it.livekit.made] == it.livekit.deleted
    assert "devkey" in found.of("webhook")[0]["what"]


def test_healthy_as_text(ward):
    it = ward()
    run = it.run()
    assert run.returncode == 0 and run.stderr == ""
    lines = run.stdout.splitlines()
    assert lines[-1] == f"0 problems, 0 warnings, {len(lines) - 6} good, 4 not checked"
    assert "unchecked redis              not checked, because REDIS_URL is not set" in lines


def test_text_is_wrapped_on_a_terminal_but_no_command(ward):
    it = ward(runs=False)
    it.livekit.rules = []
    env = {name: str(value) for name, value in it.daemon.settings.items() if value is not None}
    with Terminal("doctor", env=env, columns=60) as it:
        assert it.end() == 1
    lines = it.shown.splitlines()
    assert all(len(line) <= 60 for line in lines if "sipbridge " not in line and "/" not in line), it.shown
    assert any("sipbridge dispatch create --trunk-id ST_" in line for line in lines), it.shown


def test_lines_to_copy_keep_their_indentation(ward):
    it = ward()
    it.livekit.webhook = None
    lines = it.run("--wait", "100ms").stdout.splitlines()
    at = next(n for n, line in enumerate(lines) if line.strip() == "webhook:")
    assert [line[lines[at].index("webhook"):] for line in lines[at:at + 3]] == \
        ["webhook:", "  api_key: devkey", f'  urls: ["{it.url}"]']


def test_rooms_of_doctor_are_no_calls_whatever_the_prefix(ward):
    """A prefix that doctor's rooms have too: no agent is started for them."""
    it = ward(SIP_ROOM_PREFIX="sip", rules=[])
    assert it.doctor().code == 0
    status = it.daemon.status()
    assert status["calls"] == [] and status["webhooks"]["probe"]["room"] == it.livekit.deleted[0]
    assert not it.daemon.reports()


# --- settings and machine ---


def test_wrong_setting(ward):
    found = ward(runs=False).doctor(SIP_NUMBER_WAIT="soon")
    assert found.code == 2
    found.bad("settings", "SIP_NUMBER_WAIT", "SIP_NUMBER_WAIT")
    assert {one["level"] for one in found.list if one["check"] != "settings"} == {"unchecked"}
    found.unchecked("webhook", "the settings are wrong")


def test_unknown_setting(ward):
    found = ward().doctor(SIP_NUMBR_WAIT="1s")
    found.warns("settings", "SIP_NUMBER_WAIT")
    assert found.code == 0


def test_no_key(ward):
    found = ward(runs=False).doctor(LIVEKIT_API_KEY=None, LIVEKIT_API_SECRET=None)
    assert found.code == 2
    found.bad("settings", "LIVEKIT_API_KEY", "keys:")
    found.unchecked("livekit", "there is no API key")


def test_disabled(ward):
    found = ward(ENABLE_SIP_BRIDGE="false").doctor()
    found.bad("enabled", "ENABLE_SIP_BRIDGE is false", "ENABLE_SIP_BRIDGE=true")
    found.unchecked("webhook", "ENABLE_SIP_BRIDGE is false")


def test_state_dir(ward, tmp_path):
    it = ward(runs=False)
    it.doctor(SIP_STATE_DIR=tmp_path / "new").good("state-dir")
    it.doctor(SIP_STATE_DIR=tmp_path / "no" / "where").bad("state-dir", "cannot be made", "install -d -m 700")
    (tmp_path / "file").touch()
    it.doctor(SIP_STATE_DIR=tmp_path / "file").bad("state-dir", "not a directory", "SIP_STATE_DIR=")
    (tmp_path / "open").mkdir(mode=0o755)
    it.doctor(SIP_STATE_DIR=tmp_path / "open").warns("state-dir", "open to others", f"chmod 700 {tmp_path}/open")
    (tmp_path / "open/theirs").touch()
    it.doctor(SIP_STATE_DIR=tmp_path / "open").bad("state-dir", "other things are in it", "SIP_STATE_DIR=")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory away")
def test_state_dir_of_somebody_else(ward, tmp_path):
    """Root, who looks after the service of another user; for others: tests/unit/test_doctor.c."""
    os.chmod(tmp_path, 0o700)
    os.chown(tmp_path, 12345, 12345)
    found = ward(runs=False).doctor(SIP_STATE_DIR=tmp_path)
    found.good("state-dir")
    assert "by uid 12345" in found.of("state-dir")[0]["what"]


def limit_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))


def test_file_limit_of_a_bridge_to_come(ward):
    it = ward(runs=False)
    it.daemon.write("agents.json", {"support": it.daemon.entry(max=100)})
    found = it.doctor(preexec=limit_files)
    found.bad("file-limit", "room for 33 calls, but the agents' max allow 100", "ulimit")


def test_file_limit_of_the_running_bridge(ward):
    it = ward(runs=False)
    it.daemon.preexec = limit_files
    with it.daemon:
        it.doctor().warns("file-limit", "room for 33 calls only", "LimitNOFILE=")


# --- Redis ---


def test_redis_away(ward, redis):
    it = ward(redis=redis, rules=False)
    redis.kill()
    found = it.doctor()
    found.bad("redis", "Redis cannot be used", f"redis-cli -u {redis.url} PING")
    found.unchecked("redis-json", "Redis cannot be reached")
    found.bad("rules", "cannot be used")


def test_redis_types(ward, redis):
    redis("HSET", "sip_dispatch_rules", "a", "b")
    found = ward(redis=redis).doctor()
    found.bad("redis-types", "sip_dispatch_rules is a hash, a string is wanted", "redis-cli RENAME sip_dispatch_rules")


def test_redis_without_tracking(ward):
    with Redis("--rename-command", "CLIENT", "") as redis:
        ward(redis=redis).doctor().warns("redis-tracking", "does not tell of changes", "ACL SETUSER")


def test_json_in_livekits_hashes(ward, redis):
    old = '{"sip_trunk_id":"ST_old","name":"my office","numbers":["+1","+2"],"auth_password":"hush"}'
    redis("HSET", "sip_inbound_trunk", "ST_old", old, "ST_good", "\n\x06ST_good", "it's", "[]")
    redis("HSET", "sip_dispatch_rule", "SDR_old", '{"rule":{}}')
    it = ward(redis=redis)
    found = it.doctor()
    found.bad("redis-json", "sip_inbound_trunk holds JSON in its field ST_old",
              f"redis-cli -u {redis.url} HDEL sip_inbound_trunk ST_old")
    again = "sipbridge trunks create --name 'my office' --number +1,+2"
    found.bad("redis-json", '"numbers":["+1","+2"]', again)
    assert "hush" not in found.text
    found.bad("redis-json", "it's", r"HDEL sip_inbound_trunk 'it'\''s'")
    found.bad("redis-json", "sip_dispatch_rule holds JSON in its field SDR_old")
    refused = it.run("--fix")
    assert refused.returncode == 2 and "--yes answers it" in refused.stderr
    assert redis("HLEN", "sip_inbound_trunk") == "3"
    fixed = it.run("--fix", "--yes")
    assert "deleted: sip_inbound_trunk ST_old" in fixed.stderr, fixed
    assert 'deleting: sip_inbound_trunk ST_old: {' in fixed.stderr and '"name":"my office"' in fixed.stderr, fixed
    assert f"to have that trunk again: {again}" in fixed.stderr and "run sipbridge doctor again" in fixed.stderr, fixed
    assert "hush" not in fixed.stdout + fixed.stderr
    assert redis("HKEYS", "sip_inbound_trunk") == "ST_good" and redis("EXISTS", "sip_dispatch_rule") == "0"
    it.doctor().good("redis-json")
    assert "nothing to delete" in it.run("--fix", "--yes").stderr


# --- rules and agents ---


def test_rules_with_a_mistake(ward):
    found = ward(rules='[{"pattern": 7}]').doctor()
    found.bad("rules", "[0].pattern", "sipbridge rules check")
    found.unchecked("numbers", "the rules cannot be used")
    found.bad("health", "degraded", "sipbridge status")


def test_rule_with_an_oddity(ward):
    found = ward(rules=[{"pattern": "*", "agent_name": "support", "colour": "red"}]).doctor()
    found.warns("rules", "colour")


def test_no_agents(ward):
    found = ward(agents={}).doctor()
    found.bad("agents", "no agents", "SIP_AGENTS_FILE")
    found.bad("numbers", "nobody would answer")


def test_agent_without_program(ward):
    found = ward(agents={"support": {"command": ["/nowhere/agent"]}}).doctor()
    found.bad("agents", "support is broken", "sipbridge reload")
    found.warns("rule-agents", "names the agent support, which is broken")


def test_rule_for_an_unknown_agent(ward):
    found = ward(rules=[{"pattern": "*", "agent_name": "sales"}]).doctor()
    found.warns("rule-agents", "sales, which is not in the directory", "sipbridge agents list")


def test_unknown_default_agent(ward):
    ward(DEFAULT_SIP_AGENT="nobody").doctor().bad("rule-agents", "DEFAULT_SIP_AGENT is nobody", "DEFAULT_SIP_AGENT=")


# --- the running bridge ---


@contextlib.contextmanager
def stranger(status=200, body="hello"):
    """Answers everything so; gives its port."""
    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def test_bridge_does_not_run(ward):
    found = ward(runs=False).doctor()
    found.bad("daemon", "does not run", "sipbridge serve")
    found.unchecked("webhook", "the running bridge could not be asked")
    found.good("listen")


def test_no_admin_address(ward):
    ward(runs=False).doctor(SIP_ADMIN_LISTEN="").unchecked("daemon", "SIP_ADMIN_LISTEN names no address")


def test_bridge_with_another_key(ward):
    found = ward().doctor(LIVEKIT_API_SECRET="f" * 32)
    found.bad("daemon", "does not accept our key", "restart")
    found.bad("api-key", "does not accept a token of the API key devkey", "LIVEKIT_API_SECRET")


def test_stranger_at_the_admin_address(ward):
    with stranger() as port:
        ward(runs=False).doctor(SIP_ADMIN_LISTEN=f"127.0.0.1:{port}").bad("daemon", "not sipbridge", "SIP_ADMIN_LISTEN")


def test_bridge_of_another_version(ward):
    status = {"version": "0.0.9\x1b[2J", "status": "healthy", "message": "ready for calls", "webhooks": {}}
    with stranger(body=json.dumps(status)) as port:
        found = ward(runs=False).doctor("--wait", "100ms", SIP_ADMIN_LISTEN=f"127.0.0.1:{port}")
    found.warns("version", r"version 0.0.9\x1b[2J", "restart")


def test_nobody_at_sip_listen(ward):
    ward().doctor(SIP_LISTEN=f"127.0.0.1:{free_port()}").bad("listen", "nobody answers", "restart")


def test_stranger_at_sip_listen(ward):
    with stranger() as port:
        ward(runs=False).doctor(SIP_LISTEN=f"127.0.0.1:{port}").bad("listen", "not sipbridge answers", "ss -ltnp")


def test_bridge_at_another_admin_address(ward):
    it = ward()
    it.doctor(SIP_ADMIN_LISTEN=f"127.0.0.1:{free_port()}").warns("listen", "but not at SIP_ADMIN_LISTEN")


# --- LiveKit's API ---


def test_livekit_away(ward):
    found = ward().doctor(LIVEKIT_API_URL=f"http://127.0.0.1:{free_port()}")
    found.bad("livekit", "LiveKit at", "start livekit-server")
    found.unchecked("trunks", "LiveKit's API does not answer")


def test_livekit_off(ward):
    ward().doctor(LIVEKIT_API_URL="off").unchecked("livekit", "LIVEKIT_API_URL is off")


def test_not_livekit(ward):
    with stranger(404) as port:
        ward().doctor(LIVEKIT_API_URL=f"http://127.0.0.1:{port}").bad("livekit", "is not LiveKit", "own address")


def test_everything_hangs(ward):
    """It ends all the same, and says of each what is wrong."""
    with contextlib.ExitStack() as stack:
        mute = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        found = ward(runs=False, rules=False, agents=False).doctor(
            "--webhook-url", f"http://{address}/", SIP_LISTEN=address, SIP_ADMIN_LISTEN=address,
            LIVEKIT_API_URL=f"http://{address}", REDIS_URL=f"redis://{address}")
    for check in ("redis", "rules", "agents", "daemon", "listen", "livekit", "webhook-url"):
        assert [one["level"] for one in found.of(check)] == ["problem"], found.of(check)


@pytest.mark.parametrize("check, method, unchecked", [
    ("grant-room-list", "ListRooms", "stale-rooms"), ("grant-room-create", "CreateRoom", "webhook"),
    ("grant-room-admin", "ListParticipants", None), ("grant-sip-admin", "ListSIPInboundTrunk", "trunks"),
    ("grant-sip-admin", "ListSIPDispatchRule", "dispatch"),
])
def test_missing_grant(ward, check, method, unchecked):
    it = ward()
    it.livekit.answers[method] = DENIED
    found = it.doctor()
    found.bad(check, "LiveKit refuses it", "use a key that may do all")
    found.good("api-key")
    if unchecked:
        found.unchecked(unchecked, "")


def test_livekit_cannot_list_its_trunks(ward):
    it = ward()
    it.livekit.answers["ListSIPInboundTrunk"] = (500, {"code": "internal", "msg": "proto: cannot parse \x1b[2J"})
    found = it.doctor()
    found.bad("grant-sip-admin", "LiveKit cannot list its trunks: ", "REDIS_URL")  # its last try may be cut by the deadline
    assert "\x1b" not in found.text


@pytest.mark.parametrize("skew_s, what", [(-100, "100 s behind"), (100, "100 s ahead")])
def test_clock(ward, skew_s, what):
    it = ward()
    it.livekit.skew_s = skew_s
    ward_found = it.doctor()
    ward_found.bad("clock", what.split()[-1], "timedatectl")


# --- LiveKit's webhook ---


def test_no_webhook(ward):
    it = ward()
    it.livekit.webhook = None
    finding = it.doctor("--wait", "300ms").bad("webhook", "no webhook about it came", "webhook:\n  api_key: devkey\n  urls: ")
    assert f'["{it.url}"]' in finding["repair"]


def test_webhook_to_another_path(ward):
    it = ward()
    it.livekit.webhook += "/elsewhere"
    it.doctor("--wait", "300ms").bad("webhook", "no webhook about it came")


def break_secret(it):
    it.livekit.webhook_secret = "f" * 32


def break_name(it):
    it.livekit.webhook_key = "other"


def strip_authorization(it):
    it.livekit.webhook_headers = {"Authorization": None}


def replace_authorization(it):
    it.livekit.webhook_headers = {"Authorization": "Basic eDp5"}


def rewrite_body(it):
    it.livekit.rewrite = lambda body: json.dumps(json.loads(body), separators=(",", ":")).encode()


@pytest.mark.parametrize("breaks, reason, repair", [
    (break_secret, "bad_signature", "api_key:"), (break_name, "wrong_issuer", "LIVEKIT_API_KEY"),
    (strip_authorization, "no_token", "proxy_set_header Authorization"), (replace_authorization, "not_jwt", "auth_basic"),
    (rewrite_body, "body_changed", "byte for byte"),
], ids=lambda value: getattr(value, "__name__", None))
def test_webhook_is_refused(ward, breaks, reason, repair):
    it = ward()
    breaks(it)
    it.doctor().bad("webhook", f"came and was refused ({reason})", repair)


def test_webhook_of_another_key_of_ours(ward):
    it = ward(LIVEKIT_KEYS=f"devkey: {livekit.SECRET}\nsecond: {'s' * 32}")
    it.livekit.webhook_key, it.livekit.webhook_secret = "second", "s" * 32
    found = it.doctor()
    found.good("webhook")
    assert "second" in found.of("webhook")[0]["what"]


def test_interrupted(ward):
    """The room is deleted also when a person loses patience."""
    it = ward()
    it.livekit.webhook = None
    process = it.start_doctor("--wait", "1m")
    wait_for(lambda: it.livekit.made, "the room is made")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "interrupted; the throw-away room is deleted" in err, (out, err)
    assert it.livekit.rooms == {} and len(it.livekit.deleted) == 1


def test_room_is_deleted_when_its_making_was_not_confirmed(ward):
    it = ward()
    make = it.livekit.CreateRoom
    it.livekit.CreateRoom = lambda request: (make(request), "cut short")[1]
    it.livekit.answers = {}
    found = it.doctor()
    found.bad("grant-room-create", "cannot be read")
    assert len(it.livekit.deleted) == 1


# --- the webhook through a proxy ---


class Proxy(Nginx):
    """nginx with what a test wants in its one location."""

    def __init__(self, port, location="", server="", tls=False):
        super().__init__(f"127.0.0.1:{port}")
        self.location, self.server, self.tls = location, server, tls

    def configuration(self):
        tls = f"ssl_certificate {self.certificate}; ssl_certificate_key {self.key};" if self.tls else ""
        ssl = "ssl" if self.tls else ""
        return (f"server {{ listen 127.0.0.1:{self.port} {ssl}; listen 127.0.0.2:{self.port} {ssl}; {tls} {self.server}\n"
                f"location / {{ {self.location}\nproxy_pass http://{self.upstream}; }} }}")


PROXIES = {
    "strips Authorization": ('proxy_set_header Authorization "";', "refused (no_token)", "proxy_set_header Authorization"),
    "own Authorization": ('proxy_set_header Authorization "Basic eDp5";', "refused (not_jwt)", "auth_basic"),
    "changes the body": ("proxy_set_body '{\"event\":\"x\"}';", "refused (body_changed)", "byte for byte"),
    "re-encodes the body": ('proxy_set_body "$request_body\n";', "refused (body_changed)", "byte for byte"),
    "wants a log-in": ("return 401;", "wants a log-in", "authentication"),
    "forbids": ("deny all;", "forbids", "firewall"),
    "404": ("return 404;", "answers 404", "SIP_WEBHOOK_PATH"),
    "405": ("return 405;", "answers 405", "limit_except"),
    "413": ("client_max_body_size 10;", "answers 413", "client_max_body_size"),
    "bridge away": ("return 502;", "answers 502", "SIP_LISTEN"),
    "redirects": ("return 301 https://localhost$request_uri;", "redirect", "final URL"),
    "somebody else": ("return 200;", "saw nothing", "SIP_LISTEN"),
    "odd": ("return 418;", "answers 418", "error log"),
    "changes the method": ("proxy_method GET;", "not as a POST", "method"),
}


@pytest.mark.parametrize("name", PROXIES)
def test_proxy_that(ward, name):
    location, what, repair = PROXIES[name]
    it = ward()
    with Proxy(it.port, location) as nginx:
        it.doctor("--webhook-url", f"http://127.0.0.1:{nginx.port}{PATH}").bad("webhook-url", what, repair)


def test_proxy_that_is_good(ward):
    it = ward()
    with Proxy(it.port, tls=True) as nginx:
        url = f"https://localhost:{nginx.port}{PATH}"
        it.doctor("--webhook-url", url, "--webhook-ca", nginx.certificate).good("webhook-url")
        it.doctor("--webhook-url", url).bad("webhook-url", "no trusted TLS connection", "--webhook-ca")
        wrong_name = it.doctor("--webhook-url", f"https://127.0.0.2:{nginx.port}{PATH}", "--webhook-ca", nginx.certificate)
        wrong_name.bad("webhook-url", "127.0.0.2", "certificate must be for this name")


def test_wrong_path_at_the_bridge(ward):
    it = ward()
    it.doctor("--webhook-url", f"http://127.0.0.1:{it.port}/wrong").bad("webhook-url", "answers 404", "SIP_WEBHOOK_PATH")


def test_webhook_url_where_nobody_is(ward):
    url = f"http://127.0.0.1:{free_port()}{PATH}"
    ward().doctor("--webhook-url", url).bad("webhook-url", "cannot be reached", "firewall")


def test_webhook_url_without_the_bridge_to_ask(ward):
    it = ward()
    found = it.doctor("--webhook-url", it.url, SIP_ADMIN_LISTEN=f"127.0.0.1:{free_port()}")
    found.warns("webhook-url", "whether that is the bridge cannot be told", "SIP_ADMIN_LISTEN")


# --- trunks and dispatch rules ---


def test_no_trunk(ward):
    it = ward()
    it.livekit.trunks = []
    found = it.doctor()
    found.bad("trunks", "no inbound trunk", "sipbridge setup +NUMBER --agent NAME")
    found.unchecked("numbers", "LiveKit has no trunk")


@pytest.mark.parametrize("addresses", [[], ["0.0.0.0/0"]], ids=["any", "zero"])
def test_open_trunk(ward, addresses):
    it = ward()
    it.livekit.trunks = [trunk("bad\x1b[31m", numbers=[], addresses=addresses, sip_trunk_id="ST_open")]
    found = it.doctor()
    finding = found.bad("open-trunk", "from everywhere", "sipbridge trunks update ST_open")
    assert r"bad\x1b[31m" in finding["what"]


def test_open_trunk_of_certain_numbers(ward):
    it = ward()
    it.livekit.trunks = [trunk("", numbers=["+1234567"], addresses=[], sip_trunk_id="ST_open")]
    finding = it.doctor().warns("open-trunk", "the trunk ST_open takes calls to its numbers from everywhere",
                                "sipbridge trunks update ST_open --allowed-address")
    assert "--number" not in finding["repair"]


def test_open_trunk_whose_addresses_livekit_ignores(ward):
    it = ward()
    it.livekit.trunks = [trunk("", numbers=["+1234567"], addresses=["192.0.2.*"], sip_trunk_id="ST_open")]
    it.doctor().warns("open-trunk", "from everywhere, without a password: LiveKit ignores its allowed address '192.0.2.*'",
                      "sipbridge trunks update ST_open --allowed-address")


@pytest.mark.parametrize("more", [{"addresses": ["192.0.2.1"]}, {"auth_username": "a", "auth_password": "hush"}])
def test_closed_trunks(ward, more):
    it = ward()
    it.livekit.trunks = [trunk(**{"numbers": [], "addresses": [], **more})]
    found = it.doctor()
    found.good("open-trunk")
    assert "hush" not in found.text


def test_no_dispatch_rule(ward):
    it = ward()
    it.livekit.rules = []
    found = it.doctor()
    found.bad("dispatch", "no dispatch rule", "sipbridge setup")
    found.bad("trunk-dispatch", "no LiveKit dispatch rule takes calls over the trunk office")


def test_dispatch_rule_of_another_prefix(ward):
    it = ward()
    it.livekit.rules = [rule("call"), rule("sip-out")]
    found = it.doctor()
    found.bad("dispatch", "rooms that begin with sip-inbound", "SIP_ROOM_PREFIX")
    found.warns("trunk-dispatch", "rooms sipbridge leaves alone")


def test_trunk_without_rule(ward):
    it = ward()
    it.livekit.rules = [rule(trunks=["ST_other"])]
    found = it.doctor()
    found.good("dispatch")
    found.bad("trunk-dispatch", "no LiveKit dispatch rule takes calls", "sipbridge dispatch create --trunk-id ST_")
    found.bad("trunk-dispatch", "no LiveKit dispatch rule", "sipbridge setup +1234567 --agent NAME")


def test_number_that_no_rule_matches(ward):
    it = ward()
    it.livekit.trunks = [trunk(numbers=["+1234567", "+1999"])]
    found = it.doctor()
    found.warns("numbers", "no rule matches calls to +1999 (trunk office) and there is no DEFAULT_SIP_AGENT",
                "sipbridge rules add +1999 NAME")
    it.doctor(DEFAULT_SIP_AGENT="support").good("numbers")


def test_numbers_whose_calls_go_elsewhere(ward):
    """Another bridge's on the same LiveKit, or a worker's."""
    it = ward()
    it.livekit.trunks = [trunk(sip_trunk_id="ST_ours"), trunk("other", numbers=["+1999"], sip_trunk_id="ST_other")]
    it.livekit.rules = [rule("desk", ["ST_other"]), rule(trunks=["ST_ours"])]
    found = it.doctor()
    found.good("numbers")
    found.warns("trunk-dispatch", "the trunk other (ST_other) has only dispatch rules whose rooms sipbridge leaves alone")


def test_number_that_is_rejected(ward):
    it = ward(rules=[{"pattern": "+1234567", "reject": True}, {"pattern": "*", "agent_name": "support"}])
    it.doctor().warns("numbers", "rejects every call to +1234567", "sipbridge rules explain +1234567")


def test_hidden_numbers(ward):
    it = ward(rules=[*RULES, {"pattern": "*", "caller": "+1900*", "reject": True, "priority": 1}])
    it.livekit.trunks, it.livekit.rules = [trunk(numbers=["+1234567", "+1999"])], [rule(hide_phone_number=True)]
    it.doctor().bad("hidden-numbers", "our rules need the called one", "sipbridge dispatch delete SDR_")
    it.livekit.trunks = [trunk()]
    it.doctor().bad("hidden-numbers", "our rules need the caller's", "sipbridge dispatch create")


def test_hidden_numbers_that_nobody_needs(ward):
    it = ward()
    it.livekit.rules = [rule(hide_phone_number=True)]
    it.doctor().good("hidden-numbers")


@pytest.mark.parametrize("name, what", [("Lotte", "LiveKit's agent Lotte"), ("", "any unnamed LiveKit agent")])
def test_dispatch_rule_with_agents(ward, name, what):
    it = ward()
    it.livekit.rules = [rule(room_config={"agents": [{"agent_name": name}]})]
    it.doctor().bad("dispatch-agents", what, "sipbridge dispatch delete SDR_")


def test_unnamed_worker(ward):
    it = ward()
    it.livekit.dispatches = [{"id": "AD_x", "agent_name": "", "room": "r", "state": {"jobs": [{"id": "AJ_x"}]}}]
    it.doctor().bad("unnamed-worker", "took the throw-away room", "agent_name")


def test_agent_that_joins_uncalled(ward):
    """LiveKit may list the job late: the agent in the room says the same."""
    it = ward()
    it.livekit.dispatches = [{"id": "AD_x", "agent_name": "", "room": "r", "state": {"jobs": []}}]
    it.livekit.participants = [{"sid": "PA_x", "identity": "agent-AJ_x", "kind": "AGENT", "state": "ACTIVE"}]
    it.doctor().bad("unnamed-worker", "took the throw-away room")


def test_dispatch_that_no_worker_takes(ward):
    it = ward()
    it.livekit.dispatches = [{"id": "AD_x", "agent_name": "", "room": "r", "state": {"jobs": []}}]
    it.doctor("--wait", "700ms").good("unnamed-worker")


def test_stale_rooms(ward):
    it = ward(SIP_CLOSE_ROOM="false")  # else the daemon may have deleted them by then
    it.livekit.room("sip-inbound_+1\x1b_x", age_s=3600)
    it.livekit.room("sip-inbound_new")
    it.livekit.room("sip-inbound_busy", age_s=3600, people=1)
    it.livekit.room("meeting", age_s=3600)
    found = it.doctor()
    found.warns("stale-rooms", r"1 room of ours without people: sip-inbound_+1\x1b_x", "sipbridge clear-sip-bridge")
    assert found.code == 0


def test_agent_that_fails_again_and_again(ward):
    it = ward(agents={"support": {"command": ["false"]}})
    for number in range(2):
        call = Call(caller=f"+1555000000{number}")
        it.daemon.post(*call.ringing())
    wait_for(lambda: it.daemon.status()["circuits"].get("support", {}).get("state") == "open", "it is left alone")
    it.doctor().bad("failing-agents", "agents that fail again and again: support", "sipbridge reload")


def test_standbys_that_fail(ward):
    it = ward(agents={"support": {"command": ["false"], "standby": 1}})
    wait_for(lambda: it.daemon.status()["standbys"]["support"]["fails"], "they failed again and again")
    it.doctor().warns("standbys", "no standby is ready of: support", "sipbridge reload")


def test_file_limit_of_max_calls(ward):
    it = ward(runs=False)
    found = it.doctor(preexec=limit_files, SIP_MAX_CALLS="60")
    found.bad("file-limit", "room for 33 calls, but SIP_MAX_CALLS allows 60", "ulimit")


# --- afterwards ---


def test_every_check_was_seen_good_and_failing(request, ward, redis, capsys):
    it = ward(redis=redis)
    names = [one["check"] for one in it.doctor("--webhook-url", it.url).list]
    if len(request.session.items) < len([name for name in globals() if name.startswith("test_")]):
        pytest.skip("only some of the tests ran")
    with capsys.disabled():
        print("\n\ncheck              seen failing by")
        for name in names:
            print(f"{name:18} {', '.join(sorted(SEEN.get(name, {}).get('bad', {'nobody'})))}")
    assert {name for name in names if not SEEN.get(name, {}).get("bad")} == set()
    assert {name for name in names if not SEEN.get(name, {}).get("ok")} == set()
