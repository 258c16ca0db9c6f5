"""Networks: how they start, their shapes, and the bound of the critics."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from awac.distributions import TanhGaussian
from awac.networks import (
    ACTOR_FINAL_SCALE,
    CRITIC_FINAL_SCALE,
    MLP,
    CriticEnsemble,
    GaussianActor,
    LayerNorm,
    Linear,
    Networks,
    Sizes,
    TanhGaussianActor,
    lower_q,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

SIZES, HIDDEN, KEY = Sizes(observation=5, action=3), (16, 12), jax.random.PRNGKey(0)
OBSERVATIONS = jnp.asarray(np.random.default_rng(0).normal(size=(7, 5)), jnp.float32)
ACTIONS = jnp.asarray(np.random.default_rng(1).uniform(-1, 1, size=(7, 3)), jnp.float32)


def critic(count=2, norm=False, upper_bound=None):
    return CriticEnsemble(KEY, SIZES, HIDDEN, count, norm, upper_bound)


@pytest.mark.parametrize(("scale", "half_width"), [(None, 0.25), (1e-3, 1e-3)])
def test_linear_starts_uniform_with_zero_bias(scale, half_width):
    layer = Linear(KEY, 16, 500, scale)
    assert np.max(np.abs(layer.weight)) <= half_width
    np.testing.assert_allclose(np.std(layer.weight), half_width / np.sqrt(3), rtol=0.05)
    np.testing.assert_array_equal(layer.bias, np.zeros(500))


def test_perceptron_has_the_widths_it_was_given():
    network = MLP(KEY, 5, HIDDEN, 2, final_scale=1.0, norm=True)
    assert [layer.weight.shape for layer in network.layers] == [(5, 16), (16, 12), (12, 2)]
    assert [norm.scale.shape for norm in network.norms] == [(16,), (12,)]
    assert network(OBSERVATIONS).shape == (7, 2)
    assert network(OBSERVATIONS[0]).shape == (2,)
    assert np.all(MLP(KEY, 5, HIDDEN, 2, 1.0, norm=False).layers[0].weight == network.layers[0].weight)


def test_layer_norm():
    found = LayerNorm(5)(3.0 * OBSERVATIONS + 2.0)
    np.testing.assert_allclose(np.mean(found, axis=-1), np.zeros(7), atol=1e-6)
    np.testing.assert_allclose(np.std(found, axis=-1), np.ones(7), rtol=1e-3)


@pytest.mark.parametrize("std", ["independent", "dependent"])
def test_gaussian_actor_starts_near_zero_with_a_deviation_of_exp_minus_three(std):
    """The authors' policy: last layer in +-1e-3, log-std in the middle of [-6, 0]."""
    actor = GaussianActor(KEY, SIZES, HIDDEN, std)
    assert np.max(np.abs(actor.network.layers[-1].weight)) <= ACTOR_FINAL_SCALE == 1e-3
    distribution = actor(OBSERVATIONS)
    np.testing.assert_allclose(distribution.mean, np.zeros((7, 3)), atol=0.05)
    np.testing.assert_allclose(distribution.log_std, np.full((7, 3), -3.0), atol=0.05)
    assert distribution.log_std.shape == (7, 3)
    assert distribution.log_prob(ACTIONS).shape == (7,)


@pytest.mark.parametrize(("logit", "log_std"), [(-50.0, -6.0), (0.0, -3.0), (50.0, 0.0)])
def test_deviation_stays_between_its_ends(logit, log_std):
    actor = GaussianActor(KEY, SIZES, HIDDEN, "independent")
    actor = jax.tree.map(lambda leaf: jnp.full_like(leaf, logit) if leaf is actor.log_std_logit else leaf, actor)
    np.testing.assert_allclose(actor(OBSERVATIONS).log_std, np.full((7, 3), log_std), atol=1e-5)


def test_deviation_depends_on_the_observation_only_where_asked_for():
    def spread(std):
        actor = jax.tree.map(lambda leaf: 100.0 * leaf, GaussianActor(KEY, SIZES, HIDDEN, std))
        return float(np.ptp(actor(OBSERVATIONS).log_std, axis=0).max())

    assert spread("independent") == 0.0
    assert spread("dependent") > 0.0


def test_tanh_gaussian_actor():
    distribution = TanhGaussianActor(KEY, SIZES, HIDDEN)(OBSERVATIONS)
    assert isinstance(distribution, TanhGaussian)
    assert distribution.mean.shape == distribution.log_std.shape == (7, 3)
    np.testing.assert_allclose(distribution.log_std, np.zeros((7, 3)), atol=0.05)


def test_critics_are_independent_and_the_lower_one_counts():
    ensemble = critic(count=3)
    values = ensemble(OBSERVATIONS, ACTIONS)
    assert values.shape == (3, 7)
    assert not np.allclose(values[0], values[1])
    assert all(np.max(np.abs(m.layers[-1].weight)) <= CRITIC_FINAL_SCALE for m in ensemble.members)
    np.testing.assert_array_equal(lower_q(ensemble, OBSERVATIONS, ACTIONS), np.min(values, axis=0))


def test_several_actions_for_each_observation():
    """(samples, batch, action) beside (batch, observation): each sample gets the value that it has alone."""
    several = jnp.stack([ACTIONS, -ACTIONS, 0 * ACTIONS])
    found = critic()(OBSERVATIONS, several)
    assert found.shape == (2, 3, 7)
    for sample, actions in enumerate(several):
        np.testing.assert_allclose(found[:, sample], critic()(OBSERVATIONS, actions), rtol=1e-5)


def test_values_are_never_above_the_bound():
    free, bounded = critic(), critic(upper_bound=0.0)
    values = free(OBSERVATIONS, ACTIONS)
    assert np.max(values) > 0
    np.testing.assert_allclose(bounded(OBSERVATIONS, ACTIONS), np.minimum(values, 0.0))


def test_a_critic_that_starts_above_its_bound_still_learns():
    """All outputs are above the bound at first. A plain clamp has no gradient there and would stay for ever."""
    ensemble = critic(upper_bound=0.0)
    for member in ensemble.members:
        ensemble = jax.tree.map(lambda x, b=member.layers[-1].bias: x + 5.0 if x is b else x, ensemble)

    def loss(parameters):
        return jnp.mean(jnp.square(parameters(OBSERVATIONS, ACTIONS) + 1.0))

    gradient = jax.grad(loss)(ensemble)
    assert all(np.any(member.layers[-1].bias > 0) for member in gradient.members)
    optimizer = optax.adam(0.03)
    state = optimizer.init(ensemble)
    step = jax.jit(lambda tree, state: optimizer.update(jax.grad(loss)(tree), state))
    for _ in range(400):
        change, state = step(ensemble, state)
        ensemble = optax.apply_updates(ensemble, change)
    np.testing.assert_allclose(ensemble(OBSERVATIONS, ACTIONS), np.full((2, 7), -1.0), atol=0.05)


def test_what_is_absent_is_none_and_the_average_acts_where_it_is_kept():
    networks = Networks(actor="actor")
    assert (networks.critic, networks.target_actor, networks.dual) == (None, None, None)
    assert networks.acting == "actor"
    assert Networks(actor="actor", averaged_actor="average").acting == "average"
