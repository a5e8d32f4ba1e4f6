"""SIGHUP and POST /api/reload: what was written otherwise is taken over, for what begins from then on."""
import contextlib
import json
import os
import re
import signal
import subprocess

import livekit
import pytest
from daemon import binary, holds_for, is_alive, wait_for
from livekit import Call


class Written:
    """A daemon whose settings stand in a file; `write` changes some of them."""

    def __init__(self, start, rules=None, **settings):
        self.start, self.values = start, {}
        self.asked = {"rules": [{"pattern": "*", "agent_name": "support"}] if rules is None else rules,
                      "SIP_NUMBER_WAIT": None, "SIP_READY_TIMEOUT": None, **settings}  # what is in the environment is not read again

    def begin(self, tmp_path, **values):
        self.file = tmp_path / "sipbridge.env"
        self.write(**values)
        for name in values:
            self.asked[name] = None
        self.daemon = self.start(args=["--env-file", str(self.file)], **self.asked)
        return self.daemon

    def write(self, **values):
        self.values.update(values)
        self.file.write_text("".join(f"{name}='{value}'\n" for name, value in self.values.items() if value is not None))

    def reload(self):
        """Over HTTP: (status, what was said)."""
        status, body = self.daemon.admin("POST", "/api/reload", livekit.operator_token())
        return status, body.decode()


@pytest.fixture
def written(start, tmp_path):
    def make(rules=None, settings=None, **values):
        made = Written(start, rules, **(settings or {}))
        made.begin(tmp_path, **values)
        return made
    return make


def test_log_level_and_format(written):
    bridge = written(LOG_LEVEL="info")
    daemon = bridge.daemon
    assert not any(record["level"] == "debug" for record in daemon.log)
    bridge.write(LOG_LEVEL="debug", SIP_LOG_FORMAT="json")
    status, said = bridge.reload()
    assert status == 200 and "changed: LOG_LEVEL\n" in said and "restart" not in said
    call = Call()
    daemon.post(*call.ringing())
    wait_for(lambda: any(record["level"] == "debug" for record in daemon.log), "debug records")
    daemon.post(*call.hung_up())


def test_by_signal(written):
    bridge = written(DEFAULT_SIP_AGENT="support", rules=[])
    daemon = bridge.daemon
    first, second = Call(), Call()
    daemon.post(*first.ringing())
    assert daemon.wait_agent(first)["env"]["SIP_AGENT_NAME"] == "support"
    bridge.write(DEFAULT_SIP_AGENT="sales")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_logged("^changed: DEFAULT_SIP_AGENT$")
    daemon.post(*second.ringing())
    assert daemon.wait_agent(second)["env"]["SIP_AGENT_NAME"] == "sales"
    assert is_alive(daemon.reports(first)[0]["pid"]), "the running call keeps its agent"
    daemon.post(*first.hung_up(), *second.hung_up())


def test_by_signal_during_the_start(start, tmp_path):
    """It waits for its settings, which come through a FIFO, when the signals come: they are obeyed once it runs."""
    settings = tmp_path / "sipbridge.env"
    os.mkfifo(settings)
    daemon = start(args=["--env-file", str(settings)], wait=False)

    def opened():
        with contextlib.suppress(OSError):  # nobody reads yet
            return os.fdopen(os.open(settings, os.O_WRONLY | os.O_NONBLOCK), "w")
    with wait_for(opened, "it reads its settings") as file:
        for number in (signal.SIGHUP, signal.SIGUSR1):
            daemon.process.send_signal(number)
        file.write("DEFAULT_SIP_AGENT=support\n")
    daemon.wait_until_up()
    daemon.wait_logged("sipbridge.env: is a FIFO; it must be a regular file")


def test_what_needs_a_restart_is_said_and_left_as_it_is(written):
    bridge = written(SIP_MAX_BODY="1MiB", SIP_STATE_DIR=None)
    bridge.write(SIP_MAX_BODY="2KiB", SIP_NUMBER_WAIT="1s", SIP_LIVEKIT_CA="/nowhere")
    for _ in range(2):  # it stays different from what is in effect
        status, said = bridge.reload()
        assert status == 200
        assert re.search(r"^warning: changed, but taken over by a restart only: SIP_LIVEKIT_CA, SIP_MAX_BODY$", said, re.M), said
    bridge.daemon.post_raw(b"x" * 4096, "no token")
    assert bridge.daemon.post_raw(b"x" * 4096, "no token") == 401, "the former limit holds"


@pytest.mark.parametrize("name, value", [("SIP_NUMBER_WAIT", "soon"), ("LOG_LEVEL", "loud"), ("LIVEKIT_API_SECRET", ""),
                                         ("LIVEKIT_KEYS", "/nowhere/keys")])
