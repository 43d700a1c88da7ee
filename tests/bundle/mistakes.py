#!/usr/bin/env python3
"""Plants one mistake after another in verify_bundle.py: each must make it say something else of some bundle.

    mistakes.py QUESTIONS COUNT SEED

QUESTIONS is a file of JSON: what the verifier is asked, and what it must say; the test edge::bundle::peer writes it. COUNT
mistakes are planted, chosen by SEED, or all where there are no more. Those that change nothing that can be seen stand in
EQUIVALENT, each with its reason. The exit code is 0 if every mistake was found.
"""
import ast, contextlib, copy, io, json, os, pathlib, random, resource, sys, time

SCRIPT = pathlib.Path(__file__).with_name("verify_bundle.py")
CURVE = {"P, L", "D, ROOT", "BASE", "ZERO", "add", "mul", "decompress", "compress", "ed25519"}
# Bytes of memory that a mistake may take.
MEMORY = 2 << 30

# Mistakes that change nothing that can be seen, by the beginning of their names, each with the reason.
LARGE = "only a record of so many bytes would tell, and what may stand in one is limited elsewhere"
FLOOR = "divided and rounded down, it is the same"
UNSHOWN = "a tree of that size is not shown"
EMPTY = "an empty text has no origin, and no empty line is a signature"
LONG = "a node too much leads to another root"
BELOW = "what it is compared with is never below 0"
SCHEME = "there is no form of payload for another scheme, and lengths are compared with those of the bytes"
SHORT = "what is cut is refused by what is made of it, or as bytes that are left over at the end of the record"
EQUIVALENT = {
    "PAYLOAD: ": "only a payload of 64 MiB would tell",
    "RECORD: 1": LARGE,
    "RECORD: 20 -> ": LARGE,
    "RECORD: 3": LARGE,
    "RECORD: 512": LARGE,
    "RECORD: PAYLOAD": LARGE,
    "RECORD: 56 -> 57": "the end has no more fields, and bytes behind them are refused",
    "Reader.take: need": SHORT,
    "Reader.take: count <= self.left() -> True": SHORT,
    "D, ROOT: 1 -> 0": FLOOR,
    "D, ROOT: P - 1 -> P": FLOOR,
    "decompress: 3 -> 4": FLOOR,
    "decompress: if x * x % P != xx:": "the equation does not hold for what is no point",
    "decompress: x * x % P != xx -> False": "the equation does not hold for what is no point",
    "BASE: 32 -> 33": "a byte of zero more",
    "ZERO: 0 -> ": "its fourth coordinate is not looked at, and the sign of 0 and -1 is the same",
    "ed25519: s >= L -> s > L": "nobody can make a signature whose S is 0",
    "ed25519: signature[:32] -> signature": "of R nothing but its order is asked",
    "ed25519: 32 -> 33": "of R nothing but its order is asked",
    "climb: need(last > 0": LONG,
    "climb: last > 0 -> last >= 0": LONG,
    "climb: last > 0 -> True": LONG,
    "climb: 0 -> -1": LONG,
    "climb: index and (not index & 1) -> not index & 1": "an index of 0 is below the last, which is above 0",
    "Entry.__init__: 1 -> 0 in need(1 <= self.seq": "a Lamport time of 0 is behind every other",
    "Entry.__init__: 1 <= self.lamport <= COUNTER -> self.lamport <= COUNTER": "a Lamport time of 0 is behind every other",
    "Entry.__init__: need(self.scheme <= 2": SCHEME,
    "Entry.__init__: self.scheme <= 2": SCHEME,
    "Entry.__init__: 2 -> 3": SCHEME,
    "Entry.__init__: self.len <= PAYLOAD ->": SCHEME,
    "Entry.__init__: 1 -> 2 in last, self.embedding = ": BELOW,
    "Writer.__init__: 1 -> 2 in self.keys, self.told = ": BELOW,
    "Bundle.check_standing: 0 -> -1 in about.good = ": "positions begin at 1",
    "unbase64: True -> False": "what is left out is missing when it is encoded again",
    "read_checkpoint: len(part.encode()) <= NOTE and part.endswith('\\n') and (part > '\\n') -> len(part.encode()) <= NOTE and part.e": EMPTY,
    "read_checkpoint: part > '\\n' -> ": EMPTY,
    "read_checkpoint: '\\n' -> '\\nx'": EMPTY,
    "Bundle.check_standing: (e.kind, e.stream, by_vault, e.seq) == (EPOCH, b'vault:writers', True, 1) -> (e.kind, e.stream, by_vault) ":
        "the first of a log has the number 1, and the epochs of the others are known",
    "Bundle.check_log: 0 -> -1 in least = ": "no Lamport time is below 1",
    "Bundle.check_parents: 1 <= at < position -> 1 <= at": "nobody expects a child that is not later",
    "read_checkpoint: len(size) <= 20 -> len(size) < 20": UNSHOWN,
    "read_checkpoint: 20 -> ": UNSHOWN,
    "read_checkpoint: len(unbase64(root)) == 32 -> True": "it is compared with a root",
    "read_checkpoint: need(len(unbase64(root)) == 32": "it is compared with a root",
    "Bundle.end: 1 -> 2 in need(not self.file.read": "it is asked whether there is a byte, and not how many there are",
    "Bundle.end: r.end() -> pass": "the end has no room for more",
    "Bundle.end: need(self.last == self.up_to": "the tree is another then",
    "Bundle.end: self.last == self.up_to -> True": "the tree is another then",
    "Bundle.record: -1 -> 1": "a kind that is unknown has no rules, and its body none to fit",
    "Bundle.record: 1 -> ": LARGE,
    "Bundle.header: 0 -> -1": "no name is shorter than nothing",
    "Bundle.header: self.after <= self.up_to <= self.size <= POSITION -> self.up_to": "no entry fits, and the last one is missed",
    "Bundle.header: (self.after, self.up_to) == (0, self.size) -> (self.up_to,)": "what begins later has a left edge",
    "Bundle.entry: need(not children": "a child that does not come is missed at the end",
    "Bundle.entry: if position in": "at another position nothing is compared",
    "Bundle.entry: position in [size for size, _ in self.anchors + ([self.noted] if self.noted else [])] -> True":
        "at another position nothing is compared",
    "ed25519: -a[3] -> a[3]": "it is multiplied by itself and by that of zero, which is 0",
}

