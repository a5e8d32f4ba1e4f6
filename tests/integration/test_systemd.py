"""What a service manager gives and is told, and the units of deploy/systemd by systemd's own judgement."""
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from daemon import ROOT, binary, holds_for, wait_for
from livekit import Call
from manager import Manager, activation, listener
from test_restart import keep, start_again  # noqa: F401 (a fixture)

UNITS = ROOT / "deploy" / "systemd"


@pytest.fixture
def manager():
    with Manager() as made:
        yield made


# --- the protocol ---

def test_ready_when_it_listens_and_has_rules(start, manager):
    daemon = start(**manager.settings())
    manager.wait_told("READY=1")
    assert manager.wait_told("STATUS=") == "STATUS=healthy: ready for calls; calls: 0"
    assert daemon.port() and manager.count("READY=1") == 1
    call = Call()
    daemon.post(*call.ringing())
    manager.wait_told("STATUS=healthy: ready for calls; calls: 1")
    daemon.post(*call.hung_up())
    assert manager.count("WATCHDOG") == 0, "no watchdog was wanted"
    daemon.stop()
    manager.wait_told("STOPPING=1")


def test_abstract_name(start):
    with Manager(abstract=True) as manager:
        start(**manager.settings())
        manager.wait_told("READY=1")


def test_not_ready_while_rules_are_on_their_way(start, manager):
    """Redis takes the connection and does not answer: neither loaded nor known not to be."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        daemon = start(rules=False, agents=False, REDIS_URL=f"redis://127.0.0.1:{mute.getsockname()[1]}", **manager.settings())
        manager.wait_told("STATUS=degraded: ")
        holds_for(lambda: manager.count("READY=1") == 0, 0.5, "it is not ready")
        assert daemon.get("/livez")[0] == 200


def test_ready_when_rules_are_known_not_to_be_had(start, manager):
    start(rules=False, agents=False, REDIS_URL="redis://127.0.0.1:1", **manager.settings())
    manager.wait_told("READY=1")
    assert manager.wait_told("STATUS=degraded: Redis cannot be reached")


def test_ready_without_rules_when_switched_off(start, manager):
    start(ENABLE_SIP_BRIDGE="false", **manager.settings())
    manager.wait_told("STATUS=disabled")
    manager.wait_told("READY=1")


def test_reload_is_told(start, manager):
    daemon = start(**manager.settings())
    manager.wait_told("READY=1")
    daemon.process.send_signal(signal.SIGHUP)
    manager.wait_told("READY=1", 2)
    lines = manager.lines()
    reloading = lines.index("RELOADING=1")
    assert re.fullmatch(r"MONOTONIC_USEC=\d+", lines[reloading + 1])
    assert "READY=1" in lines[reloading:]


def test_drain_asks_for_time(start, manager):
    daemon = start(SIP_ON_EXIT="drain", **manager.settings())
    call = Call()
    daemon.post(*call.ringing())
    daemon.process.terminate()
    manager.wait_told("STOPPING=1")
    manager.wait_told("STATUS=degraded: draining")
    manager.wait_told("EXTEND_TIMEOUT_USEC=", 2)
    daemon.post(call.caller_left())
    assert daemon.process.wait(60) == 0


def test_watchdog_is_served_while_the_loop_turns(start, manager):
    """600 ms: a ping every 200. Stopped, none comes; continued, they do again."""
    daemon = start(**manager.settings(watchdog_us=600_000))
    manager.wait_told("WATCHDOG=1", 3)
    daemon.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T", "it is stopped")
    before = manager.count("WATCHDOG=1")
    holds_for(lambda: manager.count("WATCHDOG=1") <= before + 1, 1.2, "no ping comes from a stopped process")
    before = manager.count("WATCHDOG=1")
    daemon.process.send_signal(signal.SIGCONT)
    manager.wait_told("WATCHDOG=1", before + 2)


def test_watchdog_of_another_process_is_none_of_ours(start, manager):
    start(**manager.settings(watchdog_us=30_000), WATCHDOG_PID=os.getpid())
    manager.wait_told("READY=1")
    holds_for(lambda: manager.count("WATCHDOG=1") == 0, 0.3, "no ping")


def test_manager_that_does_not_read_keeps_nothing(start):
    """The queue of its socket is full: the daemon answers on, and is ready as soon as it can say so."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind("\0sipbridge-test-deaf-%d" % os.getpid())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
            filler.setblocking(False)
            with pytest.raises(BlockingIOError):
                while True:
                    filler.sendto(b"x", deaf.getsockname())
        daemon = start(NOTIFY_SOCKET="@sipbridge-test-deaf-%d" % os.getpid())
        assert daemon.get("/livez")[0] == 200
        deaf.settimeout(10)
        while b"READY=1" not in deaf.recv(4096):
            pass


