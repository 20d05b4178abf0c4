#!/usr/bin/env python3
"""Runs clang-tidy-19 over the sources of a built tree, skipping those that passed before with the same inputs.

tools/tidy_exceptions.txt names functions that may be larger and findings that stand for now. Tests are left out: their
tables of cases are long by right. The inputs of a source are the files that its
object was compiled from (asked of ninja), its compile command and the settings: tools/tidy.py BUILD_DIR [--jobs N] [PATH_PREFIX...].
What passed is kept in ~/.cache/clawtrace-tidy for all clones and work trees, for thirty days after its last use.
"""
import argparse
import collections
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-19"
EXCEPTIONS = "tools/tidy_exceptions.txt"


def parse_deps(text):
    """Object -> files it was made from, of what `ninja -t deps` prints."""
    deps, current = {}, None
    for line in text.splitlines():
        if line.startswith("    ") and current is not None:
            current.append(line.strip())
        elif ": #deps" in line:
            current = deps.setdefault(line.split(": #deps")[0], [])
    return deps


@functools.cache
def digest_of(path, _size, _mtime_ns):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).digest()


def key_of(inputs, options, root=ROOT):
    """The same in every clone: paths count from its root."""
    digest = hashlib.sha256(options.replace(str(root), "").encode())
    for path in inputs:
        path = pathlib.Path(os.path.normpath(path))
        state = os.stat(path)
        name = path.relative_to(root) if path.is_relative_to(root) else path
        digest.update(str(name).encode() + b"\0" + digest_of(path, state.st_size, state.st_mtime_ns))
    return digest.hexdigest()


def own_headers(command):
    """The command without precompiled headers: clang-tidy would look through all that is in them, for each source."""
    return re.sub(r" -Winvalid-pch| -Xclang -include(?:-pch)? -Xclang \S+", "", command)


def write_commands(build):
    """The commands that clang-tidy is to read, in a folder of their own."""
    entries = json.loads((build / "compile_commands.json").read_text())
    for entry in entries:
        entry["command"] = own_headers(entry["command"])
    folder = build / "tidy"
    folder.mkdir(exist_ok=True)
    (folder / "compile_commands.json").write_text(json.dumps(entries))
    return entries, folder


def forget(folder, days=30):
    for stamp in folder.iterdir():
        if time.time() - stamp.stat().st_mtime > days * 86400:
            stamp.unlink(missing_ok=True)


def read_exceptions(text):
    """Path -> functions that may be larger, and checks whose findings stand."""
    allowed = collections.defaultdict(set)
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            words = line.split(None, 2)
            if len(words) < 3:
                sys.exit(f"{EXCEPTIONS}:{number}: expected PATH FUNCTION|CHECK REASON")
            allowed[words[0]].add(words[1])
    return allowed


def findings(output, name, allowed):
    """The diagnostics in what clang-tidy printed, less the allowed ones; entries that nothing needs any more."""
    kept, unused = [], set(allowed.get(name, ()))
    for block in re.split(r"^(?=[^\s:]+:\d+:\d+: (?:error|warning): )", output, flags=re.M):
        head = re.match(r"([^\s:]+):\d+:\d+: (?:error|warning): (.*)", block)
        if not head:
            continue
        path = pathlib.Path(head.group(1))
        path = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
        function = re.match(r"function '([^']+)'.*\[readability-function-", head.group(2))
        check = re.search(r"\[([a-z][a-z0-9.-]+)(?:,[^\]]*)?\]$", head.group(2))
        words = {match.group(1) for match in (function, check) if match} & set(allowed.get(path, ()))
        if words:
            unused -= words
        else:
            kept.append(block.strip())
    return kept + [f"{EXCEPTIONS}: {name} {word} is not needed: take the line out" for word in sorted(unused)]


def units(entries, prefixes):
    """(source, object, compile command) of our own sources."""
    for entry in entries:
        source = pathlib.Path(entry["file"])
        name = source.relative_to(ROOT).as_posix() if source.is_relative_to(ROOT) else ""
        if name.startswith(tuple(prefixes)) and not name.endswith("_test.cc"):
            yield name, re.search(r" -o (\S+)", entry["command"]).group(1), entry["command"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("prefixes", nargs="*", default=["src/"], metavar="PATH_PREFIX")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--built", action="store_true", help="leave out what is not built instead of failing")
    options = parser.parse_args()
    build = options.build.resolve()
    passed = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "clawtrace-tidy"
    passed.mkdir(parents=True, exist_ok=True)
    entries, commands = write_commands(build)
    version = subprocess.run([TIDY, "--version"], capture_output=True, text=True, check=True).stdout
    settings = version + (ROOT / ".clang-tidy").read_text()
    allowed = read_exceptions((ROOT / EXCEPTIONS).read_text())
    deps = parse_deps(subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True, check=True).stdout)

    work = []
    for name, target, command in units(entries, options.prefixes):
        # Exceptions name functions of sources, so only the source's own are among its inputs.
        own = " ".join(sorted(allowed.get(name, ())))
        if target not in deps:
            if options.built:
                continue
            sys.exit(f"{name} is not built in {build}: build it first")
        stamp = passed / key_of([build / path for path in deps[target]], settings + command + own)
        work.append((name, stamp))
    todo = [(name, stamp) for name, stamp in work if not stamp.exists()]

    def run(item):
        name, stamp = item
        done = subprocess.run([TIDY, "-p", commands, "--quiet", ROOT / name], capture_output=True, text=True)
        found = findings(done.stdout, name, allowed)
        if done.returncode and not done.stdout:
            found = [done.stderr]
        if not found:
            stamp.touch()
        return found

    start, failed = time.monotonic(), 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for found in pool.map(run, todo):
            failed += bool(found)
            print("\n".join(found), end="\n" if found else "")
    for _, stamp in work:
        if stamp.exists():
            stamp.touch()
    forget(passed)
    print(f"clang-tidy: {len(work)} sources, {len(todo)} of them new or changed, {failed} with findings, {time.monotonic() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
