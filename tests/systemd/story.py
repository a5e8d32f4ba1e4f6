"""Runs in the guest, as root, beside the real systemd: each step notes what it saw as a line `STORY {...}` on the console;
test_real_systemd.py judges it. A step that fails ends the story."""
import contextlib
import functools
import http.client
import json
import os
import re
import subprocess
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, "/srv/test/integration")
import daemon  # noqa: E402
from daemon import is_alive  # noqa: E402
from livekit import Call, encode, webhook_token  # noqa: E402

UNIT = "sipbridge.service"
GROUP = Path("/sys/fs/cgroup/system.slice") / UNIT
wait_for = functools.partial(daemon.wait_for, timeout=60)  # the guest is slow, and the host may be busy
DROP_IN = Path(f"/etc/systemd/system/{UNIT}.d")


def run(*args, check=True):
    done = subprocess.run(args, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise AssertionError(f"{args}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def systemctl(*args, check=True):
    return run("systemctl", *args, check=check)


def show(*names):
    lines = systemctl("show", UNIT, f"--property={','.join(names)}").splitlines()
    found = dict(line.split("=", 1) for line in lines)
    return found[names[0]] if len(names) == 1 else found


def journal():
    return run("journalctl", "-u", UNIT, "-o", "cat", "--no-pager")


def request(method, path, body=None, headers=None, port=8790):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()


def post(*events):
    for event in events:
        body = encode(event)
        status, _ = request("POST", "/webhooks/livekit", body, {
            "Content-Type": "application/webhook+json", "Authorization": webhook_token(body)})
        assert status == 200, status


def status():
    return json.loads(request("GET", "/health/sip-bridge-status", port=8791)[1])


def ring(number):
    call = Call(called=number)
    post(*call.ringing())
    return call


def pid_of(call):
    return wait_for(lambda: status()["process_pids"].get(call.room), f"an agent of {call.sid}")


def group_of(call):
    return wait_for(lambda: next(iter(GROUP.glob(f"{call.sid}.*")), None), f"a control group of {call.sid}")


def hides(pid):
    try:
        return b"4321" in Path(f"/proc/{pid}/cmdline").read_bytes() and os.getsid(int(pid)) == int(pid)
    except OSError:
        return False  # it was on its way to fork, and is gone


def hidden_in(group):
    """The two of the agent `hiding`, once both are what they want to be."""
    found = [pid for pid in (group / "cgroup.procs").read_text().split() if hides(pid)]
    return found if len(found) == 2 else None


def cgroup_of(pid):
    return Path(f"/proc/{pid}/cgroup").read_text().strip()


def main_pid():
    return int(show("MainPID"))


def wait_started_again(before):
    def again():
        seen = show("MainPID", "ActiveState")
        return int(seen["MainPID"]) not in (0, before) and seen["ActiveState"] == "active"
    wait_for(again, "systemd has started it again")


class Story:
    """The steps in their order; each returns what is to be judged."""

    def socket_activation(self):
        run("systemd-sysusers", "/srv/test/sipbridge.sysusers")
        systemctl("start", "sipbridge.socket", "sipbridge-admin.socket")
        before = show("ActiveState")
        answered = request("GET", "/livez")[0]
        wait_for(lambda: show("ActiveState") == "active", "READY=1 makes it active")
        return {"before": before, "answered": answered, **show("ActiveState", "Type", "StatusText", "NRestarts"),
                "user": os.stat(f"/proc/{main_pid()}").st_uid, "listening": "handed over" in journal()}

    def groups(self):
        self.call = ring("+100")
        self.agent = pid_of(self.call)
        group = group_of(self.call)
        return {"daemon": cgroup_of(main_pid()), "agent": cgroup_of(self.agent), "unit": (GROUP / "cgroup.procs").read_text(),
                "handed on": (GROUP / "cgroup.subtree_control").read_text().split(), **self.limits(group)}

    def limits(self, group):
        return {name: (group / name).read_text().strip() for name in ("memory.max", "pids.max", "memory.oom.group")}

    def memory_limit(self):
        """The one that takes too much goes, whole; its neighbour does not notice."""
        call = ring("+200")
        first = pid_of(call)
        told = wait_for(lambda: "needed more memory than SIP_AGENT_MEMORY_MAX" in journal(), "it is told")
        wait_for(lambda: not is_alive(first), "the agent is gone")
        kernel = [line for line in run("journalctl", "-k", "-o", "cat", "--no-pager").splitlines() if "out of memory" in line]
        post(*call.hung_up())
        wait_for(lambda: not list(GROUP.glob(f"{call.sid}.*")), "its group is removed")
        return {"told": told, "kernel": kernel, "killed": first, "neighbour": is_alive(self.agent), "state": show("ActiveState"), "restarts": show("NRestarts")}

    def pids_limit(self):
        call = ring("+300")
        group = group_of(call)
        events = wait_for(lambda: (group / "pids.events").read_text().split() != ["max", "0"] and
                          (group / "pids.events").read_text().split(), "the limit was reached")
        count = len((group / "cgroup.procs").read_text().split())
        post(*call.hung_up())
        wait_for(lambda: not list(GROUP.glob(f"{call.sid}.*")), "its group is removed")
        return {"events": events, "count": count, "neighbour": is_alive(self.agent)}

    def hidden_grandchildren(self):
        call = ring("+400")
        group = group_of(call)
        pids = wait_for(lambda: hidden_in(group), "the two that hide")
        post(*call.hung_up())
        wait_for(lambda: not any(is_alive(pid) for pid in pids), "all are gone")
        wait_for(lambda: not list(GROUP.glob(f"{call.sid}.*")), "their group is removed")
        return {"hidden": len(pids)}

    def seen_after(self):
        """What must be as before after every start: the agent, its group, its limits; and that a call still comes."""
        call = ring("+100")
        fresh = pid_of(call)
        post(*call.hung_up())
        wait_for(lambda: not is_alive(fresh), "a call comes and goes")
        return {"alive": is_alive(self.agent), "taken back": pid_of(self.call) == self.agent,
                "group": str(group_of(self.call).name).startswith(self.call.sid), "daemon": cgroup_of(main_pid()),
                "restarts": int(show("NRestarts")), "result": show("Result"), **self.limits(group_of(self.call))}

    def kill(self):
        DROP_IN.mkdir()
        (DROP_IN / "short.conf").write_text("[Service]\nWatchdogSec=3s\nTimeoutAbortSec=1s\n")
        systemctl("daemon-reload")  # for the next start
        before = main_pid()
        systemctl("kill", "--signal=KILL", "--kill-who=main", UNIT)
        wait_started_again(before)
        return self.seen_after()

    def watchdog(self):
        """It hangs: systemd ends it and starts it again."""
        before = main_pid()
        systemctl("kill", "--signal=STOP", "--kill-who=main", UNIT)
        wait_started_again(before)
        said = run("journalctl", "-o", "cat", "--no-pager", "_PID=1")
        return {"told": "Watchdog timeout" in said, **self.seen_after()}

    def reload(self):
        before = main_pid()
        path = Path("/etc/sipbridge/sipbridge.env")
        path.write_text(path.read_text().replace("LOG_LEVEL=info", "LOG_LEVEL=debug"))
        systemctl("reload", UNIT)
        said = wait_for(lambda: [line for line in journal().splitlines() if "LOG_LEVEL" in line], "the change is said")
        return {"same": main_pid() == before, "said": said, "state": show("ActiveState")}

    def stop_keeps_calls(self):
        """Stopped, nobody is there, the port is open; whoever comes starts it again."""
        systemctl("stop", UNIT)
        stopped = show("ActiveState", "SubState")
        alive = is_alive(self.agent)
        socket = systemctl("is-active", "sipbridge.socket")
        answered = request("GET", "/livez")[0]
        wait_for(lambda: show("ActiveState") == "active", "the request has started it")
        return {"stopped": stopped["ActiveState"], "alive while stopped": alive, "socket": socket, "answered": answered,
                **self.seen_after()}

    def restart(self):
        systemctl("restart", UNIT)
        return self.seen_after()

    def end(self):
        post(*self.call.hung_up())
        wait_for(lambda: not is_alive(self.agent), "the agent is gone")
        wait_for(lambda: [path.name for path in GROUP.iterdir() if path.is_dir() and path.name != "daemon"] == [], "no group is left")
        systemctl("stop", UNIT, "sipbridge.socket", "sipbridge-admin.socket")
        return {"state": show("ActiveState"), "result": show("Result"), "left": GROUP.exists()}


def main():
    story = Story()
    for name in ("socket_activation", "groups", "memory_limit", "pids_limit", "hidden_grandchildren", "kill", "watchdog",
                 "reload", "stop_keeps_calls", "restart", "end"):
        at = time.monotonic()
        try:
            seen = getattr(story, name)()
        except BaseException:  # noqa: B902 whatever it was is told, and the machine goes
            tell(name, at, failed=traceback.format_exc() + journal()[-4000:] + systemctl("status", UNIT, check=False))
            return
        tell(name, at, seen=seen)
    tell("log", time.monotonic(), log=[line for line in journal().splitlines() if re.search(" SIP (error|warning) ", line)])


def tell(name, at, **more):
    print("STORY " + json.dumps({"name": name, "seconds": round(time.monotonic() - at, 1), **more}), flush=True)


main()
