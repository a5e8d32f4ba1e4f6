"""The container image by its own Containerfile: its steps in a bare Debian, then its process as process 1, not as root."""
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import livekit
import pytest
from containerfile import BASE, FILE, Image, stages
from daemon import ROOT, wait_for
from livekit import Call
from service import Service
from servers import free_port

PACKAGE = "/src/build/release/sipbridge_*.deb"


def children(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Container:
    """The image's entry point as process 1 of its own processes, as its user, with its environment and MORE."""

    def __init__(self, image, **more):
        self.image = image
        self.env = [f"{name}={value}" for name, value in {**image.env, **more}.items()]
        self.log = open(image.root.path("tmp/log"), "wb")
        words = ["unshare", "--pid", "--fork", "--mount", "--mount-proc", "setpriv", f"--reuid={image.user}",
                 f"--regid={image.user}", "--init-groups", "env", "-C", image.cwd, *self.env, *image.entrypoint, *image.command]
        self.process = subprocess.Popen(image.root.command(*words), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.pid = wait_for(self.first, "process 1 is sipbridge")

    def first(self):
        """The process 1 in there, as this machine numbers it: nsenter, unshare, and then it."""
        assert self.process.poll() is None, self.text()
        pid = self.process.pid
        while Path(f"/proc/{pid}/comm").read_text() != "sipbridge\n":
            below = children(pid)
            if not below:
                return None
            pid = below[0]
        return pid

    def text(self):
        return self.image.root.path("tmp/log").read_text()

    def run(self, *words):
        inside = ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--root", "--wdns=/", "env", "-i",
                  "PATH=/usr/bin:/bin", *self.env]
        return subprocess.run([*inside, *words], capture_output=True, text=True, timeout=60)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


@pytest.fixture
def container(root, packages):
    image = Image(root)
    image.build("sipbridge", {PACKAGE: packages["0.1.0"]})
    shutil.copy(ROOT / "deploy/try/agent.sh", image.root.path("opt/agent.sh"))
    service = Service(image.root)
    made = Container(image, LIVEKIT_API_KEY=livekit.KEY, LIVEKIT_API_SECRET=livekit.SECRET, LIVEKIT_API_URL="off",
                     SIP_AGENT_COMMAND="/bin/sh /opt/agent.sh", SIP_LISTEN=f"127.0.0.1:{service.port}",
                     SIP_ADMIN_LISTEN=f"127.0.0.1:{service.admin_port}")
    made.service = service
    service.log = made.text
    yield made
    made.close()


def test_stages_stand_on_the_base_that_is_tested():
    found = stages()
    assert [found[name][0] for name in ("build", "sipbridge", "example", "sipbridge.")] == [BASE, BASE, "sipbridge", "sipbridge"]
    assert found["sipbridge."][1] == [], "what is built without a target is sipbridge alone"


def zombies(container):
    """Of the processes in there."""
    run = container.run("sh", "-c", "grep -l '^State:.Z' /proc/[0-9]*/status")
    return run.stdout.split()


def test_image(container):
    image = container.image
    assert image.user == "sipbridge" and image.volume == "/var/lib/sipbridge"
    assert container.service.wait_up()["status"] == "healthy", container.text()
    status = container.run("cat", "/proc/1/status").stdout
    assert "Uid:\t790\t790\t790\t790" in status and "CapEff:\t0000000000000000" in status
    assert container.run(*image.healthcheck).returncode == 0
    dead = container.run("env", f"SIP_ADMIN_LISTEN=127.0.0.1:{free_port()}", *image.healthcheck)
    assert dead.returncode == 1 and "nobody answers there" in dead.stderr
    # An orphan of anybody in there becomes a child of process 1.
    container.run("sh", "-c", "sh -c 'true & exec true' & sh -c 'sleep 0.1 &'")
    wait_for(lambda: not zombies(container), "process 1 takes in the orphans")
    call = Call()
    container.service.post(*call.ringing(), *call.answered())
    wait_for(lambda: container.service.calls().get(call.sid, {}).get("pid"), "the call has its agent")
    os.kill(container.pid, signal.SIGTERM)
    wait_for(lambda: container.service.request("GET", "/readyz")[0] == 503, "it takes no more calls")
    assert call.sid in container.service.calls(), "a stop drops the call"
    container.service.post(*call.hung_up())
    assert container.process.wait(30) == 0, container.text()


@pytest.mark.whole
def test_stage_that_compiles(root):
    """Compiler, build, package, and the image of it: nothing of this machine's build."""
    image = Image(root)
    image.build("build")
    made, = root.path("src/build/release").glob("sipbridge_*.deb")
    image.cwd = "/"
    image.build("sipbridge", {PACKAGE: made})
    assert root.run("sipbridge", "--version").stdout.split()[-1] == "0.1.0"


@pytest.mark.whole
def test_stage_of_the_example_agent(root, packages):
    image = Image(root)
    image.build("sipbridge", {PACKAGE: packages["0.1.0"]})
    image.build("example")
    assert root.path("srv/agents/example/node_modules/@livekit/rtc-node").is_dir()


class Buildah:
    """A real builder with a store of its own, whose only base image is the bare Debian under the name of Debian's image."""

    def __init__(self, directory, lower):
        self.store = ["buildah", "--root", str(directory / "store"), "--runroot", str(directory / "run"), "--storage-driver", "vfs"]
        made = self("from", "scratch")
        tar = directory / "base.tar"
        subprocess.run(["tar", "-C", lower, "--exclude=./var/lib/apt/lists", "--exclude=./var/cache/apt/archives", "-cf",
                        str(tar), "."], check=True)
        self("add", made, str(tar), "/")
        self("commit", "--quiet", "--rm", made, f"docker.io/library/{BASE}")
        tar.unlink()

    def __call__(self, *words, timeout=1800):
        run = subprocess.run([*self.store, *words], capture_output=True, text=True, timeout=timeout)
        assert run.returncode == 0, f"buildah {' '.join(words)}\n{run.stdout[-4000:]}\n{run.stderr[-4000:]}"
        return run.stdout.strip()


@pytest.mark.whole
def test_image_by_a_real_builder(lower, tmp_path):
    if not shutil.which("buildah"):
        pytest.skip("NOT TESTED: buildah is not installed (Debian package of the same name)")
    buildah = Buildah(tmp_path, lower)
    buildah("bud", "--isolation", "chroot", "--pull-never", "--network", "host", "--format", "docker", "--tag", "sipbridge",
            "--file", str(FILE), str(ROOT))
    config = json.loads(buildah("inspect", "--type", "image", "sipbridge"))["Docker"]["config"]
    assert (config["User"], config["Entrypoint"], config["Cmd"]) == ("sipbridge", ["sipbridge"], ["serve"])
    assert config["Healthcheck"]["Test"] == ["CMD", "sipbridge", "status"] and list(config["Volumes"]) == ["/var/lib/sipbridge"]
    container = buildah("from", "--pull-never", "sipbridge")
    assert buildah("run", "--isolation", "chroot", container, "sipbridge", "--version").split()[-1] == "0.1.0"
    assert buildah("run", "--isolation", "chroot", container, "id", "-u") == "790"
