#!/bin/sh
# Shows sipbridge at work, with nothing but this repository and a Debian 12: builds it, starts it with the rules and
# agents of deploy/try, plays a recorded phone call to it over HTTP, and tells what happened as a timeline.
#
#   deploy/try.sh [RECORDING.jsonl]      default: tests/fixtures/recordings/answered.jsonl
#   deploy/try.sh --call                 a real call instead: real livekit-server and Redis, the example agent, a stand-in
#                                        phone; needs Go and Node.js
#
# On a terminal the timeline is for people; piped, standard output has one "milliseconds<TAB>step<TAB>detail" line a
# step and nothing else. Exit code 0 only if every step happened and nothing is left. TRY_SPEED: how many times faster
# than recorded (default 2).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
call=0 steps=3
if [ "${1:-}" = --call ]; then
  call=1 steps=4
  shift
  # shellcheck disable=SC1091 # a file of ours
  . "$here/try/call.sh"
fi
case ${1:-} in
  -h | --help)
    sed -n '2,/^set /{s/^# \{0,1\}//p;}' "$0"
    exit 0
    ;;
  -*)
    echo "try.sh: there is no option $1; deploy/try.sh --help tells what there is" >&2
    exit 2
    ;;
esac
if [ $# -gt $((1 - call)) ]; then
  shift $((1 - call))
  echo "try.sh: $1 is one too many; deploy/try.sh --help tells what there is" >&2
  exit 2
fi
recording=${1:-$root/tests/fixtures/recordings/answered.jsonl}
case $recording in /*) ;; *) recording=$PWD/$recording ;; esac
speed=${TRY_SPEED:-2}
livekit_settings=LIVEKIT_API_URL=off agents_file=agents.json
sipbridge=$root/build/release/sipbridge
pretty=0
bold='' green='' red='' plain=''
if [ -t 1 ]; then
  pretty=1
  if [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') green=$(printf '\033[32m') red=$(printf '\033[31m') plain=$(printf '\033[0m')
  fi
fi

say() {
  printf '%s%s%s\n' "$bold" "$*" "$plain" >&2
}

fail() {
  printf '%s%s%s\n' "$red" "$*" "$plain" >&2
  if [ -n "${work:-}" ] && [ -s "$work/log" ]; then
    echo "the last lines of sipbridge's log:" >&2
    tail -n 20 "$work/log" >&2
  fi
  exit 1
}

daemon='' work=''
clean_up() {
  code=$?
  trap - EXIT
  if [ -n "$daemon" ] && kill -0 "$daemon" 2>/dev/null; then
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  fi
  if [ "$call" -eq 1 ]; then
    stop_livekit
  fi
  if [ -n "$work" ]; then
    rm -rf "$work"
  fi
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# wait_until SECONDS COMMAND...: false when COMMAND did not succeed in time.
wait_until() {
  tries=$(($1 * 20))
  shift
  while ! "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.05
  done
}

build() {
  say "1/$steps building (packages first, if any are missing)"
  "$here/packages.sh" build
  cd "$root"
  { cmake --preset release -DSIPBRIDGE_TESTS=OFF && cmake --build --preset release; } >"$work/build" 2>&1 ||
    { cat "$work/build" >&2 && fail "the build failed"; }
}

is_listening() {
  kill -0 "$daemon" 2>/dev/null || fail "sipbridge ended at its start"
  port=$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9][0-9]*\).*/\1/p' "$work/log" | head -n 1)
  [ -n "$port" ]
}

# Everything else comes from the defaults; the environment is empty so that nothing of yours changes the show.
start() {
  cd "$here/try"
  : >"$work/log" # it is looked at before the daemon's first line is there
  env -i PATH="$PATH" LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=0123456789abcdef0123456789abcdef \
    "$livekit_settings" SIP_LISTEN=127.0.0.1:0 SIP_ADMIN_LISTEN="unix:$work/admin" SIP_STATE_DIR="$work/state" SIP_RULES_FILE=rules.json \
    SIP_AGENTS_FILE="$agents_file" SIP_LOG_FORMAT=json SIP_ON_EXIT=stop "$sipbridge" serve >"$work/log" 2>&1 &
  daemon=$!
  wait_until 10 is_listening || fail "sipbridge does not listen"
}

replay() {
  say "3/3 playing $(basename "$recording") to http://127.0.0.1:$port/webhooks/livekit"
  env -i PATH="$PATH" LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=0123456789abcdef0123456789abcdef \
    "$sipbridge" replay --speed "$speed" --url "http://127.0.0.1:$port/webhooks/livekit" "$recording" >"$work/replay" ||
    { cat "$work/replay" >&2 && fail "the recording was not accepted"; }
}

has_ended() {
  grep -q '"message":"call ended' "$work/log"
}

# Processes whose environment names our directory (NOTIFY_SOCKET is in it) and that an engine started.
environment_of() {
  { tr '\0' '\n' <"/proc/$1/environ"; } 2>/dev/null
}

leftovers() {
  for entry in /proc/[0-9]*; do
    pid=${entry#/proc/}
    if environment_of "$pid" | grep -q '^SIP_INSTANCE=' && environment_of "$pid" | grep -qF "$work"; then
      echo "$pid"
    fi
  done
}

check_step() {
  cut -f 2 "$work/timeline" | grep -qxF "$1" || fail "the step \"$1\" is missing"
}

tell() {
  wait_until 15 has_ended || fail "the call did not end"
  kill "$daemon"
  code=0
  wait "$daemon" || code=$?
  daemon=''
  [ "$code" -eq 0 ] || fail "sipbridge ended with exit code $code"
  awk -v pretty=0 -f "$here/try/timeline.awk" "$work/log" >"$work/timeline"
  left=$(leftovers | tr '\n' ' ')
  if [ "$pretty" -eq 1 ]; then
    awk -v pretty=1 -f "$here/try/timeline.awk" "$work/log"
  else
    cat "$work/timeline"
  fi
  for step in "webhook verified" "caller joined" "agent chosen" "process started" "agent joined" "answered" \
    "caller left" "process stopped" "call ended"; do
    check_step "$step"
  done
  [ -z "$left" ] || fail "processes are left: $left"
  if [ "$pretty" -eq 1 ]; then
    printf '  %s%s%s\n' "$green" "nothing left: no process, sipbridge ended with exit code 0" "$plain"
    printf '\nWhat the agent said (sipbridge keeps it per call):\n'
    sed 's/^/    /' "$work"/state/calls/*.log
    if [ "$call" -eq 1 ]; then
      tell_phone
    fi
  else
    last=$(tail -n 1 "$work/timeline" | cut -f 1)
    printf '%s\tnothing left\tno process, sipbridge ended with exit code 0\n' "$last"
  fi
}

[ -r "$recording" ] || fail "no such recording: $recording"
work=$(mktemp -d "${TMPDIR:-/tmp}/sipbridge-try.XXXXXX")
build
if [ "$call" -eq 1 ]; then
  install_peers
  start_livekit
  dial
else
  say "2/3 starting sipbridge"
  start
  replay
fi
tell
