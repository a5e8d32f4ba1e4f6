"""A control group of its own for each agent, in the kernel's cgroup v2: nothing that an agent starts gets away.

The hierarchy is mounted in a mount namespace of the test's own; what is made in it is one directory for each test, which is
removed. Limits need controllers of that hierarchy: tests/systemd has a machine of its own for them."""
import contextlib
import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from daemon import PYTHON, binary, holds_for, is_alive, wait_for
from livekit import Call
from test_agents import ANY
from test_restart import keep, kill, restart, start_again, wait_kept  # noqa: F401

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount cgroup2 and make groups in it")
NOBODY = 65534
# Leaves a process behind that has another session, group, parent, environment and name: only its control group tells.
HIDES = """
import os, sys, time
print("in", open("/proc/self/cgroup").read().split("0::")[1].strip(), flush=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve("/bin/sh", ["hidden", "-c", "echo hidden $$; exec sleep 600"], {})
    os._exit(0)
os.wait()
time.sleep(600)
"""


class Groups:
    """A directory of control groups, and the namespace in which it is mounted."""

    def __init__(self, holder, mount, name):
        self.holder, self.mount = holder, mount
        self.path = f"{mount}/{name}"
        self.wrapper = ["nsenter", "-m", "-t", str(holder.pid)]
        self.here = Path(f"/proc/{holder.pid}/root{self.path}")

    def settings(self, **more):
        return {"SIP_AGENT_CGROUP": self.path, "wrapper": self.wrapper, **more}

    def names(self):
        return sorted(path.name for path in self.here.iterdir() if path.is_dir())

    def pids(self, name):
        return [int(pid) for pid in (self.here / name / "cgroup.procs").read_text().split()]

    def of(self, call):
        """The groups of CALL."""
        return [name for name in self.names() if name.startswith(f"{call.sid}.")]


@pytest.fixture
def groups():
    with tempfile.TemporaryDirectory(prefix="sipbridge-cgroup-") as mount:
        holder = subprocess.Popen(["unshare", "-m", "sh", "-c", f'mount -t cgroup2 none {mount} && echo up && exec sleep 900'],
                                  stdout=subprocess.PIPE, text=True)
        assert holder.stdout.readline() == "up\n", "cgroup2 cannot be mounted: it is needed for these tests"
        made = Groups(holder, mount, f"sipbridge-test-{os.getpid()}-{os.urandom(4).hex()}")
        made.here.mkdir()
        try:
            yield made
            wait_for(lambda: set(made.names()) <= {"daemon"}, "the groups are removed")
        finally:
            (made.here / "cgroup.kill").write_text("1")
            for path in sorted((path for path in made.here.rglob("*") if path.is_dir()), reverse=True):
                wait_for(lambda path=path: remove(path), f"{path} is removed")
            wait_for(lambda: remove(made.here), "the group of the test is removed")
            holder.kill()
            holder.wait()
            holder.stdout.close()


def remove(path):
    with contextlib.suppress(OSError):
        path.rmdir()
    return not path.exists()


def output(daemon, call):
    path = daemon.state / "calls" / f"{call.sid}.log"
    return path.read_text(errors="replace") if path.exists() else ""


def said(daemon, call, word):
    """What the agent of CALL said after WORD."""
    def found():
        return next((line.split(" ", 1)[1] for line in output(daemon, call).splitlines() if line.startswith(f"{word} ")), None)
    return wait_for(found, f"the agent says {word}")


def hiding(start, script=HIDES, **settings):
    return start(rules=ANY, agents=lambda d: {"it": d.entry(command=[*PYTHON, "-c", script])}, **settings)


def pid_is(daemon, call, pid):
    return wait_for(lambda: {c["sid"]: c["pid"] for c in daemon.calls()}.get(call.sid) == pid, f"{pid} is the agent")


def ring(daemon):
    call = Call()
    daemon.post(*call.ringing())
    return call


@pytest.mark.parametrize("user", [None, "nobody"])
def test_what_hides_is_gone_with_its_call(groups, start, user):
    daemon = hiding(start, **groups.settings(SIP_AGENT_USER=user))
    daemon.wait_logged("each agent has a control group of its own below")
    one, other = ring(daemon), ring(daemon)
    hidden, neighbour = int(said(daemon, one, "hidden")), int(said(daemon, other, "hidden"))
    assert groups.of(one) and groups.of(other) and said(daemon, one, "in") == f"/{Path(groups.path).name}/{groups.of(one)[0]}"
    assert hidden in groups.pids(groups.of(one)[0]) and neighbour in groups.pids(groups.of(other)[0])
    assert daemon.process.pid not in groups.pids(groups.of(one)[0])
    daemon.post(*one.hung_up())
    daemon.wait_gone(hidden)
    wait_for(lambda: not groups.of(one), "its group is removed")
    assert daemon.wait_logged("left a process behind in its control group: SIGKILL to it")["call"] == one.sid
    assert is_alive(neighbour) and groups.of(other)
    assert not daemon.logged("cannot be told"), "the neighbour's is known by its group"
    daemon.post(*other.hung_up())
    daemon.wait_gone(neighbour)
    wait_for(lambda: not groups.of(other), "its group is removed, too")


