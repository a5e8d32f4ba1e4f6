"""Starts the real sipbridge, talks to it as LiveKit and operators do, and sees to it that nothing is left."""
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import livekit
import seen

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PYTHON = [sys.executable, "-S", "-E"]
SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error:")
RULES = [{"pattern": "+1234567", "priority": 1, "agent_name": "support"},
         {"pattern": "+33*", "agent_name": "sales", "metadata": {"language": "fr"}}]


def binary():
    chosen = os.environ.get("SIPBRIDGE_BIN")
    found = [Path(chosen)] if chosen else [ROOT / "build" / preset / "sipbridge" for preset in ("asan", "release", "debug")]
    for path in found:
        if path.is_file():
            return str(path.resolve())
    raise FileNotFoundError(f"no sipbridge at {' or '.join(map(str, found))}: build it, or set SIPBRIDGE_BIN")


# How long what must happen is waited for: longer than it takes on a machine where everything else is busy too. It costs
# nothing where it happens, so whoever waits gives a shorter one only where what comes later would prove something else.
PATIENCE_S = 60


def wait_for(condition, what, timeout=PATIENCE_S):
    """The first true value of CONDITION; fails when there is none in time."""
    deadline, pause = time.monotonic() + timeout, 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout:g} s still not: {what}")
        time.sleep(pause)
        pause = min(2 * pause, 0.02)


