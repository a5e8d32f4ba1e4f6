"""Whether what a document shows is like what a program prints: other numbers, other ids, other widths, and nothing else."""
import os
import re
import shutil

from daemon import ROOT, binary
from terminal import Terminal


def shape(line):
    """A regular expression for what is like LINE: other numbers, other ids, other widths; … is anything."""
    line = line.rstrip()
    indent = len(line) - len(line.lstrip())
    pieces = []
    for token in re.findall(r"…|(?:ST|SDR|RM|PA)_\w+|\d[\d,.]*|\s+|[^\s\d…]", line[indent:]):
        if token == "…":
            pieces.append(r".*")
        elif re.match(r"(?:ST|SDR|RM|PA)_", token):
            pieces.append(token[:3].rstrip("_").split("_")[0] + r"_\w+")
        elif token[0].isdigit():
            pieces.append(r"\d[\d,.]*")
        else:
            pieces.append(r"\s+" if token.isspace() else re.escape(token))
    return re.compile(" " * indent + "".join(pieces) + r"\s*$")


def unlike(documented, shown):
    """The first line of DOCUMENTED that SHOWN has not where it should be, or None. A line … stands for any lines."""
    lines, at, anywhere = [line for line in shown.split("\n") if line.strip()], 0, False
    for wanted in documented.split("\n"):
        if wanted.strip() == "…":
            anywhere = True
        elif wanted.strip():
            found = next((n for n in range(at, len(lines)) if shape(wanted).match(lines[n])), None)
            if found is None or (found != at and not anywhere):
                return wanted
            at, anywhere = found + 1, False
    return None if anywhere or at == len(lines) else f"(nothing more), but it goes on with {lines[at]!r}"


def tried(directory, *arguments, timeout=60):
    """(exit code, what is shown) of deploy/try.sh at a terminal, in a copy of the repository in which nothing is to be built: the
    program under test is there, and cmake does nothing."""
    shutil.copytree(ROOT / "deploy", directory / "deploy")
    for name in ("tests", "examples"):
        (directory / name).symlink_to(ROOT / name)
    for name in ("build/release", "bin"):
        (directory / name).mkdir(parents=True)
    (directory / "build/release/sipbridge").symlink_to(binary())
    (directory / "bin/cmake").write_text("#!/bin/sh\n")
    (directory / "bin/cmake").chmod(0o755)
    kept = {name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME", "CI") if name in os.environ}
    environment = {**kept, "PATH": f"{directory}/bin:{os.environ['PATH']}", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    with Terminal(str(directory / "deploy/try.sh"), *arguments, program="/bin/sh", cwd=directory, env=environment) as terminal:
        code = terminal.end(timeout)
        return code, terminal.on_paper()
