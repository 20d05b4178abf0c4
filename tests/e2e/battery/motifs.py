"""What sessions are made of: a few steps each, with files, a sentence of the prompt, conditions of the oracle, and the
truth of every step by construction.

Truth of a step:
  needed   without it the outcome, or what a later needed step or text says, is another
  waste    the session comes to the same end without it, and the agent would know as much
  control  a check that nothing repeats: whether it mattered cannot be known
  either   one of a group must stay, any one
  flaky    its output is never the same and nobody used it: any verdict is right
"""
import dataclasses
import io
import tarfile

NEEDED, WASTE, CONTROL, EITHER, FLAKY = "needed", "waste", "control", "either", "flaky"


@dataclasses.dataclass(eq=False)
class Step:
    op: str  # exec, read, write, edit, plan, spawn
    truth: str
    command: str = ""
    path: str = ""
    content: str = ""  # write: the text; plan, spawn: what is said
    old: str = ""
    new: str = ""
    answer: str = ""  # plan, spawn
    say: str = ""  # with the call
    gives: tuple = ()  # texts of its output that a later step or text uses and that nothing before gave
    weak: bool = False  # gives may have been seen elsewhere: a digit, a name among known names
    fails: bool = False
    group: str = ""  # either: one of these stays
    shows: tuple = ()  # waste that looks: at these paths; after a write to one of them it is a check
    again: bool = False  # an equal check is before it: only writes since then count
    first: bool = False  # best before anything else
    motif: str = ""
    # Filled when the session is recorded.
    id: str = ""
    outcome: object = None
    creates: bool = False

    @property
    def only_looks(self):
        return not self.outcome.changed


class World:
    """What the motifs of one session add up to. Names and numbers are never given out twice."""

    def __init__(self, rng, client):
        self.rng, self.client = rng, client
        self.files, self.modes, self.links = {}, {}, {}
        self.prompt, self.finals, self.checks, self.same_paths = [], [], [], []
        self.used = set()

    def fresh(self, make):
        while (made := make()) in self.used:
            pass
        self.used.add(made)
        return made

    def word(self):
        syllables = ("bra", "cel", "dor", "fen", "gul", "hav", "jor", "kel", "lum", "mor", "nix", "pol", "quil", "ros",
                     "sur", "tav", "vel", "wim", "yar", "zon")
        return self.fresh(lambda: "".join(self.rng.choice(syllables) for _ in range(3)))

    def ident(self):
        return f"{self.word()}_{self.rng.randrange(10, 99)}"

    def number(self):
        return self.fresh(lambda: str(self.rng.randrange(1000, 99999)))

    def noise(self):
        """A number that means nothing, other than all that do."""
        number = self.rng.randrange(100, 99999)
        while str(number) in self.used:
            number += 1
        self.used.add(str(number))
        return number

    def folder(self):
        """A folder that the prompt will name; every motif has its own."""
        return self.word()

    def file(self, path, content, mode=0o644):
        self.files[path], self.modes[path] = content, mode
        return path

    def ask(self, sentence):
        self.prompt.append(sentence)

    def tell(self, sentence):
        self.finals.append(sentence)

    def same(self, *paths):
        """The oracle wants these as they are at the recorded end."""
        self.same_paths += paths

    def check(self, condition):
        self.checks.append(condition)

    def pick(self, *choices):
        return self.rng.choice(choices)


def exe(truth, command, **more):
    return Step("exec", truth, command=command, **more)


def read(truth, path, **more):
    return Step("read", truth, path=path, **more)


def write(truth, path, content, **more):
    return Step("write", truth, path=path, content=content, **more)


def edit(truth, path, old, new, **more):
    return Step("edit", truth, path=path, old=old, new=new, **more)


MOTIFS = {}  # name -> (function, weight, kind)


def motif(weight, kind):
    def add(function):
        MOTIFS[function.__name__] = (function, weight, kind)
        return function
    return add


def names(w, count):
    return "".join(f"{w.word()}\n" for _ in range(count))


# ---- dependencies that no text shows: through files

@motif(3, "work")
def input_of_a_script(w):
    d, value = w.folder(), w.number()
    w.file(f"{d}/make.sh", f"read v < {d}/limit.txt\necho \"limit $v\"\n")
    w.ask(f"Set the limit to {value} in {d}/limit.txt and run {d}/make.sh; its output goes to {d}/result.txt.")
    w.same(f"{d}/result.txt")
    first = w.pick(write(NEEDED, f"{d}/limit.txt", f"{value}\n"), exe(NEEDED, f"echo {value} > {d}/limit.txt"))
    return [first, exe(NEEDED, f"sh {d}/make.sh > {d}/result.txt", say=w.pick("", "Now run it."))]


@motif(2, "work")
def read_by_the_oracle_alone(w):
    d, word = w.folder(), w.ident()
    w.ask(f"Leave a stamp that says {word} in {d}/stamp.txt.")
    w.file(f"{d}/README", "stamps\n")
    w.same(f"{d}/stamp.txt")
    return [w.pick(write(NEEDED, f"{d}/stamp.txt", f"{word}\n"), exe(NEEDED, f"echo {word} > {d}/stamp.txt"))]


