"""Commands as a person at a terminal runs them: standard input, output and errors are a pseudo-terminal."""
import contextlib
import os
import pty
import select
import subprocess
import termios
import time

from daemon import binary


class Terminal:
    """`with Terminal("trunks", "delete", "ST_x", env=…) as it: it.expect("[y/N]"); it.type("y\\n"); it.end()`"""

    def __init__(self, *arguments, env, columns=0, program=None, cwd=None):
        self.columns = columns  # 0: of a terminal that does not tell its width
        self.program, self.cwd = program or binary(), cwd
        self.arguments, self.env, self.shown, self.seen_to = arguments, env, "", 0

    def __enter__(self):
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, self.columns))
        self.process = subprocess.Popen([self.program, *self.arguments], env={"TERM": "dumb", **self.env}, stdin=slave,
                                        stdout=slave, stderr=slave, start_new_session=True, cwd=self.cwd,
                                        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)))
        os.close(slave)
        return self

    def read(self, timeout):
        ready, _, _ = select.select([self.master], [], [], timeout)
        if not ready:
            return False
        try:
            got = os.read(self.master, 65536)
        except OSError:  # EIO: nobody has the other side open any more
            return False
        self.shown += got.decode(errors="replace")
        return bool(got)

    def expect(self, text, timeout=60):
        """Waits until TEXT is shown, behind what was expected before."""
        deadline = time.monotonic() + timeout
        while text not in self.shown[self.seen_to:]:
            left = deadline - time.monotonic()
            assert left > 0 and self.read(left), f"not shown: {text!r}\n{self.shown}"
        self.seen_to = self.shown.index(text, self.seen_to) + len(text)

    def on_paper(self):
        """What stands there in the end: a bar of progress that was drawn over is not."""
        lines = self.shown.replace("\r\n", "\n").replace("\x1b[K", "")
        return "\n".join(line.rpartition("\r")[2] for line in lines.split("\n"))

    def type(self, text):
        os.write(self.master, text.encode())

    def has_echo(self):
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)

    def wait_echo(self, wanted, timeout=60):
        deadline = time.monotonic() + timeout
        while self.has_echo() != wanted:
            assert time.monotonic() < deadline, f"echo is not {wanted}"
            self.read(0.01)

    def end(self, timeout=60):
        """The exit code, when the process has ended and all is shown."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end\n{self.shown}"
            self.read(0.02)
        while self.read(0):
            pass
        return self.process.returncode

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        os.close(self.master)
