#!/usr/bin/env python3
"""What is distilled from recorded tasks whose truth is known: ../shared/data/suite.

usage: distill_suite.py CLAWTRACE SHARED_DATA [--verdicts FILE] [--jobs N] [--table]

SHARED_DATA/suite may hold other tasks of the same layout. Every recording is replayed in its starting workspace under its
task's oracle (--verdicts keeps what came of it, or takes it when the file is there). Then all recordings, and those of each
client alone, are distilled. Fails when
  a kind of waste that the truth tags in two tasks or more gives no admitted prune rule,
  a mistake that three tasks or more repair, or that two tasks fail by, gives no admitted repair,
  replay says not_needed of a step that the truth needs, or such a step stands behind a prune rule,
  a rule names a file of a task, or the recordings of one task are not one task to distillation,
  the clients give different rules,
  the order or repetition of the recordings changes a byte of the skill,
  the lean runs cost more, in the median, than the wasteful ones re-costed without their not-needed and failing steps, or more than
  10 % less than those re-costed also without what replay cannot decide, which is mostly checks: the lean runs have none.
--table prints the distribution of both (what re-costing makes of the truth's own sets is in tests/recost_suite_test.cc), and of
each kind of waste, mistake and cause in how many tasks it is tagged and which rule came of it. 77: the data is not there, or
this machine allows no sandbox.
"""
import argparse
import collections
import glob
import json
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

SKIP = 77
CLIENTS = ("pi", "claude-code", "codex")
# What the truth calls a waste, a mistake or a cause of failure, and the rules of which one must be about it.
PRUNE = {"exploratory_listing": {"waste:listing/named", "waste:listing/any"}, "repeat_read": {"waste:exact_repeat/read"},
         "verification_repeat": {"waste:repeated_look"}, "plan_only": {"waste:unread_plan"},
         "overwritten_write": {"waste:overwritten_write"},
         "unread_output": {"waste:unused_output"}}
REPAIR = {"missing_interpreter": {"episode:missing_command:python>python3", "episode:missing_command:python>none"},
          "missing_directory": {"episode:missing_directory>mkdir"}, "retry_unchanged": {"episode:retry_unchanged"}}
CAUSE = {"skipped_rule_in_docs": {"failure:skipped_named_file"}, "ignored_failed_command": {"failure:ignored_failure"}}
LEAST = [(PRUNE, 2), (REPAIR, 3), (CAUSE, 2)]
MEDIAN_OFF = 0.10


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def run(program, cache, *arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True,
                          env={**os.environ, "XDG_CACHE_HOME": cache, "CLAWTRACE_STORE": "/nonexistent/store"})
    if done.returncode == 2:
        raise RuntimeError(f"{' '.join(arguments[:3])}: {done.stderr[-800:]}")
    return done.stdout


def replay_all(program, cache, suite, recordings, jobs):
    def one(recording):
        task = recording.split("/")[-3]
        return run(program, cache, "replay", "--json", f"{recording}/session", "--workspace",
                   f"{recording}/workspace-start.tar.gz", "--oracle", f"{suite}/tasks/{task}").splitlines()[-1]
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, recordings))


class Distilled:
    def __init__(self, program, work, name, inputs, verdicts):
        skill, report = f"{work}/{name}", f"{work}/{name}.merge.json"
        arguments = ["distill", *inputs, "--skill", skill, "--replay", verdicts]
        self.summary = json.loads(run(program, work, *arguments, "--json", "--merge-report", report))
        patches = run(program, work, "distill", *inputs, "--skill", f"{skill}-none", "--replay", verdicts,
                      "--patches", "--json", "--dry-run")
        self.patches = {p["id"]: p for p in map(json.loads, patches.splitlines())}
        fates = {rule["id"]: rule["fate"] for rule in load(report)["rules"]}
        self.admitted = {i: self.patches[i] for i, fate in fates.items()
                         if fate in ("written", "in_skill", "over_budget") and i in self.patches}
        with open(f"{skill}/SKILL.md", encoding="utf-8") as file:
            self.text = file.read().split("\n---\n", 1)[1].split("\n", 2)[2]

    def signatures(self):
        return {patch.get("signature", "") for patch in self.admitted.values()}


def recurring(recordings, truths):
    """reason of a waste, cause of a failure -> tasks"""
    tasks = collections.defaultdict(set)
    for recording in recordings:
        task, kind, _ = recording.split("/")[-3:]
        truth = truths[recording]
        if kind == "failing":
            tasks[truth["cause"]["kind"]].add(task)
        for call in truth["tool_calls"]:
            for reason in call["reasons"] if kind == "wasteful" else ():
                tasks[reason].add(task)
    return tasks


def coverage(distilled, tasks):
    """(reason, tasks that show it, how many make it a rule, the rule or "")"""
    for table, least in LEAST:
        for reason, signatures in table.items():
            found = sorted(signatures & distilled.signatures())
            yield reason, len(tasks[reason]), least, " ".join(found)


def check_rules(distilled, tasks):
    return [f"{reason} recurs in {seen} tasks and gives no rule"
            for reason, seen, least, rule in coverage(distilled, tasks) if seen >= least and not rule]


def check_verdicts(recordings, reports, truths):
    problems = []
    for recording, report in zip(recordings, reports):
        needed = {call["id"] for call in truths[recording]["tool_calls"] if call["truth"] == "needed"}
        problems += [f"{'/'.join(recording.split('/')[-3:])}: {step['call_id']} is needed, replay says not_needed: {step['reason']}"
                     for step in report["steps"] if step["verdict"] == "not_needed" and step["call_id"] in needed]
    return problems


