#!/bin/sh
# Runs one unit test under valgrind: its output only when something is wrong. A test that needs what valgrind does not
# know (pidfd_open in 3.19) says so and ends with 77; ASan and UBSan see those.
#
#   tests/valgrind.sh build/release/tests/test_NAME
set -u
output=$(mktemp)
trap 'rm -f "$output"' EXIT
code=0
export UNDER_VALGRIND=1
timeout 600 valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99 \
  "$1" >"$output" 2>&1 || code=$?
case $code in
  0) echo "valgrind: $1 is clean" ;;
  77) echo "valgrind: $1 $(grep '^not run' "$output")" ;;
  *)
    cat "$output"
    echo "valgrind: $1 failed with $code"
    exit 1
    ;;
esac
