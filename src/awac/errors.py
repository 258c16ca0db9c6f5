"""What can go wrong, one class per documented exit code.

Every error that a user can cause is one of these, and its message names the file, episode, step and field, or the
option, the value and what is allowed. `awac` prints the message and leaves with `exit_code`; anything else is a bug of
ours and keeps its traceback. `docs/faults.md` lists the codes.
"""

import math


class AwacError(Exception):
    """Base of all errors that awac raises on purpose."""

    exit_code = 1


class ConfigError(AwacError):
    """An option, a preset or a combination of them is not possible."""

    exit_code = 2


def at_least(least: float, **options: float | None) -> None:
    """Raises ConfigError for the first of `options` that is below `least` or not finite; None was not given."""
    for name, value in options.items():
        if value is not None and not least <= value < math.inf:
            raise ConfigError(f"{name} is {value}; allowed: {least} or more")


class DataError(AwacError):
    """A dataset is missing, malformed or says something that cannot be true."""

    exit_code = 3


class CheckpointError(AwacError):
    """A checkpoint is damaged, or of a format that this version does not read."""

    exit_code = 4


class EnvironmentFault(AwacError):
    """An environment hangs, dies or returns what its spaces do not allow, too often to go on."""

    exit_code = 5


class DivergedError(AwacError):
    """A loss or a gradient is not finite; the step was not applied."""

    exit_code = 6


class LockedError(AwacError):
    """Another process owns the run folder."""

    exit_code = 7


class StorageError(AwacError):
    """The disk is full, read-only or gone."""

    exit_code = 8


class RobotStop(AwacError):
    """A safety limit or the watchdog stopped the robot: for environments to raise, so that nothing resets it."""

    exit_code = 9
