"""Kill a run at any moment, resume it, and it is what it would have been: to the last bit, with every method."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from awac import checkpoint
from awac.algorithms import ALGORITHMS
from awac.data.dataset import Dataset
from awac.data.sources import load
from awac.data.writer import write
from awac.envs import make
from awac.errors import ConfigError, DataError, LockedError
from awac.exploration import Uniform
from awac.journal import Journal
from awac.lock import FolderLock
from awac.rollout import play
from awac.session import Session
from awac.training import parse, resume, train

ENV = "awac/PointMass-v0"
OFFLINE, ONLINE, INTERVAL = 40, 80, 10
CHUNKS = (OFFLINE + ONLINE) // INTERVAL


class Killed(BaseException):
    """Ends a run where a SIGKILL would: nothing is saved on the way out."""


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("prior") / "random"
    env = make(ENV)
    episodes = play([env], Uniform(env.action_space, np.random.default_rng(0)), 8, seed=0)
    env.close()
    write(Dataset(tuple(episodes), "random"), folder, env_id=ENV)
    return str(folder)


def arguments(name: str, prior: str, folder: Path, online: int = ONLINE, warmup: int = 0) -> list[str]:
    config = ALGORITHMS[name].config()
    period, critics = min(config.actor_period, 5), min(config.critics, 3)  # fewer, for the time of compiling
    rate = 1 / INTERVAL if ALGORITHMS[name].on_policy else 1.0
    return f"""--algorithm {name} --env {ENV} --data {prior} --folder {folder} --offline-steps {OFFLINE}
    --online-steps {online} --interval {INTERVAL} --batch-size 16 --buffer-capacity 500 --evaluation-interval 20
    --evaluation-episodes 2 --log-interval 10 --checkpoint-interval 20 --random-steps 0 --warmup-steps {warmup}
    --actor-hidden 8 --critic-hidden 8 --actor-period {period} --critics {critics} --updates-per-step {rate}""".split()


def kill_after(monkeypatch: pytest.MonkeyPatch, chunks: int) -> None:
    """Lets `chunks` intervals pass, then kills in the middle of the next, after it has changed the session."""
    advance, passed = Session.advance, iter(range(CHUNKS + 1))

    def dying(session: Session) -> None:
        advance(session)
        if next(passed) == chunks:
            raise Killed

    monkeypatch.setattr(Session, "advance", dying)


def outcome(folder: Path) -> dict[str, bytes]:
    """Everything a run leaves that must not depend on whether it was interrupted."""
    saved = checkpoint.load(folder / "checkpoints", explicit=True)
    left = {f"{part}/{name}": array.tobytes() for part, arrays in saved.parts.items() for name, array in arrays.items()}
    left["metrics"] = (folder / "metrics.jsonl").read_bytes()
    left["progress"] = repr(list(saved.meta.items())).encode()
    experience = Journal(folder / "journal").read()
    if experience is not None:
        left |= {f"journal/{name}": array.tobytes() for name, array in experience.stored().items()}
    policy = folder / "policy" / "policy.safetensors"  # not there where a method acts through its critic
    return left | ({"policy": policy.read_bytes()} if policy.exists() else {})


@pytest.fixture(scope="module")
def uninterrupted(prior: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, bytes]]:
    """What a run of a method leaves that nothing interrupts; each method is run when it is first asked for."""

    @cache
    def whole(name: str) -> dict[str, bytes]:
        folder = tmp_path_factory.mktemp("whole") / name
        train(parse(arguments(name, prior, folder)))
        return outcome(folder)

    return whole


KILLS = [(name, 9) for name in sorted(ALGORITHMS)] + [(name, 4) for name in ("awac", "bcq", "dapg")]


@pytest.mark.parametrize(("name", "chunks"), KILLS)
def test_a_killed_run_goes_on_to_the_last_bit(
    name: str,
    chunks: int,
    prior: str,
    tmp_path: Path,
    uninterrupted: Callable[[str], dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        kill_after(patch, chunks)
        with pytest.raises(Killed):
            train(parse(arguments(name, prior, folder)))
    assert resume(folder).exit_code == 0
    found, expected = outcome(folder), uninterrupted(name)
    assert found.keys() == expected.keys()
    assert [key for key in expected if found[key] != expected[key]] == []


def test_warm_up_is_played_by_the_policy_and_not_learned_from(
    prior: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a run that is killed within it goes on to the last bit."""
    warmup = 30
    for place in ("whole", "cut"):
        options = arguments("awac", prior, tmp_path / place, warmup=warmup)
        with monkeypatch.context() as patch:
            if place == "whole":
                train(parse(options))
                continue
            kill_after(patch, (OFFLINE + 20) // INTERVAL)
            with pytest.raises(Killed):
                train(parse(options))
    first = checkpoint.load(tmp_path / "cut" / "checkpoints")
    assert first.meta["online"] == 20
    assert (first.parts["learner"]["[0].step"], first.parts["learner"]["[0].online"]) == (OFFLINE, True)
    resume(tmp_path / "cut")
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")
    last = checkpoint.load(tmp_path / "whole" / "checkpoints", explicit=True)
    assert last.parts["learner"]["[0].step"] == OFFLINE + ONLINE - warmup


def test_killed_twice_and_resumed_twice(
    prior: str, tmp_path: Path, uninterrupted: Callable[[str], dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    for chunks, start in ((5, train), (4, resume)):
        with monkeypatch.context() as patch:
            kill_after(patch, chunks)
            with pytest.raises(Killed):
                start(parse(arguments("awac", prior, folder)) if start is train else folder)
    resume(folder)
    assert outcome(folder) == uninterrupted("awac")


def test_what_a_killed_run_experienced_is_prior_data_before_it_is_resumed(
    prior: str, tmp_path: Path, uninterrupted: Callable[[str], dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to its newest checkpoint; the run goes on none the worse, and its experience with it."""
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        kill_after(patch, 2)
        with pytest.raises(Killed):
            train(parse(arguments("awac", prior, folder)))
    with pytest.raises(DataError, match="stopped before its first step"):
        load([f"{folder}/experience"])
    with monkeypatch.context() as patch:
        kill_after(patch, 7)
        with pytest.raises(Killed):
            resume(folder)
    with pytest.raises(DataError, match=f"it is a run, whose experience is {folder}/experience"):
        load([str(folder)])
    early = load([f"{folder}/experience"])
    assert 0 < len(early) == checkpoint.load(folder / "checkpoints").meta["online"] < ONLINE
    with FolderLock(folder / "run.lock"), pytest.raises(LockedError):
        load([f"{folder}/experience"])
    resume(folder)
    assert outcome(folder) == uninterrupted("awac")
    whole = load([f"{folder}/experience"])
    assert len(whole) == ONLINE
    np.testing.assert_array_equal(whole.transitions().observations[: len(early)], early.transitions().observations)


@pytest.mark.parametrize("env", ["HalfCheetah-v5", "awac/SawyerDrawer-v0"])
def test_a_killed_run_in_a_simulator_goes_on_to_the_last_bit(
    env: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment is restored, and saved again after that: what a fresh one holds of its own must not matter."""
    text = """--algorithm sac --offline-steps 0 --random-steps 10 --online-steps 80 --interval 10 --batch-size 8
    --buffer-capacity 100 --evaluation-interval 80 --evaluation-episodes 1 --checkpoint-interval 20 --log-interval 20
    --actor-hidden 8 --critic-hidden 8"""
    options = ["--env", env, *text.split()]
    train(parse([*options, "--folder", str(tmp_path / "whole")]))
    with monkeypatch.context() as patch:
        kill_after(patch, 5)
        with pytest.raises(Killed):
            train(parse([*options, "--folder", str(tmp_path / "cut")]))
    assert resume(tmp_path / "cut").exit_code == 0
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")


def test_a_killed_run_with_goals_in_hindsight_goes_on_to_the_last_bit(
    prior: str, tmp_path: Path, uninterrupted: Callable[[str], dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed within an episode, whose later steps, and so the goals of its earlier ones, are still to come."""
    for place in ("whole", "cut"):
        options = arguments("awac", prior, tmp_path / place)
        options += ["--relabel", "future", "0.3", "final", "0.2", "resampled", "0.3"]
        with monkeypatch.context() as patch:
            if place == "whole":
                train(parse(options))
                continue
            kill_after(patch, (OFFLINE + 40) // INTERVAL)
            with pytest.raises(Killed):
                train(parse(options))
    resume(tmp_path / "cut")
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")
    assert outcome(tmp_path / "whole")["policy"] != uninterrupted("awac")["policy"]


def test_a_finished_run_is_left_as_it_is(prior: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    result = train(parse(arguments("bc", prior, folder)))
    (folder / "summary.json").write_text('{"kept": true}')  # whoever wrote more into it shall not lose it
    before, saved = outcome(folder), checkpoint.steps(folder / "checkpoints")
    assert resume(folder).metrics == result.metrics
    assert outcome(folder) == before
    assert checkpoint.steps(folder / "checkpoints") == saved
    assert (folder / "summary.json").read_text() == '{"kept": true}'


def test_seeds_decide(prior: str, tmp_path: Path, uninterrupted: Callable[[str], dict[str, bytes]]) -> None:
    train(parse([*arguments("awac", prior, tmp_path / "other"), "--seed", "1"]))
    assert outcome(tmp_path / "other")["policy"] != uninterrupted("awac")["policy"]


def test_a_changed_configuration_is_refused_by_name(prior: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    experiment = parse(arguments("awac", prior, folder))
    train(experiment)
    changed = parse([*arguments("awac", prior, folder), "--temperature", "7"])
    with pytest.raises(ConfigError, match=r"hyperparameters\.temperature: 0\.3 there, 7\.0 now"):
        resume(folder, changed)
    with pytest.raises(ConfigError, match="holds a run already"):
        train(experiment)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_signals_in_a_process_of_its_own(
    number: signal.Signals, code: int, prior: str, tmp_path: Path, uninterrupted: Callable[[str], dict[str, bytes]]
) -> None:
    """SIGTERM and SIGINT save and leave within five seconds; what a SIGKILL leaves is a whole checkpoint too."""
    folder = tmp_path / "run"
    long = arguments("awac", prior, folder, online=2_000_000)
    process = subprocess.Popen([sys.executable, "-m", "awac.cli", "train", *long], env={**os.environ}, text=True)
    try:
        wait_for(lambda: len(checkpoint.steps(folder / "checkpoints")) > 2, process)
        sent = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=30) == code
        assert time.monotonic() - sent < 5
    finally:
        process.kill()
    saved = checkpoint.load(folder / "checkpoints")
    reference = tmp_path / "reference"
    online = saved.meta["online"]
    train(parse(arguments("awac", prior, reference, online=online)))
    assert_equal_parts(saved, checkpoint.load(reference / "checkpoints", explicit=True))


def wait_for(condition: object, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "the run ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def assert_equal_parts(first: checkpoint.Checkpoint, second: checkpoint.Checkpoint) -> None:
    for part, arrays in first.parts.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, second.parts[part][name], err_msg=f"{part}/{name}")
