"""Presets hold the values of their sources, and an experiment survives JSON."""

import dataclasses
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

import pytest

from awac.algorithms import ALGORITHMS
from awac.config import Experiment, defaults, from_json, from_older_json, to_json
from awac.errors import ConfigError
from awac.hyperparameters import Count, CountFromZero, Hyperparameters, Positive
from awac.presets import DOMAINS, PRESETS, domain
from awac.training import parse
from tests.unit.published_presets import HAND, LOCOMOTION, OTHER, PUSH, SOURCES

DRAWER, REPOSITION = "awac/SawyerDrawer-v0", "awac/HandReposition-v0"
VALUES = [(key, name, value) for key, values in SOURCES.items() for name, value in values.items()]


def value_of(experiment, name):
    return getattr(experiment if hasattr(experiment, name) else experiment.hyperparameters, name)


@pytest.mark.parametrize(("key", "name", "value"), VALUES, ids=lambda part: str(part).replace(" ", ""))
def test_preset_holds_the_value_of_its_source(key, name, value):
    assert value_of(defaults(*key), name) == value


def test_every_setting_of_awac_has_a_source():
    known = {field.name for field in dataclasses.fields(ALGORITHMS["awac"].config)}
    rates = {"behavior_learning_rate", "dual_learning_rate"}  # of parts that AWAC does not have
    assert known - rates <= SOURCES["awac", "paper", HAND].keys()


@pytest.mark.parametrize(("algorithm", "preset"), PRESETS)
@pytest.mark.parametrize("env", [HAND, LOCOMOTION, PUSH, "awac/ClawValve-v0", DRAWER, REPOSITION, OTHER])
def test_every_preset_is_possible_and_survives_json(algorithm, preset, env):
    experiment = defaults(algorithm, preset, env)
    assert (experiment.algorithm, experiment.preset, experiment.env) == (algorithm, preset, env)
    assert from_json(json.loads(json.dumps(to_json(experiment)))) == experiment
    fields = {
        field.name for kind in (Experiment, type(experiment.hyperparameters)) for field in dataclasses.fields(kind)
    }
    levels = PRESETS[algorithm, preset]
    assert levels.keys() <= {"all", "other", *DOMAINS.values()}
    assert {name for level in levels.values() for name in level} <= fields


def test_every_method_has_the_preset_that_is_the_default():
    assert {algorithm for algorithm, preset in PRESETS if preset == "paper"} == set(ALGORITHMS)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ("awac/PenBinary-v0", "hand"),
        ("awac/DoorBinary-v0", "hand"),
        ("awac/RelocateBinary-v0", "hand"),
        ("HalfCheetah-v5", "locomotion"),
        ("Walker2d-v5", "locomotion"),
        ("awac/Ant-v0", "locomotion"),
        ("Hopper-v5", "locomotion"),
        ("awac/SawyerPush-v0", "push"),
        ("awac/ClawValve-v0", "valve"),
        ("awac/SawyerDrawer-v0", "drawer"),
        ("awac/HandReposition-v0", "reposition"),
        ("awac/PointMass-v0", "other"),
        ("Pendulum-v1", "other"),
        ("my_robot:make", "other"),
    ],
)
def test_domain(env, expected):
    assert domain(env) == expected


@pytest.mark.parametrize("env", [HAND, DRAWER, "awac/ClawValve-v0", REPOSITION])
def test_sac_values_no_state_above_any_return(env):
    config = defaults("sac", "paper", env).hyperparameters
    assert (config.entropy_backup, config.q_upper_bound) == (False, 0.0)


def stored(**changes):
    return {**json.loads(json.dumps(to_json(defaults()))), **changes}


