#!/usr/bin/env python3
"""Runs and measures programs for the scripts of bench/: wall time, CPU time and peak memory of each run.

usage: measure.py startup CLAWTRACE PATH RUNS
       measure.py ccusage CLAWTRACE CCUSAGE TREE ROUNDS
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

STARTUP_LIMIT_MS = 30


def run(command, stdout, environment=None):
    """Wall seconds, CPU seconds, peak resident MB of one run."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, env=environment)
    # Drained before waiting, or a talkative program would block on a full pipe.
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {process.returncode}\n{errors.decode(errors='replace')[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def startup(clawtrace, path, runs):
    size = sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(path) for f in files)
    with open(os.devnull, "wb") as nowhere:
        run([clawtrace, "card", path], nowhere)  # the file cache is warm for every program of the day
        walls = [run([clawtrace, "card", path], nowhere)[0] * 1000 for _ in range(int(runs))]
    median = statistics.median(walls)
    print(f"clawtrace card, {size / 1000:.0f} KB: median {median:.1f} ms, min {min(walls):.1f} ms, max {max(walls):.1f} ms, {len(walls)} runs")
    return 0 if median < STARTUP_LIMIT_MS else 1


def our_totals(clawtrace, projects):
    totals = dict.fromkeys(["calls", "tool_calls", "input", "cache_read", "cache_write_5m", "cache_write_1h", "output"], 0)
    cost = 0.0
    cards = 0
    with tempfile.TemporaryFile("w+b") as out:
        run([clawtrace, "card", "--full", "--json", projects], out)
        out.seek(0)
        for line in out:
            card = json.loads(line)
            cards += 1
            tokens = card["total_tokens"]
            totals["calls"] += card["llm_call_count"]
            totals["tool_calls"] += card["tool_call_count"]
            totals["input"] += tokens["uncached_input"]
            for key in ("cache_read", "cache_write_5m", "cache_write_1h", "output"):
                totals[key] += tokens[key]
            cost += card["total_cost_usd"] or 0
        size = out.tell()
    return totals, cost, cards, size


def their_totals(command, environment):
    report = json.loads(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)["totals"]
    return {"input": report["inputTokens"], "cache_read": report["cacheReadTokens"], "cache_write": report["cacheCreationTokens"],
            "output": report["outputTokens"]}, report["totalCost"]


def compare(ours, theirs, truth):
    """Prints the three side by side; False when ours differ from the truth."""
    print(f"{'tokens':16}{'generator':>16}{'clawtrace':>16}{'ccusage':>16}")
    right = True
    for key in ("calls", "tool_calls", "input", "cache_read", "cache_write_5m", "cache_write_1h", "output"):
        right = right and ours[key] == truth[key]
        mark = "" if ours[key] == truth[key] else "  DIFFERS"
        print(f"{key:16}{truth[key]:>16}{ours[key]:>16}{theirs.get(key, '-'):>16}{mark}")
    writes = truth["cache_write_5m"] + truth["cache_write_1h"]
    print(f"{'cache_write':16}{writes:>16}{ours['cache_write_5m'] + ours['cache_write_1h']:>16}{theirs['cache_write']:>16}")
    return right


def ccusage(clawtrace, ccusage_binary, tree, rounds):
    projects = os.path.join(tree, "projects")
    with open(os.path.join(tree, "truth.json"), encoding="utf-8") as file:
        truth = json.load(file)
    environment = {**os.environ, "CLAUDE_CONFIG_DIR": tree, "NO_COLOR": "1"}
    ours_command = [clawtrace, "card", "--full", "--json", projects]
    theirs_command = [ccusage_binary, "claude", "daily", "--offline", "--json"]
    print(f"{truth['bytes'] / 1e6:.0f} MB, {truth['files']} files, {truth['sessions']} sessions, {truth['lines']} lines, {os.cpu_count()} CPUs")

    # Untimed: checks what both say and warms the file cache.
    ours, our_cost, cards, output = our_totals(clawtrace, projects)
    theirs, their_cost = their_totals(theirs_command, environment)
    right = compare(ours, theirs, truth)
    print(f"{'USD':16}{'-':>16}{our_cost:>16.6f}{their_cost:>16.6f}")
    print(f"{cards} full cards, {output / 1e6:.1f} MB of JSON")

    day = [clawtrace, "report", "--by", "day", "--json", projects]
    measured = {"ccusage": [], "cards": [], "by day": [], "again": []}
    with open(os.devnull, "wb") as nowhere:
        for _ in range(int(rounds)):
            measured["ccusage"].append(run(theirs_command, nowhere, environment))
            with tempfile.TemporaryDirectory() as cache:
                fresh = {**os.environ, "XDG_CACHE_HOME": cache}
                measured["cards"].append(run(ours_command, nowhere, fresh))
                measured["by day"].append(run(day, nowhere, fresh))
                measured["again"].append(run(day, nowhere, fresh))
    medians = {}
    for name, runs in measured.items():
        medians[name] = statistics.median(wall for wall, _, _ in runs)
        walls = " ".join(f"{wall:.2f}" for wall, _, _ in runs)
        print(f"{name:10} median {medians[name]:.3f} s  {truth['bytes'] / 1e6 / medians[name]:.0f} MB/s  "
              f"CPU {statistics.median(cpu for _, cpu, _ in runs):.2f} s  peak {max(rss for _, _, rss in runs):.0f} MB  runs {walls}")
    print(f"report_ratio={medians['by day'] / medians['ccusage']:.3f}  rescan_s={medians['again']:.3f}")
    print(f"ratio={medians['cards'] / medians['ccusage']:.3f}")
    return 0 if right else 1


def main():
    kind, *arguments = sys.argv[1:] or ["?"]
    actions = {"startup": (startup, 3), "ccusage": (ccusage, 4)}
    if kind not in actions or len(arguments) != actions[kind][1]:
        sys.exit(__doc__)
    sys.exit(actions[kind][0](*arguments))


if __name__ == "__main__":
    main()
