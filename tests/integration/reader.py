"""The machine of somebody who reads the documents and types what is there: a running bridge with calls, a LiveKit, a Redis, a
scratch tree in place of /etc, /usr and /var, and a terminal."""
import contextlib
import gzip
import json
import os
import re
import shlex
import shutil
import signal
import tempfile
from pathlib import Path

import fake_livekit
import livekit
from daemon import ROOT, Daemon, binary, wait_for
from livekit import Call
from servers import Redis, free_port
from terminal import Terminal

# Where a document's file of the machine is another one here.
TREE = re.compile(r"(?<![\w.:/})…-])/(etc|usr/local|usr/lib|usr/share|var|opt|srv)(?=[/\s\"']|$)")
DIRECTORIES = ["etc/sipbridge", "etc/systemd/system", "etc/logrotate.d", "etc/livekit", "usr/local/bin", "usr/lib/sysusers.d",
               "usr/share", "var/lib/sipbridge", "var/log/sipbridge", "opt", "srv/agents"]
LINKS = ["deploy", "tests", "doc", "examples"]
# Programs that a reader's machine has and a test may run as they are.
HARMLESS = {"cat", "chmod", "cp", "curl", "du", "echo", "export", "free", "grep", "groupadd", "install", "journalctl", "jq", "ls",
            "mv", "openssl", "promtool", "ps", "redis-cli", "rm", "chgrp", "sipbridge", "ulimit", "zcat"}
# Of sipbridge's unit, and with these options only: what the bridge here has logged.
JOURNALCTL = """#!/bin/sh
case "$*" in
"-u sipbridge" | "-u sipbridge -n "[1-9]*) sed "s/^/Nov 25 12:00:00 host sipbridge[1]: /" {journal} | tail -n "${{4:-1000}}" ;;
"-u sipbridge -o cat") cat {journal} ;;
*) echo "journalctl: not with $*" >&2 && exit 2 ;;
esac
"""
LIVEKIT_URL, ADMIN, PUBLIC = "ws://127.0.0.1:7880", "127.0.0.1:8791", "127.0.0.1:8790"


class LiveKit(fake_livekit.FakeLiveKit):
    """With webhooks about rooms that are made by hand, to a bridge that there is."""
    bridge = None

    def answer(self, path, authorization, body):
        status, answer = super().answer(path, authorization, body)
        if self.bridge is not None and path.endswith("/CreateRoom") and status == 200:
            room = json.loads(answer)
            self.bridge.post(Call(room=room["name"], room_sid=room["sid"]).room_started())
        return status, answer