@pytest.mark.parametrize("name, value, says", [
    ("NOTIFY_SOCKET", "relative/path", "NOTIFY_SOCKET: .*neither the path of a unix socket nor an abstract name"),
    ("WATCHDOG_USEC", "soon", "WATCHDOG_USEC: \"soon\" is no number"),
])
def test_what_cannot_be_understood_stops_the_start(start, name, value, says):
    daemon = start(wait=False, **{name: value})
    assert daemon.process.wait(60) == 1
    assert re.search(says, (daemon.dir / "stderr").read_text())


def test_agents_hear_nothing_of_the_manager(start, manager):
    daemon = start(SIP_AGENT_ENV="*", **manager.settings(watchdog_us=5_000_000))
    call = Call()
    daemon.post(*call.ringing())
    pid = daemon.wait_agent(call)["pid"]
    environ = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    assert not [v for v in environ if v.startswith(("WATCHDOG_", "LISTEN_")) or v == f"NOTIFY_SOCKET={manager.address}"]
    daemon.post(*call.hung_up())


# --- sockets that were handed over ---

def test_handed_over_sockets_by_name(start):
    with listener() as public, listener() as admin:
        daemon = start(SIP_LISTEN="127.0.0.1:1", SIP_ADMIN_LISTEN="127.0.0.1:2", **activation(public=public, admin=admin))
        assert daemon.port() == public.getsockname()[1]
        assert daemon.get("/health/sip-bridge-status")[0] == 404, "the public side is that of strangers"
        daemon.wait_logged(rf"listening on fd:4, handed over, port {admin.getsockname()[1]} \(admin\)")
        with socket.create_connection(admin.getsockname()) as connection:
            connection.sendall(b"GET /health/sip-bridge-status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert connection.makefile("rb").readline().split()[1] == b"200", "on a loopback no token is needed"
        call = Call()
        daemon.post(*call.ringing())
        pid = daemon.wait_agent(call)["pid"]
        links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
        inodes = [f"socket:[{os.fstat(held.fileno()).st_ino}]" for held in (public, admin)]
        assert not set(links) & set(inodes), "an agent has our listening sockets"
        daemon.post(*call.hung_up())


def test_names_of_the_units_will_do(start):
    with listener() as public:
        daemon = start(**activation(**{"sipbridge.socket": public}))
        assert daemon.port() == public.getsockname()[1]
        assert daemon.status()["enabled"], "the admin side is as SIP_ADMIN_LISTEN says"


def test_socket_without_a_role_is_refused_or_named_in_the_settings(start):
    with listener() as held:
        daemon = start(wait=False, **activation(web=held))
        assert daemon.process.wait(60) == 1
        assert re.search(r"LISTEN_FDNAMES: fd:3 was handed over as \"web\".*FileDescriptorName= .*public or admin",
                         (daemon.dir / "stderr").read_text())
        assert start(SIP_LISTEN="fd:3", **activation(web=held)).port() == held.getsockname()[1]


def test_sockets_for_another_process_are_left_alone(start):
    daemon = start(LISTEN_PID=os.getpid(), LISTEN_FDS=1, LISTEN_FDNAMES="public")
    assert daemon.wait_logged(r"listening on 127\.0\.0\.1")


@pytest.mark.parametrize("count, says", [("1", "LISTEN_FDS: fd 3 was announced but is not open"), ("99", "at most 16"),
                                         ("many", "\"many\" is no number")])
def test_sockets_that_are_not_there(start, count, says):
    with listener() as held:
        given = activation(public=held)
        given["wrapper"] = [*given["wrapper"], "env", f"LISTEN_FDS={count}"]
        if count == "1":
            given["wrapper"] += ["sh", "-c", 'exec 3>&-; exec "$0" "$@"']
        daemon = start(wait=False, **given)
        assert daemon.process.wait(60) == 1
        assert says in (daemon.dir / "stderr").read_text()


def test_a_held_port_is_open_while_nobody_runs(keep):  # noqa: F811
    """Connections made between two starts wait in the socket and are answered by the next."""
    with listener() as held:
        daemon = keep(**activation(public=held))
        call = Call()
        daemon.post(*call.ringing())
        daemon.process.terminate()
        assert daemon.process.wait(60) == 0
        daemon.connection.close()
        with socket.create_connection(held.getsockname(), timeout=60) as waiting:
            waiting.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            daemon.connection = None
            start_again(daemon)
            assert waiting.makefile("rb").readline().split()[1] == b"200"
        assert [c["sid"] for c in daemon.calls()] == [call.sid]
        daemon.post(*call.hung_up())
        wait_for(lambda: not daemon.calls(), "the call is over")


# What systemd-socket-activate hands on: nothing but what it is told to.
PASSED = [f"--setenv={name}" for name in (
    "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "SIP_ADMIN_LISTEN", "SIP_STATE_DIR", "SIP_LOG_FORMAT", "LIVEKIT_API_URL",
    "SIP_RULES_FILE", "SIP_AGENTS_FILE", "SIP_ON_EXIT", "LOG_LEVEL", "NOTIFY_SOCKET", "ASAN_OPTIONS")]


def test_started_by_systemd_socket_activate(start, manager):
    """systemd's own tool hands the socket over, when the first connection comes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    daemon = start(wait=False, wrapper=["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "--fdname=public", *PASSED],
                   **manager.settings())

    def answers():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return connection.makefile("rb").readline().split()[1:2] == [b"200"]
        except ConnectionRefusedError:
            return False
    wait_for(answers, "sipbridge answers at the socket of systemd-socket-activate")
    wait_for(lambda: daemon.port() == port, "the log names it")


# --- the units ---

@pytest.fixture
def units(tmp_path):
    """The units as they are, with the binary under test."""
    for unit in UNITS.glob("sipbridge*"):
        if unit.suffix in (".service", ".socket"):
            text = unit.read_text().replace("/usr/local/bin/sipbridge", binary())
            (tmp_path / unit.name).write_text(text)
    return tmp_path


def analyze(*args):
    return subprocess.run(["systemd-analyze", "--no-pager", *args], capture_output=True, text=True, timeout=60)


def test_units_are_clean(units):
    assert shutil.which("systemd-analyze"), "deploy/packages.sh test installs systemd"
    run = analyze("--man=no", "verify", *map(str, sorted(units.iterdir())))
    ours = [line for line in (run.stdout + run.stderr).splitlines() if "sipbridge" in line]
    assert run.returncode == 0 and not ours, run.stdout + run.stderr


def test_security_score():
    run = analyze("security", "--offline=true", str(UNITS / "sipbridge.service"))
    score = float(re.search(r"Overall exposure level for sipbridge.service: ([\d.]+)", run.stdout).group(1))
    assert score <= 2.0, run.stdout


def test_units_keep_the_promises():
    """What adoption and a port that stays open need, whatever else is changed here."""
    service = (UNITS / "sipbridge.service").read_text()
    for line in ("Type=notify", "KillMode=process", "StateDirectory=sipbridge", "OOMPolicy=continue", "Delegate=yes",
                 "Sockets=sipbridge.socket sipbridge-admin.socket"):
        assert re.search(rf"^{re.escape(line)}$", service, re.M), line
    for unwanted in ("PrivateTmp=yes", "PrivateUsers=yes", "DynamicUser=yes", "ProtectControlGroups=yes", "ProcSubset=pid"):
        assert unwanted not in service, f"{unwanted}: README.md there says why not"
    for name in ("sipbridge.socket", "sipbridge-admin.socket"):
        assert "PartOf=" not in (UNITS / name).read_text(), "a restart of the service would close the port"
