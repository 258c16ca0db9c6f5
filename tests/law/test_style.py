"""Habits seen elsewhere and refused here, each with the code that would bring it back."""

import ast
import io
import re
import tokenize

import pytest

NAMELESS = {"utils", "util", "common", "misc", "core", "helpers", "helper", "base"}
SEEDED = {"default_rng", "Generator", "SeedSequence", "PCG64", "Philox", "BitGenerator"}
GREEK = re.compile("[\u0370-\u03ff\u1f00-\u1fff]")
SILENCED = re.compile(
    r"#\s*(noqa|type:\s*ignore|pyright:\s*ignore)[^\s#]*(\s*,\s*\w+)*\s*(\([\w, ]*\))?\s*(?P<reason>.*)$"
)
EXCUSE = "# wall clock"  # beside a use of time.time that only shows the time


def nameless_files(path: str, text: str) -> list[str]:
    """A file or folder whose name says nothing."""
    return [f"{path}: {part}" for part in path.removesuffix(".py").split("/") if part in NAMELESS]


def dotted(node: ast.AST) -> str:
    """`np.random.rand` for that expression, an empty string for what is not a chain of names."""
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return node.id if isinstance(node, ast.Name) else ""


def super_calls(path: str, text: str) -> list[str]:
    """`super()` in a method: sharing is by whole named functions."""
    if not path.startswith("algorithms/"):
        return []
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and dotted(node.func) == "super"]
    return [f"{path}:{node.lineno} calls super()" for node in calls]


def switches_on_method_names(path: str, text: str) -> list[str]:
    """`if algorithm == "awac"`: what differs between methods stands in their records."""
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Compare):
            names = {dotted(side) for side in (node.left, *node.comparators)}
            literal = any(isinstance(side, ast.Constant) for side in (node.left, *node.comparators))
            if literal and any(name.split(".")[-1] == "algorithm" or name.endswith("algorithm.name") for name in names):
                found.append(f"{path}:{node.lineno} compares the name of a method")
    return found


def global_generators(path: str, text: str) -> list[str]:
    """A random number from hidden, process-wide state."""
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        name = dotted(node) if isinstance(node, ast.Attribute) else ""
        numpy_global = name.startswith(("np.random.", "numpy.random.")) and name.split(".")[2] not in SEEDED
        stdlib = name.startswith("random.") and name != "random.Random"
        if numpy_global or stdlib:
            found.append(f"{path}:{node.lineno} uses {name}")
    return found


def greek_in_code(path: str, text: str) -> list[str]:
    """A Greek letter outside comments and docstrings."""
    bare = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Expr)]
    documented = {
        line
        for node in bare
        if isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [
        f"{path}:{token.start[0]} {token.string[:40]}"
        for token in tokens
        if token.type != tokenize.COMMENT and token.start[0] not in documented and GREEK.search(token.string)
    ]


def blind_excepts(path: str, text: str) -> list[str]:
    """An error that is caught and forgotten."""
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        blind = node.type is None or dotted(node.type) in {"Exception", "BaseException"}
        answers = any(isinstance(part, ast.Raise) for part in ast.walk(node))
        uses = node.name and any(isinstance(part, ast.Name) and part.id == node.name for part in ast.walk(node))
        if node.type is None or (blind and not answers and not uses):
            found.append(f"{path}:{node.lineno} swallows every error")
    return found


def wall_clocks(path: str, text: str) -> list[str]:
    """`time.time` where a clock change would move a deadline."""
    lines = text.splitlines()
    return [
        f"{path}:{node.lineno} uses time.time; deadlines need time.monotonic"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and dotted(node) in {"time.time", "time.time_ns"}
        and EXCUSE not in lines[node.lineno - 1]
    ]


def tuple_asserts(path: str, text: str) -> list[str]:
    """`assert (condition, "message")`, which is always true."""
    tuples = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Assert)]
    return [f"{path}:{node.lineno} asserts a tuple" for node in tuples if isinstance(node.test, ast.Tuple)]


def silenced_checks(path: str, text: str) -> list[str]:
    """A checker told to be quiet with no reason beside it."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = [token for token in tokens if token.type == tokenize.COMMENT]
    silenced = [(token.start[0], match) for token in comments if (match := SILENCED.search(token.string))]
    return [f"{path}:{line} gives no reason" for line, match in silenced if len(match["reason"].strip(" -:;,.")) < 5]


def unfinished_work(path: str, text: str) -> list[str]:
    """A promise instead of code."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    marks = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError")
    return [f"{path}:{token.start[0]} {token.string[:60]}" for token in tokens if marks.search(token.string)]


def hidden_divergence(path: str, text: str) -> list[str]:
    """`nan_to_num`, which turns a diverged network into a wrong action."""
    attributes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)]
    return [f"{path}:{node.lineno} hides NaN" for node in attributes if node.attr == "nan_to_num"]


LAWS = {
    nameless_files: ("data/utils.py", ""),
    super_calls: ("algorithms/sac.py", "super().__init__()"),
    switches_on_method_names: ("train.py", "if config.algorithm == 'awac': pass"),
    global_generators: ("collect.py", "import numpy as np\nnp.random.seed(0)"),
    greek_in_code: ("train.py", "label = '\u03bb'"),
    blind_excepts: ("train.py", "try:\n    save()\nexcept Exception:\n    print('could not save')"),
    wall_clocks: ("run.py", "import time\ndeadline = time.time() + 5"),
    tuple_asserts: ("train.py", "assert (x > 0, 'x')"),
    silenced_checks: ("train.py", "import x  # noqa: F401"),
    unfinished_work: ("train.py", "x = 1  # TODO: the rest"),
    hidden_divergence: ("runtime.py", "action = np.nan_to_num(action)"),
}


@pytest.mark.parametrize("law", LAWS)
def test_law_holds(law, sources):
    assert [breach for path, text in sources.items() for breach in law(path, text)] == []


@pytest.mark.parametrize("law", LAWS)
def test_law_bites(law):
    assert law(*LAWS[law]) != []


@pytest.mark.parametrize(
    ("law", "path", "text"),
    [
        (super_calls, "data/dataset.py", "super().__init__()"),
        (switches_on_method_names, "train.py", "if part == 'actor': pass"),
        (global_generators, "collect.py", "import numpy as np\nnp.random.default_rng(0).random()"),
        (greek_in_code, "objectives.py", 'def f():\n    """\u03bb"""\n    return 1  # \u03bb'),
        (blind_excepts, "guard.py", "try:\n    step()\nexcept Exception as error:\n    raise Fault from error"),
        (blind_excepts, "guard.py", "try:\n    step()\nexcept OSError:\n    pass"),
        (wall_clocks, "metrics.py", "import time\nrow = time.time()  # wall clock: shown, never compared"),
        (silenced_checks, "train.py", "import x  # noqa: F401 - imported for its entry point"),
        (silenced_checks, "train.py", "x = f()  # pyright: ignore[reportUnknown] - the library has no types"),
    ],
)
def test_law_spares(law, path, text):
    assert law(path, text) == []


@pytest.mark.parametrize("text", ["import numpy\nnumpy.random.rand()", "import random\nrandom.random()"])
def test_every_global_generator_is_seen(text):
    assert global_generators("collect.py", text) != []


def test_no_test_asserts_a_tuple(all_python):
    assert [breach for path, text in all_python.items() for breach in tuple_asserts(path, text)] == []
