"""Goals in hindsight: of the same episode and not earlier, in the given shares, paid as the task pays them."""

from functools import partial
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import awac.envs
from awac import learner
from awac.algorithms import ALGORITHMS
from awac.batch import Batch
from awac.data.buffer import create, insert, mix_of, sample, to_device, truncate_newest
from awac.data.goals import KINDS, OWN, kinds_of, relabelling_of, sample_relabelled
from awac.data.trajectories import steps_left
from awac.envs import GoalLayout
from awac.errors import ConfigError
from awac.learner import Sampling
from awac.networks import Sizes
from awac.scaling import Scaling

pytestmark = pytest.mark.usefixtures("quick_compilation")

CAPACITY, DISCOUNT, DRAW = 8, 0.9, 64
LINE = GoalLayout(achieved=(0,), desired=(1,), low=(-9.0,), high=(-5.0,))  # no achieved goal is in the box
TRAP = GoalLayout((0,), (1,), (-9.0,), (-5.0,), "binary", radius=0.5, ends_at_goal=True)


def numbered(start, count, terminated=(), truncated=()):
    """Transitions along a line: number n leads from n to n + 1, its own goal is 100 + n, its own reward 1000 + n."""
    numbers = np.arange(start, start + count).astype(np.float32)
    return Batch(
        observations=np.stack([numbers, 100 + numbers], axis=1),
        actions=numbers[:, None],
        rewards=1000 + numbers,
        next_observations=np.stack([numbers + 1, 100 + numbers], axis=1),
        terminated=np.isin(numbers, terminated),
        truncated=np.isin(numbers, truncated),
        provenance=(numbers % 4).astype(np.int8),
        steps=np.ones(count, np.int32),
    )


def filled(lengths, terminated=(), truncated=()):
    """A ring of eight after chunks of these lengths, and the numbers at which episodes end in it."""
    buffer, start = create(CAPACITY, Sizes(observation=2, action=1)), 0
    for length in lengths:
        buffer = insert(buffer, to_device(numbered(start, length, terminated, truncated)))
        start += length
    return buffer, sorted({*terminated, *truncated, start - 1})


left_of = jax.jit(steps_left)
draw = jax.jit(sample_relabelled, static_argnums=(2, 4, 5, 6, 7))
draw_own = jax.jit(sample, static_argnums=(2, 3, 4, 5))


def drawn(buffer, layout=LINE, key=0, size=DRAW, mix=(), return_steps=1, scaling=None, **shares):
    scaling = scaling or Scaling.identity(2, 1)
    relabelling = relabelling_of(shares, layout, scaling)
    key = jax.random.PRNGKey(key)
    return draw(buffer, left_of(buffer), relabelling, key, size, mix, return_steps, DISCOUNT).map(np.asarray)


chunks = st.lists(st.sampled_from([1, 3, 8]), min_size=1, max_size=5)
ends = st.sets(st.integers(0, 40), max_size=12).map(sorted)


@given(chunks, ends, ends)
def test_no_goal_of_another_episode_or_of_the_past(lengths, terminated, truncated):
    """Wherever the ring begins, whatever ended the episodes: the goal was achieved between here and the end."""
    buffer, stops = filled(lengths, terminated, truncated)
    batch = drawn(buffer, future=0.5, final=0.5)
    kinds = kinds_of((("future", 0.5), ("final", 0.5)), DRAW)
    numbers = batch.observations[:, 0].astype(int)
    achieved_at = batch.observations[:, 1].astype(int) - 1
    last = np.array([min(stop for stop in stops if stop >= number) for number in numbers])
    assert np.all((numbers <= achieved_at) & (achieved_at <= last))
    np.testing.assert_array_equal(achieved_at[kinds == KINDS.index("final")], last[kinds == KINDS.index("final")])
    np.testing.assert_array_equal(batch.observations[:, 1], batch.next_observations[:, 1])
    np.testing.assert_array_equal(batch.rewards, -(achieved_at - numbers).astype(np.float32))