def test_without_groups_it_is_reported_and_never_killed(start):
    daemon = hiding(start, SIP_AGENT_CGROUP="off")
    call = ring(daemon)
    hidden = int(said(daemon, call, "hidden"))
    try:
        daemon.post(*call.hung_up())
        assert daemon.wait_logged("which of them cannot be told")["pid"] == hidden
        holds_for(lambda: is_alive(hidden), 0.3, "it is left alone")
        assert not daemon.logged("control group")
    finally:
        os.kill(hidden, signal.SIGKILL)


def test_a_crowd_that_ignores_all_signals_and_multiplies(groups, start):
    script = ("import os, signal, sys, time\n"
              "for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(number, signal.SIG_IGN)\n"
              "def multiply():\n"
              "    while True:\n"
              "        if os.fork() == 0:\n"
              "            os.setsid()\n"
              "            time.sleep(0.05)\n"
              "        else: os._exit(0)\n"
              "for _ in range(5):\n"
              "    if os.fork() == 0: multiply()\n"
              "print('hidden', os.getpid(), flush=True)\n"
              "time.sleep(600)\n")
    daemon = hiding(start, script, **groups.settings(SIP_STOP_TIMEOUT="100ms"))
    call = ring(daemon)
    said(daemon, call, "hidden")
    wait_for(lambda: len(groups.pids(groups.of(call)[0])) >= 4, "they multiply")
    daemon.post(*call.hung_up())
    wait_for(lambda: not groups.of(call), "all are gone at once, and the group")


def test_groups_below_a_group_are_removed_too(groups, start):
    script = ("import os, signal\n"
              f"own = {groups.mount!r} + open('/proc/self/cgroup').read().split('0::')[1].strip()\n"
              "os.makedirs(own + '/a/b')\n"
              "open(own + '/a/b/cgroup.procs', 'w').write(str(os.getpid()))\n"
              "print('hidden', os.getpid(), flush=True)\n"
              "signal.pause()\n")
    daemon = hiding(start, script, **groups.settings())
    call = ring(daemon)
    said(daemon, call, "hidden")
    daemon.post(*call.hung_up())
    wait_for(lambda: not groups.of(call), "the group is removed with those below")


def test_replaced_agent_has_a_group_of_its_own(groups, start):
    daemon = hiding(start, **groups.settings())
    call = ring(daemon)
    hidden, first = int(said(daemon, call, "hidden")), groups.of(call)
    os.kill(wait_for(lambda: daemon.status()["process_pids"].get(call.room), "a process"), signal.SIGKILL)
    daemon.wait_gone(hidden)
    wait_for(lambda: groups.of(call) and groups.of(call) != first, "another agent in another group")
    daemon.post(*call.hung_up())
    wait_for(lambda: not groups.of(call), "the group is removed")


def test_starts_that_fail_leave_no_group(groups, start, tmp_path):
    program = tmp_path / "agent"
    program.write_text("#!/nonexistent/interpreter\n")
    program.chmod(0o755)
    daemon = start(rules=ANY, **groups.settings(), agents=lambda d: {"it": d.entry(command=[str(program)])})
    call = ring(daemon)
    daemon.wait_logged("the interpreter named in its first line")
    wait_for(lambda: not groups.of(call), "no group is left")


# A standby that says it is ready, and hides a process when it has its call.
STANDS_BY = ("import os, socket, sys\n"
             "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1', os.environ['NOTIFY_SOCKET'])\n"
             "sys.stdin.readline()\n" + HIDES)


def standing_by(start, **settings):
    daemon = start(agents=lambda d: {"support": d.entry(command=[*PYTHON, "-c", STANDS_BY], standby=1)}, **settings)
    wait_ready(daemon)
    return daemon


def wait_ready(daemon):
    return wait_for(lambda: daemon.status()["standbys"].get("support", {}).get("ready") == 1, "one stands by")


def group_of(groups, pid):
    return next((name for name in groups.names() if name != "daemon" and pid in groups.pids(name)), None)


