"""An agent that can stand by: says READY=1 when it was started ahead of its call (SIP_STANDBY=1), waits for the line, notes
both in $AGENT_OUT (PID.waits, then SID.PID.json), and stays until it is stopped. End of file before the line: exit 0.
Arguments: mute (never ready), hangs (ready, and reads nothing), deaf (ignores end of file and SIGTERM), big (has 60 MiB),
dies (ends with status 3 at once), closed (closes its standard input)."""
import json
import os
import signal
import socket
import sys
import time


def say_ready():
    address = os.environ["NOTIFY_SOCKET"]
    address = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(b"READY=1", address)


def note(name, document):
    path = os.path.join(os.environ["AGENT_OUT"], name)
    with open(path + ".part", "w") as file:
        json.dump(document, file)
    os.rename(path + ".part", path)


def wait_for_ever():
    while True:
        signal.pause()


def main():
    standby, modes = os.environ.get("SIP_STANDBY") == "1", sys.argv[1:]
    if "dies" in modes:
        print("cannot load the model", flush=True)
        sys.exit(3)
    if "deaf" in modes:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ballast = b"x" * (60 << 20) if "big" in modes else b""
    if "closed" in modes:
        os.close(0)
    if standby:
        print("standing by", flush=True)
        if "mute" not in modes:
            note(f"{os.getpid()}.waits", {"env": dict(os.environ), "argv": modes, "ballast": len(ballast)})
            say_ready()
        if "hangs" in modes or "closed" in modes:
            wait_for_ever()
    line = sys.stdin.readline()
    mono = time.monotonic_ns()
    if not line:
        if "deaf" in modes:
            wait_for_ever()
        sys.exit(0)
    call = json.loads(line)
    note(f"{call['call_sid']}.{os.getpid()}.json",
         {"pid": os.getpid(), "at": time.time(), "mono": mono, "standby": standby, "env": dict(os.environ), "line": line})
    print(f"has the call {call['call_sid']}", flush=True)
    wait_for_ever()


main()
