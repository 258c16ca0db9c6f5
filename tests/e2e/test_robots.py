"""The tutorial in docs/robots.md works as it is printed: the task, the check, the demonstrations, a short training."""

import importlib
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from awac.data.sources import load
from awac.envs import make
from awac.training import parse, train

FENCE = re.compile(r"^```python[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SMALL = """--offline-steps 40 --online-steps 60 --interval 10 --batch-size 16 --buffer-capacity 2000 --log-interval 20
--evaluation-interval 20 --evaluation-episodes 2 --checkpoint-interval 20 --actor-hidden 8 --critic-hidden 8"""


@pytest.fixture(scope="module")
def blocks(pytestconfig):
    """The page's Python, in order: my_drawer.py, the check, the demonstrations."""
    return FENCE.findall((pytestconfig.rootpath / "docs" / "robots.md").read_text())


def test_the_tutorial(blocks, tmp_path, monkeypatch):
    task, *scripts = blocks
    (tmp_path / "my_drawer.py").write_text(task)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_drawer", raising=False)
    importlib.invalidate_caches()
    for number, script in enumerate(scripts):
        path = tmp_path / f"script_{number}.py"
        path.write_text(script)
        importlib.import_module(path.stem)
    data = load(["data/drawer"])
    assert len(data.episodes) == 10
    assert all(episode.success is not None and episode.success[-1] for episode in data.episodes)
    command = [sys.executable, "-m", "awac.cli", "data", "check", "data/drawer", "--env", "my_drawer:make_env"]
    assert subprocess.run(command, env=os.environ, capture_output=True, check=False).returncode == 0
    arguments = f"--env my_drawer:make_env --preset plus --q-upper-bound 0 --data data/drawer --folder run {SMALL}"
    result = train(parse(arguments.split()))
    assert (tmp_path / "run" / "policy").is_dir()
    assert 0 <= result.metrics["eval/success_rate"] <= 1
    env = make("my_drawer:make_env")
    first, again = (env.reset(seed=4)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    env.close()
    monkeypatch.delitem(sys.modules, "my_drawer")