def test_standby_that_got_a_call_leaves_nothing(groups, start):
    """Its group has the name that it was started under, not that of its call."""
    daemon = standing_by(start, **groups.settings())
    call = ring(daemon)
    hidden = int(said(daemon, call, "hidden"))
    group = group_of(groups, hidden)
    assert group and said(daemon, call, "in").endswith("/" + group)
    daemon.post(*call.hung_up())
    daemon.wait_gone(hidden)
    wait_for(lambda: group not in groups.names(), "its group is removed")
    assert daemon.wait_logged("left a process behind in its control group: SIGKILL to it")["call"] == call.sid


# --- the next start ---

def test_adopted_agents_keep_their_groups_and_leave_nothing(groups, keep):  # noqa: F811
    daemon = hiding(keep, **groups.settings(SIP_ON_EXIT="keep"))
    call = ring(daemon)
    hidden = int(said(daemon, call, "hidden"))
    agent, before = wait_kept(daemon, call, process="running")["pid"], groups.of(call)
    restart(daemon)
    assert pid_is(daemon, call, agent) and groups.of(call) == before
    holds_for(lambda: is_alive(hidden) and is_alive(agent), 0.3, "both live on")
    daemon.post(*call.hung_up())
    daemon.wait_gone(hidden)
    daemon.wait_gone(agent)
    wait_for(lambda: not groups.of(call), "the group is removed")


def test_standby_that_got_a_call_leaves_nothing_after_a_restart(groups, keep):  # noqa: F811
    daemon = standing_by(keep, **groups.settings(SIP_ON_EXIT="keep"))
    call = ring(daemon)
    hidden = int(said(daemon, call, "hidden"))
    agent, group = wait_kept(daemon, call, process="running")["pid"], group_of(groups, hidden)
    restart(daemon)
    assert pid_is(daemon, call, agent) and is_alive(hidden) and group in groups.names()
    daemon.post(*call.hung_up())
    daemon.wait_gone(hidden)
    daemon.wait_gone(agent)
    wait_for(lambda: group not in groups.names(), "its group is removed")


def test_groups_of_a_former_start_end_when_their_call_is_unknown(groups, keep):  # noqa: F811
    """The agent and all its kin have cleaned environments: only the group's name tells whose they are."""
    daemon, other = (hiding(keep, **groups.settings(SIP_ON_EXIT="keep")) for _ in range(2))
    call, theirs = ring(daemon), ring(other)
    hidden, neighbour = int(said(daemon, call, "hidden")), int(said(other, theirs, "hidden"))
    agent = wait_kept(daemon, call, process="running")["pid"]
    kill(daemon)
    (daemon.state / "journal" / f"{call.sid}.json").unlink()
    os.kill(agent, signal.SIGKILL)
    daemon.wait_gone(agent)
    start_again(daemon)
    daemon.wait_gone(hidden)
    assert daemon.wait_logged("of a former start left in its control group")["pid"] == hidden
    wait_for(lambda: not groups.of(call), "the group is removed")
    assert is_alive(neighbour) and groups.of(theirs), "that of another state directory is left alone"
    other.post(*theirs.hung_up())
    other.wait_gone(neighbour)
    wait_for(lambda: not groups.of(theirs), "its group is removed before it is told to stop")


def test_start_that_was_interrupted_is_found_by_its_group(groups, keep):  # noqa: F811
    """Killed after the start and before the pid was written; the agent has no SIP_INSTANCE to be seen."""
    daemon = keep(rules=ANY, **groups.settings(), agents=lambda d: {
        "it": d.entry(command=["/usr/bin/env", "-i", "/bin/sh", "-c", "echo hidden $$; while :; do sleep 1; done"])})
    call = ring(daemon)
    agent = int(said(daemon, call, "hidden"))
    entry = wait_kept(daemon, call, process="running")
    kill(daemon)
    del entry["pid"], entry["birth"]
    entry["facts"]["process"] = "starting"
    (daemon.state / "journal" / f"{call.sid}.json").write_text(json.dumps(entry))
    start_again(daemon)
    assert pid_is(daemon, call, agent) and is_alive(agent)
    daemon.post(*call.hung_up())
    daemon.wait_gone(agent)
    wait_for(lambda: not groups.of(call), "the group is removed")


# --- whose group it is ---

