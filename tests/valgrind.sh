#!/bin/sh
# Runs one unit test under valgrind: its output only when something is wrong.
#
#   tests/valgrind.sh build/debug/tests/test_NAME
set -u
output=$(mktemp)
trap 'rm -f "$output"' EXIT
code=0
timeout 600 valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99 \
  "$1" >"$output" 2>&1 || code=$?
if [ "$code" -ne 0 ]; then
  cat "$output"
  echo "valgrind: $1 failed with $code"
  exit 1
fi
echo "valgrind: $1 is clean"
