"""What surrounds the bridge fails, and comes back: the disk, the clock, Redis, LiveKit; and a crowd of strangers at the door.
Calls live on, health names what is wrong, and all is well again afterwards."""
import contextlib
import os
import resource
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

import livekit
import odd_livekit as odd
import pytest
from daemon import HERE, PYTHON, cpu_seconds, is_alive, processes_marked, starting, wait_for
from livekit import Call
from servers import Redis
from test_webhooks import faketime_library

ANY = [{"pattern": "*", "agent_name": "support"}]
SPEAKING = [*PYTHON, str(HERE / "small_agent.py")]
# Says much, and does not mind when that has no room.
TALKATIVE = ["/bin/sh", "-c", "read line; : >$AGENT_OUT/$SIP_CALL_SID.$$.up; exec 2>/dev/null; trap 'echo more' USR1; echo here; "
             "sleep 1000 & while :; do wait; done"]
FLAPS, LONG_FLAPS = 6, 60


@pytest.fixture
def start():
    """As the integration tests have it; what a daemon left to the next start is ended."""
    with starting() as make:
        made = []

        def remember(**settings):
            made.append(make(**settings))
            return made[-1]
        yield remember
        for daemon in made:
            for pid in processes_marked(daemon.mark()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@pytest.fixture
def redis():
    with Redis() as server:
        yield server


def agents(*names):
    return lambda daemon: {name: daemon.entry(command=SPEAKING) for name in names or ("support",)}


def pid_of(daemon, call):
    """Of the agent of CALL, once there is one that is alive."""
    def found():
        pids = [int(path.name.split(".")[1]) for path in daemon.notes.glob(f"{call.sid}.*.up")]
        return [pid for pid in pids if is_alive(pid)]
    pids = wait_for(found, f"an agent of {call.sid}")
    assert len(pids) == 1, f"the call {call.sid} has the agents {pids}"
    return pids[0]


def begin(daemon, call=None, server=None):
    call = call or Call()
    if server:
        server.add(call)
    daemon.post(*call.ringing())
    pid = pid_of(daemon, call)
    if server:
        server.add(call, odd.phone(call), odd.agent(call))
    daemon.post(*call.answered())
    return call, pid


def end(daemon, call, pid, server=None):
    if server:
        server.remove(call)
    daemon.post(*call.hung_up())
    wait_for(lambda: not is_alive(pid), f"the agent of {call.sid} is gone")


def until_healthy(daemon):
    try:
        wait_for(lambda: daemon.health()["status"] == "healthy", "all is well", 60)
    except AssertionError as error:
        raise AssertionError(f"{error}: {daemon.health()}") from None


# --- the disk ---

@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "none", str(place)], capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here; busy-write-ENOSPC-stays of test_faults.py shows the same of the journal")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk):
    """Until not one byte more has room, again where some was made."""
    with open(disk / "ballast", "ab", buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(b"x" * 4096):
                pass


def begin_on_full_disk(daemon, disk):
    """A call of which nothing can be kept: it rings and is answered all the same; [(call, pid)]. More than one where what the
    daemon had still to write when the disk was filled has made room again."""
    late = []
    while len(late) < 10:
        fill(disk)
        late.append(begin(daemon))
        with contextlib.suppress(AssertionError):
            wait_for(lambda: "journal of calls cannot be written" in daemon.health()["message"], "health names it", 5)
            return late
    raise AssertionError(f"health does not name the full disk: {daemon.health()}")


def test_full_disk(start, small_disk):
    """Journal, the agents' output and the log are on it."""
    log = small_disk / "log"
    state = small_disk / "state"
    state.mkdir(mode=0o700)
    daemon = start(rules=ANY, agents=lambda d: {"support": d.entry(command=TALKATIVE)}, SIP_ON_EXIT="keep", SIP_STATE_DIR=str(state), SIP_REJOIN_GRACE="0s",
                   SIP_LISTEN=f"unix:{small_disk}/public.sock", LOG=str(log),
                   wrapper=("/bin/sh", "-c", 'exec "$0" "$@" >>"$LOG"'))
    early, first = begin(daemon)
    late = begin_on_full_disk(daemon, small_disk)
    second = late[-1][1]
    os.kill(second, signal.SIGUSR1)  # its output has no room either
    early_over, third = begin(daemon)
    end(daemon, early_over, third)
    assert is_alive(first) and is_alive(second)
    (small_disk / "ballast").unlink()
    until_healthy(daemon)
    wait_for(lambda: "the journal can be written again" in log.read_text(errors="replace"), "and the log has words again")
    daemon.process.kill()
    daemon.process.wait()
    daemon.connection = None
    daemon.process.stdout.close()
    daemon.start()
    assert {call["pid"] for call in daemon.calls()} == {first, *(pid for _, pid in late)}, "a restart harms no call"
    for call, pid in [(early, first), *late]:
        end(daemon, call, pid)


# --- the clock ---

@pytest.mark.parametrize("hours", [1, -1])
def test_clock_jumps_under_calls(start, tmp_path, hours):
    stamp = tmp_path / "offset"
    stamp.write_text("+0")
    daemon = start(rules=ANY, agents=agents(), LD_PRELOAD=faketime_library(), FAKETIME_NO_CACHE="1",
                   FAKETIME_DONT_FAKE_MONOTONIC="1", FAKETIME_TIMESTAMP_FILE=str(stamp))
    calls = [begin(daemon) for _ in range(5)]
    (tmp_path / "new").write_text(f"{3600 * hours:+d}")
    (tmp_path / "new").rename(stamp)
    late = Call()
    body = livekit.encode(late.room_started())
    assert daemon.post_raw(body, livekit.webhook_token(body)) == 401, "tokens are judged by the clock there is"

    def tell(event):
        body = livekit.encode(event)
        assert daemon.post_raw(body, livekit.webhook_token(body, now=time.time() + 3600 * hours)) == 200
    for event in late.ringing():
        tell(event)
    pid = pid_of(daemon, late)
    used, turns = cpu_seconds(daemon.process.pid), 200
    for _ in range(turns):
        assert daemon.get("/livez")[0] == 200
    assert cpu_seconds(daemon.process.pid) - used < 1, f"CPU time of {turns} looks: it spins"
    assert all(is_alive(agent) for _, agent in calls), "no deadline is on that clock"
    for call, agent in [*calls, (late, pid)]:
        for event in call.hung_up():
            tell(event)
        wait_for(lambda agent=agent: not is_alive(agent), "its agent is gone")


# --- Redis and LiveKit come and go ---

def flaps(request):
    return LONG_FLAPS if request.config.getoption("--all") else FLAPS


def row(record_property, what, times, calls, healed):
    record_property("row", (what, times, calls, 0, 0, 0, f"{max(healed):.2f} s"))


def test_redis_flaps(start, redis, request, record_property):
    """Each time it goes, calls go by the last known rules; each time it comes, by the newest."""
    daemon = start(rules=False, agents=agents("even", "odd"), REDIS_URL=redis.url)
    staying = None
    healed, names = [], ("even", "odd")
    for number in range(flaps(request)):
        redis("SET", "sip_dispatch_rules", '[{"pattern": "*", "agent_name": "%s"}]' % names[number % 2])
        began = time.monotonic()
        until_healthy(daemon)
        healed.append(time.monotonic() - began)
        wait_for(lambda number=number: agent_of(daemon) == names[number % 2], "the newest rules count")
        staying = staying or begin(daemon)
        redis.kill()
        wait_for(lambda: daemon.health()["message"].startswith("Redis cannot be reached"), "health names Redis")
        assert agent_of(daemon) == names[number % 2], "the last known rules"
        assert is_alive(staying[1])
        redis.start()
    end(daemon, *staying)
    row(record_property, "Redis flaps", len(healed), 3 * len(healed), healed)


def agent_of(daemon):
    """Who answers a call now."""
    call, pid = begin(daemon)
    name = next(shown["agent"] for shown in daemon.calls() if shown["sid"] == call.sid)
    end(daemon, call, pid)
    return name


def test_livekit_flaps(start, request, record_property):
    """Its API resets every connection and comes back; calls that begin and end meanwhile are begun and ended then."""
    healed = []
    with odd.OddLiveKit() as server:
        daemon = start(rules=ANY, agents=agents(), LIVEKIT_API_URL=server.url, SIP_RECONCILE="1s", SIP_REJOIN_GRACE="0s")
        staying, pid = begin(daemon, server=server)
        for _ in range(flaps(request)):
            ending, ending_pid = begin(daemon, server=server)
            server.behave(odd.reset)
            wait_for(lambda: "LiveKit's API cannot be reached" in daemon.health()["message"], "health names LiveKit", 60)
            end(daemon, ending, ending_pid, server)
            coming = Call()
            server.add(coming)
            daemon.post(*coming.ringing())
            server.behave(odd.well)
            began = time.monotonic()
            coming_pid = pid_of(daemon, coming)
            until_healthy(daemon)
            healed.append(time.monotonic() - began)
            server.add(coming, odd.phone(coming), odd.agent(coming))
            daemon.post(*coming.answered())
            assert is_alive(pid) and pid_of(daemon, staying) == pid
            end(daemon, coming, coming_pid, server)
        end(daemon, staying, pid, server)
        wait_for(lambda: not daemon.calls(), "nothing is left")
    row(record_property, "LiveKit flaps", len(healed), 3 * len(healed), healed)


# --- a crowd at the door ---

CROWD, PEERS = 10000, 100  # idle connections, from so many addresses


@contextlib.contextmanager
def many_descriptors(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count:
        pytest.fail(f"needs {count} descriptors, {hard} are allowed: raise ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def resident_kib(daemon):
    text = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


def connect_from(number, port):
    stranger = socket.socket()
    stranger.setblocking(False)
    stranger.bind((f"127.0.1.{1 + number % PEERS}", 0))
    stranger.connect_ex(("127.0.0.1", port))
    return stranger


def closed(strangers):
    """How many of them were closed by the daemon."""
    poll = select.poll()
    for stranger in strangers:
        poll.register(stranger, select.POLLIN | select.POLLRDHUP)
    return len(poll.poll(0))


def test_ten_thousand_idle_connections(start):
    with many_descriptors(CROWD + 1000):
        daemon = start(rules=ANY, agents=agents(), LOG_LEVEL="info")
        staying, pid = begin(daemon)
        before, strangers = resident_kib(daemon), []
        try:
            for number in range(CROWD):
                strangers.append(connect_from(number, daemon.port()))
                if number % 100 == 99:
                    daemon.post(staying.caller_track())  # who is known is served, in the middle of them
            at_once = 1024  # max_connections
            # The kernel itself turns some away, and does not tell them all.
            wait_for(lambda: closed(strangers) > CROWD / 2, "the idlest are closed, one after the other", 60)
            grown = resident_kib(daemon) - before
            print(f"{CROWD} idle connections: {grown} KiB more")
            assert grown < 64 * 1024, f"{grown} KiB more"
            assert len(os.listdir(f"/proc/{daemon.process.pid}/fd")) < at_once + 100
            late, late_pid = begin(daemon)
            end(daemon, late, late_pid)
            assert is_alive(pid)
        finally:
            for stranger in strangers:
                stranger.close()
        end(daemon, staying, pid)


SLOW = 200
SLOW_STARTS = (b"POST /webhooks/livekit HTTP/1.1\r\nHost: x\r\n",
               b"POST /webhooks/livekit HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")


def test_slow_heads_and_slow_bodies(start):
    """A byte now and then keeps nobody's connection open beyond its time; calls go on meanwhile."""
    daemon = start(rules=ANY, agents=agents(), LOG_LEVEL="info")
    staying, pid = begin(daemon)
    slow = [connect_from(number, daemon.port()) for number in range(SLOW)]
    try:
        wait_for(lambda: select.select([], slow, [], 0)[1] == slow, "all are connected")
        for number, stranger in enumerate(slow):
            stranger.send(SLOW_STARTS[number % 2])

        def all_closed():
            for stranger in slow:
                with contextlib.suppress(OSError):
                    stranger.send(b"x")
            daemon.post(staying.caller_track())
            return closed(slow) == SLOW
        wait_for(all_closed, "all are closed", 60)
        late, late_pid = begin(daemon)
        end(daemon, late, late_pid)
    finally:
        for stranger in slow:
            stranger.close()
    assert is_alive(pid)
    end(daemon, staying, pid)
