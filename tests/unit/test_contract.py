"""What `update` does for every method alike: delayed actors, cloned starts, momentum, a model beside, the clock."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from awac.algorithm import fitting_behavior, initialize, learning_parts, update
from awac.algorithms import ALGORITHMS
from awac.batch import Batch
from awac.data.buffer import to_device
from awac.errors import DivergedError
from awac.learner import Learner, Sampling
from awac.networks import Clock, Sizes
from awac.scaling import Scaling

pytestmark = pytest.mark.usefixtures("quick_compilation")

SIZES, ROWS = Sizes(observation=3, action=2), 24
SMALL = {"actor_hidden": (8,), "critic_hidden": (8,)}


def data(rows=ROWS):
    generator = np.random.default_rng(0)
    return Batch(
        observations=generator.normal(size=(rows, SIZES.observation)).astype(np.float32),
        actions=generator.uniform(-1, 1, size=(rows, SIZES.action)).astype(np.float32),
        rewards=generator.normal(size=rows).astype(np.float32),
        next_observations=generator.normal(size=(rows, SIZES.observation)).astype(np.float32),
        terminated=np.arange(rows) % 7 == 6,
        truncated=np.arange(rows) % 11 == 10,
        provenance=np.zeros(rows, np.int8),
        steps=np.ones(rows, np.int32),
    )


BATCH = to_device(data())
WHOLE = BATCH._replace(returns=BATCH.rewards, next_actions=BATCH.actions)  # as methods have it that ask for these


def begin(algorithm, seed=0, **changes):
    config = algorithm.config(**SMALL, **changes)
    return config, initialize(algorithm, config, SIZES, jax.random.PRNGKey(seed))


def same(first, second):
    """Whether two trees are equal to the last bit."""
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, first, second)))


def close(first, second):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), first, second)


def numbers(tree):
    """The arrays that learn."""
    return eqx.filter(tree, eqx.is_inexact_array)


def learned(state, part):
    return numbers(getattr(state.networks, part)), state.optimizers[part]


def test_actor_and_multiplier_wait_for_their_turn():
    """Critic at every update, the others at every third: parameters, moments and metrics."""
    sac = ALGORITHMS["sac"]
    config, state = begin(sac, actor_period=3)
    for step in range(1, 7):
        after, metrics = update(sac, config, state, BATCH)
        due = step % 3 == 0
        assert not same(learned(state, "critic"), learned(after, "critic"))
        for part in ("actor", "dual"):
            assert same(learned(state, part), learned(after, part)) != due
        for name in ("actor_loss", "entropy", "dual_loss", "temperature"):
            assert (float(metrics[f"train/{name}"]) != 0) == due
        assert float(metrics["train/critic_loss"]) != 0
        assert int(after.step) == step
        state = after


def test_delayed_updates_equal_a_loop_by_hand():
    sac = ALGORITHMS["sac"]
    rates = {"critic": 0.01, "actor": 0.02, "dual": 0.03}
    config, state = begin(sac, actor_period=2, **{f"{part}_learning_rate": rate for part, rate in rates.items()})
    networks, key = state.networks, state.key
    moments = {part: optax.adam(rate).init(numbers(getattr(networks, part))) for part, rate in rates.items()}
    for step in range(1, 5):
        key, loss_key = jax.random.split(key)
        keys = dict(zip(rates, jax.random.split(loss_key, 3), strict=True))
        seen, moved = replace(networks, clock=Clock(jnp.int32(step - 1), jnp.bool_(False))), {}
        for part in rates if step % 2 == 0 else ("critic",):
            own = getattr(networks, part)
            loss = learning_parts(sac)[part]
            gradient, _ = eqx.filter_grad(loss, has_aux=True)(own, seen, BATCH, config, keys[part])
            change, moments[part] = optax.adam(rates[part]).update(gradient, moments[part])
            moved[part] = eqx.apply_updates(own, change)
        networks = replace(networks, **moved)
        slow = jax.tree.map(
            lambda old, new: old + config.target_rate * (new - old), networks.target_critic, networks.critic
        )
        networks = replace(networks, target_critic=slow)
        state, _ = update(sac, config, state, BATCH)
    close(numbers(state.networks), numbers(networks))


def test_first_updates_clone_and_later_ones_are_the_methods():
    awac, bc = ALGORITHMS["awac"], ALGORITHMS["bc"]
    config, state = begin(awac, clone_steps=3, temperature=0.01)
    clone_config, clone = begin(bc)
    clone = replace(clone, networks=replace(clone.networks, actor=state.networks.actor))
    for _ in range(3):
        state, metrics = update(awac, config, state, BATCH)
        clone, cloned = update(bc, clone_config, clone, BATCH)
        np.testing.assert_allclose(metrics["train/actor_loss"], cloned["train/actor_loss"], rtol=1e-5)
    close(numbers(state.networks.actor), numbers(clone.networks.actor))
    after, found = update(awac, config, state, BATCH)
    own, _ = update(awac, replace(config, clone_steps=0), state, BATCH)
    close(numbers(after.networks), numbers(own.networks))
    still, cloned = update(awac, replace(config, clone_steps=4), state, BATCH)
    assert abs(found["train/actor_loss"] / cloned["train/actor_loss"] - 1) > 0.01
    close(numbers(after.networks.critic), numbers(still.networks.critic))


def test_the_temperature_rests_while_the_policy_clones():
    """Nothing answers it then: it would rise at each update where the clone has less entropy than is asked for."""
    sac = ALGORITHMS["sac"]
    config, state = begin(sac, clone_steps=3, initial_temperature=0.5)
    for _ in range(3):
        state, _ = update(sac, config, state, BATCH)
        np.testing.assert_allclose(state.networks.dual, np.log(0.5), rtol=1e-6)
    state, _ = update(sac, config, state, BATCH)
    assert abs(state.networks.dual - np.log(0.5)) > 1e-5


@pytest.mark.parametrize(
    ("name", "settings"), [("cql", {"conservative_threshold": 50.0, "proposals": 2}), ("marwil", {})]
)
def test_a_dual_that_answers_to_the_critic_learns_while_the_policy_clones(name, settings):
    """The multiplier of CQL's gap, and the scale of MARWIL's advantages; CQL's temperature rests."""
    method = ALGORITHMS[name]
    config, state = begin(method, clone_steps=9, **settings)
    before = jax.tree.leaves(state.networks.dual)
    state, _ = update(method, config, state, WHOLE)
    moved = [
        abs(float(new - old)) > 1e-5 for old, new in zip(before, jax.tree.leaves(state.networks.dual), strict=True)
    ]
    assert moved == ([False, True] if name == "cql" else [True])


