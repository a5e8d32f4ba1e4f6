"""The examples of examples/ and of doc/agents.md: each answers a phone call, started for it and ahead of it."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import examples
import livekit
import pytest
from daemon import holds_for, processes_marked, wait_for
from examples import COMMANDS, EXAMPLES, LOADED_S, PATIENT
from stage import AGENT_HZ, HERE, note

RULES = [{"pattern": "+1234567", "agent_name": "support"}]
MOST_GLUE_LINES, NOT_HERE = 15, 77


@pytest.fixture(scope="session")
def installed(request):
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        code = examples.install()
    assert code in (0, NOT_HERE), f"tests/e2e/setup.sh examples failed with {code}"


@pytest.fixture(params=COMMANDS)
def agent(request, installed, tmp_path):
    if not examples.is_there(request.param):
        pytest.skip("NOT TESTED: what this example needs is missing (tests/e2e/setup.sh examples says what)")
    return examples.entry(request.param, tmp_path)


# --- by sipbridge ---

def standbys(daemon):
    """The processes that wait for a call of sipbridge, at least one of them loaded; none where it has no pool."""
    if "standbys" not in daemon.status():
        return []
    wait_for(lambda: daemon.status()["standbys"].get("support", {}).get("ready"), "a standby is ready", LOADED_S)
    return [pid for pid in processes_marked(daemon.mark()) if is_standby(pid)]


def is_standby(pid):
    with contextlib.suppress(OSError):
        return b"SIP_STANDBY=1" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return False


def ended_well(stage):
    return any("agent process is gone: status 0" in record["message"] for record in stage.daemon.log)


@pytest.mark.parametrize("standby", [0, 1], ids=["cold", "standby"])
def test_sipbridge_has_it_answer_a_call(start, agent, standby):
    stage = start(rules=RULES, agents={"support": {**agent, "standby": standby}}, **PATIENT)
    ahead = standbys(stage.daemon) if standby else []
    phone = stage.call("+1234567", ring_s=LOADED_S)
    note("ring_ms" + (", from the pool" if ahead else ""), phone.answered(AGENT_HZ, timeout=LOADED_S))
    assert not ahead or stage.pid(phone) in ahead
    assert len(stage.agents_in(phone.room)) == 1
    note("agent gone after, ms", stage.end(phone, timeout=60))
    wait_for(lambda: ended_well(stage), "the agent ended with status 0")


# --- by us, in sipbridge's place ---

class Ahead:
    """`with Ahead(stage, entry) as standby:` a process that is started ahead of a call, as sipbridge does it."""

    def __init__(self, stage, entry):
        self.stage, self.entry, self.name = stage, entry, f"ahead-{id(self)}"

    def __enter__(self):
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.stage.dir / f"{self.name}.sock"))
        self.notify.settimeout(LOADED_S)
        self.line, theirs = socket.socketpair()
        self.output = open(self.stage.dir / f"{self.name}.log", "w+")
        self.started = time.monotonic()
        with theirs:
            self.process = subprocess.Popen(
                self.entry["command"], cwd=self.entry["cwd"], stdin=theirs, stdout=self.output, stderr=subprocess.STDOUT,
                start_new_session=True,
                env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1",
                     "SIP_AGENT_NAME": "support", "SIP_STANDBY": "1", "NOTIFY_SOCKET": self.notify.getsockname()})
        return self

    def __exit__(self, kind, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if kind is not None:
            self.output.seek(0)
            print(f"--- standby\n{self.output.read()[-4000:]}")
        for one in (self.notify, self.line, self.output):
            one.close()

    def wait_ready(self):
        """Until it says READY=1; how many ms that took."""
        while b"READY=1" not in self.notify.recv(4096).split(b"\n"):
            pass
        return round((time.monotonic() - self.started) * 1000)

    def answer(self, phone):
        """Hands it the phone's call; how many ms until its audio has reached the phone."""
        joined = phone.wait("joined")
        sid = next(room["sid"] for room in self.stage.livekit.rooms() if room["name"] == joined["room"])
        line = {"v": 1, "call_sid": sid, "room": joined["room"], "livekit_url": self.stage.livekit.url,
                "token": agent_token(sid, joined["room"]), "agent": "support", "agent_id": "", "called": phone.called,
                "caller": phone.caller, "trunk": "ST_standin", "metadata": {}, "attributes": {"sip.h.x": "it's a \"quote\""}}
        handed = time.monotonic()
        self.line.sendall(json.dumps(line).encode() + b"\n")
        return round((phone.wait("answered", LOADED_S)["seen"] - handed) * 1000)

    def ends_well(self):
        wait_for(lambda: self.process.poll() is not None, "the agent is gone")
        assert self.process.returncode == 0


