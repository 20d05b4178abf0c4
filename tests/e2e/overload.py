#!/usr/bin/env python3
"""More than a small collector can take: it says 429 or 503 and nothing else, its memory stays bounded, and whatever it
acknowledged is there after kill -9.

tests/e2e/overload.py CLAWTRACE
"""
import http.client
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

SECONDS = 8
CLIENTS = 40
SPANS = 1500
LIMIT_KB = 256 * 1024


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


TRACE = bytes(range(1, 17))


def request(text):
    spans = []
    for number in range(SPANS):
        attribute = field(1, b"gen_ai.input.messages") + field(2, field(1, text[number % 64:]))
        kind = field(1, b"gen_ai.operation.name") + field(2, field(1, b"chat"))
        spans.append(field(2, field(1, TRACE) + field(2, struct.pack(">Q", number + 1)) + field(5, b"chat") +
                           field(9, kind) + field(9, attribute)))
    return field(1, field(2, b"".join(spans)))


def limited(pid):
    """A memory limit of the kernel's for the server, page cache included. None where there is no leave to set one."""
    name = f"clawtrace_overload_{os.getpid()}"
    for root, limit, peak in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
                              ("/sys/fs/cgroup", "memory.max", "memory.peak")):
        group = os.path.join(root, name)
        try:
            os.mkdir(group)
        except OSError:
            continue
        try:
            with open(os.path.join(group, limit), "w") as out:
                out.write(str(LIMIT_KB * 1024))
            with open(os.path.join(group, "cgroup.procs"), "w") as out:
                out.write(str(pid))
            return group, os.path.join(group, peak)
        except OSError:
            os.rmdir(group)
    return None


class Client(threading.Thread):
    def __init__(self, port, seed, until):
        super().__init__()
        self.port, self.random, self.until = port, random.Random(seed), until
        self.statuses, self.acknowledged, self.odd, self.offered = {}, [], [], 0

    def run(self):
        body = request(bytes(self.random.choice(b"abcdefghij klmnop") for _ in range(2112)))
        connection = None
        while time.monotonic() < self.until:
            trace = self.random.randbytes(15) + b"\1"
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                self.offered += 1
                connection.request("POST", "/v1/traces", body.replace(TRACE, trace), {"Content-Type": "application/x-protobuf"})
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                # The refusal may come while the body is still being sent.
                connection = None
                continue
            self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
            if answer.status == 200:
                self.acknowledged.append(trace)
            elif answer.getheader("Retry-After") is None:
                self.odd.append(answer.status)
            if answer.getheader("Connection") == "close":
                connection.close()
                connection = None


def serve(program, store):
    server = subprocess.Popen([program, "serve", "--store", store, "--port", "0", "--grpc-port", "0"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return server, int(server.stdout.readline().rsplit(":", 1)[1])


def peak_kb(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def facts_of(program, store):
    stats = subprocess.run([program, "store", "stats", store, "--json"], capture_output=True, check=True, timeout=120)
    return json.loads(stats.stdout)["facts"]


def main():
    program, problems = sys.argv[1], []
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "store.db")
        server, port = serve(program, store)
        # Sanitizers multiply memory.
        sanitized = "CLAWTRACE_SANITIZED" in os.environ
        group = None if sanitized else limited(server.pid)
        clients = [Client(port, seed, time.monotonic() + SECONDS) for seed in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        if server.poll() is not None:
            problems.append(f"the server ended with {server.returncode}")
        peak = 0 if problems else peak_kb(server.pid)
        server.send_signal(signal.SIGKILL)
        server.wait()
        kernel = "no limit by the kernel: no leave to make a control group"
        if group:
            with open(group[1]) as used:
                kernel = f"at most {int(used.read()) >> 20} MB with the page cache, limited by the kernel to {LIMIT_KB >> 10} MB"
            os.rmdir(group[0])
        statuses = {}
        for client in clients:
            for status, count in client.statuses.items():
                statuses[status] = statuses.get(status, 0) + count
            problems += [f"{status} without Retry-After" for status in client.odd]
        acknowledged = sum(len(client.acknowledged) for client in clients)
        if set(statuses) - {200, 429, 503}:
            problems.append(f"other answers: {statuses}")
        if acknowledged == 0 or statuses.get(429, 0) + statuses.get(503, 0) == 0:
            problems.append(f"no overload: {statuses}")
        offered = sum(client.offered for client in clients)
        if peak > LIMIT_KB and not sanitized:
            problems.append(f"peak memory {peak} KB")
        # Every acknowledged span is there; of refused requests nothing is, of unanswered ones there may be all.
        server, port = serve(program, store)
        facts = facts_of(program, store)
        if facts < acknowledged * SPANS:
            problems.append(f"{facts} facts, {acknowledged * SPANS} spans were acknowledged")
        server.send_signal(signal.SIGTERM)
        if server.wait(timeout=60) != 0:
            problems.append("it did not stop well")
        print(f"answers {dict(sorted(statuses.items()))}; offered {offered / max(1, acknowledged):.1f} times what was taken; "
              f"{acknowledged * SPANS} spans acknowledged, {facts} there; peak {peak // 1024} MB; {kernel}")
    for problem in problems[:10]:
        print("FAIL", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
