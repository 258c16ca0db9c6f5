"""The exact state of an environment as named NumPy arrays, so that a resumed run goes on bit by bit.

`capture` knows Gymnasium's own wrappers, any environment with `get_state` and `set_state`, and the MuJoCo environments
of Gymnasium and the Adroit ones of gymnasium-robotics. For anything else it returns None: guessing what a foreign class
keeps in its attributes would resume a run that only looks right.

A captured state belongs to the same environment id, options and MuJoCo version.
"""

import functools
import importlib
import inspect
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any, cast

import gymnasium
import numpy as np
from numpy.typing import NDArray

from awac.errors import CheckpointError

logger = logging.getLogger(__name__)

Array = NDArray[Any]

# Private attributes of Gymnasium's wrappers, the same since 0.26; `test_snapshot` notices when one changes.
WRAPPERS: Mapping[str, tuple[str, ...]] = {
    "TimeLimit": ("_elapsed_steps",),
    "OrderEnforcing": ("_has_reset",),
    "Guard": ("episode", "steps", "unchanged", "last_observation"),
    "PassiveEnvChecker": (),
    "ClipAction": (),
    "RescaleAction": (),
    "RescaleObservation": (),
    "FlattenObservation": (),
    "DtypeObservation": (),
    "FlattenGoal": (),
    "DomainRandomization": (),
}

SCALARS = (bool, int, float, np.number, np.bool_)

KNOWN_SIMULATIONS = ("gymnasium.envs.mujoco.", "gymnasium_robotics.envs.adroit_hand.")

# Tasks keep goals and fixtures in the model: where bodies, sites and geometries are attached.
MODEL_FIELDS = ("body_pos", "body_quat", "site_pos", "site_quat", "geom_pos", "geom_quat", "geom_size")

# Not part of MuJoCo's state because a step computes them anew, but read by rewards before that step (Ant's velocity).
DERIVED_FIELDS = ("xpos", "xquat", "xipos", "site_xpos", "geom_xpos", "subtree_com", "cfrc_ext", "qacc", "sensordata")


def capture(env: gymnasium.Env[Any, Any]) -> dict[str, Array] | None:
    """Everything that the next steps and resets of an environment depend on.

    Returns:
        Named arrays of numbers or bools; None where some part of the environment is of an unknown kind, or fails to
        tell its state, which is warned of.
    """
    captured: dict[str, Array] = {}
    for position, wrapper in enumerate(_wrappers(env)):
        names = WRAPPERS.get(type(wrapper).__name__)
        if names is None or not type(wrapper).__module__.startswith(("gymnasium.", "awac.")):
            return None
        for name in names:
            value = getattr(wrapper, name)
            if value is not None:
                captured[f"wrapper_{position}/{name}"] = np.asarray(value)
    inner: Any = env.unwrapped
    try:
        state = _inner_state(inner)
        if state is None:
            return None
        captured |= {f"env/{name}": np.asarray(values) for name, values in state.items()}
        captured["generator"] = _from_json(inner.np_random.bit_generator.state)
    except Exception as error:  # noqa: BLE001  foreign code may raise anything; a checkpoint without this is no loss
        _warn_once(f"{type(inner).__name__}: its state cannot be saved ({error!r}); a resume begins a new episode")
        return None
    wrong = [name for name, values in captured.items() if values.dtype.kind not in "biuf"]
    if wrong:
        text = f"get_state gives what is no number or array of them: {', '.join(wrong)}; a resume begins a new episode"
        _warn_once(f"{type(inner).__name__}.{text}")
        return None
    return captured


@functools.cache
def _warn_once(text: str) -> None:
    logger.warning("%s", text)


def restore(env: gymnasium.Env[Any, Any], captured: Mapping[str, Array]) -> None:
    """Puts a captured state into an environment made with the same id and options, fresh or used.

    Raises:
        CheckpointError: the state is not one of this environment.
    """
    for position, wrapper in enumerate(_wrappers(env)):
        for name in WRAPPERS.get(type(wrapper).__name__, ()):
            value = captured.get(f"wrapper_{position}/{name}")
            setattr(wrapper, name, value.item() if value is not None and value.ndim == 0 else value)
        if isinstance(wrapper, gymnasium.wrappers.PassiveEnvChecker):  # it compares first calls, and these are past
            vars(wrapper).update({name: True for name in vars(wrapper) if name.startswith("checked_")})
    inner: Any = env.unwrapped
    prefix = "env/"
    state = {name.removeprefix(prefix): values for name, values in captured.items() if name.startswith(prefix)}
    if "generator" not in captured or not (state or _owns_state(inner)):  # its own may well be nothing
        raise CheckpointError(
            f"the captured state of {type(inner).__name__} has no generator or no values: {[*captured]}"
        )
    if _owns_state(inner):
        try:
            inner.set_state(state)
        except Exception as error:  # foreign code may raise anything
            raise CheckpointError(f"{type(inner).__name__}.set_state raised {error!r}") from error
    else:
        set_mujoco_state(inner, state)
    inner.np_random.bit_generator.state = _to_json(captured["generator"])


