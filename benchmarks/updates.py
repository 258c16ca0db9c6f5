"""One AWAC update at the paper's sizes: against d3rlpy, against PyTorch, against the machine, and without sampling."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from awac.algorithm import Metrics, State, initialize, update
from awac.algorithms.awac import AWAC, Config
from awac.batch import Batch
from awac.data.buffer import to_device
from awac.learner import Learner, Sampling
from awac.networks import Sizes
from awac.scaling import Scaling
from benchmarks import flops, parity
from benchmarks.entry import Measurement, compare, missing
from benchmarks.peer import Peer
from benchmarks.rounds import alternate
from benchmarks.workload import Workload

UPDATES = 10  # in one call of ours, and in one turn of a peer
PRODUCTS, UNROLLED = 200, 10  # in one turn of the machine's peak, and in one iteration of its loop
TIMES_D3RLPY, TIMES_TORCH, OF_PEAK, SAMPLING = 2.7, 2.0, 0.80, 0.05  # what is wanted


def timed(run: Callable[[], object], count: int) -> float:
    """Seconds for each of the `count` things that `run` does."""
    start = time.perf_counter()
    jax.block_until_ready(run())
    return (time.perf_counter() - start) / count


def learner_of(workload: Workload) -> Learner:
    """A learner whose buffer is filled."""
    scaling = Scaling.identity(workload.observation, workload.action)
    learner = Learner(AWAC, parity.config_of(workload), scaling, seed=0, capacity=workload.stored)
    learner.insert(parity.batch_of(workload, workload.stored, seed=0))
    return learner


@partial(jax.jit, static_argnums=0, donate_argnums=1)
def update_on_batches(config: Config, state: State, batches: Batch) -> tuple[State, Metrics]:
    """What the learner's compiled program does, less the sampling: one update on each of the batches in turn.

    With one batch for all, the compiler would take what depends on it alone out of the loop, and not see any more which
    forward passes the two losses share.
    """

    def step(state: State, batch: Batch) -> tuple[State, Metrics]:
        return update(AWAC, config, state, batch)

    state, metrics = jax.lax.scan(step, state, batches)
    # the metrics are used, as by the learner: what nobody reads would not be computed
    return state, jax.tree.map(lambda values: values[-1], metrics)


class Drawn:
    """Updates on batches that were drawn beforehand."""

    def __init__(self, workload: Workload) -> None:
        """An untrained state and the batches of one call."""
        self.config = parity.config_of(workload)
        sizes = Sizes(workload.observation, workload.action)
        self.state = initialize(AWAC, self.config, sizes, jax.random.PRNGKey(0))
        drawn = parity.batch_of(workload, UPDATES * workload.batch, seed=0)
        self.batches = to_device(Batch(*(array.reshape(UPDATES, -1, *array.shape[1:]) for array in drawn)))

    def run(self) -> object:
        """One call."""
        self.state, metrics = update_on_batches(self.config, self.state, self.batches)
        return metrics


def peak_of(workload: Workload) -> Callable[[], object]:
    """The product of a batch with a hidden layer, again and again: nothing that this machine does in JAX is faster.

    One program, each product on the result of the one before (which stays in the cache), by an orthogonal matrix, so
    that numbers neither grow nor vanish; single calls would add their dispatch, and the memory of their results.
    """
    width = workload.hidden[0]
    generator = np.random.default_rng(0)
    rows = jnp.asarray(generator.standard_normal((workload.batch, width), np.float32))
    layer = jnp.asarray(np.linalg.qr(generator.standard_normal((width, width)))[0], jnp.float32)

    @jax.jit
    def products(rows: jax.Array, layer: jax.Array) -> jax.Array:
        return jax.lax.scan(lambda x, _: (x @ layer, None), rows, None, length=PRODUCTS, unroll=UNROLLED)[0]

    return lambda: products(rows, layer)


def measure(workload: Workload, with_peers: bool, rounds: int) -> list[Measurement]:
    """The four measurements of the update; those with a peer are empty where the peers are not installed."""
    learner, drawn, peak = learner_of(workload), Drawn(workload), peak_of(workload)
    sampling = Sampling(workload.batch)
    with ExitStack() as stack:
        subjects: dict[str, Callable[[], float]] = {
            "ours": lambda: timed(lambda: learner.update(UPDATES, sampling), UPDATES),
            "peak": lambda: timed(peak, PRODUCTS),
            "drawn": lambda: timed(drawn.run, UPDATES),
        }
        if with_peers:
            torch, d3rlpy = (stack.enter_context(Peer(name)) for name in ("torch", "d3rlpy"))
            parity.check(torch, workload)
            subjects |= {"torch": lambda: torch.seconds(UPDATES), "d3rlpy": lambda: d3rlpy.seconds(UPDATES)}
        seconds = alternate(subjects, rounds)
    return [
        against("awac_update_vs_d3rlpy", seconds, "d3rlpy", TIMES_D3RLPY),
        against("awac_update_vs_torch", seconds, "torch", TIMES_TORCH),
        _against_peak(workload, seconds),
        _sampling_share(seconds),
    ]


def against(name: str, seconds: dict[str, np.ndarray], peer: str, wanted: float, ours: str = "ours") -> Measurement:
    """Milliseconds of ours and of a peer, which must be some times slower; empty where the peer is not installed."""
    own = 1e3 * seconds[ours]
    if peer not in seconds:
        return missing(name, "ms", own, at_least=wanted)
    theirs = 1e3 * seconds[peer]
    return compare(name, "ms", own, theirs, theirs / own, at_least=wanted)


def _against_peak(workload: Workload, seconds: dict[str, np.ndarray]) -> Measurement:
    ours = 1e-9 * sum(flops.awac_update(workload).values()) / seconds["ours"]
    width = workload.hidden[0]
    peak = 1e-9 * flops.forward(workload.batch, (width, width)) / seconds["peak"]
    return compare("awac_update_vs_peak", "GFLOP/s", ours, peak, ours / peak, at_least=OF_PEAK)


def _sampling_share(seconds: dict[str, np.ndarray]) -> Measurement:
    step, sampling = 1e3 * seconds["ours"], 1e3 * (seconds["ours"] - seconds["drawn"])
    return compare("sampling_share", "ms", sampling, step, sampling / step, at_most=SAMPLING)
