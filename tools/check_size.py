#!/usr/bin/env python3
"""Checks size and shape of the sources: lines a file, includes a header, shared_ptr and repeated text in all.

A file over a limit fails unless tools/size_exceptions.txt names it with a higher limit and a reason. Functions are
measured by clang-tidy (.clang-tidy).
"""
import argparse
import collections
import pathlib
import re
import sys

HARD = {".cc": 700, ".h": 300}
SOFT = {".cc": 400, ".h": 150}
MAX_INCLUDES = 10          # of our own and third-party headers, in one header
WINDOW = 8                 # lines that must be equal to count as repeated
MAX_REPEATED_SHARE = 0.02  # of all windows
MAX_SHARED_PTR_PER_KLOC = 0.3
FOLDERS = ("src", "tests", "bench")


def sources(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in HARD:
                yield path


def read_exceptions(path):
    """Path -> limit in lines; every line needs a reason behind the number."""
    limits, problems = {}, []
    if not path.is_file():
        return limits, problems
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(None, 2)
        if len(words) < 3 or not words[1].isdigit():
            problems.append(f"{path}:{number}: expected PATH LIMIT REASON")
            continue
        limits[words[0]] = int(words[1])
    return limits, problems


def code_lines(text):
    """Lines that can be repeated for a wrong reason: no blanks, comments, includes, lone brackets."""
    kept = []
    for line in text.splitlines():
        line = re.sub(r"\s+", " ", line.split("//")[0]).strip()
        if len(line) > 3 and not line.startswith(("#", "namespace", "using ")):
            kept.append(line)
    return kept


def repeated_windows(texts):
    """(repeated, all, examples): windows of WINDOW code lines that stand more than once."""
    places = collections.defaultdict(list)
    total = 0
    for name, text in texts:
        lines = code_lines(text)
        for start in range(len(lines) - WINDOW + 1):
            places["\n".join(lines[start:start + WINDOW])].append(name)
            total += 1
    repeats = {window: names for window, names in places.items() if len(names) > 1}
    count = sum(len(names) - 1 for names in repeats.values())
    pairs = collections.Counter(" and ".join(sorted(set(names))) for names in repeats.values())
    return count, total, [f"{name}: {times} windows" for name, times in pairs.most_common(5)]


def check(root):
    limits, problems = read_exceptions(root / "tools" / "size_exceptions.txt")
    notes, product = [], []
    for path in sources(root):
        name = path.relative_to(root).as_posix()
        text = path.read_text(errors="replace")
        lines = text.count("\n")
        limit = limits.pop(name, HARD[path.suffix])
        if lines > limit:
            problems.append(f"{name}: {lines} lines, {limit} allowed: split it by idea")
        elif lines > SOFT[path.suffix]:
            notes.append(f"{name}: {lines} lines, more than {SOFT[path.suffix]}")
        own = [line for line in text.splitlines() if re.match(r'\s*#\s*include\s*("|<.*[/.])', line)]
        if path.suffix == ".h" and len(own) > MAX_INCLUDES:
            problems.append(f"{name}: includes {len(own)} headers, {MAX_INCLUDES} allowed")
        if name.startswith("src/") and not name.endswith("_test.cc"):
            product.append((name, text))
    problems += [f"tools/size_exceptions.txt: {name} does not exist" for name in limits]

    shared = sum(text.count("shared_ptr<") for _, text in product)
    kloc = sum(text.count("\n") for _, text in product) / 1000
    if kloc and shared / kloc > MAX_SHARED_PTR_PER_KLOC:
        problems.append(f"src: {shared} shared_ptr in {kloc:.1f} kLOC: give them one owner")
    repeated, total, examples = repeated_windows(product)
    if total and repeated / total > MAX_REPEATED_SHARE:
        problems.append(f"src: {100 * repeated / total:.1f} % of {WINDOW}-line windows are repeated: " + "; ".join(examples))
    elif total:
        notes.append(f"src: {100 * repeated / total:.2f} % of {WINDOW}-line windows are repeated. " + "; ".join(examples))
    return problems, notes


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", nargs="?", default=pathlib.Path(__file__).resolve().parent.parent, type=pathlib.Path)
    parser.add_argument("--notes", action="store_true", help="also print what is over a soft limit")
    options = parser.parse_args()
    problems, notes = check(options.root)
    for line in notes if options.notes else []:
        print("note:", line)
    for line in problems:
        print(line, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
