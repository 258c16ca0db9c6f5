"""A dataset in a table, for people."""

from typing import Any

from rich.table import Table

from awac.data.dataset import Dataset
from awac.display import digits

ORIGIN = ("env_id", "description", "policy_generated", "seed", "imported_from", "commit")


def describe(name: str, dataset: Dataset) -> Table:
    """Two columns: what, and how much."""
    found = dataset.statistics()
    table = Table(title=name, title_justify="left", show_header=False)
    for label, text in _rows(found):
        table.add_row(label, text)
    for key in ORIGIN:
        if dataset.metadata.get(key) not in (None, ""):
            table.add_row(key.replace("_", " "), str(dataset.metadata[key]))
    versions: Any = dataset.metadata.get("versions") or {}
    if versions.get("mujoco") and "imported_from" not in dataset.metadata:  # an import says nothing of the simulator
        table.add_row("recorded with MuJoCo", str(versions["mujoco"]))
    return table


def _rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [
        ("episodes", f"{found['episodes']}"),
        ("transitions", f"{found['transitions']}"),
        ("observation and action size", f"{found['observation_size']}, {found['action_size']}"),
        ("episode length", _spread(found["length"])),
        ("return", _spread(found["return"])),
        ("ends", f"{found['terminated_episodes']} terminated, {found['truncated_episodes']} truncated"),
    ]
    for key, label in (("success_any_step", "success at any step"), ("success_final_step", "success at the last step")):
        rows.append((label, "not recorded" if found[key] is None else f"{found[key]:.0%}"))
    for kind, counts in found["provenance"].items():
        rows.append((kind, f"{counts['episodes']} episodes, {counts['transitions']} transitions"))
    return rows


def _spread(values: dict[str, float]) -> str:
    mean, low, high = (digits(values[name]) for name in ("mean", "min", "max"))
    return f"{mean} (from {low} to {high})"