@motif(2, "work")
def made_folder(w):
    d, out = w.folder(), w.word()
    w.file(f"{d}/a.txt", names(w, 3))
    w.ask(f"Put a copy of {d}/a.txt into {d}/{out}, as b.txt.")
    w.same(f"{d}/{out}/b.txt")
    return [exe(NEEDED, f"mkdir -p {d}/{out}"), exe(NEEDED, f"cp {d}/a.txt {d}/{out}/b.txt")]


@motif(2, "work")
def mode_of_a_file(w):
    d = w.folder()
    w.file(f"{d}/run.sh", f"#!/bin/sh\necho {w.word()}\n")
    if w.pick(True, False):
        w.ask(f"{d}/run.sh must be executable.")
        w.check(f"test -x {d}/run.sh")
        return [exe(NEEDED, f"chmod 755 {d}/run.sh")]
    w.ask(f"Run {d}/run.sh as a program into {d}/r.txt.")
    w.same(f"{d}/r.txt")
    return [exe(NEEDED, f"chmod +x {d}/run.sh"), exe(NEEDED, f"./{d}/run.sh > {d}/r.txt")]


@motif(2, "work")
def symbolic_link(w):
    d, old, new = w.folder(), w.word(), w.word()
    w.file(f"{d}/{old}/name", old + "\n")
    w.file(f"{d}/{new}/name", new + "\n")
    w.links[f"{d}/current"] = old
    w.ask(f"Let {d}/current point to {new} and write {d}/current/name to {d}/name.txt.")
    w.same(f"{d}/name.txt")
    return [exe(NEEDED, f"ln -sfn {new} {d}/current"), exe(NEEDED, f"cat {d}/current/name > {d}/name.txt")]


@motif(2, "work")
def deleted_work_file(w):
    d = w.folder()
    if w.pick(True, False):
        w.file(f"{d}/a.txt", names(w, 4) * 2)
        w.ask(f"Write the sorted names of {d}/a.txt, each once, to {d}/r.txt; nothing else may be left in {d}.")
        w.same(f"{d}/r.txt")
        w.check(f"! test -e {d}/work.tmp")
        return [exe(NEEDED, f"sort {d}/a.txt > {d}/work.tmp"), exe(NEEDED, f"uniq {d}/work.tmp > {d}/r.txt"),
                exe(NEEDED, f"rm {d}/work.tmp", say=w.pick("", "Tidy."))]
    w.file(f"{d}/.lock", "4711\n")
    w.file(f"{d}/go.sh", f"test ! -e {d}/.lock && echo {w.word()} > {d}/r.txt || echo locked > {d}/r.txt\n")
    w.ask(f"Nobody holds {d}/.lock any more. Run {d}/go.sh, which writes {d}/r.txt.")
    w.same(f"{d}/r.txt")
    return [exe(NEEDED, f"rm -f {d}/.lock"), exe(NEEDED, f"sh {d}/go.sh")]


@motif(2, "work")
def appended_lines(w):
    d, one, two = w.folder(), w.ident(), w.ident()
    w.file(f"{d}/list.txt", names(w, 2))
    w.ask(f"Append {one} and {two} to {d}/list.txt.")
    w.same(f"{d}/list.txt")
    return [exe(NEEDED, f"echo {one} >> {d}/list.txt"), exe(NEEDED, f"echo {two} >> {d}/list.txt")]


@motif(2, "work")
def changed_in_place(w):
    d = w.folder()
    w.file(f"{d}/f.txt", "zz\n" + names(w, 5))
    w.ask(f"The first name of {d}/f.txt in order of the alphabet belongs into {d}/first.txt.")
    w.same(f"{d}/first.txt")
    change = w.pick(f"sort -o {d}/f.txt {d}/f.txt", f"sort {d}/f.txt > {d}/f.new && mv {d}/f.new {d}/f.txt")
    return [exe(NEEDED, change), exe(NEEDED, f"head -n 1 {d}/f.txt > {d}/first.txt")]


@motif(2, "work")
def moved_or_unpacked(w):
    d, word = w.folder(), w.word()
    if w.pick(True, False):
        w.file(f"{d}/old.cfg", f"name={word}\n")
        w.ask(f"Rename {d}/old.cfg to {d}/app.cfg, then {d}/use.sh into {d}/r.txt.")
        first = exe(NEEDED, f"mv {d}/old.cfg {d}/app.cfg")
    else:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            data = f"name={word}\n".encode()
            info = tarfile.TarInfo("app.cfg")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        w.file(f"{d}/all.tar", buffer.getvalue())
        w.ask(f"Unpack {d}/all.tar in {d} and run {d}/use.sh into {d}/r.txt.")
        first = exe(NEEDED, f"tar xf {d}/all.tar -C {d}")
    w.file(f"{d}/use.sh", f". ./{d}/app.cfg\necho \"<$name>\"\n")
    w.same(f"{d}/r.txt")
    return [first, exe(NEEDED, f"sh {d}/use.sh > {d}/r.txt")]


