"""docs/faults.md names tests that are there, and every exit code."""

import re
from pathlib import Path

from awac import errors

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "faults.md").read_text()


def test_every_proof_exists():
    proofs = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TEXT)
    assert len(proofs) > 20
    missing = [f"{file}::{name}" for file, name in proofs if f"def {name}(" not in (ROOT / file).read_text()]
    assert missing == []


def test_the_cases_of_storage_are_all_there():
    cases = {int(number) for number in re.findall(r"^\| (\d+) \| [^|]+ \| `tests/", TEXT, re.MULTILINE)}
    assert set(range(1, 13)) <= cases


def test_every_error_and_its_code_are_there():
    rows = dict(re.findall(r"^\| (\d+) \| `(\w+)` \|", TEXT, re.MULTILINE))
    classes = [value for value in vars(errors).values() if isinstance(value, type) and value is not errors.AwacError]
    assert rows == {str(error.exit_code): error.__name__ for error in classes}
