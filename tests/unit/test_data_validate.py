"""What the check accepts, refuses, repairs and warns of."""

import json
from dataclasses import replace

import numpy as np
import pytest

from awac.data.dataset import Dataset, Episode
from awac.data.repair import Repair, duplicates, relabel
from awac.data.reward_timing import find as find_timing
from awac.data.store import Stored
from awac.data.structure import RawEpisode
from awac.data.validate import Spaces, check, check_stored, examine
from awac.errors import DataError

LENGTH = 60


def walk(index, length=LENGTH, observation=4, action=2):
    """A random walk with rewards that its next observations explain."""
    generator = np.random.default_rng(index)
    observations = np.cumsum(generator.normal(size=(length + 1, observation)), axis=0).astype(np.float32)
    return Episode(
        observations=observations,
        actions=generator.uniform(-1, 1, (length, action)).astype(np.float32),
        rewards=observations[1:, 0] - observations[1:, 1],
        terminated=np.zeros(length, bool),
        truncated=np.arange(length) == length - 1,
        source=f"log.hdf5, episode {index}",
    )


def walks(count=20, **changes):
    bounds = np.ones(2, np.float32)
    episodes = tuple(replace(walk(index), **{k: f(walk(index)) for k, f in changes.items()}) for index in range(count))
    return Dataset(episodes, "log.hdf5", {}, -bounds, bounds)


def codes(dataset, **kwargs):
    report = check(dataset, **kwargs)
    assert report.ok, report.lines()
    return {problem.code for problem in report.warnings}


def changed(dataset, index, **arrays):
    episodes = list(dataset.episodes)
    episodes[index] = replace(episodes[index], **arrays)
    return replace(dataset, episodes=tuple(episodes))


def with_value(array, place, value):
    array = array.copy()
    array[place] = value
    return array


def test_every_episode_is_looked_at_alone(monkeypatch):
    monkeypatch.setattr("awac.data.validate.TOGETHER", 4)
    dataset, places = walks(9), [(0, 0), (3, LENGTH - 1), (4, 0), (8, LENGTH - 1)]
    for index, step in places:
        episode = dataset.episodes[index]
        arrays = {"actions": with_value(episode.actions, (step, 1), 2.0), "terminated": np.arange(LENGTH) == step}
        dataset = changed(dataset, index, rewards=with_value(episode.rewards, step, np.nan), **arrays)
    expected = {"not-finite": places, "ending": [(0, 0), (4, 0)], "action-bounds": places}
    found = [(problem.code, (problem.episode, problem.step)) for problem in check(dataset).errors]
    assert found == [(code, place) for code, where in expected.items() for place in where]


def test_good_data_give_no_warning():
    report = check(walks())
    assert (report.errors, report.warnings, report.repairs) == ((), (), ())
    assert (report.episodes, report.transitions) == (20, 20 * LENGTH)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("field", ["observations", "actions", "rewards"])
def test_one_value_that_is_not_finite(field, value):
    dataset = walks()
    place = (7,) if field == "rewards" else (7, 1)
    bad = changed(dataset, 3, **{field: with_value(getattr(dataset.episodes[3], field), place, value)})
    (problem,) = check(bad).errors
    column = field if field == "rewards" else f"{field}[1]"
    assert (problem.code, problem.file, problem.episode, problem.step) == ("not-finite", "log.hdf5", 3, 7)
    assert (problem.field, problem.value) == (column, str(value))
    with pytest.raises(DataError, match=f"log.hdf5, episode 3, step 7, {field}"):
        check(bad).raise_errors()
    repaired, report = examine(bad, repair=Repair(drop_bad_episodes=True))
    assert report.ok
    assert len(repaired.episodes) == 19
    assert [line.startswith("dropped: log.hdf5, episode 3, step 7") for line in report.repairs] == [True]


def test_drop_leaves_nothing():
    bad = replace(walks(1), episodes=(replace(walk(0), rewards=np.full(LENGTH, np.nan, np.float32)),))
    dataset, report = examine(bad, repair=Repair(drop_bad_episodes=True))
    assert dataset is None
    assert [problem.code for problem in report.errors] == ["empty-dataset"]


def test_two_large_values_are_still_finite():
    dataset = walks()
    large = dataset.episodes[0].observations.copy()
    large[0, 0] = large[1, 0] = 3e38
    assert check(changed(dataset, 0, observations=large)).ok


