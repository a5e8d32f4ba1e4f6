"""deploy/nginx/sipbridge.conf in the real nginx, with a throw-away certificate: what goes through, and what does not."""
import http.client
import json
import socket
import ssl

import livekit
import pytest
from daemon import wait_for
from livekit import Call
from servers import Nginx


@pytest.fixture
def proxied(start):
    daemon = start()
    with Nginx(f"127.0.0.1:{daemon.port()}") as nginx:
        yield daemon, nginx


def trust(nginx):
    return ssl.create_default_context(cafile=str(nginx.certificate))


def connect(nginx):
    return http.client.HTTPSConnection("localhost", nginx.port, timeout=10, context=trust(nginx))


def ask(nginx, method, path, body=None, headers=None):
    connection = connect(nginx)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def raw(nginx, data):
    """The status of the first answer to bytes sent as they are."""
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=10) as plain:
        with trust(nginx).wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(data)
            return int(tls.makefile("rb").readline().split()[1])


def test_call_through_the_proxy(proxied):
    daemon, nginx = proxied
    call, connection = Call(), connect(nginx)
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
    daemon, nginx = proxied
    status, answer = ask(nginx, "POST", "/webhooks/livekit", body, {"Authorization": livekit.webhook_token(body)})
    assert (status, answer) == (200, b"")


def test_chunked_body_arrives_byte_for_byte(proxied):
    daemon, nginx = proxied
    body = b'{"event": "x", "id": "EV_4"}'
    connection = connect(nginx)
    connection.request("POST", "/webhooks/livekit", iter([body[:5], body[5:]]),
                       {"Authorization": livekit.webhook_token(body), "Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()


def test_changed_body_is_still_refused(proxied):
    daemon, nginx = proxied
    token = livekit.webhook_token(b'{"event":"x"}')
    assert ask(nginx, "POST", "/webhooks/livekit", b'{"event":"y"}', {"Authorization": token})[0] == 401


def test_basic_health_is_reachable(proxied):
    daemon, nginx = proxied
    status, body = ask(nginx, "GET", "/health/sip-bridge")
    assert status == 200 and json.loads(body)["status"] == "healthy"


@pytest.mark.parametrize("path", [
    "/health/sip-bridge-status", "/metrics", "/livez", "/readyz", "/api/reload", "/api/calls/RM_x/stop", "/", "/webhooks",
    "/webhooks/livekit/", "/webhooks/livekit/../../metrics", "/webhooks/livekit/%2e%2e/%2e%2e/health/sip-bridge-status",
    "//health/sip-bridge-status", "/health/sip-bridge/../sip-bridge-status", "/health/sip-bridge%2dstatus",
    "/%68ealth/sip-bridge-status",
])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_else_is_reachable_even_with_a_token(proxied, path, method):
    daemon, nginx = proxied
    token = {"Authorization": f"Bearer {livekit.operator_token()}"}
    assert ask(nginx, method, path, b"" if method == "POST" else None, token)[0] == 404


@pytest.mark.parametrize("method,path", [("GET", "/webhooks/livekit"), ("PUT", "/webhooks/livekit"),
                                         ("POST", "/health/sip-bridge"), ("DELETE", "/health/sip-bridge")])
def test_other_methods_are_405(proxied, method, path):
    assert ask(proxied[1], method, path)[0] == 405


def test_body_over_the_limit_is_413(proxied):
    body = b"x" * (1024 * 1024 + 1)
    connection = connect(proxied[1])
    try:
        connection.request("POST", "/webhooks/livekit", body, {"Authorization": livekit.webhook_token(body)})
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
        pass  # nginx had answered and closed before all was sent
    finally:
        connection.close()
    assert proxied[0].status()["webhooks"]["received"] == 0


SMUGGLED = {
    "length and chunked": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "bad chunk": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_smuggling_is_refused(proxied, name):
    daemon, nginx = proxied
    head = b"POST /webhooks/livekit HTTP/1.1\r\nHost: localhost\r\n"
    assert raw(nginx, head + SMUGGLED[name]) in (400, 501)
    assert daemon.status()["webhooks"]["received"] == 0


def test_two_authorization_headers_do_not_get_in(proxied):
    daemon, nginx = proxied
    body = livekit.encode(Call().room_started())
    token = livekit.webhook_token(body).encode()
    head = b"POST /webhooks/livekit HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % len(body)
    assert raw(nginx, head + b"Authorization: " + token + b"\r\nAuthorization: " + token + b"\r\n\r\n" + body) in (400, 401)
    assert daemon.status()["calls"] == []


def test_connections_to_sipbridge_are_kept(proxied):
    """Twenty webhooks over twenty connections from outside need few inside."""
    daemon, nginx = proxied

    def inside():
        with open("/proc/net/tcp") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        port = f":{daemon.port():04X}"
        return sum(row[1].endswith(port) and row[3] == "01" for row in rows)

    for _ in range(20):
        body = livekit.encode(Call().room_started())
        assert ask(nginx, "POST", "/webhooks/livekit", body, {"Authorization": livekit.webhook_token(body)})[0] == 200
    assert wait_for(inside, "kept connections") <= 4


def test_bridge_that_is_away_is_a_502_which_livekit_repeats(start):
    daemon = start()
    with Nginx(f"127.0.0.1:{daemon.port()}") as nginx:
        daemon.stop()
        body = livekit.encode(Call().room_started())
        assert ask(nginx, "POST", "/webhooks/livekit", body, {"Authorization": livekit.webhook_token(body)})[0] == 502