@pytest.mark.parametrize(("name", "settings"), [("awr", {"action_std": 0.2}), ("rebrac", {"exploration_noise": 0.2})])
def test_a_fixed_deviation_stays_while_the_policy_clones(name, settings):
    method = ALGORITHMS[name]
    config, state = begin(method, clone_steps=9, actor_period=1, actor_weight_decay=0.0, **settings)
    for _ in range(3):
        mean = state.networks.actor(BATCH.observations).mode()
        state, _ = update(method, config, state, WHOLE)
    distribution = state.networks.actor(BATCH.observations)
    np.testing.assert_allclose(distribution.log_std, np.log(0.2), rtol=1e-6)
    assert np.abs(distribution.mode() - mean).max() > 1e-5


def test_a_model_beside_the_method_starts_elsewhere_than_its_policy():
    _, state = begin(fitting_behavior(ALGORITHMS["awac"]), std="dependent")
    first, beside = (each.network.layers[0].weight for each in (state.networks.actor, state.networks.behavior))
    assert first.shape == beside.shape
    assert not (first == beside).any()


def test_momentum_is_plain_gradient_descent_with_a_memory():
    """Velocity v = momentum * v + gradient, parameter -= rate * v: for the actor, with no Adam in it."""
    bc = ALGORITHMS["bc"]
    config, state = begin(bc, momentum=0.9, actor_learning_rate=0.05, actor_weight_decay=0.0)
    parameters = jax.tree.map(np.float64, state.networks.actor)
    velocity = jax.tree.map(np.zeros_like, parameters)
    for _ in range(4):
        gradient, _ = eqx.filter_grad(bc.actor, has_aux=True)(
            state.networks.actor, state.networks, BATCH, config, state.key
        )
        velocity = jax.tree.map(lambda v, g: 0.9 * v + np.float64(g), velocity, gradient)
        parameters = jax.tree.map(lambda p, v: p - 0.05 * v, parameters, velocity)
        state, _ = update(bc, config, state, BATCH)
    close(state.networks.actor, parameters)


