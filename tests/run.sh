#!/bin/bash
# Builds sipbridge and runs every test. On Debian 12 it installs what is missing (root or sudo).
#
#   tests/run.sh                  release and asan builds, unit tests of both, lint, integration tests with asan, phone
#                                 calls through the real livekit-server (they need Go and Node.js; loudly skipped without),
#                                 the package in a bare Debian (needs root; loudly skipped without), and the units under a
#                                 real systemd (tests/systemd)
#   tests/run.sh --quick          debug build, unit tests, lint: for every edit, under a minute
#   tests/run.sh --preset NAME    build, unit tests and integration tests of one preset (release, debug, asan, clang)
#   tests/run.sh --no-lint ...    without lint
#   tests/run.sh --no-integration ...  without the integration tests
#   tests/run.sh --no-e2e ...     without the calls through livekit-server, the installation, systemd and the faults
#   tests/run.sh ... -- ARGS      ARGS go to pytest (-k rules, -x)
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
jobs=${JOBS:-$(nproc)}
presets=(release asan)
integration=asan
run_integration=true
pytest_args=()
lint=true
e2e=true
lint_tests=tests/lint

usage() {
  sed -n '2,13s/^# \{0,1\}//p' "$0"
}

while [ $# -gt 0 ]; do
  case $1 in
    --quick) presets=(debug) integration='' e2e=false lint_tests=tests/lint/test_lint.py ;;
    --no-lint) lint=false ;;
    --no-e2e) e2e=false ;;
    --no-integration) run_integration=false ;;
    --preset)
      [ $# -ge 2 ] || { usage >&2 && exit 2; }
      presets=("$2") integration=$2 e2e=false
      shift
      ;;
    --) shift && pytest_args=("$@") && break ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
  shift
done

step() {
  printf '\n== %s (%d s) ==\n' "$1" "$SECONDS"
}

# Which log messages the tests below have seen adds up in here.
SIPBRIDGE_SEEN=$(mktemp)
export SIPBRIDGE_SEEN
trap 'rm -f "$SIPBRIDGE_SEEN"' EXIT

# Debian's own Python and pytest, wherever another one stands first in PATH.
python=/usr/bin/python3
[ -x "$python" ] || python=python3

step "packages"
deploy/packages.sh test

if $lint; then
  step "lint"
  "$python" tests/lint/lint.py
  "$python" -m pytest -q -p no:cacheprovider "$lint_tests"
fi

for preset in "${presets[@]}"; do
  step "build $preset"
  cmake --preset "$preset" -DSIPBRIDGE_TESTS=ON >"/tmp/sipbridge-cmake.$$" || { cat "/tmp/sipbridge-cmake.$$" && exit 1; }
  rm -f "/tmp/sipbridge-cmake.$$"
  cmake --build --preset "$preset" --parallel "$jobs"
  step "unit tests $preset"
  ctest --preset "$preset" --parallel "$jobs" --output-on-failure
  SIPBRIDGE_BIN=$root/build/$preset/sipbridge "$python" tests/integration/seen.py "build/$preset/Testing/Temporary/LastTest.log"
done

if [ -n "$integration" ] && $run_integration; then
  step "integration tests $integration"
  SIPBRIDGE_BIN=$root/build/$integration/sipbridge "$python" -m pytest -q -p no:cacheprovider --durations=5 \
    -n 6 --dist loadfile tests/integration "${pytest_args[@]}"
fi
if $e2e; then
  step "faults: some n of every function, release; a few of them, asan; a crowd, a full disk, a share of the long run"
  SIPBRIDGE_BIN=$root/build/release/sipbridge "$python" -m pytest -q -p no:cacheprovider -n 4 tests/faults "${pytest_args[@]}"
  SIPBRIDGE_BIN=$root/build/asan/sipbridge "$python" -m pytest -q -p no:cacheprovider -n 4 --share 0.05 \
    tests/faults/test_faults.py "${pytest_args[@]}"
  step "end to end: calls through the real livekit-server"
  export SIPBRIDGE_BIN=$root/build/release/sipbridge
  "$python" -m pytest -q -p no:cacheprovider --durations=5 -n 2 -m "not alone" tests/e2e "${pytest_args[@]}"
  "$python" -m pytest -q -p no:cacheprovider -m alone tests/e2e "${pytest_args[@]}"
  step "installation: the package and the image in a bare Debian, the stack"
  "$python" -m pytest -q -rs -p no:cacheprovider --durations=5 -n 2 --dist loadfile tests/install "${pytest_args[@]}"
  step "a real systemd, in a machine of its own"
  "$python" -m pytest -q -p no:cacheprovider tests/systemd "${pytest_args[@]}"
fi
step "all passed"
