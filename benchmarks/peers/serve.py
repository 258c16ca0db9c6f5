"""A peer as a process: requests come as lines of JSON, answers go back as lines of JSON.

`{"updates": n}` runs n updates and answers `{"seconds": per update}`. `{"check": path}` (the twin only) loads weights,
batch and noise from an npz file, makes one update for each pair of noises, and answers with the losses.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.peers.twin import TorchBatch, Twin
from benchmarks.workload import LOCOMOTION, PAPER, Workload, transitions


def twin_update(workload: Workload) -> Callable[[], object]:
    """One update of the twin, on a batch drawn from tensors in memory."""
    twin = Twin(workload)
    stored = [torch.from_numpy(array) for array in transitions(workload, workload.stored, seed=0).values()]
    shape = (workload.batch, workload.action)

    def run() -> object:
        indices = torch.randint(workload.stored, (workload.batch,))
        batch = TorchBatch(*(tensor[indices] for tensor in stored))
        return twin.update(batch, torch.randn(shape), torch.randn(shape))

    return run


def d3rlpy_update(workload: Workload) -> Callable[[], object]:
    """One update of d3rlpy's AWAC, on one fixed batch: what its own sampling costs is left out, in its favour."""
    import d3rlpy

    encoder = d3rlpy.models.encoders.VectorEncoderFactory(list(workload.hidden))
    algorithm = d3rlpy.algos.AWACConfig(
        actor_learning_rate=workload.learning_rate,
        critic_learning_rate=workload.learning_rate,
        actor_optim_factory=d3rlpy.optimizers.AdamFactory(weight_decay=workload.weight_decay),
        actor_encoder_factory=encoder,
        critic_encoder_factory=encoder,
        batch_size=workload.batch,
        gamma=workload.discount,
        tau=workload.target_rate,
        lam=workload.temperature,
        n_critics=workload.critics,
    ).create(device="cpu:0")
    return on_fixed_batch(algorithm, workload)


def d3rlpy_cql(workload: Workload) -> Callable[[], object]:
    """One update of d3rlpy's CQL with a fixed weight, as ours has it."""
    import d3rlpy

    encoder = d3rlpy.models.encoders.VectorEncoderFactory(list(workload.hidden))
    algorithm = d3rlpy.algos.CQLConfig(
        actor_encoder_factory=encoder,
        critic_encoder_factory=encoder,
        batch_size=workload.batch,
        n_critics=workload.critics,
        n_action_samples=10,
        alpha_learning_rate=0.0,
    ).create(device="cpu:0")
    return on_fixed_batch(algorithm, workload)


def d3rlpy_iql(workload: Workload) -> Callable[[], object]:
    """One update of d3rlpy's IQL."""
    import d3rlpy

    encoder = d3rlpy.models.encoders.VectorEncoderFactory(list(workload.hidden))
    algorithm = d3rlpy.algos.IQLConfig(
        actor_encoder_factory=encoder,
        critic_encoder_factory=encoder,
        value_encoder_factory=encoder,
        batch_size=workload.batch,
        n_critics=workload.critics,
    ).create(device="cpu:0")
    return on_fixed_batch(algorithm, workload)


def on_fixed_batch(algorithm: Any, workload: Workload) -> Callable[[], object]:
    """Updates of an algorithm of d3rlpy on one batch, which is made only once."""
    from d3rlpy.dataset import TransitionMiniBatch

    algorithm.create_impl((workload.observation,), workload.action)
    drawn = transitions(workload, workload.batch, seed=0)
    column = {name: drawn[name].astype(np.float32)[:, None] for name in ("rewards", "terminated")}
    one = np.ones_like(column["rewards"])
    batch = TransitionMiniBatch(
        observations=drawn["observations"],
        actions=drawn["actions"],
        rewards=column["rewards"],
        next_observations=drawn["next_observations"],
        next_actions=drawn["actions"],
        terminals=column["terminated"],
        intervals=one,
        transitions=[],
    )
    return lambda: algorithm.update(batch)


SUBJECTS = {
    "torch": (twin_update, PAPER),
    "d3rlpy": (d3rlpy_update, PAPER),
    "d3rlpy_cql": (d3rlpy_cql, LOCOMOTION),
    "d3rlpy_iql": (d3rlpy_iql, LOCOMOTION),
}


def check(path: str, workload: Workload) -> list[dict[str, float]]:
    """The losses of the twin from given weights, one pair for each update."""
    twin = Twin(workload)
    with np.load(path) as arrays:
        tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    networks = {"actor": twin.actor}
    networks |= {f"critic{index}": critic for index, critic in enumerate(twin.critics)}
    networks |= {f"target{index}": target for index, target in enumerate(twin.targets)}
    with torch.no_grad():
        for name, network in networks.items():
            linear = [layer for layer in network if isinstance(layer, torch.nn.Linear)]
            for index, layer in enumerate(linear):
                layer.weight.copy_(tensors[f"{name}.weight{index}"].T)
                layer.bias.copy_(tensors[f"{name}.bias{index}"])
    batch = TorchBatch(*(tensors[name] for name in TorchBatch._fields))
    return [twin.update(batch, *noises) for noises in tensors["noises"]]


def main() -> None:
    """Answers until the requests end."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    prepare, workload = SUBJECTS[sys.argv[1]]
    update = prepare(workload)
    versions = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    print(json.dumps(versions), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        if "check" in request:
            print(json.dumps(check(request["check"], workload)), file=answers)
            continue
        start = time.perf_counter()
        for _ in range(request["updates"]):
            update()
        print(json.dumps({"seconds": (time.perf_counter() - start) / request["updates"]}), file=answers)


if __name__ == "__main__":
    main()
