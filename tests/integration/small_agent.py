"""A small agent, quick to start by the hundred. Notes that it is up by an empty file in $AGENT_OUT, says a line for every
SIGUSR1, and waits to be stopped. Arguments: deaf (ignores SIGTERM), flood (says much for SIGUSR1), daemon (leaves a
process behind that has a session of its own)."""
import os
import signal
import sys
import time


def leave_a_daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)


def main():
    sys.stdin.readline()
    text = ("x" * 99 + "\n") * 20000 if "flood" in sys.argv else "still here\n"
    signal.signal(signal.SIGUSR1, lambda *_: print(text, end="", flush=True))
    if "deaf" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "daemon" in sys.argv:
        leave_a_daemon()
    print("agent is here", flush=True)
    with open(os.path.join(os.environ["AGENT_OUT"], f"{os.environ['SIP_CALL_SID']}.{os.getpid()}.up"), "w"):
        pass
    while True:
        signal.pause()


main()
