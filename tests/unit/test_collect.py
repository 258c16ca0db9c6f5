"""The collector: what it stores, what it reports, and that it goes on exactly where its state was taken."""

import gymnasium
import numpy as np
import pytest

from awac.batch import Provenance, concatenate
from awac.collect import Collector, EpisodeRecord, action_bounds, records_from_array, records_to_array
from awac.envs import Guard, make
from awac.envs.guard import BadTransition
from awac.errors import DivergedError
from awac.exploration import OrnsteinUhlenbeck, Uniform
from awac.rollout import collect_episodes, play
from awac.runtime import Policy
from awac.scaling import Scaling


def constant(value):
    return lambda observations: np.full((len(observations), 2), value, np.float32)


def equal(first, second):
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))


class Counter(gymnasium.Env):
    """Observes (episode, step); can be told to fail at certain steps, and cannot be captured."""

    def __init__(self, length=10, terminates=False, faults=()):
        self.observation_space = gymnasium.spaces.Box(-1e6, 1e6, (2,), np.float64)
        self.action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
        self.length, self.terminates, self.faults = length, terminates, set(faults)
        self.calls, self.episode, self.steps, self.seeds = 0, -1, 0, []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seeds.append(seed)
        self.episode, self.steps = self.episode + 1, 0
        return np.array([self.episode, 0.0]), {}

    def step(self, action):
        self.calls += 1
        if self.calls in self.faults:
            raise BadTransition("told to")
        self.steps += 1
        over = self.steps == self.length
        info = {"success": self.steps % 2 == 0}
        return (
            np.array([self.episode, self.steps], float),
            1.0,
            over and self.terminates,
            over and not self.terminates,
            info,
        )


