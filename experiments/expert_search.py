"""The short random search that found the parameters of the scripted experts of valve and hand.

    python experiments/expert_search.py awac/ClawValve-v0 --candidates 220
    python experiments/expert_search.py awac/HandReposition-v0 --candidates 90

A candidate is worth its mean return over a few episodes with disturbed actions, so that what is found bears the noise
of demonstrations. The first third is drawn around a guess, the rest more narrowly around the best so far. What is
printed at the end is frozen as defaults of the expert.
"""

import argparse
import importlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from awac.envs import make
from awac.envs.experts import EXPERTS, Noisy

# A guess and how far to look from it, in the units of the fields.
GUESSES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "awac/ClawValve-v0": {
        "sweep": (0.4, 0.06),
        "middle": (0.0, 0.2),
        "tip": (0.0, 0.3),
        "stride": (0.25, 0.08),
        "tolerance": (0.2, 0.06),
        "stop": (0.12, 0.03),
    },
    "awac/HandReposition-v0": {
        "offset_x": (0.02, 0.015),
        "offset_y": (-0.03, 0.015),
        "offset_z": (0.05, 0.006),
        "bend_1": (0.8, 0.15),
        "bend_2": (0.9, 0.2),
        "bend_3": (0.8, 0.2),
        "thumb_0": (1.1, 0.15),
        "thumb_1": (0.9, 0.2),
        "thumb_2": (0.6, 0.2),
        "thumb_3": (1.0, 0.4),
        "speed": (0.018, 0.003),
        "grip": (0.75, 0.08),
    },
}
NARROW = 0.35  # of the widths, around the best candidate
NOISE = 0.1


def worth(env: Any, expert: Callable[..., Any], seeds: range) -> float:
    """The mean return under noise."""
    total = 0.0
    for seed in seeds:
        act = Noisy(expert, NOISE, np.random.default_rng(seed))
        observation, _ = env.reset(seed=seed)
        over = False
        while not over:
            observation, reward, terminated, truncated, _ = env.step(act(observation[None])[0])
            total += reward
            over = terminated or truncated
    return total / len(seeds)


def search(env_id: str, candidates: int, episodes: int, seed: int) -> dict[str, float]:
    """The best of so many candidates."""
    module, _, kind = EXPERTS[env_id].partition(":")
    expert, env, generator = getattr(importlib.import_module(module), kind), make(env_id), np.random.default_rng(seed)
    guess, width = np.array([*GUESSES[env_id].values()]).T
    best, highest, begin = guess, -np.inf, time.monotonic()
    for number in range(candidates):
        wide = number < candidates / 3
        centre, spread = (guess, width) if wide else (best, NARROW * width)
        values = centre + (spread * generator.standard_normal(len(centre)) if number else 0.0)
        parameters = dict(zip(GUESSES[env_id], values.tolist(), strict=True))
        score = worth(env, expert(**parameters), range(episodes))
        if score > highest:
            best, highest = values, score
            print(f"{time.monotonic() - begin:5.0f} s  candidate {number:4d}  return {score:7.2f}", flush=True)
    env.close()
    return {name: round(value, 3) for name, value in zip(GUESSES[env_id], best.tolist(), strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("env_id", choices=[*GUESSES])
    parser.add_argument("--candidates", type=int, default=90)
    parser.add_argument("--episodes", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name, value in search(options.env_id, options.candidates, options.episodes, options.seed).items():
        print(f"    {name}: float = {value}")


if __name__ == "__main__":
    main()