def test_multipliers_keep_adam_where_the_others_have_momentum():
    _, state = begin(ALGORITHMS["sac"], momentum=0.5)
    _, plain = begin(ALGORITHMS["sac"])
    assert {part for part in plain.optimizers if same_form(state.optimizers[part], plain.optimizers[part])} == {"dual"}


def same_form(first, second):
    return jax.tree.structure(first) == jax.tree.structure(second)


@pytest.mark.parametrize("name", ["bc", "awac"])
def test_a_model_of_the_data_is_fitted_beside_any_method(name):
    """It learns the data's likelihood, and the method's own networks are what they would be without it."""
    states = {}
    for fitting in (False, True):
        algorithm = ALGORITHMS[name]
        config = algorithm.config(**SMALL, fit_behavior=fitting, behavior_learning_rate=0.01)
        made = Learner(algorithm, config, Scaling.identity(*SIZES), 0, ROWS)
        made.insert(data())
        metrics = [made.update(30, Sampling(batch_size=ROWS)) for _ in range(3)]
        states[fitting] = made.state()
    assert metrics[2]["train/behavior_loss"] < 0.5 * metrics[0]["train/behavior_loss"]
    added = states[True].keys() - states[False].keys()
    assert added
    assert all("behavior" in name for name in added)
    assert all(np.array_equal(array, states[True][name]) for name, array in states[False].items())


def test_a_method_with_a_model_keeps_its_own():
    own = replace(ALGORITHMS["bc"], behavior=ALGORITHMS["bc"].actor)
    assert fitting_behavior(own) is own
    assert fitting_behavior(ALGORITHMS["awac"]) is fitting_behavior(ALGORITHMS["awac"]), "compiled once"


def test_networks_start_alike_with_and_without_a_model():
    _, plain = begin(ALGORITHMS["awac"])
    _, beside = begin(fitting_behavior(ALGORITHMS["awac"]))
    assert beside.networks.behavior is not None
    assert same(numbers(replace(beside.networks, behavior=None)), numbers(plain.networks))


def telling(actor, networks, batch, config, key):
    """Behaviour cloning that says what time it is."""
    loss, _ = ALGORITHMS["bc"].actor(actor, networks, batch, config, key)
    return loss, {"online": networks.clock.online.astype(float), "step": networks.clock.step.astype(float)}


def teller():
    algorithm = replace(ALGORITHMS["bc"], actor=telling)
    made = Learner(algorithm, algorithm.config(**SMALL), Scaling.identity(*SIZES), 0, ROWS)
    made.insert(data())
    return made


def test_losses_know_the_time_and_the_switch_also_after_a_restart():
    first, second, sampling = teller(), teller(), Sampling(batch_size=8)
    found = first.update(3, sampling)
    assert (found["train/online"], found["train/step"]) == (0.0, 2.0)
    first.go_online()
    found = first.update(1, sampling)
    assert (found["train/online"], found["train/step"]) == (1.0, 3.0)
    second.restore(first.state())
    found = second.update(1, sampling)
    assert (found["train/online"], found["train/step"]) == (1.0, 4.0)


def hopeless(actor, networks, batch, config, key):
    """A loss that is infinite."""
    loss, metrics = ALGORITHMS["sac"].actor(actor, networks, batch, config, key)
    return loss + jnp.inf, metrics


def test_a_delayed_part_that_is_not_finite_halts_when_it_is_due():
    algorithm = replace(ALGORITHMS["sac"], actor=hopeless)
    config, state = begin(algorithm, actor_period=2)
    first, _ = update(algorithm, config, state, BATCH)
    assert not bool(first.halted)
    second, metrics = update(algorithm, config, first, BATCH)
    assert bool(second.halted)
    assert not np.isfinite(metrics["train/actor_loss"])
    assert same(numbers(second.networks), numbers(first.networks))
    assert int(second.step) == 1
    made = Learner(algorithm, config, Scaling.identity(*SIZES), 0, ROWS)
    made.insert(data())
    with pytest.raises(DivergedError, match=r"^update 2 is not finite in train/actor_loss"):
        made.update(4, Sampling(batch_size=8))
