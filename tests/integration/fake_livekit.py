"""A well-behaved LiveKit for commands: its Twirp API with trunks, dispatch rules and rooms in memory. It checks each token
as livekit-server does (signature, expiry, the grant of the method) and answers in its form: snake_case, defaults included,
64-bit numbers as strings, errors as {"code","msg"}. What it answers was compared with livekit-server v1.13.5.

    with FakeLiveKit() as livekit:
        livekit.add_room("sip-inbound_1")
        … LIVEKIT_URL=livekit.url …
        assert livekit.methods() == ["RoomService/ListRooms"]
"""
import base64
import hashlib
import hmac
import http.server
import json
import threading
import time

import livekit

ROOM_LIST, ROOM_CREATE, ROOM_ADMIN, SIP_ADMIN = "roomList", "roomCreate", "roomAdmin", "sip admin"


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.body = status, json.dumps({"code": code, "msg": message})


def not_found(message):
    return Refused(404, "not_found", message)


def invalid(message):
    return Refused(400, "invalid_argument", message)


def normalise(number):
    kept = number.translate({ord(c): None for c in " -()"})
    return f"+{kept.lstrip('+')}" if kept.lstrip("+").isdigit() else number


def update_list(current, change):
    """ListUpdate of livekit/protocol."""
    if change.get("clear"):
        return []
    if change.get("set"):
        return list(change["set"])
    kept = [item for item in current if item not in change.get("remove", [])]
    return kept + [item for item in change.get("add", []) if item not in kept]


