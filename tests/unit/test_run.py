"""The run folder, its configuration and its lock, within one process."""

import json
import logging
import math
import threading
import time
from pathlib import Path

import pytest

from awac import run as run_module
from awac.errors import ConfigError, LockedError, StorageError
from awac.lock import FolderLock
from awac.run import RunFolder
from awac.system import describe_system

CONFIG = {"seed": 1, "layers": (256, 256), "hyperparameters": {"discount": 0.99}, "logging": {"sinks": ["wandb"]}}


def test_a_new_run_says_what_and_on_what(tmp_path):
    path = tmp_path / "deep" / "run"
    with RunFolder.create(path, CONFIG) as run:
        assert json.loads((path / "config.json").read_text()) == run.config == {**CONFIG, "layers": [256, 256]}
        system = json.loads((path / "system.json").read_text())
    assert {"jax", "mujoco", "gymnasium", "numpy", "awac"} <= set(system["start"]["versions"])
    assert system["start"]["python"].startswith("3.")
    assert all(folder.is_dir() for folder in (run.checkpoints, run.journal, run.tensorboard))
    assert not any(folder.exists() for folder in (run.experience, run.figures, run.policy)), "made by who fills them"


def test_the_commit_of_a_checkout_is_recorded():
    root = Path(run_module.__file__).parents[2]
    assert (describe_system()["commit"] is not None) == (root / ".git").exists()


def test_a_run_is_opened_again(tmp_path, caplog):
    RunFolder.create(tmp_path / "run", CONFIG).close()
    with caplog.at_level(logging.WARNING), RunFolder.open(tmp_path / "run") as run:
        assert run.config == {**CONFIG, "layers": [256, 256]}
    assert caplog.text == ""
    assert len(json.loads((tmp_path / "run" / "system.json").read_text())["resumes"]) == 1


def test_other_software_is_warned_of_and_recorded(tmp_path, caplog, monkeypatch):
    RunFolder.create(tmp_path / "run", CONFIG).close()
    system = describe_system()
    system["versions"]["jax"] = "0.0.1"
    system["processors"] += 1
    monkeypatch.setattr(run_module, "describe_system", lambda: system)
    RunFolder.open(tmp_path / "run").close()
    assert "versions.jax: " in caplog.text
    assert "0.0.1 now" in caplog.text
    assert f"processors: {system['processors'] - 1} there" in caplog.text
    resumes = json.loads((tmp_path / "run" / "system.json").read_text())["resumes"]
    assert resumes[0]["versions"]["jax"] == "0.0.1"


def test_a_run_is_viewed_while_it_is_going_on(tmp_path):
    with RunFolder.create(tmp_path / "run", CONFIG):
        assert RunFolder.view(tmp_path / "run").config["seed"] == 1


def test_an_unfinished_start_is_no_obstacle(tmp_path):
    RunFolder.create(tmp_path, CONFIG).close()
    (tmp_path / "config.json").rename(tmp_path / ".tmp-config.json")
    RunFolder.create(tmp_path, CONFIG).close()
    RunFolder.create(tmp_path, {"seed": 2}).close()
    assert RunFolder.view(tmp_path).config == {"seed": 2}, "it had computed nothing"


@pytest.mark.parametrize("content", ["metrics.jsonl", "checkpoints/step-000000000"])
def test_a_run_with_something_to_lose_is_not_begun_again(tmp_path, content):
    RunFolder.create(tmp_path, CONFIG).close()
    (tmp_path / content).write_text("something")
    with pytest.raises(ConfigError, match="holds a run already: resume it"):
        RunFolder.create(tmp_path, CONFIG)
    RunFolder.open(tmp_path).close()


def test_a_foreign_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(ConfigError, match=r"neither empty nor a run: it holds thesis\.tex") as caught:
        RunFolder.create(tmp_path, CONFIG)
    assert caught.value.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("others", [(), ("weights.bin",)])
