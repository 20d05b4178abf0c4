#!/usr/bin/env bash
# Wall time of `clawtrace card` on a log of about 100 KB: 30 runs, median and maximum in milliseconds.
# usage: bench/startup.sh [RUNS]    Exit 1 when the median is 30 ms or more (DESIGN: command start-up).
source "$(dirname "$0")/lib.sh"
need_binaries clawtrace bench/gen_claude_tree
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
"$build/bench/gen_claude_tree" "$tree" 100000 >"$tree/truth.json"
python3 "$root/bench/measure.py" startup "$build/clawtrace" "$tree/projects" "${1:-30}"
