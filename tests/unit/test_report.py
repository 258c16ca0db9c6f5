import io
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import tyro
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread
from rich.console import Console

from awac import figure
from awac.curves import is_share, read_curves, usual_metric
from awac.errors import ConfigError, DataError
from awac.figure import draw, written
from awac.report import COLUMNS, PlotOptions, command, learning_curve, markdown, rows, table

STEPS = (-100, -50, 0, 50, 100)
RATE = "eval/success_rate"


def write_run(folder: Path, values, steps=STEPS, algorithm="awac", preset="paper", env="awac/PenBinary-v0", **extra):
    folder.mkdir(parents=True)
    config = {"algorithm": algorithm, "preset": preset, "env": env, "seed": 0} | extra
    (folder / "config.json").write_text(json.dumps(config))
    lines = [{"step": -75, "phase": "offline", "train/actor_loss": 1.0}]
    phases = ["offline" if step <= 0 else "online" for step in steps]
    lines += [{"step": s, "phase": p, RATE: v} for s, p, v in zip(steps, phases, values, strict=True)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return [
        write_run(tmp_path / "a", [0.0, 0.4, 0.6, 0.5, 1.0], seed=1),
        write_run(tmp_path / "b", [0.2, 0.4, 0.8, 0.7, 0.9], seed=2),
        write_run(tmp_path / "sac", [0.0, 0.1, 0.3], (0, 50, 100), algorithm="sac"),
    ]


def test_runs_that_differ_in_seed_are_one_curve(runs: list[Path]) -> None:
    awac, sac = read_curves(runs)
    assert (awac.label, sac.label) == ("awac paper", "sac paper")
    assert awac.environment == "awac/PenBinary-v0"
    np.testing.assert_array_equal(awac.steps, STEPS)
    np.testing.assert_array_equal(awac.scores[:, 2], [0.6, 0.8])
    assert [estimate.value for estimate in awac.estimates] == pytest.approx([0.1, 0.4, 0.7, 0.6, 0.95])
    assert awac.offline == awac.estimates[2]
    assert sac.offline is None


def test_environments_are_named_where_they_differ(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / env, [0.5], (0,), env=env) for env in ("Ant-v5", "Hopper-v5")]
    assert [curve.label for curve in read_curves(folders)] == ["awac paper Ant-v5", "awac paper Hopper-v5"]


def test_a_run_of_a_version_that_did_not_know_a_setting_joins_the_others(tmp_path: Path) -> None:
    folders = [
        write_run(tmp_path / "old", [0.5], (0,)),
        write_run(tmp_path / "new", [0.7], (0,), evaluation_parallel=10),
    ]
    (curve,) = read_curves(folders)
    assert (curve.label, curve.scores.tolist()) == ("awac paper", [[0.5], [0.7]])


def test_runs_that_differ_in_more_than_their_seed_are_not_averaged(tmp_path: Path) -> None:
    own = {"return_steps": 5, "hyperparameters": {"actor_hidden": [8, 8], "temperature": 0.3}}
    first = write_run(tmp_path / "first", [0.1], (0,), **own)
    again = write_run(tmp_path / "again", [0.3], (0,), **own | {"seed": 1, "video": True})
    other = {"actor_hidden": [9], "temperature": 0.3}
    deep = write_run(tmp_path / "deep", [0.5], (0,), **own | {"hyperparameters": other})
    sac = write_run(tmp_path / "sac", [0.7], (0,), algorithm="sac", **own)
    found = read_curves([first, deep, again, sac])
    assert [curve.label for curve in found] == [
        "awac paper, actor_hidden 8 8",
        "awac paper, actor_hidden 9",
        "sac paper",
    ]
    assert [curve.scores.ravel().tolist() for curve in found] == [[0.1, 0.3], [0.5], [0.7]]


def test_only_common_steps_count(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / "long", [0.1, 0.2, 0.3], (-50, 0, 50)), write_run(tmp_path / "short", [0.5], (0,))]
    (curve,) = read_curves(folders)
    np.testing.assert_array_equal(curve.steps, [0])


def test_the_last_line_of_a_step_wins(tmp_path: Path) -> None:
    (curve,) = read_curves([write_run(tmp_path / "run", [0.1, 0.9], (0, 0))])
    np.testing.assert_array_equal(curve.scores, [[0.9]])


