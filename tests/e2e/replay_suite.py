#!/usr/bin/env python3
"""Verdicts on recorded tasks whose truth is known: ../shared/data/suite, and the clients' recordings.

usage: replay_suite.py CLAWTRACE SHARED_DATA [--clients "pi codex"] [--jobs N]

Per recording `clawtrace replay` executes it in its starting workspace under its task's oracle. Fails when
  a step whose truth is needed comes out not_needed,
  less than 90 % of the unneeded steps that neither failed nor are sole checks come out so,
  fidelity is below 0.95,
  the smallest trace of a wasteful run does not pass, or has more LLM calls than the lean run and its sole checks,
  a failing run is not explained to the step that its truth names as the cause.
77: the data is not there, or this machine allows no sandbox.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

SKIP = 77
LEAST_RECALL = 0.9
LEAST_FIDELITY_PPM = 950_000


def replay(program, cache, *arguments):
    run = subprocess.run([program, "replay", "--json", *arguments], capture_output=True, text=True,
                         env={**os.environ, "XDG_CACHE_HOME": cache, "CLAWTRACE_STORE": "/nonexistent/store"})
    if run.returncode == 2:
        raise RuntimeError(run.stderr)
    return json.loads(run.stdout.splitlines()[-1])


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def compare(suite, recording, report):
    """(problems, unneeded steps that count, of them found)"""
    task, run, _ = recording.split("/")[-3:]
    truth = load(f"{recording}/truth.json")
    verdicts = {step["call_id"]: step for step in report["steps"]}
    problems, counted, found = [], 0, 0
    for call in truth["tool_calls"]:
        step = verdicts[call["id"]]
        if call["truth"] == "needed" and step["verdict"] == "not_needed":
            problems.append(f"step {step['step']} ({step['target']}) is needed: {step['reason']}")
        if call["truth"] == "not_needed" and not call["fails"] and run != "failing" and step.get("channel") != "control":
            counted, found = counted + 1, found + (step["verdict"] == "not_needed")
    if report.get("fidelity_ppm", 0) < LEAST_FIDELITY_PPM:
        problems.append(f"fidelity {report.get('fidelity_ppm')}: {report.get('first_divergence')}")
    if run == "failing":
        if report.get("failure", {}).get("call_id") != truth["cause"]["call"]:
            problems.append(f"explained by {report.get('failure')}, the cause is {truth['cause']}")
    elif report.get("closed"):
        problems.append(report["closed"])
    if run == "wasteful" and report.get("minimal"):
        lean = load(recording.replace("/wasteful/", "/lean/") + "/truth.json")
        sole = sum(step.get("channel") == "control" for step in report["steps"])
        minimal = report["minimal"]
        if not minimal.get("outcome_checked"):
            problems.append("the smallest trace was not executed under the oracle")
        if minimal["llm_calls"] > len(lean["llm_calls"]) + sole:
            problems.append(f"{minimal['llm_calls']} LLM calls, lean has {len(lean['llm_calls'])} and {sole} sole checks")
    return problems, counted, found


def check_suite(program, data, clients, jobs, cache):
    suite = f"{data}/suite"
    recordings = [r for r in sorted(glob.glob(f"{suite}/recordings/*/*/*")) if r.split("/")[-1] in clients]

    def one(recording):
        task = recording.split("/")[-3]
        report = replay(program, cache, f"{recording}/session", "--workspace", f"{recording}/workspace-start.tar.gz",
                        "--oracle", f"{suite}/tasks/{task}")
        return recording, compare(suite, recording, report)

    wrong, counted, found = 0, 0, 0
    with ThreadPoolExecutor(jobs) as pool:
        for recording, (problems, many, right) in pool.map(one, recordings):
            counted, found, wrong = counted + many, found + right, wrong + len(problems)
            for problem in problems:
                print(f"FAILED: {'/'.join(recording.split('/')[-3:])}: {problem}")
    print(f"{len(recordings)} recordings; of {counted} unneeded steps that are neither failures nor sole checks {found} were found")
    if not recordings or found < LEAST_RECALL * counted:
        wrong += 1
        print("FAILED: too few")
    return wrong


ORACLE = """test "$(cat out/summary.csv 2>/dev/null)" = "north,156.00
south,297.00
west,95.00" && test -s out/REPORT.md"""
LOGS = {"pi": "pi/main/sessions", "claude-code": "claude-code/main/dot-claude", "codex": "codex/main/sessions"}


def check_clients(program, data, clients, cache):
    """Repeated reads not needed, edit and run needed, the sub-agent's check unknown."""
    wrong = 0
    with tempfile.TemporaryDirectory() as workspace:
        subprocess.run(["bash", f"{data}/clients/run/make-workspace.sh", workspace], check=True, capture_output=True)
        for client in clients:
            report = replay(program, cache, f"{data}/clients/{LOGS[client]}", "--workspace", workspace, "--oracle", ORACLE)
            steps = [step for step in report["steps"] if "/" not in str(step["step"])]
            seen, expected = set(), []
            for step in steps:
                target = step["target"].replace("exec cat ", "read ")
                if target.startswith("read ") and target in seen:
                    expected.append((step, "not_needed"))
                seen.add(target)
                if not step.get("failed") and (target.startswith("edit tools/") or target.startswith("exec sh tools/")):
                    expected.append((step, "needed"))
                if step["target"].startswith("spawn"):
                    expected.append((step, "unknown"))
            if len(expected) != 6:
                wrong += 1
                print(f"FAILED: clients/{client}: {len(expected)} steps were looked for")
            for step, verdict in expected:
                if step["verdict"] != verdict:
                    wrong += 1
                    print(f"FAILED: clients/{client}: step {step['step']} {step['target']}: {step['verdict']}, not {verdict}")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("data")
    parser.add_argument("--clients", default="pi claude-code codex")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    options.data = os.environ.get("CLAWTRACE_SHARED_DATA") or options.data
    if not os.path.isdir(f"{options.data}/suite/recordings"):
        print(f"SKIP: no recorded tasks in {options.data}")
        return SKIP
    doctor = subprocess.run([options.program, "doctor"], capture_output=True, text=True).stdout
    if "ok    sandbox" not in doctor:
        print("SKIP: this machine allows no sandbox")
        return SKIP
    clients = options.clients.split()
    with tempfile.TemporaryDirectory() as cache:
        wrong = check_suite(options.program, options.data, clients, options.jobs, cache)
        wrong += check_clients(options.program, options.data, clients, cache)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
