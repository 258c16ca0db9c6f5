"""`make`: the one way in to an environment, and the one place where wrappers and their order are written."""

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec, load_env_creator
from numpy.typing import NDArray

from awac.envs.goal import FlattenGoal, is_goal_space, task_options
from awac.envs.guard import Guard
from awac.envs.randomization import DomainRandomization, parse_ranges
from awac.errors import AwacError, ConfigError, EnvironmentFault

Array = NDArray[Any]
Env = gymnasium.Env[Array, Array]

SUPPORTED = (
    "supported are a one-dimensional float Box as observation space and a one-dimensional float Box with finite bounds "
    "as action space (gymnasium.wrappers.FlattenObservation and RescaleAction turn many others into these)"
)


def make(
    env_id: str,
    render_mode: str | None = None,
    *,
    isolate: bool = False,
    deadline: float = 10.0,
    stale_after: int | None = None,
    **options: Any,
) -> Guard:
    """Makes an environment by Gymnasium id or by `module:factory`, checked and wrapped.

    From the inside out: the environment, Gymnasium's order check and time limit (`max_episode_steps`), with `domain`
    the domain randomisation, for goal environments the flattening to (observation, desired_goal), with `isolate` a
    process of its own around these, and `Guard` outermost.

    Args:
        env_id: an id that Gymnasium knows (`awac/PenBinary-v0`, `HalfCheetah-v5`), `module:id`, or `module:factory`
            where the factory is a class or function that returns a `gymnasium.Env`.
        render_mode: as in Gymnasium.
        isolate: run it in a process of its own, so that a hang or a crash ends the episode and not the run.
        deadline: seconds that one reset or step may take there.
        stale_after: refuse this many equal observations in a row; see `Guard`.
        options: for the environment, and `max_episode_steps`; for robot tasks, `domain`: ranges of domain parameters
            to draw at each reset, such as `friction=0.5:2 latency=0:0.05`.

    Raises:
        ConfigError: the id, an option or a space is not possible.
        EnvironmentFault: it cannot be reached, its own code fails, or with `isolate`, its process did not start.
    """
    if isolate:
        from awac.envs.isolation import IsolatedEnv  # it imports this module on the other side

        env: Env = IsolatedEnv(env_id, render_mode, options, deadline)
    else:
        env = build(env_id, render_mode, options)
    return Guard(env, stale_after, env_id, options)


def build(env_id: str, render_mode: str | None, options: dict[str, Any]) -> Env:
    """The environment with Gymnasium's own wrappers and those that change what it is; `make` adds those that check.

    Raises:
        ConfigError: the id, an option or a space is not possible.
        EnvironmentFault: it cannot be reached, or its own code fails.
    """
    factory = _factory(env_id)
    options = dict(options)
    domain = options.pop("domain", None)
    try:
        env = _from_id(env_id, render_mode, options) if factory is None else _call(factory, render_mode, options)
    except (TypeError, ValueError, AssertionError, gymnasium.error.DependencyNotInstalled) as error:
        why = f"{str(error) or type(error).__name__} ({_where(error)})"
        given = options | ({} if render_mode is None else {"render_mode": render_mode})
        raise ConfigError(f"{env_id} cannot be made with the options {given}: {why}") from error
    except AwacError:
        raise
    except Exception as error:  # a robot that is off or in use, a mistake in its code: anything
        raise _fault(env_id, error) from error
    if domain is not None:
        env = DomainRandomization(env, parse_ranges(str(domain)))
    if is_goal_space(env.observation_space):
        env = FlattenGoal(env)
    check_spaces(env_id, env)
    return env


def _fault(env_id: str, error: Exception) -> AwacError:
    # MuJoCo tries its renderer when it is imported, and fails in one of several ways where there is none.
    backend = os.environ.get("MUJOCO_GL")
    files = [Path(frame.filename).parts for frame in traceback.extract_tb(error.__traceback__)]
    if backend is not None and any(file[-2:] == ("mujoco", "__init__.py") for file in files):
        return ConfigError(f"{env_id}: MuJoCo does not start with MUJOCO_GL={backend}; unset it ({error})")
    return EnvironmentFault(f"{env_id} cannot be made: {error!r} ({_where(error)})")