@given(chunks, ends, ends)
def test_steps_left_are_counted_to_the_end_or_the_newest(lengths, terminated, truncated):
    buffer, stops = filled(lengths, terminated, truncated)
    left, total = np.asarray(left_of(buffer)), sum(lengths)
    numbers = np.arange(max(0, total - CAPACITY), total)
    expected = [min(stop for stop in stops if stop >= number) - number for number in numbers]
    np.testing.assert_array_equal(left[numbers % CAPACITY], expected)


def test_a_cut_ends_the_episode():
    buffer = truncate_newest(filled([3])[0])
    buffer = insert(buffer, to_device(numbered(3, 3)))
    batch = drawn(buffer, final=1.0)
    before = batch.observations[:, 0] <= 2
    assert set(batch.observations[before, 1]) == {3.0}
    assert set(batch.observations[~before, 1]) == {6.0}


def as_stable_baselines(generator, places, lengths, strategy):
    """SB3's `HerReplayBuffer._sample_goals`: the places in their episodes whose next achieved goals are the goals.

    `experiments/hindsight_against_sb3.py` holds it against SB3 itself.
    """
    if strategy == "final":
        return lengths - 1
    return generator.integers(places, lengths)


@pytest.mark.parametrize("strategy", ["future", "final"])
def test_goals_are_distributed_as_those_of_stable_baselines(strategy):
    """For each transition of episodes of 5 and 3 steps, how often each later one gave the goal."""
    buffer, _ = filled([3, 3, 8], truncated=[5, 10, 13])  # wrapped around
    count = 40_000
    batch = drawn(buffer, size=count, **{strategy: 1.0})
    numbers, goals = batch.observations[:, 0].astype(int), batch.observations[:, 1].astype(int) - 1
    begin, length = np.where(numbers <= 10, 6, 11), np.where(numbers <= 10, 5, 3)
    expected = begin + as_stable_baselines(np.random.default_rng(0), numbers - begin, length, strategy)
    assert set(numbers) == set(range(6, 14))
    for number in range(6, 14):
        ours, theirs = (np.bincount(found[numbers == number], minlength=14) for found in (goals, expected))
        assert np.all((ours > 0) == (theirs > 0))
        assert np.all(np.abs(ours - theirs) <= 5 * np.sqrt(ours + theirs)), (number, ours, theirs)


SHARES = [{"future": 0.3, "resampled": 0.5}, {"final": 1.0}, {"future": 1 / 3, "final": 1 / 3, "resampled": 1 / 3}]


