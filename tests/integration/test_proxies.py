"""The reverse proxies of deploy/ in the real nginx, Caddy, HAProxy and Apache, with a throw-away certificate: what goes
through, and what does not."""
import http.client
import json
import socket
import ssl
import subprocess

import livekit
import pytest
from daemon import binary, starting, wait_for
from doctor_livekit import Findings
from livekit import Call
from proxies import ALL
from servers import free_port

SLOW = 30
STRIPS = {
    "nginx": ("proxy_next_upstream off;", 'proxy_next_upstream off;\n  proxy_set_header Authorization "";'),
    "caddy": ("handle @webhook {", "handle @webhook {\n\t\trequest_header -Authorization"),
    "haproxy": ("del-header Authorization if health", "del-header Authorization"),
    "apache": ("AllowMethods POST", "AllowMethods POST\n    RequestHeader unset Authorization"),
}
REWRITES = {
    "nginx": ([("proxy_next_upstream off;", 'proxy_next_upstream off;\n  proxy_set_body "$request_body\n";')], {}),
    "apache": ([("AllowMethods POST", 'AllowMethods POST\n    SetInputFilter Sed\n    InputSed "s/doctor/Doctor/"')],
               {"modules": ["sed"]}),
}


@pytest.fixture(scope="module", params=ALL)
def kind(request):
    return ALL[request.param]


@pytest.fixture(scope="module")
def daemon():
    with starting() as start:
        yield start()


@pytest.fixture(scope="module")
def proxied(daemon, kind):
    with kind(f"127.0.0.1:{daemon.port()}") as proxy:
        yield daemon, proxy


def trust(proxy):
    return ssl.create_default_context(cafile=str(proxy.certificate))


def connect(proxy):
    return http.client.HTTPSConnection("localhost", proxy.port, timeout=60, context=trust(proxy))


