import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tyro
from hypothesis import given, settings
from hypothesis import strategies as st

from awac import export
from awac.errors import ConfigError, StorageError
from awac.export import ExportOptions, build, command, export_onnx, largest_difference
from awac.runtime import GAUSSIAN, TANH_GAUSSIAN, Card, Policy
from awac.saved_policy import find_policy
from awac.scaling import Scaling

CARD = Card("awac", "awac/PenBinary-v0", 5000, 20.0, ("rad", "m", "m/s"), ("N", "N m"))


def random_policy(
    kind: str, dependent: bool, norm: bool, activation: str, sizes: tuple[int, ...], spread: float, seed: int
) -> Policy:
    generator = np.random.default_rng(seed)
    draw = generator.standard_normal
    observation, *hidden, action = sizes
    outputs = (*hidden, 2 * action if dependent else action)
    widths = zip((observation, *hidden), outputs, strict=True)
    low, width = spread * draw(action), spread * np.exp(draw(action))
    return Policy(
        weights=[draw(shape) / np.sqrt(shape[0]) for shape in widths],
        biases=[0.3 * draw(size) for size in outputs],
        scaling=Scaling(spread * draw(observation), np.exp(draw(observation)), low, low + width),
        head=GAUSSIAN if kind == "gaussian" else TANH_GAUSSIAN,
        log_std=None if dependent else draw(action),
        activation=activation,
        norm_scales=[np.exp(0.3 * draw(size)) for size in hidden] if norm else (),
        norm_offsets=[0.3 * draw(size) for size in hidden] if norm else (),
    )


policies = st.builds(
    random_policy,
    kind=st.sampled_from(["gaussian", "tanh_gaussian"]),
    dependent=st.booleans(),
    norm=st.booleans(),
    activation=st.sampled_from(["relu", "tanh"]),
    sizes=st.sampled_from([(3, 8, 8, 2), (1, 1), (6, 33, 1), (4, 7, 6, 5, 3)]),
    spread=st.sampled_from([0.01, 1.0, 30.0]),
    seed=st.integers(0, 10_000),
)


def small(card: Card = CARD) -> Policy:
    policy = random_policy("gaussian", True, True, "relu", (3, 8, 2), 1.0, 0)
    return Policy(
        policy.weights,
        policy.biases,
        policy.scaling,
        norm_scales=policy.norm_scales,
        norm_offsets=policy.norm_offsets,
        card=card,
    )


def run(model: bytes, observations: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(["actions"], {"observations": observations.astype(np.float32)})[0]


@given(policies, st.integers(1, 9))
@settings(deadline=None, max_examples=80)
def test_graph_is_the_policy(policy: Policy, rows: int) -> None:
    model = build(policy)
    assert largest_difference(policy, model) < export.TOLERANCE
    far = 100 * np.random.default_rng(rows).standard_normal((rows, policy.scaling.observation_size))
    actions = run(model, far)
    half_range = (policy.scaling.action_high - policy.scaling.action_low) / 2
    assert (actions.shape, actions.dtype) == ((rows, policy.scaling.action_size), np.float32)
    np.testing.assert_allclose(actions / half_range, policy.act(far) / half_range, atol=2e-3)  # huge pre-activations
    assert (actions >= policy.scaling.action_low).all()
    assert (actions <= policy.scaling.action_high).all()


def test_paper_sizes() -> None:
    policy = random_policy("gaussian", False, False, "relu", (45, 256, 256, 256, 256, 24), 1.0, 3)
    assert largest_difference(policy, build(policy)) < 1e-5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bad_observation_is_nan_in_its_row_only(bad: float) -> None:
    observations = np.zeros((3, 3))
    observations[1, 2] = bad
    actions = run(build(small()), observations)
    assert np.isnan(actions[1]).all()
    np.testing.assert_allclose(actions[[0, 2]], small().act(np.zeros((2, 3))), atol=1e-5)


def test_an_overflow_is_nan() -> None:
    policy = Policy([np.full((1, 1), 3e38)], [np.zeros(1)], Scaling.identity(1, 1), log_std=np.zeros(1))
    assert np.isnan(run(build(policy), np.float32([[10.0]]))).all()


def test_old_runtimes_can_read_it() -> None:
    model = onnx.load_from_string(build(small()))
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)
    assert {node.domain for node in model.graph.node} == {""}
    assert {prop.key: prop.value for prop in model.metadata_props} == {"policy_fingerprint": small().fingerprint}


