"""`awac data` from the command line, on the task that needs no simulator."""

import json

import numpy as np
import pytest

from awac.batch import Provenance
from awac.cli import main
from awac.data import load
from awac.data.dapg_policy import DapgPolicy
from awac.data.generate import Collection, collect
from awac.envs.pointmass import optimal_action
from awac.errors import ConfigError, DataError

ENV = "awac/PointMass-v0"


def run(*arguments):
    return main(["data", *(str(argument) for argument in arguments)])


def collected(tmp_path, *arguments, name="data"):
    assert run("collect", "--env", ENV, "--to", tmp_path / name, *arguments) == 0
    return load([str(tmp_path / name)])


@pytest.mark.parametrize("policy", ["uniform", "ou", "ornstein_uhlenbeck"])
def test_random_data(tmp_path, policy, capsys):
    dataset = collected(tmp_path, "--policy", policy, "--episodes", 4, "--seed", 5)
    assert "4 episodes, 200 transitions" in capsys.readouterr().out
    assert {episode.provenance for episode in dataset.episodes} == {Provenance.RANDOM}
    assert dataset.env_id == ENV
    assert dataset.metadata["recipe"]["policy"] == policy
    assert dataset.metadata["recipe"]["seed"] == 5
    again = collected(tmp_path, "--policy", policy, "--episodes", 4, "--seed", 5, name="again")
    other = collected(tmp_path, "--policy", policy, "--episodes", 4, "--seed", 6, name="other")
    actions = [data.transitions().actions for data in (dataset, again, other)]
    np.testing.assert_array_equal(actions[0], actions[1])
    assert not np.array_equal(actions[0], actions[2])
    assert run("check", tmp_path / "data") == 0


def test_labels_can_be_given(tmp_path):
    dataset = collected(tmp_path, "--episodes", 2, "--provenance", "demonstration", "--description", "for a test")
    assert {episode.provenance for episode in dataset.episodes} == {Provenance.DEMONSTRATION}
    assert dataset.metadata["policy_generated"] is True
    assert dataset.metadata["description"] == "for a test"


def test_only_successful_episodes():
    made = collect(optimal_action, Collection(ENV, 3, only_successful=True))
    assert [bool(episode.success[-1]) for episode in made.episodes] == [True] * 3
    with pytest.raises(ConfigError, match="only 0 of 20 episodes are successful; 1 are wanted"):
        collect(lambda o: np.ones((len(o), 2), np.float32), Collection(ENV, 1, only_successful=True))


def test_nothing_is_overwritten_unasked(tmp_path, capsys):
    collected(tmp_path, "--episodes", 2)
    assert run("collect", "--env", ENV, "--to", tmp_path / "data", "--episodes", 3) == 3
    assert "there is a dataset already" in capsys.readouterr().err
    assert len(collected(tmp_path, "--episodes", 3, "--overwrite").episodes) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--policy", "nowhere"), "expected a run or policy folder"),
        (("--episodes", "0"), "episodes is 0; allowed"),
        (("--seed", "-1"), "seed is -1; allowed: 0"),
        (("--policy", "ou", "--sigma", "nan"), "sigma is nan; allowed: 0 or more"),
        (("--policy", "ou", "--theta", "2"), "theta is 2.0; allowed: below 2"),
    ],
)
def test_options_that_are_not_possible(tmp_path, arguments, words, capsys):
    assert run("collect", "--env", ENV, "--to", tmp_path / "data", *arguments) == 2
    assert words in capsys.readouterr().err


def test_info(tmp_path, capsys):
    collected(tmp_path, "--episodes", 2)
    capsys.readouterr()
    assert run("info", tmp_path / "data") == 0
    shown = capsys.readouterr().out
    assert "random" in shown
    assert ENV in shown
    assert run("info", tmp_path / "data", "--json") == 0
    found = json.loads(capsys.readouterr().out)[str(tmp_path / "data")]
    assert (found["episodes"], found["transitions"]) == (2, 100)
    assert found["metadata"]["commit"] != ""


def test_check_in_json(tmp_path, capsys):
    collected(tmp_path, "--episodes", 30)
    capsys.readouterr()
    assert run("check", tmp_path / "data", "--json") == 0
    report = json.loads(capsys.readouterr().out)[str(tmp_path / "data")]
    assert (report["ok"], report["transitions"], report["errors"], report["warnings"]) == (True, 1500, [], [])
    assert run("check", tmp_path / "data", "--env", "awac/PenBinary-v0") == 3
    assert "the environment has (45, 24)" in capsys.readouterr().out
    assert run("check", "nowhere", "--json") == 3
    assert json.loads(capsys.readouterr().out)["nowhere"]["errors"][0]["code"] == "unreadable"
    assert run("check") == 2


def test_import_repairs_and_reports(tmp_path, capsys):
    collected(tmp_path, "--episodes", 3)
    steps = load([str(tmp_path / "data")]).transitions()
    np.savez(
        tmp_path / "log.npz",
        observations=steps.observations,
        actions=3 * steps.actions,
        rewards=np.zeros(steps.size),
        truncated=steps.truncated,
        next_observations=steps.next_observations,
    )
    source, to = f"rollout={tmp_path / 'log.npz'}", tmp_path / "imported"
    assert run("import", source, "--to", to, "--env", ENV) == 3
    assert "nothing was written" in capsys.readouterr().out
    assert not to.exists()
    assert run("import", source, "--to", to, "--relabel", ENV, "--clip-actions") == 0
    assert f"rewards: recomputed from next observations by {ENV}" in capsys.readouterr().out
    made = load([str(to)])
    np.testing.assert_array_equal(made.transitions().rewards, steps.rewards)
    assert (made.env_id, made.metadata["imported_from"]) == (ENV, "log.npz")
    assert {episode.provenance for episode in made.episodes} == {Provenance.ROLLOUT}


