#!/bin/bash
# Measures sipbridge beside what else one would use, all in one run on this machine; doc/performance.md tells what and has the last
# run on a quiet machine. Needs a release build: cmake --preset release && cmake --build --preset release
#
#   tests/bench/run.sh                        everything, some ten minutes
#   tests/bench/run.sh --only webhooks        one part (may be given again); --help names them
#   tests/bench/run.sh --format csv|json      default: a table for people, CSV where standard output is no terminal
#   tests/bench/run.sh --record               also writes doc/performance.md and its plots
#   tests/bench/run.sh --quick                a few iterations of each part, without peers that are not there: does it still work?
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
python=/usr/bin/python3
[ -x "$python" ] || python=python3
quick=()
for argument in "$@"; do
  case $argument in
    --quick) quick=(--quick) ;;
    -h | --help) exec "$python" "$here/run.py" --help ;;
  esac
done
"$here/setup.sh" "${quick[@]}"
if [ ${#quick[@]} -eq 0 ]; then
  "$here/../e2e/setup.sh" || echo "run.sh: no livekit-server or no Node.js: NO CALL IS MEASURED" >&2
  "$here/../e2e/setup.sh" sipphone || echo "run.sh: no sipphone: no call is measured that rings as livekit-sip's do" >&2
fi
exec "$python" "$here/run.py" "$@"
