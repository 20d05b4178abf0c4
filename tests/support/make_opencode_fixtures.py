#!/usr/bin/env python3
"""Makes the OpenCode fixtures: make_opencode_fixtures.py RECORDED.db FOLDER

FOLDER/database/opencode.db keeps of a recorded database what the importer reads, FOLDER/storage/ is the same main session
as the older tree of files, FOLDER/shapes/ses_shapes.json is an export written here: several steps in one message, reasoning,
a refused and an aborted answer, retries, an unknown tool, a skill, a compaction.
"""
import json
import pathlib
import sqlite3
import sys

SCHEMA = """
CREATE TABLE project (id TEXT PRIMARY KEY, worktree TEXT);
CREATE TABLE session (id TEXT PRIMARY KEY, project_id TEXT, parent_id TEXT, directory TEXT, title TEXT, version TEXT,
  agent TEXT, time_created INTEGER, time_updated INTEGER);
CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT, time_created INTEGER, time_updated INTEGER, data TEXT);
CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT, session_id TEXT, time_created INTEGER, time_updated INTEGER, data TEXT);
CREATE INDEX message_session ON message (session_id);
CREATE INDEX part_session ON part (session_id);
"""


def write(path, document):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def database(old, out):
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    db = sqlite3.connect(out)
    db.execute("PRAGMA page_size=1024")
    db.executescript(SCHEMA)
    for table, columns in {"session": 9, "message": 5, "part": 6}.items():
        names = ",".join(row[1] for row in db.execute(f"PRAGMA table_info({table})"))
        db.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * columns)})", old.execute(f"SELECT {names} FROM {table}"))
    db.commit()
    db.execute("VACUUM")
    db.close()


def storage(old, out):
    session = old.execute("SELECT id, project_id, directory, title, version, time_created FROM session"
                          " WHERE parent_id IS NULL").fetchone()
    info = dict(zip(("id", "projectID", "directory", "title", "version"), session), time={"created": session[5]})
    write(out / "session" / info["projectID"] / f"{info['id']}.json", info)
    messages = old.execute("SELECT id, data FROM message WHERE session_id = ? ORDER BY id LIMIT 4", (info["id"],)).fetchall()
    for message, data in messages:
        write(out / "message" / info["id"] / f"{message}.json",
              {"id": message, "sessionID": info["id"], **{k: v for k, v in json.loads(data).items() if k != "summary"}})
        for part, text in old.execute("SELECT id, data FROM part WHERE message_id = ?", (message,)):
            write(out / "part" / message / f"{part}.json",
                  {"id": part, "sessionID": info["id"], "messageID": message, **json.loads(text)})


def tokens(inside, outside, reasoning=0, read=0, written=0):
    return {"input": inside, "output": outside, "reasoning": reasoning, "cache": {"read": read, "write": written}}


def shapes(out):
    number = [0]

    def part(message, **members):
        number[0] += 1
        return {"id": f"prt_{number[0]:04d}", "sessionID": "ses_shapes", "messageID": message, **members}

    def tool(message, name, call, given, status="completed", **state):
        return part(message, type="tool", tool=name, callID=call,
                    state={"status": status, "input": given, "time": {"start": 1790000001000, "end": 1790000002000}, **state})

    def message(key, role, parts, **members):
        created = 1790000000000 + int(key[-2:]) * 10000
        return {"info": {"id": key, "sessionID": "ses_shapes", "role": role,
                         "time": {"created": created, "completed": created + 5000}, **members}, "parts": parts}

    def answer(key, parts, **members):
        return message(key, "assistant", parts, modelID="m", providerID="p", **members)

    a, b, c, d, e = "msg_02", "msg_03", "msg_04", "msg_05", "msg_06"
    messages = [
        message("msg_01", "user", [part("msg_01", type="text", text="go"),
                                   part("msg_01", type="text", text="from the client", synthetic=True)]),
        answer(a, [part(a, type="retry", attempt=1, error={"name": "APIError"}, time={"created": 1790000020000}),
                   part(a, type="step-start"), part(a, type="reasoning", text="thinking"),
                   tool(a, "skill", "call_0", {"name": "orders"}, output="text of the skill"),
                   part(a, type="step-finish", reason="tool-calls", cost=0.25, tokens=tokens(100, 20, 7, 5, 3)),
                   part(a, type="step-start"), part(a, type="text", text="now"),
                   tool(a, "bash", "call_1", {"command": "false"}, output="bad\n", metadata={"exit": 1}),
                   tool(a, "read", "call_2", {"filePath": ".agents/skills/orders/notes.md"}, output="notes"),
                   part(a, type="step-finish", reason="stop", cost=0.5, tokens=tokens(200, 30))],
               tokens=tokens(300, 50, 7, 5, 3), cost=0.75, finish="stop"),
        answer(b, [part(b, type="step-start"), tool(b, "invalid", "call_0", {"tool": "no"}, output="no such tool"),
                   part(b, type="step-finish", reason="tool-calls", cost=0.125, tokens=tokens(40, 4)),
                   part(b, type="something-new")], tokens=tokens(40, 4), cost=0.125, finish="tool-calls"),
        answer(c, [], tokens=tokens(0, 0), cost=0, error={"name": "APIError", "data": {"message": "overloaded"}}),
        answer(d, [part(d, type="step-start"), part(d, type="text", text="half"),
                   tool(d, "bash", "call_9", {"command": "sleep 9"}, "error", error="Tool execution aborted")],
               tokens=tokens(0, 0), cost=0, error={"name": "MessageAbortedError", "data": {"message": "aborted"}}),
        message("msg_07", "user", [part("msg_07", type="compaction", auto=True)]),
        answer(e, [part(e, type="text", text="summary"),
                   part(e, type="step-finish", reason="stop", cost=0.0625, tokens=tokens(9, 1))],
               tokens=tokens(9, 1), cost=0.0625, finish="stop", summary=True),
    ]
    info = {"id": "ses_shapes", "slug": "x", "projectID": "p", "directory": "/w", "title": "t", "version": "1.0",
            "time": {"created": 1790000000000}}
    write(out, {"info": info, "messages": messages})


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    recorded, folder = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True), pathlib.Path(sys.argv[2])
    database(recorded, folder / "database" / "opencode.db")
    storage(recorded, folder / "older" / "storage")
    shapes(folder / "shapes" / "ses_shapes.json")
