#!/usr/bin/env bash
# Full TraceCards of a synthetic Claude Code tree beside ccusage (npm), the fastest token counter known to us, on the
# same files in one run. Both read warm files; rounds are interleaved so that a noisy machine hits both alike.
# usage: bench/ccusage.sh [BYTES] [ROUNDS]    BYTES: 256000000 by default; 1G and 256M are understood.
# Last line: ratio=X, our median wall time by ccusage's. Exit 1 when our token totals differ from the generator's.
source "$(dirname "$0")/lib.sh"
version=20.0.24
bytes=$(numfmt --from=si "${1:-256000000}")
rounds=${2:-5}
peers=$root/build/bench-peers
ccusage=$peers/node_modules/@ccusage/ccusage-linux-x64/bin/ccusage

need_binaries clawtrace bench/gen_claude_tree
if [[ ! -f $ccusage ]] || ! grep -q "\"version\": \"$version\"" "$(dirname "$ccusage")/../package.json"; then
  mkdir -p "$peers"
  # The native program needs none of the packages' install scripts.
  (cd "$peers" && npm install --ignore-scripts --no-audit --no-fund --prefix . \
    "ccusage@$version" "@ccusage/ccusage-linux-x64@$version" >&2)
fi
chmod +x "$ccusage"

tree=${CLAWTRACE_BENCH_TREES:-$root/build/bench-trees}/claude-$bytes
if [[ ! -s $tree/truth.json ]]; then
  rm -rf "$tree"
  mkdir -p "$tree"
  "$build/bench/gen_claude_tree" "$tree" "$bytes" >"$tree/truth.new"
  mv "$tree/truth.new" "$tree/truth.json"
fi
python3 "$root/bench/measure.py" ccusage "$build/clawtrace" "$ccusage" "$tree" "$rounds"
