"""Who may import what: the learner alone knows JAX, methods do not know each other, nothing unpickles."""

import ast
from collections.abc import Iterator

import pytest

FRAMEWORKS = {"jax", "jaxlib", "equinox", "optax", "flax", "torch"}
LEARNER = ("algorithm.py", "learner.py", "objectives.py", "distributions.py", "networks.py")
LEARNER += ("behavior.py", "divergences.py", "dual_objectives.py", "in_parts.py", "natural_gradient.py", "pessimism.py")
LEARNER += ("projections.py", "returns.py", "critics.py", "soft.py")
LEARNER += ("data/buffer.py", "data/goals.py", "data/trajectories.py")
UNPICKLERS = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
RESTRICTED = "data/restricted.py"  # the one importer of pickled arrays, with an allow-list


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every module that the file imports, at any depth, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def framework_imports(path: str, tree: ast.AST) -> list[str]:
    """A framework outside the learner, at module level or inside a function."""
    if path in LEARNER or path.startswith("algorithms/"):
        return []
    return [f"{path}:{line} imports {name}" for line, name in imported(tree) if name.split(".")[0] in FRAMEWORKS]


def imports_between_methods(path: str, tree: ast.AST) -> list[str]:
    """A method that imports another method, or reaches it by a relative import."""
    if not path.startswith("algorithms/") or path == "algorithms/__init__.py":
        return []
    bad = ("awac.algorithms", ".")
    return [f"{path}:{line} imports {name}" for line, name in imported(tree) if name.startswith(bad)]


def unsafe_loading(path: str, tree: ast.AST) -> list[str]:
    """Unpickling, or code from text."""
    if path == RESTRICTED:
        return []
    found = [f"{path}:{line} imports {name}" for line, name in imported(tree) if name.split(".")[0] in UNPICKLERS]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}:
            found.append(f"{path}:{node.lineno} calls {node.func.id}")
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            found.append(f"{path}:{node.value.lineno} passes allow_pickle")
    return found


LAWS = (framework_imports, imports_between_methods, unsafe_loading)


@pytest.mark.parametrize("law", LAWS)
def test_law_holds(law, trees):
    assert [breach for path, tree in trees.items() for breach in law(path, tree)] == []


@pytest.mark.parametrize(
    ("law", "path", "text"),
    [
        (framework_imports, "train.py", "import jax.numpy as jnp"),
        (framework_imports, "data/dataset.py", "def load():\n    from optax import adam"),
        (imports_between_methods, "algorithms/awac.py", "from awac.algorithms.sac import critic_loss"),
        (imports_between_methods, "algorithms/awac.py", "from awac.algorithms import sac"),
        (imports_between_methods, "algorithms/awac.py", "from . import sac"),
        (unsafe_loading, "data/imports.py", "import pickle"),
        (unsafe_loading, "data/imports.py", "from joblib import load"),
        (unsafe_loading, "data/imports.py", "np.load(path, allow_pickle=True)"),
        (unsafe_loading, "config.py", "eval('1')"),
    ],
)
def test_law_bites(law, path, text):
    assert law(path, ast.parse(text)) != []


@pytest.mark.parametrize(
    ("law", "path", "text"),
    [
        (framework_imports, "algorithms/awac.py", "import jax"),
        (framework_imports, "batch.py", "import jaxtyping"),
        (imports_between_methods, "algorithms/awac.py", "from awac.objectives import td_loss"),
        (unsafe_loading, "data/restricted.py", "import pickle"),
        (unsafe_loading, "networks.py", "jax.eval_shape(f)"),
    ],
)
def test_law_spares(law, path, text):
    assert law(path, ast.parse(text)) == []
