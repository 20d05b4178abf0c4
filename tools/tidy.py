#!/usr/bin/env python3
"""Runs clang-tidy-19 over the sources of a built tree, skipping those that passed before with the same inputs.

The inputs of a source are the files that its object was compiled from (asked of ninja), its compile command and the
.clang-tidy file: tools/tidy.py BUILD_DIR [--jobs N] [PATH_PREFIX...].
"""
import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-19"


def parse_deps(text):
    """Object -> files it was made from, of what `ninja -t deps` prints."""
    deps, current = {}, None
    for line in text.splitlines():
        if line.startswith("    ") and current is not None:
            current.append(line.strip())
        elif ": #deps" in line:
            current = deps.setdefault(line.split(": #deps")[0], [])
    return deps


def key_of(inputs, options):
    digest = hashlib.sha256(options.encode())
    for path in inputs:
        digest.update(str(path).encode() + b"\0" + hashlib.sha256(pathlib.Path(path).read_bytes()).digest())
    return digest.hexdigest()


def units(build, prefixes):
    """(source, object, compile command) of our own sources."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(entry["file"])
        name = source.relative_to(ROOT).as_posix() if source.is_relative_to(ROOT) else ""
        if name.startswith(tuple(prefixes)):
            yield name, re.search(r" -o (\S+)", entry["command"]).group(1), entry["command"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("prefixes", nargs="*", default=["src/"], metavar="PATH_PREFIX")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--built", action="store_true", help="leave out what is not built instead of failing")
    options = parser.parse_args()
    build = options.build.resolve()
    passed = build / "tidy"
    passed.mkdir(exist_ok=True)
    version = subprocess.run([TIDY, "--version"], capture_output=True, text=True, check=True).stdout
    settings = version + (ROOT / ".clang-tidy").read_text()
    deps = parse_deps(subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True, check=True).stdout)

    work = []
    for name, target, command in units(build, options.prefixes):
        if target not in deps:
            if options.built:
                continue
            sys.exit(f"{name} is not built in {build}: build it first")
        stamp = passed / key_of([build / path for path in deps[target]], settings + command)
        work.append((name, stamp))
    todo = [(name, stamp) for name, stamp in work if not stamp.exists()]
    keep = {stamp.name for _, stamp in work}

    def run(item):
        name, stamp = item
        done = subprocess.run([TIDY, "-p", build, "--quiet", ROOT / name], capture_output=True, text=True)
        if done.returncode == 0:
            stamp.touch()
        return name, done.returncode, done.stdout + (done.stderr if done.returncode and not done.stdout else "")

    start, failed = time.monotonic(), 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, code, output in pool.map(run, todo):
            if code:
                failed += 1
                print(output.strip() or f"{name}: clang-tidy ended with {code}")
    for old in passed.iterdir():
        if old.name not in keep:
            old.unlink()
    print(f"clang-tidy: {len(work)} sources, {len(todo)} of them new or changed, {failed} with findings, {time.monotonic() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
