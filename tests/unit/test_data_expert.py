"""`awac data collect --policy expert`: demonstrations of a scripted expert."""

import numpy as np
import pytest

from awac.batch import Provenance
from awac.cli import main
from awac.data import load

ENV = "awac/SawyerDrawer-v0"


def run(folder, *arguments, env=ENV):
    return main(["data", "collect", "--env", env, "--to", str(folder), "--policy", "expert", *arguments])


def test_an_expert_makes_demonstrations(tmp_path, capsys):
    assert run(tmp_path / "clean", "--episodes", "2") == 0
    assert "2 episodes, 120 transitions, 100% successful" in capsys.readouterr().out
    assert run(tmp_path / "noisy", "--episodes", "2", "--noise", "0.1") == 0
    assert run(tmp_path / "again", "--episodes", "2", "--noise", "0.1") == 0
    clean, noisy, again = (load([str(tmp_path / name)]) for name in ("clean", "noisy", "again"))
    assert {episode.provenance for episode in noisy.episodes} == {Provenance.DEMONSTRATION}
    assert noisy.metadata["policy_generated"] is True
    assert noisy.metadata["recipe"]["noise"] == 0.1
    actions = [dataset.transitions().actions for dataset in (clean, noisy, again)]
    np.testing.assert_array_equal(actions[1], actions[2])
    assert not np.array_equal(actions[0], actions[1])
    assert (np.abs(actions[1]) <= 1).all()


def test_a_goal_task_is_stored_as_vectors(tmp_path):
    options = ["--episodes", "1", "--env-options", "max_episode_steps", "20"]
    assert run(tmp_path / "push", *options, env="awac/SawyerPush-v0") == 0
    assert load([str(tmp_path / "push")]).transitions().observations.shape == (20, 6)
    assert main(["data", "check", str(tmp_path / "push")]) == 0  # among the rest: the rewards are the task's


@pytest.mark.parametrize(
    ("env", "arguments", "words"),
    [
        ("awac/PointMass-v0", [], "awac/PointMass-v0 has no scripted expert"),
        (ENV, ["--noise", "-1"], "noise is -1.0; allowed: 0 or more"),
        (ENV, ["--policy", "uniform", "--noise", "1"], "it is for --policy expert, not uniform"),
    ],
)
def test_what_is_not_possible(tmp_path, env, arguments, words, capsys):
    assert run(tmp_path / "data", *arguments, env=env) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
