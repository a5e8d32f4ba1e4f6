"""What an agent's process may be and use: another user, limits, no new rights; and the start that refuses."""
import contextlib
import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from daemon import binary, holds_for, is_alive, processes_marked, wait_for
from livekit import Call
from manager import Manager, activation, listener
from odd_livekit import OddLiveKit
from servers import Redis
from test_agents import ANY, PYTHON, pid_of, with_agent
from test_restart import restart, wait_kept

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
# Tells what it is on its output, through the name of its stdout too, says that it is ready, and waits.
LOOK = """
import os, resource, signal, socket, sys
status = dict(line.rstrip("\\n").split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
names = {"uid": os.getresuid(), "gid": os.getresgid(), "groups": os.getgroups(), "sid": os.getsid(0) == os.getpid(),
         "fds": sorted(fd for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)),
         "nofile": resource.getrlimit(resource.RLIMIT_NOFILE), "nproc": resource.getrlimit(resource.RLIMIT_NPROC),
         "as": resource.getrlimit(resource.RLIMIT_AS), "core": resource.getrlimit(resource.RLIMIT_CORE),
         "caps": {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")},
         "no_new_privs": status["NoNewPrivs"], "blocked": int(status["SigBlk"], 16), "ignored": int(status["SigIgn"], 16),
         "umask": status["Umask"], "env": dict(os.environ), "cwd": os.getcwd(), "line": sys.stdin.readline()}
import json
print("LOOK " + json.dumps(names), flush=True)
open("/dev/stdout", "a").write("by its name\\n")
address = os.environ["NOTIFY_SOCKET"]
address = "\\0" + address[1:] if address.startswith("@") else address
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", address)
print("told", flush=True)
signal.pause()
"""


def output(daemon, call):
    path = daemon.state / "calls" / f"{call.sid}.log"
    return path.read_text(errors="replace") if path.exists() else ""


def look(daemon):
    """What the agent of a new call saw."""
    call = Call()
    daemon.post(*call.ringing())
    text = wait_for(lambda: "told" in output(daemon, call) and output(daemon, call), f"the agent told: {output(daemon, call)}")
    assert "by its name" in text
    return json.loads(next(line for line in text.splitlines() if line.startswith("LOOK "))[5:])


def looking(start, **settings):
    preexec = settings.pop("preexec", None)
    return with_agent(lambda **more: start(preexec=preexec, **more), *PYTHON, "-c", LOOK, cwd="/", **settings)


def check_clean(seen):
    """True of every agent, whatever is set."""
    python_itself = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
    glibc_itself = 1 << 31 | 1 << 32
    assert seen["fds"] == ["0", "1", "2"] and seen["sid"]
    assert seen["blocked"] == 0 and seen["ignored"] & ~(python_itself | glibc_itself) == 0
    assert seen["caps"]["CapAmb"] == seen["caps"]["CapInh"] == 0
    assert json.loads(seen["line"])["call_sid"] and "LIVEKIT_API_SECRET" not in seen["env"]


@needs_root
@pytest.mark.parametrize("user", ["nobody", "65534"])
def test_agents_run_as_another_user_with_nothing_of_ours(start, user):
    daemon = looking(start, SIP_AGENT_USER=user, SIP_AGENT_LIMITS="nofile=128, nproc=300, as=2GiB, core=0",
                     preexec=lambda: os.umask(0o027))
    seen = look(daemon)
    check_clean(seen)
    assert seen["uid"] == [NOBODY] * 3 and seen["gid"] == [NOBODY] * 3 and seen["groups"] == [NOBODY]
    assert not any(seen["caps"].values())
    assert seen["nofile"] == [128, 128] and seen["nproc"] == [300, 300] and seen["core"] == [0, 0]
    assert seen["as"] == [2 << 30, 2 << 30]
    assert seen["no_new_privs"] == "1" and seen["umask"] == "0027"
    assert seen["env"]["USER"] == "nobody" and seen["env"]["HOME"] == "/nonexistent"
    assert (daemon.state.stat().st_mode & 0o777, daemon.state.stat().st_uid) == (0o700, 0)


@needs_root
def test_home_stays_that_of_the_agents_user_when_settings_are_read_again(start):
    daemon = looking(start, SIP_AGENT_USER="nobody")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_logged("^reloaded")
    env = look(daemon)["env"]
    assert (env["USER"], env["LOGNAME"], env["HOME"]) == ("nobody", "nobody", "/nonexistent")


@needs_root
def test_a_user_without_a_name_is_in_no_group(start):
    seen = look(looking(start, SIP_AGENT_USER="4242:4243"))
    check_clean(seen)
    assert seen["uid"] == [4242] * 3 and seen["gid"] == [4243] * 3 and seen["groups"] == [] and seen["env"]["HOME"] == "/"


