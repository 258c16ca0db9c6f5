"""Offline pre-training and online fine-tuning of control policies from prior data, after Nair et al. 2020 (AWAC).

The names below are the public ones. They load on first use: a robot that needs `awac.runtime` alone imports no JAX.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from awac.batch import Batch, Provenance
    from awac.config import Experiment, defaults
    from awac.envs import make
    from awac.runtime import Policy
    from awac.training import Result, resume, train

__all__ = [
    "Batch",
    "Experiment",
    "Policy",
    "Provenance",
    "Result",
    "defaults",
    "load_policy",
    "make",
    "resume",
    "train",
]

_HOMES = {
    "Batch": "batch",
    "Experiment": "config",
    "Policy": "runtime",
    "Provenance": "batch",
    "Result": "training",
    "defaults": "config",
    "make": "envs",
    "resume": "training",
    "train": "training",
}


def load_policy(folder: str) -> "Policy":
    """Loads the policy of a run folder, or a policy folder; it needs NumPy alone.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    from pathlib import Path

    from awac.errors import CheckpointError
    from awac.runtime import Policy

    path = Path(folder)
    if (path / "checkpoints").is_dir() and not (path / "policy").is_dir():
        from awac.run import is_unfinished

        if not is_unfinished(path):
            raise CheckpointError(f"{folder}: no policy file: its method acts through its critic; use `awac evaluate`")
        raise CheckpointError(
            f"{folder}: no policy yet: a run writes it where it ends or is stopped, if its method acts by its actor. "
            f"`awac resume {folder}` goes on; `awac evaluate` and `awac export` take the newest checkpoint"
        )
    return Policy.load(path / "policy" if (path / "policy").is_dir() else path)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"awac.{_HOMES[name]}"), name)
