"""The documents say what is so: every command in them is run here as it stands there, or by a test that doc_tables.py names;
commands, options, settings, metrics, endpoints, checks, files and tests that they name exist; and what they show beside a
command is what it prints. (Links are checked by tests/lint.) A new page is picked up by itself."""
import functools
import http.client
import json
import re
import shlex
import subprocess
import sys

import pytest
from daemon import ROOT, binary, wait_for
from doc_tables import CONTAINERS, ELSEWHERE, FOREIGN_FILES, FOREIGN_NAMES, FOREIGN_OPTIONS, FOREIGN_PATHS, PLACES, RUN_BY, SURROUNDINGS
from documents import OURS, Document, Script, documents, first_word, inline, scripts
from documents import codes as codes_of
from likeness import tried, unlike
from reader import HARMLESS, Reader

DOCUMENTS = documents()
README = DOCUMENTS["README.md"]
USED = set()  # rows of the tables that a document needed


def json_of_readme(opening):
    return next(block.text for block in README.blocks if block.language == "json" and block.text.startswith(opening))


@functools.lru_cache(maxsize=None)
def printed(*arguments):
    run = subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=120, env={"PATH": "/usr/bin:/bin"})
    assert run.returncode == 0, run.stderr
    return run.stdout


# --- the command table ---

@functools.lru_cache(maxsize=None)
def commands():
    """{"rules add": its arguments}, from the program's own table."""
    found = {}
    for row in re.findall(r"^\| `sipbridge (.*?)` \|", printed("docs", "commands"), re.M):
        words = row.replace("\\|", "|").split(" ")
        count = next((n for n, word in enumerate(words) if not re.fullmatch(r"[a-z][a-z-]*", word)), len(words))
        found[" ".join(words[:count])] = " ".join(words[count:])
    return found


def options(command):
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", printed(*command.split(), "--help").split("Options:")[1].split("\n\n")[0]))


def command_of(text):
    """The sipbridge command that TEXT begins with; "" a group of them (`sipbridge rules`), None: there is no such command."""
    words = text.split()[1:]
    for count in (2, 1):
        if " ".join(words[:count]) in commands():
            return " ".join(words[:count])
    groups = {command.split()[0] for command in commands()}
    if len(words) > 1 and words[0] in groups and re.fullmatch(r"[a-z][a-z-]*", words[1]):
        return None  # no verb of that group
    return "" if not words or words[0] in {*groups, "COMMAND"} or words[0].startswith("-") else None


def parts(text):
    """The commands of a line; quoted text is left whole."""
    quoted = []
    hidden = re.sub(r"'[^']*'|\"[^\"]*\"|\$\([^)]*\)", lambda m: quoted.append(m.group(0)) or f"\0{len(quoted) - 1}\0", text)
    for part in re.split(r"\s(?:&&|\|\||\||;)\s", hidden):
        yield re.sub("\0(\\d+)\0", lambda m: quoted[int(m.group(1))], part).strip()


def wrong_options(text):
    """What is wrong with a command line of sipbridge, or None."""
    command = command_of(text)
    if command is None:
        return "there is no such command"
    given = re.findall(r"(?<![\w'\"{-])--?[a-z][a-z-]*", re.sub(r"'[^']*'|\"[^\"]*\"", "''", text))
    known = options(command) if command else {"--help", "-h", "--version", *(options("status") if "COMMAND" in text else ())}
    unknown = [option for option in given if option not in known]
    return f"sipbridge {command} has no option {' '.join(unknown)}" if unknown else None


def short_form(text):
    """`rules add PATTERN` is said of `sipbridge rules add PATTERN`."""
    words = text.split()
    is_verb = len(words) > 1 and any(command.startswith(f"{words[0]} ") for command in commands())
    return f"sipbridge {text}" if words and (words[0] in commands() and len(words) > 1 and words[1].startswith("-") or
                                             is_verb and words[1].split("|")[0] in
                                             [command.split()[-1] for command in commands()]) else None


def is_name(text):
    """Said of a command, not typed: a row of the command table, a group, or too few arguments."""
    command = command_of(text)
    if not command:
        return "COMMAND" not in text
    arguments = commands()[command]
    rest = text.split()[1 + len(command.split()):]
    if rest and " ".join(rest) == arguments:
        return True
    needed = len(re.sub(r"\[[^\[\]]*\]", "", re.sub(r"\[[^\[\]]*\]", "", arguments)).split())
    given = [word for word in re.sub(r"'[^']*'", "x", " ".join(rest)).split() if not word.startswith("-") or word == "-"]
    return len(given) < needed


