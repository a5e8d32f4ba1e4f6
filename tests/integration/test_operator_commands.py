"""The operator's commands against LiveKit's API in memory (fake_livekit.py), with and without a running bridge, from a
script and at a terminal."""
import json
import os
import signal
import socket
import subprocess

import livekit
import pytest
from daemon import binary, holds_for, is_alive, wait_for
from fake_livekit import FakeLiveKit
from livekit import Call
from terminal import Terminal

JSON_FOR_PROTOBUF = '{"code":"unknown","msg":"proto:\\u00a0cannot parse invalid wire-format data"}'
NO_REDIS = '{"code":"internal","msg":"sip not connected (redis required)"}'
HOSTILE = "sip-inbound_\x1b[2J‮evil"


@pytest.fixture
def lk():
    with FakeLiveKit() as server:
        yield server


class Shell:
    """What an operator types, with the settings of LIVEKIT and a directory for the rules."""

    def __init__(self, lk, directory):
        self.rules = directory / "rules.json"
        agents = directory / "agents.json"
        agents.write_text('{"support": {"command": ["true"]}, "sales": {"command": ["true"]}}')
        self.env = {"PATH": "/usr/bin:/bin", "LIVEKIT_URL": lk.url, "LIVEKIT_API_KEY": livekit.KEY,
                    "LIVEKIT_API_SECRET": livekit.SECRET, "SIP_RULES_FILE": str(self.rules),
                    "SIP_AGENTS_FILE": str(agents), "SIP_ADMIN_LISTEN": f"unix:{directory}/nobody"}

    def __call__(self, *arguments, typed="", **settings):
        env = {name: value for name, value in {**self.env, **settings}.items() if value is not None}
        return subprocess.run([binary(), *arguments], env=env, input=typed, capture_output=True, text=True, timeout=60)

    def good(self, *arguments, **more):
        done = self(*arguments, **more)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *arguments, **more):
        return json.loads(self.good(*arguments, "--json", **more))

    def bad(self, code, *arguments, **more):
        """What it says on standard error, all of it on one line."""
        done = self(*arguments, **more)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stderr


@pytest.fixture
def sh(lk, tmp_path):
    return Shell(lk, tmp_path)


# --- trunks ---

@pytest.mark.parametrize("command", [["setup"], ["dispatch", "create"], ["trunks", "create"], ["token"]])
def test_an_example_is_one_line_that_can_be_copied(sh, command):
    lines = sh.good(*command, "--help").splitlines()
    example = lines[lines.index("For example:") + 1]
    assert example.startswith("    ") and " ".join(["sipbridge", *command]) in example and example[-1] != "\\"
    assert example.split()[-1][0].isdigit() or example.split()[-1].startswith(("ST_", "http"))


def test_options_before_the_command_are_told_where_they_go(sh):
    for option in ("--verson", "-v"):
        assert "did you mean --version?" in sh.bad(2, option)
    assert "--env-file stands before the command: options come after it" in sh.bad(2, "--env-file", "F", "rules", "list")


def test_a_number_without_plus_is_told_how_it_is_taken(sh):
    assert "note      15550100 is taken for +15550100\n" in sh.good("setup", "15550100", "--agent", "support")


def test_a_conflict_is_told_where_it_is_seen(sh):
    sh.good("trunks", "create", "--number", "+1")
    assert "`sipbridge trunks list`" in sh.bad(1, "trunks", "create", "--number", "+1")
    sh.good("dispatch", "create")
    assert "`sipbridge dispatch list`" in sh.bad(1, "dispatch", "create")


def test_a_callee_rule_wants_a_setting(sh):
    done = sh("dispatch", "create", "--callee")
    assert done.returncode == 0 and "set SIP_ROOM_NUMBER=called" in done.stderr
    assert sh("dispatch", "create", "--callee", "--number", "+1", SIP_ROOM_NUMBER="called").stderr == ""


def test_an_id_is_never_cut(sh, lk):
    made = sh.json("dispatch", "create", "--name", "a name that is rather long for a rule", "--number", "+1234567,+1234568")
    trunk = sh.json("trunks", "create", "--name", "another name that is far too long for a row", "--number", "+1,+2,+3")
    for arguments in (("dispatch", "list"), ("trunks", "list")):
        with Terminal(*arguments, env={**sh.env, "SIP_ROOM_PREFIX": "sip-inbound-with-more"}, columns=80) as it:
            assert it.end() == 0
        assert (made["id"] if arguments[0] == "dispatch" else trunk["id"]) in it.shown and "…" in it.shown, it.shown


