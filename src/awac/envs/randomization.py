"""Domain randomisation: every episode on a robot that is a little different."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import gymnasium
from gymnasium.utils import seeding

from awac.errors import ConfigError

Range = tuple[float, float]


def parse_ranges(text: str) -> dict[str, Range]:
    """Ranges from text such as `friction=0.5:2 latency=0:0.05`.

    Raises:
        ConfigError: naming the part that is no range or comes twice, or nothing is to be drawn.
    """
    ranges: dict[str, Range] = {}
    parts = text.replace(",", " ").split()
    if not parts:
        raise ConfigError(f"domain={text!r} draws nothing; expected name=low:high, such as friction=0.5:2")
    for part in parts:
        name, _, bounds = part.partition("=")
        if name in ranges:
            raise ConfigError(f"domain={text!r}: {name} is there twice")
        low, _, high = bounds.partition(":")
        try:
            ranges[name] = (float(low), float(high or low))
        except ValueError as error:
            raise ConfigError(f"domain={text!r}: {part!r} is not of the form name=low:high") from error
    return ranges


class DomainRandomization(gymnasium.Wrapper[Any, Any, Any, Any], gymnasium.utils.RecordConstructorArgs):
    """Draws the domain parameters of a robot task anew at each reset, uniformly.

    The draws come from the environment's own generator, before the episode's, so that a seed gives the same episodes
    and an exact state needs nothing from here.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], ranges: Mapping[str, Range]) -> None:
        """Wraps a robot task.

        Args:
            env: around an `awac.envs.robot_task.RobotTask`.
            ranges: lowest and highest value of each parameter to draw; see `Domain` there.

        Raises:
            ConfigError: the environment has no such parameters, or a range is impossible.
        """
        gymnasium.utils.RecordConstructorArgs.__init__(self, ranges=ranges)
        gymnasium.Wrapper.__init__(self, env)  # pyright: ignore[reportUnknownMemberType] - gymnasium leaves it untyped
        self.task: Any = env.unwrapped
        self.ranges = dict(sorted(ranges.items()))
        if not hasattr(self.task, "set_domain"):
            raise ConfigError(f"{type(self.task).__name__} has no domain parameters to draw")
        nominal: dict[str, float] = asdict(self.task.domain)
        for name, (low, high) in self.ranges.items():
            if not low <= high:
                raise ConfigError(f"domain parameter {name}: the range from {low} to {high} is empty")
            self.task.set_domain(**{name: high})
            self.task.set_domain(**{name: low})
        self.task.set_domain(**nominal)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Draws the parameters, then begins an episode with them."""
        if seed is not None:
            self.task.np_random = seeding.np_random(seed)[0]
        drawn = {name: self.task.np_random.uniform(low, high) for name, (low, high) in self.ranges.items()}
        self.task.set_domain(**drawn)
        return self.env.reset(options=options)