# --- what is run ---

def needed_row(table, matches):
    for number, row in enumerate(table):
        if matches(row):
            USED.add((id(table), number))
            return row
    return None


def elsewhere(text):
    """The row that says where TEXT, one command of a line, is run."""
    return needed_row(ELSEWHERE, lambda row: re.fullmatch(row.pattern, text))


def ours(text):
    """What is wrong with a command that is a script of this repository, or None."""
    words = text.split()
    script = ROOT / words[0]
    if not script.is_file():
        return f"there is no {words[0]}"
    beside = "".join(path.read_text() for path in [script, *script.parent.glob("*.py")] if path.is_file())
    unknown = [word for word in words[1:] if word.startswith("--") and word not in beside]
    if unknown:
        return f"{words[0]} has no option {' '.join(unknown)}"
    is_test = words[0].startswith("tests/") and script.suffix == ".py"
    runners = "".join((ROOT / name).read_text() for name in RUN_BY)
    by = {str(script.parent.relative_to(ROOT)), words[0]} | ({"doc/update.sh"} if words[0] == "doc/update.sh" else set())
    if not is_test and not any(name in runners for name in by) and words[0] != "doc/update.sh":
        return f"neither {' nor '.join(RUN_BY)} runs {words[0]}"
    return None


def rest_to_run(text):
    """TEXT without the commands that run elsewhere; (what is left, problems)"""
    left, problems = [], []
    text = re.sub(CONTAINERS, "", text)
    if elsewhere(text):
        return "", []
    for part in parts(text):
        word = first_word(part)
        if OURS.match(word):
            problems += filter(None, [ours(part)])
        elif elsewhere(part):
            continue
        elif word in HARMLESS:
            left.append(part)
        else:
            problems.append(f"`{part}` is neither run nor mapped: HARMLESS in reader.py, or ELSEWHERE in doc_tables.py")
    is_pipe = " | " in text and len(left) == len(list(parts(text)))
    if left and " | " in text and not is_pipe and not problems:
        problems.append(f"`{text}` is a pipe of which only a part is run here: map all of it in doc_tables.py")
    return (text if is_pipe else " && ".join(left)), problems


def surroundings(text):
    row = needed_row(SURROUNDINGS, lambda row: re.search(row[0], text))
    return dict(row[1]) if row else {}


def made_here(reader, text):
    """TEXT with what its placeholders stand for."""
    new = [trunk for trunk in reader.livekit.trunks if trunk != reader.trunk]
    members = {"trunk": reader.trunk, "new_trunk": new[0] if new else reader.trunk, "sdr": reader.sdr, "token": reader.token,
               "sid": reader.calls[0].sid if reader.calls else "", "line": shlex.quote(reader.line), "pid": reader.pid}
    for where, what, instead in PLACES:
        if re.search(where, text) and re.search(what, text):
            value = re.sub(r"\{(\w+)\}", lambda match: str(members[match.group(1)]), instead)
            text = re.sub(what, lambda match: match.expand(value.replace("\\1", r"\g<1>")) if "\\1" in value else value, text, 1)
    return text


def agents_of_readme(only):
    agents = {**json.loads(json_of_readme("{")), "sales": {"order": 200}}
    return {name: entry for name, entry in agents.items() if name in (only or agents)}


def run_script(script):
    """Types the commands of SCRIPT one after the other; what went wrong."""
    first = next((command.text for command in script.commands if surroundings(command.text)), script.commands[0].text)
    setting = surroundings(first)
    until, code, only = setting.pop("until", None), setting.pop("code", 0), setting.pop("only", None)
    apart = setting.pop("apart", False)
    problems = []
    if apart and len(script.commands) > 1:
        for command in script.commands:
            problems += run_script(Script(script.where, [command]))
        return problems
    todo = [(command, rest_to_run(command.text)[0]) for command in script.commands]
    todo = [(command, text) for command, text in todo if text]
    if not todo:
        return []
    setting.setdefault("rules", json.loads(json_of_readme("[")))
    setting.setdefault("agents", agents_of_readme(only))
    with Reader(**setting) as reader:
        exported = ""
        for command, text in todo:
            if text.startswith("export "):
                exported += text + "; "
                continue
            typed = exported + made_here(reader, text)
            got, shown = reader.types(typed, until)
            if got != code:
                problems.append(f"{command.where}: `{typed}` ended with {got}:\n{shown}")
            elif command.shown is not None and unlike(command.shown, shown):
                problems.append(f"{command.where}: `{text}` does not print {unlike(command.shown, shown)!r} but\n{shown}")
    return problems


