#!/usr/bin/env python3
"""distill --model over 40 sessions, 16 at a time, against an endpoint that misbehaves: fleet.py CLAWTRACE

429 with Retry-After, 529, bodies that are no JSON, answers that are none, streams that break off, a hang, and kill -9 in the
middle. No patch is lost or doubled, no answer is paid for twice, the budget holds, the time is that of the endpoint, and the
recorded traffic gives the same without a network."""
import collections
import hashlib
import heapq
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

KEY = "sk-not-to-be-seen"
SESSIONS, WORKERS = 40, 16
LATENCY = 1.0  # seconds of one answer
HANG = 3  # --timeout
MODEL = "claude-sonnet-4-5-20250929"
USAGE = {"input_tokens": 1200, "output_tokens": 80, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
SLACK = float(os.environ.get("CLAWTRACE_FLEET_SLACK", "1.2"))


def session(number):
    """Half of them fail: a call with a wrong id, never repaired."""
    passed = number % 2 == 0
    call = lambda i, name, arguments: {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": f"c{i}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}],
    }
    tool = lambda i, name, content: {"role": "tool", "tool_call_id": f"c{i}", "name": name, "content": content}
    booking = f"B{number}"
    return {
        "task_id": number,
        "reward": 1.0 if passed else 0.0,
        "info": {"task": {"user_id": f"user_{number}", "actions": [], "instruction": f"Move booking {booking}.", "outputs": []}},
        "traj": [
            {"role": "system", "content": "# Cinema Agent Policy"},
            {"role": "user", "content": f"Please move booking {booking} to row {number}."},
            call(1, "get_user", {"user_id": f"user_{number}"}),
            tool(1, "get_user", json.dumps({"bookings": [booking]})),
            call(2, "move_booking", {"booking_id": booking if passed else "B999", "row": "C"}),
            tool(2, "move_booking", json.dumps({"row": "C"}) if passed else "Error: booking not found"),
            {"role": "assistant", "content": "Done."},
            {"role": "user", "content": "###STOP###"},
        ],
        "trial": 0,
    }


