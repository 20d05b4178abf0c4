#!/usr/bin/env python3
"""What ClawTrace writes is what schemas/ says, and the other way round.

usage: schema_test.py CLAWTRACE SCHEMA_SAMPLES SOURCE_DIR

1. Each schema is a valid JSON Schema of 2020-12, and the parts that several share are equal.
2. Encoders: documents with every field set and with none are valid, and every property of a schema is written by some
   encoder (a schema must not promise what nobody writes).
3. A valid card with one thing broken is refused: the schemas say no.
4. The program: cards, session lists and patches made of tests/golden, in YAML and in JSON; the records of a skill.

Exit 77 (skipped) without the Python modules.
"""

import copy
import glob
import json
import os
import subprocess
import sys
import tempfile

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"SKIP: {missing} (Debian: python3-jsonschema python3-yaml)")
    sys.exit(77)

NAMES = ["fact", "session", "tracecard", "patch", "replay", "merge-report", "sessions-list", "audit-report"]
# What a skill keeps about itself, by file.
RECORDS = {"skill-provenance": "provenance.json", "skill-decisions": "decisions.json", "skill-waivers": "waivers.json",
           "skill-history": "history/versions.json"}
NAMES += RECORDS
LITERATURE_CARD = """
session_id: 7f3e
outcome: success
total_cost_usd: 0.42
steps:
- {id: 1, kind: tool_use, tool: read_file, cost_usd: 0.001}
- {id: 2, kind: llm_call, model: opus, cost_usd: 0.18, redundant: true}
"""
LITERATURE_PATCH = """
patch_kind: prune
target_step: 2
counterfactual: |
  Without step 2 the outcome is the same.
expected_savings_usd: 0.18
"""

failures = []
counts = {}


def check(truth, message):
    if not truth:
        failures.append(message)
        print("FAILED:", message)


def load_schemas(source_dir):
    schemas = {}
    for name in NAMES:
        with open(f"{source_dir}/schemas/{name}.schema.json", encoding="utf-8") as file:
            schemas[name] = json.load(file)
        jsonschema.Draft202012Validator.check_schema(schemas[name])
    shared = {}
    for name, schema in schemas.items():
        for part, definition in schema["$defs"].items():
            if part in ("step", "session"):  # a card's step is not a session's
                continue
            first = shared.setdefault(part, (name, definition))
            check(first[1] == definition, f"$defs/{part} of {name} differs from that of {first[0]}")
    return {name: jsonschema.Draft202012Validator(schema) for name, schema in schemas.items()}


def validate(validators, name, document, where):
    counts[name] = counts.get(name, 0) + 1
    for error in list(validators[name].iter_errors(document))[:3]:
        path = "/".join(map(str, error.absolute_path))
        check(False, f"{where}: {name}: {path}: {error.message[:300]}")


def properties(schema):
    """(where, property) for every object that the schema describes."""
    found = set()

    def walk(node, where):
        if isinstance(node, dict):
            if isinstance(node.get("additionalProperties"), bool):
                found.update((where, key) for key in node["properties"])
            for key, value in node.items():
                if key not in ("if", "then", "else", "allOf"):
                    walk(value, f"{where}/{key}")

    walk(schema, "")
    return found


def written(validator, document, found):
    """Adds what of the schema's properties the document shows."""

    def walk(schema, node, where):
        if "$ref" in schema and "properties" not in schema:
            part = schema["$ref"].removeprefix("#/$defs/")
            return walk(validator.schema["$defs"][part], node, f"/$defs/{part}")
        if isinstance(node, list) and "items" in schema:
            for item in node:
                walk(schema["items"], item, where + "/items")
        if isinstance(node, dict):
            for key, value in node.items():
                found.add((where, key))
                if key in schema.get("properties", {}):
                    walk(schema["properties"][key], value, f"{where}/properties/{key}")

    walk(validator.schema, document, "")


