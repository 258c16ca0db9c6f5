"""A stop before the first step, and what is told and kept at the end of a run."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from awac import cli
from awac.errors import CheckpointError, ConfigError
from awac.metrics import read_metrics
from awac.restored import restored_policy
from awac.session import Session
from tests.faults.test_stopped_runs import at, options, outcome_of, stop


def test_a_stop_while_a_run_is_being_built_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before the first interval too: nothing breaks into the start of JAX or of a robot, and nothing is lost."""
    with monkeypatch.context() as patch:
        build = Session.__init__

        def building(session: Session, *arguments: Any) -> None:
            stop()
            build(session, *arguments)

        patch.setattr(Session, "__init__", building)
        assert cli.main(options(tmp_path / "cut")) == 143
    said = capfd.readouterr()
    assert "stopping: saves after this interval" in said.err
    assert f"stopped and saved; `awac resume {tmp_path / 'cut'}` goes on. policy in" in said.out
    assert cli.main(["resume", str(tmp_path / "cut")]) == 0
    assert cli.main(options(tmp_path / "whole")) == 0
    said = capfd.readouterr().out
    assert f"finished. policy in {tmp_path / 'whole' / 'policy'}; best checkpoint: step" in said
    whole, cut = outcome_of(tmp_path / "whole"), outcome_of(tmp_path / "cut")
    assert [name for name in whole if whole[name] != cut[name]] == []


def test_the_best_checkpoint_is_evaluated_and_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert cli.main(options(run)) == 0
    best = json.loads((run / "summary.json").read_text())["best_checkpoint"]
    returns = {line["step"]: line["eval/mean_reward"] for line in read_metrics(run) if "eval/mean_reward" in line}
    assert returns[best] == max(value for step, value in returns.items() if step)
    capsys.readouterr()
    lines = []
    for step in ("best", str(best)):
        assert cli.main(["evaluate", str(run), "--step", step, "--episodes", "2", "--json"]) == 0
        lines.append(capsys.readouterr().out)
    assert lines[0] == lines[1]
    assert cli.main(["export", str(run), "--step", "best", "--output", str(run / "best.onnx")]) == 0
    contract = json.loads((run / "best.json").read_text())
    assert contract["policy_fingerprint"] == restored_policy(run, best).fingerprint
    assert cli.main(["evaluate", str(run), "--step", "7"]) == CheckpointError.exit_code


def test_a_tracker_that_is_not_there_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is opened at the first line of metrics; closing the run does not open it again."""
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert cli.main(options(tmp_path / "run", "--sinks", "wandb")) == ConfigError.exit_code
    assert capsys.readouterr().err.count("wandb is not installed") == 1


def test_a_run_that_is_ended_early_is_evaluated_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its summary tells of the end that it was given, not of an evaluation before it."""
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        at(patch, 20, stop)
        assert cli.main(options(run)) == 143
    assert cli.main(["resume", str(run), "--online-steps", "30"]) == 0
    summary = json.loads((run / "summary.json").read_text())
    (last,) = [line for line in read_metrics(run) if line["step"] == 30 and "eval/mean_reward" in line]
    assert (summary["step"], summary["finished"]) == (30, True)
    assert summary["eval/mean_reward"] == last["eval/mean_reward"]
