"""The tutorial in docs/robots.md works as it is printed: the task, its exact states, the check, the demonstrations, a
short training that is killed within an episode and resumed."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from awac.data.sources import load
from awac.envs import make, snapshot
from awac.journal import Journal
from awac.session import Session
from awac.training import parse, resume, train

FENCE = re.compile(r"^```python[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SMALL = """--offline-steps 40 --online-steps 60 --interval 10 --batch-size 16 --buffer-capacity 2000 --log-interval 20
--evaluation-interval 20 --evaluation-episodes 2 --checkpoint-interval 20 --actor-hidden 8 --critic-hidden 8"""


@pytest.fixture(scope="module")
def blocks(pytestconfig):
    """The page's Python, in order: my_drawer.py, its exact state, the check, the demonstrations."""
    return FENCE.findall((pytestconfig.rootpath / "docs" / "robots.md").read_text())


class Killed(BaseException):
    """Ends a run where a SIGKILL would."""


def killed_and_resumed(arguments, monkeypatch):
    """Kills a run at step 80, in the middle of an episode that its newest checkpoint is in too, and resumes it."""
    advance = Session.advance

    def dying(session):
        advance(session)
        if session.total == 80:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Session, "advance", dying)
        with pytest.raises(Killed):
            train(parse(arguments))
    return resume(Path("cut"))


def goes_on_exactly(env, fresh, action):
    """Whether a fresh environment with the state of another, in mid-episode, does what that one does."""
    env.reset(seed=0)
    env.step(action)
    fresh.np_random  # noqa: B018 - the generator is made when it is asked for
    snapshot.restore(fresh, snapshot.capture(env))
    return all(env.step(action)[0].tobytes() == fresh.step(action)[0].tobytes() for _ in range(9))


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
    worn = sys.modules["script_0"].WornDrawer
    assert goes_on_exactly(worn(), worn(), np.array([0, 0.5, -1], np.float32))
    data = load(["data/drawer"])
    assert len(data.episodes) == 10
    assert all(episode.success is not None and episode.success[-1] for episode in data.episodes)
    command = [sys.executable, "-m", "awac.cli", "data", "check", "data/drawer", "--env", "my_drawer:make_env"]
    assert subprocess.run(command, env=os.environ, capture_output=True, check=False).returncode == 0
    arguments = f"--env my_drawer:make_env --preset plus --q-upper-bound 0 --data data/drawer {SMALL} --folder".split()
    result = train(parse([*arguments, "run"]))
    assert killed_and_resumed([*arguments, "cut"], monkeypatch).metrics == result.metrics
    whole, cut = (Journal(tmp_path / name / "journal").read().stored() for name in ("run", "cut"))
    assert all(whole[name].tobytes() == cut[name].tobytes() for name in whole)
    assert (tmp_path / "run" / "policy").is_dir()
    assert 0 <= result.metrics["eval/success_rate"] <= 1
    env = make("my_drawer:make_env")
    first, again = (env.reset(seed=4)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    env.close()
    monkeypatch.delitem(sys.modules, "my_drawer")