def test_actions_outside_by_rounding_are_clipped_and_counted():
    dataset = walks()
    actions = with_value(dataset.episodes[2].actions, (5, 1), 1 + 1e-6)
    repaired, report = examine(changed(dataset, 2, actions=actions))
    assert report.ok
    assert "clipped 1 components in 1 episodes" in report.repairs[0]
    assert repaired.episodes[2].actions[5, 1] == 1


def test_actions_far_outside_are_an_error_or_clipped_when_asked():
    dataset = walks()
    bad = changed(dataset, 2, actions=with_value(dataset.episodes[2].actions, (5, 1), 10))
    (problem,) = check(bad).errors
    assert (problem.code, problem.episode, problem.step, problem.field) == ("action-bounds", 2, 5, "actions[1]")
    assert "value 10, allowed are -1 to 1" in problem.message
    repaired, report = examine(bad, repair=Repair(clip_actions=True))
    assert report.ok
    assert repaired.episodes[2].actions.max() <= 1


def test_the_environments_spaces_are_held_against_the_data():
    half = np.full(2, 0.5, np.float32)
    assert {p.code for p in check(walks(), spaces=Spaces(4, -half, half)).errors} == {"action-bounds"}
    (problem,) = check(walks(), spaces=Spaces(5, -half, half)).errors
    assert "sizes (4, 2), the environment has (5, 2)" in problem.message


@pytest.mark.parametrize("name", ["terminated", "truncated"])
def test_a_flag_before_the_end(name):
    dataset = walks()
    bad = changed(dataset, 1, **{name: np.arange(LENGTH) == 10})
    (problem,) = check(bad).errors
    assert (problem.code, problem.episode, problem.step, problem.field) == ("ending", 1, 10, name)


def test_timeouts_stored_as_terminations():
    dataset = walks(terminated=lambda e: e.truncated, truncated=lambda e: np.zeros(LENGTH, bool))
    assert "timeouts-as-terminations" in codes(dataset)
    repaired, report = examine(dataset, repair=Repair(terminations_are_timeouts=True))
    assert not repaired.transitions().terminated.any()
    assert repaired.transitions().truncated.sum() == 20
    assert "20 episodes" in report.repairs[0]


def test_endings_with_both_flags_or_neither():
    assert codes(walks(terminated=lambda e: e.truncated)) == {"both-flags", "timeouts-as-terminations"}
    assert codes(walks(truncated=lambda e: np.zeros(LENGTH, bool))) == {"cut"}


@pytest.mark.parametrize(("value", "code"), [(0, "zero-rewards"), (-1, "constant-rewards")])
def test_constant_rewards(value, code):
    assert codes(walks(rewards=lambda e: np.full(LENGTH, value, np.float32))) == {code}


def test_columns_that_never_change():
    def still(episode):
        return with_value(episode.observations, np.s_[:, 2], 7)

    (problem,) = check(walks(observations=still)).warnings
    assert (problem.code, problem.field) == ("zero-variance", "observations")
    assert "2 (7)" in problem.message


def test_actions_that_do_not_fill_their_bounds():
    assert codes(walks(actions=lambda e: 0.1 * e.actions)) == {"actions-not-filling"}


def test_repeated_episodes():
    dataset = walks()
    twice = replace(dataset, episodes=(*dataset.episodes, dataset.episodes[4]))
    assert duplicates(twice.episodes) == [(4, 20)]
    assert codes(twice) == {"duplicate-episodes"}
    repaired, report = examine(twice, repair=Repair(drop_duplicates=True))
    assert len(repaired.episodes) == 20
    assert len(report.repairs) == 1


def test_few_transitions():
    assert codes(walks(1)) >= {"few-transitions"}
    assert "a batch of more, such as the paper's of 1024" in check(walks(1)).warnings[0].message


def reaching(success_at=40):
    """Rewards -1 until success, 0 from then on, with the success recorded beside them."""
    success = np.arange(LENGTH) >= success_at
    return success.astype(np.float32) - 1, {"success": success}


def test_rewards_of_success():
    rewards, infos = reaching()
    assert codes(walks(rewards=lambda e: rewards, infos=lambda e: infos)) == set()
    assert codes(walks(rewards=lambda e: -1 - rewards, infos=lambda e: infos)) >= {"sign-flipped"}
    assert codes(walks(rewards=lambda e: -1 - rewards)) == {"sign-flipped"}
    assert codes(walks(rewards=lambda e: rewards)) == set()


