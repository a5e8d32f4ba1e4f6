#!/bin/bash
# The peers that sipbridge is measured beside, each pinned to a version: the receivers of LiveKit's SDKs in Go
# (peers/go/go.mod), Node.js (tests/e2e/package.json) and Python (peers/python/requirements.txt, with livekit-agents), adnanh/webhook
# and gnuplot (Debian). Makes what is missing, in a cache outside the work tree; says nothing when all is there.
#
#   tests/bench/setup.sh             what cannot be had is said, and left out by run.py: exit 0
#   tests/bench/setup.sh --quick     makes nothing that takes long: only what is there already is measured
#
# Cache: ${XDG_CACHE_HOME:-$HOME/.cache}/sipbridge-bench; go-receiver and python in it are links to the versions in use.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sipbridge-bench

say() {
  printf 'bench setup (%d s): %s\n' "$SECONDS" "$*" >&2
}

has() {
  command -v "$1" >/dev/null
}

# A name for what the given files make: 12 digits of their hash.
version_of() {
  cat "$@" | sha256sum | cut -c1-12
}

debian_packages() {
  has webhook && has gnuplot && /usr/bin/python3 -c 'import ensurepip' 2>/dev/null && return
  "$here/../../deploy/packages.sh" bench || say "adnanh/webhook and gnuplot are not installed, and could not be"
}

go_receiver() {
  local made part=$cache/part.go.$$
  made=$cache/go-receiver-$(version_of "$here"/peers/go/*)
  if [ ! -x "$made" ]; then
    has go || { say "no Go: its SDK's receiver is left out" && return; }
    say "building the receiver of the Go SDK"
    (cd "$here/peers/go" && GOFLAGS=-mod=readonly go build -o "$part" .) || { say "it could not be built" && return; }
    mv "$part" "$made"
  fi
  ln -sfn "$(basename "$made")" "$cache/go-receiver"
}

python_packages() {
  local made part
  made=$cache/python-$(version_of "$here/peers/python/requirements.txt")
  part=$made.part.$$
  if [ ! -x "$made/bin/python" ]; then
    say "installing livekit-agents and the Python SDK (some 400 MiB, once)"
    # shellcheck disable=SC2015 # the last command says what happened to any before it
    /usr/bin/python3 -m venv "$part" && "$part/bin/python" -m pip install -q --no-deps -r "$here/peers/python/requirements.txt" >&2 &&
      mv "$part" "$made" || { rm -rf "$part" && say "they could not be installed" && return; }
  fi
  ln -sfn "$(basename "$made")" "$cache/python"
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ "${1:-}" != --quick ]; then
  debian_packages
  go_receiver
  python_packages
fi
