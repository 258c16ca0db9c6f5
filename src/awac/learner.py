# JAX, Equinox and Optax are typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""The door between NumPy and the compiled learner: transitions and observations go in, actions and metrics come out."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from awac.algorithm import Algorithm, Metrics, State, fitting_behavior, initialize, update
from awac.batch import Batch
from awac.behavior import log_likelihood
from awac.data.buffer import Buffer, Mix, create, insert, sample, to_device, truncate_newest
from awac.data.goals import Relabelling, sample_relabelled
from awac.data.trajectories import beginnings, draw_beginnings, newest, steps_left, with_next_actions, with_returns
from awac.errors import CheckpointError, ConfigError, DivergedError
from awac.hyperparameters import Hyperparameters
from awac.networks import GaussianActor, Networks, Sizes
from awac.runtime import GAUSSIAN, TANH_GAUSSIAN, Card, Policy
from awac.scaling import Scaling

SAMPLING = 0x5A3B1E  # folded into a state's key to draw its batch; the key itself feeds the losses
BEGINNINGS = 0xBE61  # folded into the key of a batch; small numbers give the keys of its parts, as `split` does


class Sampling(NamedTuple):
    """How a batch is drawn; compiled in."""

    batch_size: int
    mix: Mix = ()
    return_steps: int = 1
    newest: int = 0  # so many of the newest transitions come with the batch, in time order
    relabelling: Relabelling | None = None  # goals in hindsight; the newest keep theirs


class Prepared(NamedTuple):
    """The buffer and what is computed from it once for all batches of a call, where it is asked for."""

    buffer: Buffer  # with returns and next actions
    starts: Any = None  # from `beginnings`
    left: Any = None  # from `steps_left`


def draw(algorithm: Algorithm, config: Hyperparameters, sampling: Sampling, state: State, prepared: Prepared) -> Batch:
    """The batch that a state learns from next."""
    key = jax.random.fold_in(state.key, SAMPLING)
    size, mix, return_steps, recent, relabelling = sampling
    buffer, starts, left = prepared
    if relabelling is None:
        batch = sample(buffer, key, size, mix, return_steps, config.discount)
    else:
        batch = sample_relabelled(buffer, left, relabelling, key, size, mix, return_steps, config.discount)
    if recent:
        batch = batch._replace(newest=newest(buffer, recent))
    if algorithm.initial_observations:
        beginnings_key = jax.random.fold_in(key, BEGINNINGS)
        batch = batch._replace(initial_observations=draw_beginnings(buffer, starts, beginnings_key, size))
    return batch


def check_sampling(algorithm: Algorithm, sampling: Sampling) -> None:
    """Refuses batches that a method cannot learn from.

    Raises:
        ConfigError: goals in hindsight under a method that learns from the returns of whole trajectories.
    """
    if algorithm.returns is not None and sampling.relabelling is not None:
        raise ConfigError(
            f"relabel: not possible with {algorithm.name}, which learns from the returns of whole trajectories: "
            "they belong to the goals that were played for; allowed: no relabel"
        )


def prepare(
    algorithm: Algorithm, config: Hyperparameters, sampling: Sampling, state: State, buffer: Buffer
) -> Prepared:
    """What is computed once for all batches of a call: returns, next actions, beginnings and ends of episodes."""
    check_sampling(algorithm, sampling)
    if algorithm.returns is not None:
        returns, networks = algorithm.returns, state.dated()
        buffer = with_returns(buffer, lambda ordered: returns(networks, ordered, config))
    if algorithm.next_actions:
        buffer = with_next_actions(buffer)
    starts = beginnings(buffer) if algorithm.initial_observations else None
    return Prepared(buffer, starts, None if sampling.relabelling is None else steps_left(buffer))


@partial(jax.jit, static_argnums=(0, 1, 2, 3), donate_argnums=4)
def run_updates(
    algorithm: Algorithm, config: Hyperparameters, sampling: Sampling, count: int, state: State, buffer: Buffer
) -> tuple[State, Metrics]:
    """`count` updates in one program, each on a batch of its own. Metrics are those of the last update."""
    prepared = prepare(algorithm, config, sampling, state, buffer)
    advance = algorithm.update or update

    def step(state: State, _: None) -> tuple[State, Metrics]:
        return advance(algorithm, config, state, draw(algorithm, config, sampling, state, prepared))

    state, metrics = jax.lax.scan(step, state, None, length=count)
    return state, jax.tree.map(lambda values: values[-1], metrics)