class Endpoint(http.server.ThreadingHTTPServer):
    """What it says follows from the conversation and from how often that was sent."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, faults):
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults, self.lock = faults, threading.Lock()
        self.sent = collections.Counter()  # by body
        self.delivered = collections.Counter()  # by body: whole replies
        self.held_up = collections.Counter()  # seconds by session, in the order in which they came, that no client could do without
        self.problems = []

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


def fault_of(number, turn):
    """The first time that a turn of a session is asked for."""
    return {(3, 1): "429", (5, 1): "529", (8, 1): "cut", (11, 2): "cut", (14, 1): "broken", (17, 2): "529", (20, 1): "hang",
            (25, 1): "429", (30, 1): "cut", (33, 2): "broken"}.get((number, turn))


def events_of(message):
    yield "message_start", {"message": {**message, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}}
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            yield "content_block_start", {"index": index, "content_block": {"type": "text", "text": ""}}
            text = block["text"]
            for at in range(0, len(text), 50):
                yield "content_block_delta", {"index": index, "delta": {"type": "text_delta", "text": text[at : at + 50]}}
        else:
            yield "content_block_start", {"index": index, "content_block": {**block, "input": {}}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            yield "content_block_delta", {"index": index, "delta": delta}
        yield "content_block_stop", {"index": index}
    yield "message_delta", {"delta": {"stop_reason": message["stop_reason"]}, "usage": USAGE}
    yield "message_stop", {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("x-api-key") != KEY or KEY.encode() in raw:
            self.server.problems.append("the key is not where it belongs")
        key, body = hashlib.sha256(raw).hexdigest(), json.loads(raw)
        shown = body["messages"][0]["content"]
        name = re.search(r"The session is called ([^;]+);", shown).group(1)
        number = int(re.search(r"move booking B(\d+)", shown).group(1))
        turn = sum(m["role"] == "user" for m in body["messages"])
        with self.server.lock:
            again = self.server.sent[key]
            self.server.sent[key] += 1
        fault = fault_of(number, turn) if self.server.faults and again == 0 else None
        if fault == "hang":
            self.spend(number, HANG)
            return
        if fault in ("429", "529"):
            self.refuse(int(fault), number)
            return
        self.spend(number, LATENCY)
        message = self.message(shown, name, number, turn, fault)
        try:
            self.stream(message, cut=fault == "cut")
            if fault != "cut":
                with self.server.lock:
                    self.server.delivered[key] += 1
        except OSError:
            pass  # it was killed
        self.close_connection = True

    def spend(self, number, seconds):
        with self.server.lock:
            self.server.held_up[number] += seconds
        time.sleep(seconds)

    def refuse(self, status, number):
        wait = 1 if status == 429 else 0
        with self.server.lock:
            self.server.held_up[number] += wait
        text = json.dumps({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}).encode()
        self.send_response(status)
        if wait:
            self.send_header("retry-after", str(wait))
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    @staticmethod
    def message(shown, name, number, turn, fault):
        content, stop = [], "end_turn"
        if number % 2 and turn == 1:
            content.append({"type": "tool_use", "id": f"toolu_{number}", "name": "step", "input": {"id": "2"}})
            stop = "tool_use"
        elif fault == "broken":
            content.append({"type": "text", "text": '{"lessons": [{"statement": '})
        else:
            what = "Take ids from what get_user answered" if number % 2 else "Call get_user before anything is changed"
            cited = re.search(r"#(\d+) turn \d+ get_user", shown).group(1)
            lesson = {"statement": f"{what}, as in plan {'abcdefghij'[number % 10]}{'klmn'[number // 10]}.", "polarity": "do",
                      "condition": "", "object": "get_user", "evidence": [f"{name}#{cited}"]}
            content.append({"type": "text", "text": json.dumps({"lessons": [lesson], "edits": []})})
        return {"id": "msg", "type": "message", "role": "assistant", "model": MODEL, "content": content, "stop_reason": stop}

    def stream(self, message, cut):
        chunks = [f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode() for kind, data in events_of(message)]
        if cut:
            chunks = chunks[: len(chunks) // 2]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(chunk)
            self.wfile.flush()


def command(program, folder, endpoint, *more):
    return [program, "distill", folder / "results.json", "--skill", folder / "skill", "--dry-run", "--patches", "--json",
            "--model", f"anthropic:{MODEL}", "--address", endpoint, "--jobs", str(WORKERS), "--timeout", str(HANG), *more]


def environment():
    return dict(os.environ, ANTHROPIC_API_KEY=KEY, CLAWTRACE_STORE="")


def run(command):
    begin = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=180)
    if done.returncode != 0:
        sys.exit(f"exit {done.returncode}: {done.stderr}")
    if KEY in done.stdout + done.stderr:
        sys.exit("the key is shown")
    patches = [json.loads(line) for line in done.stdout.splitlines()]
    return [p for p in patches if p["producer"].startswith("clawtrace/model-")], done.stderr, time.monotonic() - begin


def ideal(held_up):
    """As long as 16 workers take that begin the same jobs in the same order and lose no time of their own."""
    free = [0.0] * WORKERS
    for seconds in held_up.values():
        heapq.heappush(free, heapq.heappop(free) + seconds)
    return max(free)


def check_patches(patches, said):
    if len(patches) != SESSIONS or len({p["id"] for p in patches}) != SESSIONS:
        sys.exit(f"{len(patches)} patches of {SESSIONS} sessions: {said}")
    if len({p["target_steps"][0]["session_id"] for p in patches}) != SESSIONS:
        sys.exit("a session's patch is lost or doubled")
    kinds = collections.Counter(p["patch_kind"] for p in patches)
    if kinds != {"preserve": SESSIONS // 2, "repair": SESSIONS // 2}:
        sys.exit(f"patches are {kinds}")


def spent(said):
    return float(re.search(r"models: .* ([0-9.]+) USD", said).group(1))


def check_faults(program, folder):
    endpoint = Endpoint(faults=True)
    threading.Thread(target=endpoint.serve_forever, daemon=True).start()
    journal = folder / "faults.journal"
    patches, said, seconds = run(command(program, folder, endpoint.address, "--journal", journal, "--budget", "5"))
    endpoint.shutdown()
    check_patches(patches, said)
    twice = {key: count for key, count in endpoint.delivered.items() if count > 1}
    if twice or endpoint.problems:
        sys.exit(f"{len(twice)} answers were paid for twice; {endpoint.problems}")
    best = ideal(endpoint.held_up)
    answers = sum(endpoint.delivered.values())
    cost = answers * (USAGE["input_tokens"] * 3 + USAGE["output_tokens"] * 15) / 1e6
    if abs(spent(said) - cost) > 0.0001 or spent(said) > 5:
        sys.exit(f"{answers} answers cost {cost}: {said}")
    print(f"faults: {answers} answers in {seconds:.2f} s, ideal {best:.2f} s, ratio {seconds / best:.3f}, {cost:.4f} USD")
    if seconds > SLACK * best:
        sys.exit(f"it took {seconds:.2f} s, the endpoint needs {best:.2f} s")
    again, _, _ = run(command(program, folder, "http://127.0.0.1:9", "--cassette", journal, "--budget", "5"))
    if again != patches:
        sys.exit("recorded traffic gives another result")
    return patches


def check_kill(program, folder, expected):
    endpoint = Endpoint(faults=True)
    threading.Thread(target=endpoint.serve_forever, daemon=True).start()
    journal, rounds = folder / "kill.journal", 0
    full = command(program, folder, endpoint.address, "--journal", journal, "--budget", "5")
    for seconds in (1.0, 1.7, 1.3):
        child = subprocess.Popen(full, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)
        child.wait()
        rounds += 1
        kept = {r["hash"] for r in records(journal) if r["kind"] == "answered" and r.get("status") == 200}
        before = {key: endpoint.delivered[key] for key in kept}
        patches = None
        if rounds < 3:
            continue
        patches, said, _ = run(full)
        check_patches(patches, said)
        after = {key: endpoint.delivered[key] for key in kept}
        if before != after:
            sys.exit("an answer that was kept was asked for again")
    endpoint.shutdown()
    extra = sum(count - 1 for count in endpoint.delivered.values())
    if extra > rounds * WORKERS:
        sys.exit(f"{extra} answers more than needed")
    words = lambda some: sorted((p["id"], p["rule"], p["evidence_grade"]) for p in some)
    if words(patches) != words(expected):
        sys.exit("after kill -9 the result is another")
    if spent(said) > 5:
        sys.exit(said)
    again, _, _ = run(command(program, folder, "http://127.0.0.1:9", "--cassette", journal, "--budget", "5"))
    if again != patches:
        sys.exit("recorded traffic gives another result after kill -9")
    print(f"kill -9: {rounds} times, {extra} answers on their way were lost, none that was kept was asked for again")


def records(journal):
    lines = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    return [json.loads(line[17:]) for line in lines]


def check_budget(program, folder):
    endpoint = Endpoint(faults=False)
    threading.Thread(target=endpoint.serve_forever, daemon=True).start()
    _, said, _ = run(command(program, folder, endpoint.address, "--journal", folder / "budget.journal", "--budget", "0.2",
                             "--max-tokens", "1000"))
    endpoint.shutdown()
    answers = sum(endpoint.delivered.values())
    cost = answers * (USAGE["input_tokens"] * 3 + USAGE["output_tokens"] * 15) / 1e6
    if cost > 0.2 or "budget" not in said or answers < 20:
        sys.exit(f"{answers} answers for {cost} USD of 0.2: {said}")
    print(f"budget: {cost:.4f} of 0.2 USD")


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "results.json").write_text(json.dumps([session(n) for n in range(SESSIONS)]))
        patches = check_faults(program, folder)
        check_kill(program, folder, patches)
        check_budget(program, folder)


main()
