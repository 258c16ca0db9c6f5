"""What a training refuses, and what it says before it begins."""

from pathlib import Path

import pytest

import awac
from awac import cli
from awac.errors import CheckpointError
from awac.training import parse
from tests.faults.test_stopped_runs import options


def test_data_given_twice_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """The last of two options counts, here as elsewhere; of data one may expect both."""
    assert parse(["--data", "a", "b"]).data == ("a", "b")
    assert not caplog.records
    assert parse(["--data", "a", "b", "--data", "c"]).data == ("c",)
    assert "--data is given more than once, and the last one counts" in caplog.text


def test_a_method_with_critics_cannot_have_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(options(tmp_path / "run", "--critics", "0")) == 2
    assert "critics is 0; allowed: 1 or more, for the method has Q-functions" in capsys.readouterr().err


def test_a_run_that_learns_nothing_online_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    short = ["--random-steps", "10", "--online-steps", "20", "--evaluation-episodes", "1"]
    assert cli.main(options(tmp_path / "learns", *short)) == 0
    assert not caplog.records
    assert cli.main(options(tmp_path / "run", *short, "--warmup-steps", "10")) == 0
    assert "nothing is learned online: random_steps and warmup_steps are 20 of 20 online_steps" in caplog.text


def test_episodes_that_are_held_out_for_nothing_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert cli.main(options(tmp_path / "run", "--held-out-episodes", "2", "--data", "nowhere")) == 3
    assert "held_out_episodes=2 are left out and nothing is scored on them: awac has no model" in caplog.text


def test_a_method_that_acts_through_its_critic_has_no_policy_file(tmp_path: Path) -> None:
    assert cli.main(options(tmp_path / "run", "--algorithm", "bcq", "--behavior-hidden", "8", "--preset", "paper")) == 0
    with pytest.raises(CheckpointError, match="no policy file: its method acts through its critic"):
        awac.load_policy(str(tmp_path / "run"))
