"""Where secrets and tokens are to be found while calls come, crash and fail: only where they must be.

Everything that anybody can read of a busy run is read: log lines (debug), status and health answers, argv and
environment of the daemon and of agents, every file of the state directory, and the daemon's memory as a core dump would
have it."""
import json
import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

from daemon import binary, processes_marked, wait_for
from fake_livekit import FakeLiveKit
from livekit import KEY, SECRET, Call, encode, operator_token, webhook_token
from servers import Redis

OTHER = "fedcba9876543210fedcba9876543210"
FILED = "aaaabbbbccccddddaaaabbbbccccdddd"
PASSWORD = "red1s-passw0rd-of-the-test"
PROVIDER = "sk-provider-key-of-the-test"
TOKEN = re.compile(rb"eyJ[\w-]+\.[\w-]+\.[\w-]+")
# Says its token, credentials and line, and dies of it.
BLABS = ('read line; echo "token $LIVEKIT_TOKEN and $LIVEKIT_API_SECRET and $line"; '
         'echo "$LIVEKIT_TOKEN" >&2; exit 3')


def is_sanitized():
    return b"__asan_init" in Path(binary()).read_bytes()


def read_files(directory):
    return {str(path): path.read_bytes() for path in Path(directory).rglob("*") if path.is_file()}


def proc(pid, name):
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def dumpable_memory(pid):
    """The bytes that a core dump would hold: all writable mappings but those marked VM_DONTDUMP ("dd")."""
    found, region = [], None
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        match = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) ", line)
        if match:
            region = (int(match[1], 16), int(match[2], 16), match[3])
        elif line.startswith("VmFlags:") and " dd" not in line and "w" in region[2]:
            found.append(region)
    parts = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, _ in found:
            memory.seek(start)
            try:
                parts.append(memory.read(end - start))
            except OSError:  # a guard page
                continue
    return b"\0".join(parts)


class Watch:
    """Notes what is true at some moment only: environments, argv, answers."""

    def __init__(self, daemon):
        self.daemon, self.seen = daemon, {}

    def look(self):
        pid = self.daemon.process.pid
        self.seen["daemon argv"], self.seen["daemon environ"] = proc(pid, "cmdline"), proc(pid, "environ")
        for agent in processes_marked(self.daemon.mark()):
            self.seen[f"agent {agent} argv"] = proc(agent, "cmdline")
        reader = {"Authorization": f"Bearer {operator_token('reader')}"}
        for path, headers in (("/health/sip-bridge", {}), ("/health/sip-bridge-status", reader), ("/health/sip-bridge-status", {})):
            status, body, answered = self.daemon.request("GET", path, headers=headers)
            self.seen[f"GET {path} {status}"] = body + str(answered).encode()


def run_busily(daemon, livekit, watch):
    """Good calls, crashing ones, rejected webhooks, operators' mistakes. Returns the tokens that were in use."""
    calls = [Call(called=number) for number in ("+1234567", "+33100", "+44100", "+44101")]
    operator = operator_token()
    tokens = [operator]
    for call in calls:
        livekit.add_call(call)
        for event in call.ringing():
            body = encode(event)
            tokens.append(webhook_token(body))
            assert daemon.post_raw(body, tokens[-1]) == 200
    body = encode(calls[0].caller_track())
    for bad in (webhook_token(body, secret="wrong" * 8), webhook_token(body, now=time.time() - 3600), operator,
                webhook_token(b"other"), "Bearer " + webhook_token(body)[:-2], SECRET, f"Bearer {SECRET}"):
        tokens.append(bad)
        daemon.post_raw(body, bad)
    daemon.post(calls[0].caller_track(), key="other", secret=OTHER)
    daemon.request("GET", f"/health/sip-bridge-status?token={operator}", headers={"Authorization": f"Bearer {operator}x"})
    daemon.request("POST", "/api/reload", headers={"Authorization": f"Bearer {operator}"})
    daemon.request("POST", f"/api/calls/{calls[0].sid}x/stop", headers={"Authorization": f"Bearer {operator}"})
    good = daemon.wait_agent(calls[0])
    trusted = daemon.wait_agent(calls[1])
    crashing = {call.sid for call in calls[2:]}

    def over():
        watch.look()
        return crashing <= {record.get("call") for record in list(daemon.log) if "call ended" in record["message"]}
    wait_for(over, "the crashing agents were given up")
    watch.look()
    tokens += [report["env"]["LIVEKIT_TOKEN"] for report in daemon.reports()]
    return [token.removeprefix("Bearer ").encode() for token in tokens if token.startswith(("eyJ", "Bearer eyJ"))], good, trusted


def check_nowhere(needles, haystacks):
    for name, text in haystacks.items():
        for needle in needles:
            assert needle not in text, f"{needle[:12]!r}… stands in {name}"


