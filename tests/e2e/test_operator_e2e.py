"""The operator's commands and the real livekit-server: a number from its set-up to the end of its trunk, with a call in
between; and LiveKit's Redis with a value in it that is not LiveKit's."""
import json
import subprocess
import time

import livekit
import pytest
from daemon import binary, is_alive, wait_for
from servers import find
from stage import note


class Operator:
    def __init__(self, stage):
        self.env = {**stage.daemon.environment(), "PATH": "/usr/bin:/bin"}

    def __call__(self, *arguments):
        return subprocess.run([binary(), *arguments], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60)

    def good(self, *arguments):
        done = self(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.good(*arguments, "--json"))


@pytest.fixture
def stage(start):
    """No rules yet, and the settings that an operator has: LiveKit's API is where LIVEKIT_URL says."""
    return start(rules=[], LIVEKIT_API_URL=None)


def call(stage, number, setup):
    return stage.call(number, trunk=setup["trunk"]["id"], SIP_RULE_ID=setup["dispatch"]["id"])


def test_a_number_from_its_setup_to_its_end(stage):
    sh = Operator(stage)
    assert sh.json("trunks", "list") == sh.json("dispatch", "list") == sh.json("list-rooms") == []

    started = time.monotonic()
    setup = sh.json("setup", "+1234567", "--agent", "sales", "--allowed-address", "127.0.0.1")
    note("setup took, ms", round((time.monotonic() - started) * 1000))
    assert setup["changed"] and setup["complete"] and setup["notes"] == []
    again = sh.json("setup", "+1234567", "--agent", "sales")
    assert not again["changed"] and again["trunk"]["id"] == setup["trunk"]["id"]

    (trunk,), (rule,) = sh.json("trunks", "list"), sh.json("dispatch", "list")
    assert (trunk["numbers"], trunk["allowed_addresses"]) == (["+1234567"], ["127.0.0.1"])
    assert (rule["kind"], rule["room"], rule["ours"], rule["trunk_ids"]) == \
        ("individual", "sip-inbound", True, [trunk["id"]])

    # The seed's `update_trunk.py --trunk-id ID --number +1234568`, and back.
    assert sh.json("trunks", "update", "--trunk-id", trunk["id"], "--number", "+1234568")["numbers"] == ["+1234568"]
    changed = sh.json("trunks", "update", trunk["id"], "--add-number", "+1234567", "--remove-number", "+1234568")
    assert changed == trunk

    wait_for(lambda: stage.daemon.status()["rules"]["count"] == 1, "the running bridge has the new rule")
    phone = call(stage, "+1234567", setup)
    note("ring_ms", phone.answered(hz=620))
    pid = stage.pid(phone)
    (room,) = sh.json("list-rooms")
    assert (room["name"], room["ours"]) == (phone.room, True)
    assert [one["agent"] for one in sh.json("calls", "list")] == ["sales"]

    assert sh("clear-sip-bridge").returncode == 2 and phone.is_talking(), "nobody can be asked, nothing is done"
    started = time.monotonic()
    cleared = sh.json("clear-sip-bridge", "--yes")
    note("cleared after, ms", round((time.monotonic() - started) * 1000))
    assert (cleared["left"], cleared["bridge"]["calls_stopping"], cleared["bridge"]["agents_left"]) == (0, 1, 0)
    assert phone.ended()["ended_by"] == "far end"
    assert not is_alive(pid)
    assert sh.json("list-rooms") == []
    begun = [record for record in stage.daemon.log if record["message"].startswith("room started")]
    assert len(begun) == 1, "two who delete one room make it anew for a moment, and an agent starts in vain"

    assert sh.json("dispatch", "delete", rule["id"], "--yes") == {"deleted": [rule["id"]]}
    assert sh.json("trunks", "delete", trunk["id"], "--yes") == {"deleted": [trunk["id"]]}
    assert sh.json("trunks", "list") == sh.json("dispatch", "list") == []
    assert sh("trunks", "delete", trunk["id"], "--yes").returncode == 1


def test_one_call_is_stopped_and_the_other_goes_on(stage):
    sh = Operator(stage)
    setup = sh.json("setup", "+1234567", "--agent", "support")
    wait_for(lambda: stage.daemon.status()["rules"]["count"] == 1, "the running bridge has the new rule")
    phone, other = call(stage, "+1234567", setup), call(stage, "+1234567", setup)
    phone.answered()
    other.answered()
    sid = next(one["sid"] for one in sh.json("calls", "list") if one["room"] == phone.room)
    started = time.monotonic()
    sh.good("calls", "stop", sid, "--yes")
    ended = phone.ended()
    note("hung up after, ms", round((ended["seen"] - started) * 1000))
    assert ended["ended_by"] == "far end" and other.is_talking()
    stage.end(other)


def test_the_route_ends_calls_and_stale_rooms(stage):
    sh = Operator(stage)
    setup = sh.json("setup", "+1234567", "--agent", "support")
    wait_for(lambda: stage.daemon.status()["rules"]["count"] == 1, "the running bridge has the new rule")
    phone = call(stage, "+1234567", setup)
    phone.answered()
    for name in ("sip-inbound_stale", "meeting"):
        stage.livekit.api("RoomService/CreateRoom", {"name": name, "empty_timeout": 60}, video={"roomCreate": True})
    status, body = stage.daemon.admin("POST", "/api/livekit/cleanup-sip-rooms", livekit.operator_token())
    assert (status, json.loads(body)["rooms"]) == (202, "deleting")
    wait_for(lambda: [room["name"] for room in sh.json("list-rooms")] == ["meeting"], "only what is not ours is left")
    assert phone.ended()["ended_by"] == "far end"
    assert sh.json("clear-rooms", "--yes")["left"] == 0


def test_many_rooms_are_cleared(stage):
    for n in range(100):
        stage.livekit.api("RoomService/CreateRoom", {"name": f"room-{n}", "empty_timeout": 60}, video={"roomCreate": True})
    started = time.monotonic()
    done = Operator(stage).json("clear-rooms", "--yes")
    note("100 rooms deleted after, ms", round((time.monotonic() - started) * 1000))
    assert (done["deleted"], done["left"]) == (100, 0)


def test_setup_leaves_alone_what_takes_the_number_elsewhere(stage):
    sh = Operator(stage)
    foreign = sh.json("dispatch", "create", "--prefix", "conference")
    said = sh("setup", "+1234567", "--agent", "support")
    assert said.returncode == 1 and f"nothing was changed: dispatch rule {foreign['id']}" in said.stderr
    assert sh.json("trunks", "list") == [] and len(sh.json("dispatch", "list")) == 1


def test_json_where_livekit_keeps_protobuf_is_explained(stage):
    """What Stimm's create_sip_trunk.py left behind."""
    sh = Operator(stage)

    def redis(*words):
        port = str(stage.livekit.values["redis_port"])
        subprocess.run([find("redis-cli"), "-p", port, *words], check=True, capture_output=True, timeout=120)

    redis("HSET", "sip_inbound_trunk", "stimm-trunk", '{"name": "stimm", "numbers": ["+1234567"]}')
    for command in (["trunks", "list"], ["setup", "+1234567", "--agent", "support"]):
        said = sh(*command)
        assert said.returncode == 1 and "redis-cli HDEL sip_inbound_trunk FIELD" in said.stderr
    redis("HDEL", "sip_inbound_trunk", "stimm-trunk")
    assert sh.json("setup", "+1234567", "--agent", "support")["complete"]