def test_a_run_without_configuration(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [0.1], (0,))
    (folder / "config.json").unlink()
    assert read_curves([folder])[0].label == "runs"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "metrics.jsonl").unlink(), "no metrics to read"),
        (
            lambda f: (f / "metrics.jsonl").write_text('{"step": 1, "phase": "online"}\n'),
            "no line has eval/success_rate; there are none",
        ),
        (lambda f: (f / "config.json").write_text("{"), "config.json: not a run's configuration"),
        (lambda f: (f / "config.json").write_text("3"), "config.json: not a run's configuration"),
    ],
)
def test_a_spoilt_run_is_named(runs: list[Path], spoil, message: str) -> None:
    spoil(runs[1])
    with pytest.raises(DataError, match=message) as caught:
        read_curves(runs)
    assert str(runs[1]) in str(caught.value)


def test_wrong_lines_are_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [float("nan")], (5,))
    with pytest.raises(DataError, match="eval/success_rate is nan at step 5"):
        read_curves([folder])
    text = (folder / "metrics.jsonl").read_text().replace("NaN", "0.5").replace("online", "offline")
    (folder / "metrics.jsonl").write_text(text)
    with pytest.raises(DataError, match="step 5 is offline; offline steps are negative"):
        read_curves([folder])


def test_no_runs_and_no_common_step(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no run folder"):
        read_curves([])
    folders = [write_run(tmp_path / name, [0.5], (step,)) for name, step in (("a", 0), ("b", 10))]
    with pytest.raises(DataError, match="no step with eval/success_rate in common"):
        read_curves(folders)


def test_rows_by_hand(runs: list[Path]) -> None:
    awac, sac = rows(read_curves(runs), RATE)
    assert COLUMNS == ("method", "runs", "offline", "final", "highest", "lowest online")
    assert awac == ("awac paper", "2", "70 [60, 80]", "95 [90, 100]", "95 [90, 100]", "60 [50, 70]")
    assert sac == ("sac paper", "1", "-", "30", "30", "10")


def test_the_table_has_distances_and_large_returns(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [0.0456, 12135.4, 0.0], (-50, 0, 50))
    path = folder / "metrics.jsonl"
    path.write_text(path.read_text().replace(RATE, "eval/final_distance"))
    (row,) = rows(read_curves([folder], "eval/final_distance"), "eval/final_distance")
    assert row == ("awac paper", "1", "12135", "0", "12135", "0")
    assert rows(read_curves([write_run(tmp_path / "low", [0.0456], (50,))]), "eval/return")[0][-1] == "0.0456"


def test_no_part_of_a_setting_is_cut_from_the_table(tmp_path: Path) -> None:
    data = [f"/a/folder/far/down/in/the/tree/of/an-experiment/with-a-long-name/{i}" for i in range(2)]
    folders = [write_run(tmp_path / str(i), [0.5], (0,), data=data[i : i + 1]) for i in range(2)]
    console = Console(record=True, width=80, file=io.StringIO())
    console.print(table(read_curves(folders)))
    assert "\N{HORIZONTAL ELLIPSIS}" not in console.export_text()


def test_markdown(runs: list[Path]) -> None:
    lines = markdown(read_curves(runs)).splitlines()
    assert lines[0] == "eval/success_rate in %: interquartile mean over runs [95 % bootstrap interval]"
    assert lines[2:4] == [
        "| method | runs | offline | final | highest | lowest online |",
        "| --- | --: | --: | --: | --: | --: |",
    ]
    assert lines[5] == "| sac paper | 1 | - | 30 | 30 | 10 |"


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_a_figure_of_every_kind(runs: list[Path], tmp_path: Path, suffix: str) -> None:
    output = learning_curve(runs, output=tmp_path / "figures" / f"curve{suffix}")
    start = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}[suffix]
    assert output.read_bytes().startswith(start)


def test_the_figure_says_what_it_should(runs: list[Path], tmp_path: Path) -> None:
    text = learning_curve(runs, output=tmp_path / "curve.svg").read_text()
    for part in ("Success rate, awac/PenBinary-v0", "70 % offline → 95 %", "offline updates", "environment steps"):
        assert f"<!-- {part} -->" in text
    assert "stroke-dasharray" in text  # the switch


def test_runs_without_success_are_judged_by_their_return(runs: list[Path], tmp_path: Path) -> None:
    for folder in runs[1:]:
        path = folder / "metrics.jsonl"
        path.write_text(path.read_text().replace(RATE, "eval/mean_reward"))
    assert usual_metric(runs[:1]) == RATE
    assert usual_metric(runs) == usual_metric(runs[1:]) == "eval/mean_reward"
    assert "<!-- Mean reward" in learning_curve(runs[1:], output=tmp_path / "curve.svg").read_text()
    with pytest.raises(DataError, match="no line has eval/mean_reward; there are eval/success_rate, train/actor_loss"):
        learning_curve(runs, output=tmp_path / "curve.svg")


