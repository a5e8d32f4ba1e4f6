# shellcheck shell=sh
# For deploy/try.sh --call, which reads this file: a real phone call in place of a recorded one. A real redis-server and
# livekit-server are started, sipbridge is their webhook, the example agent (examples/node) answers, and a stand-in phone
# (tests/e2e/phone.mjs: what livekit-sip does, without SIP) calls +1234567. All of it on 127.0.0.1, on free ports.
# shellcheck disable=SC2154,SC2034,SC2016 # root, work, sipbridge … are those of try.sh, which uses ours; node has its own $

key=devkey secret=0123456789abcdef0123456789abcdef
redis='' livekit=''

install_peers() {
  say "2/4 the real livekit-server and the phone's packages (built once, some minutes)"
  code=0
  "$root/tests/e2e/setup.sh" || code=$?
  [ "$code" -ne 77 ] || fail "a real call needs Go (to build livekit-server) and Node.js; without them: deploy/try.sh"
  [ "$code" -eq 0 ] || fail "livekit-server or the npm packages could not be had"
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/sipbridge-e2e
}

# Four ports that nobody uses now.
free_ports() {
  node -e 'const net = require("net"), open = [1, 2, 3, 4].map(() => net.createServer().listen(0, "127.0.0.1"));
    setTimeout(() => { console.log(open.map(s => s.address().port).join(" ")); open.forEach(s => s.close()); }, 50)'
}

answers() {
  node -e 'require("net").connect(+process.argv[1], "127.0.0.1").on("connect", () => process.exit(0)).on("error", () => process.exit(1))' "$1"
}

start_livekit() {
  say "3/4 starting redis-server, livekit-server and sipbridge"
  # shellcheck disable=SC2046 # words
  set -- $(free_ports)
  livekit_port=$1 redis_port=$2 tcp_port=$3 udp_port=$4
  mkdir "$work/redis"
  redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --dir "$work/redis" >"$work/redis.log" 2>&1 &
  redis=$!
  wait_until 10 answers "$redis_port" || fail "redis-server does not listen"
  call_settings
  start
  sed -e "s/\${port}/$livekit_port/; s/\${redis_port}/$redis_port/; s/\${key}/$key/; s/\${secret}/$secret/" \
    -e "s|\${webhook_url}|http://127.0.0.1:$port/webhooks/livekit|; s/\${tcp_port}/$tcp_port/; s/\${udp_port}/$udp_port/" \
    "$root/tests/e2e/livekit.yaml" >"$work/livekit.yaml"
  "$cache/livekit-server/server" --config "$work/livekit.yaml" >"$work/livekit.log" 2>&1 &
  livekit=$!
  wait_until 20 answers "$livekit_port" || { cat "$work/livekit.log" >&2 && fail "livekit-server does not listen"; }
}

# The ports are chosen before sipbridge is told LiveKit's address.
call_settings() {
  mkdir "$work/agent"
  cp "$root/examples/node/agent.mjs" "$root/tests/e2e/phone.mjs" "$root/tests/e2e/tone.mjs" "$work/agent/"
  ln -s "$cache/node/node_modules" "$work/agent/node_modules"
  printf '{"reception": {"command": ["%s", "agent.mjs"], "cwd": "%s", "env": {"NODE_ENV": "production"}}}\n' "$(command -v node)" "$work/agent" >"$work/agents.json"
  livekit_settings="LIVEKIT_URL=ws://127.0.0.1:$livekit_port"
  agents_file=$work/agents.json
}

dial() {
  say "4/4 a phone calls +1234567"
  (cd "$work/agent" && env -i PATH="$PATH" LIVEKIT_URL="ws://127.0.0.1:$livekit_port" LIVEKIT_API_KEY=$key \
    LIVEKIT_API_SECRET=$secret node phone.mjs +1234567 +15550001111 2000 20000) >"$work/phone" 2>"$work/phone.errors" ||
    { cat "$work/phone" "$work/phone.errors" >&2 && fail "the call was not answered"; }
}

# What the phone saw, in its own time since it dialled.
tell_phone() {
  printf '\nWhat the caller saw:\n'
  node -e 'for (const line of require("fs").readFileSync(0, "utf8").split("\n")) {
        if (!line.startsWith("{")) continue;
        const event = JSON.parse(line), at = (event.at_ms / 1000).toFixed(3).padStart(8);
        const words = { joined: "dialled, it rings", answered: `answered after ${event.ring_ms} ms of ringing`,
          heard: `hears a tone of ${event.hz} Hz from ${event.from}`, ended: `hung up (${event.ended_by})` };
        if (words[event.event]) console.log(`  ${at} s  ${words[event.event]}`);
      }' <"$work/phone"
}

stop_livekit() {
  for pid in $livekit $redis; do
    if kill -0 "$pid" 2>/dev/null; then
      kill "$pid" 2>/dev/null || true
      wait "$pid" 2>/dev/null || true
    fi
  done
  livekit='' redis=''
}
