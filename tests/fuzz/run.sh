#!/bin/bash
# Builds the fuzz targets (clang, libFuzzer, ASan and UBSan) and runs each for SECONDS (default 30), as many at once as
# there are cores. Corpora start from tests/fuzz/seeds/TARGET and the fixtures and grow in build/fuzz/corpus. Prints a
# table at the end and fails when anything was found: it is kept in build/fuzz/findings, with the command that shows it
# again. Once mended it becomes a seed, so that every run tries it first.
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

# The directories that TARGET starts from.
seeds_of() {
  local target=$1
  [ ! -d "tests/fuzz/seeds/$target" ] || echo "tests/fuzz/seeds/$target"
  case $target in
    fuzz_event) echo tests/fixtures/webhooks-hostile ;;
    fuzz_rules) echo tests/fixtures/rules ;;
    fuzz_agents) echo tests/fixtures/agents ;;
    fuzz_journal) echo tests/fixtures/journal ;;
    fuzz_stimm) echo tests/fixtures/stimm ;;
    fuzz_recording) echo tests/fixtures/recordings ;;
  esac
}

# Leaves a row of the table in TARGET.row, and what was found, if anything, in TARGET.found.
run_one() {
  local target=$1 seconds=$2 corpus=build/fuzz/corpus/$1 log=build/fuzz/findings/$1.log findings=0 seeds
  mapfile -t seeds < <(seeds_of "$target")
  mkdir -p "$corpus"
  rm -f build/fuzz/findings/"$target".{row,found}
  if ! build/fuzz/tests/"$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix=build/fuzz/findings/"$target"- "$corpus" "${seeds[@]}" >"$log" 2>&1; then
    findings=1
    {
      tail -n 60 "$log"
      printf '\n%s found something; this shows it again:\n  build/fuzz/tests/%s %s\n' "$target" "$target" \
        "$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)"
    } >build/fuzz/findings/"$target".found
  fi
  printf '%-16s %12s %8s %8s %9s\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
    "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)" \
    "$(find "$corpus" -type f | wc -l)" "$findings" >build/fuzz/findings/"$target".row
}
export -f run_one seeds_of
# shellcheck disable=SC2016 # the inner shell expands them
printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I '{}' bash -c 'run_one "$1" "$2"' _ '{}' "$seconds"

failed=0
for target in "${targets[@]}"; do
  if [ -e "build/fuzz/findings/$target.found" ]; then
    cat "build/fuzz/findings/$target.found"
    failed=1
  fi
done
printf '\n%-16s %12s %8s %8s %9s\n' "target, ${seconds} s" executions edges corpus findings
for target in "${targets[@]}"; do
  cat "build/fuzz/findings/$target.row"
done
[ "$failed" -eq 0 ]
