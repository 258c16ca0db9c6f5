"""A change of the numbers that a method computes is never silent.

Each golden trace is named in CHANGELOG.md by a line with the word "numerics" and the first eight digits of its SHA-256.
Who changes a trace has to write such a line, and a reader of the changelog learns that results moved, and why.
"""

import hashlib
import re
from pathlib import Path

VERSION = re.compile(r"^## \[(Unreleased|\d+\.\d+\.\d+)\]( - \d{4}-\d{2}-\d{2})?$")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def unexplained(traces: list[Path], changelog: str) -> list[str]:
    """Traces with no line of their own in the changelog, each with the line that it wants."""
    numerics = [line for line in changelog.splitlines() if "numerics" in line.lower()]
    wanted = {trace: hashlib.sha256(trace.read_bytes()).hexdigest()[:8] for trace in traces}
    return [
        f'CHANGELOG.md needs a line with "numerics", `{trace.stem}` and `{digest}` that says why the trace changed'
        for trace, digest in wanted.items()
        if not any(f"`{trace.stem}`" in line and f"`{digest}`" in line for line in numerics)
    ]


def test_every_golden_trace_is_explained(root):
    folder = root / "tests" / "golden"
    traces = [path for path in sorted(folder.rglob("*")) if path.suffix in {".json", ".npz", ".npy", ".safetensors"}]
    assert unexplained(traces, (root / "CHANGELOG.md").read_text()) == []


def test_a_changed_trace_is_found(tmp_path):
    trace = tmp_path / "awac.npz"
    trace.write_bytes(b"1")
    (line,) = unexplained([trace], "- numerics: golden trace `awac` is `00000000`")
    assert "`awac` and `6b86b273`" in line
    assert unexplained([trace], "- numerics: golden trace `awac` is `6b86b273`: first version") == []
    assert unexplained([trace], "- golden trace `awac` is `6b86b273`") != []


def test_form_is_that_of_keep_a_changelog(root):
    lines = (root / "CHANGELOG.md").read_text().splitlines()
    versions = [line for line in lines if line.startswith("## ")]
    assert versions
    assert [line for line in versions if not VERSION.match(line)] == []
    assert {line.removeprefix("### ") for line in lines if line.startswith("### ")} <= KINDS
