"""What the laws read: the project's own files, parsed once."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def sources() -> dict[str, str]:
    """Text of every file of the package, by its path inside `src/awac`."""
    package = ROOT / "src" / "awac"
    found = {path.relative_to(package).as_posix(): path.read_text() for path in sorted(package.rglob("*.py"))}
    assert "errors.py" in found
    return found


@pytest.fixture(scope="session")
def trees(sources: dict[str, str]) -> dict[str, ast.Module]:
    """Syntax tree of every file of the package."""
    return {path: ast.parse(text, filename=path) for path, text in sources.items()}


@pytest.fixture(scope="session")
def all_python(root: Path) -> dict[str, str]:
    """Text of every Python file that the project keeps: package, tests, experiments, benchmarks."""
    folders = [root / name for name in ("src", "tests", "experiments", "benchmarks")]
    paths = [path for folder in folders for path in sorted(folder.rglob("*.py")) if ".venv" not in path.parts]
    return {path.relative_to(root).as_posix(): path.read_text() for path in paths}
