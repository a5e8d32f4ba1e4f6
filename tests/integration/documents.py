"""The documents that people read, and the commands in them: lines of blocks that are a shell's, and `code` in the text that
begins with a program's name."""
import re
import sys
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lint"))
from markdown import Document  # noqa: E402

# Where a command is; `text` is all of it, `shown` what the document says that it prints (None: nothing is said).
Command = namedtuple("Command", "where text shown")
Script = namedtuple("Script", "where commands")  # one block; its commands are typed one after the other

# Blocks in other languages hold no commands. What is in none must be commands, or data that begins like data.
SHELLS, OTHERS = ("sh", "bash", "console", "shell"), ("json", "yaml", "diff", "text", "ini", "mermaid", "python", "env")
PROGRAMS = {
    "apache2ctl", "apt", "apt-get", "a2enmod", "a2ensite", "bash", "caddy", "cat", "chgrp", "chmod", "chown", "cmake", "cp",
    "ctest", "curl", "df", "dig", "docker", "docker-compose", "dpkg", "du", "echo", "editor", "export", "free", "getent", "git",
    "go", "grep", "groupadd", "haproxy", "install", "ip", "iptables", "journalctl", "jq", "kill", "ldd", "livekit-server",
    "livekit-sip", "lk", "logrotate", "ls", "lsof", "man", "mkdir", "mv", "nft", "nginx", "node", "npm", "openssl", "pip",
    "podman", "promtool", "ps", "python", "python3", "redis-cli", "redis-server", "rm", "sed", "sh", "sipbridge", "sipp",
    "sngrep", "ss", "ssh", "strace", "sudo", "sysctl", "systemctl", "systemd-analyze", "systemd-cgls", "systemd-notify",
    "systemd-sysusers", "tail", "tcpdump", "timedatectl", "top", "ufw", "ulimit", "uv", "valgrind", "zcat"}
# The tables of what the program says: `code` in their column Message is its words, whatever they begin with.
SAID = re.compile(r"<!-- (messages|health) -->\n.*?<!-- /\1 -->", re.S)
CELL = r"(?:[^|\\\n]|\\.)*"
OURS = re.compile(r"^(?:tests|deploy|doc|\.ci|examples)/[\w./-]+(?:\.sh|\.py|/run)$")


def paths():
    """The documents that people read; those that programs make are among them."""
    return sorted([ROOT / "README.md", *(ROOT / "doc").glob("*.md"), *(ROOT / "deploy").rglob("README.md"),
                   *(ROOT / "examples").rglob("README.md")])


def documents():
    """{name: Document}"""
    return {str(path.relative_to(ROOT)): Document(path.read_text(encoding="utf-8")) for path in paths()}


def without_messages(match):
    """The tables of MATCH, their column Message empty."""
    rows, at = [], None
    for row in match.group(0).split("\n"):
        cells = re.findall(rf"\|{CELL}", row) if row.startswith("|") else []
        at = [cell.strip("| ") for cell in cells].index("Message") if "| Message |" in row else at if cells else None
        rows.append("".join("|" if number == at else cell for number, cell in enumerate(cells)) if at is not None else row)
    return "\n".join(rows)


def codes(document):
    """Every `code` of the text that is not a message of the program."""
    return Document(SAID.sub(without_messages, document.text)).codes()


def first_word(text):
    """The program that TEXT would start, behind assignments."""
    words = re.sub(r"^(?:[A-Z_]+=\S* +)*", "", text).split()
    return words[0] if words else ""


def is_command(text):
    word = first_word(text)
    return word in PROGRAMS or bool(OURS.match(word))


def is_data(text):
    """JSON, or a member of it, or nothing but settings."""
    return text.lstrip()[:1] in ('{', '[', '"') or all(re.match(r"^[A-Z_]+=", line) for line in text.splitlines())


def without_comment(line):
    """# behind two blanks is a comment; people write it in columns."""
    return re.sub(r"^#.*|\s{2,}#.*$", "", line).rstrip()


def of_block(name, block):
    """The Script of BLOCK, None where it holds none; ValueError: nobody can tell."""
    lines = block.text.split("\n")
    if block.language in OTHERS:
        return None
    if lines[0].startswith("$ "):
        return Script(f"{name}:{block.line}", typed(name, block))
    if not is_command(without_comment(lines[0])) and block.language not in SHELLS:
        if block.language == "" or is_data(block.text):
            return None
        raise ValueError(f"{name}:{block.line}: neither commands nor data: write it between ```text, or say its language")
    found = []
    for number, line in enumerate(lines, block.line):
        text = columns(without_comment(line))
        if text and not re.match(r"^[A-Z_]+=\S*$", text):
            if not is_command(text):
                raise ValueError(f"{name}:{number}: \"{text}\" begins with no program that the tests know (documents.py)")
            found.append(Command(f"{name}:{number}", text, None))
    return Script(f"{name}:{block.line}", found) if found else None


def columns(line):
    """What stands in a second column (tests/faults/run.sh   some n of …) is said of the command."""
    return re.split(r"\s{3,}", line)[0]


def typed(name, block):
    """Lines behind `$ `, each with what it prints."""
    found, shown = [], []
    for number, line in enumerate(block.text.split("\n"), block.line):
        if line.startswith("$ "):
            found.append((f"{name}:{number}", line[2:].strip()))
            shown.append([])
        else:
            shown[-1].append(line)
    return [Command(where, text, "\n".join(lines) if lines else None) for (where, text), lines in zip(found, shown)]


def scripts(name, document):
    """(Scripts of the blocks, problems)"""
    found, problems = [], []
    for block in document.blocks:
        try:
            found.append(of_block(name, block))
        except ValueError as error:
            problems.append(str(error))
    return [script for script in found if script], problems


def inline(name, document):
    """`code` that is a command line. A single word is only a name, but for our own scripts."""
    for code in codes(document):
        if is_command(code.text) and (" " in code.text or OURS.match(code.text)):
            yield Command(f"{name}:{code.line}", code.text, None)
