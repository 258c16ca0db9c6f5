"""A process is killed at random moments while it saves: case 1 of docs/faults.md."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def run_killed(kills: int) -> dict[str, int]:
    script = Path(__file__).with_name("killed_run.py")
    done = subprocess.run([sys.executable, script, str(kills), "7"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_kill_at_random_moments():
    report = run_killed(50)
    assert report["kills"] == 50
    assert report["caught_mid_write"] > 10, "the kills miss the saves"
    assert report["steps"] > 10, "nothing is saved between the kills"


@pytest.mark.long
def test_kill_at_many_random_moments():
    kills = int(os.environ.get("AWAC_KILLS", "500"))
    assert run_killed(kills)["kills"] == kills
