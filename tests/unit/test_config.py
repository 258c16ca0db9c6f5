"""Presets hold the values of their sources, and an experiment survives JSON."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Literal

import pytest

from awac.algorithms import ALGORITHMS
from awac.config import Experiment, defaults, from_json, to_json
from awac.errors import ConfigError
from awac.hyperparameters import Hyperparameters
from awac.presets import PRESETS, domain

HAND, LOCOMOTION, OTHER = "awac/DoorBinary-v0", "HalfCheetah-v5", "awac/PointMass-v0"

# Nair et al. 2020, Table II, and what its text and appendix B add
TABLE_TWO = {
    "updates_per_step": 1.0,
    "batch_size": 1024,
    "offline_batch_size": None,
    "buffer_capacity": 1_000_000,
    "offline_steps": 25_000,
    "return_steps": 1,
    "mix": (),
    "normalize_observations": False,
    "random_steps": 0,
    "discount": 0.99,
    "target_rate": 5e-3,
    "actor_hidden": (256, 256, 256, 256),
    "critic_hidden": (256, 256, 256, 256),
    "actor_learning_rate": 3e-4,
    "critic_learning_rate": 3e-4,
    "actor_weight_decay": 1e-4,
    "critics": 2,
    "critic_norm": False,
    "std": "independent",
    "weighting": "exp",
    "weight_cap": 100.0,
    "advantage_clip": None,
    "value": "samples",
    "value_samples": 1,
    "partition_samples": 0,
    "divergence_bound": None,
    "actor_average_rate": None,
    "momentum": None,
    "actor_period": 1,
    "clone_steps": 0,
    "fit_behavior": False,
}
# rail-berkeley/rlkit, examples/awac: what differs from the paper in the launchers of both domains
RELEASED = TABLE_TWO | {"critic_hidden": (256, 256), "weighting": "softmax", "offline_batch_size": 128}
# soft actor-critic of Haarnoja et al. 2018, Table 1
SOFT = {
    "actor_hidden": (256, 256),
    "critic_hidden": (256, 256),
    "batch_size": 256,
    "discount": 0.99,
    "target_rate": 5e-3,
    "actor_learning_rate": 3e-4,
    "critic_learning_rate": 3e-4,
    "dual_learning_rate": 3e-4,
    "actor_weight_decay": 0.0,
    "target_entropy_per_action": -1.0,
    "entropy_backup": True,
    "critics": 2,
    "offline_steps": 0,
    "buffer_capacity": 1_000_000,
}
# xbpeng/awr, awr_configs.py: what all its tasks share, or most
REGRESSION = {
    "actor_hidden": (128, 64),
    "critic_hidden": (128, 64),
    "actor_learning_rate": 5e-5,
    "critic_learning_rate": 1e-2,
    "momentum": 0.9,
    "batch_size": 256,
    "interval": 1_000,
    "discount": 0.99,
    "temperature": 1.0,
    "weight_cap": 20.0,
    "trace_decay": 0.95,
    "buffer_capacity": 1_000_000,
}
# implicit Q-learning of Kostrikov et al. 2022, section 5 and appendix B
IMPLICIT = {
    "actor_hidden": (256, 256),
    "critic_hidden": (256, 256),
    "batch_size": 256,
    "offline_steps": 1_000_000,
    "discount": 0.99,
    "target_rate": 5e-3,
    "actor_learning_rate": 3e-4,
    "critic_learning_rate": 3e-4,
    "actor_weight_decay": 0.0,
    "critics": 2,
    "std": "independent",
    "expectile": 0.7,
    "weight_cap": 100.0,
}

# google-research/algae_dice: algae.py, train_eval.py
ALGAE = {
    "actor_hidden": (256, 256),
    "critic_hidden": (256, 256),
    "batch_size": 256,
    "discount": 0.99,
    "target_rate": 5e-3,
    "actor_learning_rate": 1e-3,
    "critic_learning_rate": 1e-3,
    "dual_learning_rate": 1e-3,
    "actor_period": 2,
    "actor_weight_decay": 0.0,
    "critics": 2,
    "exponent": 1.5,
    "regularization": 0.01,
    "fresh_share": 0.05,
    "orthogonality": 1e-4,
    "initial_temperature": 1.0,
    "target_entropy_per_action": -1.0,
}
# what the authors' other methods share with AWAC (appendix D), and their scripts for the hand tasks
SKELETON = {
    "actor_hidden": (256, 256, 256, 256),
    "actor_learning_rate": 3e-4,
    "critic_learning_rate": 3e-4,
    "actor_weight_decay": 1e-4,
    "batch_size": 1024,
    "offline_steps": 25_000,
    "target_rate": 5e-3,
    "discount": 0.99,
}
AS_RUN = SKELETON | {"critic_hidden": (256, 256), "offline_batch_size": 128, "q_upper_bound": 0.0}
# aviralkumar2907/CQL: README and d4rl/examples/cql_mujoco_new.py
CONSERVATIVE = {
    "actor_hidden": (256, 256, 256),
    "critic_hidden": (256, 256, 256),
    "batch_size": 256,
    "offline_steps": 1_000_000,
    "clone_steps": 40_000,
    "discount": 0.99,
    "target_rate": 5e-3,
    "actor_learning_rate": 1e-4,
    "critic_learning_rate": 3e-4,
    "dual_learning_rate": 1e-4,
    "actor_weight_decay": 0.0,
    "critics": 2,
    "target_entropy_per_action": -1.0,
    "entropy_backup": False,
    "conservative_weight": 5.0,
    "conservative_temperature": 1.0,
    "conservative_threshold": None,
    "proposals": 10,
}
# nakamotoo/Cal-QL: scripts/run_antmaze.sh, and run_adroit.sh with reward_scale 10 and cql_min_q_weight 1
CALIBRATED = {
    "actor_hidden": (256, 256),
    "critic_hidden": (256, 256, 256, 256),
    "batch_size": 256,
    "offline_steps": 1_000_000,
    "mix": (("online", 0.5),),
    "actor_learning_rate": 1e-4,
    "critic_learning_rate": 3e-4,
    "entropy_backup": False,
    "conservative_weight": 5.0,
    "proposals": 10,
}
# ikostrikov/rlpd: README and configs/rlpd_config.py
ENSEMBLE = {
    "actor_hidden": (256, 256),
    "critic_hidden": (256, 256),
    "critics": 10,
    "critic_norm": True,
    "target_critics": 2,
    "target_entropy_per_action": -0.5,
    "initial_temperature": 1.0,
    "entropy_backup": True,
    "actor_learning_rate": 3e-4,
    "critic_learning_rate": 3e-4,
    "dual_learning_rate": 3e-4,
    "batch_size": 256,
    "offline_steps": 0,
    "random_steps": 5_000,
    "updates_per_step": 20.0,
    "actor_period": 20,
    "mix": (("online", 0.5),),
}

# aravindr93/hand_dapg, dapg/examples/dapg.txt, and the defaults of mjrl's DAPG
DEMONSTRATED = {
    "actor_hidden": (32, 32),
    "offline_batch_size": 32,
    "actor_learning_rate": 1e-3,
    "critic_hidden": (128, 128),
    "value_batch_size": 64,
    "value_epochs": 2,
    "critic_learning_rate": 1e-3,
    "step_size": 0.05,
    "discount": 0.995,
    "trace_decay": 0.97,
    "demonstration_weight": 0.01,
    "demonstration_decay": 0.95,
    "iterations": 10,
    "damping": 1e-4,
    "log_std_floor": -3.0,
    "actor_weight_decay": 0.0,
    "mix": (("demonstration", 1.0),),
    "interval": 10_000,
    "updates_per_step": 1e-4,
}
# Zhou et al. 2024, section 5: no retention of prior data, 5 000 steps of warm-up, 4 updates per step, 10 critics
WARM = {
    "actor_hidden": (256, 256),
    "critic_hidden": (256, 256),
    "critics": 10,
    "critic_norm": True,
    "target_critics": 2,
    "batch_size": 256,
    "offline_steps": 250_000,
    "warmup_steps": 5_000,
    "updates_per_step": 4.0,
    "mix": (("online", 1.0),),
    "actor_learning_rate": 1e-4,
    "critic_learning_rate": 3e-4,
    "target_entropy_per_action": -1.0,
    "entropy_backup": False,
}
# tinkoff-ai/CORL, configs/offline/rebrac: what pen/human_v1.yaml and halfcheetah/medium_v2.yaml share
PENALISED = {
    "actor_hidden": (256, 256, 256),
    "critic_hidden": (256, 256, 256),
    "critics": 2,
    "critic_norm": True,
    "actor_period": 2,
    "discount": 0.99,
    "target_rate": 5e-3,
    "offline_steps": 1_000_000,
    "q_normalization": True,
    "target_noise": 0.2,
    "target_noise_clip": 0.5,
}

SOURCES = {
    ("dapg", "paper", HAND): DEMONSTRATED | {"q_upper_bound": 0.0},
    ("algae_dice", "paper", LOCOMOTION): ALGAE,
    ("awac", "paper", HAND): TABLE_TWO | {"temperature": 0.3, "q_upper_bound": 0.0},
    ("awac", "paper", LOCOMOTION): TABLE_TWO | {"temperature": 1.0, "q_upper_bound": None},
    ("awac", "paper", OTHER): TABLE_TWO | {"temperature": 0.3, "q_upper_bound": None},
    ("awac", "authors", HAND): RELEASED
    | {
        "actor_hidden": (256, 256),
        "temperature": 0.5,
        "advantage_clip": 0.5,
        "value": "mean_action",
        "q_upper_bound": 0.0,
    },
    ("awac", "authors", LOCOMOTION): RELEASED | {"temperature": 2.0, "offline_steps": 50_000, "q_upper_bound": None},
    ("bc", "paper", HAND): {
        "batch_size": 128,
        "online_steps": 0,
        "actor_hidden": (256, 256, 256, 256),
        "actor_learning_rate": 3e-4,
        "likelihood": "log_likelihood",
    },
    # sfujim/BCQ, continuous_BCQ: BCQ.py and main.py
    ("bcq", "paper", HAND): {
        "batch_size": 100,
        "actor_hidden": (400, 300),
        "critic_hidden": (400, 300),
        "behavior_hidden": (750, 750),
        "actor_learning_rate": 1e-3,
        "critic_learning_rate": 1e-3,
        "behavior_learning_rate": 1e-3,
        "perturbation": 0.05,
        "minimum_share": 0.75,
        "target_candidates": 10,
        "acting_candidates": 100,
        "target_rate": 5e-3,
        "discount": 0.99,
        "q_upper_bound": 0.0,
    },
    # Asap7772/railrl_evalsawyer, rlkit/torch/sac/bear.py, and icml2020/hand/bear*
    ("bear", "paper", HAND): {
        "batch_size": 256,
        "offline_steps": 25_000,
        "actor_hidden": (256, 256),
        "critic_hidden": (256, 256),
        "behavior_hidden": (750, 750),
        "actor_learning_rate": 1e-3,
        "critic_learning_rate": 1e-3,
        "behavior_learning_rate": 3e-4,
        "dual_learning_rate": 1e-3,
        "target_rate": 1e-2,
        "kernel": "laplacian",
        "kernel_width": 50.0,
        "discrepancy_samples": 10,
        "threshold": 0.05,
        "online_threshold": None,
        "warm_start": 20_000,
        "minimum_share": 0.75,
        "candidates": 10,
        "q_upper_bound": 0.0,
    },
    # google-research/behavior_regularized_offline_rl, brac_primal_agent.py and run_primal.sh
    ("brac", "paper", HAND): {
        "batch_size": 256,
        "actor_hidden": (200, 200),
        "critic_hidden": (300, 300),
        "actor_learning_rate": 3e-4,
        "critic_learning_rate": 1e-3,
        "dual_learning_rate": 1e-3,
        "target_rate": 5e-3,
        "value_penalty": True,
        "initial_multiplier": 0.1,
        "divergence_bound": None,
        "divergence_samples": 4,
        "warm_start": 20_000,
        "q_upper_bound": 0.0,
    },
    ("brac_as_run", "paper", HAND): {
        "offline_batch_size": 128,
        "batch_size": 1024,
        "actor_hidden": (256, 256),
        "critic_hidden": (256, 256),
        "temperature": 0.5,
        "advantage_clip": 0.5,
        "reward_weight": 1.0,
        "q_upper_bound": 0.0,
    },
    ("sac_bc", "paper", HAND): SOFT
    | {
        "batch_size": 1024,
        "offline_steps": 25_000,
        "cloning_weight": 1.0,
        "likelihood": "log_likelihood",
        "q_upper_bound": 0.0,
        "entropy_backup": False,
    },
    ("awr", "paper", HAND): REGRESSION | {"action_std": 0.2, "q_upper_bound": 0.0},
    ("awr", "paper", LOCOMOTION): REGRESSION | {"action_std": 0.4, "q_upper_bound": None},
    ("marwil", "paper", HAND): {
        "advantage_scale": 1.0,
        "initial_square": 100.0,
        "actor_learning_rate": 1e-4,
        "critic_learning_rate": 1e-4,
        "batch_size": 2_000,
        "q_upper_bound": 0.0,
    },
    ("iql", "paper", HAND): IMPLICIT | {"temperature": 2.0, "q_upper_bound": 0.0},
    ("iql", "paper", LOCOMOTION): IMPLICIT | {"temperature": 1 / 3, "q_upper_bound": None},
    ("mpo", "paper", HAND): {  # google-deepmind/acme, agents/jax/mpo
        "samples": 20,
        "divergence_bound": 0.1,
        "mean_bound": 0.0025,
        "scale_bound": 1e-6,
        "initial_temperature": 10.0,
        "initial_multipliers": (10.0, 1000.0),
        "initial_std": 0.7,
        "actor_learning_rate": 1e-4,
        "critic_learning_rate": 1e-4,
        "dual_learning_rate": 1e-2,
        "actor_weight_decay": 0.0,
        "batch_size": 256,
        "discount": 0.99,
        "q_upper_bound": 0.0,
    },
    ("mpo_as_run", "paper", HAND): AS_RUN
    | {"temperature": 0.3, "advantage_clip": 2.0, "baseline": True, "through_samples": True},
    ("abm", "paper", HAND): SKELETON | {"temperature": 0.3, "q_upper_bound": 0.0},
    ("abm", "paper", LOCOMOTION): SKELETON | {"temperature": 1.0, "q_upper_bound": None},
    ("abm_as_run", "paper", HAND): AS_RUN | {"temperature": 0.3, "advantage_clip": 2.0},
    ("sac_as_run", "paper", HAND): AS_RUN,
    ("cql", "paper", LOCOMOTION): CONSERVATIVE | {"q_upper_bound": None},
    ("cql", "paper", HAND): CONSERVATIVE | {"q_upper_bound": 0.0},
    ("cal_ql", "paper", OTHER): CALIBRATED,
    ("cal_ql", "paper", HAND): CALIBRATED
    | {
        "actor_hidden": (512, 512),
        "critic_hidden": (512, 512, 512),
        "offline_steps": 20_000,
        "conservative_weight": 0.1,
        "conservative_temperature": 0.1,
        "q_upper_bound": 0.0,
    },
    ("rlpd", "paper", LOCOMOTION): ENSEMBLE,
    ("rlpd", "paper", HAND): ENSEMBLE
    | {
        "actor_hidden": (256, 256, 256),
        "critic_hidden": (256, 256, 256),
        "entropy_backup": False,
        "q_upper_bound": 0.0,
    },
    ("wsrl", "paper", LOCOMOTION): WARM | {"conservative_weight": 5.0, "q_upper_bound": None},
    ("wsrl", "paper", HAND): WARM
    | {
        "actor_hidden": (512, 512),
        "critic_hidden": (512, 512, 512),
        "offline_steps": 20_000,
        "conservative_weight": 0.1,
        "conservative_temperature": 0.1,
        "q_upper_bound": 0.0,
    },
    ("rebrac", "paper", HAND): PENALISED
    | {
        "batch_size": 256,
        "actor_learning_rate": 3e-4,
        "critic_learning_rate": 3e-4,
        "actor_penalty": 0.1,
        "critic_penalty": 0.5,
        "q_upper_bound": 0.0,
    },
    ("rebrac", "paper", LOCOMOTION): PENALISED
    | {
        "batch_size": 1024,
        "actor_learning_rate": 1e-3,
        "critic_learning_rate": 1e-3,
        "actor_penalty": 0.001,
        "critic_penalty": 0.01,
    },
    ("sac", "paper", LOCOMOTION): SOFT | {"q_upper_bound": None},
}
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
@pytest.mark.parametrize("env", [HAND, LOCOMOTION, OTHER])
def test_every_preset_is_possible_and_survives_json(algorithm, preset, env):
    experiment = defaults(algorithm, preset, env)
    assert (experiment.algorithm, experiment.preset, experiment.env) == (algorithm, preset, env)
    assert from_json(json.loads(json.dumps(to_json(experiment)))) == experiment
    fields = {
        field.name for kind in (Experiment, type(experiment.hyperparameters)) for field in dataclasses.fields(kind)
    }
    levels = PRESETS[algorithm, preset]
    assert levels.keys() <= {"all", "hand", "locomotion", "other"}
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
        ("awac/PointMass-v0", "other"),
        ("Pendulum-v1", "other"),
        ("my_robot:make", "other"),
    ],
)
def test_domain(env, expected):
    assert domain(env) == expected


def stored(**changes):
    return {**json.loads(json.dumps(to_json(defaults()))), **changes}


def test_collections_come_back_as_what_they_were():
    experiment = dataclasses.replace(
        defaults(),
        data=("bundled:pen",),
        mix=(("online", 0.5),),
        env_options={"thresholds": "released", "horizon": 100},
    )
    assert from_json(json.loads(json.dumps(to_json(experiment)))) == experiment


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (stored(colour="red"), r"unknown in awac.config.Experiment: colour"),
        (stored(hyperparameters={**stored()["hyperparameters"], "lambda": 1.0}), r"unknown in .*awac.Config: lambda"),
        ({key: value for key, value in stored().items() if key != "seed"}, r"missing in .*Experiment: seed"),
        (stored(hyperparameters={}), r"missing in .*awac.Config: actor_average_rate, actor_hidden"),
        (stored(algorithm="awax"), r"algorithm='awax'; allowed: awac, "),
        (stored(batch_size=0), r"batch_size is 0; allowed: more than 0"),
        (stored(online_steps=-50), r"online_steps is -50; allowed: 0 or more"),
        (stored(offline_steps=1001), r"offline_steps is 1001; allowed: multiples of interval=50"),
        (stored(updates_per_step=0.333), r"updates_per_step=0.333 is no whole number per 50 steps"),
    ],
)
def test_what_is_not_possible_is_refused(values, message):
    with pytest.raises(ConfigError, match=message) as raised:
        from_json(values)
    assert raised.value.exit_code == 2


@dataclass(frozen=True)
class Own(Hyperparameters):
    """As a method's settings are, but for the type checks that tests switch on in `awac.algorithms`."""

    weighting: Literal["exp", "softmax"] = "exp"
    temperature: float = 0.3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weighting": "sotfmax"}, r"weighting is 'sotfmax'; allowed: exp, softmax"),
        ({"std": "state"}, r"std is 'state'; allowed: independent, dependent"),
        ({"discount": 1.01}, r"discount is 1.01; allowed: 0 to 1"),
        ({"target_rate": -0.1}, r"target_rate is -0.1; allowed: 0 to 1"),
        ({"temperature": float("nan")}, r"temperature is nan; allowed: finite numbers"),
    ],
)
def test_a_choice_that_does_not_exist_never_runs_as_another(changes, message):
    with pytest.raises(ConfigError, match=message):
        Own(**changes)


@pytest.mark.parametrize(
    ("algorithm", "preset", "message"),
    [("awax", "paper", "algorithm='awax'; allowed: "), ("awac", "papre", "preset='papre'; allowed for awac: authors")],
)
def test_an_unknown_name_is_refused_with_those_that_exist(algorithm, preset, message):
    with pytest.raises(ConfigError, match=message):
        defaults(algorithm, preset)