def delegated(groups):
    """To an ordinary user, as systemd does, with a process in it."""
    for name in (".", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"):
        os.chown(groups.here / name, NOBODY, NOBODY)
    enter = f'echo $$ > {groups.path}/cgroup.procs && exec "$@"'
    return [*groups.wrapper, "sh", "-c", enter, "sh", "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def owned(daemon, script):
    for path in (daemon.dir, daemon.state, daemon.notes):
        os.chown(path, NOBODY, NOBODY)
    return {"it": daemon.entry(command=[*PYTHON, "-c", script], cwd="/")}


def test_agents_that_proc_hides_are_taken_back_by_their_group(groups, keep):  # noqa: F811
    """Of another user, without CAP_SYS_PTRACE, behind ProtectProc=invisible."""
    script = "import os, time; print('hidden', os.getpid(), flush=True); time.sleep(600)"
    caps = ",".join(f"+{name}" for name in ("setuid", "setgid", "kill", "chown"))
    hide = ["sh", "-c", 'mount -t proc -o hidepid=2 proc /proc && exec "$@"', "sh"]
    wrapper = delegated(groups)
    at = wrapper.index("setpriv")
    wrapper = [*wrapper[:at], *hide, *wrapper[at:], f"--inh-caps={caps}", f"--ambient-caps={caps}"]
    daemon = keep(rules=ANY, agents=lambda d: owned(d, script), SIP_ON_EXIT="keep", SIP_AGENT_USER="4242:4243",
                  SIP_AGENT_CGROUP=groups.path, wrapper=wrapper)
    call = ring(daemon)
    agent = int(said(daemon, call, "hidden"))
    wait_kept(daemon, call, process="running")
    restart(daemon)
    assert pid_is(daemon, call, agent)
    holds_for(lambda: is_alive(agent) and len(groups.of(call)) == 1, 0.6, "it is the call's one agent")
    daemon.post(*call.hung_up())
    daemon.wait_gone(agent)
    wait_for(lambda: not groups.of(call), "the group is removed")


def test_own_group_is_used_where_it_was_delegated(groups, start):
    """The mount point is the first of cgroup2 in the namespace, as the kernel lists them."""
    first = next(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup2 " in line) \
        if " - cgroup2 " in Path("/proc/self/mountinfo").read_text() else groups.mount
    daemon = start(rules=ANY, wrapper=delegated(groups), agents=lambda d: owned(d, HIDES))
    assert f"below {first}/{Path(groups.path).name}" in daemon.wait_logged("control group of its own")["message"]
    assert groups.pids(".") == [] and daemon.process.pid in groups.pids("daemon"), "the daemon is in a leaf"
    call = ring(daemon)
    hidden = int(said(daemon, call, "hidden"))
    assert said(daemon, call, "in").endswith("/" + groups.of(call)[0])
    daemon.post(*call.hung_up())
    daemon.wait_gone(hidden)


def test_a_group_that_nobody_gave_us_is_left_alone(start):
    daemon = hiding(start, "import time; print('hidden', 1, flush=True); time.sleep(600)")
    call = ring(daemon)
    said(daemon, call, "hidden")
    assert not daemon.logged("control group")
    daemon.post(*call.hung_up())


@pytest.mark.parametrize("where, limit, said", [
    ("", {"SIP_AGENT_MEMORY_MAX": "1GiB"}, ["SIP_AGENT_MEMORY_MAX", "delegated to us", "Delegate=yes"]),
    ("off", {"SIP_AGENT_PIDS_MAX": "9"}, ["SIP_AGENT_PIDS_MAX", "delegated to us"]),
    ("/tmp", {}, ["SIP_AGENT_CGROUP", "/tmp is no control group of version 2"]),
    ("/nonexistent", {}, ["SIP_AGENT_CGROUP", "/nonexistent cannot be opened"]),
    ("groups", {}, ["SIP_AGENT_CGROUP", "absolute path", "or off"]),
    ("{groups}", {"SIP_AGENT_MEMORY_MAX": "1GiB"}, ["SIP_AGENT_MEMORY_MAX", "cannot hand on its memory controller", "it has:"]),
    ("{groups}", {"SIP_AGENT_PIDS_MAX": "10"}, ["SIP_AGENT_PIDS_MAX", "cannot hand on its pids controller", "it has:"]),
])
def test_what_cannot_be_is_refused_at_the_start(tmp_path, groups, where, limit, said):  # noqa: F811
    run = subprocess.run([*groups.wrapper, binary(), "serve"], capture_output=True, text=True, timeout=120, env={
        "LIVEKIT_API_KEY": "devkey", "LIVEKIT_API_SECRET": "0" * 32, "SIP_STATE_DIR": str(tmp_path / "state"),
        "SIP_AGENT_COMMAND": "/bin/true", "SIP_LISTEN": "127.0.0.1:0", "SIP_ADMIN_LISTEN": "",
        "SIP_AGENT_CGROUP": where.format(groups=groups.path), **limit})
    assert run.returncode in (1, 2), run.stdout
    for part in said:
        assert part in run.stderr, run.stderr
