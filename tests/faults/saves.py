"""Checkpoints whose arrays all hold one value, so that a mix of two saves shows."""

from pathlib import Path

import numpy as np

from awac import checkpoint

PARTS = ("actor", "buffer", "critic")


def parts_of(value: int, size: int = 100) -> checkpoint.Parts:
    return {name: {"array": np.full(size, value, np.float32)} for name in PARTS}


def value_of(loaded: checkpoint.Checkpoint) -> int:
    """The one value that all arrays hold; fails on a mix."""
    values = np.unique(np.concatenate([loaded.parts[name]["array"] for name in PARTS]))
    assert values.shape == (1,), "a mix of two saves"
    assert loaded.meta == {"value": int(values[0])}
    return int(values[0])


def save(root: Path, step: int) -> Path:
    return checkpoint.save(root, step, parts_of(step), {"value": step})