def test_trunks_from_create_to_delete(sh, lk):
    assert "no inbound trunk" in sh.good("trunks", "list")
    assert sh.json("trunks", "list") == []
    made = sh.json("trunks", "create", "--name", "carrier", "--number", "+1234567,+1234568", "--allowed-address",
                   "203.0.113.0/24", "--allowed-address", "198.51.100.7", "--allowed-number", "+33123")
    assert made == {"id": made["id"], "name": "carrier", "metadata": "", "numbers": ["+1234567", "+1234568"],
                    "allowed_addresses": ["203.0.113.0/24", "198.51.100.7"], "allowed_numbers": ["+33123"],
                    "auth_username": "", "has_password": False}
    assert sh.json("trunks", "list") == [made]
    rows = sh.good("trunks", "list").splitlines()
    assert rows[0].split() == ["TRUNK", "NAME", "NUMBERS", "ALLOWED", "ADDRESSES", "ALLOWED", "NUMBERS", "AUTH"]
    assert made["id"] in rows[1] and "+1234567, +1234568" in rows[1] and rows[1].endswith("none")

    # The seed's update_trunk.py --trunk-id ID --number +1: the numbers are replaced.
    changed = sh.json("trunks", "update", "--trunk-id", made["id"], "--number", "+1999")
    assert changed == {**made, "numbers": ["+1999"]}
    changed = sh.json("trunks", "update", made["id"], "--add-number", "+2", "--remove-number", "+1999", "--name", "other",
                      "--clear", "allowed-numbers", "--remove-allowed-address", "198.51.100.7")
    assert changed == {**made, "numbers": ["+2"], "name": "other", "allowed_numbers": [],
                       "allowed_addresses": ["203.0.113.0/24"]}
    assert "changed; it is now" in sh.good("trunks", "update", made["id"], "--metadata", "x")

    assert sh.good("trunks", "delete", made["id"], "--yes") == f"trunk {made['id']} (other; numbers +2) deleted\n"
    assert lk.trunks == {}
    assert lk.refused == []


