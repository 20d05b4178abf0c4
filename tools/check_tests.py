#!/usr/bin/env python3
"""Checks that tests make their files in folders drawn by lot: ctest runs tests side by side, and a machine several checkouts.

In C++ that is test::TempFolder; nothing else asks for the folder of temporary files or writes below /tmp by a name of
its own. In Python it is tempfile.TemporaryDirectory; in transcripts $SCRATCH. A path that is merely spoken of is fine.
"""
import pathlib
import re
import sys

# The one way, which draws the name.
HOME = "src/base/temp_folder_test_util.h"
PLANTS = "tests/tools_test.py"  # faults for this check to find
SHARED = r'(?:/tmp|/var/tmp|/dev/shm)/'
ASKS = re.compile(r"\b(TempDir|temp_directory_path|mkdtemp|mkstemp|mkostemp|tmpnam|tempnam|tmpfile)\s*\(")
# What makes a file or folder, or a path to make it at, with a literal below the shared folder on its line.
WRITES = re.compile(
    r"\b(ofstream|fstream|fopen|freopen|open|creat|mkdir|mkfifo|symlink|rename|copy|copy_file|create_director(?:y|ies)|"
    r"create_symlink|WriteFileAtomically|OpenSqliteStore|system|(?:filesystem|fs)::path)\b[^;]*\"[^\";]*(?<![\w.])" + SHARED)
PYTHON = re.compile(
    r"\b(gettempdir|mktemp)\s*\(|\b(open|Path|mkdir|makedirs|join|copy\w*|rename|write_text)\s*\(.*?(?<![\w.])f?[\"']" + SHARED)
COMMAND = re.compile(r"^\$.*(?:>>?\s*|\s(?:-o|-d|-C|--store|--out|--cache|mkdir|mkdir -p|touch|tee|cp\s\S+|mv\s\S+)[ =])" + SHARED)


def files(root):
    yield from sorted(path for end in ("_test.cc", "_test_util.h") for path in (root / "src").rglob("*" + end))
    yield from sorted(path for path in (root / "tests").rglob("*") if path.suffix in (".cc", ".h", ".py", ".txt"))


def check(root):
    problems = []
    for path in files(root):
        name = path.relative_to(root).as_posix()
        if name in (HOME, PLANTS) or (path.suffix == ".txt" and "/transcripts/" not in name):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if path.suffix == ".txt":
                reason = "writes below a shared folder: use $SCRATCH" if COMMAND.search(line) else None
            elif path.suffix == ".py":
                reason = "writes below a shared folder by a fixed name: use tempfile.TemporaryDirectory" if PYTHON.search(line) else None
            elif found := ASKS.search(line.split("//")[0]):
                reason = f"{found.group(1)}: test::TempFolder ({HOME}) makes the folder of a test"
            else:
                reason = f"writes below a shared folder by a fixed name: use test::TempFolder ({HOME})" if WRITES.search(line) else None
            if reason:
                problems.append(f"{name}:{number}: {reason}")
    return problems


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent
    problems = check(root)
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
