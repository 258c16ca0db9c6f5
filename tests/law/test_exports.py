"""The public names of awac, and a docstring on everything public."""

import ast
import inspect
import pkgutil
from importlib import import_module

import pytest

import awac


def undocumented(path: str, tree: ast.Module) -> list[str]:
    """Public modules, classes, functions and methods without a docstring."""
    found = [] if ast.get_docstring(tree) else [path]

    def visit(node: ast.AST, owner: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                if child.name.startswith("_"):
                    continue
                if ast.get_docstring(child) is None:
                    found.append(f"{path}:{child.lineno} {owner}{child.name}")
                if isinstance(child, ast.ClassDef):  # what stands inside a function is not public
                    visit(child, f"{child.name}.")

    visit(tree, "")
    return found


def test_everything_public_is_documented(trees):
    assert [name for path, tree in trees.items() for name in undocumented(path, tree)] == []


@pytest.mark.parametrize(
    "text",
    ["x = 1", '"""Doc."""\ndef f():\n    return 1', '"""Doc."""\nclass A:\n    """Doc."""\n    def f(self): ...'],
)
def test_what_is_not_documented_is_found(text):
    assert len(undocumented("train.py", ast.parse(text))) == 1


def test_public_names_are_sorted_and_there():
    assert list(awac.__all__) == sorted(awac.__all__)
    assert len(set(awac.__all__)) == len(awac.__all__) > 0


@pytest.mark.parametrize("name", awac.__all__)
def test_public_name_stays_what_it_is(name):
    """A function that shares its name with a module of the package would turn into that module once it is imported."""
    for module in pkgutil.iter_modules(awac.__path__):
        if module.name == name:
            import_module(f"awac.{name}")
    assert not inspect.ismodule(getattr(awac, name))
    assert getattr(awac, name) is getattr(awac, name)


def test_nothing_is_public_by_accident(trees):
    """Whatever `awac/__init__.py` binds is either listed or private."""
    bound: set[str] = set()
    for node in trees["__init__.py"].body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("awac"):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            bound |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    assert {name for name in bound if not name.startswith("_")} - set(awac.__all__) == set()