def test_passwords_go_in_and_never_come_out(sh, lk, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("opensesame-1\nsecond line\n")
    from_file = sh("trunks", "create", "--number", "+1", "--auth-user", "bob", "--password-file", str(secret), "--json")
    from_stdin = sh("trunks", "create", "--number", "+2", "--auth-user", "eve", "--password-file", "-",
                    typed="opensesame-2\n")
    assert {(t["auth_username"], t["auth_password"]) for t in lk.trunks.values()} == \
        {("bob", "opensesame-1"), ("eve", "opensesame-2")}
    assert json.loads(from_file.stdout)["has_password"] is True
    listed = sh("trunks", "list"), sh("trunks", "list", "--json")
    for done in (from_file, from_stdin, *listed):
        assert done.returncode == 0 and "opensesame" not in done.stdout + done.stderr
        assert "bob" in done.stdout or "eve" in done.stdout
    sh.good("trunks", "update", json.loads(from_file.stdout)["id"], "--clear", "auth")
    assert [t["auth_password"] for t in lk.trunks.values() if t["numbers"] == ["+1"]] == [""]


@pytest.mark.parametrize("typed, says", [("", "the first line is empty"), ("\nx", "the first line is empty"),
                                         ("x" * 1025, "longer than 1024")])
def test_a_password_that_cannot_be_one(sh, lk, typed, says):
    assert says in sh.bad(1, "trunks", "create", "--number", "+1", "--auth-user", "b", "--password-file", "-", typed=typed)
    assert lk.trunks == {}


@pytest.mark.parametrize("arguments, says", [
    (["create"], "give --number"),
    (["create", "--number", "+33*"], "+33*: a trunk's numbers are exact"),
    (["create", "--number", "+1,"], "none of them empty"),
    (["create", "--number", "+1", "--allowed-address", "203.0.113.*"], "203.0.113.*: LiveKit ignores it"),
    (["update", "ST_x", "--allowed-address", "203.0.113.7;203.0.113.8"], "LiveKit ignores it"),
    (["update", "ST_x", "--add-allowed-address", "203.0.113.7:5060"], "203.0.113.7:5060: no caller has it"),
    (["create", "--number", "+1", "--auth-user", "b"], "belong together"),
    (["update", "--number", "+1"], "which trunk?"),
    (["update", "ST_x"], "nothing to change"),
    (["update", "ST_x", "--number", "+1", "--add-number", "+2"], "give one or the others"),
    (["update", "ST_x", "--clear", "number"], "--clear: give numbers, allowed-addresses"),
    (["update", "ST_x", "--clear", "numbers", "--number", "+1"], "--clear numbers and a change of the same"),
    (["update", "ST_x", "--nmber", "+1"], "did you mean --number?"),
    (["delete"], "too few arguments"),
])
def test_trunks_typed_wrong(sh, lk, arguments, says):
    assert says in sh.bad(2, "trunks", *arguments)
    assert lk.requests == []


def test_wrong_ids_change_nothing(sh, lk):
    trunk, rule = lk.add_trunk("+1"), lk.add_rule()
    lk.requests.clear()
    assert "LiveKit has no inbound trunk ST_no" in sh.bad(1, "trunks", "update", "ST_no", "--number", "+2")
    assert "LiveKit has no inbound trunk ST_no" in sh.bad(1, "trunks", "delete", trunk, "ST_no", "--yes")
    assert "LiveKit has no dispatch rule SDR_no" in sh.bad(1, "dispatch", "delete", rule, "SDR_no", "--yes")
    assert "LiveKit has no inbound trunk ST_no" in sh.bad(1, "dispatch", "create", "--trunk-id", f"{trunk},ST_no")
    assert lk.changes() == []
    assert "Conflicting inbound SIP Trunks" in sh.bad(1, "trunks", "create", "--number", "1")


# --- dispatch rules ---

def test_dispatch_from_create_to_delete(sh, lk):
    assert "no dispatch rule" in sh.good("dispatch", "list")
    trunk = lk.add_trunk("+1")
    own = sh.json("dispatch", "create", "--name", "ours", "--trunk-id", trunk, "--hide-phone-number", "--room-metadata",
                  '{"agent_name":"support"}')
    assert lk.rules[own["id"]]["rule"] == {"dispatch_rule_individual": {"room_prefix": "sip-inbound"}}
    assert lk.rules[own["id"]]["room_config"] == {"metadata": '{"agent_name":"support"}'}
    assert (own["kind"], own["room"], own["ours"], own["random"], own["trunk_ids"], own["hide_phone_number"]) == \
        ("individual", "sip-inbound", True, True, [trunk], True)
    callee = sh.json("dispatch", "create", "--callee", "--no-random", "--prefix", "sip-inbound-", "--number", "+1")
    assert lk.rules[callee["id"]]["rule"] == {"dispatch_rule_callee": {"room_prefix": "sip-inbound-"}}
    foreign = sh("dispatch", "create", "--direct", "lobby", "--caller", "+9")
    assert foreign.returncode == 0
    assert 'rooms that begin with "lobby" are none of sipbridge\'s' in foreign.stderr
    listed = {rule["kind"]: rule for rule in sh.json("dispatch", "list")}
    assert [listed[kind]["ours"] for kind in ("individual", "callee", "direct")] == [True, True, False]
    assert listed["direct"]["callers"] == ["+9"] and listed["callee"]["numbers"] == ["+1"]
    table = sh.good("dispatch", "list")
    assert "hides numbers, room metadata" in table and "lobby" in table
    assert sh.json("dispatch", "delete", own["id"], callee["id"], "--yes") == {"deleted": [own["id"], callee["id"]]}
    assert list(lk.rules) == [listed["direct"]["id"]]
    assert "already exists" in sh.bad(1, "dispatch", "create", "--caller", "+9")


@pytest.mark.parametrize("arguments, says", [
    (["--direct", "x", "--callee"], "--direct names one room"),
    (["--prefix", ""], "--prefix is empty"),
])
def test_dispatch_typed_wrong(sh, lk, arguments, says):
    assert says in sh.bad(2, "dispatch", "create", *arguments)
    assert lk.requests == []


def test_room_metadata_in_which_no_agent_is_found(sh, lk):
    done = sh("dispatch", "create", "--room-metadata", "{agent_name:support}")
    assert done.returncode == 0 and len(lk.rules) == 1
    assert 'the room metadata is no JSON object' in done.stderr and '{"agent_name":"NAME"}' in done.stderr


def test_another_prefix_is_ours_when_the_settings_say_so(sh, lk):
    made = sh.json("dispatch", "create", SIP_ROOM_PREFIX="phone")
    assert (made["room"], made["ours"]) == ("phone", True)


def test_a_trunk_for_every_address_is_open(sh, lk):
    for address in ("0.0.0.0/0", "::/0"):
        made = sh("trunks", "create", "--number", "+1", "--allowed-address", address)
        assert made.returncode == 0 and "whoever reaches LiveKit's SIP port may call" in made.stderr
        lk.trunks.clear()


def test_a_change_without_an_answer_may_be_done(sh, lk):
    """A proxy that lost LiveKit on the way back."""
    trunk = lk.add_trunk("+1")
    for method, command in (("CreateSIPInboundTrunk", ["trunks", "create", "--number", "+2"]),
                            ("UpdateSIPInboundTrunk", ["trunks", "update", trunk, "--name", "x"]),
                            ("DeleteSIPTrunk", ["trunks", "delete", trunk, "--yes"]),
                            ("CreateSIPDispatchRule", ["dispatch", "create"])):
        lk.answers[f"SIP/{method}"] = (502, "bad gateway")
        assert "may have done it all the same" in sh.bad(1, *command)
    lk.answers["SIP/CreateSIPInboundTrunk"] = (400, '{"code":"invalid_argument","msg":"no"}')
    assert "all the same" not in sh.bad(1, "trunks", "create", "--number", "+2")


# --- rooms ---

def test_rooms_are_listed_with_what_is_ours(sh, lk):
    assert sh.good("list-rooms") == "0 rooms, 0 of them ours\n"
    lk.add_room("sip-inbound_1", participants=2, age_s=3725)
    lk.add_room("meeting")
    listed = {room["name"]: room for room in sh.json("list-rooms")}
    assert listed["sip-inbound_1"]["ours"] and not listed["meeting"]["ours"]
    assert listed["sip-inbound_1"]["participants"] == 2 and 3725 <= listed["sip-inbound_1"]["age_s"] < 3800
    table = sh.good("list-rooms").splitlines()
    assert table[0] == "2 rooms, 1 of them ours"
    assert next(row for row in table if row.startswith("sip-inbound_1")).split()[1:5] == ["yes", "2", "1h", "2m"]
    assert "private-turn-password" not in "".join(table)


def test_hostile_text_is_escaped(sh, lk):
    lk.add_room(HOSTILE)
    lk.add_trunk("+1\x1b]0;x\x07", name=HOSTILE)
    lk.add_rule(prefix=HOSTILE, name=HOSTILE)
    for command in (["list-rooms"], ["trunks", "list"], ["dispatch", "list"]):
        for more in ([], ["--json"]):
            shown = sh.good(*command, *more)
            assert "evil" in shown and "\x1b" not in shown and "\x07" not in shown and "‮" not in shown
    assert sh.json("list-rooms")[0]["name"] == HOSTILE
    lk.stubborn.add(HOSTILE)
    said = sh("clear-rooms", "--yes")
    assert said.returncode == 1 and "is still there" in said.stderr and "\x1b" not in said.stderr


def test_clear_rooms_deletes_all(sh, lk):
    for name in ("sip-inbound_1", "meeting"):
        lk.add_room(name)
    assert "cannot be asked, standard input is no terminal; --yes answers it" in sh.bad(2, "clear-rooms")
    assert set(lk.rooms) == {"sip-inbound_1", "meeting"} and lk.changes() == []
    done = sh.json("clear-rooms", "--yes")
    assert (done["deleted"], done["left"]) == (2, 0) and all(room["deleted"] for room in done["rooms"])
    assert lk.rooms == {}
    assert lk.methods()[-1] == "RoomService/ListRooms", "it makes sure"
    assert sh.good("clear-rooms") == "rooms: there was none to delete\n", "nothing to ask about"


def test_a_room_that_stays_is_a_failure(sh, lk):
    lk.add_room("sip-inbound_1")
    lk.stubborn.add("sip-inbound_1")
    done = sh("clear-rooms", "--yes", "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["left"] == 1
    assert "room sip-inbound_1 (RM_" in done.stderr


# --- clear-sip-bridge ---

def test_clear_sip_bridge_without_a_bridge(sh, lk):
    for name in ("sip-inbound_1", "sip-inbound_2", "meeting"):
        lk.add_room(name)
    assert "--yes answers it" in sh.bad(2, "clear-sip-bridge")
    assert len(lk.rooms) == 3
    done = sh("clear-sip-bridge", "--yes")
    assert done.returncode == 0
    assert "rooms: 2 of 2 deleted" in done.stdout
    assert "warning: no running bridge could be told to end its agents" in done.stderr
    assert set(lk.rooms) == {"meeting"}


def test_clear_sip_bridge_of_every_room_is_refused(sh, lk):
    lk.add_room("meeting")
    assert "`sipbridge clear-rooms` deletes them all" in sh.bad(2, "clear-sip-bridge", "--yes", SIP_ROOM_PREFIX="")
    assert lk.requests == []


def operator(sh, daemon, **more):
    """SH with the settings of a running daemon."""
    wanted = ("SIP_ADMIN_LISTEN", "SIP_STATE_DIR", "SIP_ROOM_PREFIX")
    sh.env.update({name: daemon.settings[name] for name in wanted if daemon.settings.get(name) is not None}, **more)
    return sh


def with_calls(daemon, lk, count):
    calls = [Call(caller=f"+1555000{n:04}") for n in range(count)]
    for call in calls:
        lk.add_call(call)
        daemon.post(*call.ringing())
    return calls, [daemon.wait_agent(call)["pid"] for call in calls]


def test_clear_sip_bridge_ends_the_calls_of_the_running_bridge(start, sh, lk):
    daemon = start(LIVEKIT_URL=lk.url, LIVEKIT_API_URL=None)
    calls, pids = with_calls(daemon, lk, 2)
    lk.add_room("sip-inbound_stale")
    lk.add_room("meeting")
    done = operator(sh, daemon).json("clear-sip-bridge", "--yes")
    assert done["bridge"] == {"told": True, "calls_stopping": 2, "agents": 2, "agents_left": 0}
    assert done["left"] == 0 and set(lk.rooms) == {"meeting"}
    assert not any(is_alive(pid) for pid in pids), "it waited for the agents"
    wait_for(lambda: not daemon.calls(), "no call is left")
    for call in calls:
        ended = daemon.wait_logged("call ended")
        assert ended
    assert sh.good("clear-sip-bridge", "--yes").startswith("calls: 0 being stopped by the running bridge\n")


def test_clear_sip_bridge_tells_of_agents_that_take_their_time(start, sh, lk):
    daemon = start(LIVEKIT_URL=lk.url, LIVEKIT_API_URL=None,
                   agents=lambda d: {name: d.entry(after_call="10m") for name in ("support", "sales")})
    _, (pid,) = with_calls(daemon, lk, 1)
    said = operator(sh, daemon).bad(1, "clear-sip-bridge", "--yes", "--wait", "300ms")
    assert "agent processes that still run: 1" in said
    assert lk.rooms == {}
    os.kill(pid, signal.SIGKILL)  # the daemon would give it its ten minutes


def test_a_bridge_with_other_keys_is_a_failure_but_rooms_go(start, sh, lk):
    daemon = start(LIVEKIT_API_SECRET="another-secret-of-32-characters!", LIVEKIT_API_URL="off")
    lk.add_room("sip-inbound_1")
    said = operator(sh, daemon).bad(1, "clear-sip-bridge", "--yes")
    assert "answered 401: the keys in your settings are not its own" in said
    assert lk.rooms == {}


# --- POST /api/livekit/cleanup-sip-rooms ---

CLEANUP = "/api/livekit/cleanup-sip-rooms"


def test_the_route_stops_calls_and_deletes_rooms_and_does_not_wait(start, lk):
    daemon = start(LIVEKIT_URL=lk.url, LIVEKIT_API_URL=None)
    _, pids = with_calls(daemon, lk, 2)
    lk.add_room("sip-inbound_stale")
    lk.add_room("meeting")
    answered = []
    lk.on_delete_room = lambda name: wait_for(lambda: answered, "the answer went out before any room was deleted")
    status, body = daemon.admin("POST", CLEANUP, livekit.operator_token())
    answered.append(status)
    assert (status, json.loads(body)) == (202, {"calls_stopping": 2, "rooms": "deleting", "prefix": "sip-inbound",
                                                "message": "calls are being stopped and rooms deleted"})
    wait_for(lambda: set(lk.rooms) == {"meeting"}, "only the room that is not ours is left")
    for pid in pids:
        daemon.wait_gone(pid)
    daemon.wait_logged(r"clean-up: 1 of 1 rooms without a call deleted")
    assert lk.refused == []


def test_a_token_ends_all_calls_once(start, lk):
    """Whoever overheard it ends none of those that come later; for what is the same when done again it is good."""
    daemon = start(LIVEKIT_URL=lk.url, LIVEKIT_API_URL=None)
    token = livekit.operator_token()
    with_calls(daemon, lk, 1)
    assert daemon.admin("GET", CLEANUP, token)[0] == 405, "not used by that"
    assert daemon.admin("POST", CLEANUP, token)[0] == 202
    wait_for(lambda: not lk.rooms, "the room is deleted")
    (later,), (agent,) = with_calls(daemon, lk, 1)
    status, body = daemon.admin("POST", CLEANUP, token)
    assert status == 401 and b"used for it before" in body
    holds_for(lambda: is_alive(agent) and later.room in lk.rooms, 0.3, "the call that came later goes on")
    assert daemon.admin("POST", "/api/reload", token)[0] == 200 and daemon.admin("POST", "/api/reload", token)[0] == 200
    assert daemon.admin("POST", CLEANUP, livekit.operator_token())[0] == 202
    daemon.wait_gone(agent)


def test_a_token_that_is_bound_to_a_request_opens_no_other(start):
    daemon = start()
    one, other = Call(), Call()
    daemon.post(*one.ringing(), *other.ringing())
    agents = daemon.wait_agent(one)["pid"], daemon.wait_agent(other)["pid"]
    token = livekit.operator_token(request=f"POST /api/calls/{one.sid}/stop")
    for path in (f"/api/calls/{other.sid}/stop", "/api/reload", CLEANUP):
        assert daemon.admin("POST", path, token)[0] == 401, path
    assert daemon.admin("GET", "/health/sip-bridge-status", token)[0] == 401
    assert daemon.admin("POST", f"/api/calls/{one.sid}/stop", token)[0] == 200
    daemon.wait_gone(agents[0])
    holds_for(lambda: is_alive(agents[1]), 0.2, "the other call goes on")


def test_the_route_answers_while_livekit_is_mute(start, lk):
    daemon = start(LIVEKIT_URL=lk.url, LIVEKIT_API_URL=None)
    lk.add_room("sip-inbound_1")
    with lk.lock:  # LiveKit does not answer
        first = daemon.admin("POST", CLEANUP, livekit.operator_token())
        second = daemon.admin("POST", CLEANUP, livekit.operator_token())
    assert (first[0], second[0]) == (202, 202)
    assert "already" in json.loads(second[1])["message"]
    daemon.wait_logged("clean-up: 1 of 1 rooms without a call deleted")


def test_the_route_tells_of_a_livekit_that_is_away(start, lk):
    daemon = start(LIVEKIT_URL="ws://127.0.0.1:1", LIVEKIT_API_URL=None)
    assert daemon.admin("POST", CLEANUP, livekit.operator_token())[0] == 202
    daemon.wait_logged("clean-up: LiveKit could not be asked which rooms are left")


@pytest.mark.parametrize("settings, status, says", [
    ({"SIP_ROOM_PREFIX": ""}, 409, "SIP_ROOM_PREFIX is empty"),
    ({"LIVEKIT_API_URL": "off"}, 202, "rooms stay"),
    ({"ENABLE_SIP_BRIDGE": "false"}, 202, "rooms stay"),
])
def test_the_route_where_rooms_are_not_to_be_deleted(start, lk, settings, status, says):
    daemon = start(**{"LIVEKIT_URL": lk.url, "LIVEKIT_API_URL": None, **settings})
    lk.add_room("sip-inbound_1")
    answer = daemon.admin("POST", CLEANUP, livekit.operator_token())
    assert answer[0] == status and says in json.loads(answer[1])["message"] and json.loads(answer[1])["rooms"] == "left"
    assert set(lk.rooms) == {"sip-inbound_1"} and lk.changes() == []


@pytest.mark.parametrize("token", [None, "reader", "webhook", "wrong"])
def test_the_route_is_for_operators_only(start, lk, token):
    daemon = start(LIVEKIT_URL=lk.url, LIVEKIT_API_URL=None)
    lk.add_room("sip-inbound_1")
    tokens = {None: None, "reader": livekit.operator_token("reader"), "webhook": livekit.webhook_token(b""),
              "wrong": livekit.operator_token(secret="x" * 32)}
    assert daemon.admin("POST", CLEANUP, tokens[token])[0] == 401
    assert daemon.admin("GET", CLEANUP, livekit.operator_token())[0] == 405
    assert daemon.request("POST", CLEANUP)[0] == 404, "strangers do not even learn that it is there"
    assert lk.changes() == [] and set(lk.rooms) == {"sip-inbound_1"}


# --- calls stop ---

def test_calls_stop(start, sh, lk):
    daemon = start(LIVEKIT_URL=lk.url, LIVEKIT_API_URL=None)
    (call, other), (pid, other_pid) = with_calls(daemon, lk, 2)
    sh = operator(sh, daemon)
    assert "--yes answers it" in sh.bad(2, "calls", "stop", call.sid)
    assert is_alive(pid)
    assert f"call {call.sid} is being ended" in sh.good("calls", "stop", call.sid, "--yes")
    daemon.wait_gone(pid)
    wait_for(lambda: set(lk.rooms) == {other.room}, "its room is deleted, the other is not")
    assert "has no call RM_unknown in progress" in sh.bad(1, "calls", "stop", "RM_unknown", "--yes")
    assert "is no call sid" in sh.bad(2, "calls", "stop", "../x", "--yes")
    assert sh.json("calls", "stop", other.sid, "--yes", "--url", f"unix:{daemon.admin_socket}") == \
        {"call": other.sid, "stopping": True}
    daemon.wait_gone(other_pid)
    said = sh.bad(1, "calls", "stop", other.sid, "--yes", LIVEKIT_API_SECRET="x" * 32)
    assert "answered 401" in said


def test_calls_stop_without_a_bridge(sh):
    assert "LIVEKIT_API_KEY" in sh.bad(2, "calls", "stop", "RM_x", "--yes", LIVEKIT_API_KEY=None)
    assert "nobody answers there" in sh.bad(1, "calls", "stop", "RM_x", "--yes")


def test_commands_without_settings_are_told_where_they_may_stand(sh):
    """Only where the address was nobody's choice."""
    hint = "SIP_ADMIN_LISTEN is not set here: --env-file FILE gives the bridge's settings"
    with socket.socket() as nobody:
        nobody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # bound and not listening, by several runs at once
        try:
            nobody.bind(("127.0.0.1", 8791))
        except OSError:
            pytest.skip("a bridge of this machine has the default address")
        assert hint in sh.bad(1, "status", SIP_ADMIN_LISTEN=None)
        assert hint in sh.bad(1, "reload", SIP_ADMIN_LISTEN=None)
        assert hint not in sh.bad(1, "status", "--url", "http://127.0.0.1:8791", SIP_ADMIN_LISTEN=None)
    assert hint not in sh.bad(1, "status")


# --- at a terminal ---

@pytest.mark.parametrize("answer, code, is_left", [("y\n", 0, False), ("YES\n", 0, False), ("n\n", 1, True),
                                                   ("\n", 1, True), ("yesterday\n", 1, True), ("\x04", 1, True)])
def test_a_person_is_asked(sh, lk, answer, code, is_left):
    trunk = lk.add_trunk("+1", name="carrier")
    with Terminal("trunks", "delete", trunk, env=sh.env) as it:
        it.expect(f"Delete trunk {trunk} (carrier; numbers +1)?")
        it.expect("[y/N] ")
        assert trunk in lk.trunks
        it.type(answer)
        assert it.end() == code
        assert ("nothing was done" in it.shown) == is_left
    assert (trunk in lk.trunks) == is_left


def test_a_person_sees_how_far_it_is(sh, lk):
    for n in range(3):
        lk.add_room(f"sip-inbound_{n}")
    with Terminal("clear-rooms", env={**sh.env, "TERM": "xterm"}, columns=60) as it:
        it.expect("Delete 3 rooms of LiveKit, SIP or not, and disconnect everybody in them? [y/N] ")
        it.type("y\n")
        it.expect("\r3 of 3 rooms deleted [##############################] 100 %")
        it.expect("\r\x1b[K")
        it.expect("rooms: 3 of 3 deleted")
        assert it.end() == 0


def test_what_is_typed_as_a_password_is_not_shown(sh, lk):
    with Terminal("trunks", "create", "--number", "+1", "--auth-user", "bob", "--password-file", "-", env=sh.env) as it:
        it.expect("The trunk's password: ")
        it.wait_echo(False)
        it.type("opensesame\n")
        assert it.end() == 0
        assert it.has_echo() and "opensesame" not in it.shown
    assert [trunk["auth_password"] for trunk in lk.trunks.values()] == ["opensesame"]


def test_ctrl_c_at_the_password_gives_the_echo_back(sh, lk):
    with Terminal("trunks", "create", "--number", "+1", "--auth-user", "bob", "--password-file", "-", env=sh.env) as it:
        it.expect("The trunk's password: ")
        it.wait_echo(False)
        it.type("half\x03")
        assert it.end() == -signal.SIGINT
        assert it.has_echo()
    assert lk.trunks == {}


# --- setup ---

def test_setup_makes_all_three_and_then_nothing(sh, lk):
    said = sh.good("setup", "+1 (234) 567", "--agent", "support", "--allowed-address", "203.0.113.7").splitlines()
    (trunk,), (rule,) = lk.trunks.values(), lk.rules.values()
    assert [line.split()[0] for line in said[:-1]] == ["trunk", "dispatch", "rule"]
    assert all("created" in line for line in said[:2]) and "written" in said[2]
    assert (trunk["numbers"], trunk["allowed_addresses"]) == (["+1234567"], ["203.0.113.7"])
    assert rule["rule"] == {"dispatch_rule_individual": {"room_prefix": "sip-inbound"}}
    assert rule["trunk_ids"] == [trunk["sip_trunk_id"]]
    assert json.loads(sh.rules.read_text()) == [{"pattern": "+1234567", "agent_name": "support"}]
    before, text = lk.changes(), sh.rules.read_text()
    again = sh.good("setup", "1234567", "--agent", "support").splitlines()
    assert again[-1] == "Nothing had to be changed."
    assert lk.changes() == before and sh.rules.read_text() == text
    report = sh.json("setup", "+1234567", "--agent", "support")
    assert (report["changed"], report["complete"], report["notes"]) == (False, True, [])
    assert report["trunk"]["id"] == trunk["sip_trunk_id"] and report["dispatch"]["id"] == rule["sip_dispatch_rule_id"]
    assert "the agent support: a rule matched" in sh.good("rules", "explain", "+1234567")

    # A second number has a trunk and a rule of its own; the first stays.
    assert sh.json("setup", "+33123", "--agent", "sales", "--allowed-address", "203.0.113.7")["changed"]
    assert len(lk.trunks) == len(lk.rules) == len(json.loads(sh.rules.read_text())) == 2


def test_setup_takes_what_is_there(sh, lk):
    trunk = lk.add_trunk("1 234", "+99", allowed_addresses=["203.0.113.7"])
    rule = lk.add_rule(prefix="sip-inbound-")
    sh.rules.write_text('[{"pattern": "+1*", "agent_name": "support"}]')
    lk.requests.clear()
    report = sh.json("setup", "+1234", "--agent", "support")
    assert not report["changed"] and (report["trunk"]["id"], report["dispatch"]["id"]) == (trunk, rule)
    assert lk.changes() == []
    # More exact than what is there: a rule of its own.
    assert sh.json("setup", "+1234", "--agent", "sales")["rule"]["created"]
    assert json.loads(sh.rules.read_text())[1] == {"pattern": "+1234", "agent_name": "sales"}


def test_setup_follows_the_settings(sh, lk):
    report = sh.json("setup", "+1", "--agent", "support", SIP_ROOM_PREFIX="phone", SIP_ROOM_NUMBER="called")
    assert lk.rules[report["dispatch"]["id"]]["rule"] == {"dispatch_rule_callee": {"room_prefix": "phone",
                                                                                   "randomize": True}}


def test_setup_writes_to_redis(sh, lk, redis):
    redis("SET", "sip_dispatch_rules", '[{"pattern":"*","agent_name":"sales"}]')
    settings = {"SIP_RULES_FILE": None, "REDIS_URL": redis.url}
    assert sh.json("setup", "+1", "--agent", "support", **settings)["changed"]
    assert json.loads(redis("GET", "sip_dispatch_rules"))[1] == {"pattern": "+1", "agent_name": "support"}
    assert not sh.json("setup", "+1", "--agent", "support", **settings)["changed"]


NOTES = {
    "open to the world": ({}, {}, {}, "whoever reaches LiveKit's SIP port may call"),
    "every address": ({"allowed_addresses": ["203.0.113.7", "0.0.0.0/0"]}, {}, {}, "whoever reaches LiveKit's SIP port may call"),
    "hidden numbers": ({"numbers": []}, {"hide_phone_number": True}, {}, "cannot tell which was called"),
    "a PIN": ({}, {"rule": {"dispatch_rule_individual": {"room_prefix": "sip-inbound", "pin": "1"}}}, {}, "asks every caller "
              "for a PIN"),
    "LiveKit's agents": ({}, {"room_config": {"agents": [{"agent_name": "other"}]}}, {}, "agents of LiveKit's own into the "
                         "room, too (other"),
    "another kind": ({}, {}, {"SIP_ROOM_NUMBER": "called"}, "names rooms after the caller's number"),
    "no such agent": ({}, {}, {"SIP_AGENTS_FILE": None, "SIP_AGENT_COMMAND": None}, "no agents are known yet"),
}


@pytest.mark.parametrize("what", NOTES)
def test_setup_notes_what_will_not_do(sh, lk, what):
    trunk, rule, settings, says = NOTES[what]
    lk.add_trunk(**{"numbers": ["+1"], "allowed_addresses": [] if what == "open to the world" else ["203.0.113.7"], **trunk}) \
        if trunk else lk.add_trunk("+1", allowed_addresses=[] if what == "open to the world" else ["203.0.113.7"])
    lk.add_rule(**rule) if "rule" not in rule else lk.create_rule({"dispatch_rule": rule})
    notes = sh.json("setup", "+1", "--agent", "support", **settings)["notes"]
    assert len(notes) == 1 and says in notes[0]
    assert f"note      {notes[0]}\n" in sh.good("setup", "+1", "--agent", "support", **settings)


def test_setup_overrides_no_rule_of_others(sh, lk):
    rule = lk.add_rule(prefix="conference")
    lk.requests.clear()
    refused = sh("setup", "+1", "--agent", "support", "--json")
    report = json.loads(refused.stdout)
    assert (refused.returncode, report["changed"], report["complete"]) == (1, False, False)
    assert report["error"].startswith("nothing was changed: dispatch rule ")
    said = sh.bad(1, "setup", "+1", "--agent", "support")
    assert f"nothing was changed: dispatch rule {rule} (room conference_…) takes the calls to +1" in said
    assert lk.changes() == [] and not sh.rules.exists()
    # What it says helps: the number for sipbridge alone.
    trunk = sh.json("trunks", "create", "--number", "+1")["id"]
    sh.good("dispatch", "create", "--trunk-id", trunk, "--number", "+1")
    assert sh.json("setup", "+1", "--agent", "support")["complete"]
    assert rule in lk.rules


@pytest.mark.parametrize("rules, says", [
    ('[{"pattern": "1", "agent_name": "sales"}]', "rule [0] (+1, priority 100) comes first and gives the number to sales"),
    ('[{"pattern": "*", "priority": 1, "reject": true}]', "comes first and rejects the call"),
    ('[{"pattern": 1}]', "[0].pattern"),
    ("[", "not valid JSON"),
])
def test_setup_overrides_no_rule_of_ours(sh, lk, rules, says):
    sh.rules.write_text(rules)
    assert says in sh.bad(1, "setup", "+1", "--agent", "support")
    assert lk.changes() == [] and sh.rules.read_text() == rules


def test_setup_builds_on_no_trunk_without_an_id(sh, lk):
    lk.answers["SIP/CreateSIPInboundTrunk"] = (200, "{}")
    assert "tells no id" in sh.bad(1, "setup", "+1", "--agent", "support")
    assert not lk.rules and not sh.rules.exists()


def test_setup_says_what_stays_when_it_fails_half_way(sh, lk):
    lk.answers["SIP/CreateSIPDispatchRule"] = (400, '{"code":"invalid_argument","msg":"not today"}')
    done = sh("setup", "+1", "--agent", "support", "--allowed-address", "203.0.113.7")
    assert done.returncode == 1
    assert "the trunk stays; run this again when it is mended" in done.stderr and "not today" in done.stderr
    assert done.stdout.startswith("trunk ") and not sh.rules.exists()
    del lk.answers["SIP/CreateSIPDispatchRule"]
    report = sh.json("setup", "+1", "--agent", "support")
    assert (report["trunk"]["created"], report["dispatch"]["created"], report["rule"]["created"]) == (False, True, True)


@pytest.mark.parametrize("arguments, says", [
    (["+1*", "--agent", "support"], "+1* is no phone number"),
    (["reception", "--agent", "support"], "reception is no phone number"),
    (["+", "--agent", "support"], "+ is no phone number"),
    (["", "--agent", "support"], "is no phone number"),
    (["+1"], "which agent shall answer?"),
    (["+1", "support"], "sipbridge setup +NUMBER --agent NAME"),
    (["+1", "--agent", "support", "--allowed-address", "300.1.1.1"], "the allowed address 300.1.1.1: no caller has it"),
    (["+1", "--agent", "support", "--auth-user", "x"], "belong together"),
    ([], "too few arguments"),
])
def test_setup_typed_wrong(sh, lk, arguments, says):
    assert says in sh.bad(2, "setup", *arguments)
    assert lk.requests == []


def test_setup_needs_a_place_for_the_rule(sh, lk):
    assert "there is no place for rules" in sh.bad(2, "setup", "+1", "--agent", "support", SIP_RULES_FILE=None)
    assert lk.changes() == []


# --- LiveKit that does not do as it should ---

ALL = [["trunks", "list"], ["trunks", "create", "--number", "+1"], ["dispatch", "list"], ["dispatch", "create"],
       ["list-rooms"], ["clear-rooms", "--yes"], ["clear-sip-bridge", "--yes"], ["setup", "+1", "--agent", "support"],
       ["trunks", "delete", "ST_x", "--yes"], ["dispatch", "delete", "SDR_x", "--yes"],
       ["trunks", "update", "ST_x", "--name", "x"]]


@pytest.mark.parametrize("command", [["list-rooms"], ["trunks", "create", "--number", "+1"], ["clear-sip-bridge", "--yes"]],
                         ids=" ".join)
def test_livekit_away(sh, command):
    """Reads are tried again for some seconds, so not every command is."""
    away = sh.bad(1, *command, LIVEKIT_URL="ws://127.0.0.1:1")
    assert "LiveKit: " in away and "127.0.0.1" in away


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_every_command_with_a_wrong_key_or_no_api(sh, lk, command):
    refused = sh.bad(1, *command, LIVEKIT_API_SECRET="x" * 32)
    assert "does not accept a token of the API key devkey" in refused
    assert "LIVEKIT_API_URL: is off" in sh.bad(2, *command, LIVEKIT_API_URL="off")
    assert "LIVEKIT_API_KEY" in sh.bad(2, *command, LIVEKIT_API_KEY=None)
    assert lk.requests == []


@pytest.mark.parametrize("answer, says", [
    (JSON_FOR_PROTOBUF, ["redis-cli HDEL sip_inbound_trunk FIELD", "create_sip_trunk.py", "503"]),
    (NO_REDIS, ["`redis:` block"]),
])
def test_trouble_of_livekits_redis_is_explained(sh, lk, answer, says):
    lk.answers["SIP/ListSIPInboundTrunk"] = (500, answer)
    said = sh.bad(1, "trunks", "list")
    assert "the trunks cannot be listed" in said and all(word in said for word in says)


def test_an_answer_that_is_not_livekits(sh, lk):
    lk.answers["RoomService/ListRooms"] = (200, "<html>")
    assert "cannot be read" in sh.bad(1, "list-rooms")
    assert "cannot be read" in sh.bad(1, "clear-rooms", "--yes")