# ---- through the environment

@motif(2, "work")
def variables_of_a_shell(w):
    d, value = w.folder(), w.number()
    w.file(f"{d}/show.sh", "echo \"rate=${RATE:-none}\"\n")
    w.ask(f"Put RATE={value} into {d}/env.sh and run {d}/show.sh with it, into {d}/r.txt.")
    w.same(f"{d}/r.txt")
    return [write(NEEDED, f"{d}/env.sh", f"export RATE={value}\n"),
            exe(NEEDED, f". ./{d}/env.sh; sh {d}/show.sh > {d}/r.txt")]


@motif(2, "work")
def settings_in_a_hidden_file(w):
    d, sign = w.folder(), w.pick(";", "|", "#")
    home = w.pick(True, False)
    rc = f"~/.{d}rc" if home else f"{d}/.rc"
    seen = f"$HOME/.{d}rc" if home else rc
    w.file(f"{d}/a.txt", "3\n1\n2\n")
    w.file(f"{d}/join.sh", f"sep=,\n[ ! -f \"{seen}\" ] || . \"{seen if home else './' + rc}\"\n"
                           f"paste -s -d \"$sep\" {d}/a.txt\n")
    w.ask(f"{d}/join.sh reads {rc}: choose the sign {sign} there and join {d}/a.txt into {d}/r.txt.")
    w.same(f"{d}/r.txt")
    return [exe(NEEDED, f"echo \"sep='{sign}'\" > {rc}"), exe(NEEDED, f"sh {d}/join.sh > {d}/r.txt")]


@motif(1, "work")
def configured_repository(w):
    d, who = w.folder(), w.word()
    w.file(f"{d}/README", f"{w.word()}\n")
    w.ask(f"Make {d} a repository of its own, whose author is {who} (mail {who}@example.org), and commit its README.")
    w.check(f"test \"$(git -C {d} log --format='%an %ae')\" = '{who} {who}@example.org'")
    steps = [exe(NEEDED, f"git init -q {d}"), exe(NEEDED, f"git -C {d} config user.name {who}"),
             exe(NEEDED, f"git -C {d} config user.email {who}@example.org"), exe(NEEDED, f"git -C {d} add README"),
             exe(NEEDED, f"git -C {d} commit -q -m start")]
    if w.pick(True, False):
        steps.append(exe(CONTROL, w.pick(f"git -C {d} status --short", f"git -C {d} diff --stat"), say="All in?"))
    return steps


@motif(1, "work")
def module_of_a_program(w):
    d, value = w.folder(), w.number()
    w.file(f"{d}/main.py", "try:\n    from rates import RATE\nexcept ImportError:\n    RATE = 0\nprint('rate', RATE)\n")
    w.ask(f"{d}/main.py needs a module rates with RATE = {value}. Its output belongs into {d}/r.txt.")
    w.same(f"{d}/r.txt")
    return [write(NEEDED, f"{d}/rates.py", f"RATE = {value}\n"), exe(NEEDED, f"python3 -B {d}/main.py > {d}/r.txt")]


@motif(1, "work")
def variables_of_a_makefile(w):
    d, name = w.folder(), w.word()
    w.file(f"{d}/Makefile", "-include vars.mk\nNAME ?= none\nr.txt:\n\techo $(NAME) > r.txt\n")
    w.ask(f"Set NAME to {name} in {d}/vars.mk and make {d}/r.txt.")
    w.same(f"{d}/r.txt")
    return [write(NEEDED, f"{d}/vars.mk", f"NAME = {name}\n"), exe(NEEDED, f"make -s -C {d} r.txt")]


# ---- through how a command ends

@motif(2, "work")
def exit_status_decides(w):
    d, yes = w.folder(), w.word()
    w.ask(f"Bring {d} into shape by {d}/RULES and tell in {d}/state.txt what {d}/check.sh finds.")
    kind = w.pick("marker", "value", "guard")
    if kind == "marker":
        w.file(f"{d}/RULES", f"{d}/.ready marks a folder that is ready.\n")
        w.file(f"{d}/check.sh", f"test -f {d}/.ready\n")
        first = exe(NEEDED, f"touch {d}/.ready")
    elif kind == "value":
        w.file(f"{d}/RULES", f"The mode in {d}/mode.txt is strict.\n")
        w.file(f"{d}/mode.txt", "lax\n")
        w.file(f"{d}/check.sh", f"grep -q strict {d}/mode.txt\n")
        first = exe(NEEDED, f"sed -i s/lax/strict/ {d}/mode.txt")
    else:
        w.file(f"{d}/RULES", f"{d}/check.sh leaves its mark when {d}/on is there.\n")
        w.file(f"{d}/check.sh", f"test -f {d}/on && touch {d}/.checked\n")
        first = exe(NEEDED, f"touch {d}/on")
    w.same(f"{d}/state.txt")
    return [first, exe(NEEDED, f"if sh {d}/check.sh; then echo {yes} > {d}/state.txt; "
                               f"else echo not {yes} > {d}/state.txt; fi")]


