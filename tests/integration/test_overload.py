"""More calls than this machine can bear, and agents that fail again and again: who is above a limit is told at once,
who has an agent keeps it, and nobody waits for an agent that crashes in a loop."""
import json
import re
import resource
import socket
import statistics
import subprocess
import time

import livekit
import odd_livekit as odd
from daemon import HERE, PYTHON, binary, holds_for, is_alive, starting, wait_for
from livekit import Call
from servers import find

CALLS, LIMIT, CONNECTIONS = 1000, 50, 8
SILENT = "exec sleep 600"  # an agent that costs next to nothing; what LiveKit would tell of it the test tells
ANY = [{"pattern": "*", "agent_name": "support"}]


def shell(daemon, script, **more):
    return daemon.entry(command=[find("sh"), "-c", script], **more)


def one_agent(script):
    return lambda daemon: {"support": shell(daemon, script)}


def signed(event):
    body = livekit.encode(event)
    return body, livekit.webhook_token(body)


def arriving(call):
    """What LiveKit tells while a phone rings, up to the caller's own audio, signed."""
    return [signed(event) for event in (call.room_started(), call.caller_joined(), call.caller_track())]


def ring(daemon, call):
    for body, token in arriving(call):
        assert daemon.post_raw(body, token) == 200


def ended(daemon, why):
    return [record for record in list(daemon.log) if record.get("why") == why]


# --- a thousand calls, a limit of fifty ---

def request_of(signed_event):
    body, token = signed_event
    head = (f"POST /webhooks/livekit HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/webhook+json\r\n"
            f"Authorization: {token}\r\nContent-Length: {len(body)}\r\n\r\n")
    return head + body.decode()


