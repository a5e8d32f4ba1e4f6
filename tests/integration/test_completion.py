"""The shells' completion of deploy/completion in real shells: bash by its own arrays, zsh at a terminal, as a person types."""
import os
import pty
import select
import shutil
import subprocess
import time

import pytest
from daemon import ROOT, binary

COMPLETION = ROOT / "deploy" / "completion"

BASH = r"""
source "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_sipbridge
printf '%s\n' "${COMPREPLY[@]}"
"""


def bash(cwd, *words):
    """What bash offers for the last of WORDS."""
    run = subprocess.run(["bash", "--norc", "-c", BASH, "bash", str(COMPLETION / "sipbridge.bash"), "sipbridge", *words],
                         capture_output=True, text=True, timeout=120, cwd=cwd, check=True)
    assert run.stderr == ""
    return run.stdout.split()


def verbs_of(*command):
    """The commands that --help lists."""
    run = subprocess.run([binary(), *command, "--help"], env={}, capture_output=True, text=True, timeout=120, check=True)
    part = run.stdout.partition("Verbs:\n" if command else "Commands:\n")[2].partition("\n\n")[0]
    return [line.split()[0] for line in part.splitlines() if line[:2] == "  " and line[2] not in " -"]


@pytest.fixture
def place(tmp_path):
    for name in ("rules.json", "settings.env", "two words.env"):
        (tmp_path / name).write_text("")
    return tmp_path


def test_bash_offers_every_command_and_verb(place):
    commands = verbs_of()
    assert len(commands) > 15 and bash(place, "") == commands
    for command in commands:
        if command in ("rules", "agents", "trunks", "dispatch", "calls"):
            assert bash(place, command, "") == verbs_of(command) != []


@pytest.mark.parametrize("words,offered", [
    (["ru"], ["rules"]), (["rules", "ex"], ["explain"]), (["--h"], ["--help"]), (["rules", "list", "--j"], ["--json"]),
    (["rules", "--help", "im"], ["import"]), (["docs", "se"], ["settings"]), (["docs", "completion-z"], ["completion-zsh"]),
    (["serve", "--env-file", "s"], ["settings.env"]), (["serve", "--env-file", "=", "s"], ["settings.env"]),
    (["serve", "--env-file", "="], ["rules.json", "settings.env", "two", "words.env"]), (["rules", "check", "ru"], ["rules.json"]),
    (["rules", "explain", "--caller", ""], []), (["rules", "explain", "--caller", "rules", "--t"], ["--trunk"]),
    (["nothing", "known", "x"], []), (["calls", "stop", ""], []), (["token", "--env-file", "none-such"], []),
])
def test_bash_offers_what_fits(place, words, offered):
    assert sorted(bash(place, *words)) == sorted(offered)


class Zsh:
    """zsh without anybody's settings at a pseudo-terminal, with our completion loaded."""

    def __init__(self, cwd):
        functions = cwd / "functions"
        functions.mkdir()
        shutil.copy(COMPLETION / "_sipbridge", functions)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe("zsh", ["zsh", "-f"], {"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": str(cwd), "PS1": "$ "})
        self.shown = ""
        self.type(f"fpath=({functions} $fpath); autoload -Uz compinit; compinit -u -D; unsetopt BEEP; print READ''Y\n")
        self.expect("READY")

    def type(self, text):
        os.write(self.fd, text.encode())

    def expect(self, *texts):
        deadline = time.monotonic() + 30
        while not all(text in self.shown for text in texts):
            left = deadline - time.monotonic()
            assert left > 0, f"not shown: {texts}\n{self.shown}"
            if select.select([self.fd], [], [], left)[0]:
                self.shown += os.read(self.fd, 65536).decode(errors="replace")

    def close(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.mark.parametrize("line,offered", [
    ("sipbridge \t", ["serve", "Take webhooks and run agents", "list-rooms"]),
    ("sipbridge rules \t", ["explain", "Replace all rules by those of FILE"]),
    ("sipbridge rules add --\t", ["--priority", "lowest first", "--env-file", "--help"]),
    ("sipbridge docs comp\t", ["completion-"]), ("sipbridge serve --env-file sett\t", ["settings.env"]),
    ("sipbridge trunks create --num\t", ["--number"]), ("sipbridge rules check ru\t", ["rules.json"]),
], ids=lambda value: value.strip() if isinstance(value, str) else "")
def test_zsh_offers_what_fits(place, line, offered):
    assert shutil.which("zsh"), "deploy/packages.sh test installs zsh"
    zsh = Zsh(place)
    try:
        zsh.shown = ""
        zsh.type(line)
        zsh.expect(*offered)
    finally:
        zsh.close()
