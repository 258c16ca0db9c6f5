"""`awac evaluate` on a policy that knows nothing, in the point mass."""

import json

import gymnasium
import numpy as np
import pytest

from awac import cli
from awac.commands import evaluate
from awac.envs import make
from awac.envs.pointmass import PointMass
from awac.errors import CheckpointError, ConfigError
from awac.policy_file import Card
from awac.runtime import Policy
from awac.scaling import Scaling

ENV = "awac/PointMass-v0"


@pytest.fixture
def folder(tmp_path):
    """A run folder with a policy and the configuration that it came from."""
    with gymnasium.make(ENV) as env:
        inputs, outputs = env.observation_space.shape[0], env.action_space.shape[0]
        scaling = Scaling.of_space(inputs, env.action_space)
    policy = Policy(
        weights=(np.full((inputs, outputs), 0.1, np.float32),),
        biases=(np.zeros(outputs, np.float32),),
        scaling=scaling,
        log_std=np.zeros(outputs, np.float32),
        card=Card(algorithm="awac", environment=ENV),
    )
    policy.save(tmp_path / "policy")
    return tmp_path


def report(capsys, *arguments):
    """What `--json` prints."""
    assert cli.main(["evaluate", *map(str, arguments), "--episodes", "3", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_table(folder, capsys):
    assert cli.main(["evaluate", str(folder), "--episodes", "3", "--seed", "5"]) == 0
    out = capsys.readouterr().out
    assert f"{ENV}, 3 episodes, seeds 5 and up" in out
    assert "return" in out
    assert "length" in out


def test_run_folder_and_policy_folder_are_the_same(folder, capsys):
    assert report(capsys, folder) == report(capsys, folder / "policy")


def test_an_isolated_run_is_evaluated_as_it_ran(folder, capsys, monkeypatch):
    (folder / "config.json").write_text(json.dumps({"env": ENV, "isolate": True, "deadline": 30.0}))
    wishes = []
    monkeypatch.setattr(evaluate, "make", lambda env_id, **wish: wishes.append(wish) or make(env_id, **wish))
    apart = report(capsys, folder)
    assert apart == report(capsys, folder / "policy")
    assert wishes == [{"isolate": True, "deadline": 30.0}] * 3 + [{}] * 3


def test_seeds_decide(folder, capsys):
    first, again, other = report(capsys, folder), report(capsys, folder), report(capsys, folder, "--seed", "9")
    assert first == again
    assert first["eval/mean_reward"] != other["eval/mean_reward"]


def test_samples_differ_from_the_mean_and_are_seeded(folder, capsys):
    mean, sampled = report(capsys, folder), report(capsys, folder, "--stochastic")
    assert mean["eval/mean_reward"] != sampled["eval/mean_reward"]
    assert sampled == report(capsys, folder, "--stochastic")


def test_options_are_those_of_the_run_unless_given(folder, capsys):
    plain = report(capsys, folder)
    (folder / "config.json").write_text(json.dumps({"env": ENV, "env_options": {"reward": "binary"}}))
    of_the_run = report(capsys, folder)
    assert of_the_run["eval/mean_reward"] != plain["eval/mean_reward"]
    assert report(capsys, folder, "--env-options", "reward", "distance") == plain


def test_video(folder, tmp_path):
    film = tmp_path / "figures" / "policy.mp4"
    assert cli.main(["evaluate", str(folder), "--episodes", "1", "--video", str(film)]) == 0
    assert film.stat().st_size > 0


def test_no_policy(tmp_path, capsys):
    assert cli.main(["evaluate", str(tmp_path)]) == ConfigError.exit_code
    assert "no policy here" in capsys.readouterr().err


def test_damaged_policy(folder, capsys):
    (folder / "policy" / "policy.safetensors").write_bytes(b"\0" * 64)
    assert cli.main(["evaluate", str(folder)]) == CheckpointError.exit_code
    assert "policy.safetensors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [("episodes", "0", 1), ("episodes", "-1", 1), ("parallel", "0", 1), ("seed", "-1", 0)],
)
def test_numbers_that_are_not_possible(folder, option, value, allowed, capsys):
    assert cli.main(["evaluate", str(folder), f"--{option}", value]) == ConfigError.exit_code
    assert f"{option} is {value}; allowed: {allowed} or more" in capsys.readouterr().err


class Narrow(PointMass):
    """The same task, whose actions are half as large."""

    def __init__(self):
        super().__init__()
        self.action_space = gymnasium.spaces.Box(-0.5, 0.5, (2,), np.float32)


def narrow():
    return gymnasium.wrappers.TimeLimit(Narrow(), 50)


def test_an_environment_with_other_bounds_is_warned_of(folder, capsys, caplog):
    report(capsys, folder)
    assert not caplog.records
    report(capsys, folder, "--env", f"{__name__}:narrow")
    assert "the policy acts within [-1.0, -1.0] to [1.0, 1.0]" in caplog.text
    assert "narrow allows [-0.5, -0.5] to [0.5, 0.5], and actions beyond were clipped" in caplog.text


def test_an_environment_for_other_actions_is_refused(folder, capsys):
    """Also where the numbers would fit: two actions are not one."""
    assert cli.main(["evaluate", str(folder), "--env", "awac/SawyerDrawer-v0", "--episodes", "1"]) == 2
    assert "the policy gives actions (2,), the environment takes (3,)" in capsys.readouterr().err
