#!/usr/bin/env python3
"""Runs CLI transcripts: each file under transcripts/ holds commands ("$ ...") with what they must print.

After a command come its standard output as it is, its standard error with "! " before each line, and its exit code as
"? N" unless it is 0. Commands run by sh in the repository's root with clawtrace on PATH, HOME in an empty folder.
Usage: transcripts.py BINARY [--update] [FILE...]
"""
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(command, environment):
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, env=environment, capture_output=True, timeout=120)
    lines = [f"$ {command}"]
    lines += done.stdout.decode("utf-8", "replace").splitlines()
    lines += ["! " + line for line in done.stderr.decode("utf-8", "replace").splitlines()]
    if done.returncode:
        lines.append(f"? {done.returncode}")
    return lines


def check(path, environment, update):
    text = path.read_text()
    with tempfile.TemporaryDirectory() as scratch:
        environment = dict(environment, SCRATCH=scratch)
        got = []
        for line in text.splitlines():
            if line.startswith("# "):
                got.append(line)
            elif line.startswith("$ "):
                got += run(line[2:], environment)
        got = "\n".join(got).replace(scratch, "$SCRATCH") + "\n"
    if got == text:
        return True
    if update:
        path.write_text(got)
        print(f"updated {path.name}")
        return True
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as actual:
        actual.write(got)
        actual.flush()
        subprocess.run(["diff", "-u", str(path), actual.name], check=False)
    return False


def main():
    arguments = [a for a in sys.argv[1:] if a != "--update"]
    binary = pathlib.Path(arguments[0]).resolve()
    files = [pathlib.Path(a) for a in arguments[1:]] or sorted((ROOT / "tests/e2e/transcripts").glob("*.txt"))
    ok = True
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": f"{binary.parent}:/usr/bin:/bin", "HOME": home, "LC_ALL": "C.UTF-8", "CLAWTRACE_DATA": str(ROOT / "data")}
        for file in files:
            good = check(file, environment, "--update" in sys.argv)
            print(("ok    " if good else "FAIL  ") + file.name)
            ok = ok and good
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
