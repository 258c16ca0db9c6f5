"""The `awac` command: a fixed table of commands, each imported only when it is asked for.

A command is a function that takes one frozen dataclass of options, which tyro fills in from the command line, or one
that takes the list of arguments itself. `awac --help` imports neither JAX nor tyro.
"""

import difflib
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast, get_type_hints

from awac.errors import AwacError, ConfigError

INTERRUPTED, UNREAD = 130, 141  # 128 + SIGINT and 128 + SIGPIPE, what shells expect


@dataclass(frozen=True)
class Command:
    """Where a command's function is, and its line in the help."""

    target: str  # `module:function`, or `module:MAPPING` of names to functions for a group of commands
    summary: str
    reader: str = ""  # `module:function` that reads the arguments, where tyro alone does not


Entry = Command | Callable[[Any], Any]

COMMANDS: Mapping[str, Command] = {
    "demo": Command("awac.demo:command", "A dexterous hand learns from 25 demonstrations, in minutes."),
    "train": Command(
        "awac.training:command", "Train a policy: offline on prior data, then online.", "awac.training:parse"
    ),
    "resume": Command("awac.training:resume_command", "Go on with a run exactly where it stopped."),
    "evaluate": Command("awac.commands.evaluate:command", "Roll out a trained policy; success, returns, a video."),
    "plot": Command("awac.report:command", "Draw learning curves of one or more runs."),
    "export": Command("awac.export:command", "Write a policy as ONNX, with a contract beside it."),
    "figure8": Command("awac.commands.figure8:command", "Print how the methods differ: Figure 8 of the paper."),
    "data": Command("awac.data.commands:COMMANDS", "Check, describe, import, collect, clone or make data."),
}


def summary(entry: Entry) -> str:
    """What a command does, in a line."""
    return entry.summary if isinstance(entry, Command) else (entry.__doc__ or "").split("\n")[0]


def usage(commands: Mapping[str, Entry], program: str) -> str:
    """The help text: one line per command."""
    width = max(map(len, commands))
    lines = [f"  {name:<{width}}  {summary(entry)}" for name, entry in commands.items()]
    return "\n".join(
        [
            f"usage: {program} COMMAND [options]",
            "",
            *lines,
            "",
            f"`{program} COMMAND --help` lists the options of a command. `awac --version` prints the version.",
            "`awac --debug ...`, or AWAC_DEBUG=1, keeps the traceback of errors.",
        ]
    )


def load(target: str) -> Any:
    """What `module:name` names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def find(commands: Mapping[str, Entry], name: str, program: str) -> Entry:
    """The command of that name.

    Raises:
        ConfigError: There is none; the message has the nearest name.
    """
    if name in commands:
        return commands[name]
    near = difflib.get_close_matches(name, commands, n=1)
    hint = f"did you mean `{program} {near[0]}`?" if near else f"there are {', '.join(commands)}"
    raise ConfigError(f"{program} has no command {name!r}; {hint}")


def parse(function: Callable[[Any], Any], arguments: Sequence[str], program: str) -> Any:
    """What the function takes: the list of arguments, or the dataclass of options that they stand for."""
    hints = {name: kind for name, kind in get_type_hints(function).items() if name != "return"}
    (kind,) = hints.values()
    if not is_dataclass(kind):  # a sequence of strings: the command reads its arguments itself
        return list(arguments)
    import tyro

    return tyro.cli(cast("type[Any]", kind), prog=program, args=arguments, description=function.__doc__)


def dispatch(commands: Mapping[str, Entry], arguments: Sequence[str], program: str, run: bool = True) -> int:
    """Runs the command that the first argument names, or lists the commands.

    Args:
        commands: What there is.
        arguments: Name, then options.
        program: What stands before the name, for messages.
        run: False to read the options and go no further, as a test of the documentation does.

    Raises:
        ConfigError: There is no such command.
        SystemExit: The options are wrong (2), or ask for help (0).
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage(commands, program), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    name, rest = arguments[0], arguments[1:]
    entry, program = find(commands, name, program), f"{program} {name}"
    function = load(entry.target) if isinstance(entry, Command) else entry
    if isinstance(function, Mapping):
        return dispatch(cast("Mapping[str, Entry]", function), rest, program, run)
    options = parse(function, rest, program)
    if run:
        return function(options) or 0
    if isinstance(entry, Command) and entry.reader:
        load(entry.reader)(options)
    return 0


class Lines(logging.Handler):
    """Warnings as lines on standard error, looked up each time: a live panel takes its place while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints level and message."""
        print(f"{record.levelname.lower()}: {record.getMessage()}", file=sys.stderr)


def show_error(error: AwacError) -> None:
    """Prints the message on standard error, in one paragraph, and what else went wrong after it."""
    from rich.console import Console
    from rich.text import Text

    text = Text.assemble(("error: ", "bold red"), "\n".join([str(error), *getattr(error, "__notes__", [])]))
    Console(stderr=True, soft_wrap=True, highlight=False).print(text)


def _close_when_terminated() -> None:
    """SIGTERM leaves as Ctrl-C does: by default it would end the process without the `close` of a robot."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, leave)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `awac`; returns the exit code that `docs/faults.md` lists.

    Args:
        arguments: What stands after `awac`; those of the process where None.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = os.environ.get("AWAC_DEBUG", "0") not in ("", "0")
    if arguments and arguments[0] == "--debug":
        debug, arguments = True, arguments[1:]
    if arguments == ["--version"]:
        print(f"awac {version('awac')}")
        return 0
    here = str(Path.cwd())
    if here not in sys.path:  # `--env my_robot:make_env` is a file beside the user; last, to hide no library
        sys.path.append(here)
    logging.basicConfig(level=logging.WARNING, handlers=[Lines()])  # leaves handlers alone that are there already
    _close_when_terminated()
    try:
        return dispatch(COMMANDS, arguments, "awac")
    except AwacError as error:
        if debug:
            raise
        show_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        if debug:
            raise
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:
        # rich makes exit code 1 of a broken pipe
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise
        # `awac ... | head`: the reader has left; what is still buffered must not be tried again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD


if __name__ == "__main__":
    sys.exit(main())