BINARY = ("reward", "binary")


def test_options_of_the_task_are_kept_and_judged_by(tmp_path, capsys):
    """What was relabelled with options, or collected with them, is checked with the same."""
    collected(tmp_path, "--episodes", 3)
    collected(tmp_path, "--episodes", 3, "--env-options", *BINARY, name="binary")
    made = ("import", tmp_path / "data", "--to", tmp_path / "made", "--relabel", ENV, "--relabel-options", *BINARY)
    assert run(*made) == 0
    metadata = load([str(tmp_path / "made")]).metadata
    assert (metadata["env_id"], metadata["env_options"]) == (ENV, {"reward": "binary"})
    assert metadata["repairs"] == [f"rewards: recomputed from next observations by {ENV} with reward binary"]
    assert run("check", tmp_path / "made", tmp_path / "binary") == 0
    assert "not-the-task" not in capsys.readouterr().out
    assert run("check", tmp_path / "binary", "--env", ENV) == 0
    assert "not-the-task" in capsys.readouterr().out


def test_options_of_the_task_are_numbers(capsys):
    relabel = ("check", "bundled:pen", "--relabel", "awac/PenBinary-v0", "--relabel-options", "cosine")
    assert run(*relabel, "0.9999") == 0
    assert "by awac/PenBinary-v0 with cosine 0.9999" in capsys.readouterr().out
    assert run(*relabel, "narrow") == 2
    assert "{'cosine': 'narrow'}" in capsys.readouterr().err


def far_out(tmp_path):
    """A log whose actions lie outside of the bounds that it does not keep."""
    steps = collected(tmp_path, "--episodes", 2).transitions()
    fields = {name: getattr(steps, name) for name in ("observations", "rewards", "truncated", "next_observations")}
    np.savez(tmp_path / "log.npz", actions=3 * steps.actions, **fields)
    return tmp_path / "log.npz"


@pytest.mark.parametrize("command", ["check", "import"])
def test_check_and_import_agree(tmp_path, command, capsys):
    arguments = [command, far_out(tmp_path), *(["--to", tmp_path / "made"] if command == "import" else [])]
    assert run(*arguments, "--clip-actions") == 2
    assert "clip_actions: the action bounds of" in capsys.readouterr().err
    assert run(*arguments, "--relabel", "awac/PenBinary-v0") == 3
    assert "the environment has (45, 24)" in capsys.readouterr().out
    assert run(*arguments, "--relabel", ENV) == 3
    assert "action-bounds" in capsys.readouterr().out
    assert run(*arguments, "--relabel", ENV, "--clip-actions") == 0
    assert "repaired: actions: " in capsys.readouterr().out


def test_clone_is_the_papers_protocol(tmp_path, monkeypatch):
    collected(tmp_path, "--episodes", 3, "--provenance", "demonstration")
    asked = []

    class Learner:
        """Stands for the learner, which has its own tests."""

        def act(self, observations, deterministic=False):
            assert not deterministic
            return optimal_action(observations)

    def clone_policy(dataset, env_id, steps, seed, env_options):
        asked.append((len(dataset), env_id, steps, seed, dict(env_options)))
        return Learner()

    monkeypatch.setattr("awac.clone.clone_policy", clone_policy)
    arguments = ("clone", tmp_path / "data", "--env", ENV, "--to", tmp_path / "clone", "--episodes", 4, "--steps", 10)
    assert run(*arguments) == 0
    assert asked == [(150, ENV, 10, 0, {})]
    made = load([str(tmp_path / "clone")])
    assert len(made.episodes) == 4
    assert {episode.provenance for episode in made.episodes} == {Provenance.ROLLOUT}
    assert made.metadata["recipe"]["command"] == "awac data clone"


def write_dapg(path, observation=4, action=2, **changes):
    generator = np.random.default_rng(0)
    sizes = [observation, 8, 8, action]
    arrays = {}
    for layer in range(3):
        arrays[f"w{2 * layer}"] = generator.normal(size=(sizes[layer + 1], sizes[layer]))
        arrays[f"w{2 * layer + 1}"] = generator.normal(size=sizes[layer + 1])
    arrays |= {"in_shift": np.zeros(observation), "in_scale": np.ones(observation), "ls": np.full(action, -1.0)}
    arrays |= {"out_shift": np.zeros(action), "out_scale": np.ones(action)}
    np.savez(path, **{name: values for name, values in (arrays | changes).items() if values is not None})
    return path


def test_dapg_policy(tmp_path):
    path = write_dapg(tmp_path / "dapg.npz")
    mean, noisy = DapgPolicy.load(path), DapgPolicy.load(path, np.random.default_rng(0))
    observations = np.zeros((5, 4), np.float32)
    assert mean(observations).shape == (5, 2)
    np.testing.assert_array_equal(mean(observations)[0], mean(observations)[4])
    assert not np.array_equal(noisy(observations)[0], noisy(observations)[4])
    for changes, words in [
        ({"w2": None}, "w2 missing"),
        ({"w1": np.full(8, np.nan)}, "not finite"),
        ({"w2": np.ones((8, 9))}, "do not fit together"),
    ]:
        with pytest.raises(DataError, match=words):
            DapgPolicy.load(write_dapg(tmp_path / "bad.npz", **changes))


def test_a_policy_of_another_task_is_refused(tmp_path, capsys):
    for sizes, words in [((4, 3), "it gives 3 actions, the environment takes 2"), ((9, 2), "does not take 4")]:
        path = write_dapg(tmp_path / "dapg.npz", *sizes)
        assert run("collect", "--env", ENV, "--to", tmp_path / "data", "--policy", f"dapg:{path}") == 2
        assert words in capsys.readouterr().err