def check_encoders(validators, samples):
    lines = subprocess.run([samples], check=True, capture_output=True, text=True).stdout.splitlines()
    seen = {name: set() for name in NAMES}
    for line in lines:
        sample = json.loads(line)
        validate(validators, sample["schema"], sample["document"], "encoder")
        written(validators[sample["schema"]], sample["document"], seen[sample["schema"]])
    for name in NAMES:
        if name == "sessions-list":  # written by the program, below
            continue
        unwritten = properties(validators[name].schema) - seen[name]
        check(not unwritten, f"{name}: nobody writes {sorted(unwritten)}")
    return next(json.loads(line)["document"] for line in lines if '"tracecard/1"' in line)


def check_refusals(validators, card):
    def broken(change):
        document = copy.deepcopy(card)
        change(document)
        return document

    changes = {
        "unknown key": lambda c: c.update(total_cost=1),
        "unknown key of a step": lambda c: c["steps"][0].update(cost=1),
        "amount as text": lambda c: c.update(total_cost_usd="0.1"),
        "negative amount": lambda c: c.update(total_cost_usd=-1),
        "no total": lambda c: c.pop("total_cost_usd"),
        "no coverage": lambda c: c.pop("coverage"),
        "no session": lambda c: c.pop("session_id"),
        "unknown outcome": lambda c: c.update(outcome="ok"),
        "unknown kind": lambda c: c["steps"][0].update(kind="tool"),
        "step number as fraction": lambda c: c["steps"][0].update(id=1.5),
        "step path with a gap": lambda c: c["steps"][0].update(id="1//2"),
        "tokens without a bucket": lambda c: c["total_tokens"].pop("cache_read"),
        "false written": lambda c: c["steps"][0].update(redundant=False),
        "empty list written": lambda c: c.update(sub_agents=[]),
        "other version": lambda c: c.update(schema="tracecard/2"),
        "grade": lambda c: c["redundant_tool_calls"][0].update(grade="C9"),
    }
    for name, change in changes.items():
        check(not validators["tracecard"].is_valid(broken(change)), f"a card with {name} passes")
    patch = yaml.safe_load(LITERATURE_PATCH)
    check(not validators["patch"].is_valid({**patch, "patch_kind": "keep"}), "a patch of an unknown kind passes")
    check(not validators["patch"].is_valid({**patch, "schema": "patch/1"}), "a patch/1 without evidence passes")
    rule = {"schema": "patch/1", "id": "x", "patch_kind": "prune", "target_steps": [{"session_id": "x"}], "rule": "x", "section": "x",
            "support": 1, "tasks": ["x"], "evidence_grade": "E1", "producer": "x"}
    check(not validators["patch"].is_valid(rule), "a prune/1 without its counterfactual passes")
    check(validators["patch"].is_valid({**rule, "patch_kind": "repair"}), "a repair without counterfactual is refused")
    check(not validators["fact"].is_valid({"kind": "llm_call", "ordinal": -1}), "a call without its content passes")
    check(not validators["sessions-list"].is_valid([{"session_id": "x"}]), "a session without totals passes")


