"""Updates of CQL, IQL and RLPD at the sizes of locomotion: two against d3rlpy, the third against the machine."""

from collections.abc import Callable
from contextlib import ExitStack

import numpy as np

from awac.algorithms import ALGORITHMS
from awac.hyperparameters import Hyperparameters
from awac.learner import Learner, Sampling
from awac.scaling import Scaling
from benchmarks import flops, parity
from benchmarks.entry import Measurement, compare
from benchmarks.peer import Peer
from benchmarks.rounds import alternate
from benchmarks.updates import PRODUCTS, against, peak_of, timed
from benchmarks.workload import LOCOMOTION, Workload

UPDATES = 20  # in one call of ours, and in one turn of a peer; one of them moves the actor of RLPD
CRITICS, ACTOR_PERIOD = 10, 20  # of RLPD
TIMES_D3RLPY = 2.0  # what is wanted


def settings(workload: Workload) -> dict[str, Hyperparameters]:
    """What each method is measured with."""
    shared = {"actor_hidden": workload.hidden, "critic_hidden": workload.hidden}
    return {
        "cql": ALGORITHMS["cql"].config(**shared),
        "iql": ALGORITHMS["iql"].config(**shared),
        "rlpd": ALGORITHMS["rlpd"].config(**shared, critics=CRITICS, actor_period=ACTOR_PERIOD),
    }


def updating(name: str, config: Hyperparameters, workload: Workload) -> Callable[[], float]:
    """A function that makes some updates of a method, sampling included, and tells the seconds for one of them."""
    scaling = Scaling.identity(workload.observation, workload.action)
    learner = Learner(ALGORITHMS[name], config, scaling, seed=0, capacity=workload.stored)
    learner.insert(parity.batch_of(workload, workload.stored, seed=0))
    return lambda: timed(lambda: learner.update(UPDATES, Sampling(workload.batch)), UPDATES)


def measure(with_peers: bool, rounds: int) -> list[Measurement]:
    """The three measurements; those with a peer are empty where the peers are not installed."""
    subjects = {name: updating(name, config, LOCOMOTION) for name, config in settings(LOCOMOTION).items()}
    peak = peak_of(LOCOMOTION)
    with ExitStack() as stack:
        subjects["peak"] = lambda: timed(peak, PRODUCTS)
        if with_peers:
            for name in ("d3rlpy_cql", "d3rlpy_iql"):
                peer = stack.enter_context(Peer(name))
                subjects[name] = lambda peer=peer: peer.seconds(UPDATES)
        seconds = alternate(subjects, rounds)
    return [
        against("cql_update_vs_d3rlpy", seconds, "d3rlpy_cql", TIMES_D3RLPY, ours="cql"),
        against("iql_update_vs_d3rlpy", seconds, "d3rlpy_iql", TIMES_D3RLPY, ours="iql"),
        _at_peak(seconds),
    ]


def _at_peak(seconds: dict[str, np.ndarray]) -> Measurement:
    """Milliseconds of an update of RLPD, and of its counted operations at the rate of the machine's peak."""
    width = LOCOMOTION.hidden[0]
    rate = flops.forward(LOCOMOTION.batch, (width, width)) / seconds["peak"]
    counted = sum(flops.rlpd_update(LOCOMOTION, CRITICS, ACTOR_PERIOD).values())
    ours, least = 1e3 * seconds["rlpd"], 1e3 * counted / rate
    return compare("rlpd_update", "ms", ours, least, least / ours)
