"""How long the command line takes to say what it can do: `awac --help`, imports and all, in a process of its own."""

import subprocess
import sys
import time

import numpy as np

from benchmarks.entry import Entry, Measurement

TARGET = 0.5  # seconds


def measure(repeats: int) -> Measurement:
    """The median; `ratio` is the target over ours, so above 1 is within it."""
    command = [sys.executable, "-c", "import sys; from awac.cli import main; sys.exit(main())", "--help"]
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - start)
    ours = np.array(seconds[1:])  # the first one reads the disk
    low, high = TARGET / np.quantile(ours, (0.75, 0.25))
    entry = Entry("cli_import", float(np.median(ours)), None, float(TARGET / np.median(ours)), "s")
    return Measurement(entry, (float(low), float(high)), at_least=1.0)