@pytest.mark.parametrize(("shift", "code"), [(1, "rewards-late"), (-1, "rewards-early")])
def test_rewards_shifted_by_one_step(shift, code):
    """By each of the three witnesses: the task, the recorded success, regression."""
    dataset = walks(rewards=lambda e: np.roll(e.rewards, shift))
    assert code in codes(dataset)

    def task(observations):
        return observations[:, 0] - observations[:, 1]

    assert codes(dataset, task=task) == {code}
    assert codes(walks(), task=task) == set()
    rewards, infos = reaching()
    assert codes(walks(rewards=lambda e: np.roll(rewards, shift), infos=lambda e: infos)) == {code}


def test_rewards_that_are_not_the_tasks():
    assert codes(walks(rewards=lambda e: -e.rewards), task=lambda o: o[:, 0] - o[:, 1]) == {"not-the-task"}


def test_relabelling():
    dataset = relabel(walks(), lambda observations: observations[:, 2])
    for episode in dataset.episodes:
        np.testing.assert_array_equal(episode.rewards, episode.observations[1:, 2])


def test_timing_says_nothing_of_too_little():
    assert find_timing([], None) == []
    assert find_timing([walk(0, length=2)], None) == []


def raw(index=0, **changes):
    fields = {"observations": np.zeros((4, 2)), "actions": np.zeros((3, 1)), "rewards": np.zeros(3)}
    fields |= {"terminated": np.zeros(3, bool), "truncated": np.zeros(3, bool)} | changes
    return RawEpisode({name: value for name, value in fields.items() if value is not None}, "log", index)


def problems(*episodes, **kwargs):
    return check_stored(Stored(episodes, "log", {}, None, None), **kwargs)[1].errors


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"rewards": None}, "missing-field", "expected observations, actions, rewards, terminated, truncated; found"),
        ({"done": np.zeros(3)}, "extra-field", "unknown field"),
        ({"rewards": np.array(["a", "b", "c"])}, "dtype", "expected a real number type"),
        ({"rewards": np.zeros(3, complex)}, "dtype", "dtype complex128"),
        ({"actions": np.zeros(3)}, "shape", r"shape \(3,\), expected \(steps, size\)"),
        ({"rewards": np.zeros((3, 2))}, "shape", r"expected \(steps,\)"),
        ({"rewards": np.zeros(4)}, "length", "expected observations 4, actions 3, rewards 3.*found.*rewards 4"),
        ({"observations": np.zeros((3, 2))}, "length", "observations 4.*found observations 3"),
        ({"observations": {"image": np.zeros(3)}}, "dtype", "FlattenObservation"),
        ({"terminated": np.array([0, 2, 0])}, "flag-value", "value 2, expected bool"),
        ({"terminated": np.array(["no"] * 3)}, "dtype", "expected bool"),
        ({"actions": np.zeros((0, 1))}, "empty-episode", "no steps"),
        ({"actions": np.zeros((3, 0))}, "shape", "at least one column"),
    ],
)
def test_form(changes, code, words):
    (problem,) = problems(raw(5, **changes))
    assert (problem.code, problem.file, problem.episode) == (code, "log", 5)
    with pytest.raises(AssertionError, match=words):  # pytest's own matcher, so that patterns read as elsewhere
        raise AssertionError(problem.message)


def test_columns_of_scalars_and_whole_numbers_are_taken():
    assert problems(raw(rewards=np.zeros((3, 1), int), terminated=np.array([0.0, 0.0, 1.0]))) == ()


def test_an_episode_of_another_size():
    (problem,) = problems(raw(0), raw(1), raw(2, actions=np.zeros((3, 4))))
    assert (problem.episode, problem.field, problem.value) == (2, "actions", "4")


def test_bad_form_is_dropped_when_asked():
    episodes = (raw(0), raw(1, rewards=np.zeros(9)), raw(2, observations=np.zeros((4, 3))))
    dataset, report = check_stored(Stored(episodes, "log", {}, None, None), repair=Repair(drop_bad_episodes=True))
    assert report.ok
    assert [episode.place for episode in dataset.episodes] == [("log", 0)]
    assert len(report.repairs) == 2


def test_no_episodes():
    assert [problem.code for problem in problems()] == ["empty-dataset"]
    assert [problem.code for problem in check(Dataset(())).errors] == ["empty-dataset"]


def test_the_report_as_json_and_as_lines():
    bad = walks(30, rewards=lambda e: np.full(LENGTH, np.nan, np.float32))
    report = check(bad)
    found = json.loads(json.dumps(report.to_json()))
    assert found["ok"] is False
    assert (found["errors"][0]["episode"], found["errors"][0]["step"], found["errors"][0]["field"]) == (0, 0, "rewards")
    assert len(found["errors"]) == 30
    assert "... and 10 more" in report.lines()[20]
