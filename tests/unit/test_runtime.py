import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from awac.errors import CheckpointError, ConfigError, DivergedError, EnvironmentFault, StorageError
from awac.runtime import GAUSSIAN, TANH_GAUSSIAN, Card, Head, Policy
from awac.scaling import Scaling

CARD = Card("awac", "awac/PenBinary-v0", 5000, 20.0, ("rad", "m", "m/s"), ("N", "N m"))


def make_policy(
    kind="gaussian", dependent=False, norm=False, activation="relu", sizes=(3, 8, 8, 2), seed=0, **fields
) -> Policy:
    generator = np.random.default_rng(seed)
    actions, hidden = sizes[-1], sizes[1:-1]
    outputs = (*hidden, 2 * actions if dependent else actions)
    shapes = list(zip((sizes[0], *hidden), outputs, strict=True))
    draw = generator.standard_normal
    settings = {
        "weights": [draw(shape) / np.sqrt(shape[0]) for shape in shapes],
        "biases": [0.1 * draw(size) for size in outputs],
        "scaling": Scaling(draw(sizes[0]), np.exp(draw(sizes[0])), -np.exp(draw(actions)), np.exp(draw(actions))),
        "head": GAUSSIAN if kind == "gaussian" else TANH_GAUSSIAN,
        "log_std": None if dependent else draw(actions),
        "activation": activation,
        "norm_scales": [np.exp(0.1 * draw(size)) for size in hidden] if norm else (),
        "norm_offsets": [0.1 * draw(size) for size in hidden] if norm else (),
        "card": CARD if sizes == (3, 8, 8, 2) else Card(),
    }
    return Policy(**settings | fields)


