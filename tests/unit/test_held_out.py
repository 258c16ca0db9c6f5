"""Episodes that nothing learns from, and how likely the model of the data finds them: Figure 3, plot 4."""

from dataclasses import replace

import numpy as np
import pytest

from awac import cli
from awac.algorithms import ALGORITHMS
from awac.batch import Batch, Provenance
from awac.config import defaults
from awac.data.dataset import Dataset
from awac.data.writer import write
from awac.envs import make
from awac.errors import ConfigError
from awac.exploration import Uniform
from awac.learner import Learner, Sampling
from awac.metrics import read_metrics
from awac.prior import hold_out, load_prior
from awac.rollout import play
from awac.scaling import Scaling

ENV = "awac/PointMass-v0"
PROVIDERS = [name for name, algorithm in ALGORITHMS.items() if algorithm.behavior is not None]


@pytest.fixture(scope="module")
def data():
    """Seven short random episodes."""
    env = make(ENV)
    episodes = play([env], Uniform(env.action_space, np.random.default_rng(0)), 7, seed=0)
    env.close()
    return Dataset(tuple(episodes), "random")


@pytest.fixture(scope="module")
def stored(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prior") / "random"
    write(data, folder, env_id=ENV)
    return str(folder)


@pytest.mark.parametrize(("count", "places"), [(1, [3]), (2, [1, 5]), (3, [1, 3, 5]), (6, [0, 1, 2, 4, 5, 6])])
def test_held_out_episodes_are_evenly_spaced_and_the_rest_is_learned_from(data, count, places):
    learned, held_out = hold_out(data, replace(defaults(), held_out_episodes=count))
    assert [id(episode) for episode in held_out] == [id(data.episodes[place]) for place in places]
    assert len(learned) + len(held_out) == len(data)
    assert {id(episode) for episode in learned} | {id(episode) for episode in held_out} == set(map(id, data))


def test_nothing_is_held_out_unless_asked_for(data):
    assert hold_out(data, defaults()) == (data, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"held_out_episodes": 7}, r"held_out_episodes=7 leaves nothing of 7 episodes to learn from"),
        ({"held_out_episodes": 1, "data": ()}, r"held_out_episodes=1 needs data; give --data"),
    ],
)
def test_what_leaves_nothing_to_learn_from_is_refused(stored, changes, message):
    env = make(ENV)
    with pytest.raises(ConfigError, match=message):
        load_prior(replace(defaults("bc", "paper", ENV), **{"data": (stored,), **changes}), env)
    env.close()


@pytest.mark.parametrize(("options", "warned"), [({}, False), ({"reward": "binary"}, True)])
def test_rewards_that_the_task_would_not_pay_are_warned_of(stored, options, warned, caplog):
    """Prior data of dense rewards, under a task that pays binary ones online."""
    env = make(ENV, **options)
    load_prior(replace(defaults("bc", "paper", ENV), data=(stored,), env_options=options), env)
    env.close()
    assert ("100.0% of the rewards are not what the task pays" in caplog.text) == warned


def test_what_an_earlier_run_lived_through_is_a_rollout_to_the_next(data, tmp_path, caplog):
    """Its own online steps are online; a source that says the word keeps it."""
    lived = replace(data, episodes=tuple(replace(episode, provenance=Provenance.ONLINE) for episode in data))
    write(lived, tmp_path / "experience", env_id=ENV)
    env = make(ENV)
    found = {}
    for word in ("", "online="):
        source = f"{word}{tmp_path / 'experience'}"
        experiment = replace(defaults("bc", "paper", ENV), data=(source,), mix=(("online", 0.5), ("rollout", 0.5)))
        (found[word],) = set(load_prior(experiment, env).learned.provenance.tolist())
    env.close()
    assert found == {"": Provenance.ROLLOUT, "online=": Provenance.ONLINE}
    assert [record.getMessage().split(";")[0] for record in caplog.records if "mix" in record.getMessage()] == [
        "mix: nothing in the prior data is a rollout"
    ]