SWAPS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.Pow: ast.Mult,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}
CALLS = {"all": "any", "any": "all", "max": "min", "min": "max"}

def with_fields(node, **fields):
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other

def without_each(items):
    return [items[:n] + items[n + 1 :] for n in range(len(items))] if len(items) > 1 else []

def expressions(node):
    """What may stand in the place of an expression by mistake."""
    if isinstance(node, ast.Constant):
        match node.value:
            case bool(value):
                yield ast.Constant(not value)
            case int(value):
                yield from (ast.Constant(value + 1), ast.Constant(value - 1))
            case bytes(value):
                yield ast.Constant(value + b"x")
            case str(value):
                yield ast.Constant(value + "x")
    elif isinstance(node, ast.Compare):
        for n, op in enumerate(node.ops):
            yield with_fields(node, ops=node.ops[:n] + [SWAPS[type(op)]()] + node.ops[n + 1 :])
        if len(node.ops) > 1:
            yield with_fields(node, left=node.comparators[0], ops=node.ops[1:], comparators=node.comparators[1:])
            yield with_fields(node, ops=node.ops[:-1], comparators=node.comparators[:-1])
        sides = [node.left, *node.comparators]
        if len(sides) == 2 and all(isinstance(side, ast.Tuple) for side in sides):
            for left, right in zip(*(without_each(side.elts) for side in sides)):
                yield with_fields(node, left=with_fields(sides[0], elts=left), comparators=[with_fields(sides[1], elts=right)])
        yield from (ast.Constant(True), ast.Constant(False))
    elif isinstance(node, ast.BoolOp):
        yield with_fields(node, op=SWAPS[type(node.op)]())
        for values in without_each(node.values):
            yield with_fields(node, values=values) if len(values) > 1 else values[0]
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.BinOp):
        if type(node.op) in SWAPS:
            yield with_fields(node, op=SWAPS[type(node.op)]())
        # A remainder that is not taken is taken later.
        yield from (node.right,) if ast.unparse(node).endswith(" % P") else (node.left, node.right)
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        yield with_fields(node, func=ast.Name(CALLS[node.func.id], ast.Load()))
        yield from (node.args if node.func.id in ("max", "min") else [])
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        yield node.value
    elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
        for n, part in enumerate(node.generators):
            for ifs in without_each(part.ifs + [None]):
                if part.ifs and None in ifs:
                    kept = with_fields(part, ifs=[test for test in ifs if test])
                    yield with_fields(node, generators=node.generators[:n] + [kept] + node.generators[n + 1 :])