def all_scripts():
    """Of all documents: the blocks, and each command in the text that is typed somewhere."""
    for name, document in DOCUMENTS.items():
        yield from scripts(name, document)[0]
        yield from (Script(command.where, [command]) for command in inline(name, document)
                    if not (command.text.startswith("sipbridge ") and is_name(command.text)))


def to_run():
    """Those with something to run here, each text once."""
    seen = {}
    for script in all_scripts():
        key = tuple(command.text for command in script.commands)
        if any(rest_to_run(command.text)[0] for command in script.commands):
            seen.setdefault(key, script)
    return list(seen.values())


# --- tests ---

def test_every_block_is_understood():
    problems = [problem for name, document in DOCUMENTS.items() for problem in scripts(name, document)[1]]
    assert not problems, "\n".join(problems)


def test_every_command_is_run_or_mapped():
    problems = [f"{command.where}: {problem}" for script in all_scripts() for command in script.commands
                for problem in rest_to_run(command.text)[1]]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("script", to_run(), ids=lambda script: script.where)
def test_command_does_what_the_document_says(script):
    problems = run_script(script)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("row", ELSEWHERE, ids=lambda row: row.pattern)
def test_mapped_tests_are_there(row):
    text = ""
    for name in row.where:
        assert (ROOT / name).is_file(), f"ELSEWHERE: there is no {name}"
        text += (ROOT / name).read_text()
    missing = [word for word in row.words if word not in text]
    assert row.words and not missing, f"{row.where} do not contain {missing}"


def test_every_row_of_the_tables_is_needed():
    for script in all_scripts():
        for command in script.commands:
            surroundings(command.text)
            rest_to_run(command.text)
    for table in (ELSEWHERE, SURROUNDINGS):
        left = [row for number, row in enumerate(table) if (id(table), number) not in USED]
        assert not left, left


def codes():
    """(where, text) of every `code`, and of every line of a block of commands."""
    for name, document in DOCUMENTS.items():
        for code in codes_of(document):
            yield f"{name}:{code.line}", code.text
        for script in scripts(name, document)[0]:
            yield from ((command.where, command.text) for command in script.commands)


def test_the_two_commands_of_the_readme(tmp_path):
    """deploy/try.sh without its build, which .ci/run has it do: what the README shows of it."""
    code, shown = tried(tmp_path)
    assert code == 0, shown
    block = re.search(r"<!-- try -->\n```\n(.*?)\n```", README.text, re.S).group(1)
    assert unlike(block, shown) is None, f"{unlike(block, shown)!r} is not in\n{shown}"


def test_commands_and_options_exist():
    problems = []
    for where, text in codes():
        for part in parts(text):
            line = part if first_word(part) == "sipbridge" else short_form(part)
            if line and not re.match(r"sipbridge (rules|trunks) \w+(\|\w+)+$", line):
                problems += [f"{where}: {why}: {text}" for why in filter(None, [wrong_options(line)])]
    assert not problems, "\n".join(problems)


def test_commands_that_the_program_names_exist():
    """In what it says: `sipbridge …`, and whatever doctor's repairs begin with sipbridge."""
    text = re.sub(r'"\s*\n\s*"', "", sources())
    named = re.findall(r"`(sipbridge [a-z][^`]*)`", text)
    for repair in re.findall(r"finding_repair\((.*?)\);\n", text, re.S):
        named += re.findall(r"sipbridge [a-z-]+(?: [a-z-]+)?", repair)
    problems = [f"{line}: {why}" for line in named for why in [wrong_options(re.sub("%[a-z]+", "x", line))] if why]
    assert len(named) > 80 and not problems, f"{len(named)}: " + "\n".join(problems)


def test_lists_of_verbs_exist():
    """`rules list|check|explain`"""
    for where, text in codes():
        match = re.fullmatch(r"(?:sipbridge )?(rules|agents|trunks|dispatch|calls) ([a-z]+(?:\|[a-z]+)+)", text)
        for verb in match.group(2).split("|") if match else ():
            assert f"{match.group(1)} {verb}" in commands(), f"{where}: {text}"


def options_of_script(name):
    """What a script of the repository says of its options: its usage, or all of it where it makes none."""
    text = (ROOT / name).read_text()
    if "argparse" not in text:
        return text
    return subprocess.run([sys.executable, ROOT / name, "--help"], capture_output=True, text=True, timeout=120, check=True,
                          env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}).stdout.split("\n\n")[0]


