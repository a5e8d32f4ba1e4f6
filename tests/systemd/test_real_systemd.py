"""The units of deploy/systemd under a real systemd, process 1 of a machine of its own: Linux as a user's program
(user-mode-linux), with its own kernel, memory, processes and control groups, controllers included. The host gives it /usr
to read and nothing to write: it runs as a user who owns nothing (or as us, where we are not root).

guest.sh makes the guest's root, story.py acts and notes what it sees; here it is judged. It takes a minute."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
INTEGRATION = ROOT / "tests" / "integration"
sys.path.insert(0, str(INTEGRATION))

import seen as messages  # noqa: E402
from daemon import binary  # noqa: E402

STRANGER = 64321
STEPS = ["socket_activation", "groups", "memory_limit", "pids_limit", "hidden_grandchildren", "kill", "watchdog", "reload",
         "stop_keeps_calls", "restart", "end"]


def fill(share):
    for name in ("story.py", "guest.sh", "rules.json", "agents.json", "sipbridge.env"):
        shutil.copy(HERE / name, share)
    (share / "integration").mkdir()
    for name in ("livekit.py", "daemon.py", "seen.py"):
        shutil.copy(INTEGRATION / name, share / "integration")
    shutil.copytree(ROOT / "tests/fixtures/recordings", share / "fixtures/recordings")
    shutil.copy(ROOT / "deploy/systemd/sipbridge.sysusers", share)
    shutil.copytree(HERE / "units", share / "units")
    for unit in ("sipbridge.service", "sipbridge.socket", "sipbridge-admin.socket"):
        shutil.copy(ROOT / "deploy/systemd" / unit, share / "units")
    (share / "bin").mkdir()
    shutil.copy(binary(), share / "bin" / "sipbridge")
    for path in (share, *share.rglob("*")):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) and path.suffix in ("", ".sh") else 0o644)


def boot(share, memory):
    """The console of the guest, when it has gone."""
    linux = shutil.which("linux.uml")
    assert linux, "deploy/packages.sh test installs user-mode-linux"
    unprivileged = []
    if os.geteuid() == 0:
        os.chown(memory, STRANGER, STRANGER)
        unprivileged = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups", "--no-new-privs"]
    kernel = [linux, "mem=512M", f"uml_dir={memory}/", "umid=guest", "rootfstype=hostfs", "rootflags=/", "ro",
              f"init={share}/guest.sh", f"share={share}", "quiet", "con=null", "con0=fd:0,fd:1"]
    environment = {"PATH": os.environ["PATH"], "HOME": memory, "TMPDIR": memory}
    run = subprocess.run([*unprivileged, *kernel], env=environment, cwd="/", stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    return run.stdout.decode(errors="replace")


@pytest.fixture(scope="module")
def story():
    """What each step saw."""
    with tempfile.TemporaryDirectory(prefix="sipbridge-guest-") as share, \
            tempfile.TemporaryDirectory(prefix="sipbridge-guest-", dir="/dev/shm") as memory:
        fill(Path(share))
        console = boot(share, memory)
    steps = [json.loads(line.partition("STORY ")[2]) for line in console.splitlines() if line.startswith("STORY ")]
    assert steps, f"the guest did not come to its story:\n{console[-4000:]}"
    for step in steps:
        print(step["name"], step["seconds"], "s")
    for line in (line for step in steps for line in step.get("log", ())):
        messages.note({"level": "raw", "message": line})
    return {step["name"]: step for step in steps if "log" not in step}


def seen(story, name):
    assert name in story, f"the story ended before: {list(story)}"
    assert "failed" not in story[name], story[name]["failed"]
    return story[name]["seen"]


def test_a_connection_starts_the_service_and_ready_makes_it_active(story):
    saw = seen(story, "socket_activation")
    assert saw["before"] == "inactive" and saw["answered"] == 200 and saw["listening"]
    assert saw["ActiveState"] == "active" and saw["Type"] == "notify" and saw["StatusText"] and saw["user"] != 0


def test_each_agent_has_a_control_group_with_limits(story):
    saw = seen(story, "groups")
    unit = "0::/system.slice/sipbridge.service"
    assert saw["daemon"] == f"{unit}/daemon" and saw["unit"] == "", "nobody is in the unit's own group"
    assert saw["agent"].startswith(f"{unit}/RM_") and set(saw["handed on"]) == {"memory", "pids"}
    check_limits(saw)


def check_limits(saw):
    assert (saw["memory.max"], saw["pids.max"], saw["memory.oom.group"]) == (str(64 << 20), "12", "1")


def test_memory_beyond_the_limit_ends_that_agent_alone(story):
    saw = seen(story, "memory_limit")
    assert any(f"Killed process {saw['killed']} " in line for line in saw["kernel"]), f"`journalctl -k` tells: {saw['kernel']}"
    assert saw["told"] and saw["neighbour"] and saw["state"] == "active" and saw["restarts"] == "0"


def test_processes_beyond_the_limit_are_not_started(story):
    saw = seen(story, "pids_limit")
    assert saw["events"][0] == "max" and int(saw["events"][1]) > 0 and saw["count"] <= 12 and saw["neighbour"]


def test_grandchildren_that_hide_are_gone_with_the_call(story):
    assert seen(story, "hidden_grandchildren")["hidden"] == 2


def check_as_before(saw):
    assert saw["alive"] and saw["taken back"] and saw["group"], saw
    assert saw["daemon"].endswith("/sipbridge.service/daemon")
    check_limits(saw)


def test_kill_9_starts_it_again_under_its_calls(story):
    saw = seen(story, "kill")
    check_as_before(saw)
    assert saw["restarts"] == 1


def test_the_watchdog_ends_what_hangs_and_starts_it_again_under_its_calls(story):
    saw = seen(story, "watchdog")
    check_as_before(saw)
    assert saw["told"] and saw["restarts"] == 2


def test_reload(story):
    saw = seen(story, "reload")
    assert saw["same"] and saw["said"] and saw["state"] == "active"


def test_stop_keeps_calls_and_the_port_and_a_request_starts_it_again(story):
    saw = seen(story, "stop_keeps_calls")
    assert saw["stopped"] == "inactive" and saw["alive while stopped"] and saw["socket"] == "active" and saw["answered"] == 200
    check_as_before(saw)


def test_restart(story):
    check_as_before(seen(story, "restart"))


def test_nothing_is_left_at_the_end(story):
    saw = seen(story, "end")
    assert saw["state"] == "inactive" and saw["result"] == "success" and not saw["left"]


def test_every_step_was_judged(story):
    assert list(story) == STEPS