def mujoco_state(env: Any) -> dict[str, Array]:
    """The state of an environment with a MuJoCo `model` and `data`: for `get_state` of a task.

    It holds MuJoCo's integration state, the model fields that tasks change, derived fields that are read before the
    next step, and every number and array among the environment's own attributes; nothing else that it may keep.
    """
    mujoco = _mujoco()
    model, data = env.model, env.data
    specification = int(mujoco.mjtState.mjSTATE_INTEGRATION)
    integration = np.empty(mujoco.mj_stateSize(model, specification), np.float64)
    mujoco.mj_getState(model, data, integration, specification)
    state: dict[str, Array] = {"integration": integration}
    state |= {f"model/{name}": getattr(model, name).copy() for name in MODEL_FIELDS}
    state |= {f"data/{name}": getattr(data, name).copy() for name in DERIVED_FIELDS}
    state |= {f"attribute/{name}": np.array(value) for name, value in _numbers(env).items()}
    return state


def set_mujoco_state(env: Any, state: Mapping[str, Array]) -> None:
    """The inverse of `mujoco_state`: for `set_state` of a task.

    Raises:
        CheckpointError: a part is missing or of another size: another task, or another version of MuJoCo.
    """
    mujoco = _mujoco()
    expected = mujoco_state(env)
    for name, values in expected.items():
        if name not in state or (state[name].shape != values.shape and not name.startswith("attribute/")):
            found = state[name].shape if name in state else "nothing"
            raise CheckpointError(
                f"{type(env).__name__}: state {name} has shape {found}, expected {values.shape} (MuJoCo "
                f"{mujoco.__version__}); it was saved by another task, or with another version of MuJoCo"
            )
    model, data = env.model, env.data
    for name in MODEL_FIELDS:
        getattr(model, name)[:] = state[f"model/{name}"]
    attributes = _numbers(env)
    for name, saved in state.items():
        if name.startswith("attribute/"):
            name = name.removeprefix("attribute/")
            value: Any = attributes.get(name)
            if _is_window(value) and value.shape == saved.shape:
                value[...] = saved
            else:
                setattr(env, name, _like(value, saved))
    specification = int(mujoco.mjtState.mjSTATE_INTEGRATION)
    integration = np.asarray(state["integration"], np.float64)
    mujoco.mj_setState(model, data, integration, specification)
    mujoco.mj_forward(model, data)  # fills every derived field, so that drawing a frame works at once
    mujoco.mj_setState(model, data, integration, specification)  # again: the forward pass moved the solver's warm start
    for name in DERIVED_FIELDS:
        getattr(data, name)[:] = state[f"data/{name}"]


def _mujoco() -> Any:
    """Imported late, because not every environment needs it, and untyped, because it comes without stubs."""
    return importlib.import_module("mujoco")


def _wrappers(env: gymnasium.Env[Any, Any]) -> Iterator[gymnasium.Wrapper[Any, Any, Any, Any]]:
    while isinstance(env, gymnasium.Wrapper):
        yield env
        env = env.env


def _inner_state(inner: Any) -> dict[str, Array] | None:
    if _owns_state(inner):
        return inner.get_state()
    if type(inner).__module__.startswith(KNOWN_SIMULATIONS):
        return mujoco_state(inner)
    return None


def _owns_state(inner: Any) -> bool:
    # others have methods of these names for something else, such as `set_state(qpos, qvel)` of Gymnasium's MujocoEnv
    return _takes(getattr(inner, "get_state", None)) and _takes(getattr(inner, "set_state", None), {})


def _takes(method: Any, *arguments: Any) -> bool:
    try:
        inspect.signature(method).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # of a compiled method nothing is known
        return True
    return True


def _numbers(env: Any) -> dict[str, Any]:
    """The numbers and numeric arrays among the attributes of an object, by name, but for the seed of long ago.

    Gymnasium keeps that beside the generator; where nobody gave one it has 128 bits, which no dtype holds.
    """
    attributes = cast("dict[str, object]", vars(env))
    named = {name: value for name, value in attributes.items() if name != "_np_random_seed"}
    return {name: value for name, value in named.items() if isinstance(value, SCALARS) or _is_numeric(value)}


def _is_numeric(value: object) -> bool:
    return isinstance(value, np.ndarray) and cast("Array", value).dtype.kind in "biuf"


def _is_window(value: Any) -> bool:
    """Whether an attribute is an array in memory that is not NumPy's: in MuJoCo's, where a copy would stand still."""
    if not isinstance(value, np.ndarray) or not value.flags.writeable:
        return False
    owner: Any = cast("Array", value)
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return owner is not None


def _like(value: Any, saved: Array) -> Any:
    """A saved attribute in the type that it has now; as it is where a fresh environment has none that holds it."""
    if saved.ndim or isinstance(value, np.ndarray):
        return saved.copy()
    number = saved.item()
    if value is None or not np.isfinite(number):
        return number
    alike = type(value)(number)
    return alike if np.asarray(alike).astype(saved.dtype) == saved else number


def _from_json(value: Any) -> Array:
    """A generator's state as bytes: its integers are too long for any NumPy dtype."""
    return np.frombuffer(json.dumps(value).encode(), np.uint8).copy()


def _to_json(values: Array) -> Any:
    return json.loads(np.asarray(values, np.uint8).tobytes().decode())
