"""The documentation tells the truth where a machine can check it: names, links, commands, code."""

import ast
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from awac import cli

ROW = re.compile(r"^\|.*\|\s*`(?P<name>[\w.]+)`\s*\|$", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^```(?P<language>\w+)[^\n]*\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
# modules whose every function has a row
EQUATIONS = ("objectives", "behavior", "divergences", "dual_objectives", "natural_gradient", "pessimism")
EQUATIONS += ("projections", "returns")
SHELLS = {"console", "bash", "sh", "shell"}


@pytest.fixture(scope="module")
def pages(root: Path) -> dict[Path, str]:
    """Every page a reader meets, by its path."""
    paths = [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))]
    return {path: path.read_text() for path in paths}


def resolve(name: str) -> object:
    """The object that `module.sub.function` names inside awac, the module being as long as possible."""
    parts = name.split(".")
    found: object = import_module(".".join(["awac", *parts[:-1]]))
    return getattr(found, parts[-1])


def unresolved(text: str) -> list[str]:
    """Names in the last column of the tables of `docs/equations.md` that are not there."""
    missing: list[str] = []
    for name in ROW.findall(text):
        try:
            resolve(name)
        except (ImportError, AttributeError):
            missing.append(name)
    return missing


def broken_links(path: Path, text: str) -> list[str]:
    """Relative links to files that are not there."""
    prose = FENCE.sub("", text)
    targets = [target.split("#")[0] for target in LINK.findall(prose) if not re.match(r"[a-z]+:|#", target)]
    return [f"{path.name}: {target}" for target in targets if not (path.parent / target).exists()]


def commands(text: str) -> list[list[str]]:
    """The `awac ...` lines of shell fences, continued lines joined, prompts and comments gone."""
    found: list[list[str]] = []
    for language, body in FENCE.findall(text):
        if language not in SHELLS:
            continue
        for line in body.replace("\\\n", " ").splitlines():
            words = shlex.split(line.strip().removeprefix("$ "), comments=True)
            if words and Path(words[0]).name == "awac":
                found.append([word for word in words[1:] if word not in ("&&", "&")])
    return found


def complaint(arguments: list[str]) -> str:
    """Why awac would not take these arguments; empty where it would. Nothing is run."""
    try:
        cli.dispatch(cli.COMMANDS, arguments, "awac", run=False)
    except SystemExit as left:
        return f"awac {shlex.join(arguments)}: exit {left.code}" if left.code else ""
    except cli.AwacError as error:
        return f"awac {shlex.join(arguments)}: {error}"
    return ""


def test_every_equation_resolves(root):
    text = (root / "docs" / "equations.md").read_text()
    assert len(ROW.findall(text)) > 10
    assert unresolved(text) == []


@pytest.mark.parametrize("module", EQUATIONS)
def test_every_equation_has_its_row(module, root, trees):
    public = {node.name for node in trees[f"{module}.py"].body if isinstance(node, ast.FunctionDef)}
    rows = set(ROW.findall((root / "docs" / "equations.md").read_text()))
    assert {f"{module}.{name}" for name in public if not name.startswith("_")} - rows == set()


def test_links_lead_somewhere(pages):
    assert [link for path, text in pages.items() for link in broken_links(path, text)] == []


def test_documented_commands_are_accepted(pages):
    found = [arguments for text in pages.values() for arguments in commands(text)]
    assert len(found) > 5
    assert [why for arguments in found if (why := complaint(arguments))] == []


def test_documented_python_compiles(pages):
    for path, text in pages.items():
        for language, body in FENCE.findall(text):
            if language == "python":
                compile(body, str(path), "exec")


def test_every_page_is_in_the_navigation(root, pages):
    listed = set(re.findall(r"[\w/-]+\.md", (root / "mkdocs.yml").read_text()))
    docs = root / "docs"
    assert {path.relative_to(docs).as_posix() for path in pages if path.is_relative_to(docs)} == listed


@pytest.mark.parametrize("name", ["objectives.td_los", "objective.td_loss", "nowhere"])
def test_a_wrong_name_is_found(name):
    assert unresolved(f"| 1 | says | `{name}` |") == [name]


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "there.md").touch()
    text = "[a](there.md#part) [b](gone.md) ![c](https://x.y/z.png) [d](#here)\n```text\n[e](code.md)\n```"
    assert broken_links(tmp_path / "page.md", text) == ["page.md: gone.md"]


def test_commands_are_read_as_a_shell_would():
    text = "```console\n$ awac train --env a/B-v0 \\\n    --seed 1  # why\n$ make test\n```\n```python\nawac\n```"
    assert commands(text) == [["train", "--env", "a/B-v0", "--seed", "1"]]


@pytest.mark.parametrize("arguments", [["trian"], ["evaluate", "--colour", "red"], ["data", "chekc"]])
def test_a_wrong_command_is_found(arguments, capsys):
    assert complaint(arguments) != ""
