"""The live board over HTTP: who may look, what the page may load, how many may look, and that nobody pays for it."""
import http.client
import json
import re
import socket

import livekit
import pytest
from daemon import wait_for
from livekit import Call
from test_standby import agent as standby

PARTS = {"/board": "text/html", "/board/board.css": "text/css", "/board/board.js": "text/javascript"}


def admin_port(daemon):
    said = daemon.wait_logged(r"listening on 127\.0\.0\.1:\d+ \(admin;")
    return int(re.search(r":(\d+) \(admin;", said["message"]).group(1))


class Viewer:
    """Reads events as the page does."""

    def __init__(self, port, token=None, host="localhost"):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Host": host, **({"Authorization": f"Bearer {token}"} if token else {})}
        self.connection.request("GET", "/board/events", headers=headers)
        self.answer = self.connection.getresponse()
        self.calls, self.ends, self.pools, self.status, self.version = {}, [], [], None, None

    def take(self):
        """The next event, noted."""
        while True:
            line = self.answer.readline().decode()
            assert line, "the bridge ended the stream"
            if line.startswith("data: "):
                break
        part = json.loads(line[6:])
        if part.get("full"):
            self.calls = {}
        for sid in part.get("gone", []):
            self.calls.pop(sid, None)
        self.calls.update({call["sid"]: call for call in part.get("calls", [])})
        self.ends, self.pools = part.get("ends", self.ends), part.get("pools", self.pools)
        self.status, self.version = part.get("status", self.status), part.get("version", self.version)
        return part

    def take_until(self, condition):
        while not condition():
            self.take()

    def close(self):
        self.connection.close()


@pytest.fixture
def board(start):
    """A daemon with its admin side on a port, and looks at its board."""
    viewers = []
    daemon = start(SIP_ADMIN_LISTEN="127.0.0.1:0")
    port = admin_port(daemon)

    def look(**more):
        viewers.append(Viewer(port, **more))
        return viewers[-1]
    yield daemon, port, look
    for viewer in viewers:
        viewer.close()


def get(port, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, headers={"Host": "localhost", **headers})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


@pytest.mark.parametrize("path, kind", PARTS.items())
def test_the_parts_of_the_page(board, path, kind):
    daemon, port, _ = board
    status, headers, body = get(port, path)
    assert status == 200 and headers["Content-Type"].startswith(kind)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert b"http://" not in body and b"https://" not in body, "the page asks nobody else"
    assert b"innerHTML" not in body and b"style=" not in body and b"<script>" not in body
    assert get(port, path, "POST")[0] == 405
    assert daemon.get(path)[0] == 404, "not at the public door"


def test_who_may_look(board):
    daemon, port, look = board
    assert daemon.get("/board/events")[0] == 404
    assert get(port, "/board/events", Host="evil.example")[0] == 403  # a page that resolves its name to 127.0.0.1
    assert get(port, "/board/events", Authorization="Bearer nonsense")[0] == 401
    assert get(port, "/board/nothing")[0] == 404
    viewer = look(token=livekit.operator_token("reader"), host="board.example")
    assert viewer.answer.status == 200 and viewer.answer.headers["Content-Type"] == "text/event-stream"
    assert viewer.take()["full"] is True


def test_a_call_from_its_first_webhook_to_its_end(board):
    daemon, _, look = board
    viewer = look()
    viewer.take_until(lambda: viewer.status == "healthy")
    assert re.fullmatch(r"\d+\.\d+\.\d+", viewer.version)
    call = Call()
    daemon.post(*call.ringing())
    viewer.take_until(lambda: viewer.calls.get(call.sid, {}).get("caller"))
    shown = viewer.calls[call.sid]
    assert (shown["state"], shown["agent"], shown["ring_ms"]) == ("ringing", "support", None)
    assert "1234" not in shown["called"] and shown["called"].endswith("567") and "0001111" not in shown["caller"]
    daemon.post(*call.answered())
    viewer.take_until(lambda: viewer.calls[call.sid]["state"] == "talking")
    assert viewer.calls[call.sid]["ring_ms"] >= 0
    daemon.post(*call.hung_up())
    viewer.take_until(lambda: call.sid not in viewer.calls and viewer.ends)
    assert viewer.ends[0]["sid"] == call.sid and viewer.ends[0]["answered"] is True and viewer.ends[0]["text"]
    late = look()
    late.take()
    assert late.ends == viewer.ends, "who comes later sees what ended before"


def test_health_and_errors(board):
    daemon, _, look = board
    viewer = look()
    viewer.take_until(lambda: viewer.status == "healthy")
    daemon.write("rules.json", "{")
    part = {}
    while part.get("status") != "degraded":
        part = viewer.take()
    assert "mistake" in part["message"]
    assert part["errors"][0]["at_ms"] > 0 and "rules" in part["errors"][0]["text"]


def test_standbys(start):
    daemon = start(agents=lambda d: {"support": standby(d, standby=2)}, SIP_ADMIN_LISTEN="127.0.0.1:0")
    viewer = Viewer(admin_port(daemon))
    viewer.take_until(lambda: viewer.pools and viewer.pools[0]["ready"] == 2)
    assert viewer.pools[0]["agent"] == "support" and viewer.pools[0]["wanted"] == 2
    call = Call()
    daemon.post(*call.ringing())
    viewer.take_until(lambda: viewer.pools[0]["handed_over"] == 1)
    daemon.post(*call.hung_up())
    viewer.close()


def test_fifty_look_and_no_more(board):
    daemon, port, look = board
    viewers = [look() for _ in range(50)]
    for viewer in viewers:
        assert viewer.take()["full"] is True
    assert get(port, "/board/events")[0] == 503
    call = Call()
    daemon.post(*call.ringing())
    for viewer in viewers:
        viewer.take_until(lambda: call.sid in viewer.calls)
    viewers[0].close()
    wait_for(lambda: try_to_look(look), "there is room again")  # found out at the next beat
    daemon.post(*call.hung_up())


def try_to_look(look):
    viewer = look()
    return viewer.answer.status == 200


def test_viewers_that_do_not_read_keep_nobody_waiting(board):
    """(That they are cut off at last: tests/unit/test_http_stream.c.)"""
    daemon, port, look = board
    mutes = []
    for _ in range(20):
        mute = socket.socket()
        mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        mute.connect(("127.0.0.1", port))
        mute.sendall(b"GET /board/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        mutes.append(mute)
    reader = look()
    reader.take()
    calls = [Call(caller=f"+1555{i:07d}") for i in range(40)]
    for call in calls:
        daemon.post(*call.ringing())
    reader.take_until(lambda: {call.sid for call in calls} <= set(reader.calls))
    for call in calls:
        daemon.post(*call.hung_up())
    reader.take_until(lambda: not reader.calls)
    for mute in mutes:
        mute.close()
