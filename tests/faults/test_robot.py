"""A robot behind an environment, in the run's process and in one of its own: nothing moves it when it stops itself, and
it is let go at the end, whatever the end is."""

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

        def __init__(self, diary, stops=0, lost=False):
            self.diary, self.stops, self.lost, self.taken = diary, stops, lost, 0

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
            if self.lost and self.taken > 20:
                raise ConnectionError("the robot does not answer")
            return np.zeros(3, np.float32), -1.0, False, self.steps == 7, {}

        def close(self):
            self.note("close")
            if self.lost:
                raise ConnectionError("the robot is off")

    from awac.envs.pointmass import PointMass

    class Capturable(PointMass):
        taken = 0

        def step(self, action):
            Capturable.taken += 1  # of all that are made: the first 50 are those of the evaluation
            if Capturable.taken == 75:
                raise RobotStop("at the 25th step")
            return super().step(action)
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
    assert (events[-2:], events.count("step"), events.count("close")) == (["step", "close"], stops, 1)
    saved = checkpoint.load(diary.parent / "run" / "checkpoints")
    assert (saved.meta["online"], saved.meta["journal"]) == (online, online)


def test_a_stop_right_behind_a_checkpoint_is_saved_too(diary: Path) -> None:
    """Else a resume would go on in the middle of the episode that ended there."""
    text = f"""train --env arm_of_the_test:Capturable --folder {diary.parent}/run --offline-steps 0 --online-steps 40
    --interval 10 --batch-size 8 --buffer-capacity 100 --updates-per-step 0 --evaluation-interval 40
    --evaluation-episodes 1 --log-interval 20 --checkpoint-interval 20 --actor-hidden 8 --critic-hidden 8
    --env-options max_episode_steps 50"""
    assert cli.main(text.split()) == 9
    folder = diary.parent / "run" / "checkpoints"
    names = ["step-000000020", "step-000000020-2"]
    assert sorted(path.name for path in folder.iterdir()) == names
    before, after = (checkpoint.load(folder / name).parts["collector"] for name in names)
    assert "observation" in before
    assert "observation" not in after


@pytest.mark.parametrize("where", ["", "--isolate"])
def test_a_robot_is_let_go_once(where: str, diary: Path) -> None:
    assert run(diary, *where.split()) == 0
    events = diary.read_text().split()
    assert (events[-1], events.count("close")) == ("close", 1)


def test_a_robot_is_let_go_where_the_run_cannot_begin(diary: Path) -> None:
    assert run(diary, "--data", str(diary.parent / "nowhere")) == 3
    assert diary.read_text().split() == ["close"]


def test_a_robot_that_cannot_be_let_go_hides_no_error(diary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(diary, "lost", "True", "--isolate") == 5
    error = capsys.readouterr().err
    assert "error: 5 failures in a row; the last one: arm_of_the_test:Arm, step 1 of episode" in error
    assert "saving or closing the run failed too: arm_of_the_test:Arm, close: raised RuntimeError" in error
