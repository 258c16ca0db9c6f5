"""The expert policies published with DAPG, as plain NumPy: they make the demonstrations that are bundled."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from awac.data.npz import read_npz
from awac.errors import DataError

LAYERS = ("w0", "w1", "w2", "w3", "w4", "w5")  # weight and bias of three layers, tanh between them
TRANSFORMS = ("in_shift", "in_scale", "out_shift", "out_scale")


@dataclass(frozen=True, eq=False)
class DapgPolicy:
    """a = (w4 tanh(w2 tanh(w0 x + w1) + w3) + w5) * out_scale + out_shift, x = (o - in_shift) / (in_scale + 1e-8).

    Attributes:
        arrays: float64, by the names above, and `ls`, the log of the noise's standard deviation (action,).
        generator: of the noise; None for the mean action.
    """

    arrays: dict[str, np.ndarray]
    generator: np.random.Generator | None = None

    @classmethod
    def load(cls, path: Path, generator: np.random.Generator | None = None) -> "DapgPolicy":
        """Reads an npz with the arrays above.

        Raises:
            DataError: arrays are missing, not finite, or do not fit together.
        """
        arrays = read_npz(path)
        missing = [name for name in (*LAYERS, *TRANSFORMS, "ls") if name not in arrays]
        if missing:
            raise DataError(f"{path}: {', '.join(missing)} missing; found {', '.join(arrays)}")
        policy = cls({name: values.astype(np.float64) for name, values in arrays.items()}, generator)
        if not all(np.isfinite(values).all() for values in policy.arrays.values()):
            raise DataError(f"{path}: the policy has values that are not finite")
        try:
            policy(np.zeros((1, len(arrays["in_shift"])), np.float32))
        except ValueError as error:
            shapes = ", ".join(f"{name} {arrays[name].shape}" for name in LAYERS)
            raise DataError(f"{path}: the layers do not fit together: {shapes}") from error
        return policy

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        """Actions float32 (n, action) for observations (n, observation); not clipped."""
        values = self.arrays
        hidden = (observations - values["in_shift"]) / (values["in_scale"] + 1e-8)
        for weight, bias in (("w0", "w1"), ("w2", "w3")):
            hidden = np.tanh(hidden @ values[weight].T + values[bias])
        actions = (hidden @ values["w4"].T + values["w5"]) * values["out_scale"] + values["out_shift"]
        if self.generator is not None:
            actions += np.exp(values["ls"]) * self.generator.standard_normal(actions.shape)
        return actions.astype(np.float32)
