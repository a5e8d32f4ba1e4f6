"""What LiveKit does: webhooks with the shape of the recorded ones, signed as its sender signs them.

The templates are the bodies of tests/fixtures/recordings/answered.jsonl, so every field LiveKit sends is there.
"""
import base64
import copy
import functools
import hashlib
import hmac
import json
import random
import string
import time
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
RECORDINGS = FIXTURES / "recordings"
KEY, SECRET = "devkey", "0123456789abcdef0123456789abcdef"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signature(text, secret=SECRET):
    return b64url(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def jwt(claims, secret=SECRET, header=None):
    parts = [b64url(json.dumps(part, separators=(",", ":")).encode())
             for part in (header or {"alg": "HS256", "typ": "JWT"}, claims)]
    return ".".join(parts + [signature(".".join(parts), secret)])


def jwt_claims(token):
    """The claims, unverified."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def webhook_token(body, key=KEY, secret=SECRET, now=None, **claims):
    now = int(time.time() if now is None else now)
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return jwt({"iss": key, "nbf": now, "iat": now, "exp": now + 300, "sha256": digest, **claims}, secret)


def operator_token(scope="operator", key=KEY, secret=SECRET, ttl=600, **claims):
    now = int(time.time())
    return jwt({"iss": key, "nbf": now, "exp": now + ttl, "jti": sid("T"), "sipbridge": scope, **claims}, secret)


def sid(prefix):
    return f"{prefix}_" + "".join(random.choices(string.ascii_letters + string.digits, k=12))


def recording(name):
    """[(at_ms, authorization, body bytes)] of tests/fixtures/recordings/NAME.jsonl"""
    lines = (RECORDINGS / f"{name}.jsonl").read_text().splitlines()
    return [(r["at_ms"], r["authorization"], r["body"].encode()) for r in map(json.loads, lines)]


def recording_names():
    return sorted(path.stem for path in RECORDINGS.glob("*.jsonl"))


@functools.lru_cache(maxsize=None)
def templates():
    """{(event, who): body} with who in room, caller, agent."""
    found = {}
    for _, _, body in recording("answered"):
        event = json.loads(body)
        identity = event.get("participant", {}).get("identity", "")
        who = "room" if not identity else "caller" if identity.startswith("sip_") else "agent"
        found[event["event"], who] = event
    return found


class Call:
    """One phone call as LiveKit tells it. Every method gives one event, with its own id."""

    def __init__(self, called="+1234567", caller="+15550001111", room=None, room_sid=None, trunk="ST_rTcYBvpxrz89"):
        self.called, self.caller, self.trunk = called, caller, trunk
        self.sid = room_sid or sid("RM")
        self.room = f"sip-inbound_{caller}_{sid('x')[2:]}" if room is None else room
        self.metadata = None
        self.leg, self.agent_leg = sid("PA"), sid("PA")
        self.identity, self.agent_identity = f"sip_{caller}", f"sip-agent-{self.sid}"
        self.created = int(time.time())
        self.attributes = {}

    def event(self, name, who, **participant):
        event = copy.deepcopy(templates()[name, who])
        event["id"], event["createdAt"] = sid("EV"), str(int(time.time()))
        room = event["room"]
        room["sid"], room["name"] = self.sid, self.room
        for field, unit in (("creationTime", 1), ("creationTimeMs", 1000)):
            if field in room:
                room[field] = str(self.created * unit)
        if self.metadata is not None:
            room["metadata"] = self.metadata
        if who != "room":
            self.introduce(event["participant"], who)
            event["participant"].update(participant)
        return event

    def introduce(self, participant, who):
        is_caller = who == "caller"
        participant["sid"] = self.leg if is_caller else self.agent_leg
        participant["identity"] = self.identity if is_caller else self.agent_identity
        if is_caller and "attributes" in participant:
            given = {"sip.phoneNumber": self.caller, "sip.trunkPhoneNumber": self.called, "sip.trunkID": self.trunk,
                     **self.attributes}
            participant["attributes"].update(given)
            for name in [name for name, value in given.items() if value is None]:
                del participant["attributes"][name]
            participant["name"] = f"Phone {self.caller}"

    def room_started(self):
        return self.event("room_started", "room")

    def caller_joined(self):
        return self.event("participant_joined", "caller")

    def caller_track(self):
        return self.event("track_published", "caller")

    def agent_joined(self):
        return self.event("participant_joined", "agent")

    def agent_track(self):
        return self.event("track_published", "agent")

    def caller_left(self, reason="CLIENT_INITIATED"):
        return self.event("participant_left", "caller", disconnectReason=reason)

    def agent_left(self, reason="CLIENT_INITIATED"):
        return self.event("participant_left", "agent", disconnectReason=reason)

    def room_finished(self):
        return self.event("room_finished", "room")

    def ringing(self):
        return [self.room_started(), self.caller_joined(), self.caller_track()]

    def answered(self):
        return [self.agent_joined(), self.agent_track()]

    def hung_up(self):
        return [self.caller_left(), self.room_finished()]


def encode(event):
    """The body as LiveKit has it: protojson puts random spaces in, so do we."""
    return event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
