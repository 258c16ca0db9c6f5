"""Whether the PyTorch twin computes what we compute: the same losses from the same weights, batch and noise."""

import tempfile
from pathlib import Path

import jax
import numpy as np

from awac.algorithm import State, initialize, update
from awac.algorithms.awac import AWAC, Config
from awac.batch import Batch
from awac.networks import MLP, Sizes
from benchmarks.peer import Peer
from benchmarks.workload import Workload, transitions

UPDATES = 4
TOLERANCE = 2e-4  # relative; float32 sums in another order, through four steps of Adam


def config_of(workload: Workload) -> Config:
    """Our settings for the workload."""
    return Config(
        actor_hidden=workload.hidden,
        critic_hidden=workload.hidden,
        critics=workload.critics,
        q_upper_bound=workload.upper_bound,
        discount=workload.discount,
        target_rate=workload.target_rate,
        actor_learning_rate=workload.learning_rate,
        critic_learning_rate=workload.learning_rate,
        actor_weight_decay=workload.weight_decay,
        temperature=workload.temperature,
        weight_cap=workload.weight_cap,
    )


def batch_of(workload: Workload, count: int, seed: int) -> Batch:
    """Random transitions as a batch."""
    drawn = transitions(workload, count, seed)
    none = np.zeros(count, bool)
    return Batch(**drawn, truncated=none, provenance=np.zeros(count, np.int8), steps=np.ones(count, np.int32))


def noises_of(state: State, shape: tuple[int, int]) -> np.ndarray:
    """What `update` draws from this state's key: the noise of the next action and that of the policy sample."""
    _, loss_key = jax.random.split(state.key)
    critic_key, actor_key = jax.random.split(loss_key)
    value_key, _ = jax.random.split(actor_key)
    return np.stack([jax.random.normal(critic_key, shape), jax.random.normal(value_key, (1, *shape))[0]])


def weights_of(name: str, network: MLP) -> dict[str, np.ndarray]:
    """The arrays of a network, as the twin wants them named."""
    weights = {f"{name}.weight{index}": np.asarray(layer.weight) for index, layer in enumerate(network.layers)}
    return weights | {f"{name}.bias{index}": np.asarray(layer.bias) for index, layer in enumerate(network.layers)}


def all_weights(state: State) -> dict[str, np.ndarray]:
    """The arrays of all networks of a state."""
    networks = state.networks
    found = weights_of("actor", networks.actor.network)
    for name, critic in (("critic", networks.critic), ("target", networks.target_critic)):
        for index, member in enumerate(critic.members):
            found |= weights_of(f"{name}{index}", member)
    return found


def worst_difference(peer: Peer, workload: Workload) -> float:
    """The largest relative difference between our losses and the twin's over a few updates."""
    config = config_of(workload)
    state = initialize(AWAC, config, Sizes(workload.observation, workload.action), jax.random.PRNGKey(0))
    batch, weights = batch_of(workload, workload.batch, seed=1), all_weights(state)
    ours, noises = [], []
    step = jax.jit(lambda state, batch: update(AWAC, config, state, batch))
    for _ in range(UPDATES):
        noises.append(noises_of(state, batch.actions.shape))
        state, metrics = step(state, batch)
        ours.append([float(metrics["train/critic_loss"]), float(metrics["train/actor_loss"])])
    fields = {name: getattr(batch, name) for name in transitions(workload, 1, 0)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "check.npz"
        np.savez(path, noises=np.stack(noises), **fields, **weights)
        theirs = [[losses["critic_loss"], losses["actor_loss"]] for losses in peer.ask({"check": str(path)})]
    return float(np.max(np.abs(np.array(ours) / np.array(theirs) - 1.0)))


def check(peer: Peer, workload: Workload) -> float:
    """The largest relative difference.

    Raises:
        AssertionError: it is larger than rounding explains.
    """
    difference = worst_difference(peer, workload)
    assert difference < TOLERANCE, f"the twin's losses differ from ours by {difference:.2g}, more than {TOLERANCE}"
    return difference
