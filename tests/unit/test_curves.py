"""Which runs belong to one curve, and what is said of those that spoil it."""

import shutil
from pathlib import Path

import pytest

from awac import checkpoint, cli
from awac.curves import begun, read_curves
from awac.errors import DataError
from tests.unit.test_report import write_run


def test_a_run_that_ends_early_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It takes the steps from the others: the last value of the curve is of no one's end."""
    whole = [write_run(tmp_path / str(seed), [0.1, 0.5, 0.9], (0, 50, 100), seed=seed) for seed in range(2)]
    assert read_curves(whole)[0].steps.tolist() == [0, 50, 100]
    assert not caplog.records
    stopped = write_run(tmp_path / "stopped", [0.1, 0.4], (0, 50), seed=2)
    assert read_curves([*whole, stopped])[0].steps.tolist() == [0, 50]
    assert f"{stopped} ends at step 50, and with it the curve of awac paper: leave it out" in caplog.text


def test_a_copy_is_no_second_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = write_run(tmp_path / "run", [0.1, 0.5], (0, 50), seed=3)
    copied = Path(shutil.copytree(run, tmp_path / "copied"))
    read_curves([run, copied])
    assert f"awac paper: {run} and {copied} have the same seed, 3: not two runs" in caplog.text


def test_how_often_was_evaluated_tells_no_curves_apart(tmp_path: Path) -> None:
    often = write_run(tmp_path / "often", [0.1, 0.3, 0.5], (0, 25, 50), seed=1, evaluation_interval=25)
    seldom = write_run(tmp_path / "seldom", [0.2, 0.6], (0, 50), seed=2, evaluation_interval=50)
    (curve,) = read_curves([often, seldom])
    assert (curve.steps.tolist(), len(curve.scores)) == ([0, 50], 2)


def test_data_of_one_name_that_are_not_the_same_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The same relative name in two folders, or data made anew between two seeds."""
    runs = [write_run(tmp_path / str(seed), [0.1], (0,), seed=seed) for seed in range(3)]
    for run, held in zip(runs, ("350 transitions, 1a", "350 transitions, 1a", "400 transitions, 2b"), strict=True):
        checkpoint.save(run / "checkpoints", 7, {}, {"prior": {"data/pen": held, f"rollout={run.name}": held}})
    read_curves(runs[:2])
    assert not caplog.records
    read_curves(runs)
    assert f"awac paper: {runs[2]} learned from data/pen with 400 transitions, 2b, others from 350" in caplog.text
    assert len(caplog.records) == 1


def test_a_run_that_has_just_begun_does_not_keep_the_others_from_being_drawn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    run, fresh = (write_run(tmp_path / name, [0.5], (0,)) for name in ("run", "fresh"))
    (fresh / "metrics.jsonl").unlink()
    assert cli.main(["plot", str(run), str(fresh), "--output", str(tmp_path / "x.png")]) == 0
    assert f"{fresh} is left out: no metrics yet" in caplog.text
    assert "awac paper" in capsys.readouterr().out
    with pytest.raises(DataError, match="no run has metrics yet"):
        begun([fresh])
    assert begun([tmp_path / "nowhere"]) == [tmp_path / "nowhere"], "a name that is wrong is an error of who reads it"
