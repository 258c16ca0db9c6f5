"""The other side of `IsolatedEnv`: one environment in a process of its own, asked over a socket.

    python -m awac.envs.worker DESCRIPTOR PARENT

It ends when the socket closes or its parent is gone, even while a step hangs, so that no orphan stays behind.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from awac.envs import snapshot
from awac.envs.channel import Channel
from awac.envs.factory import Env, build
from awac.envs.goal import goal_layout
from awac.errors import ConfigError, EnvironmentFault, RobotStop


def serve(channel: Channel) -> None:
    """Builds the environment that the first message asks for and answers until the connection ends."""
    number, wish = channel.receive()
    sys.path[:] = wish["path"]  # a `module:factory` is found here if it was found there
    try:
        env = build(wish["env_id"], wish["render_mode"], wish["options"])
        description = describe(env, wish["options"])
    except ConfigError as error:
        channel.send(number, {"refused": str(error)})
        return
    except Exception as error:  # noqa: BLE001 - foreign code may raise anything; the other side is told
        channel.send(number, failure(error))
        return
    channel.send(number, {"value": description})
    while True:
        number, (call, arguments) = channel.receive()
        try:
            channel.send(number, {"value": perform(env, call, arguments)})
        except Exception as error:  # noqa: BLE001 - foreign code may raise anything, or return what cannot be sent
            channel.send(number, failure(error))


def failure(error: Exception) -> dict[str, str]:
    """What the other side is told of an error."""
    if isinstance(error, RobotStop):
        return {"stopped": str(error)}
    return {"error": str(error) if isinstance(error, EnvironmentFault) else repr(error)}


def describe(env: Env, options: Mapping[str, Any]) -> dict[str, Any]:
    """The spaces and the attributes that others read."""
    spaces: dict[str, Any] = {"observation_space": env.observation_space, "action_space": env.action_space}
    layout = goal_layout(env, **options)
    return {
        **{name: [space.low, space.high] for name, space in spaces.items()},
        "metadata": sendable(env.metadata),
        "dapg_success_steps": getattr(env.unwrapped, "dapg_success_steps", None),
        "goal_layout": None if layout is None else vars(layout),
    }


def perform(env: Env, call: str, arguments: Mapping[str, Any]) -> Any:
    """One call of the environment, its result reduced to what can be sent."""
    if call == "step":
        observation, reward, terminated, truncated, info = env.step(arguments["action"])
        return [observation, reward, terminated, truncated, sendable(info)]
    if call == "reset":
        observation, info = env.reset(seed=arguments["seed"], options=arguments["options"])
        return [observation, sendable(info)]
    if call == "render":
        return env.render()
    if call == "close":
        return env.close()
    if call == "capture":
        return snapshot.capture(env)
    assert call == "restore"
    return snapshot.restore(env, arguments["state"])


def sendable(info: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers, strings and numeric arrays of an info; the rest is left out."""
    kept: dict[str, Any] = {}
    for name, value in info.items():
        kind = getattr(getattr(value, "dtype", None), "kind", None)
        if isinstance(value, (bool, int, float, str)) or (kind is not None and kind in "biuf"):
            kept[name] = value
    return kept


def leave_with(parent: int) -> None:
    """Ends this process as soon as its parent is another one."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def stay(*_: object) -> None:
    """Ctrl-C, and the SIGTERM of a scheduler, reach all processes; they are for the parent, which wants the state."""


def main() -> None:
    """Serves the socket whose descriptor and owner are given on the command line."""
    descriptor, parent = (int(argument) for argument in sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stay)  # not ignored: that would pass on to what the environment starts
    threading.Thread(target=leave_with, args=(parent,), daemon=True).start()
    with socket.socket(fileno=descriptor) as connection:
        try:
            serve(Channel(connection))
        except ConnectionError:
            return  # the parent closed its end: the normal end of this process


if __name__ == "__main__":
    main()
