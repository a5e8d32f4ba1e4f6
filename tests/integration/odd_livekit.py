"""LiveKit's server API as a small HTTP server that misbehaves when told to, method by method, while it runs.

    with OddLiveKit() as server:
        server.add(call)                     # a room with the caller in it
        server.behave(answer(500), "DeleteRoom")
        server.behave(well)                  # every method

Well means: the rooms that were added, in the shape of livekit-server's JSON, for tokens that our secret signed. A
behaviour is a function of the Request; those that are no functions of it make one: answer(…), late(…), stream(…).
Every request is kept. With the context of an Authority it speaks TLS; another one can be put in its place at any time."""
import contextlib
import http.server
import json
import select
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
import time

import livekit
from servers import find

MEGABYTE = 1 << 20


# --- certificates ---

class Authority:
    """A certification authority made for the moment, in DIRECTORY."""

    def __init__(self, directory, name):
        self.dir, self.name = directory, name
        self.file, self.key = directory / f"{name}.pem", directory / f"{name}.key"
        self.openssl("req", "-x509", *self.new_key(self.key), "-subj", f"/CN={name}", "-days", "2", "-out", self.file)

    @staticmethod
    def new_key(path):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path]

    @staticmethod
    def openssl(*words):
        subprocess.run([find("openssl"), *map(str, words)], check=True, capture_output=True)

    def server(self, names):
        """The context of a server for NAMES ("IP:127.0.0.1")."""
        base = self.dir / f"{self.name}-{names.replace(':', '-')}"
        certificate, key, request = (base.with_suffix(f".{kind}") for kind in ("crt", "key", "csr"))
        self.openssl("req", *self.new_key(key), "-subj", "/CN=livekit", "-addext", f"subjectAltName={names}",
                     "-out", request)
        self.openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key, "-copy_extensions", "copy",
                     "-days", "2", "-out", certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context


# --- what LiveKit knows ---

def phone(call, **more):
    """The caller of CALL as ListParticipants has them."""
    attributes = {"sip.trunkPhoneNumber": call.called, "sip.phoneNumber": call.caller, "sip.trunkID": call.trunk,
                  "sip.ruleID": "SDR_1", "sip.callID": "SCL_1", "sip.callStatus": "ringing", **call.attributes}
    return {"sid": call.leg, "identity": call.identity, "name": "", "state": "ACTIVE", "kind": "SIP", "metadata": "",
            "joined_at": str(call.created), "attributes": attributes, "tracks": [], **more}


def agent(call):
    """Its agent, speaking."""
    return {"sid": call.agent_leg, "identity": call.agent_identity, "state": "ACTIVE", "kind": "AGENT",
            "joined_at": str(call.created), "tracks": [{"sid": "TR_1", "type": "AUDIO", "name": "voice"}]}


def room(call):
    return {"sid": call.sid, "name": call.room, "empty_timeout": 300, "departure_timeout": 20, "max_participants": 0,
            "creation_time": str(call.created), "metadata": "", "num_participants": 1, "num_publishers": 1}


def counted(listed, people):
    """Agents are no participants to LiveKit, but publish."""
    return {**listed, "num_participants": sum(one["kind"] not in ("AGENT", "EGRESS") for one in people),
            "num_publishers": len(people)}