def connections(pid):
    """The process's sockets of TCP and UDP, as the numbers of their inodes."""
    held = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            held.update(re.findall(r"socket:\[(\d+)\]", os.readlink(link)))
    tables = [Path(f"/proc/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6", "udp", "udp6")]
    return held & {line.split()[9] for table in tables for line in table}


def agent_token(sid, room):
    now = int(time.time())
    return livekit.jwt({"iss": livekit.KEY, "sub": f"sip-agent-{sid}", "nbf": now - 300, "exp": now + 21600, "kind": "agent",
                        "video": {"roomJoin": True, "room": room, "canPublish": True, "canPublishData": True,
                                  "canSubscribe": True, "canUpdateOwnMetadata": True}})


def test_a_standby_answers_the_call_that_it_is_handed(start, agent):
    stage = start(ENABLE_SIP_BRIDGE="false")
    phone = stage.phone("+1234567", ring_s=LOADED_S)
    phone.wait("ready", LOADED_S)
    with Ahead(stage, agent) as standby:
        note("started to ready, ms", standby.wait_ready())
        assert not connections(standby.process.pid), "it is connected to something before there is a call"
        phone.dial()
        note("line to answered, ms", standby.answer(phone))
        phone.wait("heard", hz=AGENT_HZ)
        standby.line.close()  # sipbridge is gone: that ends no call
        holds_for(lambda: phone.is_talking() and standby.process.poll() is None, 1, "agent and caller talk on")
        phone.hang_up()
        phone.hung_up()
        standby.process.terminate()  # and once more, by the next sipbridge
        standby.process.terminate()
        standby.ends_well()


def test_a_standby_that_no_call_came_for_ends_well(start, agent):
    stage = start(ENABLE_SIP_BRIDGE="false")
    with Ahead(stage, agent) as forgotten, Ahead(stage, agent) as stopped:
        forgotten.wait_ready()
        stopped.wait_ready()
        forgotten.line.close()
        stopped.process.terminate()
        forgotten.ends_well()
        stopped.ends_well()


# --- as they are written ---

def glue(name):
    """The parts between rulers: lists of lines, without comments, empty lines and lone brackets."""
    path = next((EXAMPLES / name).glob("agent.*"))
    parts = re.findall(r"^\s*(?:#|//) --- sipbridge.*?\n(.*?)^\s*(?:#|//) --- end of", path.read_text(), re.M | re.S)
    return [[line for line in part.splitlines() if re.search(r"\w", line) and not re.match(r"\s*(#|//|\"\"\")", line)]
            for part in parts]


@pytest.mark.parametrize("name", COMMANDS)
def test_little_glue_is_needed(name):
    assert 0 < sum(map(len, glue(name))) <= MOST_GLUE_LINES


def test_the_python_examples_have_the_same_glue():
    first = [glue(name)[0] for name in COMMANDS if name.startswith("python")]
    assert len(first) == 3 and first[0] == first[1] == first[2]


def test_the_node_example_is_tested_with_its_own_version():
    wanted = json.loads((EXAMPLES / "node/package.json").read_text())["dependencies"]
    assert wanted.items() <= json.loads((HERE / "package.json").read_text())["dependencies"].items()
