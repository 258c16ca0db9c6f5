"""What is measured: one AWAC update at the sizes of the paper on the pen task. Read by our side and by the peers'."""

from typing import NamedTuple

import numpy as np


class Workload(NamedTuple):
    """Sizes and settings of the update (Nair et al. 2020, Table II and appendix B, hand tasks)."""

    observation: int = 45
    action: int = 24
    hidden: tuple[int, ...] = (256, 256, 256, 256)
    critics: int = 2
    batch: int = 1024
    stored: int = 50_000  # transitions in the buffer
    discount: float = 0.99
    target_rate: float = 5e-3
    learning_rate: float = 3e-4
    weight_decay: float = 1e-4  # coupled, on the policy
    temperature: float = 0.3
    weight_cap: float = 100.0
    upper_bound: float = 0.0  # of Q: rewards are -1 and 0


PAPER = Workload()
# HalfCheetah, with the networks and batches of CQL, IQL and RLPD; rewards are as good as any
LOCOMOTION = Workload(observation=17, action=6, hidden=(256, 256), batch=256, weight_decay=0.0)


def transitions(workload: Workload, count: int, seed: int) -> dict[str, np.ndarray]:
    """Random transitions by field, float32; speed does not depend on their values."""
    generator = np.random.default_rng(seed)
    return {
        "observations": generator.standard_normal((count, workload.observation), np.float32),
        "actions": generator.uniform(-1.0, 1.0, (count, workload.action)).astype(np.float32),
        "rewards": -generator.integers(0, 2, count).astype(np.float32),
        "next_observations": generator.standard_normal((count, workload.observation), np.float32),
        "terminated": generator.random(count) < 0.01,
    }
