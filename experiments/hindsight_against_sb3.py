"""Goals in hindsight as Stable-Baselines3's own `HerReplayBuffer` draws them, against what our tests hold ours to.

The tests have a transcription of it, because SB3 needs PyTorch; this checks the transcription against the real thing.
In an environment with stable-baselines3 (tried: 2.9.2), which need not have awac:

    python experiments/hindsight_against_sb3.py
"""

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer

LENGTHS, DRAWS = (6, 5, 3), 400_000
BOX = gymnasium.spaces.Box(-100, 100, (1,), np.float64)
SPACE = gymnasium.spaces.Dict(dict.fromkeys(("observation", "achieved_goal", "desired_goal"), BOX))


class Numbered(gymnasium.Env):
    """Nothing is played in it: SB3 asks it for rewards alone."""

    observation_space, action_space = SPACE, BOX

    def compute_reward(self, achieved_goal, desired_goal, infos):  # noqa: ARG002 - as SB3 calls it
        """Minus the distance (n,)."""
        return -np.abs(achieved_goal - desired_goal)[:, 0]


def filled(strategy):
    """A buffer with three episodes; step n observes n, achieves n + 1 and was asked for -1."""
    buffer = HerReplayBuffer(
        sum(LENGTHS), SPACE, BOX, env=DummyVecEnv([Numbered]), n_sampled_goal=1e6, goal_selection_strategy=strategy
    )
    ends, asked = set(np.cumsum(LENGTHS) - 1), np.array([[-1.0]])
    for number in range(sum(LENGTHS)):
        now, after = np.array([[float(number)]]), np.array([[number + 1.0]])
        seen = {"observation": now, "achieved_goal": now, "desired_goal": asked}
        done = np.array([number in ends])
        buffer.add(seen, seen | {"observation": after, "achieved_goal": after}, now, np.zeros(1), done, [{}])
    return buffer


def transcribed(generator, places, lengths, strategy):
    """As in tests/unit/test_goals.py."""
    return lengths - 1 if strategy == "final" else generator.integers(places, lengths)


def main():
    begins = np.repeat(np.cumsum(LENGTHS) - LENGTHS, LENGTHS)
    lengths = np.repeat(LENGTHS, LENGTHS)
    for strategy in ("future", "final"):
        drawn = filled(strategy).sample(DRAWS).observations
        numbers = drawn["observation"].numpy()[:, 0].astype(int)
        goals = drawn["desired_goal"].numpy()[:, 0].astype(int)
        kept = goals >= 0  # one in a million keeps its own
        numbers, theirs = numbers[kept], goals[kept] - 1
        places = numbers - begins[numbers]
        ours = begins[numbers] + transcribed(np.random.default_rng(0), places, lengths[numbers], strategy)
        pairs = [np.histogram2d(numbers, found, bins=[range(sum(LENGTHS) + 1)] * 2)[0] for found in (theirs, ours)]
        assert ((pairs[0] > 0) == (pairs[1] > 0)).all(), f"{strategy}: other goals are possible"
        apart = np.abs(pairs[0] - pairs[1]) / np.sqrt(np.maximum(pairs[0] + pairs[1], 1))
        count = int((pairs[0] > 0).sum())
        print(f"{strategy}: {count} pairs of step and goal, at most {apart.max():.1f} deviations apart")


if __name__ == "__main__":
    main()