def test_a_buffer_that_is_too_small_is_told(stored, caplog):
    env = make(ENV)
    load_prior(replace(defaults("bc", "paper", ENV), data=(stored,), buffer_capacity=300), env)
    env.close()
    assert "buffer_capacity is 300: nothing learns from the first 50 of 350 transitions of prior data" in caplog.text


def test_data_that_are_given_twice_are_told(stored, caplog):
    env = make(ENV)
    load_prior(replace(defaults("bc", "paper", ENV), data=(stored, stored, f"rollout={stored}")), env)
    env.close()
    for source in (stored, f"rollout={stored}"):
        assert f"data: {source} holds what {stored} holds" in caplog.text


def transitions(generator, count, mean):
    """Actions in the environment's units, near `mean` in the network's."""
    size = (count, 2)
    return Batch(
        observations=generator.normal(size=(count, 3)).astype(np.float32),
        actions=np.float32([5.0, 1.0]) + np.float32([5.0, 3.0]) * generator.normal(mean, 0.1, size).astype(np.float32),
        rewards=np.zeros(count, np.float32),
        next_observations=generator.normal(size=(count, 3)).astype(np.float32),
        terminated=np.zeros(count, bool),
        truncated=np.zeros(count, bool),
        provenance=np.zeros(count, np.int8),
        steps=np.ones(count, np.int32),
    )


def learner(name, **changes):
    algorithm = ALGORITHMS[name]
    rates = {"behavior_learning_rate": 1e-3, "actor_hidden": (16,), "critic_hidden": (16,)}
    scaling = Scaling(np.zeros(3), np.ones(3), [0.0, -2.0], [10.0, 4.0])
    return Learner(algorithm, algorithm.config(**rates, **changes), scaling, 0, capacity=200)


@pytest.mark.parametrize(("name", "changes"), [*((n, {}) for n in PROVIDERS), ("awac", {"fit_behavior": True})])
def test_a_model_finds_what_is_like_its_data_more_likely_the_longer_it_learns(name, changes):
    generator = np.random.default_rng(0)
    made, like, unlike = learner(name, **changes), transitions(generator, 60, 0.4), transitions(generator, 60, -0.4)
    made.insert(transitions(generator, 200, 0.4))
    (before,) = made.behavior_metrics(like).values()
    made.update(200, Sampling(batch_size=32))
    after, other = made.behavior_metrics(like), made.behavior_metrics(unlike)
    assert after.keys() == {"train/behavior_log_likelihood"}
    assert after == made.behavior_metrics(like), "the same noise each time"
    (after,), (other,) = after.values(), other.values()
    assert after > before
    assert after > other + 0.5


def test_a_method_without_a_model_of_the_data_reports_nothing():
    assert learner("awac").behavior_metrics(transitions(np.random.default_rng(0), 10, 0.0)) == {}


def test_the_score_is_on_each_line_of_metrics_and_the_run_evaluates_from_its_checkpoint(stored, tmp_path, capsys):
    """BCQ acts through its critic, so that its run has no policy file."""
    run = tmp_path / "run"
    words = f"""--algorithm bcq --env {ENV} --data {stored} --folder {run} --held-out-episodes 2 --offline-steps 20
    --online-steps 20 --interval 10 --batch-size 16 --buffer-capacity 500 --evaluation-interval 20 --log-interval 10
    --evaluation-episodes 2 --checkpoint-interval 20 --actor-hidden 8 --critic-hidden 8 --behavior-hidden 8"""
    assert cli.main(["train", *words.split()]) == 0
    scores = [row["train/behavior_log_likelihood"] for row in read_metrics(run) if "train/critic_loss" in row]
    assert len(scores) == 4
    assert np.all(np.isfinite(scores))
    assert not (run / "policy").exists()
    capsys.readouterr()
    found = [evaluated(run, capsys), evaluated(run, capsys), evaluated(run, capsys, "--stochastic")]
    assert found[0] == found[1]
    assert '"eval/mean_reward"' in found[2]


def evaluated(run, capsys, *options):
    assert cli.main(["evaluate", str(run), "--episodes", "2", "--json", *options]) == 0
    return capsys.readouterr().out
