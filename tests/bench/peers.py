"""What sipbridge is measured beside (setup.sh makes them). Each is optional: None with a loud line where it is missing."""
import os
import shutil
import subprocess
from pathlib import Path

from parts import HERE, Server, livekit

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
KEYS = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LIVEKIT_API_KEY": livekit.KEY,
        "LIVEKIT_API_SECRET": livekit.SECRET}
GO = CACHE / "sipbridge-bench/go-receiver"
PYTHON = CACHE / "sipbridge-bench/python/bin/python"
NODE_PACKAGES = CACHE / "sipbridge-e2e/node/node_modules"


def go_receiver(where):
    """LiveKit's Go SDK under net/http."""
    return Server(where, [str(GO)], environment=KEYS, pin=True) if GO.exists() else None


def node_receiver(where):
    """LiveKit's Node SDK under node:http."""
    node = shutil.which("node")
    if node is None or not (NODE_PACKAGES / "livekit-server-sdk").is_dir():
        return None
    home = Path(where) / "node"
    home.mkdir(exist_ok=True)
    if not (home / "node_modules").exists():
        (home / "node_modules").symlink_to(NODE_PACKAGES)
        shutil.copy(HERE / "peers/node/receiver.mjs", home)
    return Server(where, [node, str(home / "receiver.mjs")], environment=KEYS, pin=True)


def python_receiver(where):
    """LiveKit's Python SDK under aiohttp."""
    return Server(where, [str(PYTHON), str(HERE / "peers/python/receiver.py")], environment=KEYS, pin=True) \
        if PYTHON.exists() else None


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return "not there"
    return (done.stdout or done.stderr).strip().splitlines()[0] if done.stdout or done.stderr else "?"


def versions():
    """(what, version) of everything that was measured."""
    pins = dict(line.strip().split("==") for line in (HERE / "peers/python/requirements.txt").read_text().splitlines())
    protocol = next(line.split()[-1] for line in (HERE / "peers/go/go.mod").read_text().splitlines()
                    if "livekit/protocol " in line)
    sdk = next(line.split('"')[3] for line in (HERE.parent / "e2e/package.json").read_text().splitlines()
               if '"livekit-server-sdk"' in line)
    return [("kernel", os.uname().release), ("compiler", first_line(os.environ.get("CC", "cc"), "--version")),
            ("libh2o", first_line("pkg-config", "--modversion", "libh2o-evloop")),
            ("Go SDK", f"livekit/protocol {protocol}, {first_line('go', 'env', 'GOVERSION')}"),
            ("Node SDK", f"livekit-server-sdk {sdk}, node {first_line('node', '--version')}"),
            ("Python SDK", f"livekit-api {pins['livekit-api']}, aiohttp {pins['aiohttp']}, "
                           f"{first_line(str(PYTHON), '--version')}"),
            ("livekit-agents", pins["livekit-agents"]), ("adnanh/webhook", first_line("webhook", "-version")),
            ("livekit-server", os.path.basename(os.path.realpath(CACHE / "sipbridge-e2e/livekit-server")))]