def holds_for(condition, seconds, what):
    """Fails when CONDITION stops being true within SECONDS: for what must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f"no longer true: {what}"
        time.sleep(0.01)


def is_alive(pid):
    """Neither gone nor a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def processes_marked(mark):
    """Pids of what engines started (SIP_INSTANCE) with MARK in the environment: one daemon's agents and their kin."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                environ = (entry / "environ").read_bytes()
                if b"SIP_INSTANCE=" in environ and mark in environ and is_alive(entry.name):
                    found.append(int(entry.name))
    return found


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=PATIENCE_S):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def record_of(line):
    """Of the log; what is none as it is."""
    try:
        return json.loads(line)
    except ValueError:
        return {"level": "raw", "message": line.decode(errors="replace").rstrip("\n")}


class Daemon:
    """`with Daemon({...}) as daemon:`; settings that are None are left out."""

    def __init__(self, settings=None, wrapper=(), preexec=None, read_log=True, wait=True, args=(),
                 pass_fds=()):
        self.dir = Path(tempfile.mkdtemp(prefix="sb-"))
        self.state, self.notes = self.dir / "state", self.dir / "notes"
        self.state.mkdir(mode=0o700)
        self.notes.mkdir()
        self.log, self.stderr, self.returncode = [], "", None
        self.admin_socket = self.dir / "admin.sock"
        self.settings = {
            "PATH": os.environ["PATH"], "LIVEKIT_API_KEY": livekit.KEY, "LIVEKIT_API_SECRET": livekit.SECRET,
            "SIP_LISTEN": "127.0.0.1:0", "SIP_ADMIN_LISTEN": f"unix:{self.admin_socket}",
            "SIP_STATE_DIR": str(self.state), "SIP_LOG_FORMAT": "json", "LOG_LEVEL": "debug", "SIP_ON_EXIT": "stop",
            "SIP_STOP_TIMEOUT": "3s", "LIVEKIT_API_URL": "off",
            # a test that is slow on a busy machine has no call decided without its number, and no agent replaced
            "SIP_NUMBER_WAIT": "60s", "SIP_READY_TIMEOUT": "5m",
            "SIP_MAX_PRESSURE": "0",  # tests may run where memory is short
            "ASAN_OPTIONS": "detect_stack_use_after_return=1:verify_asan_link_order=0",
            "UBSAN_OPTIONS": "print_stacktrace=1", **(settings or {}),
        }
        self.wrapper, self.preexec, self.read_log, self.wait, self.args = wrapper, preexec, read_log, wait, args
        self.pass_fds, self.process, self.connection = pass_fds, None, None

    # --- life ---

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def environment(self):
        return {name: str(value) for name, value in self.settings.items() if value is not None}

    def start(self):
        self.errors = open(self.dir / "stderr", "a+")
        self.process = subprocess.Popen([*self.wrapper, binary(), "serve", *self.args], env=self.environment(),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors,
                                        cwd=self.dir, preexec_fn=self.preexec, pass_fds=self.pass_fds)
        self.log = []
        if self.read_log:
            threading.Thread(target=self.read_lines, args=(self.process.stdout,), daemon=True).start()
        if self.wait:
            self.wait_until_up()

    def read_lines(self, stdout):
        with contextlib.suppress(ValueError):  # a test has closed it
            for line in stdout:
                self.log.append(record_of(line))
                seen.note(self.log[-1])

    def wait_until_up(self):
        def up():
            if self.process.poll() is not None:
                raise AssertionError(f"sipbridge ended at its start with {self.process.returncode}:\n{self.story()}")
            return self.answers()
        wait_for(up, "sipbridge answers")

    def answers(self):
        if self.unix_socket() is None and self.port() is None:
            return False
        try:
            return self.get("/livez")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def __exit__(self, kind, error, trace):
        try:
            if self.process is not None:
                self.stop()
            if kind is None:
                self.check_nothing_left()
        except AssertionError:
            if kind is None:
                raise
        finally:
            if kind is not None:
                print(self.story())
            self.clean_up()

    def stop(self, number=signal.SIGTERM, timeout=PATIENCE_S):
        """Ends it; checks exit code 0 and that no sanitizer spoke."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
        reader = threading.Thread(target=lambda: self.read_lines(self.process.stdout.read().splitlines()), daemon=True)
        if not self.read_log:
            reader.start()
        try:
            self.returncode = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"sipbridge did not end within {timeout} s of signal {number}:\n{self.story()}") from None
        finally:
            self.stderr = (self.dir / "stderr").read_text(errors="replace")
        if not self.read_log:
            reader.join(PATIENCE_S)
        assert not SANITIZER.search(self.stderr), self.stderr
        if number != signal.SIGKILL and self.wait:
            assert self.returncode == 0, f"exit code {self.returncode}\n{self.story()}"

    def mark(self):
        return str(self.dir).encode()

    def check_nothing_left(self):
        wait_for(lambda: not processes_marked(self.mark()), "no agent process is left")
        left = list((self.state / "notify").glob("*")) if (self.state / "notify").is_dir() else []
        assert not left, f"notify sockets left: {left}"

    def clean_up(self):
        for pid in processes_marked(self.mark()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.errors.close()
        if self.process is not None:
            self.process.stdout.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def story(self):
        """What to read when a test failed."""
        stderr = self.dir / "stderr"
        lines = [" ".join(str(r.get(k, "")) for k in ("time", "level", "message", "call", "agent", "pid")) for r in self.log]
        return "\n".join(lines[-60:] + ["--- stderr", stderr.read_text(errors="replace")[-4000:] if stderr.exists() else ""])

    # --- log ---

    def logged(self, pattern):
        """The first record whose message matches PATTERN, or None."""
        return next((record for record in list(self.log) if re.search(pattern, record.get("message", ""))), None)

    def wait_logged(self, pattern, timeout=PATIENCE_S):
        return wait_for(lambda: self.logged(pattern), f"a log message like {pattern!r}", timeout)

    # --- HTTP ---

    def unix_socket(self):
        listen = self.settings["SIP_LISTEN"]
        return listen[5:] if listen.startswith("unix:") else None

    def port(self):
        for record in list(self.log):
            match = re.search(r"listening on (?:127\.0\.0\.1:|fd:\d+, handed over, port )([1-9]\d*)", record.get("message", ""))
            if match:
                return int(match.group(1))
        return None

    def new_connection(self, timeout=PATIENCE_S):
        if self.unix_socket():
            return UnixConnection(self.unix_socket(), timeout)
        return http.client.HTTPConnection("127.0.0.1", self.port(), timeout=timeout)

    def request(self, method, path, body=None, headers=None, connection=None):
        """(status, body, headers) over one kept-alive connection."""
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = self.new_connection()
            used = connection or self.connection
            try:
                used.request(method, path, body, headers or {})
                answer = used.getresponse()
                return answer.status, answer.read(), answer.headers
            except (OSError, http.client.HTTPException) as error:
                if connection is not None:
                    raise
                self.connection.close()
                self.connection = None
                was_closed = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)
                if attempt == 2 or not isinstance(error, was_closed):
                    raise

    def get(self, path, headers=None):
        status, body, _ = self.request("GET", path, headers=headers)
        return status, body

    def post_raw(self, body, token, connection=None, headers=None):
        sent = {"Content-Type": "application/webhook+json", **(headers or {})}
        if token is not None:
            sent["Authorization"] = token
        return self.request("POST", "/webhooks/livekit", body, sent, connection)[0]

    def post(self, *events, key=livekit.KEY, secret=livekit.SECRET):
        """Signs and sends each event; all must be answered 200."""
        for event in events:
            body = livekit.encode(event)
            status = self.post_raw(body, livekit.webhook_token(body, key, secret))
            assert status == 200, f"{event if isinstance(event, bytes) else event['event']} was answered {status}"

    def admin(self, method, path, token=None):
        connection = UnixConnection(str(self.admin_socket))
        try:
            connection.request(method, path, headers={"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def status(self):
        status, body = self.admin("GET", "/health/sip-bridge-status")
        assert status == 200, body
        return json.loads(body)

    def health(self):
        status, body = self.get("/health/sip-bridge")
        assert status == 200, body
        return json.loads(body)

    # --- agents ---

    def reports(self, call=None):
        """What the good agents noted, oldest first."""
        paths = self.notes.glob(f"{call.sid if call else '*'}.*.json")
        return sorted((json.loads(path.read_text()) for path in paths), key=lambda report: report["at"])

    def wait_agent(self, call, nth=0, timeout=PATIENCE_S):
        return wait_for(lambda: self.reports(call)[nth:nth + 1], f"agent {nth} of {call.sid} runs\n{call.room}", timeout)[0]

    def wait_gone(self, pid, timeout=PATIENCE_S):
        wait_for(lambda: not is_alive(pid), f"process {pid} is gone", timeout)

    def calls(self):
        return self.status()["calls"]

    # --- documents ---

    def entry(self, *args, command=None, **more):
        """A directory entry that runs the good agent (or COMMAND), marked as this daemon's."""
        entry = {"command": command or [*PYTHON, str(HERE / "good_agent.py"), *args], **more}
        entry["env"] = {"AGENT_OUT": str(self.notes), **more.get("env", {})}
        return entry

    def write(self, name, document):
        """Writes DOCUMENT (JSON, or text as it is) as a whole, as `mv` does."""
        path = self.dir / name
        part = self.dir / f".{name}.part"
        part.write_text(document if isinstance(document, str) else json.dumps(document))
        part.rename(path)
        return path


@contextlib.contextmanager
def starting():
    """start(rules=…, agents=…, SETTING=…): a daemon with these documents as files. `agents` may be a function of the
    daemon; the default is two good agents, support and sales, and rules for +1234567 and +33*."""
    with contextlib.ExitStack() as stack:
        def make(rules=RULES, agents=None, daemon=None, **settings):
            own = {name: settings.pop(name) for name in ("wrapper", "preexec", "read_log", "wait", "args", "pass_fds")
                   if name in settings}
            made = Daemon(settings, **own)
            if agents is None:
                documents = {name: made.entry() for name in ("support", "sales")}
            else:
                documents = agents(made) if callable(agents) else agents
            for setting, name, document in (("SIP_RULES_FILE", "rules.json", rules),
                                            ("SIP_AGENTS_FILE", "agents.json", documents)):
                if document is not False:
                    made.settings.setdefault(setting, str(made.write(name, document)))
            return stack.enter_context(made)
        yield make
