"""Runs that are stopped, resumed, and then die: what is left is never taken for what it is not."""

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import awac
from awac import checkpoint, cli, outcome
from awac.data.dataset import Dataset
from awac.data.writer import write
from awac.envs import make
from awac.errors import CheckpointError, StorageError
from awac.exploration import Uniform
from awac.restored import restored
from awac.rollout import play
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
    """They hold neither the scaling nor what the prior data were."""
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        at(patch, 40, die)
        with pytest.raises(Killed):
            cli.main(options(folder))
    saved = checkpoint.load(folder / "checkpoints")
    parts = {name: part for name, part in saved.parts.items() if name != "scaling"}
    meta = {name: value for name, value in saved.meta.items() if name != "prior"}
    checkpoint.save(folder / "checkpoints", saved.step, parts, meta)
    assert restored(folder).scaling.observation_size == 4
    assert cli.main(["resume", str(folder)]) == 0


def test_a_film_that_fails_leaves_a_finished_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome, "record", die)
    with pytest.raises(Killed):
        cli.main(options(tmp_path / "run", "--video"))
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["finished"] is True