@needs_root
def test_agents_of_another_user_cannot_reach_us_and_are_ended_all_the_same(start):
    """Not our memory, environment, state, nor our process; and the ladder ends those that do not want to."""
    script = ("import os, signal, time\n"
              "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
              "ours = '/proc/' + str(os.getppid())\n"
              "def refused(act):\n"
              "    try: act()\n"
              "    except PermissionError: return True\n"
              "    return False\n"
              "tried = [lambda: open(ours + '/environ').read(), lambda: open(ours + '/mem'),\n"
              "         lambda: os.listdir(ours + '/fd'), lambda: os.kill(os.getppid(), 0),\n"
              "         lambda: os.listdir(os.environ['STATE'])]\n"
              "print('refused', [refused(act) for act in tried], flush=True)\n"
              "if os.fork() == 0:\n"
              "    os.setsid()\n"
              "    if os.fork() == 0: time.sleep(600)\n"
              "    os._exit(0)\n"
              "time.sleep(600)\n")
    daemon = start(rules=ANY, SIP_AGENT_USER="nobody", SIP_STOP_TIMEOUT="100ms", agents=lambda d: {
        "it": d.entry(command=[*PYTHON, "-c", script], cwd="/", env={"STATE": str(d.state)})})
    call = Call()
    daemon.post(*call.ringing())
    wait_for(lambda: "\n" in output(daemon, call), "the agent tried")
    assert f"refused {[True] * 5}" in output(daemon, call)
    pids = lambda: [entry for entry in os.listdir("/proc") if entry.isdigit() and is_agents(entry, daemon)]
    wait_for(lambda: len(pids()) == 2, "the agent and its daemonised grandchild")
    daemon.post(*call.hung_up())
    wait_for(lambda: not pids(), "nothing of the agent is left")


def is_agents(pid, daemon):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return f"STATE={daemon.state}".encode() in file.read()
    except OSError:
        return False


def as_nobody(start, *capabilities, **settings):
    """A daemon of an ordinary user with CAPABILITIES, as AmbientCapabilities= of a unit gives them."""
    given = ",".join(f"+{name}" for name in capabilities)
    wrapper = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", f"--inh-caps={given}",
               f"--ambient-caps={given}"]

    def agents(daemon):
        for path in (daemon.dir, daemon.state, daemon.notes):
            os.chown(path, NOBODY, NOBODY)
        return {"it": daemon.entry(command=[*PYTHON, "-c", LOOK], cwd="/")}
    return start(rules=ANY, agents=agents, wrapper=wrapper, **settings)


@needs_root
def test_capabilities_of_an_ordinary_user_are_not_the_agents(start):
    plain = look(as_nobody(start, "net_bind_service"))
    check_clean(plain)
    assert not any(plain["caps"].values()) and plain["uid"] == [NOBODY] * 3
    daemon = as_nobody(start, "setuid", "setgid", "kill", "chown", SIP_AGENT_USER="4242:4243")
    daemon.wait_logged("without CAP_SYS_PTRACE")
    other = look(daemon)
    check_clean(other)
    assert not any(other["caps"].values()) and other["uid"] == [4242] * 3 and other["groups"] == []


SAYS_READY = ("import os, socket, sys; os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1])); "
              "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1', chr(0) + sys.argv[2][1:])")


@needs_root
def test_readiness_is_not_forged_by_another_user(start):
    """An abstract socket has no mode: whoever finds its name can write to it, and is heard only if they are the agents' user."""
    daemon = start(SIP_AGENT_USER="nobody", agents=lambda d: {"support": d.entry(command=["/bin/cat"], cwd="/", standby=1)})
    pid = wait_for(lambda: processes_marked(daemon.mark()), "a standby runs")[0]
    words = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    address = next(word for word in words if word.startswith("NOTIFY_SOCKET=@")).partition("=")[2]

    def ready():
        return daemon.status()["standbys"]["support"]["ready"]
    for user, counts in ((12345, 0), (NOBODY, 1)):
        subprocess.run([*PYTHON, "-c", SAYS_READY, str(user), address], check=True, timeout=120)
        wait_for(lambda: ready() == counts, "it is heard")
        holds_for(lambda: ready() == counts, 0.3, "or not")