class Request:
    """One request, and the ways to answer it."""

    def __init__(self, handler, method, raw):
        self.handler, self.server, self.method, self.raw = handler, handler.server.odd, method, raw
        self.path, self.authorization = handler.path, handler.headers.get("Authorization", "")
        self.at = time.monotonic()
        try:
            self.body = json.loads(raw)
        except ValueError:
            self.body = None

    def is_about(self, call):
        return self.body is not None and call.room in (self.body.get("room"), *self.body.get("names", []))

    def answer(self, status, body=b"", kind="application/json", headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.handler.send_response(status)
        for name, value in [("Content-Type", kind), ("Content-Length", len(data)), *headers]:
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(data)

    def twirp(self, status, code, message="", headers=()):
        self.answer(status, {"code": code, "msg": message}, headers=headers)

    def send(self, data):
        """These bytes, and the end of the connection."""
        self.handler.close_connection = True
        self.handler.wfile.write(data)

    def drop(self):
        """RST."""
        self.handler.close_connection = True
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.handler.connection.close()


# --- behaviours ---

def well(request):
    """As livekit-server does."""
    server, body = request.server, request.body
    header, _, token = request.authorization.partition(" ")
    text, _, signature = token.rpartition(".")
    if header != "Bearer" or signature != livekit.signature(text):
        request.answer(401, b"invalid token", "text/plain")
        return
    with server.lock:
        known = server.rooms.get(body.get("room"))
        if request.method == "ListRooms":
            names = body.get("names") or list(server.rooms)
            request.answer(200, {"rooms": [counted(*server.rooms[name]) for name in names if name in server.rooms]})
        elif request.method == "ListParticipants":
            request.answer(200, {"participants": known[1] if known else []})
        elif request.method == "DeleteRoom" and known:
            del server.rooms[body["room"]]
            server.deleted.append(body["room"])
            request.answer(200, {})
        elif request.method in ("RemoveParticipant", "UpdateSubscriptions") and known and any(
                one["identity"] == body["identity"] for one in known[1]):
            if request.method == "RemoveParticipant":
                known[1][:] = [one for one in known[1] if one["identity"] != body["identity"]]
                server.removed.append(body["identity"])
            request.answer(200, {})
        else:
            request.twirp(404, "not_found", "requested room does not exist")


def silent(request):
    """Never an answer; holds the connection until the client gives up, or LiveKit behaves otherwise ("restarts")."""
    request.server.hold(request)


def drip(request):
    """A byte of the head now and then, for ever."""
    head = b"HTTP/1.1 200 OK\r\nX-Slow: " + b"." * 10000
    for at in range(len(head)):
        if request.server.hold(request, 0.05):
            return
        request.handler.wfile.write(head[at:at + 1])


def reset(request):
    request.drop()


def cut(request):
    """The connection ends in the middle of the body."""
    request.send(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"rooms":[')


def not_http(request):
    request.send(b"SSH-2.0-OpenSSH_9.2\r\n")


def echo(request):
    """The message repeats the token."""
    request.twirp(500, "internal", f"cannot use {request.authorization}")


def redirect(request):
    request.answer(302, headers=[("Location", request.server.url + "/elsewhere")])


def done_but_not_said(request):
    """It is done, and the answer is lost."""
    request.handler.wfile = Nowhere()
    well(request)
    request.drop()


class Nowhere:
    def write(self, data):
        pass

    def flush(self):
        pass


def answer(status, body=b"", kind="application/json", **headers):
    fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return lambda request: request.answer(status, body, kind, fields)


def twirp(status, code, message="", **headers):
    return answer(status, {"code": code, "msg": message}, **headers)


def late(seconds, then=well):
    """THEN, after SECONDS."""
    def behaviour(request):
        if not request.server.hold(request, seconds):
            then(request)
    return behaviour


def stream(size, chunked):
    """A body of SIZE bytes, or as much of it as is taken."""
    def behaviour(request):
        part = b" " * MEGABYTE
        head = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
        request.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + head + b"\r\n\r\n")
        for _ in range(size // len(part)):
            request.handler.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            request.server.streamed += len(part)
        request.handler.wfile.write(b"0\r\n\r\n" if chunked else b"")
    return behaviour


# --- the server ---

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self, self.path.rpartition("/")[2], raw)
        self.server.odd.took(request)

    do_GET = do_POST

    def date_time_string(self, timestamp=None):
        return super().date_time_string(time.time() + self.server.odd.clock_s)

    def log_message(self, *_):
        pass


class Threads(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, block_on_close, request_queue_size = True, False, 256

    def finish_request(self, request, client_address):
        """In the connection's thread."""
        context = self.odd.context
        with contextlib.suppress(OSError, ValueError):  # the client is gone, or does not trust us
            if context is not None:
                request = context.wrap_socket(request, server_side=True)
            super().finish_request(request, client_address)
            request.close()


class OddLiveKit:
    def __init__(self, context=None):
        self.context = context  # of TLS, for new connections
        self.clock_s = 0        # ahead of ours
        self.lock = threading.Lock()
        self.rooms, self.deleted, self.removed, self.requests = {}, [], [], []
        self.behaviours, self.holding, self.streamed = {}, 0, 0
        self.http = Threads(("127.0.0.1", 0), Handler)
        self.http.odd = self
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.http.server_port}"
        self.restart_pair()

    def restart_pair(self):
        self.restarting, self.restarts = socket.socketpair()

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
        self.restarts.close()

    def add(self, call, *people):
        """A room with PEOPLE in it, by default its caller."""
        with self.lock:
            self.rooms[call.room] = (room(call), list(people) or [phone(call)])

    def remove(self, call):
        with self.lock:
            del self.rooms[call.room]

    def behave(self, how, *methods):
        """From now on, for METHODS, or for all of them. What is held until now is let go, without an answer."""
        with self.lock:
            if not methods:
                self.behaviours = {}
            self.behaviours.update({method: how for method in methods or [None]})
            held = self.restarts
            self.restart_pair()
        held.close()

    def took(self, request):
        with self.lock:
            self.requests.append(request)
            how = self.behaviours.get(request.method, self.behaviours.get(None, well))
        how(request)

    def hold(self, request, seconds=None):
        """Waits; true when the client or this LiveKit has gone meanwhile, and the connection with it."""
        with self.lock:
            restarting = self.restarting
            self.holding += 1
        connection = request.handler.connection
        try:
            gone = bool(select.select([connection, restarting], [], [], seconds)[0])
        finally:
            with self.lock:
                self.holding -= 1
        if gone:
            request.drop()
        return gone

    def about(self, call):
        """The requests that name the room of CALL."""
        return [request for request in list(self.requests) if request.is_about(call)]

    def asked(self, method, call):
        return [request for request in self.about(call) if request.method == method]

    def busy(self):
        """How many requests were made; looks at all rooms do not count."""
        return sum(request.body != {} for request in list(self.requests))