def relabel(env_id: str, **options: Any) -> Callable[[Array], Array]:
    """The reward of a task as a function of next observations (n, O) -> float32 (n,), to relabel datasets.

    A task offers it by a static method `reward_function(**options)` of its class, and nothing is made to ask it: a
    robot stays where it is.

    Raises:
        ConfigError: the id is unknown, or its reward depends on more than the next observation.
    """
    factory = _factory(env_id)
    defaults: dict[str, Any] = {}
    if factory is None:
        spec = _spec(env_id)
        defaults = dict(spec.kwargs)
        entry = spec.entry_point
        factory = cast("Any", load_env_creator(entry) if isinstance(entry, str) else entry)
    function = getattr(factory, "reward_function", None)
    if function is None:
        text = f"the rewards of {env_id} cannot be recomputed: it does not define them by next observations"
        if not isinstance(factory, type):
            text += "; it is a function: name the class that has the static method reward_function, as in module:Class"
        raise ConfigError(text)
    return function(**{**defaults, **task_options(options)})


def check_spaces(env_id: str, env: Env) -> None:
    """Refuses spaces that the learners cannot use.

    Raises:
        ConfigError: naming the space and what is supported.
    """
    spaces: dict[str, Any] = {"observation_space": env.observation_space, "action_space": env.action_space}
    for name, space in spaces.items():
        if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1 or _kind(space) != "f":
            raise ConfigError(f"{env_id}: {name} is {space}; {SUPPORTED}")
    if not spaces["action_space"].is_bounded():
        raise ConfigError(f"{env_id}: action_space {env.action_space} has infinite bounds; {SUPPORTED}")
    with np.errstate(over="ignore"):
        widths = np.float32(spaces["action_space"].high) - np.float32(spaces["action_space"].low)
    if not np.isfinite(widths).all():
        raise ConfigError(f"{env_id}: action_space {env.action_space} is wider than float32 holds; {SUPPORTED}")


def _kind(space: Any) -> str:
    return space.dtype.kind


def _where(error: BaseException) -> str:
    """File and line that an error comes from, for whoever wrote that file."""
    frame = traceback.extract_tb((error.__cause__ or error).__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _factory(env_id: str) -> Callable[..., Env] | None:
    """The factory of `module:factory`, or None when it is an id (`module:id` imports the module on the way)."""
    module, _, name = env_id.rpartition(":")
    if not module:
        return None
    if not all(part.isidentifier() for part in module.split(".")):
        raise ConfigError(f"{env_id}: {module!r} names no module; allowed: as in `import`, such as my_robot:make_env")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{env_id}: module {module} cannot be imported: {error}") from error
    except Exception as error:
        raise EnvironmentFault(f"{env_id}: module {module} fails: {error!r} ({_where(error)})") from error
    if found is None and name not in gymnasium.registry:
        own = [key for key, value in vars(sys.modules[module]).items() if getattr(value, "__module__", "") == module]
        raise ConfigError(f"{env_id}: module {module} has no {name!r}; it defines {', '.join(own) or 'nothing'}")
    return found


def _call(factory: Callable[..., Env], render_mode: str | None, options: dict[str, Any]) -> Env:
    options = dict(options)
    limit = options.pop("max_episode_steps", None)
    if render_mode is not None:
        options["render_mode"] = render_mode
    env = factory(**options)
    if not isinstance(cast("Any", env), gymnasium.Env):
        raise ConfigError(f"{getattr(factory, '__name__', factory)} returns {type(env).__name__}, no gymnasium.Env")
    if limit is None:
        return env
    return gymnasium.wrappers.TimeLimit(env.env if isinstance(env, gymnasium.wrappers.TimeLimit) else env, limit)


def _from_id(env_id: str, render_mode: str | None, options: dict[str, Any]) -> Env:
    # Guard checks every step; Gymnasium's passive checker would check the first ones again.
    return gymnasium.make(_spec(env_id), render_mode=render_mode, disable_env_checker=True, **options)


def _spec(env_id: str) -> EnvSpec:
    name = env_id.rpartition(":")[2]
    if name not in gymnasium.registry and name.startswith(("AdroitHand", "FrankaKitchen", "PointMaze", "AntMaze")):
        importlib.import_module("gymnasium_robotics")  # registers its ids
    if name not in gymnasium.registry:
        nearest = difflib.get_close_matches(name, gymnasium.registry.keys(), n=3, cutoff=0.4)
        module, _, factory = name.rpartition(".")
        own = f"; one of your own is `module:factory`: {module}:{factory}" if module else ""
        raise ConfigError(f"environment {env_id!r} is unknown; nearest are {', '.join(nearest) or 'none'}{own}")
    return gymnasium.registry[name]
