"""Position servos, as the joints of all robots here have them."""

import importlib
from typing import Any

mujoco: Any = importlib.import_module("mujoco")  # it comes without complete types

Limits = tuple[float, ...]


def add_servo(
    spec: Any, joint: str, limits: Limits, stiffness: float, damping: float = 0.0, torque: float | None = None
) -> None:
    """Adds the actuator `<joint>_servo`, which pulls with `stiffness * (control - angle) - damping * velocity`.

    Args:
        spec: an `MjSpec` with that joint.
        joint: its name.
        limits: of the control, lowest and highest, in rad.
        stiffness: in N m / rad.
        damping: in N m s / rad, beside that of the joint itself.
        torque: the most it gives, in N m; without limit if left out.
    """
    servo = spec.add_actuator(name=f"{joint}_servo", target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    servo.ctrlrange, servo.ctrllimited = limits, 1
    servo.gaintype, servo.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
    servo.gainprm[0], servo.biasprm[1], servo.biasprm[2] = stiffness, -stiffness, -damping
    if torque is not None:
        servo.forcerange, servo.forcelimited = (-torque, torque), 1