def test_a_config_of_somebody_else_is_left_alone(tmp_path, others):
    for name in ("config.json", *others):
        (tmp_path / name).write_text('{"model_type": "llama"}')
    with pytest.raises(ConfigError, match=r"neither empty nor a run: it holds config\.json"):
        RunFolder.create(tmp_path, CONFIG)
    assert json.loads((tmp_path / "config.json").read_text()) == {"model_type": "llama"}


@pytest.mark.parametrize("opened", [RunFolder.open, RunFolder.view])
def test_what_is_no_run_is_not_opened(tmp_path, opened):
    with pytest.raises(ConfigError, match=r"is no run folder: config\.json"):
        opened(tmp_path)
    for damaged in ("{", "3"):
        (tmp_path / "config.json").write_text(damaged)
        with pytest.raises(ConfigError, match=r"config\.json is damaged"):
            opened(tmp_path)


@pytest.mark.parametrize("path", ["/proc/nowhere/run", "/dev/null/run", "/dev/null"])
def test_where_nothing_can_be_written_is_said_at_the_start(path):
    with pytest.raises(StorageError, match=f"cannot write {path}: .*free") as caught:
        RunFolder.create(Path(path), CONFIG)
    assert caught.value.exit_code == 8


@pytest.mark.parametrize("value", [math.inf, object(), {1, 2}])
def test_a_configuration_that_is_not_json_is_refused(tmp_path, value):
    with pytest.raises(ConfigError, match=r"hyperparameters\.cap = .* cannot be written"):
        RunFolder.create(tmp_path / "run", {"hyperparameters": {"cap": value}})
    assert not (tmp_path / "run").exists()


def test_the_same_configuration_passes(tmp_path):
    with RunFolder.create(tmp_path, CONFIG) as run:
        run.check_config(CONFIG, may_change=())
        run.check_config({**CONFIG, "logging": {"sinks": [], "interval": 5}}, may_change=("logging",))
        run.check_config({**CONFIG, "seed": 2}, may_change=("logging", "seed"))


def test_every_differing_key_is_named(tmp_path):
    new = {"seed": 2, "layers": [256, 256], "hyperparameters": {"discount": 0.9, "cap": 1}, "loggings": 1}
    with RunFolder.create(tmp_path, CONFIG) as run, pytest.raises(ConfigError) as caught:
        run.check_config(new, may_change=("logging",))
    assert caught.value.exit_code == 2
    assert str(caught.value).endswith(
        "hyperparameters.cap: absent there, 1 now; hyperparameters.discount: 0.99 there, 0.9 now; "
        "loggings: absent there, 1 now; seed: 1 there, 2 now"
    )


def test_a_folder_has_one_holder(tmp_path):
    with RunFolder.create(tmp_path, CONFIG):
        for other in (lambda: RunFolder.open(tmp_path), lambda: RunFolder.create(tmp_path, CONFIG)):
            with pytest.raises(LockedError, match=r"in use by the process with pid \d+ on host \S+, since 2"):
                other()
    RunFolder.open(tmp_path).close()


def test_a_failed_start_lets_go(tmp_path, monkeypatch):
    def fail():
        raise StorageError("full")

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "describe_system", fail)
        with pytest.raises(StorageError):
            RunFolder.create(tmp_path, CONFIG)
    RunFolder.create(tmp_path, CONFIG).close()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_a_holder_that_does_not_say_who_is_still_respected(tmp_path, content):
    with FolderLock(tmp_path / "run.lock") as lock:
        (tmp_path / "run.lock").write_text(content)
        started = time.monotonic()
        with pytest.raises(LockedError, match="in use by another process"):
            FolderLock(tmp_path / "run.lock")
        assert time.monotonic() - started < 1.0
        lock.release()
        FolderLock(tmp_path / "run.lock").release()


def test_of_many_who_start_at_once_one_wins(tmp_path):
    outcomes: list[type] = []
    runs: list[RunFolder] = []

    def start() -> None:
        try:
            runs.append(RunFolder.create(tmp_path / "run", CONFIG))
        except LockedError:
            outcomes.append(LockedError)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(runs), len(outcomes)) == (1, 7)
    runs[0].close()
