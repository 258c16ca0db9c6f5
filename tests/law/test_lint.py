"""The style that `make lint` asks for, so that whoever runs the tests has run it."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_ruff(command, root):
    ran = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--no-cache"], cwd=root, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
