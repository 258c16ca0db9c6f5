"""Runs that are stopped, resumed, and then die: what is left is never taken for what it is not."""

import json
import signal
import sys
import types
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import awac
from awac import checkpoint, cli, outcome
from awac.data.dataset import Dataset
from awac.data.sources import load
from awac.data.writer import write
from awac.envs import make
from awac.errors import CheckpointError, ConfigError, StorageError
from awac.evaluate import Evaluator
from awac.exploration import Uniform
from awac.progress import Progress
from awac.restored import restored
from awac.rollout import play
from awac.run import is_unfinished
from awac.session import Session

ONLINE, INTERVAL = 80, 10


class Killed(BaseException):
    """Ends a run where a SIGKILL would: nothing is saved on the way out."""


def options(folder: Path, *more: str) -> list[str]:
    text = f"""train --env awac/PointMass-v0 --folder {folder} --offline-steps 0 --online-steps {ONLINE}
    --interval {INTERVAL} --batch-size 8 --buffer-capacity 100 --evaluation-interval 20 --evaluation-episodes 2
    --log-interval 20 --checkpoint-interval 20 --actor-hidden 8 --critic-hidden 8"""
    return [*text.split(), *more]


def at(monkeypatch: pytest.MonkeyPatch, online: int, event: Any) -> None:
    """Calls `event` before the interval that begins after `online` steps."""
    advance = Session.advance

    def advancing(session: Session) -> None:
        if session.progress.online == online:
            event()
        advance(session)

    monkeypatch.setattr(Session, "advance", advancing)


def stop() -> None:
    signal.raise_signal(signal.SIGTERM)


def die(*_: Any, **__: Any) -> None:
    raise Killed


def full(*_: Any, **__: Any) -> None:
    raise StorageError("the disk is full")


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was told to stop after 30 of its 80 steps."""
    with monkeypatch.context() as patch:
        at(patch, 20, stop)
        assert cli.main(options(tmp_path / "run")) == 143
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["finished"] is False
    return tmp_path / "run"


@pytest.mark.parametrize("where", [(outcome, "write_experience"), (Session, "card")])
def test_a_run_that_failed_at_its_end_is_brought_to_it(
    stopped: Path, where: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where an earlier stop left a summary and a policy."""
    with monkeypatch.context() as patch:
        patch.setattr(*where, full)
        assert cli.main(["resume", str(stopped)]) == 8
    assert cli.main(["resume", str(stopped)]) == 0
    summary = json.loads((stopped / "summary.json").read_text())
    assert (summary["finished"], summary["step"]) == (True, ONLINE)
    assert (awac.load_policy(str(stopped)).card.step, (stopped / "experience").exists()) == (ONLINE, True)


