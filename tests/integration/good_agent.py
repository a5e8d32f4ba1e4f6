"""A well-behaved agent for tests: notes what it was given in $AGENT_OUT, then waits to be stopped.

The note is one JSON file per process, renamed into place, so a test that sees it sees it whole."""
import json
import os
import signal
import socket
import sys
import time


def given():
    with open("/proc/self/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    fds = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
    return {
        "pid": os.getpid(), "ppid": os.getppid(), "sid": os.getsid(0), "argv": sys.argv[1:], "env": dict(os.environ),
        "cwd": os.getcwd(), "at": time.time(), "blocked": int(status["SigBlk"], 16),
        "ignored": int(status["SigIgn"], 16),
        "fds": [fd for fd in fds if os.path.exists(f"/proc/self/fd/{fd}")],  # not the one of the listing itself
    }


def main():
    note = given()
    note["line"] = sys.stdin.readline()
    path = os.path.join(os.environ["AGENT_OUT"], f"{os.environ['SIP_CALL_SID']}.{os.getpid()}.json")
    with open(path + ".part", "w") as file:
        json.dump(note, file)
    os.rename(path + ".part", path)
    print(f"agent {os.environ['SIP_AGENT_NAME']} is here", flush=True)
    if "NOTIFY_SOCKET" in os.environ:
        address = os.environ["NOTIFY_SOCKET"]
        address = "\0" + address[1:] if address.startswith("@") else address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", address)
    while True:
        signal.pause()


main()
