#!/usr/bin/env bash
# Does the public validator of the Agent Skills specification accept what we write?
#   tests/e2e/skills_ref.sh BUILD_DIR [SKILL_DIR...]
# Exports skills from the tests of BUILD_DIR (one new, one that existed), writes some with its command line (distilled, applied,
# rolled back, sent through an archive, installed into clients' folders), and validates them and every SKILL_DIR.
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

# Every way in which the command line writes a directory.
clawtrace() { HOME=$work CLAWTRACE_DATA=$source_dir/data "$build/clawtrace" "$@" >>"$work/cli.log" 2>&1 || { cat "$work/cli.log" >&2; exit 1; }; }
written=$work/written
clawtrace distill "$source_dir/tests/golden" --skill "$written/distilled-skill"
"$build/clawtrace" distill "$source_dir/tests/golden" --skill "$work/none/unused" --dry-run --patches >"$work/patches.yaml" 2>/dev/null
clawtrace skill apply "$written/applied-skill" "$work/patches.yaml"
clawtrace skill export "$written/applied-skill" --out "$work/applied-skill.zip"
clawtrace skill import "$work/applied-skill.zip" --target claude --project "$work/project"
for target in agents openclaw; do
  clawtrace skill export "$written/applied-skill" --target $target --project "$work/project"
  clawtrace skill export "$written/applied-skill" --target $target --home
done
cp -r "$written/applied-skill" "$written/rolled-back"
sed -i 's/^name: .*/name: rolled-back/' "$written/rolled-back/SKILL.md"
clawtrace skill apply "$written/rolled-back" "$work/patches.yaml" --candidates
clawtrace skill rollback "$written/rolled-back"

status=0
for skill in "$work"/exported/*/ "$written"/*/ "$work"/project/.claude/skills/*/ "$work"/project/.agents/skills/*/ \
  "$work"/project/skills/*/ "$work"/.agents/skills/*/ "$work"/.openclaw/skills/*/ "$@"; do
  if "$validator" validate "${skill%/}"; then echo "valid: $(basename "$skill")"; else status=1; fi
done
# A validator that accepts everything shows nothing: it must refuse a skill whose name is not its folder's.
mkdir -p "$work/other-name"
cp "$work/exported/fresh-skill/SKILL.md" "$work/other-name/"
if "$validator" validate "$work/other-name" >/dev/null 2>&1; then echo "skills-ref accepted a wrong name" >&2; status=1; fi
exit $status