@given(st.integers(1, 2000), st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_any_shares_to_within_one_row(size, parts):
    total = max(1.0, sum(parts))
    shares = tuple((name, part / total) for name, part in zip(KINDS, parts, strict=True))
    counts = np.bincount(kinds_of(shares, size), minlength=OWN + 1)
    assert counts.sum() == size
    assert all(abs(counts[KINDS.index(name)] - share * size) <= 1 for name, share in shares)


@pytest.mark.parametrize("shares", SHARES)
def test_shares_hold_within_each_part_of_a_mixed_batch(shares):
    kinds = kinds_of(tuple(shares.items()), 1024)
    for part in np.split(kinds, 8):
        counts = np.bincount(part, minlength=OWN + 1)
        assert all(abs(counts[KINDS.index(name)] - share * 128) <= 4 for name, share in shares.items())


def test_the_same_transitions_are_drawn_and_the_rest_keep_their_goals():
    buffer, _ = filled([8, 3], truncated=[5, 8])
    mix, key = mix_of({"online": 0.5}), jax.random.PRNGKey(3)
    for return_steps in (1, 3):
        own = draw_own(buffer, key, DRAW, mix, return_steps, DISCOUNT).map(np.asarray)
        batch = drawn(buffer, key=3, mix=mix, return_steps=return_steps, future=0.3, resampled=0.5)
        kept = kinds_of((("future", 0.3), ("resampled", 0.5)), DRAW) == OWN
        assert kept.sum() == DRAW - round(0.8 * DRAW)
        for name, array in own.stored().items():
            np.testing.assert_array_equal(array[kept], batch.stored()[name][kept], err_msg=name)
            if name not in ("observations", "next_observations", "rewards"):
                np.testing.assert_array_equal(array, batch.stored()[name], err_msg=name)
        np.testing.assert_array_equal(own.observations[:, 0], batch.observations[:, 0])
        assert np.all(batch.rewards[~kept] <= 0)


def test_resampled_goals_are_uniform_in_the_box():
    batch = drawn(filled([8])[0], size=4000, resampled=1.0)
    goals = batch.observations[:, 1]
    assert goals.min() >= -9
    assert goals.max() <= -5
    counts = np.histogram(goals, bins=8, range=(-9, -5))[0]
    assert np.all(np.abs(counts - 500) <= 5 * np.sqrt(500))
    np.testing.assert_allclose(batch.rewards, goals - batch.next_observations[:, 0], rtol=1e-6)


def walked(history, number, goal, layout, return_steps):
    """The transition of several steps towards another goal, by walking through the list of transitions."""
    total = 0.0
    for taken, place in enumerate(range(number, history.size)):
        distance = abs(history.next_observations[place, 0] - goal)
        total += DISCOUNT**taken * (-distance if layout is LINE else -float(distance > layout.radius))
        over = distance <= layout.radius if layout is TRAP else history.terminated[place]
        ended = history.terminated[place] or history.truncated[place]
        cut = history.truncated[place] or (history.terminated[place] and not over)
        if over or ended or taken + 1 == return_steps or place + 1 == history.size:
            return total, history.next_observations[place, 0], over, cut, taken + 1
    raise AssertionError


@pytest.mark.parametrize("layout", [LINE, TRAP], ids=["line", "trap"])
@pytest.mark.parametrize("return_steps", [1, 3])
@pytest.mark.parametrize("lengths", [[3, 3], [8, 3, 8]])
def test_all_steps_of_a_span_are_judged_by_the_new_goal(layout, return_steps, lengths):
    """Also where goals end episodes: what ended at its own goal is cut there, if the new one was not reached."""
    terminated, truncated = [4, 9, 14], [12]
    buffer, _ = filled(lengths, terminated, truncated)
    history = numbered(0, sum(lengths), terminated, truncated)
    batch = drawn(buffer, layout, return_steps=return_steps, future=0.5, resampled=0.5)
    for row, number in enumerate(batch.observations[:, 0].astype(int)):
        reward, following, over, cut, taken = walked(history, number, batch.observations[row, 1], layout, return_steps)
        np.testing.assert_allclose(batch.rewards[row], reward, rtol=1e-5)
        found = batch.next_observations[row, 0], batch.terminated[row], batch.truncated[row], batch.steps[row]
        assert tuple(map(float, found)) == (following, over, cut, taken)


TASKS = [
    ("awac/SawyerPush-v0", {}),
    ("awac/PointMass-v0", {}),
    ("awac/PointMass-v0", {"reward": "binary", "terminate_at_goal": True}),
]


def episodes(layout, size, seed=0):
    """Random transitions of one long episode, within the box of the goals, and closer together than a radius."""
    generator = np.random.default_rng(seed)
    low, high = np.array(layout.low), np.array(layout.high)
    walk = generator.normal(size=(101, size)).astype(np.float32)
    walk[:, layout.achieved] = low + (high - low) * (0.5 + 0.02 * generator.normal(size=(101, 2)).cumsum(0))
    walk[:, layout.desired] = generator.uniform(low, high)
    return numbered(0, 100)._replace(observations=walk[:-1], next_observations=walk[1:])


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize(("env_id", "options"), TASKS)
def test_rewards_are_those_of_the_task(env_id, options, normalized):
    """And goals those of its box, in its own units, also where the buffer holds normalised observations."""
    env = awac.envs.make(env_id, max_episode_steps=7, **options)
    layout = awac.envs.goal_layout(env)
    size = 1 + max(layout.desired)
    data = episodes(layout, size)
    scaling = Scaling.identity(size, 1)
    if normalized:
        scaling = Scaling.of_data(data.observations, [-1.0], [1.0])
    stored = data._replace(
        observations=scaling.normalize(data.observations), next_observations=scaling.normalize(data.next_observations)
    )
    buffer = insert(create(100, Sizes(size, 1)), to_device(stored))
    batch = drawn(buffer, layout, size=1000, scaling=scaling, future=0.3, final=0.2, resampled=0.5)
    following = batch.next_observations * scaling.observation_std + scaling.observation_mean
    rewards = awac.envs.relabel(env_id, **options)(following)
    agree = np.isclose(batch.rewards, rewards, atol=1e-5)
    assert np.mean(agree) == 1.0 if layout.reward == "distance" else np.mean(agree) > 0.995, "rounding at the radius"
    if layout.ends_at_goal:
        np.testing.assert_array_equal(batch.terminated, batch.rewards == 0)
        assert 0 < batch.terminated.mean() < 1
    goals = following[:, layout.desired][kinds_of((("future", 0.3), ("final", 0.2), ("resampled", 0.5)), 1000) == 2]
    low, high = np.array(layout.low), np.array(layout.high)
    assert np.all((goals >= low - 1e-5) & (goals <= high + 1e-5))
    np.testing.assert_allclose(goals.mean(0), (low + high) / 2, atol=0.07 * (high - low).max())


@pytest.mark.parametrize(
    ("shares", "columns", "message"),
    [
        ({"futur": 0.5}, (0, 1), "'futur' is not a kind of goal; allowed: future, final, resampled"),
        ({"future": -0.5}, (0, 1), "the share of future is -0.5; allowed: 0 to 1"),
        ({"future": 0.6, "final": 0.5}, (0, 1), "the shares add up to 1.1; allowed: at most 1"),
        ({"future": 0.5}, (0, 2), r"goal columns \(0,\) and \(2,\); the observation has 2"),
    ],
)
def test_impossible_relabelling(shares, columns, message):
    layout = GoalLayout((columns[0],), (columns[1],), (0.0,), (1.0,))
    with pytest.raises(ConfigError, match=message):
        relabelling_of(shares, layout, Scaling.identity(2, 1))


def asks_for(algorithm):
    """All that tells one method's batches from another's."""
    returns, beginnings = algorithm.returns is not None, algorithm.initial_observations
    return returns, beginnings, algorithm.next_actions, algorithm.on_policy


@pytest.mark.parametrize("name", {asks_for(algorithm): name for name, algorithm in ALGORITHMS.items()}.values())
def test_the_batch_of_every_kind_of_method_changes_in_goals_and_rewards_alone(name):
    """Or the method learns from returns of whole trajectories, which belong to the goals that were played for."""
    algorithm, buffer = ALGORITHMS[name], filled([8, 8], truncated=[3, 9])[0]
    plain = Sampling(16, newest=5 if algorithm.on_policy else 0)
    hindsight = plain._replace(relabelling=relabelling_of({"future": 0.5}, LINE, Scaling.identity(2, 1)))

    @partial(jax.jit, static_argnums=0)
    def batch_of(sampling, key):
        state = SimpleNamespace(key=key)
        prepared = learner.prepare(algorithm, algorithm.config(), sampling, state, buffer)
        return learner.draw(algorithm, algorithm.config(), sampling, state, prepared)._asdict()

    key = jax.random.PRNGKey(0)
    if algorithm.returns is not None:
        with pytest.raises(ConfigError, match=f"relabel: not possible with {name}, which learns from the returns"):
            batch_of(hindsight, key)
        return
    own, batch = batch_of(plain, key), batch_of(hindsight, key)
    same = {field for field in own if jax.tree.all(jax.tree.map(np.array_equal, own[field], batch[field]))}
    assert own.keys() - same == {"observations", "next_observations", "rewards"}
    assert np.sum(batch["observations"][:, 1] != own["observations"][:, 1]) == 8
