"""Writes the golden traces that have changed: `python -m tests.golden.regenerate [NAME ...]` (see CONTRIBUTING.md).

Each printed line belongs in CHANGELOG.md, with the reason for the change; a law test asks for it.
"""

import hashlib
import json
import sys

from tests.golden.traces import TRACES, differences, path, read, run


def main() -> None:
    """Runs all traces, or those named; writes those that are new or further from the stored ones than the tolerance."""
    for name in sys.argv[1:] or TRACES:
        found = run(name)
        changed = differences(found, read(name)) if path(name).exists() else ["new"]
        if not changed:
            continue
        lines = ",\n".join(f"  {json.dumps(metric)}: {json.dumps(values)}" for metric, values in found.items())
        path(name).write_text(f"{{\n{lines}\n}}\n")
        digest = hashlib.sha256(path(name).read_bytes()).hexdigest()[:8]
        print(f"- numerics: golden trace `{name}` is `{digest}`: ... ({', '.join(changed)})")


if __name__ == "__main__":
    main()