def test_an_episode_goes_on_across_chunks():
    collector = Collector(Guard(Counter(7)), Provenance.ONLINE, 0)
    chunks = [collector.collect(constant(0.0), steps) for steps in (3, 1, 5, 11)]
    batch = concatenate(chunks)
    assert [len(chunk.rewards) for chunk in chunks] == [3, 1, 5, 11]
    expected = [[i // 7, i % 7] for i in range(20)]
    np.testing.assert_array_equal(batch.observations, np.float32(expected))
    np.testing.assert_array_equal(batch.next_observations, np.float32([[i // 7, i % 7 + 1] for i in range(20)]))
    assert np.flatnonzero(batch.truncated).tolist() == [6, 13]
    assert not batch.terminated.any()
    assert batch.observations.dtype == batch.rewards.dtype == np.float32
    assert (batch.provenance == Provenance.ONLINE).all()
    assert (batch.steps == 1).all()


def test_terminated_and_truncated_stay_apart():
    batch = Collector(Guard(Counter(4, terminates=True)), Provenance.ONLINE, 0).collect(constant(0.0), 8)
    assert np.flatnonzero(batch.terminated).tolist() == [3, 7]
    assert not batch.truncated.any()


def test_the_actions_stored_are_those_executed():
    batch = Collector(make("awac/PointMass-v0"), Provenance.RANDOM, 0).collect(constant(3.0), 5)
    assert (batch.actions == 1.0).all()
    moved = np.clip(batch.observations[:, :2] + np.float32(0.1), -1, 1)
    np.testing.assert_allclose(batch.next_observations[:, :2], moved, atol=1e-6)


class InPlace(Counter):
    """Scales the action that it is given, as many environments do."""

    def step(self, action):
        action *= 10
        return super().step(action)


def test_an_environment_that_changes_its_action_changes_nothing_stored():
    batch = Collector(Guard(InPlace()), Provenance.ONLINE, 0).collect(constant(0.5), 3)
    (episode,) = play([Guard(InPlace(3))], constant(0.5), 1, 0)
    assert (batch.actions == 0.5).all()
    assert (episode.actions == 0.5).all()


def test_records():
    collector = Collector(Guard(Counter(5)), Provenance.ONLINE, 0)
    collector.collect(constant(0.0), 12)
    record = EpisodeRecord(5.0, 5, success_any=True, success_final=False, success_steps=2, terminated=False)
    assert collector.drain() == [record, record]
    assert collector.drain() == []
    unknown = EpisodeRecord(1.5, 3, None, None, 0, terminated=True)
    assert records_from_array(records_to_array([record, unknown])) == [record, unknown]
    assert records_from_array(records_to_array([])) == []


def test_a_fault_inside_a_chunk_cuts_the_episode_there():
    collector = Collector(Guard(Counter(10, faults=[4])), Provenance.ONLINE, 0)
    batch = collector.collect(constant(0.0), 6)
    assert batch.observations.tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    assert batch.truncated.tolist() == [False, False, True, False, False, False]
    assert not collector.previous_truncated
    assert (collector.budget.faults, collector.drain()) == (1, [])


def test_a_fault_at_the_start_of_a_chunk_is_told():
    collector = Collector(Guard(Counter(10, faults=[4])), Provenance.ONLINE, 0)
    collector.collect(constant(0.0), 3)
    assert not collector.previous_truncated
    batch = collector.collect(constant(0.0), 2)
    assert collector.previous_truncated
    assert batch.observations.tolist() == [[1, 0], [1, 1]]
    collector.collect(constant(0.0), 2)
    assert not collector.previous_truncated


def test_a_fault_at_the_first_step_of_an_episode_cuts_nothing():
    collector = Collector(Guard(Counter(3, faults=[4])), Provenance.ONLINE, 0)
    collector.collect(constant(0.0), 3)
    batch = collector.collect(constant(0.0), 3)
    assert not collector.previous_truncated
    assert batch.truncated.tolist() == [False, False, True]


def test_resets_after_a_fault_have_seeds_of_their_own():
    env = Counter(10, faults=[4, 9])
    Collector(Guard(env), Provenance.ONLINE, 5).collect(constant(0.0), 30)
    first, *later = [seed for seed in env.seeds if seed is not None]
    assert first == 5
    assert len(set(later)) == 2
    again = Counter(10, faults=[4, 9])
    Collector(Guard(again), Provenance.ONLINE, 5).collect(constant(0.0), 30)
    assert again.seeds == env.seeds


def test_an_action_that_is_not_finite_stops_the_run():
    with pytest.raises(DivergedError):
        Collector(make("awac/PointMass-v0"), Provenance.ONLINE, 0).collect(constant(np.nan), 1)


@pytest.mark.parametrize("env_id", ["awac/PointMass-v0", "Hopper-v5", "awac/RelocateBinary-v0"])
@pytest.mark.parametrize("before", [0, 37, 40, 200])
def test_a_restored_collector_goes_on_exactly(env_id, before):
    def collector():
        return Collector(make(env_id, max_episode_steps=40), Provenance.ONLINE, 3)

    first, second = collector(), collector()
    space = first.env.action_space
    first.collect(Uniform(space, np.random.default_rng(0)), before)
    state = first.state()
    assert all(isinstance(values, np.ndarray) and values.dtype.kind in "biuf" for values in state.values())
    second.restore(state)
    batches = [one.collect(Uniform(space, np.random.default_rng(1)), 90) for one in (first, second)]
    assert equal(*(batch.stored().values() for batch in batches))
    assert first.drain() == second.drain()
    assert first.budget.__dict__ == second.budget.__dict__
    first.env.close()
    second.env.close()


def test_what_cannot_be_captured_ends_its_episode_in_both_runs():
    first, second = (Collector(Guard(Counter(10)), Provenance.ONLINE, 0) for _ in range(2))
    first.collect(constant(0.0), 4)
    second.restore(first.state())
    batches = [one.collect(constant(0.0), 3) for one in (first, second)]
    assert [one.previous_truncated for one in (first, second)] == [True, True]
    assert [batch.observations[:, 1].tolist() for batch in batches] == [[0, 1, 2], [0, 1, 2]]
    assert first.env.unwrapped.seeds[-1] == second.env.unwrapped.seeds[-1] is not None


def test_whole_episodes_do_not_depend_on_how_many_run_at_once():
    def act(observations):
        return np.sin(3 * observations[:, 2:])

    one, three = (collect_episodes("awac/PointMass-v0", act, 5, 10, parallel=n) for n in (1, 3))
    for first, second in zip(one, three, strict=True):
        assert equal(
            (first.observations, first.actions, first.rewards, first.infos["success"]),
            (second.observations, second.actions, second.rewards, second.infos["success"]),
        )
        assert first.observations.shape == (51, 4)
        assert first.truncated.tolist() == [False] * 49 + [True]
        assert not first.terminated.any()
        np.testing.assert_array_equal(first.actions, act(first.observations[:-1]).astype(np.float32))
    env = make("awac/PointMass-v0")
    assert one[3].observations[0].tobytes() == env.reset(seed=13)[0].tobytes()
    assert (one[3].provenance, one[3].source) == (Provenance.ROLLOUT, "awac/PointMass-v0 3")


class Last(Counter):
    """Says at the last step alone whether it was successful, as many environments do."""

    def step(self, action):
        *result, truncated, _ = super().step(action)
        return *result, truncated, {"is_success": True} if truncated else {}


def test_success_that_is_told_at_the_end_alone_counts():
    (episode,) = play([Guard(Last(4))], constant(0.0), 1, 0)
    assert episode.infos["success"].tolist() == [False, False, False, True]
    collector = Collector(Guard(Last(4)), Provenance.ONLINE, 0)
    collector.collect(constant(0.0), 5)
    assert collector.success.tolist() == [-1, -1, -1, 1, -1]
    assert (collector.drain()[0].success_final, collector.drain()) == (True, [])


class Tenths(Counter):
    def __init__(self):
        super().__init__()
        self.action_space = gymnasium.spaces.Box(-0.1, 0.1, (2,), np.float64)


def test_float32_actions_stay_within_float64_bounds():
    """float32(0.1) is more than 0.1, and `Guard` compares with the latter."""
    env = Guard(Tenths())
    batch = Collector(env, Provenance.ONLINE, 0).collect(constant(1.0), 3)
    play([env], constant(-1.0), 1, 0)
    scaling = Scaling.of_space(2, env.action_space)
    policy = Policy([np.zeros((2, 2))], [np.full(2, 20.0)], scaling, log_std=np.zeros(2))
    for actions in (batch.actions, policy.act(np.zeros(2))):
        assert (actions.astype(np.float64) <= 0.1).all()
        np.testing.assert_allclose(actions, 0.1, rtol=1e-6)
    assert action_bounds(Guard(Counter()))[1].tolist() == [1.0, 1.0]


def test_an_episode_with_a_fault_is_played_again():
    env = Counter(6, faults=[9])
    episodes = play([Guard(env)], constant(0.0), 3, 0)
    assert [len(episode) for episode in episodes] == [6, 6, 6]
    assert env.seeds[0::3] == [0, 2]
    assert env.seeds[1] == 1
    assert env.seeds[2] not in (0, 1, 2)


def test_a_policy_with_memory_is_told_of_new_episodes():
    class Remembering:
        def __init__(self):
            self.told = []

        def __call__(self, observations):
            return np.zeros((len(observations), 2), np.float32)

        def reset(self, row):
            self.told.append(row)

    act = Remembering()
    play([Guard(Counter(3)), Guard(Counter(5))], act, 5, 0)
    assert sorted(act.told) == [0, 0, 0, 1, 1]
    act = Remembering()
    Collector(Guard(Counter(3)), Provenance.ONLINE, 0).collect(act, 7)
    assert act.told == [0, 0, 0]


SPACE = gymnasium.spaces.Box(np.float32([-1, 0]), np.float32([1, 4]), dtype=np.float32)


def test_uniform_fills_the_bounds():
    actions = Uniform(SPACE, np.random.default_rng(0))(np.zeros((10_000, 3)))
    assert (actions.shape, actions.dtype) == ((10_000, 2), np.float32)
    np.testing.assert_allclose(actions.mean(axis=0), [0, 2], atol=0.05)
    np.testing.assert_allclose(actions.std(axis=0), np.array([2, 4]) / np.sqrt(12), atol=0.05)


def test_ornstein_uhlenbeck_has_the_spread_and_memory_of_its_equation():
    process = OrnsteinUhlenbeck(SPACE, np.random.default_rng(0))
    noise = []
    for _ in range(200):
        actions = process(np.zeros((500, 3)))
        noise.append(process.noise.copy())
    late = np.array(noise[50:])
    assert late.std() == pytest.approx(0.3 / np.sqrt(2 * 0.15 - 0.15**2), rel=0.02)
    assert np.corrcoef(late[:-1].ravel(), late[1:].ravel())[0, 1] == pytest.approx(0.85, abs=0.01)
    assert (SPACE.low <= actions).all()
    assert (actions <= SPACE.high).all()


def test_ornstein_uhlenbeck_begins_each_episode_at_zero():
    process = OrnsteinUhlenbeck(SPACE, np.random.default_rng(0), sigma=0.0)
    process(np.zeros((2, 3)))
    process.noise[:] = 0.8
    process.reset(1)
    np.testing.assert_allclose(process(np.zeros((2, 3))), [[0.68, 3.36], [0.0, 2.0]], atol=1e-6)
