"""The Debian package in a bare Debian: installed, configured, run, upgraded under calls, removed, purged."""
import shutil
import subprocess
import time

from conftest import NEW_VERSION
from daemon import ROOT, wait_for
from livekit import Call
from service import Service

CALLS = 20
AGENT = "SIP_AGENT_COMMAND='/bin/sh /opt/agent.sh'"
NO_LIVEKIT = "LIVEKIT_API_URL=off"
SERVE = ["sipbridge", "serve", "--env-file", "/etc/sipbridge/sipbridge.env"]


def field(package, name):
    return subprocess.run(["dpkg-deb", "-f", str(package), name], capture_output=True, text=True, check=True).stdout.strip()


def rights(root, *names):
    return root.run("stat", "-c", "%a %U:%G", *names).stdout.split("\n")[:-1]


def ready(root, packages):
    """sipbridge installed and configured with the least: LiveKit's key, its secret, and one command for every call."""
    root.install(packages["0.1.0"])
    shutil.copy(ROOT / "deploy/try/agent.sh", root.path("opt/agent.sh"))
    service = Service(root)
    service.configure(AGENT, NO_LIVEKIT)
    return service


def test_lintian_finds_nothing(packages):
    run = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0",
                          str(packages["0.1.0"])], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0 and run.stdout == "", run.stdout + run.stderr


def test_dependencies_are_those_of_the_binary(packages):
    depends = field(packages["0.1.0"], "Depends")
    wanted = subprocess.run([str(ROOT / "deploy/packages.sh"), "--list", "run"], capture_output=True, text=True, check=True)
    for name in [*wanted.stdout.split(), "libc6", "adduser"]:
        assert name in [one.split()[0] for one in depends.split(", ")], depends


def check_installed(root):
    assert rights(root, "/etc/sipbridge", "/etc/sipbridge/sipbridge.env", "/var/lib/sipbridge") == [
        "750 root:sipbridge", "640 root:sipbridge", "700 sipbridge:sipbridge"]
    assert root.run("getent", "passwd", "sipbridge").stdout.split(":")[5:] == ["/var/lib/sipbridge", "/usr/sbin/nologin\n"]
    assert root.run("sipbridge", "--version").stdout.split()[-1] == "0.1.0"
    for name in ("bash-completion/completions/sipbridge", "zsh/vendor-completions/_sipbridge", "doc/sipbridge/copyright"):
        assert root.path(f"usr/share/{name}").is_file(), name
    assert root.run("dpkg", "--verify", "sipbridge").stdout == ""


def check_not_started(root):
    assert not list(root.path("etc/systemd/system").rglob("sipbridge*")), "it is enabled before it is configured"
    assert root.run("pidof", "sipbridge", check=False).returncode == 1, "it runs before it is configured"
    unconfigured = root.run(*SERVE, user="sipbridge", check=False)
    assert unconfigured.returncode == 2 and "LIVEKIT_API_KEY: is not set" in unconfigured.stderr


def check_unreadable(root):
    stranger = root.run(*SERVE, user="nobody", check=False)
    assert stranger.returncode == 2 and "/etc/sipbridge/sipbridge.env: cannot be read: Permission denied" in stranger.stderr
    root.run("chgrp", "root", "/etc/sipbridge/sipbridge.env")
    ours = root.run(*SERVE, user="sipbridge", check=False)
    assert ours.returncode == 2 and "cannot be read: Permission denied" in ours.stderr
    root.run("chgrp", "sipbridge", "/etc/sipbridge/sipbridge.env")


def test_first_call_from_a_bare_debian(root, packages, record_property):
    """The recorded call of deploy/try.sh, played by the installed command to the installed daemon."""
    began = time.monotonic()
    service = ready(root, packages)
    installed = time.monotonic() - began
    assert service.start()["status"] == "healthy", service.log()
    shutil.copy(ROOT / "tests/fixtures/recordings/answered.jsonl", root.path("tmp"))
    root.run("sipbridge", "replay", "--speed", "4", "--env-file", "/etc/sipbridge/sipbridge.env", "/tmp/answered.jsonl")
    wait_for(lambda: "answered: " in service.log(), "the call is answered")
    took = time.monotonic() - began
    record_property("bare Debian to the first answered call", f"{took:.1f} s, of which the installation {installed:.1f} s")
    wait_for(lambda: "call ended" in service.log(), "the call has ended")


def check_logs_are_turned_over(root):
    root.run("install", "-d", "-o", "sipbridge", "-g", "sipbridge", "-m", "0750", "/var/log/sipbridge")
    root.run("sh", "-c", "echo '{}' >/var/log/sipbridge/calls.jsonl && chown sipbridge: /var/log/sipbridge/calls.jsonl")
    assert root.run("logrotate", "--force", "/etc/logrotate.d/sipbridge").stderr == ""
    assert rights(root, "/var/log/sipbridge/calls.jsonl.1") == ["644 sipbridge:sipbridge"]
    assert root.run("ls", "/var/log/sipbridge").stdout.split() == ["calls.jsonl.1"], "sipbridge makes the next one itself"


