"""The learner behind NumPy: units, seeds, many seeds in one program, and its state out and in again."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from awac.algorithm import initialize, update
from awac.algorithms import ALGORITHMS
from awac.batch import Batch, Provenance
from awac.data.buffer import to_device
from awac.data.goals import GOALS
from awac.errors import CheckpointError, ConfigError
from awac.learner import BEGINNINGS, Learner, Sampling
from awac.networks import Sizes
from awac.runtime import Card
from awac.scaling import Scaling

pytestmark = pytest.mark.usefixtures("quick_compilation")

SIZES = Sizes(observation=3, action=2)
SMALL = {"actor_hidden": (8,), "critic_hidden": (8,)}
SAMPLING = Sampling(batch_size=16)
SCALING = Scaling([1.0, -2.0, 0.0], [2.0, 0.5, 1.0], [-3.0, 0.0], [3.0, 10.0])


def data(count, seed=0):
    generator = np.random.default_rng(seed)
    return Batch(
        observations=generator.normal(size=(count, 3)).astype(np.float32),
        actions=generator.uniform([-3, 0], [3, 10], size=(count, 2)).astype(np.float32),
        rewards=generator.normal(size=count).astype(np.float32),
        next_observations=generator.normal(size=(count, 3)).astype(np.float32),
        terminated=generator.random(count) < 0.1,
        truncated=generator.random(count) < 0.1,
        provenance=np.full(count, Provenance.ROLLOUT, np.int8),
        steps=np.ones(count, np.int32),
    )


def complete(batch):
    """A batch with what the learner itself adds for the methods that ask."""
    generator = np.random.default_rng(5)
    returns = generator.normal(size=batch.size).astype(np.float32)
    return batch._replace(returns=returns, initial_observations=batch.observations, next_actions=batch.actions)


def learner(name="bc", seed=0, rows=40, **changes):
    algorithm = ALGORITHMS[name]
    made = Learner(algorithm, algorithm.config(**SMALL, **changes), SCALING, seed, capacity=50)
    made.insert(data(rows))
    return made


def equal(first, second):
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_three_seeds_in_one_program_are_three_runs(name):
    algorithm = ALGORITHMS[name]
    config = algorithm.config(**SMALL)
    step = partial(update, algorithm, config)
    states = [initialize(algorithm, config, SIZES, jax.random.PRNGKey(seed)) for seed in range(3)]
    batches = [to_device(complete(data(16, seed))) for seed in range(3)]
    together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *batches)
    single, mapped = jax.jit(step), jax.jit(jax.vmap(step))
    for _ in range(5):
        together, metrics = mapped(together, stacked)
    for seed, (alone, batch) in enumerate(zip(states, batches, strict=True)):
        for _ in range(5):
            alone, own = single(alone, batch)
        mine = jax.tree.map(lambda leaf, seed=seed: leaf[seed], (together, metrics))
        jax.tree.map(partial(np.testing.assert_allclose, rtol=2e-4, atol=2e-5), mine, (alone, own))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_state_goes_out_and_in_again_bit_by_bit(name):
    """A learner that takes over the state continues as the first one does, in its updates and in its actions."""
    first, second = learner(name, seed=1), learner(name, seed=2)
    first.update(3, SAMPLING)
    first.act(np.zeros((1, 3), np.float32))
    assert not equal(first.state(), second.state())
    second.restore(first.state())
    assert equal(first.state(), second.state())
    assert first.update(3, SAMPLING) == second.update(3, SAMPLING)
    assert equal(first.state(), second.state())
    observations = data(5).observations
    np.testing.assert_array_equal(first.act(observations), second.act(observations))


def test_same_seed_same_bits_other_seed_other_bits():
    states = []
    for seed in (3, 3, 4):
        made = learner(seed=seed)
        made.update(3, SAMPLING)
        states.append(made.state())
    assert equal(states[0], states[1])
    assert not equal(states[0], states[2])


def test_state_is_a_copy():
    made = learner()
    before = made.state()
    kept = {name: array.copy() for name, array in before.items()}
    made.update(3, SAMPLING)
    assert equal(before, kept)
    assert int(made.state()[next(name for name in kept if name.endswith(".step"))]) == 3


def broken(state, change):
    name = next(name for name in state if "weight" in name)
    array = state.pop(name)
    return state | change(name, array)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda name, array: {}, r"weight is missing"),
        (lambda name, array: {name: array, "extra": array}, r"extra is not known"),
        (lambda name, array: {name: array[:-1]}, r"weight is float32\(2, 8\), expected float32\(3, 8\)"),
        (lambda name, array: {name: array.astype(np.float64)}, r"weight is float64\(3, 8\), expected float32\(3, 8\)"),
    ],
)
def test_another_state_is_refused_and_nothing_changes(change, message):
    made = learner()
    before = made.state()
    with pytest.raises(CheckpointError, match=message):
        made.restore(broken(made.state(), change))
    assert equal(made.state(), before)


def test_units_of_the_environment_stay_outside():
    """The buffer holds normalised observations and actions in [-1, 1]; what is out of bounds is clipped there."""
    made = learner(rows=0)
    rows = data(4)._replace(actions=np.float32([[-3, 0], [3, 10], [0, 5], [99, -99]]))
    made.insert(rows)
    stored = made.failing_batch(Sampling(batch_size=200))
    np.testing.assert_allclose(np.unique(stored["actions"], axis=0), [[-1, -1], [0, 0], [1, -1], [1, 1]], atol=1e-6)
    expected = (rows.observations - [1.0, -2.0, 0.0]) / [2.0, 0.5, 1.0]
    np.testing.assert_allclose(np.unique(stored["observations"][:, 0]), np.unique(expected[:, 0]), rtol=1e-5)
    assert made.buffered == 4


def test_more_than_fits_keeps_the_newest():
    made = learner(rows=80)
    assert made.buffered == 50
    newest = SCALING.normalize(data(80).observations[-50:])
    assert np.isin(made.failing_batch(SAMPLING)["observations"], newest).all()


def test_actions_are_in_the_environments_bounds_and_the_mean_uses_no_randomness():
    made = learner(std="dependent")
    observations = 100 * data(300).observations
    before = made.state()
    mean = made.act(observations, deterministic=True)
    assert equal(made.state(), before)
    np.testing.assert_array_equal(mean, made.act(observations, deterministic=True))
    sampled = [made.act(observations) for _ in range(2)]
    assert not np.array_equal(*sampled)
    for actions in (mean, *sampled):
        assert actions.shape == (300, 2)
        assert np.all(actions >= np.float32([-3, 0]) - 1e-5)
        assert np.all(actions <= np.float32([3, 10]) + 1e-5)


@pytest.mark.parametrize("name", [name for name, algorithm in ALGORITHMS.items() if algorithm.act is None])
def test_policy_without_jax_acts_as_the_learner(name):
    made = learner(name)
    made.update(3, SAMPLING)
    observations = data(20).observations
    expected = made.act(observations, deterministic=True)
    np.testing.assert_allclose(made.policy(Card()).act(observations), expected, rtol=1e-4, atol=1e-5)


def test_the_average_of_the_policy_acts_and_does_not_learn():
    """A plain mean of what the policy was after each update, then an exponential one; nothing else is changed by it."""
    plain, averaged = learner(), learner(actor_average_rate=0.4)
    mean, name = None, ".averaged_actor"
    for step in range(1, 5):
        for made in (plain, averaged):
            made.update(1, SAMPLING)
        states, reference = averaged.state(), plain.state()
        actor = {key: states[key.replace(name, ".actor")] for key in states if name in key}
        assert actor
        assert all(np.array_equal(actor[key], reference[key.replace(name, ".actor")]) for key in actor)
        rate = max(0.4, 1 / step)
        mean = {key: actor[key] if mean is None else mean[key] + rate * (actor[key] - mean[key]) for key in actor}
        for key in actor:
            np.testing.assert_allclose(states[key], mean[key], rtol=1e-5, atol=1e-7)
    observations = data(5).observations
    acts = [made.act(observations, deterministic=True) for made in (plain, averaged)]
    assert np.abs(acts[0] - acts[1]).max() > 0


def test_a_method_without_a_likelihood_cannot_be_cloned_first():
    with pytest.raises(ConfigError, match=r"clone_steps=5; allowed for bcq: 0"):
        learner("bcq", clone_steps=5)


def test_the_parts_of_a_batch_are_drawn_with_keys_of_their_own():
    """Initial observations and goals do not follow the places of a part of a mixed batch."""
    key = jax.random.PRNGKey(3)
    parts = {tuple(part.tolist()) for part in jax.random.split(key, 16)}
    own = {tuple(jax.random.fold_in(key, number).tolist()) for number in (BEGINNINGS, GOALS)}
    assert len(own) == 2
    assert not own & parts
