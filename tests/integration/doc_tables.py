"""What the tests of the documents know: where a command is run that is not run here, what placeholders stand for, and in what
surroundings a command is typed. Each row must be needed: one that fits no document fails a test."""
from collections import namedtuple

# PATTERN: of the whole command. WHERE: the tests that run it, their words in WORDS. Nothing here is taken on trust: each file
# must be there and each word in one of them.
Elsewhere = namedtuple("Elsewhere", "pattern where words")
PACKAGE = ["tests/install/test_package.py", "tests/install/root.py", "tests/install/service.py", "tests/install/conftest.py"]
CONTAINER = ["tests/install/test_container.py", "tests/install/containerfile.py"]
SYSTEMD = ["tests/systemd/story.py", "tests/systemd/guest.sh", "tests/systemd/test_real_systemd.py"]
EXAMPLES = ["tests/e2e/test_examples.py", "tests/e2e/setup.sh"]
ELSEWHERE = [
    # --- building and installing ---
    Elsewhere(r"deploy/packages\.sh package", ["tests/run.sh", "tests/install/test_package.py"], ["deploy/packages.sh"]),
    Elsewhere(r"cmake --preset release( -DSIPBRIDGE_TESTS=OFF)?", ["tests/run.sh"], ["cmake --preset", "-DSIPBRIDGE_TESTS="]),
    Elsewhere(r"cmake --build --preset release( --target package)?", ["tests/run.sh", *PACKAGE], ["cmake --build --preset", "cpack"]),
    Elsewhere(r"cmake --install( build/release.*)?", ["tests/install/test_cmake_install.py"], ["--install", "/opt/sipbridge"]),
    Elsewhere(r"apt-get install \./\S+\.deb", PACKAGE, ["apt-get", "install", "packages[NEW_VERSION]"]),
    Elsewhere(r"apt-get install --allow-downgrades \./\S+\.deb", PACKAGE, ["--allow-downgrades"]),
    Elsewhere(r"editor /etc/sipbridge/sipbridge\.env", PACKAGE, ["etc/sipbridge/sipbridge.env", "configure"]),
    Elsewhere(r"man sipbridge", ["tests/install/test_cmake_install.py"], ["share/man/man1/sipbridge.1.gz"]),
    # --- systemd ---
    Elsewhere(r"systemctl enable --now sipbridge\.socket .*", [*SYSTEMD, *PACKAGE], ["sipbridge-admin.socket", "target.wants"]),
    Elsewhere(r"systemctl enable --now redis-server .*", ["tests/install/test_stack.py"], ["redis-server.service", "systemd-analyze"]),
    Elsewhere(r"systemctl daemon-reload", SYSTEMD, ["daemon-reload"]),
    Elsewhere(r"systemctl (reload|restart|stop|status)( sipbridge)?", SYSTEMD, ['"reload"', '"restart"', '"stop"', "StatusText"]),
    Elsewhere(r"systemctl start( sipbridge(-admin\.socket|\.socket|))+", SYSTEMD,
              ['"start", "sipbridge.socket", "sipbridge-admin.socket"']),
    Elsewhere(r"systemctl stop( sipbridge(-admin\.socket|\.socket|))+", SYSTEMD,
              ['"stop", UNIT, "sipbridge.socket", "sipbridge-admin.socket"']),
    Elsewhere(r"systemctl edit sipbridge", SYSTEMD, ["DROP_IN"]),
    Elsewhere(r"systemctl reload (nginx|caddy|haproxy)", ["tests/integration/test_proxies.py", "tests/integration/proxies.py"],
              ["nginx", "caddy", "haproxy"]),
    Elsewhere(r"systemd-sysusers", SYSTEMD, ["systemd-sysusers"]),
    Elsewhere(r"systemd-analyze security", ["tests/integration/test_systemd.py"], ["systemd-analyze", "security"]),
    Elsewhere(r"systemd-notify --ready", EXAMPLES + ["examples/shell/agent.sh"], ["systemd-notify", "READY"]),
    Elsewhere(r"journalctl -k", SYSTEMD, ['"journalctl", "-k"', "Killed process"]),
    Elsewhere(r"journalctl -u livekit-sip", ["tests/install/test_stack.py"], ["livekit-sip.service"]),
    # --- containers and the stack: no engine runs here; their lines are carried out, or compose reads them ---
    Elsewhere(r"docker build .*", CONTAINER, ["deploy/container/Containerfile"]),
    Elsewhere(r"docker run .*", CONTAINER, ["/var/lib/sipbridge", "unshare"]),
    Elsewhere(r"docker exec .*", CONTAINER, ["nsenter", "image.healthcheck"]),
    Elsewhere(r"docker stop --time", CONTAINER, ["SIGTERM", "it takes no more calls"]),
    Elsewhere(r"docker logs … \| grep SIP", ["tests/unit/test_log.c"], ["SIP"]),
    Elsewhere(r"cp \.env\.example \.env", ["tests/install/test_stack.py"], [".env.example"]),
    Elsewhere(r"docker compose logs livekit-sip", ["tests/install/test_stack.py"], ['"livekit-sip"']),
    Elsewhere(r"docker compose up -d --build", ["tests/install/test_stack.py"], ["docker-compose", '"config"']),
    # --- proxies ---
    Elsewhere(r"nginx -t", ["tests/integration/servers.py"], ['find("nginx")', "deploy/nginx/sipbridge.conf"]),
    Elsewhere(r"haproxy -c -f .*", ["tests/integration/proxies.py"], ['find("haproxy")', "haproxy.cfg"]),
    Elsewhere(r"(a2enmod|a2ensite) .*", ["tests/integration/proxies.py"],
              ["ssl", "proxy", "proxy_http", "headers", "allowmethods", "reqtimeout", "apache/sipbridge.conf"]),
    # --- examples ---
    Elsewhere(r"npm install", EXAMPLES, ["npm ci", "COMMANDS"]),
    Elsewhere(r"python3 -m venv venv", EXAMPLES, ["-m venv"]),
    Elsewhere(r"venv/bin/pip install -r requirements\.txt", EXAMPLES, ["pip install", "requirements.txt"]),
    Elsewhere(r"go install", ["tests/e2e/setup.sh"], ["install", "livekit-server/cmd/server"]),
    # --- our own ---
    Elsewhere(r"python3 -m pytest -m whole tests/install", CONTAINER, ["pytest.mark.whole"]),
    Elsewhere(r"sipbridge rules add", ["tests/integration/test_rules_edit.py"], ["Terminal(", '"add"']),
    Elsewhere(r"sipbridge calls logs standby_…", ["tests/integration/test_standby.py"], ['"logs"', "standby_"]),
    Elsewhere(r"valgrind --tool=callgrind", ["tests/valgrind.sh"], ["valgrind"]),
    Elsewhere(r"cat PATH/cgroup\.procs", ["tests/integration/test_cgroup.py"], ['"cgroup.procs").read_text()']),
    Elsewhere(r"kill -9", ["tests/integration/test_restart.py", "tests/integration/daemon.py"], ["SIGKILL", "kill"]),
    Elsewhere(r"mv new old", ["tests/integration/daemon.py", "tests/integration/test_rules_live.py"], ["as `mv` does"]),
    # --- what Stimm had: a stand-in for its worker is started so ---
    Elsewhere(r"python -m src\.cli.*", ["tests/integration/test_stimm.py"], ["src.cli.agent_worker", "--agent-id"]),
]
# What is typed into a container is run without it.
CONTAINERS = r"^docker (?:compose )?exec sipbridge (?=sipbridge [a-z])"
# Our own scripts: they must be there, and have the options that are named; these run them.
RUN_BY = ["tests/run.sh", ".ci/run"]