def ask(proxy, method, path, body=None, headers=None):
    connection = connect(proxy)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def raw(proxy, data):
    """The status of the first answer to bytes sent as they are."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as plain:
        with trust(proxy).wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(data)
            return int(tls.makefile("rb").readline().split()[1])


def test_call_through_the_proxy(proxied):
    daemon, proxy = proxied
    call, connection = Call(), connect(proxy)
    for event in [*call.ringing(), *call.answered()]:
        body = livekit.encode(event)
        assert daemon.post_raw(body, livekit.webhook_token(body), connection) == 200
    agent = daemon.wait_agent(call)
    for event in call.hung_up():
        body = livekit.encode(event)
        assert daemon.post_raw(body, livekit.webhook_token(body), connection) == 200
    connection.close()
    daemon.wait_gone(agent["pid"])


@pytest.mark.parametrize("body", [
    b'{"event":"x" ,\t"id":"EV_1"}\n\r\n  ', b'{"event":"\xc3\xa9\xf0\x9f\x93\x9e \\u0041 %41 +&=","id":"EV_2"}',
    b'{"event":"x","id":"EV_3","pad":"' + b"y" * 900_000 + b'"}', livekit.recording("answered")[1][2],
], ids=["whitespace", "utf-8 and escapes", "900 kB", "recorded"])
def test_body_arrives_byte_for_byte(proxied, body):
    """Its hash is in the token: one changed byte would be a 401."""
    daemon, proxy = proxied
    status, answer = ask(proxy, "POST", "/webhooks/livekit", body, {"Authorization": livekit.webhook_token(body)})
    assert (status, answer) == (200, b"")


def test_chunked_body_arrives_byte_for_byte(proxied):
    daemon, proxy = proxied
    body = b'{"event": "x", "id": "EV_4"}'
    connection = connect(proxy)
    connection.request("POST", "/webhooks/livekit", iter([body[:5], body[5:]]),
                       {"Authorization": livekit.webhook_token(body), "Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()


def test_changed_body_is_still_refused(proxied):
    daemon, proxy = proxied
    token = livekit.webhook_token(b'{"event":"x"}')
    assert ask(proxy, "POST", "/webhooks/livekit", b'{"event":"y"}', {"Authorization": token})[0] == 401


def test_basic_health_is_reachable(proxied):
    daemon, proxy = proxied
    status, body = ask(proxy, "GET", "/health/sip-bridge")
    assert status == 200 and json.loads(body)["status"] == "healthy"


@pytest.mark.parametrize("path", [
    "/health/sip-bridge-status", "/metrics", "/livez", "/readyz", "/api/reload", "/api/calls/RM_x/stop", "/", "/webhooks",
    "/webhooks/livekit/", "/webhooks/livekit/../../metrics", "/webhooks/livekit/%2e%2e/%2e%2e/health/sip-bridge-status",
    "//health/sip-bridge-status", "/health/sip-bridge/../sip-bridge-status", "/health/sip-bridge%2dstatus",
    "/%68ealth/sip-bridge-status",
])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_else_is_reachable_even_with_a_token(proxied, path, method):
    daemon, proxy = proxied
    token = {"Authorization": f"Bearer {livekit.operator_token()}"}
    assert ask(proxy, method, path, b"" if method == "POST" else None, token)[0] == 404


@pytest.mark.parametrize("method,path", [("GET", "/webhooks/livekit"), ("PUT", "/webhooks/livekit"),
                                         ("POST", "/health/sip-bridge"), ("DELETE", "/health/sip-bridge")])
def test_other_methods_are_405(proxied, method, path):
    assert ask(proxied[1], method, path)[0] == 405


def test_body_over_the_limit_is_413(proxied):
    body, verified = b"x" * (1024 * 1024 + 1), proxied[0].status()["webhooks"]["verified"]
    connection = connect(proxied[1])
    try:
        connection.request("POST", "/webhooks/livekit", body, {"Authorization": livekit.webhook_token(body)})
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
        pass  # proxy had answered and closed before all was sent
    finally:
        connection.close()
    assert proxied[0].status()["webhooks"]["verified"] == verified


SMUGGLED = {
    "length and chunked": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "bad chunk": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_smuggling_is_refused(proxied, name):
    """Some refuse it, some make one good request of it, which is then not verified."""
    daemon, proxy = proxied
    before = daemon.status()["webhooks"]
    head = b"POST /webhooks/livekit HTTP/1.1\r\nHost: localhost\r\n"
    assert raw(proxy, head + SMUGGLED[name]) in (400, 401, 501, 502)
    after = daemon.status()["webhooks"]
    assert after["verified"] == before["verified"] and after["received"] <= before["received"] + 1


def test_two_authorization_headers_do_not_get_in(proxied):
    daemon, proxy = proxied
    call = Call()
    body = livekit.encode(call.room_started())
    token = livekit.webhook_token(body).encode()
    head = b"POST /webhooks/livekit HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % len(body)
    assert raw(proxy, head + b"Authorization: " + token + b"\r\nAuthorization: " + token + b"\r\n\r\n" + body) in (400, 401)
    assert call.sid not in [one["sid"] for one in daemon.calls()]


def test_connections_to_sipbridge_are_kept(proxied):
    """Twenty webhooks over twenty connections from outside need few inside: fewer than half of them on a busy machine too."""
    daemon, proxy = proxied

    def inside():
        with open("/proc/net/tcp") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        port = f":{daemon.port():04X}"
        return sum(row[1].endswith(port) and row[3] == "01" for row in rows)

    for _ in range(20):
        body = livekit.encode(Call().room_started())
        assert ask(proxy, "POST", "/webhooks/livekit", body, {"Authorization": livekit.webhook_token(body)})[0] == 200
    assert wait_for(inside, "kept connections") < 10


def test_bridge_that_is_away_is_a_5xx_which_livekit_repeats(kind):
    with kind(f"127.0.0.1:{free_port()}") as proxy:
        body = livekit.encode(Call().room_started())
        token = {"Authorization": livekit.webhook_token(body)}
        assert [ask(proxy, "POST", "/webhooks/livekit", body, token)[0] for _ in range(2)] in ([502, 502], [503, 503])


def slow_senders(proxy, count):
    """Connections that have sent a part of a header, or of a body, and send no more."""
    made = []
    for n in range(count):
        tls = trust(proxy).wrap_socket(socket.create_connection(("127.0.0.1", proxy.port), timeout=60),
                                       server_hostname="localhost")
        head = b"POST /webhooks/livekit HTTP/1.1\r\nHost: localhost\r\n"
        tls.sendall(head if n % 2 else head + b"Content-Length: 1000\r\n\r\n{\"event\":")
        tls.settimeout(0)
        made.append(tls)
    return made


def has_ended(tls):
    try:
        while tls.recv(65536):
            pass
    except (ssl.SSLWantReadError, BlockingIOError):
        return False
    except OSError:
        pass
    return True


def test_slow_senders_are_cut_off_and_hold_nobody_up(start, kind):
    daemon = start()
    with kind(f"127.0.0.1:{daemon.port()}", *kind.times) as proxy:
        slow = slow_senders(proxy, SLOW)
        try:
            for _ in range(20):
                body = livekit.encode(Call().room_started())
                assert ask(proxy, "POST", "/webhooks/livekit", body, {"Authorization": livekit.webhook_token(body)})[0] == 200
            wait_for(lambda: all(has_ended(one) for one in slow), "the slow senders are cut off", 30)
        finally:
            for one in slow:
                one.close()
        assert ask(proxy, "GET", "/health/sip-bridge")[0] == 200 and proxy.process.poll() is None
        assert daemon.status()["webhooks"]["verified"] == 20


def doctor(daemon, proxy):
    """What `sipbridge doctor` finds on the way through PROXY."""
    run = subprocess.run([binary(), "doctor", "--json", "--webhook-url", f"https://localhost:{proxy.port}/webhooks/livekit",
                          "--webhook-ca", str(proxy.certificate)], env=daemon.environment(), capture_output=True, text=True,
                         timeout=60)
    return Findings(run)


def test_doctor_finds_the_proxy_good(proxied):
    doctor(*proxied).good("webhook-url")


@pytest.mark.parametrize("name", STRIPS)
def test_doctor_shows_that_authorization_is_stripped(daemon, name):
    with ALL[name](f"127.0.0.1:{daemon.port()}", STRIPS[name]) as proxy:
        doctor(daemon, proxy).bad("webhook-url", "refused (no_token)", "Authorization")


@pytest.mark.parametrize("name", REWRITES)
def test_doctor_shows_that_the_body_is_rewritten(daemon, name):
    changes, more = REWRITES[name]
    with ALL[name](f"127.0.0.1:{daemon.port()}", *changes, **more) as proxy:
        doctor(daemon, proxy).bad("webhook-url", "refused (body_changed)", "byte for byte")
