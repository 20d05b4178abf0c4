#!/usr/bin/env python3
"""Our figures beside ccusage's, session by session, on real logs: bench/agreement.py CLAWTRACE CCUSAGE DATA.

DATA is the shared data folder (clients/, suite/, sessions/). The logs are laid out in a temporary home as each client
keeps them; nothing is written to DATA. Prints one line a format and one a difference; docs/ccusage.md explains them.
Exit 0 always: which side is right is for the reader and for the recordings' expected.json.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

FORMATS = ["codex", "pi", "openclaw", "gemini", "qwen", "opencode"]


def lay_out(data, home):
    """Copies every log to where its client would have it."""
    def put(source, *place):
        target = home.joinpath(*place)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copyfile(source, target)

    for log in sorted(data.rglob("rollout-*.jsonl")):
        put(log, ".codex", "sessions", "2026", "11", "21", log.name)
    for log in sorted(data.rglob("*.jsonl")):
        parts = log.parts
        if any(p.startswith("--") and p.endswith("--") for p in parts) or "pi-v3" in parts:
            put(log, ".pi", "agent", "sessions", "--tmp-demo--", log.name)
    for folder in sorted(data.rglob("dot-gemini")):
        for log in sorted(folder.rglob("chats")):
            for file in sorted(log.rglob("*.json*")):
                put(file, ".gemini", *file.relative_to(folder).parts)
    for folder in sorted(data.rglob("dot-qwen")):
        for file in sorted(folder.rglob("*.jsonl")):
            put(file, ".qwen", *file.relative_to(folder).parts)
    for database in sorted(data.rglob("openclaw-agent.sqlite")):
        put(database, ".openclaw", "agents", "main", "agent", database.name)
    for database in sorted(data.rglob("opencode.db")):
        put(database, ".local", "share", "opencode", database.name)


def claude_folders(data):
    """Folders of Claude Code logs. ccusage tells folders apart, not sessions, so they are compared as a whole."""
    roots = {p for p in data.rglob("*-tmp-demo*") if p.is_dir() and ("dot-claude" in str(p) or "/claude-code/" in str(p))}
    third = data / "sessions" / "claude-code"
    if third.is_dir():
        roots |= {log.parent for log in third.rglob("*.jsonl") if log.parent.name != "subagents"}
    return sorted(roots)


def compare_claude(clawtrace, ccusage, data, home):
    equal, differing, usd = 0, [], [0.0, 0.0]
    for number, root in enumerate(claude_folders(data)):
        folder = home / f"claude-{number}"
        shutil.copytree(root, folder / "projects" / "-p")
        run = subprocess.run([ccusage, "claude", "daily", "--json", "--offline"], capture_output=True, text=True,
                             env=dict(os.environ, HOME=str(folder), CLAUDE_CONFIG_DIR=str(folder)))
        sums = (json.loads(run.stdout or "{}").get("totals") or {}) if run.returncode == 0 else {}
        peer = {"input": sums.get("inputTokens", 0), "read": sums.get("cacheReadTokens", 0),
                "write": sums.get("cacheCreationTokens", 0), "output": sums.get("outputTokens", 0),
                "usd": sums.get("totalCost", 0)}
        rows = sessions_of(clawtrace, home, folder)
        mine = {key: total(rows, key) for key in peer}
        unknown = sum(row["unknown"] for row in rows)
        tokens = [k for k in ("input", "read", "write", "output") if mine[k] != peer[k]]
        usd = [usd[0] + mine["usd"], usd[1] + peer["usd"]]
        keys = tokens + (["usd"] if abs(mine["usd"] - peer["usd"]) > 5e-7 else [])
        if keys:
            differing.append((root.relative_to(data), mine, peer, keys, unknown))
        else:
            equal += 1
    print(f"claude: {equal} folders equal, {len(differing)} different; USD {usd[0]:.6f} against {usd[1]:.6f}")
    for root, mine, peer, keys, unknown in differing:
        detail = ", ".join(f"{k} {mine[k]} against {peer[k]}" for k in keys)
        print(f"  {root}: {detail}" + (f" ({unknown} tokens written for an unknown time)" if unknown else ""))


FOLDERS = {"codex": ".codex", "pi": ".pi", "openclaw": ".openclaw", "gemini": ".gemini",
           "qwen": ".qwen", "opencode": ".local/share/opencode"}


def ids_in(row):
    return " ".join(str(row.get(key, "")) for key in
                    ("sessionId", "session", "sessionFile", "period", "projectPath", "directory", "file"))


def theirs(ccusage, home, name):
    environment = dict(os.environ, HOME=str(home))
    run = subprocess.run([ccusage, name, "session", "--json", "--offline"], env=environment, capture_output=True, text=True)
    try:
        answer = json.loads(run.stdout)
    except json.JSONDecodeError:
        return []
    rows = answer.get("sessions") or answer.get("session") or answer.get("daily") or []
    return [{
        "ids": ids_in(row),
        "input": row.get("inputTokens", 0),
        "read": row.get("cacheReadTokens", row.get("cachedInputTokens", 0)),
        "write": row.get("cacheCreationTokens", 0),
        "output": row.get("outputTokens", 0),
        "usd": row.get("totalCost", row.get("costUSD", 0)) or 0,
    } for row in rows]


def ours(clawtrace, home, name):
    folder = home / FOLDERS[name]
    return sessions_of(clawtrace, home, folder) if folder.exists() else []


def sessions_of(clawtrace, home, folder):
    run = subprocess.run([clawtrace, "sessions", "--json", str(folder)], capture_output=True, text=True,
                         env=dict(os.environ, XDG_CACHE_HOME=str(home / "cache")))
    rows = json.loads(run.stdout or "[]")
    return [{
        "id": row["session_id"],
        "input": row["total_tokens"]["uncached_input"],
        "read": row["total_tokens"]["cache_read"],
        "write": sum(row["total_tokens"][k] for k in ("cache_write_5m", "cache_write_1h", "cache_write_unknown")),
        "output": row["total_tokens"]["output"],
        "usd": row["total_cost_usd"] or 0,
        "status": row["cost_status"],
        "unknown": row["total_tokens"]["cache_write_unknown"],
    } for row in rows]


def total(rows, key):
    return sum(row[key] for row in rows)


def compare(name, mine, peer):
    equal, differing, alone = 0, [], []
    left = list(peer)
    for row in mine:
        matches = [p for p in left if row["id"] in p["ids"]]
        if not matches:
            if row["input"] + row["read"] + row["write"] + row["output"]:
                alone.append(row)
            continue
        for match in matches:
            left.remove(match)
        joined = {k: total(matches, k) for k in ("input", "read", "write", "output", "usd")}
        tokens = [k for k in ("input", "read", "write", "output") if joined[k] != row[k]]
        usd = abs(joined["usd"] - row["usd"]) > 5e-7
        if tokens or usd:
            differing.append((row, joined, tokens + (["usd"] if usd else [])))
        else:
            equal += 1
    print(f"{name}: {len(mine)} sessions of ours, {len(peer)} of theirs; {equal} equal, {len(differing)} different, "
          f"{len(alone)} only ours, {len([p for p in left if p['input'] + p['output']])} only theirs; "
          f"USD {total(mine, 'usd'):.6f} against {total(peer, 'usd'):.6f}")
    for row, joined, keys in differing:
        detail = ", ".join(f"{k} {row[k]} against {joined[k]}" for k in keys)
        print(f"  {row['id']} ({row['status']}): {detail}")
    for row in alone:
        print(f"  only ours: {row['id']} ({row['status']}): input {row['input']}, cached {row['read']}, output {row['output']}")
    for row in left:
        if row["input"] + row["output"]:
            print(f"  only theirs: {row['ids']}: input {row['input']}, cached {row['read']}, output {row['output']}, USD {row['usd']}")


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    clawtrace, ccusage = (str(pathlib.Path(p).resolve()) for p in sys.argv[1:3])
    data = pathlib.Path(sys.argv[3]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        lay_out(data, home)
        compare_claude(clawtrace, ccusage, data, home)
        for name in FORMATS:
            compare(name, ours(clawtrace, home, name), theirs(ccusage, home, name))


if __name__ == "__main__":
    main()
