#!/bin/bash
# What the end-to-end tests need beside a built sipbridge: redis-server, the real livekit-server, and the two npm
# packages of the stand-in phone and agent. Installs what is missing, into a cache outside the work tree; says nothing
# when all is there. tests/e2e/conftest.py runs it before the first test.
#
#   tests/e2e/setup.sh            exit 0: all there; 77: Go or Node cannot be had (1 instead with CI=true); 1: failed
#   tests/e2e/setup.sh sipphone   the phone of sipphone/ alone. Exit as above
#   tests/e2e/setup.sh examples   what the examples of examples/ need beside that: jq, and their packages from PyPI in the
#                                 versions of constraints/ (1 GB; test_examples.py calls it). Exit as above
#
# Cache: ${XDG_CACHE_HOME:-$HOME/.cache}/sipbridge-e2e; livekit-server, node, sipphone and the names of the examples in it are links to
# the versions in use.
set -euo pipefail

readonly livekit_version=v1.13.5 # v1.13.0 and v1.13.1 carry a replace directive, which `go install` refuses
readonly go_version=1.26.0       # the least that this livekit-server is built with

here=$(cd "$(dirname "$0")" && pwd)
examples=$(cd "$here/../../examples" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sipbridge-e2e

say() {
  printf 'e2e setup (%d s): %s\n' "$SECONDS" "$*" >&2
}

fail() {
  say "$*"
  exit 1
}

# What is missing is a failure where everything must be tested, and a reason to skip elsewhere.
give_up() {
  say "$*"
  if [ "${CI:-}" = true ]; then
    exit 1
  fi
  exit 77
}

has() {
  command -v "$1" >/dev/null
}

# Installs Debian packages; false where that cannot be done.
install_packages() {
  local as_root=()
  has apt-get || return 1
  if [ "$(id -u)" -ne 0 ]; then
    has sudo || return 1
    as_root=(sudo)
  fi
  say "installing with apt-get: $*"
  # RUNLEVEL=1: no service is started; the tests run their own servers.
  "${as_root[@]}" apt-get update -qq >&2 &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
      apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# The version of this Go as a number that compares: 1026 for go1.26.8.
go_minor() {
  local version
  version=$("$1" env GOVERSION 2>/dev/null) || version=
  [[ $version =~ ^go([0-9]+)\.([0-9]+) ]] || version=$("$1" version)
  [[ $version =~ go([0-9]+)\.([0-9]+) ]] || return 1
  echo $((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2]))
}

# Debian 12's Go (1.19) cannot change its own version yet, but it can download the module that holds a newer Go.
newer_go() {
  local os arch module directory
  os=$("$1" env GOOS) arch=$("$1" env GOARCH)
  directory=$cache/go$go_version
  if [ ! -x "$directory/bin/go" ]; then
    module=golang.org/toolchain@v0.0.1-go$go_version.$os-$arch
    say "this Go ($("$1" version | cut -d' ' -f3)) is too old for livekit-server: fetching go$go_version"
    local from part=$cache/part.go.$$
    # The module comes as any other, checked as any other, but without the permission to be executed.
    from=$(cd / && "$1" mod download -json "$module" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
    [ -n "$from" ] || return 1
    rm -rf "$part" && cp -r "$from" "$part" && chmod -R u+w "$part"
    chmod +x "$part"/bin/* && find "$part/pkg/tool" -type f -exec chmod +x {} +
    mv "$part" "$directory"
  fi
  echo "$directory/bin/go"
}

# With what livekit-server and the phone are built: sets `go`, and `choice`, its words for env.
choose_go() {
  has go || install_packages golang-go || give_up "Go is needed to build livekit-server and a phone, and it is not installed"
  go=$(command -v go) choice=()
  if [ "$(go_minor "$go")" -lt 1021 ]; then
    go=$(newer_go "$go") || fail "no Go new enough for livekit-server $livekit_version could be had"
  fi
  # A Go between 1.21 and the one wanted fetches that itself when it is allowed to.
  [ "$(go_minor "$go")" -ge 1026 ] || choice=(GOTOOLCHAIN=auto)
}

build_livekit() {
  local go choice bin=$cache/livekit-server-$livekit_version part=$cache/part.livekit.$$
  if [ ! -x "$bin/server" ]; then
    choose_go
    say "building livekit-server $livekit_version (some minutes, once)"
    rm -rf "$part" && mkdir -p "$part"
    env "${choice[@]}" GOBIN="$part" GOFLAGS= "$go" install \
      "github.com/livekit/livekit-server/cmd/server@$livekit_version" \
      2> >(grep -v '^go: downloading' >&2) || fail "livekit-server could not be built"
    mkdir -p "$bin" && mv "$part/server" "$bin/server" && rm -rf "$part"
    say "livekit-server is built"
  fi
  ln -sfn "$(basename "$bin")" "$cache/livekit-server"
}

# The phone that calls by livekit-sip's own steps.
build_sipphone() {
  local go choice bin part=$cache/part.sipphone.$$
  bin=$cache/sipphone-$(cat "$here"/sipphone/* | sha256sum | cut -c1-12)
  if [ ! -x "$bin" ]; then
    choose_go
    say "building sipphone, with LiveKit's Go SDK"
    (cd "$here/sipphone" && env "${choice[@]}" GOFLAGS=-mod=readonly "$go" build -o "$part" . \
      2> >(grep -v '^go: downloading' >&2)) || fail "sipphone could not be built"
    mv "$part" "$bin"
  fi
  ln -sfn "$(basename "$bin")" "$cache/sipphone"
}

install_node_packages() {
  local wanted directory part=$cache/part.node.$$
  has node || install_packages nodejs || give_up "Node.js is needed for the stand-in phone, and it is not installed"
  wanted=$(cat "$here/package.json" "$here/package-lock.json" | sha256sum | cut -c1-12)
  directory=$cache/node-$wanted
  if [ ! -d "$directory/node_modules/@livekit/rtc-node" ]; then
    has npm || install_packages npm || give_up "npm is needed for the stand-in phone, and it is not installed"
    say "installing the npm packages of the stand-in phone and agent"
    rm -rf "$part" && mkdir -p "$part" && cp "$here/package.json" "$here/package-lock.json" "$part/"
    (cd "$part" && npm ci --omit=dev --no-audit --no-fund --loglevel=error) >&2 || fail "npm ci failed"
    rm -rf "$directory" && mv "$part" "$directory"
  fi
  ln -sfn "$(basename "$directory")" "$cache/node"
}

# The packages of one example, in a Python environment of its own.
install_python_packages() {
  local name=$1 python=$2 retries=0 wanted directory part
  part=$cache/part.$name.$$
  wanted=$(cat "$examples/$name/requirements.txt" "$here/constraints/$name.txt" <("$python" --version) | sha256sum | cut -c1-12)
  directory=$cache/$name-$wanted
  if [ ! -x "$directory/bin/python3" ]; then
    say "installing the Python packages of examples/$name"
    rm -rf "$part"
    [ "${CI:-}" != true ] || retries=5
    "$python" -m venv "$part" &&
      "$part/bin/python3" -m pip install --quiet --no-input --disable-pip-version-check --prefer-binary --retries $retries \
        --requirement "$examples/$name/requirements.txt" --constraint "$here/constraints/$name.txt" >&2 || return 1
    rm -rf "$directory" && mv "$part" "$directory" # what runs is bin/python3 itself: the scripts beside it name the old place
  fi
  ln -sfn "$(basename "$directory")" "$cache/$name"
}

# All of them at once: they wait for the network most of the time.
install_examples() {
  local name job python=/usr/bin/python3 jobs=() missing=0
  [ -x "$python" ] || python=python3
  has jq || install_packages jq || give_up "jq is needed for examples/shell, and it is not installed"
  "$python" -c 'import ensurepip' 2>/dev/null || install_packages python3-venv ||
    give_up "Python cannot make environments here (Debian package python3-venv)"
  for name in "$examples"/*/requirements.txt; do
    install_python_packages "$(basename "$(dirname "$name")")" "$python" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do
    wait "$job" || missing=1
  done
  [ "$missing" -eq 0 ] || give_up "not every example's packages could be had from PyPI"
}

mkdir -p "$cache"
trap 'rm -rf "$cache"/part.*."$$"' EXIT
exec 9>"$cache/lock"
flock 9
if [ "${1:-}" = examples ]; then
  install_examples
  exit
fi
if [ "${1:-}" = sipphone ]; then
  build_sipphone
  exit
fi
has redis-server || install_packages redis-server || fail "redis-server is needed (Debian package of the same name)"
install_node_packages
build_livekit
