#!/usr/bin/env python3
"""Verdicts of `replay` without a workspace on logs of agents, against labels given by reading: docs/accuracy.md.

Usage: replay.py CLAWTRACE [SHARED_DATA]     SHARED_DATA: the folder with sessions/
Prints the mix of verdicts by agent, and of the sample (replay_labels.tsv) which verdicts are still `not_needed` and how
many of those are right, with the 95 % interval. Exit 77: no data.
"""
import collections
import json
import pathlib
import subprocess
import sys
import time

from recompute import GENERATED, HERE, wilson


def main():
    shared = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else HERE.parents[2] / "shared" / "data"
    if not (shared / "sessions").is_dir():
        print(f"skipped: {shared}/sessions is not there")
        return 77
    start = time.monotonic()
    done = subprocess.run([sys.argv[1], "replay", "--json", str(shared / "sessions")], capture_output=True, text=True,
                          check=False)
    seconds = time.monotonic() - start
    mix, flags = collections.defaultdict(collections.Counter), set()
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    for report in reports:
        if report["session_id"] in GENERATED:
            continue
        for step in report.get("steps", []):
            unknown = step["verdict"] == "unknown"
            mix[report["agent"]][f"unknown:{step['channel']}" if unknown else step["verdict"]] += 1
            if step["verdict"] == "not_needed":
                flags.add((report["session_id"], step["call_id"]))
    print(f"sessions={len(reports)} seconds={seconds:.2f} not_needed={len(flags)}")
    for agent, counts in sorted(mix.items()):
        print(f"  {agent}\t" + "\t".join(f"{name}={count}" for name, count in sorted(counts.items())))
    rows = [line.split("\t") for line in (HERE / "replay_labels.tsv").read_text().splitlines()[1:]]
    count = collections.Counter(row[2] for row in rows if tuple(row[:2]) in flags)
    right, total = count["right"], sum(count.values())
    print(f"sample: labelled={len(rows)} still_not_needed={total} {dict(count)}")
    for name, of in (("of those that can be told", right + count["wrong"]), ("counting those that cannot as wrong", total)):
        if of:
            low, high = wilson(right, of)
            print(f"  precision {name}: {right}/{of} = {right / of:.2f}, {low:.2f}-{high:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
