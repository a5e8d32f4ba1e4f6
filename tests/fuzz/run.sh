#!/bin/bash
# Builds the fuzz targets (clang, libFuzzer, ASan and UBSan) and runs each for SECONDS (default 30), as many at once as
# there are cores. Corpora start from the fixtures; what is found is left in build/fuzz/findings.
#
#   tests/fuzz/run.sh [SECONDS] [TARGET...]
set -euo pipefail

cd "$(dirname "$0")/../.."
seconds=${1:-30}
shift || true
jobs=${JOBS:-$(nproc)}
cmake --preset fuzz -DSIPBRIDGE_TESTS=ON >/dev/null
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for source in tests/fuzz/fuzz_*.c; do
    targets+=("$(basename "$source" .c)")
  done
fi
cmake --build --preset fuzz --parallel "$jobs" --target "${targets[@]}"
mkdir -p build/fuzz/findings

run_one() {
  local target=$1 seconds=$2 corpus=build/fuzz/corpus/$1 log=build/fuzz/findings/$1.log seeds=()
  case $target in
    fuzz_event) seeds=(tests/fixtures/webhooks-hostile) ;;
    fuzz_rules) seeds=(tests/fixtures/rules) ;;
    fuzz_agents) seeds=(tests/fixtures/agents) ;;
    fuzz_stimm) seeds=(tests/fixtures/stimm) ;;
  esac
  mkdir -p "$corpus"
  if build/fuzz/tests/"$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix=build/fuzz/findings/"$target"- "$corpus" "${seeds[@]}" >"$log" 2>&1; then
    printf '%-16s %12s runs  %8s edges  no findings\n' "$target" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)"
  else
    tail -n 60 "$log"
    echo "$target found something: build/fuzz/findings"
    return 1
  fi
}
export -f run_one
# shellcheck disable=SC2016 # the inner shell expands them
printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I '{}' bash -c 'run_one "$1" "$2"' _ '{}' "$seconds"
