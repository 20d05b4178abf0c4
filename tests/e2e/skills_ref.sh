#!/usr/bin/env bash
# Does the public validator of the Agent Skills specification accept what we write?
#   tests/e2e/skills_ref.sh BUILD_DIR [SKILL_DIR...]
# Exports skills from the tests of BUILD_DIR (one new, one that existed) and validates them and every SKILL_DIR.
# Exit 0 all valid, 1 not, 77 skipped because npm or the package cannot be had.
set -euo pipefail

version=0.1.5
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[[ $# -ge 1 ]] || { echo "usage: $0 BUILD_DIR [SKILL_DIR...]" >&2; exit 2; }
build=$1
shift
peers=$source_dir/build/peers/skills-ref-$version
validator=$peers/node_modules/.bin/skills-ref

if [[ ! -x $validator ]]; then
  command -v npm >/dev/null || { echo "SKIPPED: npm is not installed, skills-ref cannot be run"; exit 77; }
  mkdir -p "$peers"
  npm install --prefix "$peers" --no-save --no-audit --no-fund --ignore-scripts "skills-ref@$version" >"$peers/npm.log" 2>&1 ||
    { echo "SKIPPED: skills-ref@$version cannot be installed (see $peers/npm.log)"; exit 77; }
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CLAWTRACE_EXPORT_DIR=$work/exported "$build/tests/distill_test" --gtest_filter=ProposeTest.MakesASkill >"$work/export.log" ||
  { cat "$work/export.log" >&2; exit 1; }

status=0
for skill in "$work"/exported/*/ "$@"; do
  if "$validator" validate "${skill%/}"; then echo "valid: $(basename "$skill")"; else status=1; fi
done
# A validator that accepts everything shows nothing: it must refuse a skill whose name is not its folder's.
mkdir -p "$work/other-name"
cp "$work/exported/fresh-skill/SKILL.md" "$work/other-name/"
if "$validator" validate "$work/other-name" >/dev/null 2>&1; then echo "skills-ref accepted a wrong name" >&2; status=1; fi
exit $status
