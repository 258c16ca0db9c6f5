"""The way of a practitioner, command after command, on a task of a few seconds."""

import json
from pathlib import Path

import numpy as np
import pytest

import awac
from awac.cli import main
from awac.data.sources import load
from awac.metrics import read_metrics

ENV = "awac/PointMass-v0"
WORDS = """--offline-steps 100 --online-steps 200 --interval 50 --batch-size 32 --buffer-capacity 5000
--evaluation-interval 100 --evaluation-episodes 3 --log-interval 50 --checkpoint-interval 100 --actor-hidden 16
--critic-hidden 16"""
BUDGET = WORDS.split()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def prior(workplace: Path) -> Path:
    folder = workplace / "random"
    assert main(["data", "collect", "--env", ENV, "--episodes", "10", "--to", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def run(workplace: Path, prior: Path) -> Path:
    folder = workplace / "run"
    assert main(["train", "--env", ENV, "--data", str(prior), "--folder", str(folder), *BUDGET]) == 0
    return folder


def test_a_run_leaves_what_it_promises(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert {"config.json", "metrics.jsonl", "tensorboard", "checkpoints", "experience", "policy"} <= names
    lines = read_metrics(run)
    steps = [line["step"] for line in lines]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (-100, 200)
    assert {line["phase"] for line in lines} == {"offline", "online"}
    evaluations = {line["step"] for line in lines if "eval/success_rate" in line}
    assert evaluations == {-100, 0, 100, 200}  # during the offline phase too, and at the switch
    tags = set().union(*lines)
    expected = {"train/critic_loss", "train/weight_effective_sample_size", "rollout/ep_rew_mean", "eval/regret"}
    assert expected <= tags


def test_its_experience_is_prior_data_for_the_next_run(run: Path, workplace: Path) -> None:
    experience = load([str(run / "experience")])
    assert len(experience) == 200
    assert experience.statistics()["provenance"].keys() == {"online"}
    folder = workplace / "next"
    source = f"demonstration={run / 'experience'}"
    assert main(["train", "--env", ENV, "--data", source, "--folder", str(folder), *BUDGET]) == 0


def test_evaluate_plot_export(run: Path, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["evaluate", str(run), "--episodes", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["episodes"] == 3
    figure, graph = workplace / "curve.png", workplace / "policy.onnx"
    assert main(["plot", str(run), "--output", str(figure)]) == 0
    assert main(["export", str(run), "--output", str(graph)]) == 0
    assert figure.stat().st_size > 10_000
    assert graph.exists()


def test_the_exported_policy_is_the_learners(run: Path) -> None:
    policy = awac.load_policy(str(run))
    observations = load([str(run / "experience")]).transitions().observations[:5]
    experiment = awac.defaults("awac", "paper", ENV)
    assert policy.card.algorithm == experiment.algorithm
    assert np.abs(policy.act(observations)).max() <= 1.0


def test_errors_leave_with_their_code(run: Path, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    existing = ["train", "--env", ENV, "--offline-steps", "0", "--folder", str(run)]
    assert main(existing) == 2
    assert "holds a run already" in capsys.readouterr().err
    nowhere = ["train", "--env", ENV, "--data", "nowhere", "--folder", str(workplace / "x")]
    assert main(nowhere) == 3
    assert "nowhere" in capsys.readouterr().err
    assert main(["train", "--env", "awac/PenBinry-v0", "--offline-steps", "0", "--folder", str(workplace / "y")]) == 2
    assert "PenBinary" in capsys.readouterr().err
    assert main(["resume", str(workplace / "nothing")]) == 2


def test_the_demonstration_at_a_tiny_budget(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, figures = workplace / "demo", workplace / "figures"
    words = f"""demo --folder {folder} --figures {figures} --offline-steps 100 --online-steps 100 --episodes 2
    --clone-updates 50 --clone-episodes 2 --film-episodes 0""".split()
    assert main(words) == 0
    summary = json.loads((folder / "summary.json").read_bytes())
    assert summary.keys() == {"clone", "after_offline", "after_online", "episodes", "seconds"}
    assert (figures / "learning_curve.png").exists()
    assert "after online" in capsys.readouterr().out
    assert main(words) == 0  # the earlier run steps aside
    assert (workplace / "demo-1" / "summary.json").exists()
