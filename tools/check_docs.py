#!/usr/bin/env python3
"""Checks that the documents tell the truth: every path they name exists, every registered thing is described.

Paths are what stands in `back quotes` and begins with a folder of this repository, and relative Markdown links.
Registered things are the entries of the .def lists: the name that users see must stand in back quotes in some document.
"""
import pathlib
import re
import sys

# List -> what the document is expected to say the name of.
LISTS = {
    "src/capture/importers.def": "importer",
    "src/replay/agents.def": "agent",
    "src/compile/detectors.def": "detector",
    "src/distill/analysts.def": "analyst",
    "src/cli/commands.def": "command",
}
# Made by builds and runs, not in the repository.
MADE = ("build/", "out/")
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
ENTRY = re.compile(r"^CT_\w+\((k\w+)\)", re.M)


def documents(root):
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])


def top_folders(root):
    return {path.name for path in root.iterdir() if path.is_dir() and path.name not in (".git",)}


def exists(root, name):
    name = name.rstrip("/.,;:")
    return any(root.glob(name)) if any(c in name for c in "*?[") else (root / name).exists()


def check_paths(root, document):
    problems = []
    text = document.read_text()
    folders = top_folders(root)
    for number, line in enumerate(FENCE.sub(lambda fence: "\n" * fence.group().count("\n"), text).splitlines(), 1):
        for span in CODE.findall(line):
            word = span.split()[0] if span.split() else ""
            # <name> and NAME stand for something else.
            if "/" not in word or word.split("/")[0] not in folders or re.search(r"[<>{}$]|\b[A-Z]+\b(?!\.)", word):
                continue
            if not word.startswith(MADE) and not exists(root, word):
                problems.append(f"{document}:{number}: {word} does not exist")
        for target in LINK.findall(line):
            if not re.match(r"[a-z]+:", target) and not (document.parent / target).exists():
                problems.append(f"{document}:{number}: the link to {target} leads nowhere")
    return problems


def entry_names(root, list_path):
    """(constant, name that users see) of every entry of a .def list."""
    sources = [path.read_text() for path in sorted((root / list_path).parent.rglob("*.cc"))]
    for constant in ENTRY.findall((root / list_path).read_text()):
        definition = re.compile(r"const \w+ " + constant + r"\b\s*=?\s*\{\s*\.name\s*=\s*([^,\s]+)")
        name = None
        for source in sources:
            if found := definition.search(source):
                name = found.group(1)
                if not name.startswith('"'):  # a constant of the same file
                    value = re.search(rf'\b{name}(?:\[\])?\s*=\s*("[^"]+")', source)
                    name = value.group(1) if value else None
        yield constant, name and name.strip('"')


def check_entries(root, texts):
    problems = []
    for list_path, kind in LISTS.items():
        if not (root / list_path).is_file():
            continue
        for constant, name in entry_names(root, list_path):
            if name is None:
                problems.append(f"{list_path}: no definition with .name found for {constant}")
            elif not any(re.search(rf"`(?:clawtrace )?{re.escape(name)}[` ]", text) for text in texts):
                problems.append(f"{list_path}: no document describes the {kind} `{name}`")
    return problems


def check(root):
    files = documents(root)
    problems = [problem for document in files for problem in check_paths(root, document)]
    return problems + check_entries(root, [file.read_text() for file in files])


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent
    problems = check(root)
    for line in problems:
        print(line, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
