#!/usr/bin/env python3
"""Accuracy of the detectors and of the failures, against labels: docs/accuracy.md.

Usage: recompute.py CLAWTRACE [SHARED_DATA]     SHARED_DATA: the folder with sessions/ and suite/
Prints: precision by detector on logs of agents (labels.tsv, made by reading the trace around each flag) with its 95 %
interval, the same on the task suite (truth of every call), failures found of those that are present. Exit 1: a flag of
the sample has no label, or a labelled one is gone; 77: no data.
"""
import collections
import hashlib
import json
import math
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
# A thousand made-up lines that repeat one command; kept out of the figures, they would be all there is.
GENERATED = {"fixture-session-uuid-1234"}
SAMPLED_FAILURES = 60  # of the failed steps; of every other kind each flag is in the sample
RIGHT = {"needless", "right"}


def cards(binary, path):
    done = subprocess.run([binary, "card", "--full", "--json", str(path)], capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def waste_of(card):
    for group in card.get("redundant_tool_calls", []):
        for call in group["call_ids"]:
            yield card["session_id"], call, group["reason"]


def sample_of(all_cards):
    """Every flag of waste, observation and repair, and the failed steps that come first by hash of their ids."""
    flags, failed = set(), set()
    for card in all_cards:
        if card["session_id"] in GENERATED:
            continue
        flags.update(waste_of(card))
        for seen in card.get("observations", []):
            flags.update((card["session_id"], call, seen["reason"]) for call in seen["call_ids"])
        for step in card.get("failed_or_repaired_steps", []):
            failed.add((card["session_id"], step["call_id"], "failure"))
            if step.get("repaired_by"):
                flags.add((card["session_id"], step["call_id"], "repair"))
    by_hash = sorted(failed, key=lambda flag: hashlib.sha256(f"{flag[0]} {flag[1]}".encode()).hexdigest())
    return flags | set(by_hash[:SAMPLED_FAILURES])


def read_labels():
    rows = [line.split("\t") for line in (HERE / "labels.tsv").read_text().splitlines()[1:] if line]
    return {tuple(row[:3]): row[3] for row in rows}


def wilson(right, total):
    """The 95 % interval of a share."""
    z = 1.959964
    middle, spread = right / total + z * z / (2 * total), z * math.sqrt(
        right / total * (1 - right / total) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def agents_logs(binary, sessions):
    labels, counts, missing = read_labels(), collections.defaultdict(collections.Counter), []
    all_cards = cards(binary, sessions)
    flags = sample_of(all_cards)
    for flag in sorted(flags):
        if flag not in labels:
            missing.append("no label: " + " ".join(flag))
        else:
            counts[flag[2]][labels[flag] in RIGHT] += 1
    missing += ["gone: " + " ".join(flag) for flag in sorted(set(labels) - flags)]
    print("logs of agents: detector, flags, right, wrong, precision, 95 % interval")
    waste = collections.Counter()
    for detector, count in sorted(counts.items()):
        if detector not in ("context_bloat", "model_mismatch", "failure", "repair"):
            waste.update(count)
        print_precision(detector, count)
    print_precision("all detectors of waste", waste)
    print_precision("all", sum(counts.values(), collections.Counter()))
    return all_cards, missing


def print_precision(name, count):
    total = count[True] + count[False]
    if total == 0:
        return
    low, high = wilson(count[True], total)
    print(f"  {name}\t{total}\t{count[True]}\t{count[False]}\t{count[True] / total:.2f}\t{low:.2f}-{high:.2f}")


def suite(binary, folder):
    counts, found, present = collections.defaultdict(collections.Counter), collections.Counter(), collections.Counter()
    for path in sorted(folder.glob("recordings/*/*/*/truth.json")):
        truth = {call["id"]: call for call in json.loads(path.read_text())["tool_calls"]}
        flagged = collections.defaultdict(set)
        for card in cards(binary, path.parent / "session"):
            for _, call, detector in waste_of(card):
                for key in truth:
                    if call.endswith(key):
                        flagged[key].add(detector)
        for key, call in truth.items():
            for detector in flagged[key]:
                counts[detector][call["truth"] != "needed"] += 1
            if call["truth"] != "needed":
                for reason in call["reasons"]:
                    present[reason] += 1
                    found[reason] += bool(flagged[key])
    print("suite: detector, flags, right, of needed calls, precision, 95 % interval")
    for detector, count in sorted(counts.items()):
        print_precision(detector, count)
    print("suite: kind of waste, found, present")
    for reason in sorted(present):
        print(f"  {reason}\t{found[reason]}\t{present[reason]}")


def documents(path):
    """The JSON values of a file: one, or one a line."""
    text = path.read_text(errors="replace")
    try:
        return [json.loads(text)]
    except ValueError:
        pass
    values = []
    for line in text.split("\n"):
        try:
            values.append(json.loads(line))
        except ValueError:
            continue
    return values


def items(value):
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def marks_of_messages(value):
    """Claude Code and pi."""
    message = value.get("message") if isinstance(value.get("message"), dict) else {}
    if message.get("role") == "toolResult" and message.get("isError") is True:
        yield message.get("toolCallId")
    for item in items(message.get("content")):
        if item.get("type") == "tool_result" and item.get("is_error") is True:
            yield item.get("tool_use_id")


def marks_of_tau_bench(value):
    for message in items(value.get("traj")):
        if message.get("role") == "tool" and str(message.get("content")).startswith("Error"):
            yield message.get("tool_call_id")


def marks_of_openhands(value):
    for event in items(value.get("history")) if isinstance(value.get("history"), list) else []:
        extras = event.get("extras") or {}
        code = (extras.get("metadata") or {}).get("exit_code", event.get("exit_code"))
        text = str(event.get("content", ""))
        if event.get("observation") == "error" or (isinstance(code, int) and code > 0) or text.startswith(
                ("ERROR:", "[Your proposed edit has introduced")):
            yield "?"


def marks_of_mini(value):
    messages = value if isinstance(value, list) else value.get("messages")
    for message in items(messages):
        if re.match(r"<returncode>[1-9]", str(message.get("content"))):
            yield "?"


def marks_of_gemini(value):
    if (value.get("toolCallResult") or {}).get("status") == "error":
        yield value["toolCallResult"].get("callId")
    for message in items(value.get("messages")):
        for call in items(message.get("toolCalls")):
            if call.get("status") == "error":
                yield call.get("id")


# By folder of the sessions. "?": the log numbers no calls, they are only counted.
MARKS = {"claude-code": marks_of_messages, "pi-v3": marks_of_messages, "tau-bench-airline": marks_of_tau_bench,
         "openhands": marks_of_openhands, "mini-swe-agent": marks_of_mini, "other": marks_of_gemini}


def failed_calls(all_cards):
    for card in all_cards:
        for step in card.get("steps", []):
            if step["kind"] != "llm_call" and step.get("status") in ("error", "aborted"):
                yield card["session_id"], step["call_id"]


def marked_failures(binary, sessions):
    """By format: how many results the log marks as errors, and how many of them are failed steps of its card."""
    present, found = collections.Counter(), collections.Counter()
    for path in sorted(sessions.rglob("*.json*")):
        kind = path.relative_to(sessions).parts[0]
        if kind not in MARKS:
            continue
        values = [v for v in documents(path) if isinstance(v, dict) or kind == "mini-swe-agent"]
        marks = collections.Counter(mark for value in values for mark in MARKS[kind](value))
        if not marks:
            continue
        calls = [call.split("#")[0] for _, call in failed_calls(cards(binary, path))]
        have = collections.Counter("?" if "?" in marks else call for call in calls)
        present[kind] += sum(marks.values())
        found[kind] += sum((marks & have).values())
    for kind, mark in (("aider", r"SEARCH/REPLACE blocks? failed to match"), ("langsmith", r'"is_error": ?true')):
        for path in sessions.glob(f"{kind}/*"):
            count = len(re.findall(mark, path.read_text(errors="replace")))
            present[kind] += count
            found[kind] += min(count, len(list(failed_calls(cards(binary, path)))))
    return present, found


def failures(binary, all_cards, sessions):
    present, found = marked_failures(binary, sessions)
    print("failures marked in the logs: format, found, present")
    for kind in sorted(present):
        print(f"  {kind}\t{found[kind]}\t{present[kind]}")
    # Formats without a mark: every result was read.
    read = {tuple(line.split("\t")[:2]) for line in (HERE / "failures.tsv").read_text().splitlines()[1:] if line}
    have = {call for call in failed_calls([c for c in all_cards if c["agent"] in ("swe-agent", "cline")])}
    print("failures by reading every result (SWE-agent, Cline): found, present, reported beyond")
    print(f"  {len(read & have)}\t{len(read)}\t{len(have - read)}")


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    shared = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else HERE.parents[2] / "shared" / "data"
    if not (shared / "sessions").is_dir():
        print(f"skipped: {shared}/sessions is not there")
        return 77
    all_cards, missing = agents_logs(binary, shared / "sessions")
    suite(binary, shared / "suite")
    failures(binary, all_cards, shared / "sessions")
    print("\n".join(missing))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