def reference(policy: Policy, observations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation in float64, written the long way."""
    x = (observations.astype(np.float64) - policy.scaling.observation_mean) / policy.scaling.observation_std
    for i in range(len(policy.weights) - 1):
        x = np.einsum("ni,io->no", x, policy.weights[i].astype(np.float64)) + policy.biases[i]
        if policy.norm_scales:
            x = (x - x.mean(1)[:, None]) / np.sqrt(x.var(1)[:, None] + 1e-5)
            x = x * policy.norm_scales[i] + policy.norm_offsets[i]
        x = np.where(x > 0, x, 0) if policy.activation == "relu" else np.tanh(x)
    x = np.einsum("ni,io->no", x, policy.weights[-1].astype(np.float64)) + policy.biases[-1]
    size = policy.scaling.action_size
    mean, raw = x[:, :size], x[:, size:] if policy.log_std is None else policy.log_std.astype(np.float64)
    if policy.head.kind == "gaussian":
        return np.tanh(mean), np.broadcast_to(np.exp(-6 + 6 / (1 + np.exp(-raw))), mean.shape)
    return mean, np.broadcast_to(np.exp(np.clip(raw, -20, 2)), mean.shape)


policies = st.builds(
    make_policy,
    kind=st.sampled_from(["gaussian", "tanh_gaussian"]),
    dependent=st.booleans(),
    norm=st.booleans(),
    activation=st.sampled_from(["relu", "tanh"]),
    sizes=st.sampled_from([(3, 8, 8, 2), (1, 1), (5, 16, 1), (4, 7, 6, 5, 3)]),
    seed=st.integers(0, 1000),
)


@given(policies, st.integers(0, 1000))
@settings(deadline=None, max_examples=60)
def test_act_is_the_float64_reference(policy: Policy, seed: int) -> None:
    observations = np.random.default_rng(seed).standard_normal((6, policy.scaling.observation_size)).astype(np.float32)
    mean, std = reference(policy, observations)
    got_mean, got_std = policy.distribution(observations)
    np.testing.assert_allclose(got_mean, mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got_std, std, rtol=1e-4, atol=1e-6)
    half = (policy.scaling.action_high - policy.scaling.action_low) / 2
    unit = mean if policy.head.kind == "gaussian" else np.tanh(mean)
    actions = policy.act(observations)
    assert (actions.dtype, actions.shape) == (np.float32, mean.shape)
    np.testing.assert_allclose(actions, policy.scaling.action_low + (unit + 1) * half, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(policy.act(observations[0]), actions[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["gaussian", "tanh_gaussian"])
@pytest.mark.parametrize("dependent", [False, True])
def test_samples_are_the_distribution(kind: str, dependent: bool) -> None:
    policy = make_policy(kind, dependent, sizes=(3, 8, 2))
    observation = np.float32([0.1, -0.2, 0.3])
    mean, std = policy.distribution(observation)
    noise = np.random.default_rng(7).standard_normal((50, 2), np.float32)
    samples = policy.act(np.tile(observation, (50, 1)), deterministic=False, generator=np.random.default_rng(7))
    before = mean + std * noise
    unit = np.clip(before, -1, 1) if kind == "gaussian" else np.tanh(before)
    expected = policy.scaling.from_unit(unit)
    np.testing.assert_allclose(samples, expected, rtol=1e-5, atol=1e-5)
    assert (samples >= policy.scaling.action_low).all()
    assert (samples <= policy.scaling.action_high).all()


def test_bounds_hold_to_the_last_bit() -> None:
    scaling = Scaling([0], [1], [-0.1, -1e-3, 3.3], [0.7, 1e3, 3.4])
    for sign in (-1, 1):
        policy = Policy([np.zeros((1, 3))], [np.full(3, 100.0 * sign)], scaling, log_std=np.zeros(3))
        np.testing.assert_array_equal(policy.act([0.0]), scaling.action_high if sign > 0 else scaling.action_low)


@pytest.mark.parametrize("raw", [-1e30, -100.0, 0.0, 100.0, 1e30])
def test_log_std_stays_in_its_bounds(raw: float) -> None:
    assert -6 <= GAUSSIAN.log_std(np.float32(raw)) <= 0
    assert -20 <= TANH_GAUSSIAN.log_std(np.float32(raw)) <= 2
    assert GAUSSIAN.log_std(np.float32(0)) == -3


def test_no_hidden_state() -> None:
    policy = make_policy()
    observation = np.float32([1, 2, 3])
    first = policy.act(observation)
    policy.act(-observation)
    np.testing.assert_array_equal(policy.act(observation), first)
    np.testing.assert_array_equal(observation, [1, 2, 3])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_a_bad_observation_gives_no_action(bad: float) -> None:
    with pytest.raises(EnvironmentFault, match=r"observation \[1, 2\] is"):
        make_policy().act([[0.0, 0.0, 0.0], [0.0, 0.0, bad]])


def test_an_overflow_gives_no_action() -> None:
    policy = make_policy(weights=[np.full((3, 8), 3e38), np.full((8, 8), 3e38), np.ones((8, 2))], activation="relu")
    with pytest.raises(DivergedError, match="no action is given"):
        policy.act([1e30, 1e30, 1e30])


@pytest.mark.parametrize("shape", [(), (2,), (1, 2), (1, 1, 3)])
def test_wrong_observation_shape(shape: tuple) -> None:
    with pytest.raises(ConfigError, match=r"\(3,\) or \(n, 3\) is needed"):
        make_policy().act(np.zeros(shape))


def test_a_sample_needs_a_generator() -> None:
    with pytest.raises(ConfigError, match="needs a generator"):
        make_policy().act(np.zeros(3), deterministic=False)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weights": []}, "0 weights and 3 biases"),
        ({"weights": [np.zeros((3, 8)), np.zeros((9, 8)), np.zeros((8, 2))]}, r"weights\[1\] has shape \(9, 8\)"),
        ({"biases": [np.zeros(8), np.zeros((8, 1)), np.zeros(2)]}, r"biases\[1\] has shape \(8, 1\)"),
        ({"log_std": None}, r"weights\[2\] has shape \(8, 2\); \(8, 4\) is needed"),
        ({"log_std": np.zeros(1)}, r"log_std has shape \(1,\); \(2,\) is needed"),
        ({"norm_scales": [np.ones(8)]}, "1 norm_scales, 0 norm_offsets; none, or 2 of each"),
        ({"activation": "gelu"}, "activation 'gelu' is unknown"),
        ({"norm_epsilon": 0.0}, "norm_epsilon is 0.0"),
        ({"scaling": Scaling.identity(4, 2), "card": Card()}, r"weights\[0\] has shape \(3, 8\); \(4, 8\) is needed"),
        ({"card": Card(action_units=("m",))}, "card.action_units has 1 entries, the policy has 2"),
        ({"card": Card(action_units=("m", None))}, r"card.action_units is \('m', None\)"),
        ({"card": Card(action_units="mm")}, "card.action_units is 'mm'; it must be a tuple of texts"),
        ({"card": Card(control_rate=0.0)}, "card.control_rate is 0.0"),
    ],
)
def test_sizes_are_checked(fields: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_policy(**fields)


def test_weights_must_be_finite() -> None:
    with pytest.raises(DivergedError, match=r"policy biases\[1\] is not finite"):
        make_policy(biases=[np.zeros(8), np.full(8, np.nan), np.zeros(2)])


@pytest.mark.parametrize("fields", [("cauchy", "clip", 0, 1), ("gaussian", "exp", 0, 1), ("gaussian", "clip", 1, 0)])
def test_head_is_checked(fields: tuple) -> None:
    with pytest.raises(ConfigError, match=r"unknown|above"):
        Head(*fields)


@given(policies)
@settings(deadline=None, max_examples=20)
def test_save_and_load(tmp_path_factory, policy: Policy) -> None:
    folder = policy.save(tmp_path_factory.mktemp("policy"))
    loaded = Policy.load(folder)
    assert loaded.fingerprint == policy.fingerprint
    assert (loaded.card, loaded.head) == (policy.card, policy.head)
    observations = np.ones((4, policy.scaling.observation_size), np.float32)
    np.testing.assert_array_equal(loaded.act(observations), policy.act(observations))


def test_fingerprint_is_of_what_acts() -> None:
    policy = make_policy()
    assert len(policy.fingerprint) == 64
    assert replace(policy, card=Card()).fingerprint == policy.fingerprint
    for other in (
        make_policy(seed=1),
        replace(policy, activation="tanh"),
        replace(policy, head=replace(GAUSSIAN, log_std_low=-5.0)),
        replace(policy, scaling=replace(policy.scaling, action_high=2 * policy.scaling.action_high)),
        replace(policy, log_std=policy.log_std + 1e-6),
    ):
        assert other.fingerprint != policy.fingerprint


def edit_json(folder: Path, **changes: object) -> None:
    document = json.loads((folder / "policy.json").read_text()) | changes
    (folder / "policy.json").write_text(json.dumps({k: v for k, v in document.items() if v is not None}))


def edit_arrays(folder: Path, **changes: np.ndarray | None) -> None:
    arrays = load_file(folder / "policy.safetensors") | {k.replace("__", "."): v for k, v in changes.items()}
    save_file({k: v for k, v in arrays.items() if v is not None}, folder / "policy.safetensors")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "policy.json").unlink(), r"policy.json: cannot be read: No such file"),
        (lambda f: (f / "policy.safetensors").unlink(), r"policy.safetensors: cannot be read"),
        (lambda f: (f / "policy.json").write_text("{"), "not a JSON document"),
        (lambda f: (f / "policy.json").write_text("[" * 100_000), "not a JSON document"),
        (lambda f: (f / "policy.json").write_bytes(b"\xff"), "not a JSON document"),
        (lambda f: (f / "policy.json").write_text("[]"), "a JSON object is needed"),
        (lambda f: (f / "policy.safetensors").write_bytes(b"x" * 100), "not a safetensors file"),
        (lambda f: edit_json(f, format="other"), "field format is 'other'"),
        (lambda f: edit_json(f, version=2), "version 2; this awac reads version 1"),
        (lambda f: edit_json(f, version=True), "field version is True; int is needed"),
        (lambda f: edit_json(f, head={"kind": "gaussian"}), "field head.log_std_transform is missing"),
        (lambda f: edit_json(f, head="gaussian"), "field head is 'gaussian'; dict is needed"),
        (lambda f: edit_json(f, activation=None), "field activation is missing"),
        (lambda f: edit_json(f, activation="gelu"), "activation 'gelu' is unknown"),
        (lambda f: edit_json(f, action_high=[9, 9]), r"field action_high says \[9, 9\], policy.safetensors says"),
        (lambda f: edit_json(f, hidden_sizes=None), "field hidden_sizes says nothing"),
        (lambda f: edit_json(f, fingerprint="0" * 64), "field fingerprint says 000"),
        (lambda f: edit_json(f, norm_epsilon=float("nan")), "norm_epsilon is nan"),
        (lambda f: edit_json(f, norm_epsilon=1e-3), "field fingerprint says"),
        (lambda f: edit_json(f, card={"algorithm": 3}), "field card.algorithm is 3; str is needed"),
        (lambda f: edit_arrays(f, biases__2=np.ones(2, np.float32)), "field fingerprint says"),
        (lambda f: edit_arrays(f, biases__1=np.ones(9, np.float32)), r"biases\[1\] has shape \(9,\)"),
        (lambda f: edit_arrays(f, biases__1=None), "array biases.2 is not known|3 weights and 1 biases"),
        (lambda f: edit_arrays(f, biases__1=np.ones(8)), "array biases.1 is float64; float32 is needed"),
        (lambda f: edit_arrays(f, biases__1=np.full(8, np.nan, np.float32)), r"biases\[1\] is not finite"),
        (lambda f: edit_arrays(f, scaling__action_low=None), "array scaling.action_low is missing"),
        (lambda f: edit_arrays(f, extra=np.ones(1, np.float32)), "array extra is not known"),
    ],
)
def test_damage_is_refused_by_name(tmp_path: Path, damage, message: str) -> None:
    folder = make_policy().save(tmp_path / "policy")
    damage(folder)
    with pytest.raises(CheckpointError, match=message) as caught:
        Policy.load(folder)
    assert str(folder) in str(caught.value)


def test_every_cut_and_flip_is_refused(tmp_path: Path) -> None:
    path = make_policy().save(tmp_path / "policy") / "policy.safetensors"
    whole = path.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(whole), 60):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
            path.write_bytes(damaged)
            with pytest.raises(CheckpointError, match="policy"):
                Policy.load(path.parent)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file"):
        make_policy().save(tmp_path / "file")


def test_needs_numpy_and_safetensors_only(tmp_path: Path) -> None:
    folder = make_policy().save(tmp_path / "policy")
    code = f"""
import awac.runtime
policy = awac.runtime.Policy.load({str(folder)!r})
assert policy.act([0.0, 0.0, 0.0]).shape == (2,)
roots = {{name.partition(".")[0] for name, module in sys.modules.items() if getattr(module, "__file__", None)}}
print(*sorted(roots - set(sys.stdlib_module_names) - before))
"""
    code = "import sys; before = {name.partition('.')[0] for name in sys.modules}" + code  # start-up hooks are not ours
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["awac", "numpy", "safetensors"]
