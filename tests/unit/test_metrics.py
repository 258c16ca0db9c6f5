"""The metrics writer, its reader and the sinks."""

import json
import math
import sys
import types

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from awac import sinks
from awac.errors import CheckpointError, ConfigError, DataError
from awac.metrics import METRICS, TIMING, MetricsWriter, read_metrics


def write(writer, first, last):
    for step in range(first, last + 1):
        writer.write(step, "online", {"train/loss": 1 / (step + 0.5), "eval/success": 0.0, "time/fps": 100.0 + step})


def scalars(folder, tag):
    accumulator = EventAccumulator(str(folder / "tensorboard"))
    accumulator.Reload()
    return [(event.step, event.value) for event in accumulator.Scalars(tag)]


def test_a_line_a_step_and_the_clock_apart(tmp_path):
    writer = MetricsWriter(tmp_path)
    writer.write(5, "offline", {"train/b": 2, "train/a": 0.1, "time/fps": 9.5})
    writer.write(6, "offline", {"time/fps": 9.6})
    writer.close()
    assert (tmp_path / METRICS).read_text() == '{"step": 5, "phase": "offline", "train/a": 0.1, "train/b": 2.0}\n'
    assert read_metrics(tmp_path, TIMING) == [
        {"step": 5, "phase": "offline", "time/fps": 9.5},
        {"step": 6, "phase": "offline", "time/fps": 9.6},
    ]


