"""Episodes, transitions, the store: what is written is what is read, by us and by Minari."""

import json

import minari
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awac.batch import Provenance
from awac.data import Dataset, Episode, append, load, write
from awac.data.dataset import join, success_of
from awac.data.sources import destination, split
from awac.data.store import data_folder, read
from awac.data.writer import origin
from awac.errors import ConfigError, DataError


def make_episode(length, index=0, observation=3, action=2, ending="truncated", start=0.0, **kwargs):
    """An episode whose observations count up, so that every pair shows where it comes from."""
    flags = {name: np.zeros(length, bool) for name in ("terminated", "truncated")}
    if ending in flags:
        flags[ending][-1] = True
    steps = np.arange(length + 1, dtype=np.float32) + start
    generator = np.random.default_rng(index)
    values = {
        "observations": np.repeat(steps[:, None], observation, axis=1),
        "actions": generator.uniform(-1, 1, (length, action)).astype(np.float32),
        "rewards": generator.normal(size=length).astype(np.float32),
        "infos": {"success": np.arange(length) % 2 == 0},
        "source": f"memory, episode {index}",
    }
    return Episode(**(values | flags | kwargs))


def make_dataset(lengths=(5, 3, 4), **kwargs):
    episodes = tuple(make_episode(length, index, start=1000.0 * index) for index, length in enumerate(lengths))
    bounds = np.ones(2, np.float32)
    return Dataset(episodes, "memory", {"env_id": "HalfCheetah-v5", "seed": 3}, -bounds, bounds, **kwargs)


def assert_same_episodes(left, right):
    assert len(left.episodes) == len(right.episodes)
    for one, other in zip(left.episodes, right.episodes, strict=True):
        for name in ("observations", "actions", "rewards", "terminated", "truncated"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            assert getattr(one, name).dtype == getattr(other, name).dtype
        np.testing.assert_array_equal(one.success, other.success)
        assert one.provenance == other.provenance


ENDINGS = st.sampled_from(["terminated", "truncated", "cut", "both"])


@st.composite
def datasets(draw):
    plans = draw(st.lists(st.tuples(st.integers(1, 6), ENDINGS, st.sampled_from(Provenance)), min_size=1, max_size=6))
    episodes = []
    for index, (length, ending, provenance) in enumerate(plans):
        episode = make_episode(length, index, ending=ending, start=1000.0 * index, provenance=provenance)
        if ending == "both":
            episode.terminated[-1] = episode.truncated[-1] = True
        episodes.append(episode)
    return Dataset(tuple(episodes))


@given(datasets())
@settings(max_examples=60, deadline=None)
def test_no_pair_crosses_episodes_and_no_terminal_has_a_future(dataset):
    batch = dataset.transitions()
    assert batch.size == len(dataset)
    pairs = np.floor(batch.observations[:, 0] / 1000), np.floor(batch.next_observations[:, 0] / 1000)
    np.testing.assert_array_equal(*pairs)
    np.testing.assert_array_equal(batch.next_observations[:, 0], batch.observations[:, 0] + 1)
    stops = np.cumsum([len(episode) for episode in dataset.episodes]) - 1
    ends = np.zeros(batch.size, bool)
    ends[stops] = True
    np.testing.assert_array_equal(batch.terminated | batch.truncated, ends)  # every end is marked, nothing else is
    np.testing.assert_array_equal(batch.terminated[stops], [episode.terminated[-1] for episode in dataset.episodes])
    cut = [not (episode.terminated[-1] or episode.truncated[-1]) for episode in dataset.episodes]
    assert batch.truncated[stops][cut].all()
    assert not batch.terminated[stops][cut].any()  # a cut episode bootstraps
    assert batch.provenance.tolist() == [e.provenance for e in dataset.episodes for _ in range(len(e))]
    assert (batch.steps == 1).all()
    assert (batch.observations.dtype, batch.provenance.dtype, batch.steps.dtype) == (np.float32, np.int8, np.int32)


def test_transitions_do_not_change_the_episodes():
    dataset = Dataset((make_episode(3, ending="cut"),))
    assert dataset.transitions().truncated.tolist() == [False, False, True]
    assert not dataset.episodes[0].truncated.any()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("observations", np.zeros((5, 3), np.float32), r"observations has shape \(5, 3\), expected \(6, size\)"),
        ("actions", np.zeros(5, np.float32), "actions has shape"),
        ("terminated", np.zeros(4, bool), r"terminated has shape \(4,\), expected \(5,\)"),
        ("infos", {"success": np.zeros(3)}, "infos/success"),
        ("rewards", np.zeros(0, np.float32), "no steps"),
    ],
)
def test_an_episode_that_does_not_fit_together_is_refused(field, value, words):
    with pytest.raises(DataError, match=words):
        make_episode(5, **{field: value})


