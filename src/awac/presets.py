"""The named sets of values: what a method, a preset and a task stand for, each with its source."""

from collections.abc import Mapping
from typing import Any

Overrides = Mapping[str, Any]
HAND: Overrides = {"q_upper_bound": 0.0}  # rewards of -1 and 0: no return is above 0 (appendix B)

PRESETS: dict[tuple[str, str], dict[str, Overrides]] = {
    # Nair et al. 2020, Table II and appendix B
    ("awac", "paper"): {"all": {}, "hand": HAND, "locomotion": {"temperature": 1.0}},
    # the released code (rlkit, examples/awac), value by value; its launchers for hand and MuJoCo. This library's stay
    # the initial weights, targets that begin as copies, and a bound on Q whose gradient passes
    ("awac", "authors"): {
        "all": {
            "critic_hidden": (256, 256),
            "weighting": "softmax",
            "offline_batch_size": 128,
        },
        "hand": HAND
        | {
            "actor_hidden": (256, 256),
            "temperature": 0.5,
            "advantage_clip": 0.5,
            "value": "mean_action",
        },
        "locomotion": {"temperature": 2.0, "offline_steps": 50_000},
        # their internal launchers for the pusher (icml2020/pusher), but for Q_1 in A, where we have the lesser Q; goals
        # as in rlkit's ObsDictRelabelingBuffer
        "push": {
            "temperature": 0.1,
            "std": "dependent",
            "updates_per_step": 4.0,
            "relabel": (("future", 0.3), ("resampled", 0.5)),
        },
    },
    # ours, found by experiment on pen (docs/reproduce.md has the ablations): AWAC whose weights cannot collapse
    ("awac", "plus"): {
        "all": {
            "actor_hidden": (256, 256),
            "critic_hidden": (256, 256),
            "critic_norm": True,
            "weighting": "softmax",
            "divergence_bound": 0.5,
            "temperature": 0.01,
            "value": "mean_action",
            "actor_average_rate": 1e-3,
            "return_steps": 50,
            "batch_size": 256,
            "mix": (("online", 0.5),),
        },
        "hand": HAND,
        # random data: bolder weights, less of the data's own returns; metres brought to the size of one
        "push": {
            "divergence_bound": 1.5,
            "return_steps": 5,
            "normalize_observations": True,
            "updates_per_step": 4.0,
            "relabel": (("future", 0.3), ("resampled", 0.5)),
        },
        # dense rewards of data that mostly fail: bolder weights, less of the data's own returns
        "locomotion": {"divergence_bound": 1.5, "return_steps": 5},
        # few and noisy demonstrations: learned by heart after that
        "valve": {"divergence_bound": 1.5, "return_steps": 10, "offline_steps": 5_000},
    },
    # Peng et al. 2019, released code (xbpeng/awr, awr_configs.py); not its buffer of 50 000, which evicts prior data
    ("awr", "paper"): {
        "all": {
            "actor_hidden": (128, 64),
            "critic_hidden": (128, 64),
            "critics": 0,
            "momentum": 0.9,
            "actor_learning_rate": 5e-5,
            "critic_learning_rate": 1e-2,
            "actor_weight_decay": 0.0,
            "action_std": 0.2,
            "batch_size": 256,
            "interval": 1_000,  # actor steps between two computations of returns
            "normalize_observations": True,
        },
        "hand": HAND,
        # for the user to say: Ant's deviation of 0.2, the actor's step of Hopper, 1e-4, and of Walker2d, 2.5e-5
        "locomotion": {"action_std": 0.4},
    },
    # Wang et al. 2018 with the values of RLlib (rllib/algorithms/marwil); the norm's step size is ours
    ("marwil", "paper"): {
        "all": {
            "critics": 0,
            "actor_learning_rate": 1e-4,
            "critic_learning_rate": 1e-4,
            "dual_learning_rate": 1e-2,
            "actor_weight_decay": 0.0,
            "batch_size": 2_000,
            "interval": 1_000,
        },
        "hand": HAND,
    },
    # Nachum et al. 2019b, released code (google-research/algae_dice) without its random first steps: prior data
    ("algae_dice", "paper"): {
        "all": {"exponent": 1.5, "regularization": 0.01, "actor_period": 2, "batch_size": 256},
    },
    # acme (agents/jax/mpo/config.py and networks.py) on one step of reward. There slow copies are taken every 100
    # updates, networks have layer normalisation and elu, the mean is linear, and critics are of 512, 512, 256
    ("mpo", "paper"): {
        "all": {
            "actor_hidden": (256, 256, 256),
            "critic_hidden": (256, 256, 256),
            "std": "dependent",
            "actor_learning_rate": 1e-4,
            "critic_learning_rate": 1e-4,
            "dual_learning_rate": 1e-2,
            "actor_weight_decay": 0.0,
            "batch_size": 256,
        },
        "hand": HAND,
    },
    # the authors' script for the hand tasks: two layers in the critics
    ("mpo_as_run", "paper"): {"all": {"critic_hidden": (256, 256), "offline_batch_size": 128}, "hand": HAND},
    # Nair et al. 2020, appendix D: AWAC's settings but for the policy's update
    ("abm", "paper"): {"all": {}, "hand": HAND, "locomotion": {"temperature": 1.0}},
    ("abm_as_run", "paper"): {
        "all": {"critic_hidden": (256, 256), "offline_batch_size": 128, "actor_weight_decay": 1e-4},
        "hand": HAND,
    },
    ("sac_as_run", "paper"): {"all": {"critic_hidden": (256, 256), "offline_batch_size": 128}, "hand": HAND},
    # Rajeswaran et al. 2018, hand_dapg's dapg.txt; ours: steps of 50 episodes, not of 200, with a quarter of the 25
    # demonstrations for each, so that a budget as small as AWAC's holds more than a few steps
    ("dapg", "paper"): {
        "all": {
            "interval": 10_000,
            "updates_per_step": 1e-4,
            "offline_steps": 10_000,
            "offline_batch_size": 32,
            "batch_size": 1_250,
            "mix": (("demonstration", 1.0),),
            "evaluation_interval": 10_000,
            "log_interval": 10_000,
            "checkpoint_interval": 10_000,
            "critics": 0,
        },
        "hand": HAND,
    },
    # behaviour cloning as the authors ran it: likelihood, batches of 128; not their L2 of 1e-4
    ("bc", "paper"): {"all": {"online_steps": 0, "batch_size": 128, "critics": 0, "actor_weight_decay": 0.0}},
    # Fujimoto et al. 2019, continuous BCQ's code: sizes and rates are its Config's
    ("bcq", "paper"): {"all": {"batch_size": 100}, "hand": HAND},
    # the AWAC authors' scripts (icml2020/bear_finetune): their rates, batch and offline phase
    ("bear", "paper"): {"all": {"batch_size": 256}, "hand": HAND},
    # Wu et al. 2019, released code: run_primal.sh, but for its 500 000 offline steps: as many as AWAC; the model of the
    # data's policy has our step of 3e-4 (5e-4 in run_bc.sh)
    ("brac", "paper"): {
        "all": {
            "batch_size": 256,
            "critic_learning_rate": 1e-3,
            "dual_learning_rate": 1e-3,
            "initial_multiplier": 0.1,
        },
        "hand": HAND,
    },
    # rail-berkeley/rlkit with `brac=True`, and their scripts for the hand; elsewhere the authors' AWAC but for V,
    # which is that of the mean action everywhere
    ("brac_as_run", "paper"): {
        "all": {"offline_batch_size": 128},
        "hand": HAND,
        "locomotion": {"temperature": 2.0, "advantage_clip": None, "offline_steps": 50_000},
    },
    # Kostrikov et al. 2022, appendix B: locomotion, and beta of 0.5 for the hand
    ("iql", "paper"): {
        "all": {"batch_size": 256, "offline_steps": 1_000_000},
        "hand": HAND | {"temperature": 2.0},
    },
    # Kumar et al. 2020, released code (README and cql_mujoco_new.py), weight without Lagrange
    ("cql", "paper"): {
        "all": {"batch_size": 256, "offline_steps": 1_000_000, "clone_steps": 40_000},
        "hand": HAND,
    },
    # Nakamoto et al. 2023, released code (scripts of antmaze, and of adroit, whose rewards are scaled by 10: here all
    # that has the unit of a reward is divided by 10; that they also end episodes at success, pay it 5 more, and drop
    # failures is another task); without the Lagrange multiplier of the mazes
    ("cal_ql", "paper"): {
        "all": {"batch_size": 256, "offline_steps": 1_000_000, "mix": (("online", 0.5),)},
        "hand": HAND
        | {
            "actor_hidden": (512, 512),
            "critic_hidden": (512, 512, 512),
            "offline_steps": 20_000,
            "conservative_weight": 0.1,
            "conservative_temperature": 0.1,
            "initial_temperature": 0.1,
        },
    },
    # Ball et al. 2023, released code: README and configs/rlpd_config.py
    ("rlpd", "paper"): {
        "all": {
            "batch_size": 256,
            "offline_steps": 0,
            "random_steps": 5_000,
            "updates_per_step": 20.0,
            "actor_period": 20,
            "interval": 20,
            "mix": (("online", 0.5),),
        },
        "hand": HAND | {"actor_hidden": (256, 256, 256), "critic_hidden": (256, 256, 256), "entropy_backup": False},
    },
    # Tarasov et al. 2023 (values as in CORL, configs/offline/rebrac): pen-human; halfcheetah-medium
    ("rebrac", "paper"): {
        "all": {"batch_size": 256, "offline_steps": 1_000_000},
        "hand": HAND,
        "locomotion": {
            "batch_size": 1024,
            "actor_learning_rate": 1e-3,
            "critic_learning_rate": 1e-3,
            "actor_penalty": 0.001,
            "critic_penalty": 0.01,
        },
    },
    # Zhou et al. 2024, section 5: pre-training by task, warm-up, updates per step; the rest is Cal-QL's and RLPD's
    ("wsrl", "paper"): {
        "all": {
            "batch_size": 256,
            "offline_steps": 250_000,
            "warmup_steps": 5_000,
            "updates_per_step": 4.0,
            "mix": (("online", 1.0),),
        },
        "hand": HAND
        | {
            "actor_hidden": (512, 512),
            "critic_hidden": (512, 512, 512),
            "offline_steps": 20_000,
            "conservative_weight": 0.1,
            "conservative_temperature": 0.1,
            "initial_temperature": 0.1,
        },
    },
    # Haarnoja et al. 2018, Table 1; the 5 000 random steps are ours (1 000 in their code, softlearning)
    ("sac", "paper"): {
        "all": {"batch_size": 256, "offline_steps": 0, "random_steps": 5_000},
        # ours: where no return is above 0 soft values are not to be either (docs/reproduce.md, the drawer)
        **dict.fromkeys(("hand", "drawer", "valve", "reposition"), HAND | {"entropy_backup": False}),
    },
    # Nair et al. 2020, appendix D: AWAC's batch and offline phase, and SAC's own values
    ("sac_bc", "paper"): {"all": {}, "hand": HAND | {"entropy_backup": False}},
}

DOMAINS: Mapping[str, str] = {  # by the beginning of an id
    **dict.fromkeys(("awac/PenBinary", "awac/DoorBinary", "awac/RelocateBinary"), "hand"),
    "awac/SawyerPush": "push",
    "awac/SawyerDrawer": "drawer",
    "awac/ClawValve": "valve",
    "awac/HandReposition": "reposition",
    **dict.fromkeys(("HalfCheetah", "Walker2d", "Ant", "awac/Ant", "Hopper"), "locomotion"),
}


def domain(env: str) -> str:
    """A value of `DOMAINS`, or `other`: what a task is where settings differ."""
    return next((task for start, task in DOMAINS.items() if env.startswith(start)), "other")


def presets_of(algorithm: str) -> list[str]:
    """The names of a method's presets, sorted."""
    return sorted(name for owner, name in PRESETS if owner == algorithm)
