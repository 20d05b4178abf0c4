#!/usr/bin/env python3
"""Makes the OpenClaw database fixtures: make_openclaw_database.py RECORDED.sqlite OUT_RECORDED OUT_SHAPES

OUT_RECORDED keeps of a recorded agent database what the importer reads. OUT_SHAPES is written here: a fork, a second
window of a session key, calls inside calls, archives in and beside the database, copies of one event.
Needs the program zstd.
"""
import json
import pathlib
import sqlite3
import subprocess
import sys

SCHEMA = """
CREATE TABLE schema_meta (meta_key TEXT PRIMARY KEY, role TEXT, schema_version INTEGER, agent_id TEXT, app_version TEXT);
CREATE TABLE session_nodes (session_key TEXT PRIMARY KEY, current_session_id TEXT, entry_json TEXT, status TEXT,
  created_via TEXT, parent_session_key TEXT, spawned_by TEXT, fork_source_session_id TEXT, fork_source_entry_id TEXT,
  label TEXT);
CREATE TABLE session_windows (session_id TEXT PRIMARY KEY, session_key TEXT, previous_session_id TEXT, reason TEXT,
  created_at INTEGER, parent_session_key TEXT, spawned_by TEXT);
CREATE TABLE transcript_events (session_id TEXT, seq INTEGER, event_json TEXT, created_at INTEGER, event_zstd BLOB,
  event_utf8_bytes INTEGER, navigation_json TEXT, PRIMARY KEY (session_id, seq)) STRICT;
CREATE TABLE transcript_event_identities (session_id TEXT, event_id TEXT, seq INTEGER, event_type TEXT, parent_id TEXT,
  PRIMARY KEY (session_id, event_id));
CREATE TABLE session_transcript_archives (session_id TEXT, generation TEXT, session_key TEXT, reason TEXT,
  encoding TEXT, archive_blob BLOB, archive_name TEXT, created_at INTEGER, PRIMARY KEY (session_id, generation));
CREATE TABLE session_transcript_cold_archives (session_id TEXT PRIMARY KEY, generation TEXT, archive_name TEXT,
  storage TEXT, archive_blob BLOB);
"""


def zstd(text):
    return subprocess.run(["zstd", "-qc", "-1"], input=text.encode(), capture_output=True, check=True).stdout


def new_database(path):
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path)
    db.execute("PRAGMA page_size=1024")
    db.executescript(SCHEMA)
    db.execute("INSERT INTO schema_meta VALUES ('agent', 'agent', 23, 'main', '2026.9.6')")
    return db


def finish(db):
    db.commit()
    db.execute("VACUUM")
    db.close()


def add_event(db, session, seq, text, zip_from=1024):
    event = json.loads(text)
    zipped = zstd(text) if len(text) >= zip_from else None
    db.execute("INSERT INTO transcript_events VALUES (?, ?, ?, 0, ?, ?, NULL)",
               (session, seq, None if zipped else text, zipped, len(text.encode()) if zipped else None))
    db.execute("INSERT OR IGNORE INTO transcript_event_identities VALUES (?, ?, ?, ?, ?)",
               (session, event["id"], seq, event["type"], event.get("parentId")))


def recorded(source, out):
    old = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
    db = new_database(out)
    for row in old.execute("SELECT session_key, current_session_id, entry_json, status, created_via, parent_session_key,"
                           " spawned_by, fork_source_session_id, fork_source_entry_id, label FROM session_nodes"):
        entry = json.loads(row[2])
        kept = {key: entry[key] for key in ("sessionId", "skillsSnapshot", "spawnedBy") if key in entry}
        kept["skillsSnapshot"].pop("prompt", None)
        db.execute("INSERT INTO session_nodes VALUES (?,?,?,?,?,?,?,?,?,?)", (*row[:2], json.dumps(kept), *row[3:]))
    for row in old.execute("SELECT session_id, session_key, previous_session_id, reason, created_at, parent_session_key,"
                           " spawned_by FROM session_windows"):
        db.execute("INSERT INTO session_windows VALUES (?,?,?,?,?,?,?)", row)
    for session, seq, text, zipped in old.execute(
            "SELECT session_id, seq, event_json, event_zstd FROM transcript_events ORDER BY session_id, seq"):
        if text is None:
            text = subprocess.run(["zstd", "-dqc"], input=zipped, capture_output=True, check=True).stdout.decode()
        add_event(db, session, seq, text)
    finish(db)


def entry(number, parent, kind="message", **members):
    return {"type": kind, "id": f"e{number}", "parentId": parent and f"e{parent}",
            "timestamp": f"2026-10-01T10:{number // 60:02d}:{number % 60:02d}.000Z", **members}


def user(number, parent, text):
    return entry(number, parent, message={"role": "user", "content": text})


