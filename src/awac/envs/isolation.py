"""An environment in a process of its own: it may hang or crash, and the run goes on.

Every question has a deadline, kept by the monotonic clock. When the answer does not come, or the process is gone, the
process is killed and the call raises; the next reset starts another one.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import gymnasium
from numpy.typing import NDArray

from awac.envs.channel import Channel
from awac.envs.goal import GoalLayout
from awac.errors import CheckpointError, ConfigError, EnvironmentFault, RobotStop

Array = NDArray[Any]

START_DEADLINE = 60.0  # seconds to import and build; a cold disk and a large simulator need their time


class IsolatedEnv(gymnasium.Env[Array, Array]):
    """Asks an environment in another process; made by `awac.envs.make(..., isolate=True)`.

    Raises:
        TimeoutError: from any call: no answer within the deadline; the process has been killed.
        ConnectionError: from any call: the process is gone.
        RobotStop: from any call: the environment raised it.
        RuntimeError: from any call: the environment raised something else; the text is its error.
    """

    def __init__(self, env_id: str, render_mode: str | None, options: Mapping[str, Any], deadline: float) -> None:
        """Starts the process and asks for the spaces.

        Args:
            env_id: as for `awac.envs.make`.
            render_mode: as in Gymnasium.
            options: numbers, strings, lists and dictionaries; they travel as JSON.
            deadline: seconds that a reset or step may take.

        Raises:
            ConfigError: the environment cannot be made.
            EnvironmentFault: the process did not start.
        """
        if deadline <= 0:
            raise ConfigError(f"deadline={deadline} must be a positive number of seconds")
        self.wish = {"env_id": env_id, "render_mode": render_mode, "options": dict(options), "path": sys.path}
        self.render_mode, self.deadline = render_mode, deadline
        self.process: subprocess.Popen[bytes] | None = None
        self.number = 0
        try:
            description = self._start()
        except (OSError, RuntimeError) as error:
            raise EnvironmentFault(f"{env_id}: its process did not start: {error}") from error
        self.spec = gymnasium.registry.get(env_id)
        self.metadata = description["metadata"]
        self.dapg_success_steps: int | None = description["dapg_success_steps"]
        layout = description["goal_layout"]
        self.goal_layout = None if layout is None else GoalLayout(**layout)
        low, high = description["observation_space"]
        self.observation_space = gymnasium.spaces.Box(low, high, dtype=low.dtype)
        low, high = description["action_space"]
        self.action_space = gymnasium.spaces.Box(low, high, dtype=low.dtype)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """As the environment's; starts a process where the last one was killed."""
        super().reset(seed=seed)
        if self.process is None:
            self._start()
        observation, info = self._ask("reset", seed=seed, options=options)
        return observation, info

    def step(self, action: Array) -> tuple[Array, Any, bool, bool, dict[str, Any]]:
        """As the environment's; of the info only numbers, strings and numeric arrays arrive."""
        observation, reward, terminated, truncated, info = self._ask("step", action=action)
        return observation, reward, terminated, truncated, info

    def render(self) -> Any:
        """As the environment's."""
        return self._ask("render")

    def get_state(self) -> dict[str, Array] | None:
        """What `awac.envs.snapshot.capture` says over there; None too where the process does not answer."""
        try:
            return self._ask("capture")
        except (OSError, RuntimeError):
            return None

    def set_state(self, state: Mapping[str, Array]) -> None:
        """The inverse of `get_state`.

        Raises:
            CheckpointError: the state does not fit.
        """
        if self.process is None:
            self._start()
        try:
            self._ask("restore", state=state)
        except RuntimeError as error:
            raise CheckpointError(f"{self.wish['env_id']}: {error}") from error

    def close(self) -> None:
        """As the environment's, then ends the process."""
        if self.process is None:
            return
        try:
            self._ask("close")
        finally:
            self._kill()

    def _kill(self) -> None:
        if self.process is None:
            return
        self.channel.connection.close()
        self.process.kill()
        self.process.wait()
        self.process = None

    def _start(self) -> dict[str, Any]:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "awac.envs.worker", str(theirs.fileno()), str(os.getpid())]
        with theirs:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),))
        self.channel = Channel(ours)
        try:
            return self._exchange(self.wish, START_DEADLINE)
        except (RobotStop, RuntimeError):  # it said why, and has ended
            self._kill()
            raise

    def _ask(self, call: str, **arguments: Any) -> Any:
        if self.process is None:
            raise ConnectionError("its process has been stopped; reset starts another one")
        return self._exchange([call, arguments], self.deadline)

    def _exchange(self, content: Any, deadline: float) -> Any:
        self.number += 1
        try:
            self.channel.send(self.number, content)
            number, answer = self.channel.receive(deadline)
        except TimeoutError as error:
            self._kill()
            raise TimeoutError(f"no answer within {deadline:g} s; its process has been killed") from error
        except OSError as error:
            process, self.process = self.process, None
            self.channel.connection.close()
            raise ConnectionError(f"its process is gone{_last_words(process)}") from error
        if number != self.number:
            self._kill()
            raise ConnectionError(f"answer {number} came to question {self.number}; its process has been killed")
        if "refused" in answer:
            self._kill()
            raise ConfigError(answer["refused"])
        if "stopped" in answer:
            raise RobotStop(answer["stopped"])
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]


def _last_words(process: "subprocess.Popen[bytes] | None") -> str:
    """Reaps a process that has closed its socket; says how it ended."""
    assert process is not None
    try:
        return f" (exit code {process.wait(timeout=1.0)})"
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return " (killed, because it closed its connection and lived on)"