def statements(node):
    """What may stand in the place of a statement by mistake."""
    if isinstance(node, (ast.Expr, ast.Assign, ast.AugAssign, ast.Delete, ast.Raise)):
        yield ast.Pass()
    elif isinstance(node, (ast.If, ast.While)):
        yield with_fields(node, test=ast.Constant(False))
        if isinstance(node, ast.If):
            yield with_fields(node, test=ast.Constant(True))
    elif isinstance(node, ast.Return) and node.value and not isinstance(node.value, ast.Constant):
        yield with_fields(node, value=ast.Constant(None))

class Mistake:
    def __init__(self, scope, statement, place, old, new):
        self.scope, self.place, self.new = scope, place, new
        self.lines = range(statement.lineno, max(getattr(statement, "end_lineno", 0), statement.lineno) + 1)
        if isinstance(statement, (ast.If, ast.While, ast.For, ast.With, ast.Try, ast.FunctionDef, ast.ClassDef)):
            self.lines = range(old.lineno, old.end_lineno + 1)
        # A compound statement is told by its head.
        before, after = (ast.unparse(ast.fix_missing_locations(node)).split("\n")[0] for node in (old, new))
        self.name = "%s: %s -> %s" % (scope, before, after)
        # There are many equal numbers.
        if isinstance(old, ast.Constant):
            self.name += " in " + ast.unparse(statement).split("\n")[0]

    def plant(self):
        parent, field, index = self.place
        kept = getattr(parent, field)
        if index is None:
            setattr(parent, field, self.new)
        else:
            kept = kept[index]
            getattr(parent, field)[index] = self.new
        return kept

    def undo(self, kept):
        parent, field, index = self.place
        if index is None:
            setattr(parent, field, kept)
        else:
            getattr(parent, field)[index] = kept

def mistakes(tree):
    """Every mistake that can be planted, in the order of the script."""
    found = []

    def walk(node, scope, statement):
        for field, value in ast.iter_fields(node):
            for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(child, ast.AST) and not is_silent(node, field, index, child):
                    visit(child, (node, field, index), scope, statement)

    def visit(node, place, scope, statement):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            scope = (scope + "." if scope else "") + node.name
        elif not scope and isinstance(node, ast.Assign):
            return walk_into(node, place, ast.unparse(node.targets[0]).strip("()"), node)
        walk_into(node, place, scope, node if isinstance(node, ast.stmt) else statement)

    def walk_into(node, place, scope, statement):
        changed = statements(node) if isinstance(node, ast.stmt) else expressions(node)
        for new in changed:
            found.append(Mistake(scope, statement, place, node, ast.copy_location(new, node)))
        walk(node, scope, statement)

    walk(tree, "", None)
    return found

def is_silent(parent, field, index, child):
    """What says something to people and nothing else: documentation, and why a bundle is broken."""
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
        if (parent.func.id, field, index) in (("need", "args", 1), ("Broken", "args", 0)):
            return True
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
        return True
    # The last statement runs the script, and the sentence about its use is for who gives it no file.
    return isinstance(child, ast.If) and "__" in ast.unparse(child.test) or "__doc__" in ast.unparse(child)

