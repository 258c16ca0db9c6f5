"""ONNX for robots that do not run Python: one graph from raw observations to ready actions, and a contract beside it.

The normalisation, the network, the tanh and the action bounds are all inside the graph, so that nothing is left to be
scaled twice or forgotten. The graph gives the mean action, the one that evaluation takes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from tyro.conf import Positional

from awac import storage
from awac.errors import ConfigError
from awac.runtime import Policy
from awac.saved_policy import acts_by_checkpoint, find_policy
from awac.scaling import Floats

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

FORMAT = "awac-onnx"
OPSET, IR_VERSION = 17, 8
"""LayerNormalization came with operator set 17; older runtimes on robots read it with IR version 8."""

INPUT, OUTPUT = "observations", "actions"
TOLERANCE = 1e-4
"""Largest difference allowed between graph and `Policy.act`, as a fraction of half of each action's range."""

PARITY_ROWS = 256


@dataclass(frozen=True)
class ExportOptions:
    """Options of `awac export`."""

    folder: Positional[Path]
    """Run folder (its newest checkpoint where it has no policy yet), or policy folder."""
    output: Path = Path("policy.onnx")
    """The ONNX file to write; the contract is written beside it, with the suffix `.json`."""
    step: int | Literal["best"] | None = None
    """Take a checkpoint of the run: that of the best evaluation, or the one saved at this step."""


def command(options: ExportOptions) -> None:
    """Writes the policy of a run as ONNX, with a JSON contract beside it."""
    if options.step is not None or acts_by_checkpoint(options.folder):
        from awac.restored import restored_policy  # JAX, for those who need it

        policy = restored_policy(options.folder, options.step)
    else:
        policy = Policy.load(find_policy(options.folder))
    contract = export_onnx(policy, options.output)
    parity = json.loads(contract.read_text())["parity"]
    checked = f"agrees with {parity['runtime']}" if parity else "not compared: onnxruntime is not installed"
    print(f"{options.output}  {policy.scaling.observation_size} observations, {policy.scaling.action_size} actions")
    print(f"{contract}  {policy.fingerprint[:12]}, {checked}")


