"""A task by one word: what it stands for, what a user may change, and that its data are made once."""

from dataclasses import replace

import numpy as np
import pytest

from awac.algorithms import ALGORITHMS
from awac.batch import Provenance
from awac.cli import main
from awac.config import defaults
from awac.data import load, scripted
from awac.data.scripted import SOURCES
from awac.data.sources import MINARI_ID
from awac.envs import goal_layout, make
from awac.errors import ConfigError
from awac.task_presets import TASK_PRESETS, make_missing, task_experiment
from awac.training import parse

DRAWER = ("awac/drawer/demonstrations-v0", "awac/drawer/clone-v0")
QUICK = "--offline-steps 10 --online-steps 10 --interval 10 --evaluation-interval 10 --log-interval 10 --batch-size 8"
QUICK += " --checkpoint-interval 10 --evaluation-episodes 1 --actor-hidden 8 --critic-hidden 8 --buffer-capacity 10000"


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A drawer with few roll-outs, and an empty place for datasets."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    few = replace(SOURCES["drawer"], episodes={"demonstrations": 2, "clone": 3})
    monkeypatch.setattr("awac.data.recipes.CLONE_UPDATES", 5)
    monkeypatch.setitem(SOURCES, "drawer", few)
    return tmp_path


def test_a_word_stands_for_task_data_and_preset():
    found = parse(["--task-preset", "drawer"])
    expected = replace(defaults("awac", "plus", "awac/SawyerDrawer-v0"), data=DRAWER, folder="runs/drawer")
    assert found == expected == task_experiment("drawer")


@pytest.mark.parametrize("spelling", [["--task-preset=drawer"], ["--task_preset", "drawer"]])
def test_everything_else_may_be_said_beside_it(spelling):
    found = parse([*spelling, "--seed", "3", "--preset", "paper", "--data", "data/mine", "--temperature", "0.2"])
    assert (found.env, found.seed, found.preset, found.data) == ("awac/SawyerDrawer-v0", 3, "paper", ("data/mine",))
    assert found.hyperparameters.temperature == 0.2


def test_other_methods_have_their_own_preset_and_the_tasks_goals():
    found = parse(["--algorithm", "sac", "--task-preset", "push"])
    assert (found.algorithm, found.preset, found.env) == ("sac", "paper", "awac/SawyerPush-v0")
    assert dict(found.relabel) == {"future": 0.3, "resampled": 0.5}


@pytest.mark.parametrize("task", TASK_PRESETS)
def test_each_can_be_made_and_trained(task):
    found = task_experiment(task)
    assert all(MINARI_ID.fullmatch(source) or source.startswith("bundled:") for source in found.data)
    for algorithm in set(ALGORITHMS) - {"awac"}:
        assert task_experiment(task, algorithm).data == found.data
    env = make(found.env)
    assert not found.relabel or goal_layout(env) is not None
    env.close()


def test_an_unknown_task_names_the_nearest():
    with pytest.raises(ConfigError, match="task_preset='drawr'; did you mean drawer"):
        parse(["--task-preset", "drawr"])
    with pytest.raises(ConfigError, match="allowed: pen, drawer"):
        task_experiment("q")


def test_one_command_makes_the_data_and_trains(small, monkeypatch, capsys):
    monkeypatch.chdir(small)
    assert main(["train", "--task-preset", "drawer", *QUICK.split()]) == 0
    said = capsys.readouterr().out
    assert "2 episodes" in said
    assert "3 episodes" in said
    shown, cloned = load([DRAWER[0]]), load([DRAWER[1]])
    assert {episode.provenance for episode in shown.episodes} == {Provenance.DEMONSTRATION}
    assert {episode.provenance for episode in cloned.episodes} == {Provenance.ROLLOUT}
    assert cloned.metadata["recipe"]["command"] == "awac data make drawer-clone-v0 --seed 0"
    assert (small / "runs" / "drawer" / "summary.json").exists()
    make_missing(DRAWER)
    assert not capsys.readouterr().out  # nothing is made twice


def test_the_clone_is_of_the_demonstrations_of_the_same_name(small, monkeypatch):
    cloned = []
    monkeypatch.setattr("awac.data.generate.clone", lambda shown, *_: cloned.append(shown))
    scripted.make("drawer", "clone", 4, 5)
    first, second = cloned[0].transitions(), scripted.make("drawer", "demonstrations", 4, 5).transitions()
    np.testing.assert_array_equal(first.observations, second.observations)
    np.testing.assert_array_equal(first.actions, second.actions)


def test_the_pen_is_shown_what_comes_with_awac():
    assert len(scripted.demonstrations("pen", seed=0).episodes) == 25


def test_random_pushing_is_the_process_of_the_paper(monkeypatch):
    monkeypatch.setitem(SOURCES, "push", replace(SOURCES["push"], episodes={"random": 2}))
    found = scripted.make("push", "random", 0, 1)
    actions = np.concatenate([episode.actions for episode in found.episodes])
    assert {episode.provenance for episode in found.episodes} == {Provenance.RANDOM}
    after, before = actions[1:].ravel(), actions[:-1].ravel()
    assert np.corrcoef(after, before)[0, 1] == pytest.approx(0.85, abs=0.05)  # 1 - theta
    assert found.metadata["recipe"]["command"] == "awac data make push-random-v0 --seed 0"
