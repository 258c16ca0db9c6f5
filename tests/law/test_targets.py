"""Continuous integration runs what a reader of the README runs, and what the pages say of `make` is there."""

import os
import re
from pathlib import Path

PROMISED = {"demo", "test", "test-long", "lint", "docs", "bench", "clean"}
TARGET = re.compile(r"^([a-z][\w-]*):(?!=)", re.MULTILINE)
MENTION = re.compile(r"(?:^\$ |`)make ([a-z][\w-]*)", re.MULTILINE)


def missing_targets(makefile: str, pages: str) -> set[str]:
    """Targets that the pages mention and the Makefile lacks."""
    return set(MENTION.findall(pages)) - set(TARGET.findall(makefile))


def test_ci_is_make_test(root: Path):
    script = root / ".ci" / "run"
    assert os.access(script, os.X_OK)
    code = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    assert code == ["set -eu", 'cd "$(dirname "$0")/.."', "exec make test"]


def test_what_the_pages_say_of_make_is_there(root: Path):
    pages = [root / "README.md", root / "CONTRIBUTING.md", *(root / "docs").rglob("*.md")]
    makefile = (root / "Makefile").read_text()
    assert missing_targets(makefile, "\n".join(page.read_text() for page in pages)) == set()
    assert set(TARGET.findall(makefile)) >= PROMISED


def test_a_missing_target_is_found():
    assert missing_targets("test: x\nA := b\n", "$ make test\n`make bench` make no mistake") == {"bench"}