def answer(number, parent, tokens, text="ok", calls=()):
    content = [{"type": "text", "text": text}]
    content += [{"type": "toolCall", "id": i, "name": name, "arguments": args} for i, name, args in calls]
    usage = {"input": tokens, "output": 10, "cacheRead": 100, "cacheWrite": 0,
             "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "total": 0.5}}
    return entry(number, parent, message={"role": "assistant", "content": content, "provider": "p", "model": "m",
                                          "usage": usage, "stopReason": "toolUse" if calls else "stop"})


def result(number, parent, call, tool, text, details=None):
    return entry(number, parent, message={"role": "toolResult", "toolCallId": call, "toolName": tool,
                                          "content": [{"type": "text", "text": text}], "details": details or {},
                                          "isError": False})


def nested(number, parent, outer, call, tool, args, outcome, order=0):
    details = {"parentToolCallId": outer, "toolCallId": call, "toolName": tool, "input": args, "result": outcome,
               "startOrder": order}
    return entry(number, parent, message={"role": "custom", "customType": "openclaw.nested-tool.v1", "content": "",
                                          "details": details, "excludeFromContext": True})


def header(session):
    return {"type": "session", "version": 4, "id": session, "timestamp": "2026-10-01T10:00:00.000Z", "cwd": "/w"}


def shapes(out):
    db = new_database(out)
    sessions = {}
    main = [header("main-1"), user(1, None, "go"),
            answer(2, 1, 200, calls=[("c1", "tool_call", {"id": "exec", "args": {"command": "false"}}),
                                     ("c2", "tool_call", {"id": "sessions_spawn", "args": {"task": "t"}}),
                                     ("c3", "tool_call", {"id": "web_search", "args": {"query": "q"}})]),
            nested(3, 2, "c1", "n1", "exec", {"command": "false"},
                   {"content": [{"type": "text", "text": "Command exited with code 1"}], "details": {"exitCode": 1}}),
            result(4, 3, "c1", "tool_call", "long " * 300),
            nested(5, 4, "c2", "n2", "sessions_spawn", {"task": "t"},
                   {"content": [{"type": "text", "text": "{}"}],
                    "details": {"status": "accepted", "childSessionKey": "agent:main:subagent:k"}}, 1),
            result(6, 5, "c2", "tool_call", "accepted"),
            result(7, 6, "c3", "tool_call", "found"),
            answer(8, 7, 210)]
    sessions["main-1"] = main
    # One event in two rows, the second of them longer: still one event.
    sessions["main-1"] = main + [answer(8, 7, 210)]
    sessions["main-2"] = [header("main-2"), user(20, None, "again"), answer(21, 20, 300)]
    # Copies the history up to the first answer, then goes another way.
    sessions["fork-1"] = [header("fork-1"), *main[1:3], user(31, 2, "other"), answer(32, 31, 400)]
    sessions["child-1"] = [header("child-1"), user(41, None, "t"), answer(42, 41, 500)]
    sessions["cold-2"] = [answer(52, 51, 700)]
    for session, events in sessions.items():
        for seq, event in enumerate(events):
            add_event(db, session, seq, json.dumps(event, separators=(",", ":")))
    jsonl = lambda events: "".join(json.dumps(event) + "\n" for event in events)
    cold = [header("cold-2"), user(50, None, "cold"), answer(51, 50, 600)]
    beside = [header("cold-1"), user(60, None, "colder"), answer(61, 60, 800)]
    gone = [header("gone-1"), user(70, None, "gone"), answer(71, 70, 900)]
    db.execute("INSERT INTO session_transcript_cold_archives VALUES ('cold-2','g','in.jsonl.zst','sqlite',?)",
               (zstd(jsonl(cold)),))
    db.execute("INSERT INTO session_transcript_cold_archives VALUES ('cold-1','g','beside.jsonl.zst','file',NULL)")
    db.execute("INSERT INTO session_transcript_archives VALUES ('gone-1','g','k','deleted','identity',?,'n',1)",
               (jsonl(gone).encode(),))
    folder = out.parent.parent / "sessions" / "cold"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "beside.jsonl.zst").write_bytes(zstd(jsonl(beside)))
    keys = [("agent:main:main", "main-2", None, None), ("agent:main:fork", "fork-1", None, "main-1"),
            ("agent:main:subagent:k", "child-1", "agent:main:main", None)]
    for key, current, parent, fork in keys:
        db.execute("INSERT INTO session_nodes VALUES (?,?,'{}','done','run',?,?,?,NULL,'helper')",
                   (key, current, parent, parent, fork))
    windows = [("main-1", "agent:main:main", None, "initial", 100, None), ("child-1", "agent:main:subagent:k", None, None, 150,
               "agent:main:main"), ("main-2", "agent:main:main", "main-1", "reset", 200, None),
               ("fork-1", "agent:main:fork", None, "fork", 300, None), ("cold-1", "agent:main:a", None, None, 10, None),
               ("cold-2", "agent:main:b", None, None, 20, None), ("gone-1", "agent:main:c", None, None, 30, None)]
    for session, key, previous, reason, created, parent in windows:
        db.execute("INSERT INTO session_windows VALUES (?,?,?,?,?,?,NULL)", (session, key, previous, reason, created, parent))
    finish(db)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    recorded(sys.argv[1], pathlib.Path(sys.argv[2]))
    shapes(pathlib.Path(sys.argv[3]))
