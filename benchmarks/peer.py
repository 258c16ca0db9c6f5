"""The peers seen from our side: their environment, and one process for each of them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks" / "peers"
PYTHON = FOLDER / ".venv" / "bin" / "python"
READY = FOLDER / ".venv" / ".ready"  # newer than the requirements once they are installed


def ready() -> bool:
    """Whether the peers' environment is there and as its requirements say."""
    requirements = FOLDER / "requirements.txt"
    return READY.exists() and READY.stat().st_mtime >= requirements.stat().st_mtime


def set_up() -> None:
    """Makes the peers' environment with pip, whose own settings decide which build of torch it takes."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER / ".venv")], check=True)
    install = ["-m", "pip", "install", "--disable-pip-version-check", "--requirement", "requirements.txt"]
    subprocess.run([str(PYTHON), *install], cwd=FOLDER, check=True)
    READY.touch()


class Peer:
    """A peer's process. A context manager that ends it."""

    def __init__(self, name: str) -> None:
        """Starts a peer of `benchmarks.peers.serve`; returns when it is ready."""
        command = [str(PYTHON), "-W", "ignore", "-m", "benchmarks.peers.serve", name]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.versions: dict[str, Any] = self._answer()

    def __enter__(self) -> Self:
        """Already running."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the process."""
        self._process.communicate()

    def ask(self, request: dict[str, Any]) -> Any:
        """The answer to a request of `benchmarks.peers.serve`."""
        assert self._process.stdin is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return self._answer()

    def seconds(self, updates: int) -> float:
        """Seconds for one update, the mean of `updates`."""
        return self.ask({"updates": updates})["seconds"]

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args} ended with code {self._process.wait()}")
        return json.loads(line)
