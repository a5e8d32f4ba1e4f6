"""A service manager in miniature: hears what a daemon tells it, and holds its sockets."""
import socket
import tempfile
import threading
import time
from pathlib import Path

from daemon import HERE, PYTHON, wait_for


class Manager:
    """`with Manager() as manager: start(**manager.settings(), …)`; `told` has every line and when it came."""

    def __init__(self, abstract=False):
        self.dir = tempfile.TemporaryDirectory(prefix="sb-")
        self.path = f"{self.dir.name}/notify"
        self.address = f"@sipbridge-test-{Path(self.dir.name).name}" if abstract else self.path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + self.address[1:] if abstract else self.path)
        self.told = []

    def __enter__(self):
        self.thread = threading.Thread(target=self.hear, daemon=True)
        self.thread.start()
        return self

    def hear(self):
        while True:
            text = self.socket.recv(4096).decode()
            if text == "":
                return
            self.told += [(time.monotonic(), line) for line in text.splitlines()]

    def __exit__(self, *_):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.socket.getsockname())
        self.thread.join(5)
        self.socket.close()
        self.dir.cleanup()

    def settings(self, watchdog_us=None):
        return {"NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": watchdog_us}

    def lines(self, start=""):
        return [line for _, line in list(self.told) if line.startswith(start)]

    def count(self, start):
        return len(self.lines(start))

    def wait_told(self, start, count=1, timeout=60):
        return wait_for(lambda: self.lines(start)[count - 1:], f"the manager is told {start!r} {count} times:\n{self.told}",
                        timeout)[0]


def listener():
    """A listening TCP socket of ours, as a .socket unit has it."""
    held = socket.create_server(("127.0.0.1", 0), backlog=1024)
    held.set_inheritable(True)
    return held


def activation(**sockets):
    """What `start` needs to hand SOCKETS (by name, - written _) over at every start."""
    words = [f"{name.replace('_', '-')}={held.fileno()}" for name, held in sockets.items()]
    return {"wrapper": [*PYTHON, str(HERE / "activate.py"), *words, "--"],
            "pass_fds": [held.fileno() for held in sockets.values()]}