@motif(1, "work")
def mark_of_a_check(w):
    d, value = w.folder(), w.number()
    w.file(f"{d}/verify.sh", f"grep -q 'limit={value}' {d}/app.cfg\n")
    w.file(f"{d}/app.cfg", f"limit={value}\n")
    w.ask(f"Verify {d} with {d}/verify.sh and leave {d}/verified.")
    w.check(f"test -e {d}/verified")
    return [exe(NEEDED, f"sh {d}/verify.sh && touch {d}/verified")]


# ---- through what was read: names and numbers that come again in arguments

@motif(3, "work")
def number_of_a_document(w):
    d, value = w.folder(), w.number()
    w.file(f"{d}/NOTES.md", f"# Notes\nThe port of the service is {value}; it is not to be changed.\n{names(w, 3)}")
    w.ask(f"{d}/NOTES.md tells the port. Write {d}/app.cfg with it.")
    w.same(f"{d}/app.cfg")
    look = w.pick(read(NEEDED, f"{d}/NOTES.md"), exe(NEEDED, f"sed -n 1,40p {d}/NOTES.md"))
    look.gives, look.say = (value,), w.pick("", "The notes.")
    say = w.pick("", f"So the port is {value}.", "Clear.")
    return [look, w.pick(write(NEEDED, f"{d}/app.cfg", f"port = {value}\n", say=say),
                         exe(NEEDED, f"printf 'port = %s\\n' {value} > {d}/app.cfg", say=say))]


@motif(2, "work")
def text_across_encodings(w):
    d, token = w.folder(), w.ident()
    kind = w.pick("json", "numbered", "colour")
    w.ask(f"The token of {d} belongs into {d}/token.env, in quotes.")
    if kind == "json":
        w.file(f"{d}/conf.json", f'{{"name": "{w.word()}", "text": "say \\"{token}\\"\\tonce"}}\n')
        look = w.pick(exe(NEEDED, f"cat {d}/conf.json"), read(NEEDED, f"{d}/conf.json"))
    elif kind == "numbered":
        w.file(f"{d}/conf.txt", names(w, 6) + f"token: {token}\n" + names(w, 4))
        look = exe(NEEDED, w.pick(f"cat -n {d}/conf.txt", f"nl -ba {d}/conf.txt", f"grep -n token {d}/conf.txt"))
    else:
        w.file(f"{d}/conf.txt", f"token: \033[1;32m{token}\033[0m\n")
        look = exe(NEEDED, f"cat {d}/conf.txt")
    look.gives = (token,)
    w.same(f"{d}/token.env")
    return [look, write(NEEDED, f"{d}/token.env", f'TOKEN="{token}"\nPATH_="C:\\\\x"\n')]


@motif(2, "work")
def number_among_many(w):
    d, key, value = w.folder(), w.word(), w.number()
    rows = [f"{w.word()} {w.noise()}" for _ in range(w.pick(60, 250))]
    rows.insert(w.rng.randrange(len(rows)), f"{key} {value}")
    w.file(f"{d}/table.txt", "\n".join(rows) + "\n")
    w.ask(f"Write the number of {key} in {d}/table.txt to {d}/r.txt.")
    w.same(f"{d}/r.txt")
    return [w.pick(read(NEEDED, f"{d}/table.txt", gives=(value,)), exe(NEEDED, f"cat {d}/table.txt", gives=(value,))),
            exe(NEEDED, f"echo {value} > {d}/r.txt")]


@motif(2, "work")
def path_that_was_found(w):
    d, deep, name, word = w.folder(), w.ident(), w.word(), w.word()
    w.file(f"{d}/{deep}/{name}.ini", "mode=old\n")
    w.ask(f"Somewhere below {d} an .ini file has mode=old; make it mode={word}.")
    w.same(f"{d}/{deep}/{name}.ini")
    found = w.pick(f"find \"$PWD/{d}\" -name '*.ini'", f"grep -rl mode=old {d}", f"ls {d}/*/*.ini", f"find {d} -type f")
    target = w.pick(f"{d}/{deep}/{name}.ini", f"./{d}/{deep}/{name}.ini")
    return [exe(NEEDED, found, gives=(f"{deep}/{name}.ini",)),
            exe(NEEDED, f"sed -i s/mode=old/mode={word}/ {target}")]


@motif(2, "work")
def number_that_was_computed(w):
    d = w.folder()
    values = [int(w.number()) for _ in range(5)]
    w.file(f"{d}/values.txt", "".join(f"{v}\n" for v in values))
    w.ask(f"Write the sum of {d}/values.txt to {d}/total.txt.")
    w.same(f"{d}/total.txt")
    add = exe(NEEDED, f"awk '{{s += $1}} END {{print s}}' {d}/values.txt", gives=(str(sum(values)),))
    return [add, exe(NEEDED, f"echo {sum(values)} > {d}/total.txt")]