def test_contract(tmp_path: Path) -> None:
    policy = small()
    path = export_onnx(policy, tmp_path / "pen.onnx")
    contract = json.loads(path.read_text())
    assert path == tmp_path / "pen.json"
    assert contract["model"] == "pen.onnx"
    assert contract["model_sha256"] == hashlib.sha256((tmp_path / "pen.onnx").read_bytes()).hexdigest()
    assert contract["policy_fingerprint"] == policy.fingerprint
    session = onnxruntime.InferenceSession(tmp_path / "pen.onnx", providers=["CPUExecutionProvider"])
    for side, node in (("input", session.get_inputs()[0]), ("output", session.get_outputs()[0])):
        assert (contract[side]["name"], contract[side]["shape"]) == (node.name, node.shape)
        assert (contract[side]["dtype"], node.type) == ("float32", "tensor(float)")
    assert contract["input"]["units"] == ["rad", "m", "m/s"]
    assert contract["output"]["units"] == ["N", "N m"]
    np.testing.assert_array_equal(np.float32(contract["output"]["low"]), policy.scaling.action_low)
    np.testing.assert_array_equal(np.float32(contract["output"]["high"]), policy.scaling.action_high)
    assert contract["control_rate"] == 20.0
    assert contract["training"] == {"algorithm": "awac", "environment": "awac/PenBinary-v0", "step": 5000}
    assert contract["parity"]["largest_difference"] < 1e-5
    assert contract["parity"]["runtime"].startswith("onnxruntime ")


def test_what_is_not_known_is_null(tmp_path: Path) -> None:
    contract = json.loads(export_onnx(small(Card()), tmp_path / "pen.onnx").read_text())
    assert contract["input"]["units"] is contract["output"]["units"] is contract["control_rate"] is None


def test_without_onnxruntime_parity_is_null(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(export, "find_spec", lambda name: name == "onnx")
    assert json.loads(export_onnx(small(), tmp_path / "pen.onnx").read_text())["parity"] is None


def test_without_onnx(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"awac\[export\]"):
        export_onnx(small(), tmp_path / "pen.onnx")
    assert not list(tmp_path.iterdir())


def test_a_wrong_graph_is_not_written(tmp_path: Path, monkeypatch) -> None:
    wrong = build(random_policy("gaussian", False, False, "tanh", (3, 8, 2), 1.0, 5))
    monkeypatch.setattr(export, "build", lambda policy: wrong)
    with pytest.raises(RuntimeError, match="not written"):
        export_onnx(small(), tmp_path / "pen.onnx")
    assert not list(tmp_path.iterdir())


def test_output_must_be_onnx(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must end in \.onnx"):
        export_onnx(small(), tmp_path / "pen.json")


def test_the_folder_of_the_output_is_made(tmp_path: Path) -> None:
    assert export_onnx(small(), tmp_path / "new" / "robot" / "pen.onnx").parent == tmp_path / "new" / "robot"
    with pytest.raises(StorageError, match=r"pen\.onnx"):
        export_onnx(small(), tmp_path / "new" / "robot" / "pen.onnx" / "pen.onnx")


@pytest.mark.parametrize("place", ["", "policy"])
def test_command(tmp_path: Path, capsys, place: str) -> None:
    (tmp_path / "run").mkdir()
    small().save(tmp_path / "run" / place)
    output = tmp_path / "x.onnx"
    command(tyro.cli(ExportOptions, args=[str(tmp_path / "run"), "--output", str(output)]))
    assert output.exists()
    printed = capsys.readouterr().out
    assert "3 observations, 2 actions" in printed
    assert "agrees with onnxruntime" in printed


def test_no_policy(tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text('{"format": "awac-onnx"}')
    with pytest.raises(ConfigError, match=r"no policy here; looked for .*policy\.safetensors and .*policy/policy\.saf"):
        find_policy(tmp_path)


@pytest.mark.parametrize("content", [None, "not json", "[]", '{"mine": true}'])
def test_a_contract_replaces_nothing_but_a_contract(tmp_path: Path, content: str | None) -> None:
    small().save(tmp_path)
    if content is not None:
        (tmp_path / "policy.json").write_text(content)
    before = (tmp_path / "policy.json").read_bytes()
    with pytest.raises(ConfigError, match=r"contract would replace .*policy\.json, which is no contract"):
        export_onnx(small(), tmp_path / "policy.onnx")
    assert (tmp_path / "policy.json").read_bytes() == before
    assert not (tmp_path / "policy.onnx").exists()
    assert export_onnx(small(), tmp_path / "pen.onnx") == export_onnx(small(), tmp_path / "pen.onnx")
