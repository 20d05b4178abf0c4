#!/usr/bin/env python3
"""Accuracy of the detectors and of the failures, against labels: docs/accuracy.md.

Usage: recompute.py CLAWTRACE [SHARED_DATA]     SHARED_DATA: the folder with sessions/ and suite/
Prints: precision by detector on real logs (labels.tsv, made by reading the trace around each flag), the same on the task
suite (truth of every call), failures found of those that the logs mark themselves. Exit 1: a flag has no label, or a
labelled one is gone; 77: no data.
"""
import collections
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
# A thousand made-up lines that repeat one command; kept out of the figures, they would be all there is.
GENERATED = {"fixture-session-uuid-1234"}


def cards(binary, path):
    done = subprocess.run([binary, "card", "--full", "--json", str(path)], capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def flags_of(card):
    for group in card.get("redundant_tool_calls", []):
        for call in group["call_ids"]:
            yield card["session_id"], call, group["reason"]


def read_labels():
    rows = [line.split("\t") for line in (HERE / "labels.tsv").read_text().splitlines()[1:] if line]
    return {tuple(row[:3]): row[3] for row in rows}


def real_logs(binary, sessions):
    labels, counts, missing = read_labels(), collections.defaultdict(collections.Counter), []
    all_cards = cards(binary, sessions)
    flags = {flag for card in all_cards if card["session_id"] not in GENERATED for flag in flags_of(card)}
    for flag in sorted(flags):
        label = labels.get(flag)
        if label is None:
            missing.append("no label: " + " ".join(flag))
        else:
            counts[flag[2]][label] += 1
    missing += ["gone: " + " ".join(flag) for flag in sorted(set(labels) - flags)]
    print("real logs: detector, flags, needless, needed, precision")
    for detector, count in sorted(counts.items()):
        total = sum(count.values())
        print(f"  {detector}\t{total}\t{count['needless']}\t{count['needed']}\t{count['needless'] / total:.2f}")
    return all_cards, missing


def suite(binary, folder):
    counts, found, present = collections.defaultdict(collections.Counter), collections.Counter(), collections.Counter()
    for path in sorted(folder.glob("recordings/*/*/*/truth.json")):
        truth = {call["id"]: call for call in json.loads(path.read_text())["tool_calls"]}
        flagged = collections.defaultdict(set)
        for card in cards(binary, path.parent / "session"):
            for _, call, detector in flags_of(card):
                for key in truth:
                    if call.endswith(key):
                        flagged[key].add(detector)
        for key, call in truth.items():
            for detector in flagged[key]:
                counts[detector][call["truth"]] += 1
            if call["truth"] != "needed":
                for reason in call["reasons"]:
                    present[reason] += 1
                    found[reason] += bool(flagged[key])
    print("suite: detector, flags, needed")
    for detector, count in sorted(counts.items()):
        print(f"  {detector}\t{sum(count.values())}\t{count['needed']}")
    print("suite: kind of waste, found, present")
    for reason in sorted(present):
        print(f"  {reason}\t{found[reason]}\t{present[reason]}")


def marked_failures(sessions):
    """Ids of the calls whose result the log itself marks as an error (Claude Code, pi)."""
    marked = collections.defaultdict(set)
    for path in sessions.rglob("*.jsonl"):
        for line in path.read_text(errors="replace").split("\n"):
            try:
                message = json.loads(line).get("message")
            except (ValueError, AttributeError):
                continue
            if not isinstance(message, dict):
                continue
            if message.get("role") == "toolResult" and message.get("isError") is True:
                marked["pi"].add(message.get("toolCallId"))
            for item in message.get("content") if isinstance(message.get("content"), list) else []:
                if isinstance(item, dict) and item.get("type") == "tool_result" and item.get("is_error") is True:
                    marked["claude-code"].add(item.get("tool_use_id"))
    return marked


def failures(all_cards, sessions):
    found = {step["call_id"] for card in all_cards for step in card.get("steps", [])
             if step.get("status") in ("error", "aborted")}
    print("failures: agent, marked in the logs, found")
    for agent, calls in sorted(marked_failures(sessions).items()):
        print(f"  {agent}\t{len(calls)}\t{len(calls & found)}")


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    shared = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else HERE.parents[2] / "shared" / "data"
    if not (shared / "sessions").is_dir():
        print(f"skipped: {shared}/sessions is not there")
        return 77
    all_cards, missing = real_logs(binary, shared / "sessions")
    suite(binary, shared / "suite")
    failures(all_cards, shared / "sessions")
    print("\n".join(missing))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
