"""A point that moves in a square towards a goal: NumPy only, with a known optimum, for tests, examples and documents.

    position' = clip(position + 0.1 * action, -1, 1)          action in [-1, 1]^2, per axis
    reward    = -|goal - position'|                           `reward="distance"`
              = 0 if |goal - position'| <= 0.05 else -1       `reward="binary"`

The axes do not influence each other and the goal lies inside the square, so moving each axis towards the goal as fast
as allowed makes both distances as small as any policy can, at every single step. Both rewards fall with distance,
hence that policy is optimal for every discount and horizon, ended at the goal or not: no reward is positive, so
reaching the goal earlier is never worse.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

import gymnasium
import numpy as np
from numpy.typing import NDArray

from awac.envs.goal import GoalLayout
from awac.errors import CheckpointError, ConfigError

Array = NDArray[Any]
Reward = Literal["distance", "binary"]

STEP_SIZE = 0.1
RADIUS = 0.05
PIXELS = 256


def optimal_action(observations: Array) -> Array:
    """The optimal actions float32 (..., 2) at observations (..., 4)."""
    observations = np.asarray(observations, np.float64)
    difference = observations[..., 2:4] - observations[..., 0:2]
    return np.clip(difference / STEP_SIZE, -1.0, 1.0).astype(np.float32)


def optimal_return(
    observations: Array,
    steps: int = 50,
    discount: float = 1.0,
    reward: Reward = "distance",
    terminate_at_goal: bool = False,
) -> Array:
    """The value of the optimal policy, float64 (...,), at observations (..., 4).

    Args:
        observations: where to start.
        steps: how many rewards are summed. From 20 on nothing is added, because every goal is reached by then, so any
            larger number gives the value without a horizon.
        discount: weight of a reward, per step of delay.
        reward: as given to the environment.
        terminate_at_goal: as given to the environment; it changes the value under `reward="distance"` only.
    """
    observations = np.asarray(observations, np.float64)
    gaps = np.abs(observations[..., 2:4] - observations[..., 0:2])
    total = np.zeros(gaps.shape[:-1])
    alive = np.ones(gaps.shape[:-1], bool)
    for step in range(steps):
        distance = np.linalg.norm(np.maximum(gaps - (step + 1) * STEP_SIZE, 0.0), axis=-1)
        total += np.where(alive, discount**step * _reward(distance, reward), 0.0)
        if terminate_at_goal:
            alive &= distance > RADIUS
    return total


def _reward(distance: Array, reward: Reward) -> Array:
    return -distance if reward == "distance" else np.where(distance <= RADIUS, 0.0, -1.0)


class PointMass(gymnasium.Env[Array, Array]):
    """A point that moves towards a goal; the observation is (position, goal), float32 (4,), each in [-1, 1]^2."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 - as Gymnasium declares it

    def __init__(
        self, reward: Reward = "distance", terminate_at_goal: bool = False, render_mode: str | None = None
    ) -> None:
        """Prepares the spaces.

        Args:
            reward: `distance` (dense) or `binary` (-1, and 0 within 0.05 of the goal).
            terminate_at_goal: whether reaching the goal ends the episode.
            render_mode: None or `rgb_array`.

        Raises:
            ConfigError: an unknown reward, or a `terminate_at_goal` that is neither true nor false.
        """
        if reward not in ("distance", "binary"):
            raise ConfigError(f"reward={reward!r} of awac/PointMass-v0 is unknown; known are 'distance' and 'binary'")
        if not isinstance(cast("Any", terminate_at_goal), bool):
            raise ConfigError(f"terminate_at_goal={terminate_at_goal!r} of awac/PointMass-v0: allowed is true or false")
        self.reward: Reward = reward
        self.terminate_at_goal = terminate_at_goal
        self.render_mode = render_mode
        self.observation_space = gymnasium.spaces.Box(-1.0, 1.0, (4,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.position = np.zeros(2)
        self.goal = np.zeros(2)

    @staticmethod
    def reward_function(reward: Reward = "distance", **_: Any) -> Callable[[Array], Array]:
        """Rewards float32 (n,) as a function of next observations (n, 4); for relabelling datasets."""

        def rewards(next_observations: Array) -> Array:
            difference = np.asarray(next_observations[..., 2:4], np.float64) - next_observations[..., 0:2]
            return _reward(np.linalg.norm(difference, axis=-1), reward).astype(np.float32)

        return rewards

    @staticmethod
    def goal_layout(reward: Reward = "distance", terminate_at_goal: bool = False, **_: Any) -> GoalLayout:
        """Position and goal; goals are drawn from the square."""
        low, high = (-1.0, -1.0), (1.0, 1.0)
        return GoalLayout((0, 1), (2, 3), low, high, reward, radius=RADIUS, ends_at_goal=terminate_at_goal)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Draws position and goal uniformly from the square, float32; `options` may give either by name.

        Raises:
            ConfigError: an option of another name, or a point that is not two numbers in [-1, 1].
        """
        super().reset(seed=seed)
        drawn = self.np_random.uniform(-1.0, 1.0, (2, 2)).astype(np.float32)
        points = {"position": drawn[0], "goal": drawn[1], **(options or {})}
        for name, point in points.items():
            values = np.asarray(point, np.float32)
            if name not in ("position", "goal") or values.shape != (2,) or not (np.abs(values) <= 1).all():
                raise ConfigError(f"reset option {name}={point!r}: 'position' and 'goal' are two numbers in [-1, 1]")
        self.position, self.goal = (np.array(points[name], np.float32) for name in ("position", "goal"))
        return self._observation(), {"success": self._distance() <= RADIUS}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Moves each axis by up to 0.1."""
        target = self.position.astype(np.float64) + STEP_SIZE * np.clip(np.asarray(action, np.float64), -1.0, 1.0)
        self.position = np.clip(target, -1.0, 1.0).astype(np.float32)
        distance = self._distance()
        success = distance <= RADIUS
        reward = float(_reward(np.asarray(distance), self.reward))
        return self._observation(), reward, success and self.terminate_at_goal, False, {"success": success}

    def render(self) -> Array | None:
        """The square from above, uint8 (256, 256, 3): the goal is green, the point dark."""
        if self.render_mode is None:
            return None
        frame = np.full((PIXELS, PIXELS, 3), 245, np.uint8)
        axis = np.linspace(-1.1, 1.1, PIXELS)
        horizontal, vertical = axis[None, :], -axis[:, None]
        inside = (np.abs(horizontal) <= 1.0) & (np.abs(vertical) <= 1.0)
        frame[inside] = 255
        for centre, radius, colour in (
            (self.goal, 2 * RADIUS, (120, 200, 130)),
            (self.position, RADIUS, (40, 60, 110)),
        ):
            frame[np.hypot(horizontal - centre[0], vertical - centre[1]) <= radius] = colour
        return frame

    def get_state(self) -> dict[str, Array]:
        """Position and goal."""
        return {"position": self.position.copy(), "goal": self.goal.copy()}

    def set_state(self, state: Mapping[str, Array]) -> None:
        """The inverse of `get_state`.

        Raises:
            CheckpointError: the state is not one of this environment.
        """
        if set(state) != {"position", "goal"} or any(values.shape != (2,) for values in state.values()):
            raise CheckpointError(f"state {sorted(state)} is not one of awac/PointMass-v0: position (2,) and goal (2,)")
        self.position, self.goal = (np.array(state[name], np.float32) for name in ("position", "goal"))

    def _distance(self) -> float:
        return float(np.linalg.norm(self.goal.astype(np.float64) - self.position))

    def _observation(self) -> Array:
        return np.concatenate([self.position, self.goal])