def test_wrong_value_keeps_everything_as_it_was(written, name, value):
    good = {"LIVEKIT_API_KEY": livekit.KEY, "LIVEKIT_API_SECRET": livekit.SECRET, "DEFAULT_SIP_AGENT": "support"}
    bridge = written(rules=[], **{"LOG_LEVEL": "debug", **good})
    daemon = bridge.daemon
    bridge.write(**{name: value, "DEFAULT_SIP_AGENT": "sales"})
    status, said = bridge.reload()
    assert status == 409 and "error: " in said and name.replace("_SECRET", "") in said
    assert "the settings stay as they were" in said and "changed" not in said
    daemon.wait_logged("the settings stay as they were")
    call = Call()
    daemon.post(*call.ringing())
    assert daemon.wait_agent(call)["env"]["SIP_AGENT_NAME"] == "support"
    daemon.post(*call.hung_up())


def test_file_that_is_gone_or_broken(written):
    bridge = written(LOG_LEVEL="debug")
    bridge.file.write_text("LOG_LEVEL=debug\nno setting here\n")
    assert bridge.reload()[0] == 409
    bridge.file.unlink()
    status, said = bridge.reload()
    assert status == 409 and str(bridge.file) in said
    bridge.write()
    assert bridge.reload()[0] == 200


@pytest.mark.parametrize("which", ["settings", "secret"])
def test_file_that_became_a_fifo(written, tmp_path, which):
    """Opening it would wait for its writer, and all calls with it."""
    secret = tmp_path / "secret"
    secret.write_text(livekit.SECRET)
    bridge = written(LIVEKIT_API_KEY=livekit.KEY, LIVEKIT_API_SECRET_FILE=str(secret), settings={"LIVEKIT_API_SECRET": None})
    path = {"settings": bridge.file, "secret": secret}[which]
    path.unlink()
    os.mkfifo(path)
    status, said = bridge.reload()
    assert status == 409 and f"{path} is a FIFO; it must be a regular file" in said.replace(": is a", " is a"), said
    call = Call()
    bridge.daemon.post(*call.ringing())
    bridge.daemon.wait_agent(call)
    bridge.daemon.post(*call.hung_up())


def test_keys_and_secret_file(written, tmp_path):
    """The secret is rotated, and with it what agents get that have the credentials themselves."""
    secret, fresh = tmp_path / "secret", "f" * 40
    secret.write_text(livekit.SECRET + "\n")
    bridge = written(LIVEKIT_API_KEY=livekit.KEY, LIVEKIT_API_SECRET_FILE=str(secret), settings={
        "LIVEKIT_API_SECRET": None, "agents": lambda d: {"support": d.entry(credentials="api")}})
    daemon = bridge.daemon
    secret.write_text(fresh + "\n")
    status, said = bridge.reload()
    assert status == 200 and "changed: LIVEKIT_API_SECRET\n" in said and fresh not in said
    call = Call()
    body = livekit.encode(call.room_started())
    assert daemon.post_raw(body, livekit.webhook_token(body)) == 401, "the former secret is no longer good"
    for event in call.ringing():
        body = livekit.encode(event)
        assert daemon.post_raw(body, livekit.webhook_token(body, livekit.KEY, fresh)) == 200
    assert daemon.wait_agent(call)["env"]["LIVEKIT_API_SECRET"] == fresh
    for event in call.hung_up():
        body = livekit.encode(event)
        daemon.post_raw(body, livekit.webhook_token(body, livekit.KEY, fresh))
    assert not daemon.logged(fresh)


def test_another_file_of_keys(written, tmp_path):
    """It is watched from then on, and its secrets stay out of the log as the former ones did."""
    former, other, part = tmp_path / "former", tmp_path / "other", tmp_path / "part"
    former.write_text(f"old: {'o' * 32}\n")
    other.write_text(f"new: {'n' * 32}\n")
    bridge = written(LIVEKIT_KEYS=str(former), settings={"LIVEKIT_API_KEY": None, "LIVEKIT_API_SECRET": None})
    daemon = bridge.daemon

    def status(name, call=None):
        body = livekit.encode((call or Call()).room_started())
        return daemon.post_raw(body, livekit.webhook_token(body, name, name[0] * 32))
    bridge.write(LIVEKIT_KEYS=str(other))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_logged("changed: LIVEKIT_KEYS")
    assert (status("old"), status("new")) == (401, 200)
    part.write_text(f"later: {'l' * 32}\n")
    part.rename(other)
    daemon.wait_logged("the file of LIVEKIT_KEYS changed: reloaded; API keys: 1")
    assert (status("new"), status("later")) == (401, 200)
    for letter in "nl":  # whoever knows one may name a room after it
        assert status("later", Call(room=f"sip-inbound_{letter * 32}")) == 200
    wait_for(lambda: sum("[secret]" in json.dumps(record) for record in daemon.log) >= 2, "the rooms are logged")
    assert not any(letter * 32 in json.dumps(record) for record in daemon.log for letter in "nl")