@motif(1, "work")
def small_number(w):
    d, count = w.folder(), w.rng.randrange(3, 9)
    w.file(f"{d}/list.txt", names(w, count))
    w.ask(f"Write the number of lines of {d}/list.txt to {d}/count.txt.")
    w.same(f"{d}/count.txt")
    return [exe(NEEDED, w.pick(f"wc -l < {d}/list.txt", f"grep -c . {d}/list.txt"), gives=(str(count),), weak=True),
            exe(NEEDED, f"echo {count} > {d}/count.txt")]


@motif(2, "work")
def one_read_leads_to_the_next(w):
    d, name, value = w.folder(), w.ident(), w.number()
    w.file(f"{d}/INDEX", f"The limits are in {d}/{name}.txt.\n")
    w.file(f"{d}/{name}.txt", f"upper {value}\n")
    w.ask(f"{d}/INDEX says where the limits are; write the upper one to {d}/upper.txt.")
    w.same(f"{d}/upper.txt")
    return [read(NEEDED, f"{d}/INDEX", gives=(f"{name}.txt",)), read(NEEDED, f"{d}/{name}.txt", gives=(value,)),
            write(NEEDED, f"{d}/upper.txt", f"{value}\n")]


@motif(2, "work")
def change_of_what_was_read(w):
    d, old, new = w.folder(), w.ident(), w.ident()
    w.file(f"{d}/app.conf", f"# settings\nname {old}\nlevel 3\n")
    w.ask(f"The name in {d}/app.conf is to be {new}.")
    w.same(f"{d}/app.conf")
    return [read(NEEDED, f"{d}/app.conf", gives=(old,)), edit(NEEDED, f"{d}/app.conf", f"name {old}", f"name {new}")]


@motif(1, "work")
def read_again_after_a_change(w):
    d, value = w.folder(), w.number()
    w.file(f"{d}/gen.sh", f"echo \"sum $(({value} * 3))\" > {d}/sum.txt\n")
    w.file(f"{d}/sum.txt", "sum none\n")
    total = str(int(value) * 3)
    w.used.add(total)
    w.ask(f"Run {d}/gen.sh and write the number of {d}/sum.txt to {d}/r.txt.")
    w.same(f"{d}/r.txt")
    look = w.pick(read(NEEDED, f"{d}/sum.txt", gives=(total,)), exe(NEEDED, f"cat {d}/sum.txt", gives=(total,)))
    return [exe(NEEDED, f"sh {d}/gen.sh"), look,
            exe(NEEDED, f"echo {total} > {d}/r.txt")]


@motif(2, "answer")
def used_in_the_answer_alone(w):
    d, value = w.folder(), w.number()
    w.file(f"{d}/report.sh", f"echo \"requests: $(({value} - 1 + 1))\"\n")
    w.ask(f"How many requests does {d}/report.sh report?")
    w.tell(f"There were {value} requests.")
    return [exe(NEEDED, f"sh {d}/report.sh", gives=(value,))]


@motif(1, "answer")
def word_in_the_answer(w):
    d, word = w.folder(), w.word()
    w.file(f"{d}/state", f"{word}\n")
    w.ask(f"What state is {d} in, by {d}/state?")
    w.tell(f"It is {word}.")
    return [w.pick(read(NEEDED, f"{d}/state", gives=(word,)), exe(NEEDED, f"cat {d}/state", gives=(word,)))]


@motif(1, "answer")
def said_in_between_alone(w):
    d, word, value = w.folder(), w.ident(), w.number()
    w.file(f"{d}/OWNER", f"owner {word}\n")
    w.file(f"{d}/make.sh", f"echo {value}\n")
    w.ask(f"Look who owns {d} ({d}/OWNER), then run {d}/make.sh into {d}/r.txt.")
    w.same(f"{d}/r.txt")
    return [read(NEEDED, f"{d}/OWNER", gives=(word,)),
            exe(NEEDED, f"sh {d}/make.sh > {d}/r.txt", say=f"It belongs to {word}, who wanted this run.")]


@motif(2, "answer")
def choice_among_known(w):
    d, known = w.folder(), [w.word() for _ in range(w.pick(2, 3))]
    best = w.rng.choice(known)
    w.ask(f"Which of {', '.join(known)} does {d} want? Write it to {d}/chosen.txt.")
    if w.pick(True, False):
        w.file(f"{d}/pick.sh", f"echo {best}\n")
        look = exe(NEEDED, f"sh {d}/pick.sh")
    else:
        for name in known:
            w.file(f"{d}/{name}.txt", "wanted: " + ("yes\n" if name == best else "no\n"))
        look = exe(NEEDED, f"grep -l 'wanted: yes' {' '.join(f'{d}/{n}.txt' for n in known)}")
    look.gives, look.weak = (best,), True
    w.same(f"{d}/chosen.txt")
    return [look, exe(NEEDED, f"echo {best} > {d}/chosen.txt")]


