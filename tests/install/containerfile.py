"""deploy/container/Containerfile carried out without a container engine: its own lines, in a bare Debian (root.py), which is
what its base image is made of."""
import json
import os
import re
import shlex
import shutil
from pathlib import Path

from daemon import ROOT

FILE = ROOT / "deploy/container/Containerfile"
BASE = "debian:bookworm-slim"


def stages():
    """{name: (base, [(instruction, rest)])}, the last one under its base's name with a dot."""
    found, current = {}, None
    text = re.sub(r"\\\n", " ", FILE.read_text())
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, rest = line.split(None, 1)
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            current = found[name or f"{base}."] = (base, [])
        else:
            current[1].append((word, rest))
    return found


class Image:
    """The stages that ROOT has become, one after the other."""

    def __init__(self, root):
        self.root, self.user, self.cwd, self.env = root, None, "/", {}
        self.healthcheck = self.entrypoint = self.command = self.volume = None
        self.exports = ""
        resolver, authorities = Path("/etc/resolv.conf"), os.environ.get("NODE_EXTRA_CA_CERTS")
        if resolver.exists():
            root.write("etc/resolv.conf", resolver.read_text())
        if authorities:  # those of a network that has its own, for npm
            shutil.copy(authorities, root.path("run/authorities.pem"))
            self.exports = "export NODE_EXTRA_CA_CERTS=/run/authorities.pem; "

    def build(self, name, copies=None):
        """COPIES: what --from=STAGE lines take, {path there: file here}."""
        for word, rest in stages()[name][1]:
            getattr(self, f"do_{word.lower()}")(rest, copies or {})

    def do_run(self, rest, _):
        self.root.run("sh", "-c", f"{self.exports}cd {shlex.quote(self.cwd)} && {rest}", user=self.user, timeout=900)

    def do_copy(self, rest, copies):
        *sources, target = [word for word in rest.split() if not word.startswith("--")]
        there = self.root.path(str(Path(self.cwd) / target).lstrip("/"))
        for source in sources:
            if "--from=" in rest:
                shutil.copy(copies[source], there)
            elif (ROOT / source).is_dir():
                ignore = shutil.ignore_patterns(".git", "build", "node_modules", "__pycache__")
                shutil.copytree(ROOT / source, there, ignore=ignore, dirs_exist_ok=True)
            else:
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, there)

    def do_workdir(self, rest, _):
        self.cwd = rest
        self.root.run("mkdir", "-p", rest)

    def do_env(self, rest, _):
        self.env.update(word.split("=", 1) for word in shlex.split(rest))

    def do_user(self, rest, _):
        self.user = None if rest == "root" else rest

    def do_healthcheck(self, rest, _):
        self.healthcheck = json.loads(rest.partition("CMD ")[2])

    def do_entrypoint(self, rest, _):
        self.entrypoint = json.loads(rest)

    def do_cmd(self, rest, _):
        self.command = json.loads(rest)

    def do_volume(self, rest, _):
        self.volume = rest

    def do_expose(self, rest, _):
        assert self.env["SIP_LISTEN"].endswith(f":{rest}")

    def do_stopsignal(self, rest, _):
        assert rest == "SIGTERM"
