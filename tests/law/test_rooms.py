"""The map of the house in `docs/architecture.md` shows every room, and only rooms that are there."""

import re

BLOCK = re.compile(r"^```text\nsrc/awac/\n(?P<rooms>.*?)^```$", re.MULTILINE | re.DOTALL)
ROOM = re.compile(r"(?P<name>[\w/]+\.py|[\w]+/)(?=\s|$)")


def rooms(text: str) -> set[str]:
    """Paths inside `src/awac` that the map names: a folder opens a deeper indentation."""
    found: set[str] = set()
    folder = ""
    for line in BLOCK.search(text)["rooms"].splitlines():
        indent = len(line) - len(line.lstrip())
        names = [match["name"] for match in ROOM.finditer(re.split(r"\s{3,}(?=\S)", line.strip())[0])]
        folder = folder if indent > 2 else next((name for name in names if name.endswith("/")), "")
        prefix = folder if indent > 2 else ""
        found |= {prefix + name for name in names if name.endswith(".py")}
    return found


def test_every_file_is_on_the_map(root, sources):
    named = rooms((root / "docs" / "architecture.md").read_text())
    files = {path for path in sources if not path.endswith("__init__.py")}
    assert named == files


def test_the_map_is_read_as_it_is_drawn():
    text = "```text\nsrc/awac/\n  a.py  b.py    says c.py\n\n  d/  why\n    e.py\n  f.py  g/   x\n    h.py\n```\n"
    assert rooms(text) == {"a.py", "b.py", "d/e.py", "f.py", "g/h.py"}