def test_options_that_stand_alone_exist():
    known = {option for command in commands() for option in options(command)}
    problems = []
    for where, text in codes():
        match = re.match(r"(--[a-z][a-z-]+)(?: |$)", text)
        if match and match.group(1) not in known:
            owner = FOREIGN_OPTIONS.get(match.group(1))
            if owner is None or not re.search(rf"(?<![\w-]){match.group(1)}(?![\w-])", options_of_script(owner)):
                problems.append(f"{where}: no command has the option {match.group(1)}")
    assert not problems, "\n".join(problems)


def sources():
    return "".join(path.read_text() for top in ("src", "webhooks", "spawner") for path in (ROOT / top).rglob("*.[ch]"))


def test_settings_exist():
    """The settings, and what agents find in their environment."""
    settings = set(re.findall(r"^\| `(\w+)` \|", printed("docs", "settings"), re.M))
    code, problems = sources(), []
    for name, document in DOCUMENTS.items():
        for number, line in enumerate(document.text.split("\n"), 1):
            for word in re.findall(r"(?<![\w.-])(?:SIP|SIPBRIDGE|LIVEKIT|STIMM|REDIS|LOG|DEFAULT|ENABLE)_[A-Z0-9_]*[A-Z0-9](?![\w*])", line):
                owner = FOREIGN_NAMES.get(word)
                is_foreign = word in FOREIGN_NAMES and (owner is None or word in (ROOT / owner).read_text())
                if word not in settings and f'"{word}' not in code and not is_foreign:
                    problems.append(f"{name}:{number}: there is no setting {word}")
    assert not problems, "\n".join(problems)


def test_metrics_exist():
    metrics = set(re.findall(r"^\| `(\w+)` \|", printed("docs", "metrics"), re.M))
    problems = []
    for name, document in DOCUMENTS.items():
        for number, line in enumerate(document.text.split("\n"), 1):
            for word, more in re.findall(r"(?<![\w.-])(sipbridge_[a-z_]+)(…?)", line):
                plain = re.sub(r"_(bucket|sum|count)$", "", word)
                is_one = any(metric.startswith(word) for metric in metrics) if more else word in metrics or plain in metrics
                if not is_one:
                    problems.append(f"{name}:{number}: there is no metric {word}")
    assert not problems, "\n".join(problems)


def test_checks_of_doctor_exist():
    """In doc/doctor.md what stands between the checks' table and the end."""
    checks = set(re.findall(r"^\| `([\w-]+)` \|", printed("docs", "doctor"), re.M))
    text = DOCUMENTS["doc/doctor.md"].text.split("## For the symptoms")[1]
    assert set(re.findall(r"`([\w-]+)`", text)) <= checks


def test_endpoints_exist(start):
    """Whatever the document calls a path is one of the running bridge: it answers anything but 404."""
    daemon = start(SIP_ADMIN_LISTEN="127.0.0.1:0", SIP_LISTEN="127.0.0.1:0", SIP_LOG_FORMAT="text")
    told = wait_for(lambda: re.search(r"listening on 127\.0\.0\.1:(\d+) \(admin\b", daemon.story()), "its operator's address")
    port = int(told.group(1))
    problems, pattern = [], re.compile(r"(?:(GET|POST) |http://127\.0\.0\.1:879[01])?(/(?:health|livez|readyz|board|metrics|api|webhooks)[\w/-]*)")
    for where, text in codes():
        for match in pattern.finditer(text):
            if match.start() > 0 and text[match.start() - 1] in "}s/.-_" or match.group(2) in FOREIGN_PATHS:
                continue
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request(match.group(1) or "GET", match.group(2))
            if connection.getresponse().status == 404:
                problems.append(f"{where}: the bridge has no {match.group(0)}")
            connection.close()
    assert not problems, "\n".join(problems)


def test_figures_are_those_that_were_measured():
    """What the README and the pages for those who come from elsewhere quote is what doc/performance.md has."""
    measured = DOCUMENTS["doc/performance.md"].text
    for name, until in (("README.md", "## Two commands"), ("doc/from-livekit-agents.md", "The memory of the agents themselves")):
        text = DOCUMENTS[name].text
        for line in text[:text.index(until)].splitlines():
            for figure in re.findall(r"([\d,]+) ms", line) if line.startswith("|") else ():
                assert f"| {figure.replace(',', '')} | ms |" in measured, f"{name}: {figure} ms is not in doc/performance.md"


def is_there(path):
    path = path.rstrip("/")
    return bool(list(ROOT.glob(path))) if "*" in path else (ROOT / path).exists()


