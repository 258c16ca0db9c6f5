"""Films: every frame arrives, in real time; what cannot be filmed says so in one line."""

import os
import subprocess
import sys
from typing import ClassVar

import av
import gymnasium
import numpy as np
import pytest

from awac.envs.pointmass import optimal_action
from awac.errors import ConfigError
from awac.video import RendererUnavailable, record


def test_a_film_shows_the_episodes_in_real_time(tmp_path):
    path = tmp_path / "new" / "film.mp4"
    episodes = record("awac/PointMass-v0", {"max_episode_steps": 15}, optimal_action, path, episodes=2, seed=4)
    assert [len(episode) for episode in episodes] == [15, 15]
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.average_rate, stream.width, stream.height) == (20, 256, 256)
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(frames) == 2 * 16
    assert np.abs(frames[0].astype(int) - frames[15]).max() > 100  # the point has moved


def test_a_task_without_pictures_is_refused(tmp_path):
    with pytest.raises(ConfigError):
        record("CartPole-v1", {}, optimal_action, tmp_path / "film.mp4")


HAND = """
import sys
from pathlib import Path
from awac.errors import AwacError
from awac.video import record
try:
    record("awac/PenBinary-v0", {"max_episode_steps": 4}, lambda o: 0 * o[:, :24], Path(sys.argv[1]), 1)
except AwacError as error:
    print(type(error).__name__, error)
"""


def film_hand(path, **environment):
    environment = {name: value for name, value in os.environ.items() if name != "MUJOCO_GL"} | environment
    command = [sys.executable, "-c", HAND, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment)


def test_the_hand_is_filmed_or_one_line_says_why_not(tmp_path):
    path = tmp_path / "film.mp4"
    result = film_hand(path)
    if path.exists():
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(container.streams.video[0])]
        assert len(frames) == 2  # 100 steps a second, every fourth one shown: 0 and 4
        assert frames[0].shape == (480, 480, 3)
        assert frames[0].std() > 20
    else:
        assert result.stdout.startswith("RendererUnavailable awac/PenBinary-v0 cannot be filmed")
        assert result.stdout.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="EGL is tried on Linux only")
def test_without_a_renderer_there_is_one_line(tmp_path):
    result = film_hand(tmp_path / "film.mp4", MUJOCO_EGL_DEVICE_ID="99", DISPLAY="", WAYLAND_DISPLAY="")
    assert result.stdout.startswith("RendererUnavailable awac/PenBinary-v0 cannot be filmed: MuJoCo cannot draw")
    assert (result.stdout.count("\n"), result.stderr) == (1, "")
    assert not (tmp_path / "film.mp4").exists()


def test_a_renderer_that_does_not_exist_is_named(tmp_path):
    result = film_hand(tmp_path / "film.mp4", MUJOCO_GL="crayons")
    assert result.stdout.startswith("RendererUnavailable awac/PenBinary-v0 cannot be filmed: ")
    assert "MuJoCo does not start with MUJOCO_GL=crayons" in result.stdout
    assert result.stderr == ""


def needs_a_package(render_mode=None):
    raise gymnasium.error.DependencyNotInstalled("pygame is not installed")


def never_filmed():
    return gymnasium.make("awac/PointMass-v0")


@pytest.mark.parametrize("factory", ["needs_a_package", "never_filmed"])
def test_what_cannot_be_drawn_is_no_more_than_no_film(tmp_path, monkeypatch, factory):
    monkeypatch.setitem(sys.modules, "films_of", sys.modules[__name__])
    with pytest.raises(RendererUnavailable, match=f"films_of:{factory} cannot be filmed: ") as caught:
        record(f"films_of:{factory}", {}, optimal_action, tmp_path / "film.mp4")
    assert caught.value.exit_code == 2


def test_a_factory_that_takes_no_render_mode_is_told_of_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "films_of", sys.modules[__name__])
    with pytest.raises(RendererUnavailable, match=r"with the options \{'render_mode': 'rgb_array'\}: "):
        record("films_of:never_filmed", {}, optimal_action, tmp_path / "film.mp4")


class Canvas(gymnasium.Env):
    """Draws what it is given, or fails to."""

    metadata: ClassVar = {"render_modes": ["rgb_array"], "render_fps": 10}
    observation_space = gymnasium.spaces.Box(-1, 1, (4,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, render_mode=None, channels=3, shade=0):
        self.render_mode, self.channels, self.shade = render_mode, channels, shade

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(4, np.float32), {}

    def step(self, action):
        return np.zeros(4, np.float32), 0.0, False, True, {}

    def render(self):
        return np.full((33, 32, self.channels), 1 // self.shade, np.uint8)


@pytest.mark.parametrize(
    ("options", "why"),
    [({}, r"drawing it raised ZeroDivisionError"), ({"shade": 1, "channels": 4}, r"it draws uint8 \(33, 32, 4\)")],
)
def test_a_task_that_fails_to_draw_is_no_more_than_no_film(tmp_path, monkeypatch, options, why):
    monkeypatch.setitem(sys.modules, "films_of", sys.modules[__name__])
    with pytest.raises(RendererUnavailable, match=f"films_of:Canvas cannot be filmed: {why}"):
        record("films_of:Canvas", options, optimal_action, tmp_path / "film.mp4")
    assert not (tmp_path / "film.mp4").exists()
    record("films_of:Canvas", {"shade": 1}, optimal_action, tmp_path / "film.mp4")
    assert (tmp_path / "film.mp4").stat().st_size > 0


@pytest.mark.skipif(sys.platform != "linux", reason="screens are named by DISPLAY on Linux")
def test_a_screen_that_is_not_there_is_no_more_than_no_film(tmp_path):
    result = film_hand(tmp_path / "film.mp4", DISPLAY=":77", WAYLAND_DISPLAY="")
    assert result.stdout.startswith("RendererUnavailable awac/PenBinary-v0 cannot be filmed: drawing it raised")


def test_a_folder_is_no_film(tmp_path):
    with pytest.raises(RendererUnavailable, match=r"cannot be filmed: .*directory"):
        record("awac/PointMass-v0", {}, optimal_action, tmp_path)


def test_a_film_that_fails_leaves_the_one_before(tmp_path):
    def fail(observations):
        raise ConfigError("no action")

    (tmp_path / "film.mp4").write_bytes(b"kept")
    with pytest.raises(RendererUnavailable, match="no action"):
        record("awac/PointMass-v0", {}, fail, tmp_path / "film.mp4", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
    assert (tmp_path / "film.mp4").read_bytes() == b"kept"