def run(clawtrace, *arguments):
    environment = {**os.environ, "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    return subprocess.run([clawtrace, *arguments], capture_output=True, text=True, timeout=120, env=environment)


def check_program(validators, clawtrace, source_dir):
    inputs = sorted(p for p in glob.glob(f"{source_dir}/tests/golden/*/*") if os.path.isdir(p) or p.endswith(".jsonl"))
    seen = set()
    with tempfile.TemporaryDirectory() as temporary:
        for path in inputs:
            where = os.path.relpath(path, source_dir)
            # Inputs that no importer takes and empty files may be refused, but what is printed must be valid.
            refusable = "/reference/" in path
            for flags in ([], ["--full"], ["--json"], ["--full", "--json"]):
                done = run(clawtrace, "card", *flags, path)
                check(done.returncode == 0 or refusable, f"{where}: card {flags}: exit {done.returncode}: {done.stderr[:200]}")
                text = done.stdout
                cards = [json.loads(line) for line in text.splitlines()] if "--json" in flags else [c for c in yaml.safe_load_all(text) if c]
                check(cards or refusable, f"{where}: card {flags}: no card")
                for card in cards:
                    validate(validators, "tracecard", card, f"{where}: card {flags}")
                    check("--full" in flags or len(text.encode()) <= 1540 * max(1, len(cards)), f"{where}: compact card is too large")
            done = run(clawtrace, "sessions", "--json", path)
            if done.returncode == 0:
                rows = json.loads(done.stdout)
                validate(validators, "sessions-list", rows, f"{where}: sessions")
                written(validators["sessions-list"], rows, seen)
            else:
                check(refusable, f"{where}: sessions: exit {done.returncode}: {done.stderr[:200]}")
        unwritten = properties(validators["sessions-list"].schema) - seen
        check(not unwritten, f"sessions-list: nobody writes {sorted(unwritten)}")
        for flags in ([], ["--json"]):
            recordings = sorted(glob.glob(f"{source_dir}/examples/recordings")) + [p for p in inputs if "/reference/" not in p]
            done = run(clawtrace, "distill", *recordings, "--skill", f"{temporary}/skill", "--dry-run", "--anyway", "--patches", *flags)
            check(done.returncode == 0, f"distill {flags}: exit {done.returncode}: {done.stderr[:300]}")
            text = done.stdout
            patches = [json.loads(line) for line in text.splitlines()] if flags else [p for p in yaml.safe_load_all(text) if p]
            check(patches, f"distill {flags}: no patch")
            for patch in patches:
                validate(validators, "patch", patch, f"distill {flags}")
        check_records(validators, clawtrace, source_dir, temporary)


def check_records(validators, clawtrace, source_dir, temporary):
    """A skill that was distilled, applied to and rolled back, its rule pinned and its finding waived."""
    skill = f"{temporary}/demo"
    patch = {"schema": "patch/1", "id": "r-1", "patch_kind": "repair", "rule": "Quote paths that hold blanks.", "section": "Known failures",
             "tasks": ["a", "b", "c"], "support": 3, "evidence_grade": "E2", "producer": "somebody"}
    with open(f"{temporary}/patch.json", "w", encoding="utf-8") as file:
        json.dump(patch, file)
    steps = [["distill", f"{source_dir}/examples/recordings", "--skill", skill, "--anyway"],
             ["skill", "apply", skill, f"{temporary}/patch.json", "--json", "--waive", "traceability", "--by", "Ann", "--why", "read"],
             ["skill", "pin", skill, "r-1", "--by", "Ann"], ["skill", "rollback", skill]]
    for step in steps:
        done = run(clawtrace, *step)
        check(done.returncode == 0, f"{step}: exit {done.returncode}: {done.stderr[:300]}")
        if "--json" in step:
            printed = json.loads(done.stdout)
            validate(validators, "audit-report", printed["audit"], "skill apply")
            validate(validators, "merge-report", printed["merge"], "skill apply")
            check(printed["audit"].get("findings"), "skill apply: nothing was waived")
        for name, path in RECORDS.items():
            if os.path.exists(f"{skill}/.clawtrace/{path}"):
                with open(f"{skill}/.clawtrace/{path}", encoding="utf-8") as file:
                    validate(validators, name, json.load(file), " ".join(step[:2]))
    missing = [path for path in RECORDS.values() if not os.path.exists(f"{skill}/.clawtrace/{path}")]
    check(not missing, f"a skill without {missing}")


def main():
    clawtrace, samples, source_dir = sys.argv[1:4]
    validators = load_schemas(source_dir)
    validate(validators, "tracecard", yaml.safe_load(LITERATURE_CARD), "card of the literature")
    validate(validators, "patch", yaml.safe_load(LITERATURE_PATCH), "patch of the literature")
    card = check_encoders(validators, samples)
    check_refusals(validators, card)
    check_program(validators, clawtrace, source_dir)
    print("validated:", ", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
