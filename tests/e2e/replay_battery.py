#!/usr/bin/env python3
"""Generated sessions with known truth, through the whole of `clawtrace replay`: importer, sandbox, oracle, verdicts.

tests/e2e/replay_battery.py CLAWTRACE [--sessions N] [--seed S] [--jobs J] [--keep DIR] [--table] [--only NUMBER]

Every session is made of motifs (battery/motifs.py), is really carried out, and its truth is checked by carrying it out
again without each step. Fails when a step that is needed, or a check, comes out not_needed, when all of a group of which
one must stay does, when anything is decided where nothing can be, or when less than 90 % of the steps that are truly not
needed are found (those that are executed, did not fail and are no check). 77: no sandbox here.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "battery"))
import sessions  # noqa: E402
from motifs import CONTROL, EITHER, FLAKY, NEEDED, WASTE  # noqa: E402

SKIPPED, BROKEN = 77, 2
LEAST_RECALL = 0.9
VERDICTS = ("needed", "not_needed", "unknown")


def sandbox_here(program):
    """What `clawtrace doctor` says of it; None: there is one."""
    said = subprocess.run([program, "doctor"], capture_output=True, text=True, timeout=60, check=False).stdout
    missing = [line for line in said.splitlines() if "no sandbox" in line]
    return missing[0] if missing else None


def replay(program, session, log, workspace):
    command = [program, "replay", "--json", "--no-cache"]
    if session.kind != "texts":
        command += ["--workspace", str(workspace), "--oracle", session.oracle]
    done = subprocess.run(command + [str(log)], capture_output=True, text=True, timeout=300, check=False)
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        return {"error": done.stderr.strip() or f"ended with {done.returncode}"}


def rows_of(session, report):
    """A row a step: what it is and what was said of it."""
    verdicts = {step["call_id"]: step for step in report["steps"]}
    for step in session.steps:
        said = verdicts.get(step.id)
        if said is None:
            raise sessions.GeneratorError(f"{session.seed}: {step.id} is not in the report")
        yield {"session": session.seed, "kind": session.kind, "client": session.client.name, "motif": step.motif,
               "truth": step.truth, "fails": step.fails, "group": step.group, "looks": step.only_looks,
               "what": (step.command or step.path or step.op)[:70], "verdict": said["verdict"],
               "channel": said.get("channel", ""), "reason": said.get("reason", ""), "closed": report.get("closed", "")}


def run_one(program, seed, folder, keep):
    folder = pathlib.Path(folder, seed.replace(":", "-"))
    try:
        session, log, workspace = sessions.make(seed, folder)
        begin = time.monotonic()
        report = replay(program, session, log, workspace)
        took = time.monotonic() - begin
        if keep:
            (folder / "report.json").write_text(json.dumps(report, indent=1))
            (folder / "oracle.sh").write_text(session.oracle + "\n")
        if "error" in report:
            return {"seed": seed, "error": report["error"]}
        return {"seed": seed, "rows": list(rows_of(session, report)), "seconds": took}
    except sessions.GeneratorError as error:
        return {"seed": seed, "generator": str(error)}
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def decidable(row):
    return row["kind"] in ("state", "texts")


def wrong_rows(rows):
    wrong = []
    groups = collections.defaultdict(list)
    for row in rows:
        if row["truth"] == EITHER:
            groups[row["session"], row["group"]].append(row)
        gone = row["verdict"] == "not_needed"
        if gone and (row["truth"] in (NEEDED, CONTROL) or not decidable(row)):
            wrong.append(row)
    for members in groups.values():
        if all(row["verdict"] == "not_needed" for row in members) and decidable(members[0]):
            wrong += members
    return wrong


def counts_for_recall(row):
    return row["truth"] == WASTE and not row["fails"] and row["kind"] == "state"


def table(rows):
    lines = ["| truth | motif | needed | not needed | unknown |", "| --- | --- | --- | --- | --- |"]

    def line(truth, motif, chosen):
        by = collections.Counter(row["verdict"] for row in chosen)
        lines.append(f"| {truth} | {motif} | " + " | ".join(str(by[verdict]) for verdict in VERDICTS) + " |")

    def part(name, chosen):
        if not chosen:
            return
        for motif in sorted({row["motif"] for row in chosen}):
            line(name, f"`{motif}`", [row for row in chosen if row["motif"] == motif])
        line(f"**{name}**", "all", chosen)

    state = [row for row in rows if row["kind"] == "state"]
    part("needed", [row for row in state if row["truth"] == NEEDED])
    part("check", [row for row in state if row["truth"] == CONTROL])
    part("one of two", [row for row in state if row["truth"] == EITHER])
    part("never the same", [row for row in state if row["truth"] == FLAKY])
    part("not needed", [row for row in state if row["truth"] == WASTE and not row["fails"]])
    part("not needed, failed", [row for row in state if row["truth"] == WASTE and row["fails"]])
    texts = [row for row in rows if row["kind"] == "texts"]
    for name, truth in (("needed", NEEDED), ("check", CONTROL), ("one of two", EITHER), ("never the same", FLAKY)):
        line(f"{name}, texts alone", "all", [row for row in texts if row["truth"] == truth])
    waste = [row for row in texts if row["truth"] == WASTE]
    line("not needed, texts alone", "looks", [row for row in waste if row["looks"] and not row["fails"]])
    line("not needed, texts alone", "writers, failures", [row for row in waste if not row["looks"] or row["fails"]])
    for kind, name in (("passes", "an oracle that passes on anything"), ("fails", "an oracle that fails on everything"),
                       ("random", "results drawn by lot")):
        line("undecidable", name, [row for row in rows if row["kind"] == kind])
    return "\n".join(lines)


def judge(rows, options):
    wrong = wrong_rows(rows)
    for row in wrong:
        print(f"WRONG {row['session']} {row['client']} {row['kind']}: {row['truth']} {row['motif']}: {row['what']} "
              f"[{row['channel']}] {row['reason']} {row['closed']}")
    asked = [row for row in rows if counts_for_recall(row)]
    found = [row for row in asked if row["verdict"] == "not_needed"]
    recall = len(found) / max(1, len(asked))
    if options.misses:
        for row in asked:
            if row["verdict"] != "not_needed":
                print(f"miss {row['session']} {row['client']}: {row['motif']}: {row['what']} {row['verdict']} "
                      f"[{row['channel']}] {row['reason']}")
    if options.table:
        print(table(rows))
    print(f"{len({row['session'] for row in rows})} sessions, {len(rows)} steps: {len(wrong)} wrong not_needed; "
          f"{len(found)} of {len(asked)} not needed found ({100 * recall:.1f} %)")
    return not wrong and recall >= LEAST_RECALL


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("program")
    parser.add_argument("--sessions", type=int, default=300)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", help="folder for logs, workspaces and reports")
    parser.add_argument("--table", action="store_true", help="print the confusion table (Markdown)")
    parser.add_argument("--misses", action="store_true", help="print the steps not needed that were not found")
    parser.add_argument("--only", type=int, help="this session alone")
    options = parser.parse_args()

    missing = sandbox_here(options.program)
    if missing:
        print(f"SKIPPED: {missing}")
        return SKIPPED
    numbers = range(options.sessions) if options.only is None else [options.only]
    begin = time.monotonic()
    folder = options.keep or tempfile.mkdtemp(prefix="clawtrace-battery-")
    try:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            work = [pool.submit(run_one, options.program, f"{options.seed}:{number}", folder, options.keep)
                    for number in numbers]
            results = [future.result() for future in work]
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    broken = [result["generator"] for result in results if "generator" in result]
    errors = [f"{result['seed']}: {result['error']}" for result in results if "error" in result]
    for problem in broken + errors:
        print(f"PROBLEM {problem}")
    rows = [row for result in results for row in result.get("rows", [])]
    good = judge(rows, options)
    replaying = sum(result.get("seconds", 0) for result in results)
    print(f"{time.monotonic() - begin:.1f} s, of {options.jobs} jobs {replaying:.1f} s in clawtrace replay")
    if broken or errors:
        return BROKEN
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
