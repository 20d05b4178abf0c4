"""Does what a recorded step does, in a workspace, and judges a workspace: the battery's own executor, independent of
the one that is tested."""
import dataclasses
import hashlib
import os
import pathlib
import shutil
import subprocess

PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclasses.dataclass
class Outcome:
    ok: bool
    code: int
    output: str
    changed: frozenset = frozenset()  # paths below the workspace


def tree_of(root):
    """Path -> what it is; without the insides of .git."""
    tree = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != ".git"]
        for name in folders + files:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                state = ("l", os.readlink(path))
            elif os.path.isdir(path):
                state = ("d", os.stat(path).st_mode)
            else:
                with open(path, "rb") as file:
                    state = (os.stat(path).st_mode, hashlib.md5(file.read()).hexdigest())
            tree[os.path.relpath(path, root)] = state
    return tree


class Place:
    """A copy of a starting workspace; shown_at is what outputs call it."""

    def __init__(self, start, folder, shown_at):
        shutil.rmtree(folder, ignore_errors=True)
        self.root, self.home = os.path.join(folder, "demo"), os.path.join(folder, "home")
        self.shown_at = shown_at
        shutil.copytree(start, self.root, symlinks=True)
        os.mkdir(self.home)
        self.env = {"PATH": PATH, "HOME": self.home, "LANG": "C.UTF-8", "TMPDIR": "/tmp"}

    def run(self, step, effects=False):
        before = tree_of(self.root) if effects else None
        outcome = self.do(step)
        if effects:
            after = tree_of(self.root)
            outcome.changed = frozenset(p for p in before.keys() | after.keys() if before.get(p) != after.get(p))
        return outcome

    def shell(self, command, cwd=None):
        done = subprocess.run(["/bin/bash", "-c", command], cwd=cwd or self.root, env=self.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, check=False)
        return done.returncode, done.stdout.decode().replace(self.root, self.shown_at)

    def do(self, step):
        if step.op in ("plan", "spawn"):
            return Outcome(True, 0, step.answer)
        if step.op == "exec":
            code, output = self.shell(step.command.replace(self.shown_at, self.root))
            return Outcome(code == 0, code, output)
        path = pathlib.Path(self.root, step.path)
        try:
            if step.op == "read":
                return Outcome(True, 0, path.read_text())
            if step.op == "write":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(step.content)
                return Outcome(True, 0, "")
            text = path.read_text()
            if text.count(step.old) != 1:
                return Outcome(False, 1, "not found exactly once")
            path.write_text(text.replace(step.old, step.new))
            return Outcome(True, 0, "")
        except OSError as error:
            return Outcome(False, 1, error.strerror)

    def passes(self, oracle):
        return self.shell(oracle)[0] == 0