def rush(daemon, calls):
    """All of CALLS within one second, as LiveKit tells them; what rush.py measured."""
    told = daemon.write("rush.json", [request_of(event) for call in calls for event in arriving(call)])
    done = subprocess.run([*PYTHON, str(HERE / "rush.py"), str(daemon.port()), str(CONNECTIONS), "1", str(told)],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_thousand_calls_with_room_for_fifty(capsys):
    with odd.OddLiveKit() as server, starting() as start:
        daemon = start(rules=ANY, agents=one_agent(SILENT), LIVEKIT_API_URL=server.url, SIP_MAX_CALLS=LIMIT,
                       SIP_READY_TIMEOUT="10m", SIP_REJOIN_GRACE="0s", LOG_LEVEL="info")
        calls = [Call(caller=f"+1555{number:07}") for number in range(CALLS)]
        for call in calls:
            server.add(call)
        measured = rush(daemon, calls)
        assert measured["bad"] == 0 and measured["good"] == 3 * CALLS
        wait_for(lambda: len(server.deleted) == CALLS - LIMIT, f"{CALLS - LIMIT} rooms are deleted", timeout=300)

        def settled():
            limits = daemon.status()["limits"]
            return limits if limits["refused"]["calls"] == CALLS - LIMIT else None
        limits = wait_for(settled, "all who are hung up are counted")
        assert limits["calls"] == {"now": LIMIT, "max": LIMIT} and limits["reached"] == "calls"
        assert limits["refused"] == {"calls": CALLS - LIMIT, "starts": 0, "memory": 0}
        served = daemon.calls()
        assert len(served) == LIMIT and all(is_alive(call["pid"]) for call in served)
        assert {call["room"] for call in served} == set(server.rooms), "who was deleted is not who is served"
        reasons = wait_for(lambda: ended(daemon, "OVERLOAD")[CALLS - LIMIT - 1:] and ended(daemon, "OVERLOAD"),
                           "every one of them leaves its record")
        assert len(reasons) == CALLS - LIMIT and all(record["limit"] == "calls" for record in reasons)
        warnings = [r for r in list(daemon.log) if r["level"] == "warning" and "SIP_MAX_CALLS" in r["message"]]
        assert 1 <= len(warnings) < 100, "what is said of each is not a warning each"
        health = daemon.health()
        assert health["status"] == "degraded" and "SIP_MAX_CALLS" in health["message"]
        took = sorted(measured["took_ms"])
        with capsys.disabled():
            print(f"\n  {CALLS} calls ({len(took)} webhooks) in {measured['seconds']:.2f} s: answered in "
                  f"{statistics.median(took):.2f} ms (p50), {took[len(took) * 99 // 100]:.2f} ms (p99)")

        # Room again: the next call is served, and who has an agent was not disturbed.
        left = next(call for call in calls if call.room == served[0]["room"])
        daemon.post(left.caller_left(), left.room_finished())
        wait_for(lambda: daemon.status()["limits"]["reached"] is None, "there is room")
        late = Call(caller="+15559999999")
        server.add(late)
        ring(daemon, late)
        wait_for(lambda: [call for call in daemon.calls() if call["sid"] == late.sid and call["pid"]], "it is served")
        assert all(is_alive(call["pid"]) for call in served[1:])


def test_without_the_api_the_reason_is_logged():
    with starting() as start:
        daemon = start(rules=ANY, agents=one_agent(SILENT), SIP_MAX_CALLS=1)
        first, second = Call(caller="+15550000001"), Call(caller="+15550000002")
        ring(daemon, first)
        ring(daemon, second)
        record = wait_for(lambda: ended(daemon, "OVERLOAD"), "the end is logged")[0]
        assert record["call"] == second.sid and record["limit"] == "calls"
        assert [call["sid"] for call in daemon.calls()] == [first.sid]


def test_starts_within_a_second():
    limit, count = 5, 40
    with odd.OddLiveKit() as server, starting() as start:
        daemon = start(rules=ANY, agents=one_agent(SILENT), LIVEKIT_API_URL=server.url, SIP_MAX_STARTS=limit)
        calls = [Call(caller=f"+1555{number:07}") for number in range(count)]
        for call in calls:
            server.add(call)
        began = time.monotonic()
        for call in calls:
            ring(daemon, call)
        seconds = time.monotonic() - began
        served = wait_for(lambda: all(c["pid"] for c in daemon.calls()) and len(server.deleted) + len(daemon.calls()) == count
                          and daemon.calls(), "every call is served or hung up")
        assert len(served) <= limit * (int(seconds) + 1), "more starts within a second than allowed"
        assert daemon.status()["limits"]["refused"]["starts"] == count - len(served)


def test_a_crash_is_made_up_for_at_the_limit():
    """The agent of a call in progress is replaced although no new call would be served."""
    with odd.OddLiveKit() as server, starting() as start:
        daemon = start(rules=ANY, agents=one_agent(SILENT), LIVEKIT_API_URL=server.url, SIP_MAX_CALLS=1, SIP_MAX_STARTS=1)
        call = Call()
        server.add(call)
        ring(daemon, call)
        pid = wait_for(lambda: daemon.calls()[0]["pid"], "it is served")
        daemon.post(*call.answered())
        subprocess.run(["kill", "-9", str(pid)], check=True)
        again = wait_for(lambda: daemon.calls()[0]["pid"] not in (None, pid) and daemon.calls()[0]["pid"], "a new agent")
        assert is_alive(again) and not server.deleted


# --- memory ---

def pressure(percent):
    return "".join(f"{who} avg10={percent:.2f} avg60=0.00 avg300=0.00 total=0\n" for who in ("some", "full"))


def test_memory_pressure():
    with odd.OddLiveKit() as server, starting() as start:
        def agents(daemon):
            daemon.settings["SIP_PRESSURE_FILE"] = str(daemon.write("memory.pressure", pressure(12)))
            return {"support": shell(daemon, SILENT)}
        daemon = start(rules=ANY, agents=agents, LIVEKIT_API_URL=server.url, SIP_MAX_PRESSURE=40)
        assert daemon.status()["limits"]["memory"] == {"now": 12.0, "max": 40}
        before, during, after = (Call(caller=f"+1555000000{number}") for number in range(3))
        server.add(before)
        ring(daemon, before)
        daemon.write("memory.pressure", pressure(40.01))
        wait_for(lambda: daemon.status()["limits"]["reached"] == "memory", "memory is short")
        assert "memory is short" in daemon.health()["message"]
        server.add(during)
        ring(daemon, during)
        wait_for(lambda: server.deleted == [during.room], "who calls now is hung up")
        assert wait_for(lambda: ended(daemon, "OVERLOAD"), "it is logged")[0]["limit"] == "memory"
        assert [call["sid"] for call in daemon.calls()] == [before.sid]
        (daemon.dir / "memory.pressure").unlink()
        daemon.wait_logged("no memory pressure can be read")
        wait_for(lambda: daemon.status()["limits"]["memory"]["now"] is None, "nothing is known")
        server.add(after)
        ring(daemon, after)
        wait_for(lambda: len([call for call in daemon.calls() if call["pid"]]) == 2, "what is not known limits nothing")


# --- an agent that crashes in a loop ---

LOOP = [{"pattern": "*", "agent_name": "loop"}]


def loop_and_good(daemon):
    """`loop` crashes while the file "broken" is there."""
    daemon.write("broken", "")
    script = f"[ -e {daemon.dir}/broken ] && exit 3; {SILENT}"
    return {"loop": shell(daemon, script, order=2), "support": shell(daemon, SILENT, order=1)}


def agent_of(daemon, call):
    return next((known["agent"] for known in daemon.calls() if known["sid"] == call.sid), None)


def circuit(daemon):
    return daemon.status()["circuits"].get("loop", {"state": "closed", "failures": 0})


def break_it(daemon, server):
    """Calls find out that the agent is broken (two of them when it was whole); they are hung up."""
    for number in range(2):
        call = Call(caller=f"+1555100000{number}")
        server.add(call)
        ring(daemon, call)
        wait_for(lambda call=call: call.room in server.deleted, "its agent failed too often")
        if circuit(daemon)["state"] == "open":
            return
    assert circuit(daemon)["state"] == "open"


def openings(daemon):
    """For how many seconds it was left alone, each time."""
    told = [re.search(r"calls get their next choice for (\d+) s", record["message"]) for record in list(daemon.log)]
    return [int(match.group(1)) for match in told if match]


def while_open(daemon, server, look):
    """LOOK() while the agent is left alone. A busy machine may be too slow for that: then again, for it is left alone for twice
    as long each time."""
    while True:
        before = len(openings(daemon))
        try:
            look()
            failed = None
        except AssertionError as error:
            failed = error
        if circuit(daemon)["state"] == "open" and len(openings(daemon)) == before:
            assert failed is None, failed
            return
        if circuit(daemon)["state"] != "open":
            break_it(daemon, server)


def sipbridge(daemon, *args):
    return subprocess.run([binary(), *args], env=daemon.environment(), capture_output=True, text=True, timeout=120)


def test_a_crash_loop_goes_to_the_next_choice_and_comes_back():
    with odd.OddLiveKit() as server, starting() as start:
        daemon = start(rules=LOOP, agents=loop_and_good, LIVEKIT_API_URL=server.url, DEFAULT_SIP_AGENT="support")
        break_it(daemon, server)
        wait_for(lambda: openings(daemon) == [10], "it is told")

        def look():
            assert "an agent fails again and again" in daemon.health()["message"]
            other = Call(caller="+15552000000")
            server.add(other)
            ring(daemon, other)
            wait_for(lambda: agent_of(daemon, other) == "support", "its call goes to the default")
            assert daemon.wait_logged("the agent loop failed again and again and is left alone for a while")

            explained = sipbridge(daemon, "rules", "explain", "+33")
            assert "loop failed again and again" in explained.stdout and explained.returncode == 0, explained
            shown = sipbridge(daemon, "status").stdout
            assert re.search(r"loop failed \d+ times in a row: tried again in", shown) and "limits" in shown, shown
            found = sipbridge(daemon, "doctor", "--json", "--wait", "100ms").stdout
            assert "agents that fail again and again: loop" in found, found
        while_open(daemon, server, look)

        # A call tries it when its time is over; it still fails, so it is left alone for twice as long.
        wait_for(lambda: circuit(daemon)["state"] == "trial", "it may be tried", 300)
        trial, so_far = Call(caller="+15553000000"), len(openings(daemon))
        server.add(trial)
        ring(daemon, trial)
        wait_for(lambda: openings(daemon)[so_far:], "it failed again")
        assert openings(daemon)[so_far] == 2 * openings(daemon)[so_far - 1]
        wait_for(lambda: trial.room in server.deleted, "its agent failed too often")

        # Mended, and read again: it is tried at once, and speaks.
        (daemon.dir / "broken").unlink()
        assert daemon.admin("POST", "/api/reload", livekit.operator_token())[0] in (200, 202)
        wait_for(lambda: circuit(daemon)["state"] == "closed", "the operator's word closes it")
        good = Call(caller="+15554000000")
        server.add(good)
        ring(daemon, good)
        wait_for(lambda: agent_of(daemon, good) == "loop", "it has its calls back")
        wait_for(lambda: daemon.health()["status"] == "healthy", "all is well")


def test_the_trial_call_closes_it():
    with odd.OddLiveKit() as server, starting() as start:
        daemon = start(rules=LOOP, agents=loop_and_good, LIVEKIT_API_URL=server.url, DEFAULT_SIP_AGENT="support")
        break_it(daemon, server)
        (daemon.dir / "broken").unlink()
        wait_for(lambda: circuit(daemon)["state"] == "trial", "it may be tried", 300)
        trial, beside, later = (Call(caller=f"+1555300000{number}") for number in range(3))
        for call in (trial, beside, later):
            server.add(call)
        ring(daemon, trial)
        ring(daemon, beside)
        wait_for(lambda: agent_of(daemon, trial) == "loop" and agent_of(daemon, beside) == "support", "one call tries it")
        wait_for(lambda: daemon.calls()[0]["state"] == "joining", "its agent runs")
        daemon.post(*trial.answered())
        wait_for(lambda: circuit(daemon)["state"] == "closed", "it speaks")
        ring(daemon, later)
        wait_for(lambda: agent_of(daemon, later) == "loop", "it has its calls back")


def test_livekit_away_opens_nothing():
    """Agents that fail because LiveKit is gone are not held to be broken."""
    with odd.OddLiveKit() as server, starting() as start:
        daemon = start(rules=LOOP, agents=loop_and_good, LIVEKIT_API_URL=server.url, SIP_NUMBER_WAIT="0s")
        wait_for(lambda: daemon.status()["livekit"]["state"] == "connected", "LiveKit answers")
        server.behave(odd.reset)
        for number in range(3):
            ring(daemon, Call(caller=f"+1555100000{number}"))
        wait_for(lambda: daemon.logged("LiveKit does not answer: no agent is started"), "it is known")
        assert circuit(daemon)["state"] == "closed"
        holds_for(lambda: circuit(daemon)["state"] == "closed", 1, "nothing is held against it")


# --- few files may be open ---

def idle_connections(daemon, count):
    """As many as come about, from several addresses."""
    found = []
    for number in range(count):
        found.append(socket.create_connection(("127.0.0.1", daemon.port()), 5, (f"127.0.0.{2 + number % 7}", 0)))
    return found


def test_connections_leave_files_for_agents():
    """Whoever connects and says nothing takes no file from a caller: where fewer may be open, fewer connections may."""
    files = 128
    with starting() as start:
        daemon = start(rules=ANY, agents=one_agent(SILENT),
                       preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)))
        idle = idle_connections(daemon, files)
        calls = [Call(caller=f"+1555{number:07}") for number in range(5)]
        for call in calls:
            daemon.post(*call.ringing())
        wait_for(lambda: sum(1 for call in daemon.calls() if call["pid"]) == len(calls), "each has its agent")
        metrics = daemon.admin("GET", "/metrics")[1].decode()
        assert int(re.search(r"^sipbridge_http_connections (\d+)$", metrics, re.M).group(1)) <= files // 4
        assert not daemon.logged("Too many open files")
        for connection in idle:
            connection.close()
        daemon.post(*[event for call in calls for event in call.hung_up()])