class Reader:
    """`with Reader(…) as reader: reader.types("sipbridge status")`. RULES and AGENTS are documents; CALLS are in progress
    where the bridge RUNS; NUMBERS: those of LiveKit's trunk, none: it has no trunk and no dispatch rule; TOLD: LiveKit sends
    webhooks; BROKEN: Stimm's old script wrote into LiveKit's Redis; WITH_REDIS: the bridge is told of it; WITH_RULE: LiveKit has a
    dispatch rule; LOG: its format; STRANGER: somebody without a key sent a webhook."""

    def __init__(self, rules, agents, numbers=("+15550100",), runs=True, told=True, broken=False, with_redis=True,
                 with_rule=True, log="text", stranger=False):
        self.rules, self.agents, self.numbers, self.runs, self.told = rules, agents, numbers, runs, told
        self.broken, self.with_redis, self.with_rule, self.log, self.stranger = broken, with_redis, with_rule, log, stranger
        self.line = self.pid = ""
        self.dir = Path(tempfile.mkdtemp(prefix="sb-reader-"))
        self.home = self.dir / "home"
        self.ports = {PUBLIC: f"127.0.0.1:{free_port()}", ADMIN: f"127.0.0.1:{free_port()}"}
        self.stack = contextlib.ExitStack()

    # --- what there is ---

    def __enter__(self):
        try:
            self.livekit = self.stack.enter_context(LiveKit())
            self.redis = self.stack.enter_context(Redis())
            self.make_tree()
            self.fill_livekit()
            self.make_bridge()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *error):
        try:
            self.stack.__exit__(*error)
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)

    def tree(self, name):
        return self.dir / "root" / name

    def make_tree(self):
        for name in DIRECTORIES:
            self.tree(name).mkdir(parents=True)
        for name in ("home", "bin"):
            (self.dir / name).mkdir()
        (self.dir / "bin/sipbridge").symlink_to(binary())
        (self.dir / "bin/journalctl").write_text(JOURNALCTL.format(journal=self.dir / "journal"))
        (self.dir / "bin/journalctl").chmod(0o755)
        for name in LINKS:
            (self.home / name).symlink_to(ROOT / name)
        (self.home / "build/release").mkdir(parents=True)
        (self.home / "build/release/sipbridge").symlink_to(binary())
        line = next(block for block in (ROOT / "doc/call-log.md").read_text().split("```") if block.startswith("json\n"))[5:]
        self.tree("var/log/sipbridge/calls.jsonl").write_text(line)
        with gzip.open(self.tree("var/log/sipbridge/calls.jsonl.1.gz"), "wt") as older:
            older.write(line)
        captured = json.loads((ROOT / "tests/fixtures/recordings/answered.jsonl").read_text().splitlines()[0])
        body = captured["body"].encode()
        (self.home / "FILE").write_bytes(body)
        self.token = livekit.webhook_token(body)

    def fill_livekit(self):
        self.trunk = self.sdr = None
        if self.numbers:
            self.trunk = self.livekit.add_trunk(*self.numbers, name="carrier", allowed_addresses=["203.0.113.0/24"],
                                                auth_username="carrier", auth_password="x")
        if self.numbers and self.with_rule:
            self.sdr = self.livekit.add_rule(name="all calls")
        self.livekit.add_room("sip-inbound_of_nobody")
        if self.broken:
            self.redis("HSET", "sip_inbound_trunk", "FIELD", "{}")

    def settings(self):
        return {"LIVEKIT_URL": self.livekit.url, "LIVEKIT_API_URL": None, "REDIS_URL": self.redis.url if self.with_redis else None,
                "SIP_LISTEN": self.ports[PUBLIC], "SIP_ADMIN_LISTEN": self.ports[ADMIN], "SIP_LOG_FORMAT": self.log,
                "SIP_CALL_LOG": None, "LOG_LEVEL": "info"}

    def make_bridge(self):
        daemon = Daemon(self.settings())
        documents = {"SIP_RULES_FILE": ("rules.json", self.rules), "SIP_AGENTS_FILE": ("agents.json", self.marked(daemon))}
        for setting, (name, document) in documents.items():
            for directory in (self.tree("etc/sipbridge"), self.home):
                (directory / name).write_text(json.dumps(document))
            daemon.settings[setting] = str(self.tree("etc/sipbridge") / name)
        self.tree("etc/sipbridge/sipbridge.env").write_text(
            "".join(f"{name}='{value}'\n" for name, value in daemon.environment().items() if name != "PATH"))
        self.daemon, self.calls = daemon, []
        if self.runs:
            self.stack.enter_context(daemon)
            self.livekit.bridge = daemon if self.told else None
            self.talk()
        else:
            self.stack.callback(daemon.clean_up)
            daemon.errors = open(os.devnull)

    def marked(self, daemon):
        """The agents of the document as the good agent, whatever their command is."""
        return {name: {**daemon.entry(), **{key: value for key, value in entry.items() if key == "order"}}
                for name, entry in self.agents.items()}

    def talk(self):
        """Two calls with agents that speak."""
        for caller in ("+15550001111", "+15550002222"):
            call = Call(called="+33123", caller=caller)
            self.livekit.add_call(call)
            self.daemon.post(*call.ringing())
            self.pid = self.daemon.wait_agent(call)["pid"]
            self.daemon.post(*call.answered())
            self.calls.append(call)
        if self.stranger:
            assert self.daemon.post_raw(b"{}", None) == 401
            self.daemon.wait_logged("is not verified")
        self.line = self.daemon.wait_logged("answered: the agent's audio is there")["message"]

    # --- what is typed ---

    def environment(self):
        return {**self.daemon.environment(), "PATH": f"{self.dir}/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.home),
                "LC_ALL": "C.UTF-8"}

    def write_journal(self):
        """What journalctl shows: the records as they came, lines or JSON."""
        records = list(getattr(self.daemon, "log", []))
        lines = [record["message"] if record["level"] == "raw" else json.dumps(record) for record in records]
        (self.dir / "journal").write_text("".join(f"{line}\n" for line in lines))

    def here(self, text):
        """TEXT as it must be typed on this machine."""
        group = shlex.quote(str(os.getegid()))
        places = {LIVEKIT_URL: self.livekit.url, **self.ports, "SIP_STATE_DIR=": f"SIP_STATE_DIR={self.dir}/",
                  "redis-cli ": f"redis-cli -p {self.redis.port} ", "LIVEKIT_API_SECRET=…": f"LIVEKIT_API_SECRET={livekit.SECRET}",
                  " -g sipbridge": f" -g {group}", " -g livekit": f" -g {group}", "chgrp -R sipbridge": f"chgrp -R {group}",
                  "chgrp sipbridge": f"chgrp {group}", "groupadd ": f"groupadd --prefix {self.dir}/root "}
        text = TREE.sub(lambda match: f"{self.dir}/root/{match.group(1)}", text)
        for old, new in places.items():
            text = text.replace(old, new)
        return text

    def there(self, text):
        """What was shown, as it would be on the machine of the document."""
        for old, new in ((str(self.dir / "root"), ""), *((new, old) for old, new in self.ports.items())):
            text = text.replace(old, new)
        return text

    def types(self, text, until=None):
        """(exit code, what is shown) of a line typed at a terminal; questions are answered with yes. UNTIL: it does not end by
        itself, and is stopped once this is shown."""
        self.write_journal()
        with Terminal("-c", self.here(text), program="/bin/bash", cwd=self.home, env=self.environment()) as terminal:
            wait_for(lambda: self.look(terminal) or until and re.search(until, terminal.shown), f"the end of {text!r}", 60)
            if terminal.process.poll() is None:
                os.killpg(terminal.process.pid, signal.SIGTERM)
            code = terminal.end()
            assert until is None or re.search(until, terminal.shown), terminal.shown
            return (0 if until else code), self.there(terminal.on_paper())

    @staticmethod
    def look(terminal):
        """Reads, and answers what is asked. True when the program has ended."""
        terminal.read(0.05)
        asked = terminal.shown[terminal.seen_to:]
        if "[y/N] " in asked:
            terminal.expect("[y/N] ")
            terminal.type("y\n")
        elif re.search("password.*: $", asked, re.I):
            terminal.wait_echo(False)
            terminal.seen_to = len(terminal.shown)
            terminal.type("opensesame\n")
        return terminal.process.poll() is not None