def test_an_empty_dataset_has_no_transitions():
    with pytest.raises(DataError, match="no episodes"):
        Dataset(()).transitions()


def test_statistics():
    found = make_dataset((4, 2)).statistics()
    assert (found["episodes"], found["transitions"], found["observation_size"], found["action_size"]) == (2, 6, 3, 2)
    assert found["length"] == {"mean": 3.0, "min": 2.0, "max": 4.0}
    assert (found["truncated_episodes"], found["terminated_episodes"]) == (2, 0)
    assert (found["success_any_step"], found["success_final_step"]) == (1.0, 0.0)
    assert found["provenance"] == {"demonstration": {"episodes": 2, "transitions": 6}}
    json.dumps(found)


def test_round_trip(tmp_path):
    dataset = make_dataset()
    write(dataset, tmp_path / "data")
    loaded = load([str(tmp_path / "data")])
    assert_same_episodes(dataset, loaded)
    assert loaded.env_id == "HalfCheetah-v5"
    assert loaded.metadata["seed"] == 3
    assert loaded.metadata["versions"]["mujoco"] == origin()["versions"]["mujoco"]
    np.testing.assert_array_equal(loaded.action_low, [-1, -1])
    assert [path.name for path in tmp_path.iterdir()] == ["data"]  # nothing temporary is left


def test_minari_reads_what_we_write(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    dataset = make_dataset()
    write(dataset, destination("minari:project/pen-v2"))
    found = minari.load_dataset("project/pen-v2")
    assert (found.total_episodes, found.total_steps, found.id) == (3, 12, "project/pen-v2")
    np.testing.assert_array_equal(found[1].observations, dataset.episodes[1].observations)
    assert found.env_spec.id == "HalfCheetah-v5"
    assert list(minari.list_local_datasets()) == ["project/pen-v2"]
    assert_same_episodes(load(["project/pen-v2"]), dataset)


def test_a_wrong_name_in_minaris_root_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"name-v0"):
        write(make_dataset(), tmp_path / "pen")
    with pytest.raises(DataError, match="minari:"):
        destination("minari:../outside-v0")


