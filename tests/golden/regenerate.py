"""Writes the golden traces that have changed: `python -m tests.golden.regenerate` (see CONTRIBUTING.md).

Each printed line belongs in CHANGELOG.md, with the reason for the change; a law test asks for it.
"""

import hashlib
import json

from tests.golden.traces import TRACES, differences, path, read, run


def main() -> None:
    """Runs every trace; writes those that are new or further from the stored one than the tolerance."""
    for name in TRACES:
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