# (the command in which it stands, what stands there, what is typed). {…} are members of Reader.
PLACES = [
    (r"sipbridge report", r"FILE…?", "/var/log/sipbridge/calls.jsonl"),
    (r"sipbridge replay", r"FILE\.jsonl\.*", "tests/fixtures/recordings/answered.jsonl"),
    (r"sipbridge (rules check|rules import)", r"\[?FILE(\|-)?\]?", "rules.json"),
    (r"sipbridge agents check", r"\[?FILE\]?", "agents.json"),
    (r"sipbridge config --env-file", r"\bFILE$", "/etc/sipbridge/sipbridge.env"),
    (r"sipbridge explain '", r"'LINE'", "{line}"),
    (r"sipbridge doctor --webhook-url", r"\bURL$", "http://127.0.0.1:8790/webhooks/livekit"),
    (r"sipbridge rules explain", r"--caller CALLER\b", "--caller +15550001111"),
    (r"journalctl .* \| jq", r"\bRM_\w+", "{sid}"),
    (r"journalctl .* \| jq ", r"$", " | grep ."),
    (r"^(ps -fp|cat /proc/)", r"\bPID\b", "{pid}"),
    (r"sipbridge status$", r"$", ""),
    (r"sipbridge COMMAND", "COMMAND", "status"),
    (r"sipbridge ", r"\[(--caller) N\]", r"\1 +15550001111"),
    (r"sipbridge ", r"\[(--trunk) T\]", r"\1 {trunk}"),
    (r"sipbridge ", r"\bST_(\w+|…)", "{new_trunk}"),
    (r"sipbridge ", r"\bSDR_\w+", "{sdr}"),
    (r"sipbridge ", r"\bRM_\w+", "{sid}"),
    (r"sipbridge ", r"\bSID\b", "{sid}"),
    (r"sipbridge ", r"\+NUMBER\b", "+15550111"),
    (r"sipbridge ", r"\bNUMBER\b", "+33123456789"),
    (r"sipbridge ", r"\bNAME\b", "support"),
    (r"sipbridge ", r"\bPATTERN AGENT\b", "'+49*' support"),
    (r"sipbridge ", r"\bINDEX\|PATTERN…", "0"),
    (r"sipbridge ", r"\bPATTERN\b", "'+49*'"),
    (r"sipbridge ", r"\bTOKEN\b", "{token}"),
    (r"sipbridge ", r"\bID\b", "{trunk}"),
    (r"sipbridge ", r"https://[^/ ]+/webhooks/livekit", "http://127.0.0.1:8790/webhooks/livekit"),
    (r"sipbridge simulate", r"--calls 1000000", "--calls 100"),
    (r"sipbridge simulate$", r"$", " --calls 100"),
    (r"zcat", r"zcat …", "zcat /var/log/sipbridge/calls.jsonl.*.gz"),
    (r"promtool", r"alerts\.test\.yml", "deploy/prometheus/alerts.test.yml"),
    (r"^ps -o", r"rss$", "rss -p $$"),
    (r"^grep ", r"$", " rules.json || true"),
    (r"^(chmod|chgrp) ", r"$", " /etc/sipbridge/sipbridge.env"),
]

