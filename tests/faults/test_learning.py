"""Numbers that are not finite, and numbers that are very large: cases 21 and 22 of docs/faults.md.

Case 23, actions on the boundary, is in tests/oracle/test_distributions.py.
"""

import dataclasses
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from awac import checkpoint
from awac.algorithms import ALGORITHMS
from awac.batch import Batch, Provenance
from awac.errors import DivergedError
from awac.learner import Learner, Sampling
from awac.networks import Sizes, lower_q
from awac.objectives import advantage_weight
from awac.scaling import Scaling
from awac.training import parse, train

pytestmark = pytest.mark.usefixtures("quick_compilation")

SIZES, CAPACITY, SAMPLING = Sizes(observation=3, action=2), 40, Sampling(batch_size=8)
SMALL = {"actor_hidden": (8,), "critic_hidden": (8,)}
MARK = 1e3  # a reward that only the poisoned losses react to


def rows(count, seed=0):
    generator = np.random.default_rng(seed)
    return Batch(
        observations=generator.normal(size=(count, SIZES.observation)).astype(np.float32),
        actions=generator.uniform(-1, 1, size=(count, SIZES.action)).astype(np.float32),
        rewards=generator.normal(size=count).astype(np.float32),
        next_observations=generator.normal(size=(count, SIZES.observation)).astype(np.float32),
        terminated=np.arange(count) % 5 == 4,
        truncated=np.zeros(count, bool),
        provenance=np.full(count, Provenance.ONLINE, np.int8),
        steps=np.ones(count, np.int32),
    )


def poisoned_rows(field, value):
    """As many as fill the buffer, all with one number that is wrong."""
    batch = rows(CAPACITY)
    array = getattr(batch, field).copy()
    array.reshape(CAPACITY, -1)[:, 0] = value
    return batch._replace(**{field: array})


def poisoned_loss(algorithm, poison):
    """The method with `poison(marked, actor)` added to its policy loss; `marked`: the batch has a reward of MARK."""

    def loss(actor, networks, batch, config, key):
        value, metrics = algorithm.actor(actor, networks, batch, config, key)
        return value + poison(jnp.any(batch.rewards >= MARK), actor), metrics

    return dataclasses.replace(algorithm, actor=loss)


def infinite_loss(marked, actor):
    return jnp.where(marked, jnp.inf, 0.0)


def infinite_gradient(marked, actor):
    """Zero, with an infinite slope where the batch is marked."""
    square = jnp.where(marked, 0.0, 1.0) * jnp.sum(jnp.square(actor.network.layers[0].weight))
    return jnp.where(marked, jnp.sqrt(square), 0.0)


def make(algorithm, seed=0):
    made = Learner(algorithm, algorithm.config(**SMALL), Scaling.identity(*SIZES), seed, CAPACITY)
    made.insert(rows(CAPACITY))
    return made


def unchanged(before, after):
    """Every bit but the one that says why."""
    different = [name for name in before if not np.array_equal(before[name], after[name])]
    return before.keys() == after.keys() and [name.split(".")[-1] for name in different] == ["halted"]


CASES = [
    ("awac", None, "observations", np.nan),
    ("awac", None, "next_observations", np.inf),
    ("awac", None, "actions", np.nan),
    ("awac", None, "rewards", np.nan),  # the critic's target
    ("awac", None, "rewards", -np.inf),
    ("sac", None, "observations", np.nan),
    ("sac", None, "rewards", np.nan),
    ("bc", None, "observations", np.nan),
    ("bc", infinite_loss, "rewards", MARK),
    ("bc", infinite_gradient, "rewards", MARK),
]
POISONED = {
    (name, poison): poisoned_loss(ALGORITHMS[name], poison) if poison else ALGORITHMS[name]
    for name, poison, _, _ in CASES
}


