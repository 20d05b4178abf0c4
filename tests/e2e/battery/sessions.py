"""Composes sessions of motifs, records them by really doing their steps, and checks the truth of every step by doing
the session again without it."""
import dataclasses
import os
import pathlib
import random
import re
import shlex
import tarfile

from logs import CLIENTS, Ids
from motifs import CONTROL, EITHER, FLAKY, MOTIFS, NEEDED, WASTE, World
from place import Place

PLACES = ("/tmp/demo", "/home/dev/shop", "/srv/app")
CLOSING_SHARE, TEXTS_SHARE, LOT_SHARE = 0.06, 0.2, 0.04


class GeneratorError(Exception):
    """A label does not hold: the battery itself is wrong."""


@dataclasses.dataclass
class Turn:
    say: str
    steps: list


@dataclasses.dataclass
class Session:
    seed: str
    client: object
    cwd: str
    id: str
    prompt: str
    steps: list
    world: World
    kind: str  # "state", "texts": without a workspace; "passes", "fails", "random": nothing can be decided
    final: str
    turns: list = dataclasses.field(default_factory=list)
    oracle: str = ""


def weighted(rng, kinds):
    names = [name for name, (_, _, kind) in MOTIFS.items() if kind in kinds]
    return rng.choices(names, [MOTIFS[name][1] for name in names])[0]


def merge(rng, runs):
    """In random order, each run's own order kept; steps that are best first come first."""
    runs = [list(run) for run in runs]
    steps = [run.pop(0) for run in runs if run and run[0].first]
    while any(runs):
        runs = [run for run in runs if run]
        # Mostly on with what was begun.
        run = runs[0] if rng.random() < 0.5 else rng.choice(runs)
        runs.remove(run)
        runs.insert(0, run)
        steps.append(run.pop(0))
    return steps


def compose(seed):
    rng = random.Random(seed)
    client = rng.choice(CLIENTS)
    world = World(rng, client.name)
    shape = rng.random()
    kind = "texts" if shape < TEXTS_SHARE else "state"
    if TEXTS_SHARE <= shape < TEXTS_SHARE + CLOSING_SHARE:
        kind = rng.choice(("passes", "fails"))
    picked = [weighted(rng, {"work"}), weighted(rng, {"work", "answer", "either", "control", "closing"}),
              weighted(rng, {"waste"})]
    while len(picked) < 5 and rng.random() < 0.65:
        picked.append(weighted(rng, {"work", "answer", "either", "control", "waste", "waste"}))
    if kind == "state" and random.Random(seed + ":lot").random() < LOT_SHARE:
        picked.append(weighted(rng, {"closing"}))
    runs = []
    for name in picked:
        run = MOTIFS[name][0](world)
        for step in run:
            step.motif = name
        runs.append(run)
        if MOTIFS[name][2] == "closing" and kind == "state":
            kind = "random"
    rng.shuffle(world.prompt)
    finals = [text for text in world.finals if text]
    return Session(seed=seed, client=client, cwd=rng.choice(PLACES), id="", kind=kind, world=world,
                   prompt=" ".join(world.prompt), steps=merge(rng, runs),
                   final=" ".join(finals) or rng.choice(("Done.", "All of it is done.", "Ready.")))


def write_start(session, folder):
    for path, content in session.world.files.items():
        target = pathlib.Path(folder, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        target.chmod(session.world.modes[path])
    for path, to in session.world.links.items():
        os.symlink(to, pathlib.Path(folder, path))


def pack(folder, archive):
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, arcname=".")


def oracle_of(session, root):
    if session.kind == "passes":
        return "true"
    if session.kind == "fails":
        return "false"
    conditions = list(session.world.checks)
    for path in session.world.same_paths:
        content = pathlib.Path(root, path).read_text()
        conditions.append(f"test \"$(cat {path} 2>/dev/null)\" = {shlex.quote(content.rstrip(chr(10)))}")
    return " && ".join(conditions)


def fill(steps, number):
    """What a step said may stand in what its motif says and does later: {output}."""
    step, text = steps[number], steps[number].outcome.output.strip()
    step.gives = tuple(text if give == "{output}" else give for give in step.gives)
    for later in steps[number + 1:]:
        if later.motif == step.motif:
            later.command = later.command.replace("{output}", text)


def shows_what_was_written(steps, number):
    step = steps[number]
    before = steps[:number]
    if step.again:
        equal = max(place for place, other in enumerate(before) if other.command == step.command)
        before = before[equal + 1:]
    written = set().union(*(other.outcome.changed for other in before))
    return bool(written) if "." in step.shows else any(path.startswith(step.shows) for path in written)


def record(session, start, folder):
    """Does every step; then the truth of looks is known, as is what the oracle wants."""
    place = Place(start, folder, session.cwd)
    for number, step in enumerate(session.steps):
        step.id = f"call_{number:02}{session.seed.replace(':', '_')}"
        if step.op == "plan" and session.client.name == "claude-code":
            step.answer = f"Task #1 created successfully: {step.content}"
        step.creates = step.op == "write" and not os.path.exists(os.path.join(place.root, step.path))
        step.outcome = place.run(step, effects=True)
        if step.outcome.ok == step.fails:
            raise GeneratorError(f"{session.seed}: {step.motif}: {step.command or step.path} ended with "
                                 f"{step.outcome.code}: {step.outcome.output}")
        fill(session.steps, number)
        if step.truth == WASTE and step.shows and shows_what_was_written(session.steps, number):
            step.truth = CONTROL
    session.oracle = oracle_of(session, place.root)
    if session.kind in ("state", "texts", "random") and not place.passes(session.oracle):
        raise GeneratorError(f"{session.seed}: the oracle fails on the recording: {session.oracle}")


