"""A robot behind an environment, in the run's process and in one of its own: when it stops itself, nothing moves it."""

import textwrap
from pathlib import Path

import pytest

from awac import checkpoint, cli

ARM = """
    import gymnasium
    import numpy as np
    from awac.errors import RobotStop

    class Arm(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-9, 9, (3,), np.float32)
        action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

        def __init__(self, diary, stops=0):
            self.diary, self.stops, self.taken = diary, stops, 0

        def note(self, event):
            with open(self.diary, "a") as file:
                print(event, file=file)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.note("reset")
            self.steps = 0
            return np.zeros(3, np.float32), {}

        def step(self, action):
            self.note("step")
            self.steps, self.taken = self.steps + 1, self.taken + 1
            if self.taken == self.stops:
                raise RobotStop("joint 3 is beyond its limit")
            return np.zeros(3, np.float32), -1.0, False, self.steps == 7, {}
"""


@pytest.fixture
def diary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an arm, which can be imported now, writes what is done with it."""
    (tmp_path / "arm_of_the_test.py").write_text(textwrap.dedent(ARM))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "diary"


def run(diary: Path, *more: str) -> int:
    """The exit code of 40 steps, evaluated before, in the middle and after, each time by two episodes of 7 steps."""
    text = f"""train --env arm_of_the_test:Arm --folder {diary.parent}/run --offline-steps 0 --online-steps 40
    --interval 10 --batch-size 8 --buffer-capacity 100 --updates-per-step 0 --evaluation-interval 20
    --evaluation-episodes 2 --evaluation-parallel 1 --log-interval 20 --checkpoint-interval 20 --actor-hidden 8
    --critic-hidden 8 --env-options diary {diary}"""
    return cli.main([*text.split(), *more])


@pytest.mark.parametrize("where", ["", "--isolate"])
@pytest.mark.parametrize(
    ("stops", "place", "online"), [(30, "step 2 of episode 4", 10), (40, "step 6 of episode 5", 20)]
)
def test_a_robot_that_stops_itself_ends_the_run_and_is_not_reset(
    where: str, stops: int, place: str, online: int, diary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In an interval, and in an evaluation; what was done before either is kept."""
    assert run(diary, "stops", str(stops), *where.split()) == 9
    assert f"error: arm_of_the_test:Arm, {place}: joint 3 is beyond its limit" in capsys.readouterr().err
    events = diary.read_text().split()
    assert (events[-1], events.count("step")) == ("step", stops)
    saved = checkpoint.load(diary.parent / "run" / "checkpoints")
    assert (saved.meta["online"], saved.meta["journal"]) == (online, online)
