"""A robot that is there once: who opens it, who takes the signals, and what is kept where letting it go fails."""

import json
import os
import shutil
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from awac import cli
from awac.data import load
from awac.errors import CheckpointError, ConfigError, EnvironmentFault, RobotStop
from awac.signals import StopRequest
from tests.faults.test_stopped_runs import options

ARM = """
    import os
    import signal
    import gymnasium
    import numpy as np
    from awac.envs.pointmass import PointMass
    from awac.errors import RobotStop

    events = []

    class Once(PointMass):
        opened = 0

        def __init__(self, fails=None, terminate_at=0, **options):
            if Once.opened:
                raise RuntimeError("in use by another handle")
            super().__init__(**options)
            Once.opened, self.fails, self.terminate_at, self.taken = 1, fails, terminate_at, 0

        def step(self, action):
            self.taken += 1
            if self.taken == self.terminate_at:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().step(action)

        def close(self):
            events.append("close")
            Once.opened = 0
            super().close()
            if self.fails == "stop":
                raise RobotStop("the brake does not hold")
            if self.fails:
                raise ConnectionError("the robot is off")

    def make_env(**options):
        return gymnasium.wrappers.TimeLimit(Once(**options), 10)
"""


@pytest.fixture
def arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "one_arm.py").write_text(textwrap.dedent(ARM))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "one_arm", raising=False)
    return "one_arm:make_env"


def collect(arm: str, folder: Path, *more: str) -> int:
    return cli.main(["data", "collect", "--env", arm, "--episodes", "3", "--to", str(folder), *more])


def test_one_handle_collects_unless_more_are_asked_for(arm: str, tmp_path: Path) -> None:
    assert collect(arm, tmp_path / "data") == 0
    assert collect(arm, tmp_path / "more", "--parallel", "2") == EnvironmentFault.exit_code
    assert collect(arm, tmp_path / "again") == 0  # what was open was let go


def test_what_was_collected_is_kept_where_the_robot_is_not_let_go(
    arm: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from awac.rollout import collect_episodes

    options = {"fails": "off"}
    found = collect_episodes(arm, lambda observations: 0 * observations[:, :2], 2, 0, options=options)
    assert [len(episode) for episode in found] == [10, 10]
    assert "the robot is off" in caplog.text
    with pytest.raises(RobotStop, match="close: the brake does not hold"):
        collect_episodes(arm, lambda observations: 0 * observations[:, :2], 1, 0, options={"fails": "stop"})


def test_sigterm_lets_the_robot_go(arm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as left:
            collect(arm, tmp_path / "data", "--env-options", "terminate_at", "15")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert left.value.code == 143
    assert sys.modules["one_arm"].events == ["close", "close"]  # after a look at the spaces, and now
    assert not (tmp_path / "data").exists()


def test_signals_that_a_driver_took_are_taken_back() -> None:
    with StopRequest() as stop:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(os.getpid(), signal.SIGTERM)
        assert not stop.requested
        stop.listen()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested


def test_no_film_is_made_of_a_robot_in_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(options(tmp_path / "run", "--video", "--evaluation-parallel", "1")) == 0
    assert "no film: evaluation_parallel is 1" in capsys.readouterr().out
    assert not (tmp_path / "run" / "figures").exists()


def test_a_run_whose_checkpoints_are_gone_is_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert cli.main(options(run)) == 0
    shutil.rmtree(run / "checkpoints")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != "run.lock"}
    assert cli.main(["resume", str(run)]) == CheckpointError.exit_code
    assert "nothing to go on from" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in before if path.name != "system.json"} == {
        path: content for path, content in before.items() if path.name != "system.json"
    }
    assert json.loads((run / "summary.json").read_text())["finished"]


def test_data_behind_a_link_are_replaced_and_the_link_stays(tmp_path: Path) -> None:
    command = ["data", "collect", "--env", "awac/PointMass-v0", "--episodes", "1", "--overwrite", "--to"]
    assert cli.main([*command, str(tmp_path / "data")]) == 0
    (tmp_path / "link").symlink_to(tmp_path / "data")
    for seed in ("1", "2"):
        assert cli.main([*command, str(tmp_path / "link"), "--seed", seed]) == 0
    assert (tmp_path / "link").is_symlink()
    assert load([str(tmp_path / "data")]).metadata["seed"] == 2


def test_handles_are_counted_from_one(arm: str, tmp_path: Path) -> None:
    assert collect(arm, tmp_path / "data", "--parallel", "0") == ConfigError.exit_code
