#!/usr/bin/env python3
"""Checks who includes whom: modules as src/layers.txt allows, third-party headers only in the file that wraps them."""
import pathlib
import re
import sys

# Header (prefix of what stands between the brackets) -> the sources that may include it, as path prefixes below src/.
WRAPPED = {
    "simdjson": ["base/json.cc"],
    "libfyaml": ["base/value.cc"],
    "xxhash": ["base/hash.cc"],
    "curl/": ["base/http_client.cc"],
    "openssl/": ["base/sha256.cc", "serve/stream.cc"],
    "CLI/": ["cli/"],
    "cmark": ["skill/"],
    "sqlite3": ["capture/sqlite_files.cc", "capture/sqlite_reader.cc", "store/sqlite.cc"],
    "zstd.h": ["capture/unzip.cc", "store/squeeze.cc"],
    "archive": ["replay/unpack.cc", "skill/skill_archive"],
    "pugixml.hpp": ["replay/verdict_readers/junit.cc"],
    "zlib.h": ["capture/unzip.cc"],
    "boost/beast/": ["serve/http_head.cc"],
    "boost/": ["serve/net.h", "serve/connection.h", "serve/server.cc", "serve/stream.cc"],
    "nghttp2/": ["serve/http2.cc"],
    "libdeflate": ["serve/gzip.cc"],
    "seccomp.h": ["replay/sandbox/deny_calls.cc"],
    "linux/": ["replay/sandbox/isolate.cc"],
    "net/if.h": ["replay/sandbox/isolate.cc"],
}
# Free to use everywhere: formatting, and what a test needs.
EVERYWHERE = ("fmt/",)
IN_TESTS = ("gtest/", "gmock/", "rapidcheck", "simdjson", "openssl/", "sqlite3", "zlib.h", "zstd.h", "arpa/", "netinet/")
# POSIX and the language itself: no slash and no dot, or a header of the system.
SYSTEM = re.compile(r"^(?:[a-z0-9_]+|c?[a-z]+\.h|sys/[a-z]+\.h|bits/[a-z+]+\.h)$")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def read_layers(path):
    """Module -> modules it may include. Refuses a module that names a later one, so cycles cannot be written."""
    allowed, problems = {}, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        name, colon, below = line.partition(":")
        if not colon or name in allowed:
            problems.append(f"{path}:{number}: expected one line 'module: modules it may include' a module")
            continue
        for other in below.split():
            if other not in allowed:
                problems.append(f"{path}:{number}: {name} names {other}, which does not stand above it")
        allowed[name] = set(below.split())
    return allowed, problems


def check_third_party(place, header, is_test):
    if header.startswith(EVERYWHERE) or (is_test and header.startswith(IN_TESTS)):
        return None
    for prefix, places in WRAPPED.items():
        if header.startswith(prefix):
            if any(place.startswith(allowed) for allowed in places):
                return None
            return f"<{header}> belongs in {' or '.join(places)}; use what that wraps"
    if SYSTEM.match(header):
        return None
    return f"<{header}> is not known to tools/check_layers.py: wrap it once and name the place there"


def check(src):
    allowed, problems = read_layers(src / "layers.txt")
    for file in sorted([*src.rglob("*.h"), *src.rglob("*.cc"), *src.rglob("*.def")]):
        place = file.relative_to(src).as_posix()
        module = place.split("/")[0] if "/" in place else None
        if module is not None and module not in allowed:
            problems.append(f"{file}: module {module} is not in {src / 'layers.txt'}")
            continue
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            bracket, header = found.groups()
            if bracket == "<":
                reason = check_third_party(place, header, file.name.endswith(("_test.cc", "_test_util.h")))
            elif not (src / header).is_file():
                reason = f'"{header}" is no file below src/; includes name the whole path from there'
            elif module and header.split("/")[0] not in allowed[module] | {module}:
                reason = f"{module} may not include {header.split('/')[0]} (src/layers.txt)"
            else:
                reason = None
            if reason:
                problems.append(f"{file}:{number}: {reason}")
    return problems


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent
    problems = check(root / "src")
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