@partial(jax.jit, static_argnums=(0, 1, 2))
def choose(
    algorithm: Algorithm,
    config: Hyperparameters,
    deterministic: bool,
    networks: Networks,
    observations: Float[Array, "batch observation"],
    key: PRNGKeyArray,
) -> Float[Array, "batch action"]:
    """Actions in [-1, 1]: the mode or a sample of the actor, or what the method's own `act` returns."""
    if algorithm.act is not None:
        return algorithm.act(networks, observations, key, config)
    distribution = networks.acting(observations)
    return jnp.clip(distribution.mode() if deterministic else distribution.sample(key), -1.0, 1.0)


@jax.jit
def model_fit(behavior: Any, observations: Any, actions: Any) -> Scalar:
    """The mean log-likelihood of actions under a model of the data, with the same noise each time."""
    return jnp.mean(log_likelihood(behavior, observations, actions, jax.random.PRNGKey(0)))


class Learner:
    """A method, its state and its buffer, behind NumPy. Deterministic: the same calls give the same bits."""

    def __init__(
        self, algorithm: Algorithm, config: Hyperparameters, scaling: Scaling, seed: int, capacity: int
    ) -> None:
        """An untrained learner with an empty buffer of `capacity` transitions; `scaling` gives the sizes."""
        self.algorithm = fitting_behavior(algorithm) if config.fit_behavior else algorithm
        self.config, self.scaling = config, scaling
        self.sizes = Sizes(scaling.observation_size, scaling.action_size)
        learning_key, self._acting_key = jax.random.split(jax.random.PRNGKey(seed))
        self._state = initialize(self.algorithm, config, self.sizes, learning_key)
        self._buffer = create(capacity, self.sizes)
        self._begun: State | None = None  # before the last call: what returns of whole trajectories were computed with

    @property
    def buffered(self) -> int:
        """Transitions in the buffer."""
        return int(self._buffer.size)

    def insert(self, batch: Batch) -> None:
        """Stores transitions (NumPy, in time order, in the environment's units)."""
        self._buffer = insert(self._buffer, to_device(self._scaled(batch)))

    def _scaled(self, batch: Batch) -> Batch:
        return batch._replace(
            observations=self.scaling.normalize(batch.observations),
            next_observations=self.scaling.normalize(batch.next_observations),
            actions=np.clip(self.scaling.to_unit(batch.actions), -1.0, 1.0),
        )

    def truncate_newest(self) -> None:
        """Marks the newest transition as the last of its episode: a fault, or a restart, cut it there."""
        self._buffer = truncate_newest(self._buffer)

    def update(self, count: int, sampling: Sampling) -> dict[str, float]:
        """`count` updates; returns the metrics of the last one.

        Raises:
            DivergedError: a loss or gradient was not finite. The state is the one before the failing update.
        """
        if self.algorithm.returns is not None:
            self._begun = jax.tree.map(jnp.copy, self._state)
        self._state, metrics = run_updates(self.algorithm, self.config, sampling, count, self._state, self._buffer)
        if bool(self._state.halted):
            # a halted program computes the failing update again until it ends: its last metrics are that update's
            culprits = [name for name, value in metrics.items() if not np.isfinite(value)] or ["a gradient"]
            step = int(self._state.step)
            raise DivergedError(f"update {step + 1} is not finite in {', '.join(culprits)}; it was not applied")
        return {name: float(value) for name, value in metrics.items()}

    def failing_batch(self, sampling: Sampling) -> dict[str, np.ndarray]:
        """The batch on which a halted state stopped, by field: with `state` it shows the failure again."""
        begun = self._state if self._begun is None else self._begun
        prepared = prepare(self.algorithm, self.config, sampling, begun, self._buffer)
        batch = draw(self.algorithm, self.config, sampling, self._state, prepared)
        arrays = batch._replace(newest=None)._asdict()
        if batch.newest is not None:
            arrays |= {f"newest_{name}": array for name, array in batch.newest._asdict().items()}
        return {name: np.asarray(array) for name, array in arrays.items() if array is not None}

    def behavior_metrics(self, batch: Batch) -> dict[str, float]:
        """How likely transitions (NumPy, in the environment's units) are under the model of the data, if there is one.

        The actions are those of the network, in [-1, 1]: a density, so that its logarithm may be above zero.
        """
        behavior, data = self._state.networks.behavior, self._scaled(batch)
        if behavior is None:
            return {}
        found = model_fit(behavior, jnp.asarray(data.observations, jnp.float32), jnp.asarray(data.actions, jnp.float32))
        return {"train/behavior_log_likelihood": float(found)}

    def reseed(self, seed: int) -> None:
        """Lets the samples that `act` draws begin anew."""
        self._acting_key = jax.random.PRNGKey(seed)

    def go_online(self) -> None:
        """Tells the losses that the policy has begun to act: some change their constraint there."""
        self._state = replace(self._state, online=jnp.bool_(True))

    def act(self, observations: np.ndarray, deterministic: bool = False) -> np.ndarray:
        """Actions `(n, action)` in the environment's units for observations `(n, observation)`.

        Raises:
            ConfigError: observations of another size.
        """
        if observations.shape[1:] != (self.sizes.observation,):
            found = f"observations have shape {observations.shape}"
            raise ConfigError(f"{found}; (n, {self.sizes.observation}) is needed")
        if not deterministic:
            self._acting_key, key = jax.random.split(self._acting_key)
        else:
            key = jax.random.PRNGKey(0)
        scaled = jnp.asarray(self.scaling.normalize(observations), jnp.float32)
        networks = self._state.networks if self.algorithm.act else Networks(actor=self._state.networks.acting)
        actions = choose(self.algorithm, self.config, deterministic, networks, scaled, key)
        return self.scaling.from_unit(np.asarray(actions))

    def state(self) -> dict[str, np.ndarray]:
        """Everything but the buffer, as named arrays."""
        return {name: np.asarray(leaf) for name, leaf in _named((self._state, self._acting_key)).items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes over what `state` returned.

        Raises:
            CheckpointError: names, shapes or types are not those of this method and configuration.
        """
        template = (self._state, self._acting_key)
        wanted = _named(template)
        for name in wanted.keys() ^ arrays.keys():
            raise CheckpointError(f"learner state: {name} is {'missing' if name in wanted else 'not known'}")
        for name, leaf in wanted.items():
            if (arrays[name].shape, arrays[name].dtype) != (leaf.shape, leaf.dtype):
                found = f"{arrays[name].dtype}{arrays[name].shape}"
                raise CheckpointError(f"learner state: {name} is {found}, expected {leaf.dtype}{leaf.shape}")
        leaves = [jnp.array(arrays[name]) for name in wanted]
        self._state, self._acting_key = jax.tree.unflatten(jax.tree.structure(template), leaves)

    def policy(self, card: Card) -> Policy:
        """The actor as a policy that needs NumPy alone."""
        return policy_of(self._state.networks.acting, self.scaling, card)


def _named(tree: Any) -> dict[str, Any]:
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path): leaf for path, leaf in leaves if eqx.is_array(leaf)}


def policy_of(actor: Any, scaling: Scaling, card: Card) -> Policy:
    """An actor of `awac.networks` as a runtime policy, array by array."""
    network = actor.network
    gaussian = isinstance(actor, GaussianActor)
    logit = actor.log_std_logit if gaussian else None
    return Policy(
        weights=tuple(np.asarray(layer.weight) for layer in network.layers),
        biases=tuple(np.asarray(layer.bias) for layer in network.layers),
        scaling=scaling,
        head=GAUSSIAN if gaussian else TANH_GAUSSIAN,
        log_std=None if logit is None else np.asarray(logit),
        norm_scales=tuple(np.asarray(norm.scale) for norm in network.norms),
        norm_offsets=tuple(np.asarray(norm.offset) for norm in network.norms),
        card=card,
    )
