"""Real servers beside the daemon: redis-server and nginx, each in a directory of its own, on a port of its own."""
import contextlib
import random
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from daemon import ROOT, wait_for


def free_port(kind=socket.SOCK_STREAM):
    """One that the kernel gives to nobody's outgoing connection before a server has it."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(100):
        with socket.socket(socket.AF_INET, kind) as probe, contextlib.suppress(OSError):
            probe.bind(("", random.randrange(10000, lowest) if lowest > 12000 else 0))
            return probe.getsockname()[1]
    raise AssertionError("no free port")


def find(program):
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    assert path, f"{program} is needed for this test (Debian package of the same name)"
    return path


class Server:
    def __init__(self, prefix):
        self.dir = Path(tempfile.mkdtemp(prefix=prefix))
        self.port, self.process = free_port(), None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self, command, env=None):
        self.log = open(self.dir / "output", "ab")
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def is_open(self):
        assert self.process.poll() is None, (self.dir / "output").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.log.close()
            self.process = None


class Redis(Server):
    """Can be killed and started again on the same port."""

    def __init__(self, *options):
        super().__init__("sb-redis-")
        self.options = options
        self.url = f"redis://127.0.0.1:{self.port}"

    def start(self):
        self.run([find("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir",
                  str(self.dir), *self.options])
        wait_for(self.is_open, "redis-server listens")

    def __call__(self, *words):
        """One command; the reply as redis-cli prints it."""
        run = subprocess.run([find("redis-cli"), "-p", str(self.port), *map(str, words)], capture_output=True, text=True,
                             timeout=120, check=True)
        return run.stdout.rstrip("\n")


class TlsProxy(Server):
    """With a certificate for localhost, made for the moment, in front of UPSTREAM ("host:port").

    `times` makes the time limits for senders a second; it and further CHANGES of the file in deploy/ are (old, new)."""

    def __init__(self, upstream, *changes):
        super().__init__(f"sb-{type(self).__name__.lower()}-")
        self.upstream, self.changes = upstream, changes
        self.certificate, self.key = self.dir / "cert.pem", self.dir / "key.pem"

    def make_certificate(self):
        subprocess.run([find("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2",
                        "-keyout", str(self.key), "-out", str(self.certificate)], check=True, capture_output=True)


def replaced(name, pairs):
    """The file NAME of deploy/ with each (old, new); one that is not there is a failure."""
    text = (ROOT / "deploy" / name).read_text()
    for old, new in pairs:
        assert old in text, f"deploy/{name} no longer has {old!r}"
        text = text.replace(old, new)
    return text


class Nginx(TlsProxy):
    """deploy/nginx/sipbridge.conf, its names replaced."""
    times = [("client_header_timeout 5s", "client_header_timeout 1s"), ("client_body_timeout 10s", "client_body_timeout 1s")]

    def configuration(self):
        text = replaced("nginx/sipbridge.conf", [
            ("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl"), ("listen [::]:443 ssl", ""),
            ("server 127.0.0.1:8790", f"server {self.upstream}"), ("sipbridge.example.com", "localhost"),
            ("/etc/ssl/certs/sipbridge.pem", str(self.certificate)),
            ("/etc/ssl/private/sipbridge.key", str(self.key)), *self.changes])
        return "\n".join(line for line in text.splitlines() if line.strip() != ";")

    def start(self):
        self.make_certificate()
        temporary = "".join(f"{kind}_temp_path {self.dir}/{kind};\n" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.dir / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {self.dir}/pid; error_log {self.dir}/error.log;\n"
            f"events {{}}\nhttp {{\naccess_log {self.dir}/access.log;\n{temporary}{self.configuration()}\n}}\n")
        self.run([find("nginx"), "-p", str(self.dir), "-c", str(self.dir / "nginx.conf")])
        wait_for(self.is_open, "nginx listens")
