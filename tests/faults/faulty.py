"""A daemon with tests/faults/shim.c in it: what it is told and what it counted is in a file that both map."""
import collections
import contextlib
import errno
import mmap
import os
import re
import struct
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from daemon import Daemon, binary  # noqa: E402

# As shim.c has them.
KINDS = ("any memory open read write send receive rename remove mkdir truncate stat sync socket accept connect epoll_create "
         "epoll_ctl epoll_wait pidfd_open signal waitid spawn thread inotify signalfd fcntl quiet").split()
AHEAD = re.compile(r".*/state/calls/#\d+ \(deleted\)")
HEAD = struct.Struct("=IIQQiiQ128s")


def shim():
    """Beside the binary under test, which was built with it."""
    path = Path(binary()).parent / "tests" / "shim.so"
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: build the tests of that preset")
    return path


class Control:
    def __init__(self, path):
        self.path = path
        size = HEAD.size + 8 * len(KINDS)
        path.write_bytes(bytes(size))
        with open(path, "r+b") as file:
            self.shared = mmap.mmap(file.fileno(), size)

    def close(self):
        self.shared.close()

    def aim(self, fault, number):
        """FAULT, at the call NUMBER of its kind and, if it stays, at all that follow. 0: none, calls are counted only."""
        count = 0 if number == 0 else 2**60 if fault.stays else 1
        self.shared[:] = HEAD.pack(0, KINDS.index(fault.kind), number, count, fault.error or 0, fault.kills, 0, b"") + bytes(
            8 * len(KINDS))

    def arm(self, on=True):
        self.shared[0:4] = struct.pack("=I", on)

    def failed(self):
        return HEAD.unpack_from(self.shared)[6]

    def asker(self):
        """The path of what wanted the memory that was refused."""
        return HEAD.unpack_from(self.shared)[7].rstrip(b"\0").decode()

    def starved_library(self):
        """It was a library, not the daemon itself."""
        asker = self.asker()
        return asker != "" and os.path.realpath(asker) != os.path.realpath(binary())

    def calls(self, kind):
        return struct.unpack_from("=Q", self.shared, HEAD.size + 8 * KINDS.index(kind))[0]


class Fault:
    """The n-th call of a kind fails with ERROR; without one the daemon is killed at it. STAYS: all that follow fail, too, until
    the test ends it. WHEN: "start" (of a daemon that takes calls back) or "busy" (it serves)."""

    def __init__(self, when, kind, error=None, stays=False):
        self.when, self.kind, self.error, self.stays = when, kind, error, stays
        self.kills = error is None

    def __str__(self):
        what = "killed" if self.kills else errno.errorcode[self.error]
        return f"{self.when}-{self.kind}-{what}{'-stays' if self.stays else ''}"


class Subject(Daemon):
    """A daemon that can be started with the shim, and without it."""

    def __init__(self, settings):
        super().__init__(settings, wait=False)
        self.settings["SIP_LISTEN"] = f"unix:{self.dir}/public.sock"
        self.control = Control(self.dir / "control")

    def start(self, preload=False):
        self.settings["LD_PRELOAD"] = str(shim()) if preload else None
        self.settings["FAULTS"] = str(self.control.path) if preload else None
        super().start()

    def start_clean(self):
        self.control.arm(False)
        self.start()
        self.wait_until_up()

    def has_ended(self):
        return self.process.poll() is not None

    def forget_connection(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def clean_up(self):
        self.forget_connection()
        super().clean_up()
        self.control.close()

    def descriptors(self):
        """What the daemon has open, {kind: count}, but for what it makes ahead of starts (spawner/local/ahead.h): that has a
        bound of its own, and how much there is of it is a matter of moments."""
        with open("/proc/net/unix") as table:
            local = {line.split()[6] for line in table}
        found = collections.Counter()
        directory = f"/proc/{self.process.pid}/fd"
        for entry in os.listdir(directory):
            with contextlib.suppress(OSError):
                target = os.readlink(f"{directory}/{entry}")
                if AHEAD.fullmatch(target):
                    continue
                kind, colon, inode = target.partition(":[")
                found["local socket" if kind == "socket" and inode[:-1] in local else kind if colon else target] += 1
        found["local socket"] -= len(os.listdir(self.dir / "state/notify"))
        return found
