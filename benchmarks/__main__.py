"""All benchmarks in one sitting: a table on the terminal, and `benchmarks/latest.json`."""

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from awac.system import describe_system
from benchmarks import command, entry, methods, numpy_action, online, peer, updates, validate
from benchmarks.workload import PAPER

LATEST = Path(__file__).parent / "latest.json"
ROUNDS, QUICK_ROUNDS = 21, 3
STEPS, QUICK_STEPS = 1000, 100


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--set-up-peers", action="store_true", help="first install d3rlpy and PyTorch for comparison")
    parser.add_argument("--quick", action="store_true", help="few rounds: a look, not a result")
    parser.add_argument("--output", type=Path, default=LATEST, help="where to write the entries")
    return parser.parse_args()


def within_target(measured: dict[str, Any]) -> entry.Measurement:
    """A measurement whose ratio is its target over ours; what it tells besides is left out."""
    return entry.Measurement(entry.Entry(**{name: measured[name] for name in entry.FIELDS}), None, at_least=1.0)


def measure(quick: bool) -> list[entry.Measurement]:
    """Every measurement, in the order of the table."""
    return [
        *updates.measure(PAPER, with_peers=peer.ready(), rounds=QUICK_ROUNDS if quick else ROUNDS),
        *methods.measure(with_peers=peer.ready(), rounds=QUICK_ROUNDS if quick else ROUNDS),
        online.measure(QUICK_STEPS if quick else STEPS),
        within_target(numpy_action.measure()),
        within_target(validate.measure()),
        command.measure(QUICK_ROUNDS if quick else ROUNDS),
    ]


def main() -> int:
    """Measures, shows, writes."""
    chosen, console = options(), Console()
    if chosen.set_up_peers and not peer.ready():
        peer.set_up()
    if not peer.ready():
        console.print("d3rlpy and PyTorch are not installed; `python -m benchmarks --set-up-peers` does it.")
    system = describe_system()
    versions = ", ".join(f"{name} {version}" for name, version in system["versions"].items())
    console.print(f"{system['platform']}, {system['processors']} processors, Python {system['python']}\n{versions}")
    measurements = measure(chosen.quick)
    console.print(entry.table(measurements))
    entry.write(measurements, chosen.output)
    console.print(f"Written to {chosen.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