def test_the_figure_is_not_empty_and_is_the_same_again(runs: list[Path], tmp_path: Path) -> None:
    first, second = (learning_curve(runs, output=tmp_path / f"{name}.png") for name in ("first", "second"))
    pixels = imread(first)
    assert pixels.shape == (720, 1280, 4)
    blue = np.abs(pixels[..., :3] - np.array([0, 0x72, 0xB2]) / 255).max(axis=-1) < 0.05
    assert blue.sum() > 500
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("steps", [(0,), (-50, 0), (0, 50), (-100, -50), (-10, 0, 1000)])
def test_any_phase_may_be_missing(tmp_path: Path, steps: tuple[int, ...]) -> None:
    folder = write_run(tmp_path / "run", [0.5] * len(steps), steps)
    assert learning_curve([folder], output=tmp_path / "curve.png").exists()


def drawn(folders: list[Path], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The axes of the runs' figure, laid out, not written."""
    figures = []
    monkeypatch.setattr(figure, "save", lambda made, _: figures.append(made))
    draw(read_curves(folders), RATE, Path("curve.png"))
    figures[0].draw_without_rendering()
    return figures[0].axes[0]


def test_many_methods_and_long_settings_have_room_and_looks_of_their_own(tmp_path: Path, monkeypatch) -> None:
    folders = [write_run(tmp_path / str(i), [0.0, 0.04 * i], (0, 100), preset=f"p{i}") for i in range(26)]
    data = [f"/a/folder/far/down/in/the/tree/of/an-experiment/{i}" for i in range(2)]
    folders += [write_run(tmp_path / f"data-{i}", [0.0, 0.9], (0, 100), data=data[i : i + 1]) for i in range(2)]
    axes = drawn(folders, monkeypatch)
    names = [text for text in axes.texts if "awac p" in text.get_text()]
    assert len(names) == len(folders)
    boxes = sorted((name.get_window_extent() for name in names), key=lambda box: box.y0)
    whole = axes.get_figure().bbox
    assert all(whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1 for box in boxes)
    assert all(below.y1 <= above.y0 for below, above in pairwise(boxes))
    assert axes.get_window_extent().width > 0.5 * whole.width
    assert len({f"{line.get_color()} {line._dash_pattern}" for line in axes.lines}) == len(folders)


def test_a_single_evaluation_is_seen(tmp_path: Path, monkeypatch) -> None:
    (line,) = drawn([write_run(tmp_path / "run", [0.3], (0,))], monkeypatch).lines
    assert line.get_marker() == "o"
    (line,) = drawn([write_run(tmp_path / "longer", [0.3, 0.4], (0, 50))], monkeypatch).lines
    assert line.get_marker() == ""


def test_a_run_without_online_steps_has_one_value_and_no_switch_before_its_time(tmp_path: Path, monkeypatch) -> None:
    axes = drawn([write_run(tmp_path / "early", [0.3, 0.4], (-100, -50))], monkeypatch)
    assert len(axes.lines) == 1
    assert "awac paper\n40 % offline" in [text.get_text() for text in axes.texts]
    axes = drawn([write_run(tmp_path / "offline", [0.3, 0.4], (-100, 0))], monkeypatch)
    assert [list(line.get_xdata()) for line in axes.lines] == [[0, 0], [-100, 0]]
    assert "awac paper\n40 % offline" in [text.get_text() for text in axes.texts]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_names_are_kept_apart_in_order(heights: list[float]) -> None:
    placed = figure._apart(heights, 0.11)
    order = np.argsort(heights, kind="stable")
    assert (np.diff(np.asarray(placed)[order]) >= 0.11 - 1e-9).all()
    assert max(placed) <= 1


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        (RATE, 0.756, "76 %"),
        ("eval/solved_fraction", 1.0, "100 %"),
        ("eval/return", -48.671, "\N{MINUS SIGN}48.67"),
        ("eval/return", 12135.4, "12135"),
    ],
)
def test_values_as_text(metric: str, value: float, text: str) -> None:
    assert written(value, metric) == text
    assert is_share(metric) == text.endswith("%")


@pytest.mark.parametrize("flags", [[], ["--markdown"]])
def test_command(runs: list[Path], tmp_path: Path, capsys, flags: list[str]) -> None:
    output = tmp_path / "new" / "folders" / "x.png"
    command(tyro.cli(PlotOptions, args=[*map(str, runs), "--output", str(output), *flags]))
    assert output.exists()
    assert "95 [90, 100]" in capsys.readouterr().out


def test_output_kind_is_checked(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must end in \.png, \.pdf or \.svg"):
        learning_curve(runs, output=tmp_path / "curve.jpg")


def test_nothing_global_is_changed(runs: list[Path], tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    learning_curve(runs, output=tmp_path / "curve.png")
    assert dict(mpl.rcParams) == before
    code = "import sys, awac.report; print('matplotlib.pyplot' in sys.modules, 'jax' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]
