"""What a run ran on: versions, machine and commit, for `system.json`."""

import importlib.metadata
import os
import platform
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_PACKAGES = ("awac", "equinox", "gymnasium", "gymnasium-robotics", "jax", "jaxlib", "mujoco", "numpy", "optax")


def describe_system() -> dict[str, Any]:
    """Versions and machine, JSON values: `versions`, `commit` and `modified` of the checkout (None without one), ...

    No package is imported for it.
    """
    commit, modified = _checkout()
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processors": processors(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "commit": commit,
        "modified": modified,
    }


def processors() -> int:
    """How many this process may use: XLA divides sums among them, so that their number decides the last bits."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _checkout() -> tuple[str | None, bool | None]:
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():  # installed from a wheel: a repository around it would not be ours
        return None, None
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    return commit, None if changes is None else bool(changes)


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None  # no git, or a checkout it refuses: the run is none the worse
    return done.stdout.strip()
