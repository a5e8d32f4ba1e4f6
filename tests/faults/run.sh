#!/bin/bash
# The faults alone, with a release build that is there: tests/faults/run.sh [--all] [--seed N] [ARGS of pytest]
# --all: every n of every function, a minute of flapping and an hour's worth of calls; takes an hour or more.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
python=/usr/bin/python3
[ -x "$python" ] || python=python3
export SIPBRIDGE_BIN=${SIPBRIDGE_BIN:-$root/build/release/sipbridge}
exec "$python" -m pytest -q -p no:cacheprovider -n "$(($(nproc) * 2))" tests/faults "$@"