def test_a_resumed_file_equals_an_uninterrupted_one(tmp_path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    for folder in (straight, broken):
        folder.mkdir()
    writer = MetricsWriter(straight)
    write(writer, -3, 9)
    writer.close()
    writer = MetricsWriter(broken)
    write(writer, -3, 4)
    position = writer.position()
    write(writer, 5, 7)  # lost to the kill: no close
    writer = MetricsWriter.resume(broken, position, 4)
    write(writer, 5, 9)
    writer.close()
    for name in (METRICS, TIMING):
        assert (broken / name).read_bytes() == (straight / name).read_bytes()
    assert position == sum(len(line) + 1 for line in (straight / METRICS).read_text().splitlines()[:8])


def test_tensorboard_shows_each_step_once_after_a_resume(tmp_path):
    writer = MetricsWriter(tmp_path)
    write(writer, -2, 3)
    position = writer.position()
    write(writer, 4, 6)
    writer.position()
    writer = MetricsWriter.resume(tmp_path, position, 3)
    write(writer, 4, 8)
    writer.close()
    assert [step for step, _ in scalars(tmp_path, "train/loss")] == list(range(-2, 9))
    assert scalars(tmp_path, "train/loss")[0][1] == pytest.approx(1 / -1.5)
    assert len(list((tmp_path / "tensorboard").iterdir())) == 2


def test_event_files_keep_their_order_when_the_clock_is_set_back(tmp_path, monkeypatch):
    for _ in range(3):
        sinks.TensorBoardSink(tmp_path).close()
    monkeypatch.setattr(sinks.time, "time", lambda: 1000.0)
    sinks.TensorBoardSink(tmp_path).close()
    stamps = [int(path.name.split(".")[3]) for path in tmp_path.iterdir()]
    assert sorted(stamps) == list(range(min(stamps), min(stamps) + 4))


def test_a_resume_without_a_checkpoint_begins_anew(tmp_path):
    writer = MetricsWriter(tmp_path)
    write(writer, 0, 2)
    writer.close()
    writer = MetricsWriter.resume(tmp_path, 0, -1)
    write(writer, 0, 1)
    writer.close()
    assert [record["step"] for record in read_metrics(tmp_path)] == [0, 1]
    assert [step for step, _ in scalars(tmp_path, "eval/success")] == [0, 1]


def test_values_that_are_not_finite_are_strict_json_and_flagged(tmp_path, caplog):
    writer = MetricsWriter(tmp_path)
    for step in (1, 2):
        writer.write(step, "online", {"train/a": math.nan, "train/b": -math.inf, "train/c": 1.0})
    writer.close()

    def refuse(name):
        raise AssertionError(name)

    line = json.loads((tmp_path / METRICS).read_text().splitlines()[0], parse_constant=refuse)
    assert line["train/a"] is None
    assert line["nonfinite"] == {"train/a": "nan", "train/b": "-inf"}
    record = read_metrics(tmp_path)[0]
    assert math.isnan(record["train/a"])
    assert (record["train/b"], record["train/c"], "nonfinite" in record) == (-math.inf, 1.0, False)
    assert caplog.text.count("train/a is nan at step 1") == 1
    assert "at step 2" not in caplog.text


@pytest.mark.parametrize("tag", ["step", "phase", "nonfinite"])
def test_fields_of_the_line_are_no_tags(tmp_path, tag):
    writer = MetricsWriter(tmp_path)
    with pytest.raises(ValueError, match="cannot be a tag"):
        writer.write(1, "online", {tag: 1.0})
    writer.close()


@pytest.mark.parametrize("torn", [b'{"step": 3, "pha', b"\0" * 40, b'{"step": 3\n', b"[]\n", b"{}\n"])
def test_a_torn_end_is_left_out_and_cut_by_a_resume(tmp_path, torn):
    writer = MetricsWriter(tmp_path)
    write(writer, 1, 2)
    position = writer.position()
    writer.close()
    for name in (METRICS, TIMING):
        with (tmp_path / name).open("ab") as file:
            file.write(torn)
        assert [record["step"] for record in read_metrics(tmp_path, name)] == [1, 2]
    writer = MetricsWriter.resume(tmp_path, position, 2)
    write(writer, 3, 3)
    writer.close()
    for name in (METRICS, TIMING):
        assert [record["step"] for record in read_metrics(tmp_path, name)] == [1, 2, 3]


def test_damage_before_the_end_is_named(tmp_path):
    (tmp_path / METRICS).write_text('{"step": 1}\n{"step":\n{"step": 3}\n')
    with pytest.raises(DataError, match=r"metrics\.jsonl: line 2 is damaged"):
        read_metrics(tmp_path)
    with pytest.raises(DataError, match="no metrics to read"):
        read_metrics(tmp_path / "nowhere")


def test_a_position_of_another_file_is_refused(tmp_path):
    writer = MetricsWriter(tmp_path)
    write(writer, 1, 2)
    position = writer.position()
    writer.close()
    for wrong in (position - 1, position + 1):
        with pytest.raises(CheckpointError, match=f"the checkpoint counts {wrong} bytes"):
            MetricsWriter.resume(tmp_path, wrong, 2)
    with pytest.raises(CheckpointError, match="cannot be read"):
        MetricsWriter.resume(tmp_path / "nowhere", position, 2)


def test_a_new_run_does_not_mix_with_an_old_one(tmp_path):
    writer = MetricsWriter(tmp_path)
    write(writer, 1, 1)
    writer.close()
    with pytest.raises(ConfigError, match="holds the metrics of an earlier run"):
        MetricsWriter(tmp_path)


class Tracker(types.ModuleType):
    """Stands for the wandb or trackio package; its run is itself."""

    def __init__(self, name):
        super().__init__(name)
        self.calls = []

    def init(self, **options):
        self.calls.append(("init", options))
        return self

    def define_metric(self, name, step_metric):
        self.calls.append(("define_metric", name, step_metric))

    def log(self, values, step=None):
        self.calls.append(("log", values, step))

    def finish(self):
        self.calls.append(("finish",))


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_tracker_gets_what_the_file_gets(tmp_path, monkeypatch, name):
    module = Tracker(name)
    monkeypatch.setitem(sys.modules, name, module)
    identities = []
    for step in (-1, 0):
        module.calls.clear()
        trackers = sinks.open_trackers([name], tmp_path, {"seed": 1})
        writer = MetricsWriter(tmp_path, trackers) if step < 0 else MetricsWriter.resume(tmp_path, 0, -1, trackers)
        writer.write(step, "offline", {"train/loss": 2.0, "time/fps": 3.0})
        writer.close()
        options = module.calls[0][1]
        assert (options["project"], options["config"], options["resume"]) == ("awac", {"seed": 1}, "allow")
        identities.append((options["name"], options.get("id")))
        logged = {"train/loss": 2.0, "time/fps": 3.0}
        expected = ("log", {"step": step, **logged}, None) if name == "wandb" else ("log", logged, step)
        assert module.calls[-2:] == [expected, ("finish",)]
    assert identities[0] == identities[1], "a resume goes on in the same run"


def test_a_tracker_that_is_not_installed_names_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ConfigError, match=r"pip install 'awac\[wandb\]'"):
        sinks.open_trackers(["wandb"], tmp_path, {})
    with pytest.raises(ConfigError, match="no metrics sink is called mlflow; there are trackio, wandb"):
        sinks.open_trackers(["mlflow"], tmp_path, {})


def test_a_tracker_that_does_not_start_is_named(tmp_path, monkeypatch):
    module = Tracker("wandb")
    monkeypatch.setattr(module, "init", lambda **_: 1 / 0)
    monkeypatch.setitem(sys.modules, "wandb", module)
    with pytest.raises(ConfigError, match="sinks: wandb does not start: division by zero"):
        sinks.open_trackers(["wandb"], tmp_path, {})
