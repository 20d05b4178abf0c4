#!/usr/bin/env python3
"""Released clients from npm send to a live `clawtrace serve`; cards and lists must say what they did.

tests/e2e/clients.py CLAWTRACE FOLDER: FOLDER keeps what npm installed. Exit 77: node, npm or the registry is missing.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent / "clients"
CLIENTS = ("proto", "proto-gzip", "http-json", "grpc", "grpc-gzip", "ai-sdk", "openinference")
SKIP = 77


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIP)


def install(folder):
    """What package.json names, in FOLDER, unless it is there from an earlier run."""
    if not shutil.which("node") or not shutil.which("npm"):
        skip("needs node and npm")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0] or 0) < 20:
        skip(f"needs node 20, there is {version}")
    wanted = (HERE / "package.json").read_text()
    stamp = folder / "installed.json"
    if not stamp.is_file() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(wanted)
        done = subprocess.run(
            ["npm", "install", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=folder, capture_output=True, text=True, timeout=400)
        if done.returncode != 0:
            skip("npm install failed: " + done.stderr.strip()[-300:])
        stamp.write_text(wanted)
    shutil.copy(HERE / "send.mjs", folder / "send.mjs")


class Server:
    def __init__(self, program, store):
        self.process = subprocess.Popen(
            [program, "serve", "--store", store, "--port", "0", "--grpc-port", "0", "--quiet", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.http = self.address("listening on http://")
        self.grpc = "http://" + self.address("listening on grpc://")
        self.http = "http://" + self.http

    def address(self, start):
        line = self.process.stdout.readline().strip()
        assert line.startswith(start), line
        return line[len(start):]

    def get(self, path):
        with urllib.request.urlopen(self.http + path, timeout=20) as answer:
            return answer.read().decode()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, log
        assert '"event":"stopped"' in log, log


def sessions_of(program, store):
    out = subprocess.run([program, "sessions", "--store", store, "--json"], capture_output=True, text=True, check=True)
    return {session["session_id"]: session for session in json.loads(out.stdout)}


def compare(client, expected, session, problems):
    if session is None:
        problems.append(f"{client}: no session")
        return
    told = {"llm_call_count": session["llm_call_count"], "tool_call_count": session["tool_call_count"],
            "input": session["total_tokens"]["uncached_input"], "output": session["total_tokens"]["output"]}
    if told != expected:
        problems.append(f"{client}: {told}, expected {expected}")
    if session["agent"] != f"e2e-{client}" or session["cost_status"] != "priced":
        problems.append(f"{client}: agent {session['agent']}, {session['cost_status']}")


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    install(folder)
    problems, expected = [], {}
    with tempfile.TemporaryDirectory() as place:
        store = os.path.join(place, "store.db")
        server = Server(program, store)
        for client in CLIENTS:
            run = subprocess.run(["node", "send.mjs", client, server.http, server.grpc, f"session-{client}"], cwd=folder,
                                 capture_output=True, text=True, timeout=60)
            if run.returncode != 0 or not run.stdout.strip():
                problems.append(f"{client}: {run.stderr.strip()[-500:]}")
                continue
            expected[client] = json.loads(run.stdout.strip().splitlines()[-1])
        until = time.monotonic() + 30
        while "clawtrace_store_changed_families 0\n" not in server.get("/metrics") and time.monotonic() < until:
            time.sleep(0.1)
        refused = [line for line in server.get("/metrics").splitlines() if line.startswith("clawtrace_items_rejected_total{")]
        problems += refused
        server.stop()
        sessions = sessions_of(program, store)
        for client, said in expected.items():
            compare(client, said, sessions.get(f"session-{client}"), problems)
    for problem in problems:
        print("FAIL", problem)
    print(f"{len(expected)} clients, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
