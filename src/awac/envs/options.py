"""Options of environments on a command line: numbers, words, and true or false however it is written."""

from collections.abc import Sequence
from typing import Annotated

from tyro.constructors import PrimitiveConstructorSpec

WORDS = {"true": True, "false": False}


def _parse(words: Sequence[str]) -> bool:
    if words[0].lower() not in WORDS:
        raise ValueError(f"{words[0]} is neither true nor false")
    return WORDS[words[0].lower()]


TRUTH = PrimitiveConstructorSpec[bool](
    nargs=1,
    metavar="{True,False}",
    instance_from_str=_parse,
    is_instance=lambda value: isinstance(value, bool),
    str_from_instance=lambda value: [str(value)],
)

EnvOptions = dict[str, Annotated[bool, TRUTH] | int | float | str]
