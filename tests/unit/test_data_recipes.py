"""Datasets by name: the same to the last bit, whoever plays them; never half of one."""

import json
import shutil
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from awac.batch import Provenance
from awac.cli import main
from awac.config import defaults
from awac.data import load, recipes
from awac.data.parallel import Work, episodes, take_episodes
from awac.data.recipes import Recipe, make, parse_name
from awac.envs.locomotion import EXPERTS, LEVELS, TASKS, read_card
from awac.envs.scores import measured_scores, normalized_score, scores
from awac.errors import CheckpointError, ConfigError, DataError
from awac.session import Session
from awac.training import train

HOPPER = "Hopper-v5"
STEPS = 200  # of the training; its policy falls early, so its episodes are short


class Here:
    """In place of a pool of processes: starting those takes most of a test's time."""

    def __init__(self, *_, **__):
        pass

    def submit(self, function, *arguments):
        future = Future()
        future.set_result(function(*arguments))
        return future

    def shutdown(self, **_):
        pass


@pytest.fixture(scope="module", autouse=True)
def here():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("awac.data.parallel.ProcessPoolExecutor", Here)
        yield


@pytest.fixture(scope="module")
def run(quick_compilation, tmp_path_factory):
    """A training of seconds."""
    experiment = defaults("sac", "paper", HOPPER)
    small = replace(experiment.hyperparameters, actor_hidden=(8,), critic_hidden=(8,))
    folder = tmp_path_factory.mktemp("runs") / "hopper"
    times = {"random_steps": 100, "evaluation_interval": 200, "log_interval": 200, "checkpoint_interval": 100}
    sizes = {"online_steps": STEPS, "batch_size": 8, "evaluation_episodes": 1, "buffer_capacity": 1000}
    train(replace(experiment, hyperparameters=small, folder=str(folder), **times, **sizes))
    return folder


@pytest.fixture(scope="module")
def experts(run, tmp_path_factory):
    """Both policies of hopper, of that training."""
    root = tmp_path_factory.mktemp("experts")
    for level, checkpoint in (("expert", ()), ("medium", ("--step", "100"))):
        options = ("--task", "hopper", "--level", level, "--to", str(root), "--episodes", "8", "--workers", "1")
        assert main(["data", "add-expert", str(run), *options, *checkpoint]) == 0
    return root


def data(*arguments):
    return main(["data", *(str(argument) for argument in arguments)])


def hopper(kind, experts, **options):
    return Recipe("hopper", kind, experts=experts, **options)