def test_every_descriptor_of_ours_ends_with_execve(start):
    """What agents do not get they are not even about to get: connections, sockets that were handed over, files, queues."""
    with listener() as held, Redis() as redis, OddLiveKit() as server, Manager() as manager:
        daemon = start(REDIS_URL=redis.url, LIVEKIT_API_URL=server.url, SIP_RULES_FILE=None, rules=False,
                       agents=lambda d: {"support": d.entry(command=["/bin/cat"], standby=1)}, SIP_MAX_PRESSURE="90",
                       **manager.settings(watchdog_us=10_000_000), **activation(public=held))
        redis("set", "sip_dispatch_rules", json.dumps([{"pattern": "*", "agent_name": "support"}]))
        call = Call()
        server.add(call)
        daemon.post(*call.ringing())
        wait_for(lambda: daemon.calls()[0]["pid"], "its agent runs")
        wait_for(lambda: server.requests, "LiveKit was asked")
        kinds, left = set(), []
        with open("/proc/net/unix") as table:
            local = {f"socket:[{line.split()[6]}]" for line in table}
        for entry in Path(f"/proc/{daemon.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                target, number = os.readlink(entry), int(entry.name)
                flags = Path(f"/proc/{daemon.process.pid}/fdinfo/{number}").read_text().split("flags:")[1].split()[0]
                kinds.add(target.partition(":")[0])
                left += [(number, target)] if number > 2 and not int(flags, 8) & os.O_CLOEXEC else []
        ours = f"socket:[{os.fstat(held.fileno()).st_ino}]"  # pytest's own number for it is inherited as well
        left = [target for number, target in left if target != ours or number == 3]
        assert {"socket", "anon_inode"} <= kinds
        assert len(left) <= 2 and set(left) <= local, f"more than libcurl's own pair, which cannot be told: {left}"
        server.remove(call)
        daemon.post(*call.hung_up())


@needs_root
def test_errors_of_a_start_are_told(start):
    daemon = start(rules=ANY, SIP_AGENT_USER="nobody", agents=lambda d: {
        "it": d.entry(command=["/bin/sh", "-c", "exit 0"], cwd=str(d.state))})
    daemon.post(*Call().ringing())
    daemon.wait_logged(r"cannot be entered by uid 65534")
    assert daemon.health()["sip_bridge"] == "running"


@needs_root
def test_agents_of_another_user_are_taken_back_after_a_kill(start):
    daemon, call = looking(start, SIP_AGENT_USER="nobody"), Call()
    daemon.post(*call.ringing(), *call.answered())
    wait_for(lambda: "told" in output(daemon, call), "the agent is there")
    agent = pid_of(daemon, call)
    wait_kept(daemon, call, voice="speaks")
    restart(daemon)
    assert pid_of(daemon, call) == agent and is_alive(agent)
    daemon.post(*call.hung_up())
    daemon.wait_gone(agent)


def test_limits_and_rights_without_another_user(start):
    seen = look(looking(start, SIP_AGENT_LIMITS="nofile=64"))
    check_clean(seen)
    assert seen["nofile"] == [64, 64] and seen["no_new_privs"] == "1" and seen["uid"] == list(os.getresuid())


def test_without_any_of_it(start):
    seen = look(looking(start))
    check_clean(seen)
    assert seen["no_new_privs"] == "1"
    assert look(looking(start, SIP_AGENT_NO_NEW_PRIVS="false"))["no_new_privs"] == "0"


def unprivileged():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


@pytest.mark.parametrize("name, value, said", [
    ("SIP_AGENT_USER", "1:1", ["CAP_SETUID", "CAP_SETGID", "CAP_KILL", "as root"]),
    ("SIP_AGENT_USER", "no-such-user", ["no user of this machine", "UID:GID"]),
    ("SIP_AGENT_USER", "root", ["is root"]),
    ("SIP_AGENT_LIMITS", "nofile=9999999999", ["above our own hard limit"]),
    ("SIP_AGENT_LIMITS", "nofile=lots", ["nofile=NUMBER"]),
    ("SIP_AGENT_LIMITS", "handles=5", ["is no limit", "nofile"]),
    ("SIP_AGENT_LIMITS", "core=0,core=1", ["core twice"]),
])
def test_what_cannot_be_is_refused_at_the_start(name, value, said):
    with tempfile.TemporaryDirectory(prefix="sb-") as place:
        os.chmod(place, 0o777)
        run = subprocess.run([binary(), "serve"], capture_output=True, text=True, timeout=120, preexec_fn=unprivileged, env={
            "LIVEKIT_API_KEY": "devkey", "LIVEKIT_API_SECRET": "0" * 32, "SIP_STATE_DIR": f"{place}/state",
            "SIP_AGENT_COMMAND": "/bin/true", "SIP_LISTEN": "127.0.0.1:0", "SIP_ADMIN_LISTEN": "", name: value})
    assert run.returncode in (1, 2), run.stdout
    for part in (name, *said):
        assert part in run.stderr, run.stderr


@needs_root
def test_an_agent_may_not_hold_up_the_daemon(start):
    """Its user's processes may stop whoever becomes that user before it is an agent: others go on being served."""
    stopper = "import os, signal, time\nwhile True:\n    try: os.kill(-1, signal.SIGSTOP)\n    except OSError: pass\n"
    daemon = start(rules=ANY, SIP_AGENT_USER="4711:4711", agents=lambda d: {
        "it": d.entry(command=[*PYTHON, "-c", stopper], cwd="/")})
    calls = [Call() for _ in range(10)]
    for call in calls:
        daemon.post(*call.ringing())
    holds_for(lambda: daemon.get("/livez")[0] == 200, 0.5, "the daemon answers")
    for call in calls:
        daemon.post(call.room_finished())
    wait_for(lambda: daemon.status()["process_count"] == 0, "all are ended")