def test_files_and_tests_that_are_named_exist():
    tests = {path.stem: path.read_text() for kind in ("unit/*.c", "*/*.py") for path in (ROOT / "tests").glob(kind)}
    problems = []
    for where, text in codes():
        for path in re.findall(r"(?<![\w/.…}])(?:src|tests|deploy|doc|webhooks|spawner|examples|cmake)/[\w./*-]*\w[/*]?", text):
            if path not in FOREIGN_FILES and not is_there(path) and not is_there(f"{path}.c"):
                problems.append(f"{where}: there is no {path}")
        for stem, function in re.findall(r"(?<![\w/])(test_\w+)(?:\.py|\.c)?(?:::(\w+))?", text):
            if stem not in tests or function not in tests[stem]:
                problems.append(f"{where}: there is no test {stem} {function}")
    assert not problems, "\n".join(problems)


# --- what these tests would notice ---

def commands_of(text):
    found, problems = scripts("x.md", Document(text))
    texts = [(command.where, command.text) for script in found for command in script.commands]
    return texts + [(command.where, command.text) for command in inline("x.md", Document(text))], problems


def test_commands_are_found_where_they_stand():
    text = ("Say `sipbridge status` or `systemctl\nreload sipbridge`, not `kept: 3`.\n\n    sipbridge config   # all\n"
            "    FOO=1 curl -N x\n\n```json\n{\"a\": 1}\n```\n\n```console\n$ jq .\n{}\n$ sipbridge docs man\n```\n")
    assert commands_of(text) == ([("x.md:4", "sipbridge config"), ("x.md:5", "FOO=1 curl -N x"), ("x.md:12", "jq ."),
                                  ("x.md:14", "sipbridge docs man"), ("x.md:1", "sipbridge status"),
                                  ("x.md:1", "systemctl reload sipbridge")], [])


@pytest.mark.parametrize("block, says", [
    ("    sipbridge status\n    frobnicate --all\n", 'x.md:4: "frobnicate --all" begins with no program'),
    ("    some words\n", "x.md:3: neither commands nor data"),
    ("```sh\nfrobnicate\n```\n", 'x.md:4: "frobnicate" begins with no program')])
def test_a_block_that_is_not_understood_is_told(block, says):
    problems = commands_of(f"# X\n\n{block}")[1]
    assert len(problems) == 1 and problems[0].startswith(says), problems


def test_messages_of_the_program_are_no_commands_and_what_remedies_say_is():
    rows = ("| Level | Message | When | What to do |\n| --- | --- | --- | --- |\n"
            "| info | `sipbridge VERSION \\| x` | `jq .` | `sipbridge frobnicate` |\n")
    found = [("x.md:4", "jq ."), ("x.md:4", "sipbridge frobnicate")]
    assert commands_of(f"<!-- messages -->\n{rows}<!-- /messages -->\n") == (found, [])
    elsewhere_found = [("x.md:3", "sipbridge VERSION | x"), ("x.md:3", "jq ."), ("x.md:3", "sipbridge frobnicate")]
    assert commands_of(rows) == (elsewhere_found, [])


@pytest.mark.parametrize("text, says", [
    ("docker frobnicate", "neither run nor mapped"), ("sipbridge status && strace -p 1", "`strace -p 1` is neither run"),
    ("journalctl -k | jq .", "only a part is run"),
    ("tests/run.sh --frobnicate", "has no option --frobnicate"), ("tests/no.sh", "there is no tests/no.sh")])
def test_a_command_that_nobody_runs_is_told(text, says):
    assert any(says in problem for problem in rest_to_run(text)[1])


@pytest.mark.parametrize("text", ["sipbridge frobnicate", "sipbridge rules frobnicate", "sipbridge rules frobnicate --json",
                                  "sipbridge status --frobnicate", "sipbridge rules list --yes"])
def test_a_command_or_option_that_is_not_there_is_told(text):
    assert wrong_options(text) is not None


@pytest.mark.parametrize("documented, shown, line", [
    ("rule [0] (+1, priority 100)\n…\n2 calls", "rule [12] (+1, priority 7)\na\nb\n31 calls", None),
    ("trunk ST_eG9VxyFjwUWP made", "trunk ST_a made\n", None), ("  a: 1", "a: 1", "  a: 1"), ("a\nc", "a\nb\nc", "c"),
    ("a", "a\nb", "(nothing more), but it goes on with 'b'"), ("says … it", "says nothing of it", None)])
def test_what_is_shown_is_compared_in_shape(documented, shown, line):
    assert unlike(documented, shown) == line
