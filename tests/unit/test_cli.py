"""The command line: what it imports, says and returns."""

import io
import logging
import os
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

from awac import cli
from awac.errors import CheckpointError, DataError


@dataclass(frozen=True)
class Options:
    """Options of the commands below."""

    steps: int = 3
    """How many."""


seen: list[object] = []


def takes_options(options: Options) -> None:
    """Takes options."""
    seen.append(options)


def takes_arguments(arguments: list[str]) -> int:
    """Takes arguments."""
    seen.append(arguments)
    return 7


def fails(options: Options) -> None:
    """Fails."""
    raise DataError("demonstrations.npz, episode 3, step 17: rewards is nan [not finite]; allowed: finite numbers")


def is_interrupted(options: Options) -> None:
    """Gets a Ctrl-C."""
    raise KeyboardInterrupt


def breaks(options: Options) -> None:
    """Has a bug."""
    raise ZeroDivisionError


@pytest.fixture(autouse=True)
def commands(monkeypatch):
    """A table of the commands above."""
    seen.clear()
    functions = {f.__name__: f for f in (takes_options, takes_arguments, fails, is_interrupted, breaks)}
    monkeypatch.setattr(cli, "COMMANDS", {name: cli.Command(name, f.__doc__) for name, f in functions.items()})
    monkeypatch.setattr(cli, "load", functions.__getitem__)
    monkeypatch.delenv("AWAC_DEBUG", raising=False)


def test_options_are_parsed():
    assert cli.main(["takes_options", "--steps", "5"]) == 0
    assert seen == [Options(steps=5)]


def test_arguments_are_handed_on_and_the_exit_code_comes_back():
    assert cli.main(["takes_arguments", "--steps", "5"]) == 7
    assert seen == [["--steps", "5"]]


def test_error_is_one_paragraph_on_standard_error(capsys):
    assert cli.main(["fails"]) == DataError.exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "error: demonstrations.npz, episode 3, step 17: rewards is nan [not finite]; allowed: finite numbers\n"
    )


@pytest.mark.parametrize("how", ["option", "variable"])
def test_debug_keeps_the_traceback(how, monkeypatch):
    if how == "variable":
        monkeypatch.setenv("AWAC_DEBUG", "1")
    with pytest.raises(DataError):
        cli.main(["--debug", "fails"] if how == "option" else ["fails"])


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        cli.main(["breaks"])


def test_interrupt(capsys):
    assert cli.main(["is_interrupted"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


HELP = "import sys; from awac.cli import main; sys.exit(main(['--help']))"
TABLE = """
import sys
from rich.console import Console
from awac import cli
def table(words: list[str]) -> None:
    Console().print("a row")  # rich makes exit code 1 of a broken pipe
cli.COMMANDS = {"table": table}
sys.exit(cli.main(["table"]))
"""


@pytest.mark.parametrize("code", [HELP, TABLE])
def test_a_reader_who_leaves_is_no_error(code):
    """As in `awac data info ... | head`: what is printed after that goes nowhere, without a traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", code]
    with os.fdopen(writing, "wb") as closed:
        left = subprocess.run(
            [*command], stdout=closed, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
    assert (left.returncode, left.stderr) == (141, b"")


@pytest.mark.parametrize("arguments", [["--step", "x"], ["--speed", "1"], ["--steps"]])
def test_wrong_options_exit_2(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["takes_options", *arguments])
    assert left.value.code == 2
    assert seen == []


def test_warnings_are_lines_on_standard_error_as_it_is_then(capsys, monkeypatch):
    record = logging.LogRecord("awac.saver", logging.WARNING, __file__, 1, "step %d: disk %s", (3, "full"), None)
    handler = cli.Lines()
    handler.emit(record)
    assert capsys.readouterr().err == "warning: step 3: disk full\n"
    panel = io.StringIO()
    monkeypatch.setattr("sys.stderr", panel)
    handler.emit(record)
    assert panel.getvalue() == "warning: step 3: disk full\n"


def test_unknown_command_suggests_the_nearest(capsys):
    assert cli.main(["takes_option"]) == 2
    assert "did you mean `awac takes_options`?" in capsys.readouterr().err
    assert cli.main(["zzz"]) == 2
    assert "there are takes_options, takes_arguments" in capsys.readouterr().err


def test_group_of_commands(monkeypatch, capsys):
    group = {"one": takes_options, "two": takes_arguments}
    monkeypatch.setattr(cli, "COMMANDS", {"data": cli.Command("group", "Data.")})
    monkeypatch.setattr(cli, "load", {"group": group}.__getitem__)
    assert cli.main(["data", "one", "--steps", "4"]) == 0
    assert seen == [Options(steps=4)]
    assert cli.main(["data", "tow"]) == 2
    assert "did you mean `awac data two`?" in capsys.readouterr().err
    assert cli.main(["data", "--help"]) == 0
    assert "one  Takes options." in capsys.readouterr().out


def test_options_can_be_read_without_running(monkeypatch):
    read: list[object] = []
    functions = {"takes_arguments": takes_arguments, "takes_options": takes_options, "reader": read.append}
    commands = {
        "takes_arguments": cli.Command("takes_arguments", "", reader="reader"),
        "takes_options": cli.Command("takes_options", ""),
    }
    monkeypatch.setattr(cli, "load", functions.__getitem__)
    assert cli.dispatch(commands, ["takes_arguments", "--x"], "awac", run=False) == 0
    assert cli.dispatch(commands, ["takes_options"], "awac", run=False) == 0
    with pytest.raises(SystemExit):
        cli.dispatch(commands, ["takes_options", "--x"], "awac", run=False)
    assert read == [["--x"]]
    assert seen == []


def test_help_lists_every_command(capsys):
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(command.summary in out for command in cli.COMMANDS.values())
    assert cli.main([]) == 2
    assert capsys.readouterr().err == out


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("awac 0.")


def test_exit_codes_are_those_of_the_errors():
    assert (DataError.exit_code, CheckpointError.exit_code) == (3, 4)


def test_real_help_is_light_and_fast():
    probe = (
        "import sys; from awac.cli import main; code = main(['--help']); "
        "heavy = {'jax', 'tyro', 'gymnasium', 'h5py', 'rich', 'numpy'} & set(sys.modules); "
        "assert not heavy, heavy; sys.exit(code)"
    )
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "0"}
    seconds: list[float] = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, env=environment)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5