def test_secrets_and_tokens_stay_where_they_belong(start):
    with Redis("--requirepass", PASSWORD) as redis, FakeLiveKit() as livekit:
        entries = {}

        def agents(daemon):
            entries.update(good=daemon.entry(), trusted=daemon.entry(credentials="api"),
                           blabs=daemon.entry(command=["/bin/sh", "-c", BLABS]),
                           blabs_all=daemon.entry(command=["/bin/sh", "-c", BLABS], credentials="api"))
            return False
        daemon = start(rules=False, agents=agents, wait=False, LIVEKIT_KEYS=f"other: {OTHER}", SIP_AGENT_ENV="OPENAI_*",
                       OPENAI_API_KEY=PROVIDER, REDIS_URL=redis.url.replace("//", f"//:{PASSWORD}@"),
                       LIVEKIT_API_URL=livekit.url.replace("ws", "http", 1))
        fill(redis, entries)
        daemon.wait_until_up()
        daemon.wait = True
        wait_for(lambda: [daemon.status()[what]["count"] for what in ("rules", "agents")] == [4, 4], "all is loaded")
        watch = Watch(daemon)
        livekit.answers["DeleteRoom"] = (500, json.dumps({"code": "internal", "msg": f"you sent {SECRET}"}))
        tokens, good, trusted = run_busily(daemon, livekit, watch)
        redis.kill()
        daemon.wait_logged("[Rr]edis")
        secrets = [SECRET.encode(), OTHER.encode(), PASSWORD.encode()]

        # An agent has its own token; another one the API's secret, which its entry asks for; all have what SIP_AGENT_ENV names.
        assert good["env"]["LIVEKIT_TOKEN"] == json.loads(good["line"])["token"]
        assert good["env"]["OPENAI_API_KEY"] == PROVIDER
        assert (trusted["env"]["LIVEKIT_API_KEY"], trusted["env"]["LIVEKIT_API_SECRET"]) == (KEY, SECRET)
        given = {**good["env"], "LIVEKIT_TOKEN": ""}
        check_nowhere([*secrets, *tokens], {"a good agent": json.dumps(given).encode()})
        check_nowhere([OTHER.encode(), PASSWORD.encode()], {"a trusted agent": json.dumps(trusted["env"]).encode()})

        check_nowhere([*secrets, *tokens], watch.seen)
        watch.seen.pop("daemon environ")  # the operator put the provider's key there; only root may read it
        check_nowhere([PROVIDER.encode()], watch.seen)
        log = json.dumps(daemon.log).encode() + (daemon.dir / "stderr").read_bytes()
        check_nowhere([*secrets, *tokens, PROVIDER.encode()], {"the log": log})
        assert not TOKEN.search(log), "a token of nobody we know is in the log"
        assert b"token [" in log or b"[secret]" in log, "the crash told its last words"
        files = read_files(daemon.state)
        outputs = {name: text for name, text in files.items() if name.endswith(".log")}
        others = {name: text for name, text in files.items() if name not in outputs}
        check_nowhere([*secrets, *tokens, PROVIDER.encode()], others)
        check_nowhere([OTHER.encode(), PASSWORD.encode()], outputs)  # what an agent itself wrote is its own
        assert any(SECRET.encode() in text for text in outputs.values()), "the blabbing agent was not there"
        for name, text in outputs.items():
            assert os.stat(name).st_mode & 0o077 == 0, name
        check_tools(daemon, tokens, secrets)


def fill(redis, entries):
    def command(*words):
        env = {**os.environ, "REDISCLI_AUTH": PASSWORD}
        subprocess.run(["redis-cli", "-p", str(redis.port), *words], env=env, check=True, capture_output=True, timeout=120)
    rules = [{"pattern": "+1234567", "agent_name": "good"}, {"pattern": "+33*", "agent_name": "trusted"},
             {"pattern": "+44100", "agent_name": "blabs"}, {"pattern": "+44101", "agent_name": "blabs_all"}]
    command("SET", "sip_dispatch_rules", json.dumps(rules))
    for name, entry in entries.items():
        command("HSET", "sip_agents", name, json.dumps(entry))


def check_tools(daemon, tokens, secrets):
    """What an operator's commands show with the daemon's settings."""
    said = {}
    for words in (["config"], ["status"], ["doctor"], ["calls", "list"], ["rules", "list"], ["agents", "list"],
                  *(["calls", "logs", path.stem] for path in (daemon.state / "calls").glob("*.log"))):
        run = subprocess.run([binary(), *words], env=daemon.environment(), capture_output=True, timeout=60)
        said[f"sipbridge {' '.join(words)}"] = run.stdout + run.stderr
    check_nowhere([OTHER.encode(), PASSWORD.encode()], said)
    check_nowhere([SECRET.encode(), *tokens], {name: text for name, text in said.items() if "logs" not in name})


