"""`awac demo` interrupted: what it says goes on, and nothing else does."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import tyro
from rich.console import Console

from awac import demo
from awac.config import to_json
from awac.demo import DemoOptions, experiment_of
from awac.errors import ConfigError
from awac.run import RunFolder
from awac.training import Result


def test_what_it_says_is_the_call_that_was_interrupted(tmp_path: Path, monkeypatch, capsys) -> None:
    options = DemoOptions(folder=tmp_path / "a b", seed=3, offline_steps=100, film_episodes=0)
    monkeypatch.setattr(demo, "clone_rollouts", lambda *_: 0.5)
    monkeypatch.setattr(demo, "run", lambda _, folder, __: Result(folder, {}, 130))
    assert demo.command(options) == 130
    said = capsys.readouterr().out.strip()
    assert said.count("\n") == 0
    words = shlex.split(said.removeprefix("Interrupted. Go on with: awac demo"))
    assert tyro.cli(DemoOptions, args=words) == options


def test_a_run_with_other_options_is_not_gone_on_with(tmp_path: Path) -> None:
    options = DemoOptions(folder=tmp_path / "run")
    with RunFolder.create(options.folder, to_json(experiment_of(options))):
        pass
    other = experiment_of(replace(options, offline_steps=20_000))
    with pytest.raises(ConfigError, match="offline_steps: 12000 there, 20000 now"):
        demo.run(other, options.folder, Console())
