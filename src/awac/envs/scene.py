"""What all pictures of the robots share: floor, sky, light, cameras; and the physics of their `MjSpec`."""

import importlib
from typing import Any

import numpy as np

from awac.errors import ConfigError

mujoco: Any = importlib.import_module("mujoco")  # it comes without complete types

Vector = tuple[float, ...]

TIMESTEP = 0.0025  # s
LARGEST = 4096  # pixels of a side of a picture
FLOOR = -0.9  # m
DARK, WOOD, LIGHT = (0.16, 0.16, 0.18, 1), (0.72, 0.6, 0.46, 1), (0.8, 0.81, 0.83, 1)
SKY = {"rgb1": (0.93, 0.95, 0.97), "rgb2": (0.55, 0.63, 0.72), "width": 256, "height": 256}


def new_spec(floor: float = FLOOR) -> Any:
    """An `MjSpec` in radians, with steps of `TIMESTEP`, sky, light, and a `floor` at this height (m) to look at."""
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.timestep = TIMESTEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    gradient = mujoco.mjtBuiltin.mjBUILTIN_GRADIENT
    spec.add_texture(name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, builtin=gradient, **SKY)
    world, plane = spec.worldbody, mujoco.mjtGeom.mjGEOM_PLANE
    hidden = {"contype": 0, "conaffinity": 0}
    world.add_geom(name="floor", type=plane, pos=[0, 0, floor], size=[4, 4, 0.1], rgba=LIGHT, **hidden)
    world.add_light(pos=[0.7, 1.3, 1.9], dir=[-0.3, -0.35, -1], diffuse=[0.55, 0.55, 0.55], castshadow=True)
    world.add_light(pos=[-1.2, 0.6, 1.6], dir=[0.5, 0, -0.8], diffuse=[0.25, 0.25, 0.28], castshadow=False)
    spec.visual.headlight.ambient = [0.32, 0.32, 0.32]
    spec.visual.headlight.diffuse = [0.28, 0.28, 0.28]
    spec.visual.quality.shadowsize = 4096
    return spec


def add_camera(spec: Any, name: str, eye: Vector, target: Vector, field_of_view: float = 45.0) -> None:
    """Adds a fixed camera, upright.

    Args:
        spec: where to add it.
        name: of the camera.
        eye: where it is, in metres.
        target: what it looks at, in metres.
        field_of_view: vertical, in degrees.
    """
    backwards = np.subtract(eye, target) / np.linalg.norm(np.subtract(eye, target))
    right = np.cross([0.0, 0.0, 1.0], backwards)
    right /= np.linalg.norm(right)
    axes = [*right, *np.cross(backwards, right)]
    spec.worldbody.add_camera(name=name, pos=eye, xyaxes=axes, fovy=field_of_view)


def allow_pictures(model: Any, width: Any, height: Any, camera_name: str | None) -> None:
    """Makes room in a model for pictures of this size.

    Args:
        model: compiled.
        width: in pixels.
        height: in pixels.
        camera_name: which camera takes them; None is the free one.

    Raises:
        ConfigError: no picture has this size, or the model no such camera.
    """
    for name, pixels in (("width", width), ("height", height)):
        if not isinstance(pixels, int | np.integer) or not 1 <= pixels <= LARGEST:
            raise ConfigError(f"{name}={pixels!r} of pictures: allowed is a whole number from 1 to {LARGEST}")
    cameras = [model.camera(number).name for number in range(model.ncam)]
    if camera_name is not None and camera_name not in cameras:
        raise ConfigError(f"camera_name={camera_name!r} is unknown; the cameras are {', '.join(cameras)}")
    room = model.vis.global_
    room.offwidth, room.offheight = max(room.offwidth, width), max(room.offheight, height)