def test_the_policy_of_an_earlier_stop_is_not_taken_for_todays(
    stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert awac.load_policy(str(stopped)).card.step == 30
    with monkeypatch.context() as patch:
        at(patch, 70, die)
        with pytest.raises(Killed):
            cli.main(["resume", str(stopped)])
    assert cli.main(["export", str(stopped), "--output", str(tmp_path / "x.onnx")]) == 0
    assert json.loads((tmp_path / "x.json").read_text())["training"]["step"] == 60
    assert cli.main(["evaluate", str(stopped), "--episodes", "1"]) == 0
    collect = ["data", "collect", "--env", "awac/PointMass-v0", "--policy", str(stopped), "--episodes", "2"]
    assert cli.main([*collect, "--to", str(tmp_path / "made"), "--deterministic"]) == 0
    with pytest.raises(CheckpointError, match=r"no policy yet: .*awac resume"):
        awac.load_policy(str(stopped))


def random_data(folder: Path, seed: int) -> None:
    env = make("awac/PointMass-v0")
    episodes = play([env], Uniform(env.action_space, np.random.default_rng(seed)), 2, seed=seed)
    env.close()
    write(Dataset(tuple(episodes), "random"), folder, env_id="awac/PointMass-v0", overwrite=True)


def test_prior_data_that_changed_change_no_policy_and_are_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, folder, observations = tmp_path / "random", tmp_path / "run", np.ones((1, 4), np.float32)
    random_data(data, 0)
    with monkeypatch.context() as patch:
        at(patch, 20, die)
        with pytest.raises(Killed):
            cli.main(options(folder, "--data", str(data), "--normalize-observations"))
    before = restored(folder).act(observations, deterministic=True)
    random_data(data, 1)
    np.testing.assert_array_equal(restored(folder).act(observations, deterministic=True), before)
    assert cli.main(["resume", str(folder)]) == 3
    error = capsys.readouterr().err
    assert f"other prior data than the run began with; put those back: {data}: 2 episodes, 100 transitions," in error
    random_data(data, 0)
    assert cli.main(["resume", str(folder)]) == 0


def test_checkpoints_of_earlier_versions_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold neither the scaling nor what the prior data were, and of the best evaluation one number."""
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        at(patch, 40, die)
        with pytest.raises(Killed):
            cli.main(options(folder))
    saved = checkpoint.load(folder / "checkpoints")
    parts = {name: part for name, part in saved.parts.items() if name != "scaling"}
    meta = {name: value for name, value in saved.meta.items() if name != "prior"} | {"best": -20.5}
    checkpoint.save(folder / "checkpoints", saved.step, parts, meta)
    assert restored(folder).scaling.observation_size == 4
    assert cli.main(["resume", str(folder)]) == 0


def test_the_best_evaluation_is_told_by_success_and_then_by_return() -> None:
    """Also of a task that tells of success only when there is some."""
    session: Any = types.SimpleNamespace(progress=Progress())
    shown = [(None, -50.0), (None, -60.0), (0.1, -70.0), (None, 900.0), (0.1, -65.0), (0.1, -65.0), (0.0, 900.0)]
    found: list[bool] = []
    for rate, return_ in shown:
        metrics = {"eval/mean_reward": return_} | ({} if rate is None else {"eval/success_rate": rate})
        found.append(Session.note_if_best(session, metrics))
    assert found == [True, False, True, False, True, False, False]
    assert Progress.from_json(json.loads(json.dumps(session.progress.to_json()))) == session.progress
    assert Progress.from_json(json.loads(json.dumps(Progress().to_json(), allow_nan=False))) == Progress()


class Robot(gymnasium.Env):
    """Is there once, and is unwell after `well` steps; cannot be captured."""

    there, taken = 0, 0

    def __init__(self, well: int = 10**6) -> None:
        if Robot.there:
            raise ConnectionError("in use by another client")
        Robot.there, self.well = 1, well
        self.observation_space = gymnasium.spaces.Box(-9, 9, (3,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps, self.place = 0, self.np_random.normal(size=3).astype(np.float32).clip(-3, 3)
        return self.place, {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        Robot.taken += 1
        if Robot.taken > self.well:
            raise RuntimeError("the arm has lost its zero")
        self.steps += 1
        self.place = (self.place + np.float32(0.1) * action.sum()).clip(-9, 9)
        return self.place, -float(np.abs(self.place).mean()), False, self.steps == 7, {}

    def close(self) -> None:
        assert Robot.there == 1
        Robot.there = 0


@pytest.fixture
def robot(monkeypatch: pytest.MonkeyPatch) -> str:
    module = types.ModuleType("robot_of_the_test")
    module.Robot = Robot
    monkeypatch.setitem(sys.modules, module.__name__, module)
    Robot.there = Robot.taken = 0
    return "--env robot_of_the_test:Robot --evaluation-parallel 1"


def outcome_of(folder: Path) -> dict[str, bytes]:
    """All that must not depend on how often a run was stopped, and when."""
    saved = checkpoint.load(folder / "checkpoints", explicit=True)
    left = {f"{part}/{name}": array.tobytes() for part, arrays in saved.parts.items() for name, array in arrays.items()}
    left |= {name: (folder / name).read_bytes() for name in ("metrics.jsonl", "summary.json")}
    return left | {"progress": repr(saved.meta).encode(), "fingerprint": awac.load_policy(folder).fingerprint.encode()}


@pytest.mark.parametrize(("env", "evaluation"), [("robot", 1), ("simulator", 2), ("robot", 5)])
def test_a_stop_in_an_evaluation_is_seen_at_once_and_the_evaluation_done_again(
    env: str, evaluation: int, robot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one, one on the way, and the last one; the run is then the one that was never stopped."""
    more = robot.split() if env == "robot" else []
    assert cli.main(options(tmp_path / "whole", *more)) == 0
    evaluate, begun, steps = Evaluator.evaluate, [], []

    def evaluating(self: Evaluator, act: Any, on_step: Any) -> Any:
        begun.append(None)

        def stepping(env: Any) -> None:
            if len(begun) == evaluation:
                steps.append(env)
                if len(steps) == 3:
                    stop()
            on_step(env)

        return evaluate(self, act, stepping)

    with monkeypatch.context() as patch:
        patch.setattr(Evaluator, "evaluate", evaluating)
        assert cli.main(options(tmp_path / "cut", *more)) == 143
    assert (len(begun), len(steps)) == (evaluation, 3)
    assert json.loads((tmp_path / "cut" / "summary.json").read_text())["finished"] is False
    assert cli.main(["resume", str(tmp_path / "cut")]) == 0
    whole, cut = outcome_of(tmp_path / "whole"), outcome_of(tmp_path / "cut")
    assert [name for name in whole if whole[name] != cut[name]] == []


def test_a_finished_run_goes_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It becomes the run that was to go there from the start, also where it is killed on the way."""
    folder = str(tmp_path / "run")
    assert cli.main(options(tmp_path / "whole")) == cli.main(options(tmp_path / "run", "--online-steps", "40")) == 0
    with monkeypatch.context() as patch:
        patch.setattr(Session, "make_env", full)
        assert cli.main(["resume", folder, "--online-steps", f"{ONLINE}"]) == 8
    assert not is_unfinished(tmp_path / "run")  # what cannot go on is left as it was
    with monkeypatch.context() as patch:
        at(patch, 70, die)
        with pytest.raises(Killed):
            cli.main(["resume", folder, "--online-steps", f"{ONLINE}"])
    assert is_unfinished(tmp_path / "run")
    assert cli.main(["resume", folder]) == 0
    assert outcome_of(tmp_path / "run") == outcome_of(tmp_path / "whole")
    assert cli.main(["resume", folder, "--online-steps", "40"]) == 2
    assert f"online_steps=40; allowed: at least the {ONLINE} that are done" in capsys.readouterr().err


def test_what_a_robot_did_before_it_failed_is_kept(robot: str, tmp_path: Path) -> None:
    """Up to the last whole interval, 50 of 53 steps; the last checkpoint that was due is that of 40."""
    played = 3 * 14  # three evaluations of two episodes
    arguments = options(tmp_path / "run", *robot.split(), "--env-options", "well", str(played + 53))
    assert cli.main(arguments) == 5
    saved = checkpoint.load(tmp_path / "run" / "checkpoints")
    assert (saved.meta["online"], saved.meta["journal"], Robot.there) == (50, 50, 0)
    Robot.taken = -(10**6)
    assert cli.main(["resume", str(tmp_path / "run")]) == 0
    written = load([f"{tmp_path}/run/experience"])
    assert len(written) == ONLINE
    lengths = [len(episode) for episode in written]
    assert lengths == [7, 7, 6, 7, 7, 6, 7, 3, 7, 3, 7, 7, 6]  # cut at evaluations, and where the arm failed


def test_a_run_of_an_earlier_version_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its configuration does not name yet has its default, and stays fixed."""
    with monkeypatch.context() as patch:
        at(patch, 20, stop)
        cli.main(options(tmp_path / "run"))
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    del config["evaluation_parallel"]
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    assert cli.main(["resume", str(tmp_path / "run"), "--evaluation-parallel", "1"]) == 2
    assert cli.main(["resume", str(tmp_path / "run")]) == 0


def test_resume_has_help_and_takes_a_path_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["resume", "--help"]) == 0
    assert "usage: awac resume FOLDER" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="is no run folder"):
        awac.resume(str(tmp_path))


def test_a_film_that_fails_leaves_a_finished_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome, "record", die)
    with pytest.raises(Killed):
        cli.main(options(tmp_path / "run", "--video"))
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["finished"] is True
