"""The other reverse proxies of deploy/, each the real server with its file there, in the foreground and on a port of its own."""
import subprocess

from daemon import wait_for
from servers import Nginx, TlsProxy, find, replaced


class Caddy(TlsProxy):
    times = [("read_header 5s", "read_header 1s"), ("read_body 10s", "read_body 1s")]

    def start(self):
        self.make_certificate()
        (self.dir / "Caddyfile").write_text(replaced("caddy/Caddyfile", [
            ("{\n\tservers {", "{\n\tadmin off\n\tauto_https off\n\tservers {"),
            ("sipbridge.example.com {", f"https://localhost:{self.port} {{\n\tbind 127.0.0.1"),
            ("# tls /etc/ssl/certs/sipbridge.pem /etc/ssl/private/sipbridge.key", f"tls {self.certificate} {self.key}"),
            ("reverse_proxy 127.0.0.1:8790", f"reverse_proxy {self.upstream}"), *self.changes]))
        self.run([find("caddy"), "run", "--config", str(self.dir / "Caddyfile"), "--adapter", "caddyfile"],
                 env={"HOME": str(self.dir)})
        wait_for(self.is_open, "Caddy listens")


class HAProxy(TlsProxy):
    times = [("timeout http-request 5s", "timeout http-request 1s"), ("timeout client 10s", "timeout client 1s")]

    def start(self):
        self.make_certificate()
        both = self.dir / "both.pem"
        both.write_text(self.certificate.read_text() + self.key.read_text())
        (self.dir / "haproxy.cfg").write_text(replaced("haproxy/haproxy.cfg", [
            ("bind :443 ssl crt /etc/haproxy/sipbridge.pem", f"bind 127.0.0.1:{self.port} ssl crt {both}"),
            ("server sipbridge 127.0.0.1:8790", f"server sipbridge {self.upstream}"), *self.changes]))
        self.run([find("haproxy"), "-db", "-f", str(self.dir / "haproxy.cfg")])
        wait_for(self.is_open, "HAProxy listens")


class Apache(TlsProxy):
    times = [("header=5 body=10", "header=1 body=1")]
    modules = ("mpm_event", "authz_core", "ssl", "proxy", "proxy_http", "headers", "allowmethods", "reqtimeout", "alias")

    def __init__(self, upstream, *changes, modules=()):
        super().__init__(upstream, *changes)
        self.more = modules

    def start(self):
        self.make_certificate()
        site = replaced("apache/sipbridge.conf", [
            ("*:443", f"127.0.0.1:{self.port}"), ("sipbridge.example.com", "localhost"),
            ("/etc/ssl/certs/sipbridge.pem", str(self.certificate)), ("/etc/ssl/private/sipbridge.key", str(self.key)),
            ("http://127.0.0.1:8790", f"http://{self.upstream}"), *self.changes])
        load = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
                       for name in (*self.modules, *self.more))
        (self.dir / "apache2.conf").write_text(
            f"ServerRoot {self.dir}\nPidFile {self.dir}/pid\nDefaultRuntimeDir {self.dir}\nErrorLog {self.dir}/error.log\n"
            f"ServerName localhost\nUser nobody\nGroup nogroup\nStartServers 1\n{load}Listen 127.0.0.1:{self.port}\n{site}")
        self.run([find("apache2"), "-DFOREGROUND", "-f", str(self.dir / "apache2.conf")])
        wait_for(self.is_open, "Apache listens")

    def kill(self):
        """Apache's workers end with their parent only when it is told to end."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                pass
        super().kill()


ALL = {"nginx": Nginx, "caddy": Caddy, "haproxy": HAProxy, "apache": Apache}
