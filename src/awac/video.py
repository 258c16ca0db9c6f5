"""Films of evaluation episodes, drawn without a screen and written as MP4."""

import contextlib
import importlib
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from awac.collect import Act, Env
from awac.data.dataset import Episode
from awac.envs.factory import make
from awac.errors import ConfigError
from awac.rollout import play
from awac.storage import temporary_name

MOST_FRAMES_PER_SECOND = 25  # without a GPU a frame takes a tenth of a second
CODEC = "libx264"
ATTEMPT = """
import importlib, os, sys
try:
    importlib.import_module("mujoco." + sys.argv[1]).GLContext(16, 16).free()
except Exception as error:
    print(error, flush=True)
    os._exit(1)
"""


class RendererUnavailable(ConfigError):
    """No film can be made of the environment here; training and evaluation do not need one."""


def record(
    env_id: str, options: Mapping[str, Any], act: Act, path: Path, episodes: int = 3, seed: int = 0
) -> list[Episode]:
    """Plays episodes in real time into an MP4 file; frames above 25 per second are left out.

    Args:
        env_id: as for `awac.envs.make`.
        options: for `awac.envs.make`.
        act: the policy.
        path: of the file; its folder is made, a file of that name replaced.
        episodes: one after the other.
        seed: of the first; the same seeds give the episodes of `evaluate`.

    Returns:
        The episodes shown.

    Raises:
        RendererUnavailable: no renderer works here, the environment has no `rgb_array` mode or lacks a package to draw
            with, or the file cannot be written.
    """
    try:
        with contextlib.closing(make(env_id, "rgb_array", **options)) as env:
            _choose_renderer(env_id, env)
            path.parent.mkdir(parents=True, exist_ok=True)
            with _Film(env_id, path, float(env.metadata.get("render_fps", 30))) as film:
                return play([env], act, episodes, seed, on_step=film.add)
    except RendererUnavailable:
        raise
    except (ConfigError, gymnasium.error.DependencyNotInstalled, OSError) as error:
        raise RendererUnavailable(f"{env_id} cannot be filmed: {error}") from error


def _choose_renderer(env_id: str, env: Env) -> None:
    """Without a screen MuJoCo draws with EGL, unless MUJOCO_GL says otherwise; whether that works is tried first.

    MUJOCO_GL is set only here, when MuJoCo has been imported and the renderer is known to work: with one that does not,
    the import itself fails.
    """
    if "rgb_array" not in env.metadata.get("render_modes", []):
        raise RendererUnavailable(f"{env_id} cannot be filmed: it has no render mode 'rgb_array'")
    screen = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    backend = os.environ.get("MUJOCO_GL", "" if screen else "egl")
    draws_with_mujoco = hasattr(env.unwrapped, "mujoco_renderer") or hasattr(env.unwrapped, "simulation")
    if not (draws_with_mujoco and backend):
        return
    # In a process of its own, because a failed attempt leaves a trail of messages, and a broken driver may crash.
    attempt = subprocess.run(
        [sys.executable, "-c", ATTEMPT, backend], capture_output=True, text=True, timeout=120, check=False
    )
    if attempt.returncode:
        reason = (attempt.stdout.splitlines() or [f"exit code {attempt.returncode}"])[0]
        raise RendererUnavailable(
            f"{env_id} cannot be filmed: MuJoCo cannot draw with {backend} on this machine ({reason}); "
            "install libEGL (package libegl1), or libosmesa6 and set MUJOCO_GL=osmesa"
        )
    os.environ["MUJOCO_GL"] = backend


class _Film:
    """An MP4 file that grows by the current picture of an environment."""

    def __init__(self, env_id: str, path: Path, frames_per_second: float) -> None:
        self.env_id, self.path = env_id, path
        self.every = math.ceil(frames_per_second / MOST_FRAMES_PER_SECOND)
        self.rate = round(frames_per_second / self.every)
        self.calls = 0
        self.stream: Any = None

    def __enter__(self) -> "_Film":
        self.av: Any = importlib.import_module("av")  # large, and without complete types
        self.container: Any = self.av.open(str(temporary_name(self.path)), "w", format="mp4")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.stream is not None:
            self.container.mux(self.stream.encode())
        self.container.close()
        if kind is None:
            temporary_name(self.path).replace(self.path)
        else:  # the film of before stays
            temporary_name(self.path).unlink(missing_ok=True)

    def add(self, env: Env) -> None:
        """Draws the environment and appends the picture, or leaves it out to keep the rate."""
        self.calls += 1
        if (self.calls - 1) % self.every:
            return
        picture = self._picture(env)
        picture = np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])
        if self.stream is None:  # the format wants even sides, known with the first picture
            self.stream = self.container.add_stream(CODEC, rate=self.rate, options={"crf": "20"})
            self.stream.height, self.stream.width = picture.shape[:2]
            self.stream.pix_fmt = "yuv420p"
        self.container.mux(self.stream.encode(self.av.VideoFrame.from_ndarray(picture, format="rgb24")))

    def _picture(self, env: Env) -> NDArray[np.uint8]:
        try:
            picture = np.asarray(env.render())
        except Exception as error:  # foreign code may raise anything: a screen that is named and not there, for one
            raise RendererUnavailable(f"{self.env_id} cannot be filmed: drawing it raised {error!r}") from error
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or min(picture.shape) < 2:
            raise RendererUnavailable(
                f"{self.env_id} cannot be filmed: it draws {picture.dtype} {picture.shape}; allowed: uint8 (H, W, 3)"
            )
        return picture