def test_running_calls_keep_their_times(written):
    """A call that began with a grace of a minute keeps it; one that begins after the reload has the new one."""
    bridge = written(SIP_REJOIN_GRACE="1m")
    daemon = bridge.daemon
    old, new = Call(), Call()
    daemon.post(*old.ringing(), *old.answered())
    daemon.wait_agent(old)
    bridge.write(SIP_REJOIN_GRACE="100ms")
    assert "changed: SIP_REJOIN_GRACE" in bridge.reload()[1]
    daemon.post(*new.ringing(), *new.answered())
    daemon.wait_agent(new)
    daemon.post(old.caller_left("CONNECTION_TIMEOUT"), new.caller_left("CONNECTION_TIMEOUT"))
    wait_for(lambda: [c["sid"] for c in daemon.calls()] == [old.sid], "the new call is over")
    holds_for(lambda: [c["sid"] for c in daemon.calls()] == [old.sid], 0.3, "the old one is not")
    daemon.post(*old.hung_up())


def test_prefix_path_and_veto(written):
    bridge = written(SIP_ROOM_PREFIX="sip-inbound", SIP_WEBHOOK_PATH="/webhooks/livekit", SIP_REQUIRE_TRUNK="true")
    daemon = bridge.daemon
    running = Call()
    daemon.post(*running.ringing())
    daemon.wait_agent(running)
    bridge.write(SIP_ROOM_PREFIX="phone", SIP_WEBHOOK_PATH="/hook", SIP_REQUIRE_TRUNK="false")
    assert "changed: SIP_ROOM_PREFIX, SIP_REQUIRE_TRUNK, SIP_WEBHOOK_PATH\n" in bridge.reload()[1]

    def post(*events):
        for event in events:
            body = livekit.encode(event)
            assert daemon.request("POST", "/hook", body, {"Authorization": livekit.webhook_token(body)})[0] == 200
    other, spam = Call(), Call(room="phone_+1555_x", trunk=None)
    post(*other.ringing(), *spam.ringing())
    daemon.wait_agent(spam)
    assert {c["sid"] for c in daemon.calls()} == {running.sid, spam.sid}
    post(*running.hung_up(), *spam.hung_up())
    wait_for(lambda: not daemon.calls(), "both are over, the one with the former prefix too")


def test_command_and_environment_of_agents(written):
    """Without a directory every name is an agent of SIP_AGENT_COMMAND; both are taken anew."""
    bridge = written(rules=[], settings={"agents": False, "EXTRA": "yes", "AGENT_OUT": ""}, SIP_AGENT_COMMAND="true",
                     SIP_AGENT_ENV="AGENT_OUT", SIP_LOG_MAX="1MiB", SIP_LOG_KEEP="1d", SIP_AGENT_CWD=None)
    daemon = bridge.daemon
    where = daemon.dir / "elsewhere"
    where.mkdir()
    script = f'/usr/bin/env sh -c "pwd > {where}/out; env >> {where}/out; exec sleep 1000"'
    bridge.write(SIP_AGENT_COMMAND=script, SIP_AGENT_ENV="EXTRA", SIP_AGENT_CWD=str(where), SIP_LOG_MAX="0", SIP_LOG_KEEP="0")
    assert ("changed: SIP_AGENT_COMMAND, SIP_AGENT_ENV, SIP_AGENT_CWD, SIP_LOG_MAX, SIP_LOG_KEEP\n" in bridge.reload()[1])
    call = Call()
    daemon.post(*call.ringing())
    out = wait_for(lambda: (where / "out").exists() and "SIP_CALL_SID" in (where / "out").read_text() and
                   (where / "out").read_text(), "the agent of the new command")
    assert out.startswith(f"{where}\n") and "EXTRA=yes" in out and "AGENT_OUT" not in out
    daemon.post(*call.hung_up())


