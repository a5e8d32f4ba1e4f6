"""Requests that two readers could read differently, through the real nginx with deploy/nginx: whatever nginx makes of them,
sipbridge hears as many requests as nginx sent, and no answer goes to the wrong question. What is hidden is a signed
webhook: if it got through unseen, it would be counted. A tap between the two sees what nginx sends."""
import re
import socket
import ssl
import threading

import livekit
import pytest
from daemon import starting, wait_for
from livekit import Call
from servers import Nginx

HEAD = b"POST /webhooks/livekit HTTP/1.1\r\nHost: localhost\r\n"


def signed(event):
    body = livekit.encode(event)
    return b"Authorization: %s\r\nContent-Length: %d\r\n\r\n%s" % (livekit.webhook_token(body).encode(), len(body), body)


def hidden():
    """The request that is smuggled."""
    return HEAD + signed(Call().room_started())


def chunked(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def cl_te(encoding):
    """One reader goes by the length and sees one request; the other by the chunks, and sees two."""
    inner = hidden()
    body = b"0\r\n\r\n" + inner
    return HEAD + b"Content-Length: %d\r\n%s\r\n\r\n" % (len(body), encoding) + body


def te_cl(encoding):
    """One goes by the chunks and sees one; the other by a length that ends with the line of the first chunk's size."""
    inner = hidden()
    size = b"%x\r\n" % len(inner)
    return HEAD + b"Content-Length: %d\r\n%s\r\n\r\n" % (len(size), encoding) + size + inner + b"\r\n0\r\n\r\n"


ENCODINGS = {
    "plain": b"Transfer-Encoding: chunked", "tab": b"Transfer-Encoding:\tchunked", "upper case": b"TRANSFER-ENCODING: CHUNKED",
    "space before the colon": b"Transfer-Encoding : chunked", "leading space": b" Transfer-Encoding: chunked",
    "vertical tab": b"Transfer-Encoding: \x0bchunked", "quoted": b'Transfer-Encoding: "chunked"',
    "x before": b"Transfer-Encoding: xchunked", "x after": b"Transfer-Encoding: chunkedx",
    "list": b"Transfer-Encoding: identity, chunked", "other order": b"Transfer-Encoding: chunked, identity",
    "twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "twice, other order": b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "empty first": b"Transfer-Encoding:\r\nTransfer-Encoding: chunked", "folded": b"Transfer-Encoding:\r\n chunked",
    "folded behind": b"X: x\r\n\tTransfer-Encoding: chunked", "bare lf": b"X: x\nTransfer-Encoding: chunked",
    "bare cr": b"X: x\rTransfer-Encoding: chunked", "nul": b"Transfer-Encoding: chunked\x00",
    "underscore": b"Transfer_Encoding: chunked", "hidden by Connection": b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
}


def lengths(*values):
    inner = hidden()
    return HEAD + b"".join(b"Content-Length: %s\r\n" % value for value in values) + b"\r\n" + inner


def chunks(size_line):
    """Whose first size is written so that a careless reader takes another for it."""
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + size_line + b"\r\n\r\n" + hidden()


OTHERS = {
    "two lengths": lambda: lengths(b"0", b"5"), "two lengths, other order": lambda: lengths(b"5", b"0"),
    "the same length twice": lambda: lengths(b"0", b"0"), "a list of lengths": lambda: lengths(b"0, 5"),
    "signed length": lambda: lengths(b"+0"), "negative length": lambda: lengths(b"-1"), "hex length": lambda: lengths(b"0x0"),
    "length with a blank": lambda: lengths(b"0 5"), "huge length": lambda: lengths(b"18446744073709551616"),
    "length with a sign behind": lambda: lengths(b"0;"), "empty length": lambda: lengths(b""),
    "chunk extension": lambda: chunks(b"0;a=b"), "chunk extension with a line": lambda: chunks(b"0;a=\"\r\nb\""),
    "chunk size with 0x": lambda: chunks(b"0x0"), "chunk size with a sign": lambda: chunks(b"-0"),
    "chunk size with blanks": lambda: chunks(b"0  "), "chunk size with an underscore": lambda: chunks(b"0_0"),
    "huge chunk size": lambda: chunks(b"10000000000000000"), "chunk size with bare lf": lambda: HEAD +
    b"Transfer-Encoding: chunked\r\n\r\n0\n\n" + hidden(),
    "bare lf all through": lambda: HEAD.replace(b"\r", b"") + b"Content-Length: 0\nTransfer-Encoding: chunked\n\n0\n\n" + hidden(),
    "trailer with a length": lambda: HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n" + hidden(),
    "GET with a body": lambda: b"GET /health/sip-bridge HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden(),
    "HTTP/1.0 with chunks": lambda: HEAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden(),
    "HTTP/1.2": lambda: HEAD.replace(b"1.1", b"1.2") + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden(),
    "absolute form": lambda: HEAD.replace(b"/webhooks", b"http://evil/webhooks") + b"Transfer-Encoding: chunked\r\n"
    b"Content-Length: 0\r\n\r\n0\r\n\r\n" + hidden(),
    "two hosts": lambda: HEAD + b"Host: other\r\nContent-Length: 0\r\n\r\n" + hidden(),
    "upgrade": lambda: HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    b"Content-Length: 0\r\n\r\n" + hidden(),
    "expect": lambda: HEAD + b"Expect: 100-continue\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden(),
}
ATTACKS = {**{f"CL.TE {name}": (lambda e=e: cl_te(e)) for name, e in ENCODINGS.items()},
           **{f"TE.CL {name}": (lambda e=e: te_cl(e)) for name, e in ENCODINGS.items()}, **OTHERS}
class Tap:
    """Between nginx and sipbridge: keeps every byte on its way in."""

    def __init__(self, port):
        self.port, self.heard, self.past = port, [], 0  # past: webhooks sent without it
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                inside = self.listener.accept()[0]
            except OSError:
                return
            outside = socket.create_connection(("127.0.0.1", self.port))
            heard = bytearray()
            self.heard.append(heard)
            threading.Thread(target=self.copy, args=(inside, outside, heard), daemon=True).start()
            threading.Thread(target=self.copy, args=(outside, inside, bytearray()), daemon=True).start()

    @staticmethod
    def copy(source, sink, heard):
        try:
            while data := source.recv(65536):
                heard += data
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def requests(self):
        """The heads of the requests that nginx sent: each has one length, and no other word on where it ends."""
        found = []
        for heard in map(bytes, list(self.heard)):
            while heard:
                head, end, rest = heard.partition(b"\r\n\r\n")
                assert end, f"half a request: {heard[:200]}"
                fields = [line.partition(b":")[0].strip().lower() for line in head.split(b"\r\n")[1:]]
                assert b"transfer-encoding" not in fields and fields.count(b"content-length") <= 1, head
                length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
                heard = rest[int(length[1]) if length else 0:]
                found.append(head)
        return found

    def webhooks(self):
        return sum(head.startswith(b"POST /webhooks/livekit ") for head in self.requests())


@pytest.fixture(scope="module")
def proxied():
    with starting() as start:
        daemon = start()
        tap = Tap(daemon.port())
        with Nginx(tap.address) as nginx:
            yield daemon, nginx, tap
        tap.listener.close()


def exchange(nginx, data):
    """All that is answered to DATA, whose sender then says no more."""
    context = ssl.create_default_context(cafile=str(nginx.certificate))
    answer = b""
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(data)
            with_end = b"GET /health/sip-bridge HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            try:
                tls.sendall(with_end)
                while part := tls.recv(65536):
                    answer += part
            except (ConnectionError, ssl.SSLError):
                pass
    return answer


def is_quiet(daemon, tap):
    """What nginx sent so far was heard. How many were."""
    count = tap.webhooks() + tap.past
    return daemon.status()["webhooks"]["received"] == count and count + 1


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_is_smuggled(proxied, name):
    daemon, nginx, tap = proxied
    before = len(tap.requests())
    answer = exchange(nginx, ATTACKS[name]())
    answered = len(re.findall(rb"HTTP/1\.[01] \d\d\d ", answer))
    assert answered >= len(tap.requests()) - before, f"sipbridge was asked more than was answered: {answer[:300]}"
    wait_for(lambda: is_quiet(daemon, tap), f"sipbridge has heard as many webhooks as nginx sent: {tap.requests()[before:]}")
    honest = exchange(nginx, HEAD + signed(Call().room_started()))
    assert honest.startswith(b"HTTP/1.1 200 OK\r\n"), "the next one who asks gets the answer to their own question"
    wait_for(lambda: is_quiet(daemon, tap), "and is heard")


def test_the_tap_tells_a_request_that_hides_another(proxied):
    """Sent past nginx, the same bytes are two requests: so the counts above would differ."""
    daemon, _, tap = proxied
    seen = daemon.status()["webhooks"]["verified"]
    with socket.create_connection(("127.0.0.1", daemon.port()), timeout=60) as direct:
        direct.sendall(HEAD + b"Content-Length: 0\r\n\r\n" + hidden())
        wait_for(lambda: daemon.status()["webhooks"]["verified"] == seen + 1, "the second is a webhook")
    tap.past += 2
    wait_for(lambda: is_quiet(daemon, tap), "both are counted")