def test_environment_and_memory_of_the_daemon(start, tmp_path):
    """Secrets from the environment and from files stand in no mapping that a core dump would hold, and there is none."""
    secret = tmp_path / "secret"
    secret.write_text(FILED + "\n")
    with Redis("--requirepass", PASSWORD) as redis:
        daemon = start(LIVEKIT_API_SECRET=None, LIVEKIT_API_SECRET_FILE=str(secret), LIVEKIT_KEYS=f"other: {OTHER}",
                       REDIS_URL=redis.url.replace("//", f"//:{PASSWORD}@"), SIP_RULES_FILE=None,
                       rules=False, OPENAI_API_KEY=PROVIDER, SIP_AGENT_ENV="OPENAI_API_KEY")
        wait_for(lambda: daemon.status()["redis"]["state"] == "connected", "AUTH was sent")
        daemon.post(*Call().ringing(), key="other", secret=OTHER)
        pid = daemon.process.pid
        environ = proc(pid, "environ")
        assert b"SIP_LISTEN=" in environ and b"LIVEKIT_KEYS=" in environ
        check_nowhere([OTHER.encode(), FILED.encode(), PASSWORD.encode()], {"environ": environ, "argv": proc(pid, "cmdline")})
        assert Path(f"/proc/{pid}/coredump_filter").stat().st_uid == 0, "dumpable: its files in /proc belong to its user"
        if os.geteuid() == 0 and not is_sanitized():
            memory = dumpable_memory(pid)
            assert PROVIDER.encode() in memory, "the look at the memory sees nothing"
            check_nowhere([OTHER.encode(), FILED.encode(), PASSWORD.encode()], {"memory": memory})


def test_memory_after_files_of_secrets_were_read_again(start, tmp_path):
    """Nor do those stand there that were read from files, from an --env-file or from that of LIVEKIT_KEYS, at the start or
    at a reload: neither the former ones nor the new ones."""
    keys, settings = tmp_path / "keys", tmp_path / "sipbridge.env"
    filed, keyed = [letter * 16 + "0123456789abcdef" for letter in "pqr"], [letter * 16 + "fedcba9876543210" for letter in "stu"]

    def write(number):
        keys.write_text(f"other: {keyed[number]}\nquoted: '{keyed[number][::-1]}'\n")
        settings.write_text(f'LIVEKIT_API_SECRET="{filed[number] * 8}"\n')
    write(0)
    daemon = start(LIVEKIT_API_SECRET=None, LIVEKIT_KEYS=str(keys), OPENAI_API_KEY=PROVIDER, args=["--env-file", str(settings)])
    for number in (1, 2):
        write(number)
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: sum("changed: LIVEKIT_API_SECRET" in record["message"] for record in daemon.log) == number, "it is reloaded")
    daemon.post(*Call().ringing()[:1], key="other", secret=keyed[2])
    if os.geteuid() == 0 and not is_sanitized():
        memory = dumpable_memory(daemon.process.pid)
        assert PROVIDER.encode() in memory, "the look at the memory sees nothing"
        all_of_them = [*filed, *keyed, *(secret[::-1] for secret in keyed)]
        check_nowhere([secret.encode() for secret in all_of_them], {"memory": memory})


def test_memory_after_a_file_of_a_secret_was_refused(start, tmp_path):
    """Nor does what stood in a file that holds no secret: a NUL is in it, or it is too long."""
    secret, long_one, odd_one = tmp_path / "secret", "v" * 16 + "0011223344556677", "w" * 16 + "8899aabbccddeeff"
    secret.write_text(FILED + "\n")
    daemon = start(LIVEKIT_API_SECRET=None, LIVEKIT_API_SECRET_FILE=str(secret), OPENAI_API_KEY=PROVIDER)
    for text, why in ((long_one * 60, "is larger than"), (odd_one * 16 + "\0", "holds no secret")):
        secret.write_text(text)
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: any(why in record["message"] for record in daemon.log), f"{why}: {daemon.log}")
    if os.geteuid() == 0 and not is_sanitized():
        memory = dumpable_memory(daemon.process.pid)
        assert PROVIDER.encode() in memory, "the look at the memory sees nothing"
        check_nowhere([long_one.encode(), odd_one.encode()], {"memory": memory})


def test_no_core_dump(start):
    """PR_SET_DUMPABLE 0 is the first act: however large the limit is."""
    def no_limit():
        most = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    daemon = start(preexec=no_limit)
    daemon.process.send_signal(signal.SIGQUIT)
    _, status = os.waitpid(daemon.process.pid, 0)
    daemon.process.returncode, daemon.wait = -signal.SIGQUIT, False
    assert os.WTERMSIG(status) == signal.SIGQUIT and not os.WCOREDUMP(status)
