#!/usr/bin/env bash
# script/new-importer in a copy of the tree: refuses what it must, and what it makes compiles. Usage: COMPILER SOURCE_DIR
set -euo pipefail
compiler=$1 source=$2
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir -p "$copy/tests" "$copy/docs"
cp -r "$source/src" "$source/script" "$copy/"
cp -r "$source/docs/formats" "$copy/docs/"
cp -r "$source/tests/golden" "$copy/tests/"
cd "$copy"
fail() { printf 'new_importer: %s\n' "$*" >&2; exit 1; }

before=$(find . -type f -exec sha256sum {} + | sort | sha256sum)
for name in "" claude-code codex openclaw otlp Upper a/b ../up a--b -x 9lives "two words"; do
  if script/new-importer "$name" >/dev/null 2>&1; then fail "accepted the name '$name'"; fi
done
if script/new-importer one two >/dev/null 2>&1; then fail "accepted two names"; fi
[ "$before" = "$(find . -type f -exec sha256sum {} + | sort | sha256sum)" ] || fail "a refused name left something behind"

script/new-importer made-up2 | grep -q '^next:' || fail "did not print what to do next"
grep -qx 'CT_IMPORTER(kMadeUp2)' src/capture/importers.def || fail "no line in importers.def"
if grep -rn '@NAME@\|@CONSTANT@\|@FILE@' src tests docs; then fail "left a placeholder"; fi
for file in made_up2.cc made_up2_test.cc; do
  "$compiler" -std=c++2b -fsyntax-only -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion \
    -Wno-missing-field-initializers -Wswitch-enum -Werror -Isrc -DCLAWTRACE_SOURCE_DIR="\"$copy\"" \
    "src/capture/importers/$file" || fail "$file does not compile"
done
if script/new-importer made-up2 >/dev/null 2>&1; then fail "accepted the same name again"; fi
echo "new_importer: passed"
