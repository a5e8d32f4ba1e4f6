"""`sipbridge rules add|remove|import` as people use it, many at once, on a file and on a real Redis."""
import contextlib
import json
import os
import pty
import signal
import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from daemon import binary, wait_for
from servers import Redis
from test_rules_live import next_call_gets

KEY = "sip_dispatch_rules"
AGENTS = {"sales": {"command": ["sleep", "60"]}, "support": {"command": ["sleep", "60"]},
          "broken": {"command": ["no-such-program-anywhere"]}}
TWO = [{"pattern": "+33*", "agent_name": "sales", "x-note": {"kept": [1.10, "as it is"]}},
       {"pattern": ["+441", "+442"], "target_type": "agent", "target": "support", "priority": 5}]
STRANGER = 65534  # nobody, where the tests are root


class Place:
    """Where the rules are, and sipbridge with settings that say so."""

    def __init__(self, directory, redis=None):
        self.dir, self.redis, self.file = directory, redis, directory / "rules.json"
        (directory / "agents.json").write_text(json.dumps(AGENTS))
        self.settings = {"PATH": "/usr/bin:/bin", "SIP_AGENTS_FILE": str(directory / "agents.json"),
                         "TERM": "dumb", "SIP_RULES_FILE": str(self.file)}
        if redis is not None:
            del self.settings["SIP_RULES_FILE"]
            self.settings["REDIS_URL"] = redis.url

    def write(self, document):
        text = document if isinstance(document, str) else json.dumps(document)
        if self.redis is not None:
            self.redis("SET", KEY, text)
        else:
            self.file.write_text(text)

    def text(self):
        return self.redis("--raw", "GET", KEY) if self.redis is not None else self.file.read_text()

    def rules(self):
        return json.loads(self.text())

    def start(self, *arguments, **options):
        return subprocess.Popen([binary(), "rules", *arguments], env=self.settings, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def __call__(self, *arguments, stdin="", code=0, **options):
        done = subprocess.run([binary(), "rules", *arguments], env=self.settings, input=stdin, capture_output=True,
                              text=True, timeout=120, **options)
        assert done.returncode == code, done.stdout + done.stderr
        return done


@pytest.fixture
def file_place(tmp_path):
    return Place(tmp_path)


@pytest.fixture(params=["file", "redis"])
def place(request, tmp_path):
    with contextlib.ExitStack() as stack:
        yield Place(tmp_path, stack.enter_context(Redis()) if request.param == "redis" else None)


class Terminal:
    """A command that thinks it talks to a person."""

    def __init__(self, place, *arguments):
        self.ours, theirs = pty.openpty()
        self.said = ""
        self.process = subprocess.Popen([binary(), "rules", *arguments], env=place.settings, stdin=theirs,
                                        stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        os.set_blocking(self.ours, False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.ours)

    def read(self):
        with contextlib.suppress(BlockingIOError, OSError):
            while chunk := os.read(self.ours, 65536):
                self.said += chunk.decode()
        return self.said

    def expect(self, text):
        """TEXT is said after all that was expected before."""
        wait_for(lambda: text in self.read(), f"{text!r} in {self.said!r}")
        self.said = self.said.partition(text)[2]

    def answer(self, question, line):
        self.expect(question)
        os.write(self.ours, f"{line}\n".encode())

    def end(self, code):
        wait_for(lambda: self.read() is not None and self.process.poll() is not None, "it ends")
        self.read()
        assert self.process.returncode == code, self.said
        return self.said


def test_twenty_editors_at_once_lose_none(place):
    place.write([{"pattern": f"+0{i}", "agent_name": "sales"} for i in range(5)])
    editors = [place.start("add", f"+49{i}", "support", "--json") for i in range(20)]
    editors += [place.start("remove", f"+0{i}", "--yes") for i in range(5)]
    for editor in editors:
        out, err = editor.communicate(timeout=60)
        assert editor.returncode == 0, out + err
    assert sorted(rule["pattern"] for rule in place.rules()) == sorted(f"+49{i}" for i in range(20))
    assert [name.name for name in place.dir.iterdir() if "rules" in name.name] in ([], ["rules.json"])


def test_the_first_document_is_made_by_many_at_once(place):
    editors = [place.start("add", f"+49{i}", "support") for i in range(10)]
    assert [editor.communicate(timeout=60)[1] for editor in editors] == [""] * 10
    assert len(place.rules()) == 10


@pytest.mark.parametrize("kind", ["file", "redis"])
def test_the_running_daemon_follows_at_once(start, redis, kind):
    if kind == "redis":
        daemon = start(rules=False, REDIS_URL=redis.url, DEFAULT_SIP_AGENT="support")
    else:
        daemon = start(rules=[], DEFAULT_SIP_AGENT="support")
    edit = {name: daemon.settings[name] for name in daemon.settings if name.startswith(("SIP_", "REDIS_", "PATH"))}
    next_call_gets(daemon, "support")
    for arguments, agent in ((["add", "*", "sales"], "sales"), (["remove", "*", "--yes"], "support")):
        subprocess.run([binary(), "rules", *arguments], env=edit, check=True, capture_output=True, timeout=120)
        next_call_gets(daemon, agent)


def test_rules_that_are_not_meant_stay_as_they_are_written(place):
    first, second = '{ "x" : 1.10, "pattern":"+33*",\n   "agent_name" : "s\\u0061les" }', json.dumps(TWO[1])
    place.write(f"[{first},{second}]")
    place("add", "+1 (2) 3", "support", "--at", "1", "--caller", "+9*", "--trunk", "ST_a", "--priority", "-3",
          "--metadata", '{"rate": 0.1}')
    added = ('{"pattern":"+1 (2) 3","caller":"+9*","trunk":"ST_a","priority":-3,"agent_name":"support",'
             '"metadata":{"rate": 0.1}}')
    assert place.text().rstrip("\n") == f"[\n  {first},\n  {added},\n  {second}\n]"
    place("remove", "1", "--yes")
    assert place.text().rstrip("\n") == f"[\n  {first},\n  {second}\n]"


def test_the_same_again_changes_nothing(place):
    place.write(TWO)
    before = place.text()
    said = place("add", "33*", "sales").stdout
    assert said.startswith("rule [0] of 2 means the same already") and "nothing was changed" in said
    done = json.loads(place("add", "+33*", "sales", "--json").stdout)
    assert (done["changed"], done["place"], done["count"], done["rule"]) == (
        False, 0, 2, {"pattern": "+33*", "agent_name": "sales"})
    assert place.text() == before


def test_add_tells_who_answers_before_and_after_and_warns(file_place):
    file_place.write([{"pattern": "+33*", "agent_name": "sales"}])
    done = file_place("add", "+331", "support")
    assert "a call to +331: now the agent sales: a rule matched, rule [0]" in done.stdout
    assert "then the agent support: a rule matched, rule [1] (+331, priority 100)" in done.stdout
    assert done.stdout.splitlines()[-1] == f"added as rule [1] of 2, in {file_place.file}"
    assert done.stderr == ""
    for arguments, warning in ((["+7", "nobody"], "the agent nobody is not in the directory: the rule gives way"),
                               (["+7", "broken"], "the agent broken is broken: command[0]"),
                               (["+339", "support", "--priority", "200"],
                                r"rule [0] (+33*, priority 100) comes first and takes every call of this one")):
        done = file_place("add", *arguments, "--json")
        assert warning in done.stderr
        assert any(warning in said for said in json.loads(done.stdout)["warnings"])
    assert "the call is rejected" in file_place("add", "*", "--reject", "--caller", "+1900*").stdout


@pytest.mark.parametrize("arguments,says", [
    ([], "at a terminal it asks when nothing is given"),
    (["+1"], "give PATTERN AGENT, or PATTERN --reject"),
    (["+1", "sales", "--reject"], "give PATTERN AGENT, or PATTERN --reject"),
    (["", "sales"], 'pattern: is empty: "*" stands for every number'),
    (["+1", ""], "agent_name: an agent's name has 1 to 128 bytes"),
    (["+1", "a\x1b[2Jb"], "agent_name: an agent's name has no control characters"),
    (["1" * 200, "sales"], "pattern: has 201 bytes, at most 128"),
    (["+1", "sales", "--trunk", "ST_*"], "trunk: a trunk is its whole id"),
    (["+1", "sales", "--priority", "first"], "priority: must be a whole number"),
    (["+1", "sales", "--priority", "99999999999"], "priority: must be from -1000000000 to 1000000000"),
    (["+1", "sales", "--metadata", "[1]"], "metadata: must be an object"),
    (["+1", "sales", "--metadata", '{}, "reject": true'], "metadata: line 1, column 3: not valid JSON"),
    (["+1", "sales", "--metadata", json.dumps({"x": "y" * 17000})], "metadata: has 17008 bytes"),
    (["+1", os.fsdecode(b"\xff\xfe")], "agent_name: is not UTF-8"),
    (["+1", "sales", "--at", "-1"], "give a whole number, 0 or more"),
])
def test_what_cannot_be_a_rule_is_usage(place, arguments, says):
    done = place("add", *arguments, code=2)
    assert says in done.stderr and done.stdout == ""
    assert place("list", "--json", code=0 if place.redis else 1).stdout in ("", "[]\n")


def test_a_place_that_is_not_there(file_place):
    file_place.write(TWO)
    assert "there is no place 3: there are 2 rules" in file_place("add", "+1", "sales", "--at", "3", code=1).stderr
    assert file_place.rules() == TWO


@pytest.mark.parametrize("pattern,agent", [
    ('"],[{"pattern":"*', "sales"), ("+1\\", "back\\slash"), ("sip:bob@[::1]", 'say "hi"'), ("*?*?**", "ünïcödé ☎"),
    ("\u202e+33\u200b", "\u202egnp.exe"), ("a,b]}", "}{]["), ("%s%n", "%s%n%p"), ("+1\n+2", "$(reboot)"), ("[0]", "[0]"),
])
def test_hostile_patterns_and_names(place, pattern, agent):
    place.write(TWO)
    said = place("add", "--", pattern, agent)
    assert place.rules() == [*TWO, {"pattern": pattern, "agent_name": agent}]
    everything = said.stdout + said.stderr + place("list").stdout
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u200b\u202e]", everything)
    assert place("remove", "2", "--yes").stdout
    assert place.rules() == TWO


@pytest.mark.parametrize("text,says", [
    ("[", "not valid JSON"), ("{}", "the rules are a list"), ('[{"pattern": 3, "agent_name": "a"}]', "[0].pattern"),
    ('[{"pattern":"*","agent_name":"a","agent_name":"b"}]', "duplicate"), ("[" * 1000, "nested deeper"),
])
def test_a_bad_document_is_left_as_it_is(place, tmp_path, text, says):
    place.write(text)
    other = tmp_path / "good.json"
    other.write_text("[]")
    for arguments in (["add", "+1", "sales"], ["remove", "0", "--yes"], ["import", str(other), "--yes"],
                      ["import", "--append", str(other), "--yes"]):
        done = place(*arguments, code=1)
        assert "have a mistake and are left as they are" in done.stderr and says in done.stderr
        assert place.text() == text
    done = place("import", "--force", str(other), "--yes")
    assert "are replaced whole" in done.stderr
    assert place.text() == "[]"


def test_nowhere_to_write(file_place):
    del file_place.settings["SIP_RULES_FILE"]
    for arguments in (["add", "+1", "sales"], ["remove", "0"], ["import", "-"]):
        assert "set SIP_RULES_FILE or REDIS_URL" in file_place(*arguments, code=2).stderr


def test_wrong_type_and_away(redis, tmp_path):
    place = Place(tmp_path, redis)
    redis("HSET", KEY, "a", "b")
    assert "is not a STRING" in place("add", "+1", "sales", code=1).stderr
    assert redis("TYPE", KEY) == "hash"
    redis.kill()
    assert "Connection refused" in place("add", "+1", "sales", code=1).stderr


# --- files ---

def test_symbolic_links_stay_and_what_they_lead_to_is_written(file_place, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    real = inner / "real.json"
    real.write_text("[]")
    real.chmod(0o640)
    file_place.file.symlink_to("middle.json")
    (tmp_path / "middle.json").symlink_to(real)
    file_place("add", "+1", "sales")
    assert file_place.file.is_symlink() and (tmp_path / "middle.json").is_symlink()
    assert json.loads(real.read_text()) == [{"pattern": "+1", "agent_name": "sales"}]
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [name.name for name in inner.iterdir()] == ["real.json"]


def test_a_configmap_is_changed_elsewhere(file_place, tmp_path):
    inner = tmp_path / "..2024_01_01"
    inner.mkdir()
    (inner / "rules.json").write_text(json.dumps(TWO))
    (tmp_path / "..data").symlink_to("..2024_01_01")
    file_place.file.symlink_to("..data/rules.json")
    assert "is part of a Kubernetes volume" in file_place("add", "+1", "sales", code=1).stderr
    assert "means the same already" in file_place("add", "+33*", "sales").stdout


@pytest.fixture
def stranger():
    """A place of its own for a user who is not root, and how to run as one. (Root may write everywhere.)"""
    directory = Path(tempfile.mkdtemp(prefix="sb-edit-"))
    directory.chmod(0o755)
    program = directory / "bin"
    shutil.copy(binary(), program)
    program.chmod(0o755)
    place = Place(directory)
    place.write(TWO)
    is_root = os.geteuid() == 0
    yield place, program, {"user": STRANGER, "group": STRANGER, "extra_groups": []} if is_root else {}
    directory.chmod(0o755)
    shutil.rmtree(directory)


def run_as(stranger, *arguments):
    place, program, who = stranger
    return subprocess.run([program, "rules", *arguments], env=place.settings, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120, **who)


def test_a_read_only_file_and_directory(stranger):
    place = stranger[0]
    place.file.chmod(0o444)
    place.dir.chmod(0o777 if os.geteuid() == 0 else 0o755)
    done = run_as(stranger, "add", "+1", "sales")
    assert (done.returncode, "rules.json: is read-only: Permission denied" in done.stderr) == (1, True), done.stderr
    assert run_as(stranger, "add", "+33*", "sales").returncode == 0  # it is there already
    place.file.chmod(0o666)
    place.dir.chmod(0o555)
    done = run_as(stranger, "add", "+1", "sales")
    assert (done.returncode, "cannot be replaced (in" in done.stderr) == (1, True), done.stderr
    assert place.rules() == TWO and not list(place.dir.glob(".*"))


def test_the_owner_stays(stranger):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    place = stranger[0]
    os.chown(place.file, STRANGER, STRANGER)
    place.file.chmod(0o604)
    place("add", "+1", "sales")
    status = place.file.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (STRANGER, STRANGER, 0o604)
    os.chown(place.file, 0, 0)
    place.file.chmod(0o666)
    place.dir.chmod(0o777)
    done = run_as(stranger, "add", "+2", "sales")
    assert (done.returncode, "its owner (0:0) cannot be kept" in done.stderr) == (1, True), done.stderr
    assert len(place.rules()) == 3


# --- asked step by step ---

def test_add_asks_step_by_step(place):
    place.write(TWO)
    with Terminal(place, "add") as terminal:
        terminal.answer("Called number, with * for any run and ? for one character: ", "")
        terminal.answer("is empty", "+7*")
        terminal.answer("Caller's number, * for everyone [*]: ", "  +1 (9)* ")
        terminal.answer("LiveKit trunk", "ST_?")
        terminal.answer("a trunk is its whole id", "*")
        terminal.expect("0  (nobody: the caller is rejected)")
        terminal.expect("broken (broken)")
        terminal.answer("Agent, its name or its place in the list: ", "3")
        terminal.answer("Priority, the lowest is tried first [100]: ", "low")
        terminal.answer("must be a whole number", "7")
        terminal.answer("Metadata for the agent, a JSON object [none]: ", "[]")
        terminal.answer("must be an object", '{"language":"fr"}')
        terminal.expect("a call to +75550100: now the agent sales: no rule matched")
        terminal.expect("then the agent support: a rule matched, rule [2]")
        assert place.rules() == TWO
        terminal.answer("[y/N] ", "y")
        assert "added as rule [2] of 3" in terminal.end(0)
    assert place.rules() == [*TWO, {"pattern": "+7*", "caller": "+1 (9)*", "priority": 7, "agent_name": "support",
                                    "metadata": {"language": "fr"}}]


def test_add_asks_for_a_rejection_and_takes_no_for_no(file_place):
    file_place.write([])
    with Terminal(file_place, "add", "--priority", "1") as terminal:
        for question, line in (("Called number", "*"), ("Caller", "+1900*"), ("trunk", ""), ("Agent, its", "0"),
                               ("Priority, the lowest is tried first [1]: ", "")):
            terminal.answer(question, line)
        terminal.expect('{"pattern":"*","caller":"+1900*","priority":1,"reject":true}')
        terminal.answer("[y/N] ", "no")
        terminal.expect("nothing was done")
        terminal.end(1)
    assert file_place.rules() == []


def test_add_doubts_what_is_hardly_meant(file_place):
    """Said and asked again; the same answer again is taken."""
    file_place.write([])
    with Terminal(file_place, "add") as terminal:
        terminal.answer("Called number", "++")
        terminal.answer("there is no digit and no wildcard in it", "abc")
        terminal.answer("answer the same again to take it", "abc")
        terminal.answer("Caller's number", "")
        terminal.answer("LiveKit trunk", "1")
        terminal.answer("LiveKit's trunks have ids that begin with ST_", "*")
        terminal.answer("Agent, its name or its place in the list: ", "y")
        terminal.answer("it is not in the list, which has the places 0 to 3", "")
        terminal.answer("give a name or a place from 0 to 3", "sales")
        terminal.answer("Priority", "")
        terminal.answer("Metadata", "")
        terminal.answer("[y/N] ", "y")
        terminal.end(0)
    assert file_place.rules() == [{"pattern": "abc", "agent_name": "sales"}]


def test_ctrl_c_at_a_question_ends_the_line(file_place):
    with Terminal(file_place, "add") as terminal:
        terminal.expect("one character: ")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(60) == -signal.SIGINT
        wait_for(lambda: terminal.read() == "\r\n", "what comes next begins on a line of its own")
    assert not file_place.file.exists()


def test_the_end_of_the_answers_does_nothing(file_place):
    with Terminal(file_place, "add") as terminal:
        terminal.expect("Called number")
        os.write(terminal.ours, b"\x04")
        terminal.expect("nothing was done: the answers ended")
        terminal.end(1)
    assert not file_place.file.exists()


# --- remove ---

SEVERAL = [{"pattern": "+331", "agent_name": "sales"}, {"pattern": ["+332", "+333"], "agent_name": "sales"},
           {"pattern": "+331", "caller": "+1*", "agent_name": "support"}, {"pattern": "*", "agent_name": "support"}]


def test_remove_by_place_and_pattern(place):
    place.write(SEVERAL)
    done = place("remove", "*", "[0]", "0", "--yes", "--json")
    result = json.loads(done.stdout)
    assert [gone["place"] for gone in result["removed"]] == [0, 3]
    assert (result["removed"][0]["rule"], result["count"]) == (SEVERAL[0], 2)
    assert place.rules() == [SEVERAL[1], SEVERAL[2]]
    assert place("remove", "33 1", "--yes").stdout.splitlines() == [
        '  [1] {"pattern":"+331","caller":"+1*","agent_name":"support"}',
        f"removed: 1, left: 1, in {place.file if place.redis is None else 'Redis, key sip_dispatch_rules'}"]


@pytest.mark.parametrize("arguments,says", [
    (["+331"], "+331: several rules have this pattern: give the place of one"),
    (["+332"], "its rule has other patterns too: give its place"),
    (["+999"], "no rule has this pattern"),
    (["4"], "there is no rule [4]: there are 4"),
    (["33123"], "a number is written with its +"),
    (["0", "+999"], "no rule has this pattern"),
    (["\x1b[2J"], "\\x1b[2J: no rule has this pattern"),
])
def test_remove_that_is_not_clear_removes_nothing(file_place, arguments, says):
    file_place.write(SEVERAL)
    done = file_place("remove", *arguments, "--yes", code=1)
    assert says in done.stderr and done.stdout == ""
    assert [line.split()[0] for line in done.stderr.splitlines()[1:]] == (
        ["[0]", "[2]"] if arguments == ["+331"] else ["[1]"] if arguments == ["+332"] else [])
    assert file_place.rules() == SEVERAL


def test_remove_asks_or_refuses(file_place):
    file_place.write(SEVERAL)
    assert "--yes answers it" in file_place("remove", "0", code=2).stderr
    with Terminal(file_place, "remove", "0") as terminal:
        terminal.expect('[0] {"pattern":"+331","agent_name":"sales"}')
        terminal.answer("[y/N] ", "")
        terminal.end(1)
    assert file_place.rules() == SEVERAL


def test_what_was_shown_is_removed_not_what_stands_there_now(place):
    place.write(SEVERAL)
    with Terminal(place, "remove", "0", "3") as terminal:
        terminal.expect("[y/N] ")
        place("add", "+1", "sales", "--at", "0")
        place("add", "+2", "sales", "--at", "0")
        os.write(terminal.ours, b"y\n")
        terminal.end(0)
    assert [rule["pattern"] for rule in place.rules()] == ["+2", "+1", ["+332", "+333"], "+331"]
    with Terminal(place, "remove", "1") as terminal:
        terminal.expect("[y/N] ")
        changed = json.dumps([{"pattern": "+1", "agent_name": "support"}])
        place.write(changed)
        os.write(terminal.ours, b"y\n")
        terminal.expect("[1]: the rule is not there any more, or was changed meanwhile")
        terminal.end(1)
    assert place.text() == changed


# --- import ---

def test_import_warns_of_a_key_it_does_not_know_before_it_asks(file_place, tmp_path):
    wanted = tmp_path / "wanted.json"
    wanted.write_text('[{"pattern": "+1", "agent_name": "sales", "prority": 1}]')
    with Terminal(file_place, "import", str(wanted)) as terminal:
        terminal.expect("warning: ")
        terminal.expect("priority")
        terminal.answer("[y/N] ", "n")
        terminal.end(1)


def test_import_shows_what_changes_and_replaces(place, tmp_path):
    place.write(TWO)
    other = tmp_path / "new.json"
    other.write_text(json.dumps([{"pattern": "*", "agent_name": "gone"}, {"pattern": ["442", "441"], "priority": 5,
                                                                           "agent_name": "support"}], indent=1))
    assert "--yes answers it" in place("import", str(other), code=2).stderr
    assert place.rules() == TWO
    lines = place("import", str(other), "--yes").stdout.splitlines()
    assert lines[0].startswith('- [0] {"pattern":"+33*","agent_name":"sales","x-note":{"kept":[1.1,"as it is"]}}')
    assert lines[1] == '+ [0] {"pattern":"*","agent_name":"gone"}'
    assert lines[2] == "kept: 1, added: 1, removed: 1"
    assert "warning: [0]: the agent gone is not in the directory" in lines[3]
    assert place.text() == other.read_text()
    assert "the same 2 rules are there already" in place("import", str(other), "--yes").stdout
    other.write_text(json.dumps(list(reversed(json.loads(other.read_text())))))
    assert "in another order or written differently" in place("import", str(other), "--yes").stdout


def test_import_appends_from_standard_input(place):
    place.write(TWO)
    more = json.dumps([TWO[0], {"pattern": "+7", "agent_name": "sales"}])
    result = json.loads(place("import", "-", "--append", "--yes", "--json", stdin=more).stdout)
    assert (result["changed"], result["kept"], result["count"], result["removed"]) == (True, 2, 3, [])
    assert result["added"] == [{"pattern": "+7", "agent_name": "sales"}]
    assert place.rules() == [*TWO, {"pattern": "+7", "agent_name": "sales"}]
    assert json.loads(place("import", "-", "--append", "--yes", "--json", stdin=more).stdout)["changed"] is False
    for bad, says in (("[{]", "-: line 1, column 3"), ('[{"pattern":"+1"}]', "-: [0]: leads nowhere"), ("", "not valid")):
        assert says in place("import", "-", "--yes", stdin=bad, code=1).stderr
    assert "cannot be read: No such file" in place("import", "/nowhere/at/all", "--yes", code=1).stderr
    assert "do not go together" in place("import", "-", "--append", "--force", code=2).stderr
    assert len(place.rules()) == 3


def test_import_never_replaces_what_was_not_shown(place, tmp_path):
    place.write(TWO)
    other = tmp_path / "new.json"
    other.write_text("[]")
    with Terminal(place, "import", str(other)) as terminal:
        terminal.expect("removed: 2")
        terminal.expect("[y/N] ")
        place("add", "+1", "sales")
        os.write(terminal.ours, b"yes\n")
        terminal.expect("somebody changed the rules meanwhile: nothing was written, run this again")
        terminal.end(1)
    assert len(place.rules()) == 3
