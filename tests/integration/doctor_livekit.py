"""For tests of `sipbridge doctor`: what it found, and a LiveKit as far as it asks one: lists, rooms that come and go, and the
webhook about a new room."""
import http.client
import json
import os
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import livekit

GRANTS = {"ListRooms": ("video", "roomList"), "CreateRoom": ("video", "roomCreate"), "DeleteRoom": ("video", "roomCreate"),
          "ListParticipants": ("video", "roomAdmin"), "ListDispatch": ("video", "roomAdmin"),
          "ListSIPInboundTrunk": ("sip", "admin"), "ListSIPDispatchRule": ("sip", "admin")}
SEEN = {}  # check -> {"ok": {test}, "bad": {test}}


class Findings:
    """What doctor said. good, bad and warns also remember in SEEN that this test has seen it."""

    def __init__(self, run):
        self.code, self.text = run.returncode, run.stdout
        assert not run.stderr, run.stderr
        self.list = json.loads(run.stdout)["checks"]

    def of(self, check):
        return [finding for finding in self.list if finding["check"] == check]

    def good(self, *checks):
        for check in checks:
            assert [one["level"] for one in self.of(check)] == ["ok"], self.of(check)
            SEEN.setdefault(check, {"ok": set(), "bad": set()})["ok"].add(this_test())

    def bad(self, check, what, repair=None, level="problem"):
        """A finding that says WHAT, what it causes, and REPAIR."""
        found = [one for one in self.of(check) if one["level"] == level and what in one["what"]]
        assert found, f"{check}: no {level} with {what!r} in {json.dumps(self.list, indent=1)}"
        if repair is not None:
            assert repair in found[0]["repair"], found[0]
        if level != "unchecked":
            assert found[0]["repair"], found[0]
            SEEN.setdefault(check, {"ok": set(), "bad": set()})["bad"].add(this_test())
        assert self.code == 1 or level != "problem" or check == "settings", self.code
        return found[0]

    def warns(self, check, what, repair=None):
        return self.bad(check, what, repair, level="warning")

    def unchecked(self, check, why):
        return self.bad(check, f"not checked, because {why}", level="unchecked")


def this_test():
    return os.environ["PYTEST_CURRENT_TEST"].split("::")[-1].rpartition(" ")[0]


def trunk(name="office", numbers=("+1234567",), addresses=("127.0.0.1",), **more):
    return {"sip_trunk_id": livekit.sid("ST"), "name": name, "numbers": list(numbers), "allowed_addresses": list(addresses),
            **more}


def rule(prefix="sip-inbound", trunks=(), **more):
    return {"sip_dispatch_rule_id": livekit.sid("SDR"), "name": "all calls", "trunk_ids": list(trunks),
            "rule": {"dispatch_rule_individual": {"room_prefix": prefix}}, **more}


class FakeLiveKit:
    """`with FakeLiveKit(webhook=URL) as it:`; everything public may be changed while it runs."""

    def __init__(self, webhook=None, secret=livekit.SECRET):
        self.webhook, self.secret = webhook, secret
        self.webhook_key, self.webhook_secret, self.webhook_headers = livekit.KEY, livekit.SECRET, {}
        self.rewrite = lambda body: body  # what a proxy makes of a webhook's body
        self.skew_s = 0
        self.trunks, self.rules, self.dispatches = [trunk()], [rule()], []
        self.participants = []  # of every room
        self.rooms = {}  # name -> room
        self.made, self.deleted = [], []
        self.answers = {}  # method -> (status, body) in place of what it would say
        self.silent = set()  # methods that never answer
        self.closed = threading.Event()
        it = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                method = self.path.rpartition("/")[2]
                if method in it.silent:
                    it.closed.wait()
                status, answer = it.answer(method, self.headers["Authorization"], body)
                text = answer if isinstance(answer, str) else json.dumps(answer)
                self.send_response_only(status)
                self.send_header("Date", formatdate(time.time() + it.skew_s, usegmt=True))
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closed.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, method, authorization, body):
        token = authorization.removeprefix("Bearer ")
        claims = livekit.jwt_claims(token)
        if token != livekit.jwt(claims, self.secret, json.loads(livekit.base64.urlsafe_b64decode(token.split(".")[0] + "=="))):
            return 401, "invalid token: error in cryptographic primitive"
        kind, grant = GRANTS[method]
        if method in self.answers:
            return self.answers[method]
        if not claims.get(kind, {}).get(grant):
            return 401, {"code": "unauthenticated", "msg": "permissions denied"}
        return 200, getattr(self, method)(json.loads(body))

    def ListRooms(self, _request):
        return {"rooms": list(self.rooms.values())}

    def ListSIPInboundTrunk(self, _request):
        return {"items": self.trunks}

    def ListSIPDispatchRule(self, _request):
        return {"items": self.rules}

    def ListParticipants(self, _request):
        return {"participants": self.participants}

    def ListDispatch(self, _request):
        return {"agent_dispatches": self.dispatches}

    def room(self, name, age_s=0, people=0):
        self.rooms[name] = {"sid": livekit.sid("RM"), "name": name, "num_participants": people,
                            "creation_time": str(int(time.time()) - age_s), "empty_timeout": 300}
        return self.rooms[name]

    def CreateRoom(self, request):
        room = self.room(request["name"])
        self.made.append((request["name"], request.get("empty_timeout", request.get("emptyTimeout"))))
        threading.Thread(target=self.tell, args=(livekit.Call(room=room["name"], room_sid=room["sid"]).room_started(),)).start()
        return room

    def DeleteRoom(self, request):
        self.deleted.append(request["room"])
        room = self.rooms.pop(request["room"])
        threading.Thread(target=self.tell, args=(livekit.Call(room=room["name"], room_sid=room["sid"]).room_finished(),)).start()
        return {}

    def tell(self, event):
        """The webhook, as LiveKit's sender has it; what becomes of it is not ours to know."""
        if self.webhook is None:
            return
        body = livekit.encode(event)
        token = livekit.webhook_token(body, self.webhook_key, self.webhook_secret)
        host, _, path = self.webhook.removeprefix("http://").partition("/")
        connection = http.client.HTTPConnection(host, timeout=60)
        headers = {"Content-Type": "application/webhook+json", "Authorization": token, **self.webhook_headers}
        try:
            connection.request("POST", f"/{path}", self.rewrite(body),
                               {name: value for name, value in headers.items() if value is not None})
            connection.getresponse().read()
        except OSError:
            pass
        finally:
            connection.close()