def check_names(distilled, suite):
    """Names of the tasks' files, which no rule may hold."""
    names = {os.path.basename(path) for path in glob.glob(f"{suite}/tasks/*/environment/workspace/**", recursive=True)
             if os.path.isfile(path)}
    return [f"the skill names {name}" for name in sorted(names) if "." in name and name in distilled.text]


def check_tasks(recordings, reports):
    ids = collections.defaultdict(set)
    for recording, report in zip(recordings, reports):
        ids[report["task_id"]].add(recording.split("/")[-3])
    problems = [f"{' and '.join(sorted(tasks))} are one task to distillation" for tasks in ids.values() if len(tasks) > 1]
    if len(ids) > len({recording.split("/")[-3] for recording in recordings}):
        problems.append("the recordings of one task are several to distillation")
    return problems


def check_steps(distilled, truths):
    needed = {(truth["session"], call["id"]) for truth in truths.values() for call in truth["tool_calls"]
              if call["truth"] == "needed"}
    return [f"{patch['signature']}: step {step['step']} of {step['session_id']} is needed"
            for patch in distilled.admitted.values() if patch["patch_kind"] == "prune"
            for step in patch["target_steps"] if (step["session_id"], step["call_id"]) in needed]


def lean_ratios(program, work, recordings, reports):
    """recording -> what is left of it, without what is also undecided, in terms of its lean run"""
    ratios = {}
    for recording, report in zip(recordings, reports):
        if "/wasteful/" not in recording or "minimal" not in report:
            continue
        lean = json.loads(run(program, work, "sessions", "--json", recording.replace("/wasteful/", "/lean/") + "/session"))
        cost, minimal = lean[0]["total_cost_usd"], report["minimal"]
        if cost and "cost_usd" in minimal:
            ratios["/".join(recording.split("/")[-3:])] = minimal["cost_usd"] / cost, minimal["cost_without_undecided_usd"] / cost
    return ratios


def main():
    summary, _, rest = __doc__.partition("usage: ")
    usage, _, details = rest.partition("\n")
    parser = argparse.ArgumentParser(usage=usage, description=summary + details.lstrip(),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("data")
    parser.add_argument("--verdicts")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    program, suite = os.path.abspath(options.program), f"{options.data}/suite"
    recordings = sorted(glob.glob(f"{suite}/recordings/*/*/*"))
    if not recordings:
        print("skipped: no recorded tasks in", options.data)
        return SKIP
    if "ok    sandbox" not in subprocess.run([program, "doctor"], capture_output=True, text=True).stdout:
        print("skipped: this machine allows no sandbox")
        return SKIP
    with tempfile.TemporaryDirectory() as work:
        verdicts = options.verdicts or f"{work}/verdicts.jsonl"
        if not os.path.exists(verdicts):
            with open(verdicts, "w", encoding="utf-8") as file:
                file.write("".join(line + "\n" for line in replay_all(program, work, suite, recordings, options.jobs)))
        with open(verdicts, encoding="utf-8") as file:
            reports = [json.loads(line) for line in file]
        truths = {}
        for recording, report in zip(recordings, reports):
            truths[recording] = {**load(f"{recording}/truth.json"), "session": report["session_id"]}
        sessions = [f"{recording}/session" for recording in recordings]
        whole = Distilled(program, work, "all", sessions, verdicts)
        tasks = recurring(recordings, truths)
        problems = check_rules(whole, tasks) + check_steps(whole, truths)
        problems += check_verdicts(recordings, reports, truths) + check_names(whole, suite)
        problems += check_tasks(recordings, reports)
        again = Distilled(program, work, "again", sessions[::-1] + sessions[:7], verdicts)
        if again.text != whole.text:
            problems.append("order or repetition of the recordings changes the skill")
        one_client = {}
        for client in CLIENTS:
            mine = [f"{recording}/session" for recording in recordings if recording.endswith("/" + client)]
            one_client[client] = Distilled(program, work, client, mine, verdicts)
        for client in CLIENTS[1:]:
            if one_client[client].signatures() != one_client[CLIENTS[0]].signatures():
                problems.append(f"{CLIENTS[0]} gives {one_client[CLIENTS[0]].signatures()}, "
                                f"{client} {one_client[client].signatures()}")
        ratios = lean_ratios(program, work, recordings, reports)
        most, least = (statistics.median(pair[i] for pair in ratios.values()) for i in (0, 1))
        if most < 1 or abs(least - 1) > MEDIAN_OFF:
            problems.append(f"re-costed without waste, wasteful runs cost {least:.3f} to {most:.3f} of their lean runs in the median")
        if options.table:
            for name, (ratio, best) in sorted(ratios.items()):
                print(f"{name:40} {ratio:.3f} {best:.3f}")
            for reason, seen, enough, rule in coverage(whole, tasks):
                print(f"{reason:24}{seen:3} tasks (a rule from {enough})  {rule or '-'}")
        for patch in sorted(whole.admitted.values(), key=lambda p: (p["patch_kind"], -p["support"])):
            low, high = patch.get("savings_low_usd"), patch.get("savings_high_usd")
            print(f"{patch['patch_kind']:9}{patch['signature']:42}{patch['support']} of {patch['exposed']} tasks  "
                  f"{patch.get('expected_savings_usd')} USD a session [{low}, {high}]")
        print(f"{len(recordings)} recordings, {len(whole.admitted)} rules")
        for i, name in enumerate(("lean ratio", "without what is undecided too")):
            spread = sorted(pair[i] for pair in ratios.values())
            print(f"{name}: median {statistics.median(spread):.3f}, quartiles {spread[len(spread) // 4]:.3f} "
                  f"{spread[-1 - len(spread) // 4]:.3f}, range {spread[0]:.3f} {spread[-1]:.3f}")
        for problem in problems:
            print("PROBLEM", problem)
        return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