def export_onnx(policy: Policy, path: Path | str) -> Path:
    """Writes the ONNX graph to `path` and its contract beside it, after comparing the two policies.

    Args:
        policy: What to export.
        path: The `.onnx` file; its folder is made where it does not exist.

    Returns:
        The path of the contract: `path` with the suffix `.json`.

    Raises:
        ConfigError: onnx is not installed, `path` does not end in `.onnx`, or the contract would replace another file.
        StorageError: A file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".onnx":
        raise ConfigError(f"output {path} must end in .onnx")
    _check_place(path.with_suffix(".json"))
    model = build(policy)
    parity = None
    if find_spec("onnxruntime"):
        difference = largest_difference(policy, model)
        if not difference <= TOLERANCE:
            raise RuntimeError(f"ONNX graph and policy differ by {difference:.2e} of the action range; not written")
        runtime = f"onnxruntime {version('onnxruntime')}"
        parity = {"runtime": runtime, "rows": PARITY_ROWS, "largest_difference": difference, "tolerance": TOLERANCE}
    document = contract(policy, path.name, model) | {"parity": parity}
    storage.make_parents(path)
    storage.write_file(path, model)
    storage.write_file(path.with_suffix(".json"), (json.dumps(document, indent=2) + "\n").encode())
    return path.with_suffix(".json")


def _check_place(place: Path) -> None:
    """Refuses to write a contract over anything but a contract: `policy.json` may be half of a policy."""
    try:
        found: Any = json.loads(place.read_bytes()) if place.exists() else {"format": FORMAT}
    except (OSError, ValueError):
        found = None
    if not (isinstance(found, dict) and cast("dict[str, Any]", found).get("format") == FORMAT):
        raise ConfigError(f"output: the contract would replace {place}, which is no contract; choose another name")


def contract(policy: Policy, name: str, model: bytes) -> dict[str, object]:
    """What the integrator must know of the graph; written as JSON."""
    scaling, card = policy.scaling, policy.card
    return {
        "format": FORMAT,
        "version": 1,
        "awac_version": version("awac"),
        "model": name,
        "model_sha256": hashlib.sha256(model).hexdigest(),
        "policy_fingerprint": policy.fingerprint,
        "opset": OPSET,
        "input": {
            "name": INPUT,
            "shape": ["batch", scaling.observation_size],
            "dtype": "float32",
            "units": list(card.observation_units) or None,
            "meaning": "raw observations in the environment's units; the graph normalises them",
        },
        "output": {
            "name": OUTPUT,
            "shape": ["batch", scaling.action_size],
            "dtype": "float32",
            "units": list(card.action_units) or None,
            "low": scaling.action_low.tolist(),
            "high": scaling.action_high.tolist(),
            "meaning": "mean actions in the environment's units, within low and high; scale nothing afterwards",
            "non_finite": "a row is NaN where its observation is not finite or the network overflows; do not send it",
        },
        "control_rate": card.control_rate,
        "training": {"algorithm": card.algorithm, "environment": card.environment, "step": card.step},
    }


def largest_difference(policy: Policy, model: bytes) -> float:
    """Runs the graph in onnxruntime beside the policy, on observations spread as the scaling says.

    Returns:
        The largest difference of any action, as a fraction of half of its range.
    """
    onnxruntime: Any = import_module("onnxruntime")  # it has no types
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((PARITY_ROWS, policy.scaling.observation_size), np.float32)
    observations = policy.scaling.observation_mean + policy.scaling.observation_std * noise
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    actions = session.run([OUTPUT], {INPUT: observations})[0]
    half_range = 0.5 * (policy.scaling.action_high - policy.scaling.action_low)
    return float(np.abs((actions - policy.act(observations)) / half_range).max())


def build(policy: Policy) -> bytes:
    """The ONNX model, serialised.

    Raises:
        ConfigError: onnx is not installed.
    """
    if not find_spec("onnx"):
        raise ConfigError("onnx is not installed; install awac with its extra `export`: awac[export]")
    import onnx
    from onnx import helper

    graph = _Graph()
    output = _network(graph, policy)
    units = graph.add("Tanh", output)
    _guarded(graph, output, _scaled(graph, policy, units))
    sizes = {INPUT: policy.scaling.observation_size, OUTPUT: policy.scaling.action_size}
    ends = {n: helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["batch", size]) for n, size in sizes.items()}
    model = helper.make_model(
        helper.make_graph(graph.nodes, "policy", [ends[INPUT]], [ends[OUTPUT]], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="awac",
        producer_version=version("awac"),
    )
    helper.set_model_props(model, {"policy_fingerprint": policy.fingerprint})
    checker: Any = onnx.checker  # its types are partial
    checker.check_model(model, full_check=True)
    return model.SerializeToString()


@dataclass
class _Graph:
    """Nodes and constants in the making; every node has one output, named after its place."""

    nodes: list[NodeProto] = field(default_factory=list["NodeProto"])
    constants: list[TensorProto] = field(default_factory=list["TensorProto"])

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Adds a node and returns the name of its output."""
        from onnx import helper

        name = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=f"{name}_node", **attributes))
        return name

    def constant(self, name: str, array: Floats) -> str:
        """Adds a constant and returns its name."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


def _network(graph: _Graph, policy: Policy) -> str:
    """Normalisation and layers, up to the mean before the tanh."""
    scaling = policy.scaling
    centred = graph.add("Sub", INPUT, graph.constant("observation_mean", scaling.observation_mean))
    hidden = graph.add("Div", centred, graph.constant("observation_std", scaling.observation_std))
    last = len(policy.weights) - 1
    for i, (weight, bias) in enumerate(zip(policy.weights, policy.biases, strict=True)):
        if i == last:  # the raw log-stds, where they follow the means, are not needed
            weight, bias = weight[:, : scaling.action_size], bias[: scaling.action_size]
        hidden = graph.add("Gemm", hidden, graph.constant(f"weight_{i}", weight), graph.constant(f"bias_{i}", bias))
        if i < last and policy.norm_scales:
            scale = graph.constant(f"norm_scale_{i}", policy.norm_scales[i])
            offset = graph.constant(f"norm_offset_{i}", policy.norm_offsets[i])
            hidden = graph.add("LayerNormalization", hidden, scale, offset, axis=-1, epsilon=policy.norm_epsilon)
        if i < last:
            hidden = graph.add("Relu" if policy.activation == "relu" else "Tanh", hidden)
    return hidden


def _scaled(graph: _Graph, policy: Policy, units: str) -> str:
    """From [-1, 1] to the environment's units, within the bounds to the last bit."""
    low, high = policy.scaling.action_low, policy.scaling.action_high
    shifted = graph.add("Add", units, graph.constant("one", np.ones(1, np.float32)))
    ranged = graph.add("Mul", shifted, graph.constant("half_range", np.float32(0.5) * (high - low)))
    actions = graph.add("Add", ranged, graph.constant("action_low", low))
    above = graph.add("Max", actions, "action_low")
    return graph.add("Min", above, graph.constant("action_high", high))


def _guarded(graph: _Graph, output: str, actions: str) -> None:
    """The graph's output: NaN in place of every action of a row whose observation, or network output, is not finite.

    `Policy.act` raises there; a graph cannot, and without this some runtimes turn NaN into a plausible action.
    """
    values = graph.add("Concat", INPUT, output, axis=1)
    bad = graph.add("Or", graph.add("IsNaN", values), graph.add("IsInf", values))
    counted = graph.add("ReduceMax", graph.add("Cast", bad, to=1), axes=[1], keepdims=1)  # 1 is float32
    row_is_bad = graph.add("Greater", counted, graph.constant("half", np.full(1, 0.5, np.float32)))
    refused = graph.constant("refused", np.full(1, np.nan, np.float32))
    graph.add("Where", row_is_bad, refused, actions, name=OUTPUT)
