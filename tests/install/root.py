"""A bare Debian of its own for a test: what setup.sh made with a layer in memory above it, with its own processes and mounts,
and the machine's network. There is no systemd in it. When it is closed its processes are killed and nothing of it is left."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from daemon import wait_for

# Mounts; then process 1 of the root, which takes in the orphans as systemd would.
HOLD = """set -e
mount -t tmpfs -o mode=755 tmpfs "$2"
mkdir "$2/changed" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/changed,workdir=$2/work" "$2/root"
mount -t proc proc "$2/root/proc"
exec chroot "$2/root" sh -c 'echo ready; exec 1>/dev/null; while :; do sleep 3600; done'
"""


class Root:
    def __init__(self, lower):
        self.lower, self.holder, self.init = lower, None, None
        self.mount_point = tempfile.mkdtemp(prefix="sb-root-")

    def __enter__(self):
        try:
            self.hold()
        except BaseException:
            self.__exit__()
            raise
        return self

    def hold(self):
        """Starts process 1 of the root; when it is killed the kernel kills all others there, and unmounts."""
        self.holder = subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private",
                                        "sh", "-c", HOLD, "sh", self.lower, self.mount_point],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n", "the root cannot be mounted"
        children = Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text()
        self.init = int(children.split()[0])

    def __exit__(self, *_):
        if self.holder is not None:
            self.holder.kill()
            self.holder.wait()
            self.holder.stdout.close()
        if self.init is not None:
            wait_for(lambda: not Path(f"/proc/{self.init}").exists(), "the root's processes are gone")
        os.rmdir(self.mount_point)

    def path(self, name):
        return Path(f"/proc/{self.init}/root") / name

    def write(self, name, text, mode=0o644):
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_text(text)
        self.path(name).chmod(mode)

    def command(self, *words, user=None):
        inside = ["nsenter", "--target", str(self.init), "--mount", "--pid", "--root", "--wdns=/", "env", "-i",
                  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
                  "LC_ALL=C.UTF-8"]
        if user:
            inside += ["runuser", "-u", user, "--"]
        return [*inside, *words]

    def run(self, *words, user=None, check=True, timeout=120):
        """The finished process; one that failed is a failure of the test, with what it said."""
        done = subprocess.run(self.command(*words, user=user), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout)
        assert not check or done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def install(self, package, *names):
        """As a person does it: the file, and what it depends on; and Debian's packages NAMES, or options."""
        shutil.copy(package, self.path("tmp"))
        return self.run("apt-get", "install", "-qq", "--no-install-recommends", f"/tmp/{Path(package).name}", *names)