def same(first, second):
    pairs = zip(first.transitions(), second.transitions(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs if a is not None)


def test_a_card_says_what_was_measured(experts):
    cards = {level: read_card(experts / "hopper" / level) for level in LEVELS}
    assert (cards["medium"].steps, cards["expert"].steps) == (100, STEPS)
    assert cards["medium"].fingerprint != cards["expert"].fingerprint
    assert cards["expert"].sampled.episodes == 8
    assert cards["expert"].sampled.std > 0
    assert cards["expert"].versions["mujoco"]
    assert "--online-steps 200" in cards["expert"].command


def test_the_number_of_processes_changes_nothing(experts, tmp_path, monkeypatch):
    here = make(hopper("medium", experts, steps=700), tmp_path / "none")
    monkeypatch.setattr("awac.data.parallel.ProcessPoolExecutor", ProcessPoolExecutor)
    alone, together = (
        make(hopper("medium", experts, steps=700, workers=workers), tmp_path / "none") for workers in (1, 2)
    )
    assert len(alone) == 700
    assert same(alone, together)
    assert same(alone, here)


def test_seed_and_kind_decide(experts, tmp_path):
    both = make(hopper("medium-expert", experts, steps=700), tmp_path / "none")
    assert same(both, make(hopper("medium-expert", experts, steps=700), tmp_path / "none"))
    assert not same(both, make(hopper("medium-expert", experts, steps=700, seed=1), tmp_path / "none"))
    medium = make(hopper("medium", experts, steps=350), tmp_path / "none")
    assert same(replace(both, episodes=both.episodes[: len(medium.episodes)]), medium)


def test_by_name_from_the_command_line(experts, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    with pytest.raises(DataError, match="make it: awac data make hopper-random-v0"):
        load(["awac/hopper/random-v0"])
    assert data("make", "hopper-random-v0", "--steps", 300, "--workers", 1) == 0
    assert "D4RL score of its mean return" in capsys.readouterr().out
    found = load(["awac/hopper/random-v0"])
    assert len(found) == 300
    assert {episode.provenance for episode in found.episodes} == {Provenance.RANDOM}
    assert found.metadata["recipe"]["command"] == "awac data make hopper-random-v0 --seed 0 --steps 300"
    assert found.metadata["policy_generated"] is True
    assert not found.episodes[-1].terminated[-1]
    assert found.episodes[-1].truncated[-1]
    assert data("make", "hopper-random-v0") == DataError.exit_code  # there is one already
    assert data("card", "awac/hopper/random-v0", "--output", tmp_path / "card.png") == 0
    assert (tmp_path / "card.png").stat().st_size > 10_000


def test_demonstrations_and_their_clone(experts, tmp_path, monkeypatch):
    card = read_card(experts / "hopper" / "expert")
    shown = make(hopper("demonstrations", experts), tmp_path / "none")
    assert len(shown.episodes) == 15
    assert (
        min(episode.total_reward for episode in shown.episodes)
        >= card.sampled.mean
        == shown.metadata["recipe"]["return_threshold"]
    )
    assert {episode.provenance for episode in shown.episodes} == {Provenance.DEMONSTRATION}
    assert recipes.BY_EPISODES["clone"] == 100
    monkeypatch.setattr(recipes, "BY_EPISODES", {"demonstrations": 15, "clone": 10})
    cloned = make(hopper("clone", experts, clone_updates=10), tmp_path / "none")
    assert len(cloned.episodes) == 10
    assert cloned.metadata["recipe"]["clone_updates"] == 10
    assert cloned.metadata["policies"]["expert"]["fingerprint"] == card.fingerprint


def test_replay_is_what_the_training_lived_through(run, experts, tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))  # the training's own experience is written in there too
    assert data("make", "hopper-medium-replay-v0", "--experts", experts) == 0
    found, lived = load(["awac/hopper/medium-replay-v0"]).transitions(), load([str(run / "experience")]).transitions()
    assert len(found.rewards) == 100
    np.testing.assert_array_equal(found.observations, lived.observations[:100])
    np.testing.assert_array_equal(found.actions, lived.actions[:100])
    assert [path.name for path in (tmp_path / "awac" / "hopper").iterdir()] == ["medium-replay-v0"]
    with pytest.raises(ConfigError, match="steps is 150; allowed: at most 100"):
        make(hopper("medium-replay", experts, steps=150), tmp_path / "run")


def test_an_interrupted_replay_goes_on(experts, tmp_path, monkeypatch):
    recipe = hopper("medium-replay", experts)
    whole = make(recipe, tmp_path / "whole")
    advance, calls = Session.advance, []

    def interrupted(session):
        calls.append(advance(session))
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(recipe, tmp_path / "run")
    monkeypatch.undo()
    assert same(whole, make(recipe, tmp_path / "run"))
    with pytest.raises(ConfigError, match="another configuration: seed"):
        make(replace(recipe, seed=1), tmp_path / "run")


@pytest.mark.parametrize("kind", ["random", "medium"])
def test_interrupted_it_leaves_nothing(kind, experts, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    place = tmp_path / "half-v0"
    monkeypatch.setattr("awac.data.recipes.take_steps", interrupted)
    command = ("make", f"hopper-{kind}-v0", "--to", place, "--steps", 100, "--experts", experts)
    assert data(*command) == 130
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    monkeypatch.setattr("awac.data.writer._add", interrupted)  # it is all there, and half of it is on the disk
    assert data(*command) == 130
    assert not list(tmp_path.iterdir())


def test_a_measurement_that_is_interrupted_changes_nothing(run, experts, tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("awac.data.measure.measure", interrupted)
    command = ("add-expert", run, "--task", "hopper", "--level", "expert", "--to")
    assert data(*command, tmp_path / "new") == 130
    assert [path.name for path in (tmp_path / "new").rglob("*")] == ["hopper"]
    there = tmp_path / "there"
    shutil.copytree(experts, there)
    before = {path: path.is_file() and path.read_bytes() for path in there.rglob("*")}
    assert data(*command, there) == 3
    assert f"{there / 'hopper' / 'expert'}: there is a policy already" in capsys.readouterr().err
    assert data(*command, there, "--overwrite") == 130
    assert {path: path.is_file() and path.read_bytes() for path in there.rglob("*")} == before


def test_a_policy_takes_the_place_of_another(run, experts, tmp_path):
    shutil.copytree(experts, tmp_path / "there")
    where = ("--level", "medium", "--to", tmp_path / "there", "--episodes", 2, "--workers", 1)
    assert data("add-expert", run, "--task", "hopper", *where, "--overwrite") == 0
    assert (
        read_card(tmp_path / "there" / "hopper" / "medium").fingerprint
        == read_card(experts / "hopper" / "expert").fingerprint
    )
    assert sorted(path.name for path in (tmp_path / "there" / "hopper").iterdir()) == ["expert", "medium"]


def test_a_missing_policy_is_named_with_the_way_to_it(experts, tmp_path):
    with pytest.raises(ConfigError) as error:
        make(Recipe("ant", "medium-expert", experts=experts), tmp_path / "none")
    said = str(error.value)
    for words in ("no medium policy of ant", "hopper (expert, medium)", "--env awac/Ant-v0", "add-expert runs/ant"):
        assert words in said


@pytest.mark.parametrize(
    ("name", "nearest"), [("halfcheetah-medum-v0", "halfcheetah-medium-v0"), ("ant-expert", "ant-expert-v0")]
)
def test_an_unknown_name_lists_the_nearest(name, nearest):
    with pytest.raises(ConfigError, match=f"nearest are {nearest}"):
        parse_name(name)
    assert parse_name(nearest) == tuple(nearest.removesuffix("-v0").split("-"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "clone", "steps": 10}, "steps is for random"),
        ({"kind": "random", "steps": 0}, "steps is 0"),
        ({"kind": "medium-expert", "steps": 1}, "allowed: 2 or more"),
        ({"kind": "random", "workers": 0}, "workers is 0"),
        ({"kind": "random", "seed": -1}, "seed is -1"),
    ],
)
def test_options_that_are_not_possible(options, words):
    with pytest.raises(ConfigError, match=words):
        Recipe("ant", **options)


def test_a_run_of_another_task_is_refused(run, tmp_path, capsys):
    assert data("add-expert", run, "--task", "walker2d", "--level", "expert", "--to", tmp_path) == 2
    assert "is a run of Hopper-v5; walker2d is Walker2d-v5" in " ".join(capsys.readouterr().err.split())
    assert data("add-expert", run, "--task", "cow", "--level", "expert", "--to", tmp_path) == 2


def test_a_damaged_card_is_named(tmp_path):
    (tmp_path / "card.json").write_text(json.dumps({"task": "ant"}))
    with pytest.raises(CheckpointError, match="not the card of a policy"):
        read_card(tmp_path)


def test_a_card_of_another_policy_is_refused(experts, tmp_path):
    shutil.copytree(experts / "hopper" / "expert", tmp_path / "hopper" / "expert")
    shutil.copy(experts / "hopper" / "medium" / "card.json", tmp_path / "hopper" / "expert")
    with pytest.raises(CheckpointError, match="the card is of another policy"):
        make(hopper("expert", tmp_path), tmp_path / "none")


def test_scores_by_what_was_measured_here(experts, monkeypatch):
    measured_scores.cache_clear()
    assert "measured_score" not in scores("awac/PointMass-v0", 0.0)
    monkeypatch.setattr("awac.envs.scores.EXPERTS", experts)
    card = read_card(experts / "hopper" / "expert")
    found = scores(HOPPER, card.mean_action.mean)
    measured_scores.cache_clear()
    assert found["measured_score"] == pytest.approx(100.0)
    assert found["normalized_score"] == pytest.approx(normalized_score(HOPPER, card.mean_action.mean))


def test_what_comes_with_awac_is_whole():
    for folder in (path.parent for path in EXPERTS.rglob("card.json")):
        card = read_card(folder)
        assert (card.task, card.level, card.env_id) == (folder.parent.name, folder.name, TASKS[card.task])


def test_what_fails_in_a_process_is_said_here(monkeypatch):
    monkeypatch.setattr("awac.data.parallel.ProcessPoolExecutor", ProcessPoolExecutor)
    source = episodes(Work("awac/PointMass-v0", "nowhere", 0), 1)
    with pytest.raises(ConfigError, match="expected a run or policy folder"):
        take_episodes(source, 1, lambda _: None, lambda _: True)