class Question:
    def __init__(self, told):
        self.name, self.arguments, self.expected = told["name"], told["arguments"], told["expected"]
        self.refused_at = None

    def is_answered(self, verifier):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = verifier["main"](self.arguments)
        line, file = said.getvalue(), self.arguments[-1]
        if self.expected is None:
            return code == 1 and line.startswith("BROKEN %s: " % file) and line.count("\n") == 1
        return code == 0 and line == "OK     %s: %s\n" % (file, self.expected)

    def note_refusal(self, verifier):
        """Whether it is answered as it must be; notes the line at which the verifier refuses the bundle."""
        check = verifier["need"]

        def need(holds, why):
            if not holds:
                self.refused_at = sys._getframe(1).f_lineno
            check(holds, why)

        verifier["need"] = need
        try:
            return self.is_answered(verifier)
        finally:
            verifier["need"] = check

def load(tree):
    verifier = {"__name__": "verify_bundle"}
    exec(compile(tree, str(SCRIPT), "exec"), verifier)
    return verifier

def is_found(tree, mistake, questions, signatures):
    """Whether some question gets another answer, or none. Those come first that are most likely to tell."""
    kept = mistake.plant()
    likely = sorted(questions, key=lambda q: (q.refused_at not in mistake.lines, q.expected is None))
    try:
        verifier = load(ast.fix_missing_locations(tree))
        if mistake.scope in CURVE:
            # Bundles are judged by what it says of signatures, and by nothing else of it.
            return any(verifier["ed25519"](*asked) != answer for asked, answer in signatures.items())
        remember(verifier, signatures)
        return not all(q.is_answered(verifier) for q in likely)
    except BaseException:
        return True
    finally:
        mistake.undo(kept)

def remember(verifier, signatures):
    """A signature of the curve costs more than everything else: what was computed once is looked up."""
    compute = verifier["ed25519"]

    def ed25519(*question):
        if question not in signatures:
            signatures[question] = compute(*question)
        return signatures[question]

    verifier["ed25519"] = ed25519

def plant_all(tree, planted, questions, signatures, seconds):
    """Those that are not found. Each is planted in a process of its own, which may hang or eat all memory: it has so many
    seconds of the processor."""
    running, missed = {}, []

    def wait():
        pid, status = os.wait()
        mistake = running.pop(pid)
        if os.waitstatus_to_exitcode(status) == 7:
            missed.append(mistake)
            print("  not found, line %d: %s" % (mistake.lines[0], mistake.name), flush=True)

    for mistake in planted:
        if len(running) >= (os.cpu_count() or 1):
            wait()
        pid = os.fork()
        if pid == 0:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            os._exit(0 if is_found(tree, mistake, questions, signatures) else 7)
        running[pid] = mistake
    while running:
        wait()
    return missed

def main(questions, count, seed):
    questions = [Question(told) for told in json.loads(pathlib.Path(questions).read_text())]
    tree = ast.parse(SCRIPT.read_text())
    verifier, signatures = load(tree), {}
    remember(verifier, signatures)
    assert all([question.note_refusal(verifier) for question in questions]), "it is wrong without a mistake"
    began = time.process_time()
    assert all(question.is_answered(verifier) for question in questions)
    seconds = 3 + int(3 * (time.process_time() - began))
    every = mistakes(tree)
    equal = {name: [m for m in every if m.name.startswith(name)] for name in EQUIVALENT}
    excused = [mistake for some in equal.values() for mistake in some]
    planted = [mistake for mistake in every if mistake not in excused]
    if int(count) < len(planted):
        planted = random.Random(int(seed)).sample(planted, int(count))
    missed = plant_all(tree, planted, questions, signatures, seconds)
    print("mistakes in the verifier in Python: %d planted, %d found; there are %d, and %d of them change nothing" % (
        len(planted), len(planted) - len(missed), len(every), len(excused)))
    unused = [name for name, some in equal.items() if not some]
    for name in unused:
        print("  there is no such mistake: " + name)
    return 1 if missed or unused else 0

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