def test_limits_are_taken_anew(written):
    """Calls that have an agent count on, and keep it whatever the new limit is."""
    bridge = written(SIP_MAX_CALLS="1", SIP_MAX_STARTS="0")
    daemon, calls = bridge.daemon, [Call(caller=f"+1555000000{number}") for number in range(4)]

    def ring(call):
        daemon.post(*call.ringing())
        wait_for(lambda: any(record.get("call") == call.sid and re.match("agent process started|no agent for", record["message"])
                             for record in list(daemon.log)), "it is judged")
        return any(known["sid"] == call.sid and known["pid"] for known in daemon.calls())

    assert ring(calls[0]) and not ring(calls[1])
    bridge.write(SIP_MAX_CALLS="2", SIP_MAX_STARTS="50")
    assert "changed: SIP_MAX_CALLS, SIP_MAX_STARTS\n" in bridge.reload()[1]
    limits = daemon.status()["limits"]
    assert limits["calls"] == {"now": 1, "max": 2} and limits["starts"]["max"] == 50
    assert ring(calls[2]) and not ring(calls[3])
    bridge.write(SIP_MAX_CALLS="1", SIP_MAX_STARTS="0")
    bridge.reload()
    limits = daemon.status()["limits"]
    assert limits["calls"] == {"now": 2, "max": 1} and limits["starts"]["max"] == 0
    assert {known["sid"] for known in daemon.calls() if known["pid"]} == {calls[0].sid, calls[2].sid}
    daemon.post(*calls[0].hung_up(), *calls[2].hung_up())


def test_on_exit_is_taken_anew(written):
    bridge = written(SIP_ON_EXIT="stop")
    daemon, call = bridge.daemon, Call()
    daemon.post(*call.ringing())
    daemon.wait_agent(call)
    bridge.write(SIP_ON_EXIT="drain")
    assert "changed: SIP_ON_EXIT" in bridge.reload()[1]
    daemon.process.terminate()
    daemon.wait_logged("waiting for them")
    daemon.post(call.caller_left())
    assert daemon.process.wait(60) == 0


def test_environment_wins_at_a_reload_too(written):
    bridge = written(settings={"DEFAULT_SIP_AGENT": "support"}, rules=[], LOG_LEVEL="debug")
    bridge.write(DEFAULT_SIP_AGENT="sales")
    assert "changed" not in bridge.reload()[1]


def test_again_and_again_under_calls(written):
    """For the sanitizers: nothing that was replaced is looked at any more."""
    bridge = written(DEFAULT_SIP_AGENT="support", SIP_READY_TIMEOUT="10s", SIP_WEBHOOK_PATH="/webhooks/livekit",
                     SIP_AGENT_ENV="X*", LIVEKIT_URL="ws://127.0.0.1:7880", rules=[])
    daemon, calls = bridge.daemon, []
    for n in range(12):
        call = Call()
        daemon.post(*call.ringing())
        calls.append(call)
        bridge.write(DEFAULT_SIP_AGENT=("sales", "support")[n % 2], SIP_READY_TIMEOUT=f"{10 + n}s", SIP_AGENT_ENV=f"X{n}*")
        assert bridge.reload()[0] == 200
    for call in calls:
        daemon.wait_agent(call)
        daemon.post(*call.hung_up())
    wait_for(lambda: not daemon.calls(), "all calls are over")


def test_by_command(written):
    """`sipbridge reload` says what the bridge says, and ends with 1 where nothing was taken over."""
    bridge = written(DEFAULT_SIP_AGENT="support", SIP_MAX_BODY="1MiB", rules=[])
    daemon = bridge.daemon

    def reload(*arguments, **settings):
        return subprocess.run([binary(), "reload", *arguments], env={**daemon.environment(), **settings}, text=True,
                              capture_output=True, timeout=120)

    bridge.write(DEFAULT_SIP_AGENT="sales", SIP_MAX_BODY="2KiB")
    done = reload()
    assert done.returncode == 0 and done.stderr == "" and "changed: DEFAULT_SIP_AGENT\n" in done.stdout
    assert "taken over by a restart only: SIP_MAX_BODY\n" in done.stdout and "\nreloaded; API keys: 1;" in done.stdout
    bridge.write(SIP_READY_TIMEOUT="\x1b[2J")
    done = reload("--url", f"unix:{daemon.admin_socket}")
    assert done.returncode == 1 and "SIP_READY_TIMEOUT" in done.stdout and "the settings stay as they were" in done.stdout
    assert "\x1b" not in done.stdout
    bridge.write(SIP_READY_TIMEOUT=None)
    done = reload(LIVEKIT_API_SECRET="another secret of thirty-two letters")
    assert done.returncode == 1 and "401: the keys in your settings are not its own" in done.stderr and done.stdout == ""
    done = reload(LIVEKIT_API_KEY="", LIVEKIT_API_SECRET="")
    assert done.returncode == 2 and "LIVEKIT_API_KEY" in done.stderr
    daemon.stop()
    assert reload().returncode == 1
