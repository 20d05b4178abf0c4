#!/usr/bin/env python3
"""An analyst of a failed session looks things up and tries a fix in the sandbox: fix.py CLAWTRACE

The session's end is executed again from its log, or given as a folder. Only a fix that turns the oracle's verdict makes a patch of
grade E3; nothing of the right result reaches it; the recorded traffic gives the same. 77: no sandbox here."""
import json
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
PROGRAM = '''
import json, re, sys
asked = json.load(sys.stdin)
ours = [m for m in asked["messages"] if m["role"] != "assistant"]
name = re.search(r"The session is called ([^;]+);", ours[0]["text"]).group(1)
said = "".join(r["text"] for m in ours[1:] for r in m.get("results", []))
def call(n, tool, **args):
    return {"id": f"c{n}", "name": tool, "arguments": args}
def answer(**fix):
    step = re.search(r"#(\\d+) turn \\d+ write", ours[0]["text"]).group(1)
    lesson = {"statement": "Compute a total from the rows before it is written down.", "polarity": "do", "condition": "",
              "object": "total", "evidence": [f"{name}#{step}"], **fix}
    return {"text": json.dumps({"lessons": [lesson], "edits": []})}
if len(ours) == 1:
    reply = {"calls": [call(1, "oracle_checks"), call(2, "gold", line=1), call(3, "diff", against="start"),
                       call(4, "workspace_file", path="../../etc/passwd")]}
elif len(ours) == 2:
    assert "verdict: fail" in said and "1: 73" in said and "+4" in said and "leads out" in said, said
    reply = {"calls": [call(5, "try_fix", files={"total.txt": "WRITTEN"})]}
elif "WRITTEN" == "73":
    assert "the verdict turned to pass" in said, said
    reply = answer(fix=1)
else:
    assert "did not turn" in said, said
    reply = answer(fix=1) if len(ours) == 3 else answer()
json.dump({**reply, "stop_reason": "end", "usage": {"uncached_input": 100, "output": 10}}, sys.stdout)
'''


def log_of(folder):
    parent, lines = None, []

    def message(number, **fields):
        nonlocal parent
        own = f"{number:08x}"
        time = f"2026-11-21T03:55:{number:02}.000Z"
        lines.append({"type": "message", "id": own, "parentId": parent, "timestamp": time, "message": {**fields, "timestamp": number}})
        parent = own

    def turn(number, text, *calls):
        content = [{"type": "text", "text": text}, *calls]
        usage = {"input": 100, "output": 20, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 120,
                 "cost": {"input": 0.001, "output": 0.001, "cacheRead": 0, "cacheWrite": 0, "total": 0.002}}
        message(number, role="assistant", content=content, api="openai-completions", provider="mock", model="demo-coder",
                usage=usage, stopReason="toolUse" if calls else "stop", responseId=f"r{number}")

    def result(number, call, name, text):
        message(number, role="toolResult", toolCallId=call, toolName=name, content=[{"type": "text", "text": text}], isError=False)

    lines.append({"type": "session", "version": 3, "id": "0f0e0d0c-0000-4000-8000-000000000001",
                  "timestamp": "2026-11-21T03:55:00.000Z", "cwd": "/tmp/demo"})
    message(1, role="user", content=[{"type": "text", "text": "Write the sum of rows.csv to total.txt."}])
    turn(2, "I look.", {"type": "toolCall", "id": "call_a", "name": "bash", "arguments": {"command": "cat rows.csv"}})
    result(3, "call_a", "bash", "70\n3\n")
    turn(4, "Now the sum.", {"type": "toolCall", "id": "call_b", "name": "write", "arguments": {"path": "total.txt", "content": "4"}})
    result(5, "call_b", "write", "Successfully wrote 1 bytes to total.txt")
    turn(6, "Done.")
    path = folder / "session.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120, check=False)
    # 1: the oracle fails on the recording, so replay decides nothing.
    if done.returncode > (1 if command[1] == "replay" else 0):
        sys.exit(f"{command[1]}: exit {done.returncode}: {done.stderr}")
    return done.stdout, done.stderr


def patches_of(said):
    return [p for p in map(json.loads, said.splitlines()) if p["producer"].startswith("clawtrace/model-")]


def check(program, folder):
    log, oracle = log_of(folder), 'test "$(cat total.txt)" = 73'
    for name, files in {"start": {"rows.csv": "70\n3\n"}, "end": {"rows.csv": "70\n3\n", "total.txt": "4"}}.items():
        (folder / name).mkdir()
        for path, text in files.items():
            (folder / name / path).write_text(text)
    (folder / "gold.txt").write_text("73\n")
    report, _ = run(program, "replay", "--json", "--no-cache", "--workspace", folder / "start", "--oracle", oracle, log)
    (folder / "report.json").write_text(report)
    for end in ("trace", "end"):
        for written, grade in (("73", "E3"), ("74", "E0")):
            case = {"session": "session.jsonl", "workspace": "start", "end": end, "oracle": oracle, "gold": "gold.txt",
                    "gold_for": "total.txt", "at": "/tmp/demo"}
            (folder / "cases.jsonl").write_text(json.dumps(case) + "\n")
            (folder / "model.py").write_text(PROGRAM.replace("WRITTEN", written))
            journal = folder / f"{end}-{written}.journal"
            distill = [program, "distill", log, "--replay", folder / "report.json", "--skill", folder / "skill", "--anyway", "--dry-run",
                       "--patches", "--json", "--model", f"command:python3 {folder}/model.py", "--cases", folder / "cases.jsonl"]
            out, err = run(*distill, "--journal", journal)
            patches = patches_of(out)
            if [p["evidence_grade"] for p in patches] != [grade]:
                sys.exit(f"end {end}, fix {written}: {patches} {err}")
            if "73" in json.dumps([patches[0]["rule"], patches[0].get("counterfactual", "")]):
                sys.exit("the right result reached the patch")
            # Without the program, and with nothing executed: the workspaces are not there any more.
            (folder / "model.py").write_text("raise SystemExit(1)")
            (folder / "start").rename(folder / "gone")
            again, _ = run(*distill, "--cassette", journal)
            (folder / "gone").rename(folder / "start")
            if patches_of(again) != patches:
                sys.exit("recorded traffic gives another result")
            print(f"end {end}, fix {written}: {grade}")


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    doctor = subprocess.run([program, "doctor"], capture_output=True, text=True, timeout=60, check=False).stdout
    missing = [line for line in doctor.splitlines() if "no sandbox" in line]
    if missing:
        print(f"skipped: {missing[0]}")
        sys.exit(SKIPPED)
    with tempfile.TemporaryDirectory() as name:
        check(program, pathlib.Path(name))


main()
