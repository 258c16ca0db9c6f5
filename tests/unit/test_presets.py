"""Every value of every preset is plain Python of the type that its field declares."""

import dataclasses
from typing import get_type_hints

import pytest
from beartype.door import is_bearable

from awac.algorithms import ALGORITHMS
from awac.config import Experiment
from awac.presets import PRESETS

VALUES = [
    (owner, preset, level, name, value)
    for (owner, preset), levels in PRESETS.items()
    for level, values in levels.items()
    for name, value in values.items()
]
PLAIN = (bool, int, float, str, tuple, type(None))


def plain(value):
    """No NumPy number, whose text and equality differ, and no list, which is not hashable and cannot be compiled in."""
    return type(value) in PLAIN and (not isinstance(value, tuple) or all(map(plain, value)))


@pytest.mark.parametrize(("owner", "preset", "level", "name", "value"), VALUES, ids=lambda part: str(part))
def test_value_has_the_type_of_its_field(owner, preset, level, name, value):
    """A whole number is not taken for a float, nor the other way round: JSON would bring it back as what it was."""
    kind = ALGORITHMS[owner].config
    own = name in {field.name for field in dataclasses.fields(kind)}
    assert is_bearable(value, get_type_hints(kind if own else Experiment)[name])
    assert plain(value)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_defaults_of_a_method_have_the_types_of_their_fields(name):
    config = ALGORITHMS[name].config()
    for field, hint in get_type_hints(type(config)).items():
        assert is_bearable(getattr(config, field), hint), field
        assert plain(getattr(config, field)), field
    assert hash(config) == hash(ALGORITHMS[name].config())