# How a command is typed: what Reader is given, `until` what is shown of one that does not end by itself, `code` its exit code if
# not 0, `apart`: the lines of its block are alternatives, each for itself.
SURROUNDINGS = [
    (r"journalctl -u sipbridge -o cat \| jq", {"log": "json"}),
    (r"journalctl .* \| sipbridge explain -", {"stranger": True}),
    (r"sipbridge doctor --env-file", {"told": False, "with_redis": False, "code": 1}),
    (r"sipbridge setup", {"numbers": (), "rules": []}),
    (r"dispatch create --trunk-id \S+ --number", {}),
    (r"sipbridge rules add \+33", {"rules": [], "only": ["support", "sales"]}),
    (r"sipbridge dispatch create", {"apart": True, "with_rule": False}),
    (r"sipbridge dispatch list", {"apart": True, "with_rule": False}),
    (r"sipbridge dispatch delete", {"apart": True}),
    (r"sipbridge trunks create$", {"code": 2}),
    (r"redis-cli H(GETALL|DEL)", {"broken": True}),
    (r"serve$", {"runs": False, "until": "taking calls"}),
    (r"--watch$", {"until": "2 calls"}),
    (r"calls logs SID -f", {"until": "is here"}),
    (r"curl -N", {"until": '"full":true'}),
]

# Names with the prefix of a setting that are somebody else's: where this repository has them, None: nowhere, they are
# livekit-agents' own.
FOREIGN_NAMES = {
    "LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE": None,
    "SIPBRIDGE_TESTS": "cmake/compiler.cmake",
}
# Options of other programs than sipbridge that stand alone in the text: where they are used.
FOREIGN_OPTIONS = {"--only": "tests/bench/run.py", "--format": "tests/bench/run.py", "--quick": "tests/bench/run.py",
                   "--record": "tests/bench/run.py", "--network": "doc/install.md", "--call": "deploy/try.sh",
                   "--simulate": "tests/lint/mutate_tables.py", "--no-block": "examples/shell/agent.sh",
                   "--to-the-end": "tests/faults/long_run.py"}
# Files of other trees.
FOREIGN_FILES = ["src/cli/agent_worker.py"]
# Paths of other servers.
FOREIGN_PATHS = ["/api/agents/"]