def test_collections_come_back_as_what_they_were():
    experiment = dataclasses.replace(
        defaults(),
        data=("bundled:pen",),
        mix=(("online", 0.5),),
        relabel=(("future", 0.3), ("resampled", 0.5)),
        env_options={"thresholds": "released", "horizon": 100},
    )
    assert from_json(json.loads(json.dumps(to_json(experiment)))) == experiment


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (stored(colour="red"), r"unknown in awac.config.Experiment: colour"),
        (stored(hyperparameters={**stored()["hyperparameters"], "lambda": 1.0}), r"unknown in .*awac.Config: lambda"),
        (stored(seed=1.5), r"seed is 1.5; allowed: int"),
        (stored(batch_size=True), r"batch_size is True; allowed: int"),
        (stored(normalize_observations="false"), r"normalize_observations is 'false'; allowed: bool"),
        (stored(folder=None), r"folder is None; allowed: str"),
        (stored(offline_batch_size=2.5), r"offline_batch_size is 2.5; allowed: int, None"),
        (stored(mix={"online": 0.5}, seed="1"), r"seed is '1'; allowed: int"),
        ({key: value for key, value in stored().items() if key != "seed"}, r"missing in .*Experiment: seed"),
        (stored(hyperparameters={}), r"missing in .*awac.Config: actor_average_rate, actor_hidden"),
        (stored(algorithm="awax"), r"algorithm is 'awax'; allowed: abm, "),
        (stored(batch_size=0), r"batch_size is 0; allowed: more than 0"),
        (stored(online_steps=-50), r"online_steps is -50; allowed: 0 or more"),
        (stored(offline_steps=1001), r"offline_steps is 1001; allowed: multiples of interval=50"),
        (stored(updates_per_step=0.333), r"updates_per_step=0.333 is no whole number per 50 steps"),
        (stored(updates_per_step=float("inf")), r"updates_per_step is inf; allowed: 0 or more"),
        (stored(deadline=float("nan")), r"deadline is nan; allowed: more than 0"),
        (stored(seed=-1), r"seed is -1; allowed: 0 to 4294967295"),
        (stored(seed=2**32), r"seed is 4294967296; allowed: 0 to"),
        (stored(random_steps=30), r"random_steps is 30; allowed: multiples of interval=50"),
        (stored(warmup_steps=30), r"warmup_steps is 30; allowed: multiples of interval=50"),
        (stored(offline_batch_size=0), r"offline_batch_size is 0; allowed: more than 0, or None"),
        (stored(data="bundled:pen"), r"data is the text 'bundled:pen'; allowed: a tuple"),
        (stored(env_options={"deadline": 3}), r"env_options has deadline, which no environment gets"),
    ],
)
def test_what_is_not_possible_is_refused(values, message):
    with pytest.raises(ConfigError, match=message) as raised:
        from_json(values)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("updates", [0.14, 0.58, 1.0, 0.02])
def test_updates_per_step_may_be_rounded(updates):
    """.14 * 50 is not quite 7."""
    assert dataclasses.replace(defaults(), updates_per_step=updates).updates_per_step == updates


@dataclass(frozen=True)
class Own(Hyperparameters):
    """As a method's settings are, but for the type checks that tests switch on in `awac.algorithms`."""

    weighting: Literal["exp", "softmax"] = "exp"
    temperature: Positive = 0.3
    value_samples: Count = 1
    partition_samples: CountFromZero = 0
    divergence_bound: Positive | None = None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weighting": "sotfmax"}, r"weighting is 'sotfmax'; allowed: exp, softmax"),
        ({"std": "state"}, r"std is 'state'; allowed: independent, dependent"),
        ({"discount": 1.01}, r"discount is 1.01; allowed: 0 to 1"),
        ({"target_rate": -0.1}, r"target_rate is -0.1; allowed: 0 to 1"),
        ({"temperature": 0.0}, r"temperature is 0.0; allowed: more than 0"),
        ({"divergence_bound": -0.5}, r"divergence_bound is -0.5; allowed: more than 0"),
        ({"actor_average_rate": 1.5}, r"actor_average_rate is 1.5; allowed: 0 to 1"),
        ({"value_samples": 0}, r"value_samples is 0; allowed: 1 or more"),
        ({"partition_samples": -1}, r"partition_samples is -1; allowed: 0 or more"),
        ({"actor_hidden": (8, 0)}, r"actor_hidden is \(8, 0\); allowed: 1 or more"),
        ({"critic_hidden": (-3,)}, r"critic_hidden is \(-3,\); allowed: 1 or more"),
        ({"temperature": float("nan")}, r"temperature is nan; allowed: finite numbers"),
    ],
)
def test_a_choice_that_does_not_exist_never_runs_as_another(changes, message):
    with pytest.raises(ConfigError, match=message):
        Own(**changes)


