#!/usr/bin/env python3
"""replay --live against a scripted endpoint of three protocols, and again from the cassette alone: live.py CLAWTRACE

77: node or the shared recordings are not there."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

KEY = "sk-not-to-be-seen"
MODELS = {"anthropic": "claude-sonnet-4-5-20250929", "openai-chat": "gpt-5.4", "openai-responses": "gpt-5.4"}
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def start(mock):
    """The scripted endpoint and its port. A port that somebody else takes first is given up for another."""
    for _ in range(10):
        port = free_port()
        server = subprocess.Popen(
            ["node", mock, "--port", str(port), "--scenario", mock.parent / "scenarios" / "claude-code.mjs", "--delay", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        # It says where it listens; nothing more is read of it, and it says nothing more.
        if server.stdout.readline():
            return server, port
        server.wait()
    sys.exit("the scripted endpoint did not come up")


def live(program, log, provider, *flags):
    command = [program, "replay", log, "--step", "6", "--live", provider, "--model", MODELS[provider], "--times", "2", "--json"]
    env = dict(os.environ, ANTHROPIC_API_KEY=KEY, OPENAI_API_KEY=KEY)
    done = subprocess.run([*command, *flags], capture_output=True, text=True, env=env, timeout=120)
    if done.returncode != 0:
        sys.exit(f"{provider}: exit {done.returncode}: {done.stderr}")
    if KEY in done.stdout + done.stderr:
        sys.exit(f"{provider}: the key is shown")
    return json.loads(done.stdout)["steps"][0]["live"]


def check(program, log, port, folder):
    for provider in MODELS:
        cassette = folder / f"{provider}.jsonl"
        url = f"http://127.0.0.1:{port}"
        asked = live(program, log, provider, "--base-url", url, "--usd", "2", "--cassette", cassette, "--record")
        for arm in ("without", "control"):
            if (asked[arm]["asked"], asked[arm]["same_action"], asked[arm]["errors"]) != (2, 2, 0):
                sys.exit(f"{provider}: {arm} is {asked[arm]}")
        if asked["calls"] != 4 or not asked["cost_usd"] > 0:
            sys.exit(f"{provider}: {asked}")
        if KEY in cassette.read_text():
            sys.exit(f"{provider}: the cassette holds the key")
        again = live(program, log, provider, "--base-url", "http://127.0.0.1:9", "--cassette", cassette)
        if again != asked:
            sys.exit(f"{provider}: the cassette says {again}, the endpoint said {asked}")


def main():
    shared = pathlib.Path(os.environ.get("CLAWTRACE_SHARED_DATA", ROOT.parent / "shared" / "data")) / "clients"
    mock, logs = shared / "mock" / "mock-llm.mjs", shared / "claude-code" / "main"
    if not shutil.which("node") or not mock.exists() or not logs.exists():
        print("SKIPPED: node or the shared recordings are not there")
        return 77
    server, port = start(mock)
    try:
        with tempfile.TemporaryDirectory() as folder:
            check(sys.argv[1], logs, port, pathlib.Path(folder))
    finally:
        server.kill()
        server.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
