#!/usr/bin/env python3
"""A server that speaks Chat Completions and words rules: "Do not" becomes "Never". Writes its address to a file.

Usage: chat_server.py FILE
"""
import http.server
import json
import pathlib
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rule = asked["messages"][-1]["content"].splitlines()[1]
        answer = json.dumps({"rule": rule.replace("Do not", "Never")})
        events = [
            {"id": "x", "choices": [{"index": 0, "delta": {"role": "assistant", "content": answer}}]},
            {"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"id": "x", "choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}},
        ]
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
address = pathlib.Path(sys.argv[1])
pending = address.with_suffix(".part")
pending.write_text(f"http://127.0.0.1:{server.server_port}")
pending.rename(address)
server.serve_forever()