@motif(1, "answer")
def failure_that_informs(w):
    d, key = w.folder(), w.ident()
    w.file(f"{d}/run.sh", f"grep -qs {key} {d}/keys.txt || {{ echo 'missing key {key}'; exit 2; }}\necho went\n")
    w.ask(f"Run {d}/run.sh into {d}/r.txt; it may ask for keys in {d}/keys.txt.")
    w.same(f"{d}/r.txt")
    return [exe(NEEDED, f"sh {d}/run.sh", gives=(key,), fails=True), exe(NEEDED, f"echo {key} > {d}/keys.txt"),
            exe(NEEDED, f"sh {d}/run.sh > {d}/r.txt")]


# ---- order

@motif(2, "work")
def copy_before_the_change(w):
    d, old, new = w.folder(), w.word(), w.word()
    w.file(f"{d}/app.cfg", f"mode={old}\n")
    w.ask(f"Change mode={old} to mode={new} in {d}/app.cfg and keep the old file as {d}/app.cfg.orig.")
    w.same(f"{d}/app.cfg", f"{d}/app.cfg.orig")
    return [exe(NEEDED, f"cp {d}/app.cfg {d}/app.cfg.orig"), exe(NEEDED, f"sed -i s/{old}/{new}/ {d}/app.cfg")]


@motif(1, "work")
def mode_after_the_write(w):
    d, word = w.folder(), w.word()
    w.ask(f"Write a program {d}/say that says {word}, and let it say so into {d}/r.txt.")
    w.file(f"{d}/README", "programs\n")
    w.same(f"{d}/r.txt")
    return [write(NEEDED, f"{d}/say", f"#!/bin/sh\necho {word}\n"), exe(NEEDED, f"chmod +x {d}/say"),
            exe(NEEDED, f"./{d}/say > {d}/r.txt")]


# ---- each is enough, both are not too many to lose

@motif(2, "either")
def two_readings(w):
    d, value = w.folder(), w.number()
    w.file(f"{d}/limits", f"upper {value}\n")
    w.ask(f"Write the number in {d}/limits to {d}/r.txt.")
    w.same(f"{d}/r.txt")
    looks = [f"cat {d}/limits", f"grep upper {d}/limits", f"head -n 5 {d}/limits"]
    w.rng.shuffle(looks)
    return [exe(EITHER, looks[0], group=d, gives=(value,)),
            w.pick(exe(EITHER, looks[1], group=d), exe(EITHER, looks[0], group=d), read(EITHER, f"{d}/limits", group=d)),
            exe(NEEDED, f"echo {value} > {d}/r.txt")]


@motif(2, "either")
def two_makings(w):
    d, word = w.folder(), w.word()
    kind = w.pick("folder", "content", "mark")
    w.ask(f"Bring {word} into {d}/out/r.txt." if kind == "folder" else f"Bring {word} into {d}/r.txt.")
    w.file(f"{d}/README", "results\n")
    if kind == "folder":
        w.same(f"{d}/out/r.txt")
        return [exe(EITHER, f"mkdir -p {d}/out", group=d), exe(EITHER, f"mkdir -p {d}/out", group=d),
                exe(NEEDED, f"echo {word} > {d}/out/r.txt")]
    w.same(f"{d}/r.txt")
    if kind == "content":
        return [exe(EITHER, f"echo {word} > {d}/r.txt", group=d), exe(EITHER, f"printf '%s\\n' {word} > {d}/r.txt", group=d)]
    w.file(f"{d}/go.sh", f"test -e {d}/on && echo {word} > {d}/r.txt\n")
    return [exe(EITHER, f"touch {d}/on", group=d), exe(EITHER, f": > {d}/on", group=d), exe(NEEDED, f"sh {d}/go.sh")]


# ---- checks

@motif(5, "control")
def check_that_nobody_quotes(w):
    d, old, new = w.folder(), w.ident(), w.ident()
    w.file(f"{d}/app.sh", f"# of {old}\necho {old}\n")
    w.file(f"{d}/test.sh", f"sh -n {d}/app.sh && echo 'all 4 tests passed'\n")
    w.file(f"{d}/x.json", f'{{"name": "{old}"}}\n')
    w.ask(f"Replace {old} by {new} in {d}/app.sh and {d}/x.json.")
    w.same(f"{d}/app.sh", f"{d}/x.json")
    work = exe(NEEDED, f"sed -i s/{old}/{new}/ {d}/app.sh {d}/x.json")
    checks = [f"sh -n {d}/app.sh", f"sh {d}/test.sh", f"python3 -m json.tool {d}/x.json", f"cat {d}/app.sh",
              f"python3 -m json.tool {d}/x.json > /dev/null && echo ok", f"grep -c {old} {d}/app.sh || true",
              f"! grep -rn {old} {d}", f"test -s {d}/app.sh", f"grep -rn {new} {d}", f"ls -l {d}",
              f"if grep -q {old} {d}/app.sh; then echo left; else echo clean; fi", f"diff {d}/app.sh {d}/app.sh",
              f"head -n 2 {d}/x.json", f"sh {d}/app.sh", f"sh {d}/app.sh > /dev/null"]
    check = exe(CONTROL, w.rng.choice(checks), say=w.pick("", "Is it right?", "Check."))
    w.tell(w.pick("All is in place.", "It works.", ""))
    return [work, check]