def test_we_read_what_minaris_collector_conventions_write(tmp_path, monkeypatch):
    """Infos with the reset's entry first, as DataCollector stores them, and float64 observations."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    buffer = minari.data_collector.EpisodeBuffer(
        observations=np.arange(8.0).reshape(4, 2),
        actions=np.zeros((3, 1), np.float32),
        rewards=[0.0, 1.0, 2.0],
        terminations=[False, False, False],
        truncations=[False, False, True],
        infos={"success": [False, False, False, True], "qpos": np.zeros((4, 7))},
    )
    box = minari.dataset.minari_dataset.gym.spaces.Box
    with pytest.warns(UserWarning, match="None"):
        minari.create_dataset_from_buffers(
            "other/set-v0", [buffer], observation_space=box(-9, 9, (2,)), action_space=box(-2, 2, (1,))
        )
    episode = load(["other/set-v0"]).episodes[0]
    assert episode.success.tolist() == [False, False, True]
    assert set(episode.infos) == {"success"}
    assert episode.observations.dtype == np.float32


def test_provenance_by_name(tmp_path):
    write(make_dataset(), tmp_path / "data")
    mixed = load([str(tmp_path / "data"), f"rollout={tmp_path / 'data'}", f"random={tmp_path / 'data'}"])
    kinds = [Provenance.DEMONSTRATION, Provenance.ROLLOUT, Provenance.RANDOM]
    assert mixed.transitions().provenance.tolist() == [kind for kind in kinds for _ in range(12)]
    assert mixed.env_id == "HalfCheetah-v5"


def test_provenance_is_stored(tmp_path):
    episodes = tuple(make_episode(3, index, provenance=kind) for index, kind in enumerate(Provenance))
    write(Dataset(episodes), tmp_path / "data")
    assert [episode.provenance for episode in load([str(tmp_path / "data")]).episodes] == list(Provenance)


@pytest.mark.parametrize("source", ["expert=there", "demo=there"])
def test_unknown_provenance(source):
    with pytest.raises(DataError, match="demonstration, rollout, random, online"):
        split(source)


def test_sources_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "log.npz").touch()
    for source, words in [
        ("bundled:nothing", "bundled are"),
        ("D4RL/pen/human-v2", "--download"),
        (str(tmp_path / "empty"), "metadata.json is missing"),
        (str(tmp_path / "log.npz"), f"awac data import {tmp_path / 'log.npz'} --to FOLDER"),
        ("nowhere", f"nowhere: no such dataset in {tmp_path}; expected"),
    ]:
        with pytest.raises(DataError, match=words):
            load([source])
    with pytest.raises(DataError, match="no data source"):
        load([])


def test_a_failed_download_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))

    def refuse(name):
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(minari, "download_dataset", refuse)
    with pytest.raises(DataError, match="D4RL/pen/human-v2: the download failed: ConnectionError: Name or service"):
        load(["D4RL/pen/human-v2"], download=True)


def test_a_download_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    monkeypatch.setattr(minari, "download_dataset", lambda name: write(make_dataset(), tmp_path / name))
    assert len(load(["other/pen-v0"], download=True)) == 12


def test_writing_over_a_dataset_has_to_be_asked_for(tmp_path):
    write(make_dataset(), tmp_path / "data")
    with pytest.raises(DataError, match="there is a dataset already"):
        write(make_dataset((2,)), tmp_path / "data")
    write(make_dataset((2,)), tmp_path / "data", overwrite=True)
    assert len(load([str(tmp_path / "data")])) == 2


def test_nothing_to_write(tmp_path):
    with pytest.raises(DataError, match="no episode"):
        write(Dataset(()), tmp_path / "data")


def test_append(tmp_path):
    folder = tmp_path / "run" / "experience"
    dataset = make_dataset()
    append(folder, [], dataset=dataset)
    assert data_folder(folder) is None
    for episode in dataset.episodes:
        append(folder, [episode], dataset=dataset)
    assert_same_episodes(load([str(folder)]), dataset)
    assert read(folder).metadata["seed"] == 3
    with pytest.raises(DataError, match=r"\(4, 2\).*holds \(3, 2\)"):
        append(folder, [make_episode(2, observation=4)])
    assert_same_episodes(load([str(folder)]), dataset)


def test_joined_datasets_must_fit():
    with pytest.raises(DataError, match="observations have size 4, those of memory have 3"):
        join([make_dataset(), Dataset((make_episode(2, observation=4),), "other")])
    with pytest.raises(DataError, match="action bounds"):
        join([make_dataset(), Dataset((make_episode(2),), "other", {}, -2 * np.ones(2), 2 * np.ones(2))])


def test_an_environment_that_is_not_registered_is_kept_by_name(tmp_path):
    write(Dataset((make_episode(3),)), tmp_path / "data", env_id="my_package:make_env")
    loaded = load([str(tmp_path / "data")])
    assert loaded.env_id == "my_package:make_env"
    assert loaded.action_low is None  # unknown bounds stay unknown


def test_success_is_one_truth_value():
    assert [success_of({"success": value}) for value in (True, np.array([True]), np.False_, None)] == [1, 1, 0, 0]
    with pytest.raises(ConfigError, match=r"info\['success'\] is array\(\[ True, False\]\); allowed: one truth value"):
        success_of({"success": np.array([True, False])})
    with pytest.raises(ConfigError, match=r"info\['is_success'\] is nan; allowed: one truth value"):
        success_of({"is_success": float("nan")})