@pytest.mark.parametrize(("name", "poison", "field", "value"), CASES)
def test_what_is_not_finite_is_never_applied_and_can_be_shown_again(name, poison, field, value, tmp_path):
    algorithm = POISONED[name, poison]
    learner = make(algorithm)
    learner.update(2, SAMPLING)
    before = learner.state()
    learner.insert(poisoned_rows(field, value))
    for _ in range(2):  # it stays stopped
        with pytest.raises(DivergedError, match=r"^update 3 .*not applied") as raised:
            learner.update(2, SAMPLING)
        assert raised.value.exit_code == 6
        assert unchanged(before, learner.state())

    parts = {"learner": learner.state(), "batch": learner.failing_batch(SAMPLING)}
    saved = checkpoint.load(checkpoint.save(tmp_path, 2, parts, {})).parts
    again = make(algorithm)
    halted = next(part for part in saved["learner"] if part.endswith(".halted"))
    again.restore({**saved["learner"], halted: np.array(False)})
    again.update(2, SAMPLING)  # the state is sound
    again.restore({**saved["learner"], halted: np.array(False)})
    for _ in range(CAPACITY // SAMPLING.batch_size):
        again.insert(Batch(**saved["batch"]))
    with pytest.raises(DivergedError, match=r"^update 3 "):
        again.update(2, SAMPLING)


def test_the_message_names_what_is_not_finite():
    for (name, poison), culprit in {
        ("bc", infinite_loss): "train/actor_loss",
        ("bc", infinite_gradient): "a gradient",
    }.items():
        learner = make(POISONED[name, poison])
        learner.insert(poisoned_rows("rewards", MARK))
        with pytest.raises(DivergedError, match=rf"update 1 is not finite in {culprit};"):
            learner.update(2, SAMPLING)


def test_a_failure_in_the_middle_keeps_the_updates_before_it():
    """One bad transition among forty: the update that draws it stops the program, the ones before count."""
    learner, count = make(ALGORITHMS["bc"], seed=1), 200
    learner.insert(rows(1)._replace(observations=np.full((1, SIZES.observation), np.nan, np.float32)))
    with pytest.raises(DivergedError) as raised:
        learner.update(count, SAMPLING)
    state = learner.state()
    applied = int(state[next(name for name in state if name.endswith(".step"))])
    assert 0 < applied < count
    assert int(re.search(r"update (\d+)", str(raised.value))[1]) == applied + 1
    assert all(np.all(np.isfinite(array)) for array in state.values())
    assert np.isnan(learner.failing_batch(SAMPLING)["observations"]).any()


@pytest.mark.parametrize("weighting", ["exp", "softmax"])
@pytest.mark.parametrize("sign", [[1, -1], [-1], [1], [0]])
def test_weights_of_huge_advantages(weighting, sign):
    advantages = jnp.asarray(1e4 * np.resize(sign, 64), jnp.float32)
    weights = np.asarray(advantage_weight(advantages / 1e-3, weighting, 100.0))
    assert np.all(np.isfinite(weights))
    assert np.all(weights >= 0)
    if weighting == "softmax":
        np.testing.assert_allclose(weights.sum(), 64, rtol=1e-5)
    else:
        np.testing.assert_allclose(weights.max(), {1: 100.0, -1: 0.0, 0: 1.0}[max(sign)], rtol=1e-5)


def huge(networks):
    """Critics whose values reach tens of thousands."""
    last = [member.layers[-1] for member in networks.critic.members]
    grown = jax.tree.map(lambda leaf: 1e8 * leaf, last)
    return eqx.tree_at(lambda tree: [member.layers[-1] for member in tree.critic.members], networks, grown)


def rows_of_sign(networks, sign, count=16):
    """Transitions whose actions are all better than the mean action, all worse, or some of each."""
    batch = rows(200).map(jnp.asarray)
    mean = networks.actor(batch.observations).mode()
    q = [lower_q(networks.critic, batch.observations, actions) for actions in (batch.actions, mean)]
    chosen = np.flatnonzero(sign * np.asarray(q[0] - q[1]) >= 0)[:count]
    assert len(chosen) == count
    return jax.tree.map(lambda leaf: leaf[chosen], batch)


@pytest.mark.parametrize(
    "changes",
    [
        {"weighting": "exp"},
        {"weighting": "softmax"},
        {"weighting": "exp", "partition_samples": 3},
        {"weighting": "softmax", "divergence_bound": 0.5},
    ],
)
@pytest.mark.parametrize("sign", [1, -1, 0])
def test_gradients_of_huge_advantages(changes, sign):
    """Loss, metrics and gradient stay finite, so that a hard batch does not end the run."""
    algorithm = ALGORITHMS["awac"]
    config = algorithm.config(**SMALL, temperature=1e-3, value="mean_action", **changes)
    networks = huge(algorithm.networks(jax.random.PRNGKey(0), SIZES, config))
    inputs = networks, rows_of_sign(networks, sign), config, jax.random.PRNGKey(1)
    (loss, metrics), gradient = eqx.filter_value_and_grad(algorithm.actor, has_aux=True)(networks.actor, *inputs)
    assert sign * metrics["advantage_mean"] >= 1e4 * abs(sign)
    for number in jax.tree.leaves((loss, metrics, gradient)):
        assert np.all(np.isfinite(number))
    assert 0 <= metrics["weight_effective_sample_size"] <= 1 + 1e-6


def test_a_run_that_diverges_leaves_what_shows_it_again(tmp_path, monkeypatch):
    """Exit code 6, the last checkpoint as it was, and a folder from which the failing update can be run again."""
    insert, calls = Learner.insert, iter(range(100))

    def poisoned(learner, batch):
        bad = next(calls) >= 3
        insert(learner, batch._replace(observations=np.full_like(batch.observations, np.nan)) if bad else batch)

    folder = tmp_path / "run"
    options = f"""--algorithm bc --env awac/PointMass-v0 --folder {folder} --offline-steps 0 --online-steps 200
    --interval 10 --batch-size 16 --buffer-capacity 50 --evaluation-interval 100 --evaluation-episodes 1
    --log-interval 10 --checkpoint-interval 10 --actor-hidden 8""".split()
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "insert", poisoned)
        with pytest.raises(DivergedError, match="the state and the batch are in") as raised:
            train(parse(options))
    assert raised.value.exit_code == 6
    parts = checkpoint.load(folder / "diverged").parts
    assert np.isnan(parts["batch"]["observations"]).any()
    assert all(np.all(np.isfinite(array)) for array in parts["learner"].values())
    step = next(array for name, array in parts["learner"].items() if name.endswith(".step"))
    assert f"update {int(step) + 1} is not finite" in str(raised.value)
    assert checkpoint.load(folder / "checkpoints").step >= 30, "the checkpoints before the fault are still there"
