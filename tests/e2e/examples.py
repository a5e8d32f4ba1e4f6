"""The examples of examples/ as entries of the agents' directory: what test_examples.py and the bench have answer calls."""
import shutil
import subprocess

from stage import CACHE, HERE

EXAMPLES = HERE.parents[1] / "examples"
COMMANDS = {
    "node": ["node", "agent.mjs"],
    "python": [CACHE / "python/bin/python3", "agent.py"],
    "python-livekit-agents": [CACHE / "python-livekit-agents/bin/python3", "agent.py"],
    "python-pipecat": [CACHE / "python-pipecat/bin/python3", "agent.py"],
    "shell": ["sh", "agent.sh", "node", "../announce.mjs"],
}
LOADED_S = 60  # two cores for all, and Pipecat loads for seconds
PATIENT = {"SIP_READY_TIMEOUT": f"{LOADED_S}s", "SIP_STOP_TIMEOUT": "30s"}


def install():
    """Exit code of setup.sh: 0, or 77 where what they need cannot be had."""
    return subprocess.run([str(HERE / "setup.sh"), "examples"]).returncode


def is_there(name):
    return bool(shutil.which(str(COMMANDS[name][0]))) and (name != "shell" or bool(shutil.which("jq")))


def entry(name, where):
    """The directory entry of the example NAME, copied to WHERE so that it finds the npm packages."""
    shutil.copytree(EXAMPLES / name, where / "example")
    for script in ("announce.mjs", "tone.mjs"):
        shutil.copy(HERE / script, where)
    (where / "node_modules").symlink_to(CACHE / "node/node_modules")
    return {"command": [str(part) for part in COMMANDS[name]], "cwd": str(where / "example")}
