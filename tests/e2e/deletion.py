#!/usr/bin/env python3
"""A word is planted in all that each session tells; after a session is deleted no file of the store holds its word.

tests/e2e/deletion.py CLAWTRACE
"""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

LONG = " ".join(f"w{number * 7919 % 1000}" for number in range(400))
NOW_NS = 1_795_229_000 * 10**9
LONG_AGO_NS = 1_577_836_800 * 10**9


def span(trace, word, at_ns, key="other"):
    """One call of an agent, with the word in names, ids, short and long texts and messages."""
    message = json.dumps([{"role": "user", "parts": [{"type": "text", "content": f"say {word} {LONG}"}]}])
    texts = {"gen_ai.operation.name": "chat", "gen_ai.request.model": f"model-{word}", "user.id": f"user-{word}",
             "gen_ai.response.id": f"response-{word}", "note": f"of {word}", key: LONG, "long": f"{LONG} {word} {LONG}",
             "gen_ai.input.messages": message, "gen_ai.conversation.id": trace + "-conversation"}
    attributes = [{"key": name, "value": {"stringValue": text}} for name, text in texts.items()]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": f"agent-{word}"}}]}
    one = {"traceId": trace, "spanId": trace[:16], "name": f"chat {word}", "startTimeUnixNano": str(at_ns),
           "endTimeUnixNano": str(at_ns + 10**9), "attributes": attributes}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [one]}]}]})


class Store:
    def __init__(self, program, folder):
        self.program, self.folder, self.path = program, folder, str(folder / "store.db")
        self.server = None

    def serve(self):
        self.server = subprocess.Popen(
            [self.program, "serve", "--store", self.path, "--port", "0", "--grpc-port", "0", "--quiet", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.port = int(self.server.stdout.readline().rsplit(":", 1)[1])

    def stop(self):
        self.server.send_signal(signal.SIGTERM)
        assert self.server.wait(30) == 0
        self.server = None

    def ask(self, method, path, body=None, key=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/json"}
        connection.request(method, path, body, headers | ({"x-api-key": key} if key else {}))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def run(self, *arguments, command="store"):
        done = subprocess.run([self.program, command, *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def files_with(self, word):
        return sorted(str(path) for path in self.folder.rglob("*")
                      if path.is_file() and word.lower().encode() in path.read_bytes().lower())

    def plant(self, trace, word, at_ns=NOW_NS, **more):
        assert self.ask("POST", "/v1/traces", span(trace, word, at_ns, **more)) == (200, "{}")

    def settle(self, planted):
        """Until all is compiled and indexed."""
        until = time.monotonic() + 30
        for trace, word in planted.items():
            while trace not in self.ask("GET", f"/api/v1/search?q={word}")[1]:
                assert time.monotonic() < until, "it was never indexed"
                time.sleep(0.1)
            assert self.ask("GET", f"/api/v1/sessions/{trace}-conversation")[0] == 200
            assert self.files_with(word), "nothing to be found: the test would prove nothing"

    def expect_gone(self, trace, word, how):
        left = self.files_with(word)
        assert not left, f"{how}: {word} is left in {left}"
        if self.server:
            assert self.ask("GET", f"/api/v1/sessions/{trace}-conversation")[0] == 404, how
            assert '"hits":[]' in self.ask("GET", f"/api/v1/search?q={word}")[1], how
        self.run("check", self.path)
        assert self.files_with("Marmoset"), f"{how}: the session that stays is gone too"


def delete_all(store):
    kept, command, rest, age, alone, key = (letter * 32 for letter in "abcdef")
    words = {kept: "Marmoset", command: "Zanzibar", rest: "Quetzal", age: "Axolotl", alone: "Capybara", key: "Ocelot"}
    store.serve()
    for trace, word in words.items():
        store.plant(trace, word, LONG_AGO_NS if trace == age else NOW_NS,
                    key=word + ".of.an.attribute" if trace == key else "other")
    store.settle(words)

    theirs, word = "9" * 32, "Wolverine"
    tenant = store.run("add", "--tenant", "team-a", "--store", store.path, command="key").strip()
    assert store.ask("POST", "/v1/traces", span(theirs, word, NOW_NS), tenant) == (200, "{}")
    assert store.files_with(word)
    store.run("delete", "--everything", "--tenant", "team-b", "--store", store.path)
    assert store.files_with(word), "another tenant's"
    store.run("delete", "--everything", "--tenant", "team-a", "--store", store.path)
    store.expect_gone(theirs, word, "a whole tenant")

    store.run("delete", command + "-conversation", "--store", store.path)
    store.expect_gone(command, words[command], "the command, beside a running server")

    assert store.ask("DELETE", f"/api/v1/sessions/{rest}-conversation")[0] == 200
    store.expect_gone(rest, words[rest], "REST")

    store.run("delete", "--older-than", "365d", "--store", store.path)
    store.expect_gone(age, words[age], "by age")

    assert store.ask("DELETE", f"/api/v1/sessions/{key}-conversation")[0] == 200
    store.stop()
    store.run("delete", alone + "-conversation", "--store", store.path)
    store.expect_gone(alone, words[alone], "the command alone")

    # Names of attributes, which many sessions share, go when the store is vacuumed.
    store.run("vacuum", store.path)
    store.expect_gone(key, words[key], "an attribute's name")


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        store = Store(program, pathlib.Path(folder))
        try:
            delete_all(store)
        finally:
            if store.server:
                store.server.kill()
                store.server.wait()
    print("no file of the store holds what was deleted")


if __name__ == "__main__":
    main()