@pytest.mark.parametrize(
    ("algorithm", "preset", "message"),
    [
        ("awax", "paper", "algorithm is 'awax'; allowed: "),
        ("awac", "papre", "preset is 'papre'; allowed for awac: authors"),
    ],
)
def test_an_unknown_name_is_refused_with_those_that_exist(algorithm, preset, message):
    with pytest.raises(ConfigError, match=message):
        defaults(algorithm, preset)


def test_what_an_earlier_version_did_not_know_has_its_default():
    experiment = dataclasses.replace(defaults("sac", "paper", LOCOMOTION), seed=7, deadline=3.0)
    stored = json.loads(json.dumps(to_json(experiment)))
    del stored["deadline"], stored["hyperparameters"]["actor_hidden"]
    assert from_older_json(stored) == dataclasses.replace(experiment, deadline=Experiment.deadline)
    with pytest.raises(ConfigError, match=r"unknown in .*: deadlin$"):
        from_older_json({**stored, "deadlin": 1.0})
    with pytest.raises(ConfigError, match="algorithm is ''"):
        from_older_json({})


def test_true_and_false_in_any_case_are_no_words():
    words = ["--env-options", "a", "false", "b", "TRUE", "c", "True", "d", "1", "e", "1.5", "f", "falsehood"]
    options = parse(words).env_options
    assert options == {"a": False, "b": True, "c": True, "d": 1, "e": 1.5, "f": "falsehood"}
    assert [type(value) for value in options.values()] == [bool, bool, bool, int, float, str]


@pytest.mark.parametrize(("method", "presets"), [("awac", "authors, paper, plus."), ("iql", "paper.")])
def test_the_help_names_the_presets_that_a_method_has(method, presets, capsys):
    with pytest.raises(SystemExit, match="0"):
        parse(["--algorithm", method, "--help"])
    assert f"Presets of {method}: {presets}" in " ".join(capsys.readouterr().out.split())


def test_shares_may_be_a_dictionary():
    start = defaults("awac", "plus", "awac/SawyerPush-v0")
    given = dataclasses.replace(start, mix={"online": 0.25}, relabel={"future": 0.3, "resampled": 0.5})
    assert (given.mix, given.relabel) == ((("online", 0.25),), (("future", 0.3), ("resampled", 0.5)))
    assert from_json(json.loads(json.dumps(to_json(given)))) == given


PEOPLE = """
from dataclasses import replace
from pathlib import Path
from awac.algorithms import ALGORITHMS
import numpy as np
from awac.config import Experiment
from awac.errors import ConfigError

Config = ALGORITHMS["awac"].config
data = [Path("logs"), "bundled:pen"]
experiment = Experiment(Config(actor_hidden=[32, 32]), data=data, sinks=["wandb"], folder=Path("a"))
assert experiment.hyperparameters.actor_hidden == (32, 32)
assert experiment.data == ("logs", "bundled:pen")
assert Experiment(Config(discount=1), seed=np.int64(3)).seed == 3
wrong = [(experiment, {"algorithm": "iql"}), (Config(), {"critic_norm": "no"}), (Config(), {"critics": 2.0})]
for owner, changes in wrong:
    try:
        replace(owner, **changes)
    except ConfigError as error:
        print(error)
assert (experiment.sinks, experiment.folder) == (("wandb",), "a")
Config(actor_hidden=[32, 0])
"""


def test_python_people_write_lists_and_paths():
    """In a process of its own: the tests' check of types would refuse what a program without one may do."""
    done = subprocess.run([sys.executable, "-c", PEOPLE], capture_output=True, text=True)
    assert "ConfigError: actor_hidden is (32, 0); allowed: 1 or more" in done.stderr
    assert done.stdout.splitlines() == [
        "algorithm is iql, and hyperparameters are those of awac; allowed: its own, as in defaults('iql')",
        "critic_norm is 'no'; allowed: bool",
        "critics is 2.0; allowed: int",
    ]