@motif(1, "control")
def nothing_is_left(w):
    d, old, new = w.folder(), w.ident(), w.ident()
    w.file(f"{d}/app.sh", f"echo {old}\n")
    w.ask(f"Replace {old} by {new} in {d}/app.sh.")
    w.same(f"{d}/app.sh")
    return [exe(NEEDED, f"sed -i s/{old}/{new}/ {d}/app.sh"),
            exe(CONTROL, f"grep -rn {old} {d}", fails=True, say="Any left?")]


@motif(2, "control")
def reading_back(w):
    d, word = w.folder(), w.word()
    w.ask(f"Write {word} to {d}/r.txt.")
    w.file(f"{d}/README", "results\n")
    w.same(f"{d}/r.txt")
    return [write(NEEDED, f"{d}/r.txt", f"{word}\n"),
            w.pick(read(CONTROL, f"{d}/r.txt"), exe(CONTROL, f"cat {d}/r.txt"), exe(CONTROL, f"ls -l {d}/r.txt"))]


@motif(1, "control")
def look_at_the_state_before(w):
    d = w.folder()
    w.file(f"{d}/test.sh", "echo '2 of 3 tests failed'\n")
    w.file(f"{d}/a.txt", names(w, 2))
    w.ask(f"Copy {d}/a.txt to {d}/b.txt.")
    w.same(f"{d}/b.txt")
    return [exe(CONTROL, f"bash {d}/test.sh"), exe(NEEDED, f"cp {d}/a.txt {d}/b.txt")]


@motif(1, "control")
def sub_agent(w):
    if w.client != "claude-code":
        return reading_back(w)
    d, word = w.folder(), w.word()
    w.ask(f"Write {word} to {d}/r.txt and let somebody look it over.")
    w.file(f"{d}/README", "results\n")
    w.same(f"{d}/r.txt")
    return [exe(NEEDED, f"echo {word} > {d}/r.txt"),
            Step("spawn", CONTROL, content=f"Look over {d}/r.txt.", answer="It looks right.")]


# ---- what never comes out the same

@motif(1, "waste")
def time_that_nobody_uses(w):
    return [exe(FLAKY, w.pick("date '+%Y-%m-%d %H:%M:%S'", "date -u '+%H:%M:%S'"), say="When is it?")]


@motif(0.4, "closing")
def random_number(w):
    d = w.folder()
    w.ask(f"Draw a random seed and write it to {d}/seed.txt.")
    w.file(f"{d}/README", "seeds\n")
    w.check(f"test -s {d}/seed.txt")
    draw = exe(NEEDED, "od -An -N4 -tu4 /dev/urandom | tr -d ' '", gives=("{output}",))
    return [draw, exe(NEEDED, f"echo {{output}} > {d}/seed.txt")]


@motif(0.4, "closing")
def random_number_that_nobody_uses(w):
    return [exe(FLAKY, "echo $RANDOM$RANDOM$RANDOM")]


# ---- waste

LOOK = ("", "Let me look around.", "First the layout.", "What is here?")


@motif(4, "waste")
def exploratory_listing(w):
    command = w.pick("ls -la", "ls", "ls -la .", "ls -a", "pwd")
    return [exe(WASTE, command, say=w.pick(*LOOK), shows=() if command == "pwd" else (".",), first=w.rng.random() < 0.8)]


@motif(3, "waste")
def reading_that_leads_nowhere(w):
    d = w.word()
    w.file(f"{d}.md", f"# {w.word()}\n" + "".join(f"{w.word()} {w.word()} {w.ident()}\n" for _ in range(w.pick(3, 12))))
    return [w.pick(read(WASTE, f"{d}.md"), exe(WASTE, f"head -n 20 {d}.md"), exe(WASTE, f"grep -n . {d}.md"))]


@motif(1, "control")
def reading_of_what_the_task_names(w):
    d, word = w.folder(), w.word()
    w.file(f"{d}/RULES.md", f"# {w.word()}\nNever touch {w.word()}.\nSay {w.word()} instead of {w.word()}.\n")
    w.ask(f"Write {word} to {d}/r.txt by the rules in {d}/RULES.md.")
    w.same(f"{d}/r.txt")
    return [w.pick(read(CONTROL, f"{d}/RULES.md"), exe(CONTROL, f"cat {d}/RULES.md")), exe(NEEDED, f"echo {word} > {d}/r.txt")]


@motif(3, "waste")
def output_nobody_read(w):
    d = w.word()
    w.file(f"{d}.csv", "".join(f"{w.ident()},{w.number()}\n" for _ in range(w.pick(4, 30))))
    return [exe(WASTE, w.pick(f"wc -l {d}.csv", f"head -n 3 {d}.csv", f"sort {d}.csv | tail -n 2", f"du -a {d}.csv | cut -f2",
                              f"cut -d, -f1 {d}.csv"), say=w.pick("", "How long is it?"))]