def take_turns(session, rng):
    """A call of the model for each step; now and then looks of different motifs share one."""
    for step in session.steps:
        last = session.turns[-1] if session.turns else None
        joins = last and rng.random() < 0.3 and not step.say and step.only_looks and not step.fails and \
            all(s.only_looks and not s.fails and s.motif != step.motif for s in last.steps)
        if joins:
            last.steps.append(step)
        else:
            session.turns.append(Turn(step.say, [step]))
    session.turns.append(Turn(session.final, []))


# ---- is the truth true?

def words_of(step):
    return "\n".join((step.command, step.path, step.content, step.old, step.new))


def texts_after(session, step):
    """What is said once this step has been answered."""
    after, turn = [], next(t for t in session.turns if step in t.steps)
    for later in session.turns[session.turns.index(turn) + 1:]:
        after.append(later.say)
        after += [words_of(s) for s in later.steps]
    return "\n".join(after)


def texts_before(session, step):
    """What the agent knows before this step is answered, but for what only waste told it."""
    known = [session.prompt]
    for turn in session.turns:
        known.append(turn.say)
        known += [words_of(s) for s in turn.steps]
        if step in turn.steps:
            return "\n".join(known)
        known += [s.outcome.output for s in turn.steps if s.truth != WASTE]
    raise AssertionError


def has(text, word):
    return re.search(rf"(?<![A-Za-z0-9_]){re.escape(word)}(?![A-Za-z0-9_])", text) is not None


class Verifier:
    def __init__(self, session, start, folder):
        self.session, self.start, self.folder = session, start, folder

    def fail(self, step, why):
        raise GeneratorError(f"{self.session.seed}: {step.truth} {step.motif}: {step.command or step.path}: {why}")

    def broken_without(self, dropped):
        """Why the session does not come to the same end without these steps; None: it does."""
        place = Place(self.start, self.folder, self.session.cwd)
        for step in self.session.steps:
            idle = step.truth in (WASTE, FLAKY, CONTROL)
            if step in dropped or (idle and not step.outcome.changed):
                continue
            outcome = place.run(step)
            if idle:
                continue
            if outcome.ok != step.outcome.ok:
                return f"{step.command or step.path} ends otherwise"
            if step.motif.startswith("random"):
                continue
            if any(give not in outcome.output for give in step.gives):
                return f"{step.command or step.path} does not tell {step.gives}"
        return None if place.passes(self.session.oracle) else "the oracle fails"

    def expect(self, holds, step, why):
        if not holds:
            self.fail(step, why)

    def check_needed(self, step):
        told = False
        for give in step.gives:
            self.expect(give in step.outcome.output, step, f"does not give {give}")
            self.expect(has(texts_after(self.session, step), give), step, f"nothing uses {give}")
            known = texts_before(self.session, step)
            self.expect(step.weak or not has(known, give), step, f"{give} was known before")
            told = True
        if told:
            return
        self.expect(self.broken_without([step]), step, "the outcome is the same without it")

    def check_waste(self, step):
        if step.outcome.changed:
            self.expect(not self.broken_without([step]), step, "something is different without it")
        known, after = texts_before(self.session, step), texts_after(self.session, step)
        for word in set(re.findall(r"[A-Za-z0-9_]*[0-9][A-Za-z0-9_]+", step.outcome.output)):
            if has(after, word):
                self.expect(has(known, word), step, f"{word} is used later and known from nowhere else")

    def run(self):
        steps = self.session.steps
        start = Place(self.start, self.folder, self.session.cwd)
        if start.passes(self.session.oracle):
            raise GeneratorError(f"{self.session.seed}: the oracle passes on the untouched workspace")
        for step in steps:
            if step.truth == NEEDED:
                self.check_needed(step)
            elif step.truth == WASTE:
                self.check_waste(step)
        gone = [step for step in steps if step.truth in (WASTE, FLAKY, CONTROL)]
        for group in {step.group for step in steps if step.truth == EITHER}:
            members = [step for step in steps if step.group == group]
            self.check_group(members)
            gone += members[1:]
        why = self.broken_without(gone)
        if why:
            raise GeneratorError(f"{self.session.seed}: without all that is not needed: {why}")

    def check_group(self, members):
        if not any(step.outcome.changed for step in members):
            gives = members[0].gives
            for step in members:
                self.expect(all(give in step.outcome.output for give in gives), step, f"does not give {gives}")
            return
        self.expect(self.broken_without(members), members[0], "the whole group can go")
        for step in members:
            self.expect(not self.broken_without([step]), step, "it cannot go alone")


def make(seed, folder):
    """A recorded session whose truth was checked, its log and its workspace: (session, log folder, workspace)."""
    session = compose(seed)
    rng = random.Random(seed + ":log")
    ids = Ids(rng)
    session.id = ids.uuid()
    folder = pathlib.Path(folder)
    start, log = folder / "start", folder / "log"
    start.mkdir(parents=True)
    log.mkdir()
    write_start(session, start)
    record(session, start, str(folder / "work"))
    take_turns(session, rng)
    if session.kind in ("state", "texts"):
        Verifier(session, start, str(folder / "work")).run()
    path = session.client.write(session, log, ids)
    workspace = start
    if rng.random() < 0.5:
        workspace = folder / "start.tar.gz"
        pack(start, workspace)
    return session, path, workspace