def test_before_it_is_configured_and_started_wrongly(root, packages):
    root.install(packages["0.1.0"], "logrotate")
    check_logs_are_turned_over(root)
    check_installed(root)
    check_not_started(root)
    service = Service(root)
    service.configure(AGENT, NO_LIVEKIT)
    check_unreadable(root)
    service.start()
    twice = root.run(*SERVE, user="sipbridge", check=False)
    assert twice.returncode == 1 and "is in use by another sipbridge" in twice.stderr
    assert service.wait_up()["status"] == "healthy"


def talk(service, calls):
    for call in calls:
        service.post(*call.ringing(), *call.answered())

    def up():
        told = service.calls()
        return all(told.get(call.sid, {}).get("pid") for call in calls) and told
    try:
        told = wait_for(up, "every call has its agent")
    except AssertionError:
        print(service.log()[:6000])
        raise
    return {call.sid: told[call.sid]["pid"] for call in calls}


def test_upgraded_under_calls(root, packages):
    """dpkg's new files, the restart by the package's own script, and not one call dropped; and back again."""
    service = ready(root, packages)
    service.pretend_systemd()
    service.start()
    calls = [Call(caller=f"+1555000{n:04}") for n in range(CALLS)]
    agents = talk(service, calls)
    assert len(set(agents.values())) == CALLS
    before = service.pid()
    root.install(packages[NEW_VERSION])
    assert "--quiet --system restart sipbridge.service" in service.asked(), service.asked()
    late = Call()
    service.post(*late.ringing())
    wait_for(lambda: root.path("run/sipbridge.pid").exists() and service.pid() != before, "another process serves")
    assert root.run("readlink", f"/proc/{service.pid()}/exe").stdout == "/usr/bin/sipbridge\n", "it runs the former binary"
    assert root.run("dpkg-query", "-W", "-f", "${Version}", "sipbridge").stdout == f"{NEW_VERSION}-1"
    assert AGENT in root.path("etc/sipbridge/sipbridge.env").read_text(), "the settings were replaced"
    assert rights(root, "/etc/sipbridge/sipbridge.env") == ["640 root:sipbridge"]
    wait_for(lambda: len(service.calls()) == CALLS + 1, "every call is taken back")
    told = service.calls()
    assert {sid: told[sid]["pid"] for sid in agents} == agents, "a call has another agent"
    alive = root.run("sh", "-c", "for pid in \"$@\"; do kill -0 $pid && echo $pid; done", "sh", *map(str, agents.values()))
    assert len(alive.stdout.split()) == CALLS, "an agent died"
    before = service.pid()
    root.install(packages["0.1.0"], "--allow-downgrades")
    wait_for(lambda: root.path("run/sipbridge.pid").exists() and service.pid() != before, "the older version serves")
    assert root.run("dpkg-query", "-W", "-f", "${Version}", "sipbridge").stdout == "0.1.0-1"
    wait_for(lambda: len(service.calls()) == CALLS + 1, "the older version takes every call back")
    told = service.calls()
    assert {sid: told[sid]["pid"] for sid in agents} == agents, "a call has another agent of the older version"
    service.post(*(event for call in [*calls, late] for event in call.hung_up()))
    wait_for(lambda: not service.calls(), "the calls have ended")
    wait_for(lambda: root.run("pidof", "-x", "agent.sh", check=False).returncode == 1, "the agents are gone")


def test_removed_and_purged(root, packages):
    service = ready(root, packages)
    service.pretend_systemd()
    service.start()
    for wants, unit in (("multi-user", "sipbridge.service"), ("sockets", "sipbridge.socket"), ("sockets", "sipbridge-admin.socket")):
        root.path(f"etc/systemd/system/{wants}.target.wants").mkdir(parents=True, exist_ok=True)
        root.path(f"etc/systemd/system/{wants}.target.wants/{unit}").symlink_to(f"/usr/lib/systemd/system/{unit}")
    root.write("etc/sipbridge/rules.json", "[]")
    root.run("apt-get", "remove", "-qq", "sipbridge")
    assert "stop sipbridge.service sipbridge.socket sipbridge-admin.socket" in service.asked()
    assert root.path("etc/sipbridge/sipbridge.env").exists() and root.path("var/lib/sipbridge/lock").exists()
    root.run("sh", "-c", f"kill {service.pid()}")
    for _ in range(2):
        root.run("dpkg", "--purge", "sipbridge")
    left = root.run("find", "/", "-xdev", "-name", "*sipbridge*", "-not", "-path", "/proc/*", "-not", "-path", "/run/*",
                    "-not", "-path", "/tmp/*").stdout.split()
    assert left == ["/etc/sipbridge"] and list(root.path("etc/sipbridge").iterdir()) == [root.path("etc/sipbridge/rules.json")]
    root.install(packages["0.1.0"])
    check_installed(root)