@motif(3, "waste")
def repeated_reading(w):
    d, value = w.folder(), w.number()
    w.file(f"{d}/limits", f"upper {value}\n{names(w, 3)}")
    w.ask(f"Write the upper limit in {d}/limits to {d}/r.txt.")
    w.same(f"{d}/r.txt")
    first = w.pick(read(NEEDED, f"{d}/limits", gives=(value,)), exe(NEEDED, f"cat {d}/limits", gives=(value,)))
    again = w.pick(read(WASTE, f"{d}/limits"), exe(WASTE, f"cat {d}/limits"), exe(WASTE, f"sed -n 1,3p {d}/limits"))
    again.say = w.pick("", "Once more, to be sure.")
    return [first, exe(NEEDED, f"echo {value} > {d}/r.txt"), again]


@motif(2, "waste")
def overwritten_write(w):
    d, wrong, right = w.folder(), w.ident(), w.ident()
    w.ask(f"Write {right} to {d}/r.txt.")
    w.file(f"{d}/README", "results\n")
    w.same(f"{d}/r.txt")
    shell = w.pick(True, False)
    if shell:
        return [exe(WASTE, f"echo {wrong} > {d}/r.txt"), exe(NEEDED, f"echo {right} > {d}/r.txt")]
    return [write(WASTE, f"{d}/r.txt", f"{wrong}\n"), write(NEEDED, f"{d}/r.txt", f"{right}\n", say="No, another.")]


@motif(2, "waste")
def superseded_attempt(w):
    d, wrong, right = w.folder(), w.number(), w.number()
    w.file(f"{d}/gen.sh", f"echo \"top $(($1 + 1))\" > {d}/r.txt\n")
    w.ask(f"Run {d}/gen.sh with {right}.")
    w.same(f"{d}/r.txt")
    return [exe(WASTE, f"sh {d}/gen.sh {wrong}"), exe(NEEDED, f"sh {d}/gen.sh {right}", say=w.pick("", "With the right number."))]


@motif(2, "waste")
def failure_and_retry(w):
    d, word = w.folder(), w.word()
    w.ask(f"Write {word} to {d}/out/r.txt.")
    w.file(f"{d}/README", "results\n")
    w.same(f"{d}/out/r.txt")
    steps = [exe(WASTE, f"echo {word} > {d}/out/r.txt", fails=True), exe(NEEDED, f"mkdir -p {d}/out", say="Its folder is missing."),
             exe(NEEDED, f"echo {word} > {d}/out/r.txt")]
    if w.pick(True, False):
        steps.insert(1, exe(WASTE, f"echo {word} > {d}/out/r.txt", fails=True, say="Again."))
    return steps


@motif(2, "waste")
def repeated_check(w):
    d, value = w.folder(), w.number()
    w.file(f"{d}/app.sh", "echo none\n")
    w.file(f"{d}/test.sh", f"sh {d}/app.sh | grep -q {value} && echo '3 tests passed'\n")
    w.ask(f"{d}/app.sh must say {value}.")
    w.same(f"{d}/app.sh")
    check = w.pick(f"sh {d}/test.sh", f"sh -n {d}/app.sh", f"cat {d}/app.sh")
    shows = (".",) if check.endswith("test.sh") else (f"{d}/app.sh",)
    return [exe(NEEDED, f"sed -i s/none/{value}/ {d}/app.sh"), exe(CONTROL, check),
            exe(WASTE, check, say=w.pick("", "Once more."), shows=shows, again=True)]


@motif(3, "waste")
def scratch_nobody_needs(w):
    d = w.word()
    w.file(f"{d}.dat", names(w, 4))
    s = w.word()
    return [exe(WASTE, w.pick(f"cp {d}.dat {s}.tmp", f"mkdir -p {s}", f"touch {s}.tmp", f"sort {d}.dat > {s}.tmp",
                              f"mkdir -p {s} && cp {d}.dat {s}/copy"))]


@motif(2, "waste")
def caches_removed(w):
    d = w.word()
    w.file(f"{d}_cache/x.bin", w.word())
    return [exe(WASTE, w.pick(f"rm -rf {d}_cache", f"rm -rf .{d}_cache", f"rm -f {d}_cache/*.bin"), say=w.pick("", "Tidy up."))]


@motif(2, "waste")
def plan(w):
    text = w.pick("look, change, run, tell", "read the task, do it step by step", "make, run, answer")
    answer = f"Plan: {text}\n"
    return [Step("plan", WASTE, content=text, answer=answer, first=True)]


@motif(1, "waste")
def mode_that_is_lost(w):
    d, word = w.folder(), w.word()
    w.file(f"{d}/tool", f"echo old {word}\n")
    w.file(f"{d}/tool.new", f"#!/bin/sh\necho {word}\n", 0o755)
    w.ask(f"{d}/tool.new takes the place of {d}/tool.")
    w.same(f"{d}/tool")
    w.check(f"test -x {d}/tool")
    return [exe(WASTE, f"chmod +x {d}/tool"), exe(NEEDED, f"mv {d}/tool.new {d}/tool")]
