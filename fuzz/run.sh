#!/usr/bin/env bash
# Every decoder against libFuzzer, with the address sanitizer.
#
# usage: fuzz/run.sh [SECONDS [TARGET...]]   so long for each target; 60 unless told, and all targets
#
# Starts from the inputs in fuzz/corpus/TARGET. What it finds of interest goes to .build/fuzz/corpus/TARGET and is where
# the next run starts too; an input that breaks a target goes to fuzz-artifacts/, and the exit code is 1 then. The unit
# tests replay fuzz/corpus, so an input that found a bug belongs there, next to the fix.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
[[ $seconds =~ ^[0-9]+$ ]] || { sed -n 's/^# \(usage:.*\)/\1/p' "$0" >&2; exit 2; }
[ $# -eq 0 ] || shift

export STARLING_FUZZER=1
swift build -c release --sanitize fuzzer --sanitize address --scratch-path .build/fuzz --product StarlingFuzzer >&2
fuzzer=.build/fuzz/release/StarlingFuzzer
# shellcheck disable=SC2046 # the targets' names have no blanks
[ $# -gt 0 ] || set -- $(ls fuzz/corpus)

# No search for leaks: what a Swift global holds looks like one to it. The report of a trap is the fuzzer's own.
export ASAN_OPTIONS=detect_leaks=0 SWIFT_BACKTRACE=enable=no
mkdir -p fuzz-artifacts
status=0
for target; do
    # A store's files have pages of 4 KiB: a target whose seeds are long is given as much.
    longest=$(find "fuzz/corpus/$target" -type f -exec wc -c {} + | awk '$2 != "total" && $1 > n { n = $1 } END { print n + 0 }')
    mkdir -p ".build/fuzz/corpus/$target"
    log=.build/fuzz/$target.log
    if STARLING_FUZZ_TARGET=$target "$fuzzer" -max_total_time="$seconds" -max_len=$((longest > 4096 ? longest : 4096)) -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="fuzz-artifacts/$target-" \
        ".build/fuzz/corpus/$target" "fuzz/corpus/$target" >"$log" 2>&1; then
        printf '%-22s ok, %s runs, %s a second\n' "$target" \
            "$(sed -n 's/stat::number_of_executed_units: *//p' "$log")" \
            "$(sed -n 's/stat::average_exec_per_sec: *//p' "$log")"
    else
        status=1
        printf '%-22s FAILED\n' "$target"
        tail -n 30 "$log"
    fi
done
exit $status
