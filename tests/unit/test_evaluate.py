"""Evaluation: the figures are those of the episodes, whatever runs at once, and the tags are the usual ones."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from awac import rollout
from awac.batch import Provenance
from awac.collect import EpisodeRecord
from awac.data.dataset import Episode
from awac.envs import make
from awac.envs.pointmass import optimal_action, optimal_return
from awac.errors import ConfigError, EnvironmentFault
from awac.evaluate import Evaluator, evaluate, summarize
from awac.progress import rollout_metrics


def pointmass():
    return make("awac/PointMass-v0")


def slow(observations):
    return 0.3 * optimal_action(observations)


def test_the_optimal_policy_earns_its_value():
    found = evaluate(pointmass, optimal_action, 12, seed=100, parallel=5)
    starts = np.stack([pointmass().reset(seed=100 + i)[0] for i in range(12)])
    np.testing.assert_allclose(found.returns, optimal_return(starts), atol=1e-4)
    assert found.metrics() == {
        "eval/mean_reward": pytest.approx(optimal_return(starts).mean(), abs=1e-4),
        "eval/mean_ep_length": 50.0,
        "eval/success_rate": 1.0,
        "eval/success_any": 1.0,
        "eval/solved_fraction": pytest.approx(found.solved_fraction.mean()),
        "eval/final_distance": pytest.approx(0.0, abs=1e-6),
    }


def test_the_distance_at_the_end_is_that_of_the_goal():
    env = pointmass()
    start, _ = env.reset(seed=5)
    found = evaluate(pointmass, lambda observations: np.zeros((len(observations), 2), np.float32), 1, seed=5)
    np.testing.assert_allclose(found.final_distance, [np.linalg.norm(start[:2] - start[2:])], rtol=1e-6)
    with Evaluator(lambda: make("awac/SawyerPush-v0", max_episode_steps=3, success_distance=0.1), 2, 0) as evaluator:
        pushed = evaluator.evaluate(lambda observations: np.zeros((len(observations), 2), np.float32))
    np.testing.assert_allclose(pushed.final_distance, -pushed.returns / 3, rtol=1e-4)  # nothing moves; paid by distance


def test_the_distance_is_known_of_an_environment_in_another_process():
    plain, apart = (
        evaluate(lambda isolate=isolate: make("awac/PointMass-v0", isolate=isolate, reward="binary"), slow, 2, seed=5)
        for isolate in (False, True)
    )
    assert plain.metrics() == apart.metrics()


def test_an_episode_without_an_end_is_given_up(monkeypatch):
    monkeypatch.setattr(rollout, "LONGEST", 60)
    with pytest.raises(
        ConfigError, match="has not ended after 60 steps; give a limit: --env-options max_episode_steps"
    ):
        evaluate(lambda: make("awac.envs.pointmass:PointMass"), slow, 1, seed=0)
    assert evaluate(lambda: make("awac.envs.pointmass:PointMass", max_episode_steps=60), slow, 1, seed=0).lengths == 60


def test_results_do_not_depend_on_how_many_run_at_once():
    one, four = (evaluate(pointmass, slow, 9, seed=3, parallel=parallel) for parallel in (1, 4))
    np.testing.assert_array_equal(one.returns, four.returns)
    np.testing.assert_array_equal(one.solved_fraction, four.solved_fraction)


def test_environments_are_kept_and_repeat_the_same_episodes():
    made = []

    def make_env():
        made.append(pointmass())
        return made[-1]

    with Evaluator(make_env, 6, seed=0, parallel=3) as evaluator:
        first, second = evaluator.evaluate(slow), evaluator.evaluate(slow)
    assert len(made) == 3
    np.testing.assert_array_equal(first.returns, second.returns)


def test_each_call_of_the_policy_has_the_same_number_of_rows():
    rows = set()

    def act(observations):
        rows.add(observations.shape)
        assert observations.dtype == np.float32
        return optimal_action(observations)

    evaluate(lambda: make("awac/PointMass-v0", terminate_at_goal=True), act, 7, seed=0, parallel=3)
    assert rows == {(3, 4)}


def episode(success):
    steps = len(success)
    return Episode(
        observations=np.zeros((steps + 1, 1), np.float32),
        actions=np.zeros((steps, 1), np.float32),
        rewards=np.float32(success) - 1,
        terminated=np.zeros(steps, bool),
        truncated=np.zeros(steps, bool),
        infos={"success": np.array(success, bool)},
        provenance=Provenance.ROLLOUT,
    )


def test_the_four_success_rules():
    never = [False] * 30
    twenty = [True] * 20 + [False] * 10
    twenty_one = [True] * 21 + [False] * 9
    last = [False] * 29 + [True]
    with Evaluator(lambda: make("awac/PenBinary-v0"), 1, 0) as evaluator:
        evaluator.envs.append(evaluator.make_env())
        found = summarize([episode(one) for one in (never, twenty, twenty_one, last)], evaluator.envs[0])
    assert found.success_any.tolist() == [False, True, True, True]
    assert found.success_final.tolist() == [False, False, False, True]
    assert found.success_dapg.tolist() == [False, False, True, False]
    np.testing.assert_allclose(found.solved_fraction, [0, 2 / 3, 0.7, 1 / 30])
    assert found.metrics()["eval/success_dapg"] == 0.25
    assert found.returns.tolist() == [-30, -10, -9, -29]


def test_episodes_that_tell_of_no_success_had_none_if_others_tell():
    silent = replace(episode([False, False]), infos={})
    env = gymnasium.make("CartPole-v1")
    assert summarize([silent, silent], env).success_final is None
    found = summarize([silent, episode([False, True]), silent, silent], env)
    assert found.success_final.tolist() == [False, True, False, False]
    assert found.solved_fraction.tolist() == [0, 0.5, 0, 0]
    records = [
        EpisodeRecord(1.0, 2, success, success, int(bool(success)), False) for success in (None, True, None, None)
    ]
    assert rollout_metrics(records)["rollout/success_rate"] == 0.25
    assert "rollout/success_rate" not in rollout_metrics(records[2:])


def test_locomotion_has_a_normalised_score_and_no_success():
    def still(observations):
        return np.zeros((len(observations), 6), np.float32)

    found = evaluate(lambda: make("HalfCheetah-v5", max_episode_steps=20), still, 2, seed=0)
    assert found.success_any is None
    expected = {"eval/mean_reward", "eval/mean_ep_length", "eval/normalized_score"}
    assert set(found.metrics()) - {"eval/measured_score"} == expected  # that one needs an expert that comes with awac
    assert found.metrics()["eval/normalized_score"] == pytest.approx(2.25, abs=0.3)  # 280 / 12415, standing still


def test_a_hand_task_is_evaluated():
    def still(observations):
        return np.zeros((len(observations), 24), np.float32)

    found = evaluate(lambda: make("awac/PenBinary-v0", max_episode_steps=10), still, 4, seed=0, parallel=2)
    assert found.lengths.tolist() == [10] * 4
    assert (found.env_id, found.metrics()["eval/success_dapg"]) == ("awac/PenBinary-v0", 0.0)


def test_an_environment_that_always_fails_ends_the_evaluation():
    def broken():
        env = pointmass()
        env.env.reset = None
        return env

    with pytest.raises(EnvironmentFault, match="5 failures in a row"):
        evaluate(broken, slow, 3, seed=0)