class FakeLiveKit:
    def __init__(self, key=livekit.KEY, secret=livekit.SECRET):
        self.key, self.secret = key, secret
        self.rooms, self.trunks, self.rules, self.participants = {}, {}, {}, {}
        self.requests = []         # (method, request, claims) of each that was let in
        self.refused = []          # (method, why) of each token that was not
        self.answers = {}          # method -> (status, body) instead of the right one
        self.stubborn = set()      # names of rooms that DeleteRoom does not delete
        self.on_delete_room = None  # told the name, before it is done
        self.lock = threading.Lock()

    # --- life ---

    def __enter__(self):
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = fake.answer(self.path, self.headers.get("Authorization", ""), body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"ws://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    # --- for tests ---

    def add_room(self, name, participants=0, age_s=0, sid=None):
        room = {"sid": sid or livekit.sid("RM"), "name": name, "empty_timeout": 300, "departure_timeout": 20,
                "creation_time": str(int(time.time()) - age_s), "metadata": "", "num_participants": participants,
                "num_publishers": 0, "turn_password": "private-turn-password"}
        self.rooms[name] = room
        return room

    def add_call(self, call):
        """The room of a livekit.Call with its caller in it."""
        self.add_room(call.room, participants=1, sid=call.sid)
        leg = {name: value for name, value in call.caller_joined()["participant"].items() if name != "joinedAt"}
        self.participants[call.room] = [{**leg, "joined_at": str(call.created), "state": "ACTIVE"}]

    def add_trunk(self, *numbers, **more):
        return self.create_trunk({"trunk": {"numbers": list(numbers), **more}})["sip_trunk_id"]

    def add_rule(self, prefix="sip-inbound", **more):
        rule = {"rule": {"dispatch_rule_individual": {"room_prefix": prefix}}, **more}
        return self.create_rule({"dispatch_rule": rule})["sip_dispatch_rule_id"]

    def methods(self):
        return [method for method, _, _ in self.requests]

    def changes(self):
        """The methods that changed something."""
        return [method for method in self.methods() if "/List" not in method]

    # --- the door ---

    def answer(self, path, authorization, body):
        method = path.removeprefix("/twirp/livekit.")
        try:
            grant, serve = METHODS[method]
        except KeyError:
            return 404, json.dumps({"code": "bad_route", "msg": f"no handler for path {path}"}).encode()
        claims, why = self.check_token(authorization, grant, json.loads(body))
        if why:
            self.refused.append((method, why))
            return 401, b"invalid token" if claims is None else b'{"code":"unauthenticated","msg":"permissions denied"}'
        with self.lock:
            self.requests.append((method, json.loads(body), claims))
            if method in self.answers:
                status, text = self.answers[method]
                return status, text.encode()
            try:
                return 200, json.dumps(serve(self, json.loads(body))).encode()
            except Refused as refused:
                return refused.status, refused.body.encode()

    def check_token(self, authorization, grant, request):
        """(claims, None), or (claims or None, why it is refused)."""
        scheme, _, token = authorization.partition(" ")
        parts = token.split(".")
        if scheme != "Bearer" or len(parts) != 3:
            return None, "no token"
        mac = hmac.new(self.secret.encode(), ".".join(parts[:2]).encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(base64.urlsafe_b64decode(parts[2] + "=="), mac):
            return None, "wrong secret"
        claims = livekit.jwt_claims(token)
        if claims.get("iss") != self.key or not claims["nbf"] <= time.time() < claims["exp"]:
            return None, "wrong key or time"
        video, room = claims.get("video", {}), request.get("room")
        granted = {ROOM_LIST: video.get("roomList"), ROOM_CREATE: video.get("roomCreate"),
                   ROOM_ADMIN: video.get("roomAdmin") and video.get("room") == room,
                   SIP_ADMIN: claims.get("sip", {}).get("admin")}
        held = [name for name, value in granted.items() if value]
        if held != [grant]:
            return claims, f"holds {held}, needs just {grant}"
        return claims, None

    # --- RoomService ---

    def list_rooms(self, request):
        names = request.get("names") or list(self.rooms)
        return {"rooms": [self.rooms[name] for name in names if name in self.rooms]}

    def create_room(self, request):
        return self.rooms.get(request["name"]) or self.add_room(request["name"])

    def delete_room(self, request):
        name = request["room"]
        if name not in self.rooms:
            raise not_found("twirp error unknown: requested room does not exist")
        if self.on_delete_room:
            self.on_delete_room(name)
        if name not in self.stubborn:
            del self.rooms[name]
            self.participants.pop(name, None)
        return {}

    def list_participants(self, request):
        return {"participants": self.participants.get(request["room"], [])}

    def remove_participant(self, request):
        here = self.participants.get(request["room"], [])
        if not any(one["identity"] == request["identity"] for one in here):
            raise not_found("participant does not exist")
        self.participants[request["room"]] = [one for one in here if one["identity"] != request["identity"]]
        return {}

    def list_dispatch(self, _request):
        return {"agent_dispatches": []}

    # --- SIP ---

    TRUNK = {"name": "", "metadata": "", "numbers": [], "allowed_addresses": [], "allowed_numbers": [],
             "auth_username": "", "auth_password": ""}
    RULE = {"rule": None, "trunk_ids": [], "hide_phone_number": False, "inbound_numbers": [], "numbers": [], "name": "",
            "metadata": "", "attributes": {}, "room_config": None}

    def check_trunk(self, trunk):
        if not (trunk["auth_username"] or trunk["auth_password"] or trunk["allowed_addresses"] or trunk["numbers"]):
            raise invalid("for security, one of the fields must be set: AuthUsername+AuthPassword, AllowedAddresses or "
                          "Numbers")
        own = set(map(normalise, trunk["numbers"]))
        for other in self.trunks.values():
            if other["sip_trunk_id"] != trunk["sip_trunk_id"] and own & set(map(normalise, other["numbers"])) and \
                    not trunk["allowed_numbers"] and not other["allowed_numbers"]:
                raise invalid(f'Conflicting inbound SIP Trunks: "<new>" and "{other["sip_trunk_id"]}", using the same '
                              "number(s) without AllowedNumbers set")

    def create_trunk(self, request):
        trunk = {**self.TRUNK, **request["trunk"], "sip_trunk_id": ""}
        self.check_trunk(trunk)
        trunk["sip_trunk_id"] = livekit.sid("ST")
        self.trunks[trunk["sip_trunk_id"]] = trunk
        return trunk

    def update_trunk(self, request):
        old = self.trunks.get(request["sip_trunk_id"])
        if old is None:
            raise not_found("requested sip trunk does not exist")
        trunk = dict(old)
        for name, change in request["update"].items():
            trunk[name] = update_list(old[name], change) if isinstance(old[name], list) else change
        self.check_trunk(trunk)
        self.trunks[request["sip_trunk_id"]] = trunk
        return trunk

    def list_trunks(self, _request):
        return {"items": sorted(self.trunks.values(), key=lambda trunk: trunk["sip_trunk_id"])}

    def delete_trunk(self, request):
        """Of one that is not there, too, as livekit-server does it."""
        self.trunks.pop(request["sip_trunk_id"], None)
        return {"sip_trunk_id": request["sip_trunk_id"], "kind": "TRUNK_LEGACY"}

    @staticmethod
    def collisions(rule):
        return {(trunk, caller, normalise(number)) for trunk in rule["trunk_ids"] or [""]
                for caller in rule["inbound_numbers"] or [""] for number in rule["numbers"] or [""]}

    def create_rule(self, request):
        rule = {**self.RULE, **request["dispatch_rule"]}
        if not rule["rule"]:
            raise invalid("missing rule")
        for other in self.rules.values():
            if self.collisions(rule) & self.collisions(other):
                raise invalid("Dispatch rule for the same trunk, inbound number, number, and PIN combination already "
                              f'exists in dispatch rule "{other["sip_dispatch_rule_id"]}"')
        rule["sip_dispatch_rule_id"] = livekit.sid("SDR")
        self.rules[rule["sip_dispatch_rule_id"]] = rule
        return rule

    def list_rules(self, _request):
        return {"items": sorted(self.rules.values(), key=lambda rule: rule["sip_dispatch_rule_id"])}

    def delete_rule(self, request):
        if request["sip_dispatch_rule_id"] not in self.rules:
            raise not_found("requested sip dispatch rule does not exist")
        return self.rules.pop(request["sip_dispatch_rule_id"])


METHODS = {
    "RoomService/ListRooms": (ROOM_LIST, FakeLiveKit.list_rooms),
    "RoomService/CreateRoom": (ROOM_CREATE, FakeLiveKit.create_room),
    "RoomService/DeleteRoom": (ROOM_CREATE, FakeLiveKit.delete_room),
    "RoomService/ListParticipants": (ROOM_ADMIN, FakeLiveKit.list_participants),
    "RoomService/RemoveParticipant": (ROOM_ADMIN, FakeLiveKit.remove_participant),
    "AgentDispatchService/ListDispatch": (ROOM_ADMIN, FakeLiveKit.list_dispatch),
    "SIP/CreateSIPInboundTrunk": (SIP_ADMIN, FakeLiveKit.create_trunk),
    "SIP/UpdateSIPInboundTrunk": (SIP_ADMIN, FakeLiveKit.update_trunk),
    "SIP/ListSIPInboundTrunk": (SIP_ADMIN, FakeLiveKit.list_trunks),
    "SIP/DeleteSIPTrunk": (SIP_ADMIN, FakeLiveKit.delete_trunk),
    "SIP/CreateSIPDispatchRule": (SIP_ADMIN, FakeLiveKit.create_rule),
    "SIP/ListSIPDispatchRule": (SIP_ADMIN, FakeLiveKit.list_rules),
    "SIP/DeleteSIPDispatchRule": (SIP_ADMIN, FakeLiveKit.delete_rule),
}
