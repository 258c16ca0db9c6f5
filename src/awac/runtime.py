"""A trained policy without the training framework: NumPy and safetensors are all that the robot's computer needs.

A `Policy` is the actor's network together with its observation normalisation and its action bounds, so that it takes
observations and gives actions in the environment's units. It lives in a folder of two files: `policy.safetensors` (the
arrays) and `policy.json` (how to use them, in what units, where they come from), bound together by a fingerprint.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from dataclasses import fields as dataclass_fields
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike

from awac import policy_file
from awac.errors import CheckpointError, ConfigError, DivergedError, EnvironmentFault
from awac.policy_file import Card, read_card
from awac.policy_head import GAUSSIAN, TANH_GAUSSIAN, Head, read_head
from awac.scaling import Floats, Scaling

__all__ = ["GAUSSIAN", "TANH_GAUSSIAN", "Card", "Head", "Policy"]

Activation: TypeAlias = Literal["relu", "tanh"]

_LISTS = ("weights", "biases", "norm_scales", "norm_offsets")


@dataclass(frozen=True, eq=False)
class Policy:
    """A multilayer perceptron with a Gaussian head, between two scalings. Arrays are kept as read-only float32.

    Attributes:
        weights: One (in, out) matrix per linear layer; the last gives A numbers, or 2A with the raw log-stds second.
        biases: One (out,) vector per linear layer.
        scaling: Observation normalisation, and action bounds in the environment's units.
        head: `GAUSSIAN` or `TANH_GAUSSIAN`, or one of those with other bounds.
        log_std: Raw log-std of each action dimension (A,) if it does not depend on the observation; None if it does.
        activation: Of the hidden layers.
        norm_scales: LayerNorm's scale (out,) after each hidden linear layer, before its activation; empty for none.
        norm_offsets: LayerNorm's offset, likewise.
        norm_epsilon: LayerNorm's epsilon.
        card: What is known about the policy; not part of the fingerprint.

    Raises:
        ConfigError: Sizes do not fit together, or a choice is unknown.
        DivergedError: A weight is not finite.
    """

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    scaling: Scaling
    head: Head = GAUSSIAN
    log_std: Floats | None = None
    activation: Activation = "relu"
    norm_scales: tuple[Floats, ...] = ()
    norm_offsets: tuple[Floats, ...] = ()
    norm_epsilon: float = 1e-5
    card: Card = field(default_factory=Card)

    def __post_init__(self) -> None:
        for name in _LISTS:
            arrays = tuple(_frozen(f"{name}[{i}]", array) for i, array in enumerate(getattr(self, name)))
            object.__setattr__(self, name, arrays)
        if self.log_std is not None:
            object.__setattr__(self, "log_std", _frozen("log_std", self.log_std))
        _check_sizes(self)

    def act(
        self, observations: ArrayLike, deterministic: bool = True, generator: np.random.Generator | None = None
    ) -> Floats:
        """The action to take.

        Args:
            observations: (O,) or (n, O), in the environment's units.
            deterministic: The mean action if true, else a sample.
            generator: Where the noise of a sample comes from; only needed for samples.

        Returns:
            float32 (A,) or (n, A), in the environment's units and within the action bounds.

        Raises:
            EnvironmentFault: An observation is not finite.
            DivergedError: The network's output is not finite. No action is returned then.
            ConfigError: Observations have the wrong size, or a sample is asked for without a generator.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # both end in non-finite numbers, which are refused by name
            means, raw_log_stds = self._outputs(observations)
            if self.head.kind == "gaussian":
                means = np.tanh(means)
            values = means
            if not deterministic:
                if generator is None:
                    raise ConfigError("a stochastic action needs a generator: pass numpy.random.default_rng(seed)")
                stds = np.exp(self.head.log_std(raw_log_stds))
                values = means + stds * generator.standard_normal(means.shape, np.float32)
            units = np.tanh(values) if self.head.kind == "tanh_gaussian" else values
        scaling = self.scaling
        # The bounds hold to the last bit, whatever the rounding of the scaling (and for the unsquashed samples).
        return np.minimum(np.maximum(scaling.from_unit(units), scaling.action_low), scaling.action_high)

    def distribution(self, observations: ArrayLike) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the Gaussian, in learner's units, before any clip; errors as in `act`.

        Returns:
            Two float32 arrays shaped like the actions. For `tanh_gaussian` they are those before the tanh.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            means, raw_log_stds = self._outputs(observations)
            means = np.tanh(means) if self.head.kind == "gaussian" else means
            return means, np.broadcast_to(np.exp(self.head.log_std(raw_log_stds)), means.shape)

    def _outputs(self, observations: ArrayLike) -> tuple[Floats, Floats]:
        """The last layer's (mean, raw log-std), both finite."""
        table = np.asarray(observations, np.float32)
        if table.ndim not in (1, 2) or table.shape[-1] != self.scaling.observation_size:
            size = self.scaling.observation_size
            raise ConfigError(f"observations have shape {table.shape}; ({size},) or (n, {size}) is needed")
        if not np.isfinite(table).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(table))[0])
            raise EnvironmentFault(f"observation {list(place)} is {table[place]}; the policy does not act on it")
        output = self._network(self.scaling.normalize(table))
        if not np.isfinite(output).all():
            raise DivergedError("the policy's output is not finite; no action is given")
        if self.log_std is not None:
            return output, self.log_std
        size = self.scaling.action_size
        return output[..., :size], output[..., size:]

    def _network(self, hidden: Floats) -> Floats:
        for i, (weight, bias) in enumerate(zip(self.weights[:-1], self.biases[:-1], strict=True)):
            hidden = hidden @ weight
            hidden += bias
            if self.norm_scales:
                hidden = _layer_norm(hidden, self.norm_scales[i], self.norm_offsets[i], self.norm_epsilon)
            if self.activation == "relu":
                np.maximum(hidden, 0, out=hidden)
            else:
                np.tanh(hidden, out=hidden)
        return hidden @ self.weights[-1] + self.biases[-1]

    def arrays(self) -> dict[str, Floats]:
        """Every array by its name in `policy.safetensors`."""
        named: dict[str, Floats] = {}
        for name in _LISTS:
            named |= {f"{name}.{i}": array for i, array in enumerate(getattr(self, name))}
        named |= {f"scaling.{name}": array for name, array in vars(self.scaling).items()}
        return named if self.log_std is None else named | {"log_std": self.log_std}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) of all that decides the actions: arrays, head, activation, epsilon; not the card."""
        choices = [asdict(self.head), self.activation, self.norm_epsilon]
        digest = hashlib.sha256(json.dumps(choices, sort_keys=True).encode())
        for name, array in sorted(self.arrays().items()):
            digest.update(f"{name} {array.shape}".encode())
            digest.update(array.astype("<f4").tobytes())
        return digest.hexdigest()

    def document(self) -> dict[str, object]:
        """What `policy.json` says of the policy, without the card."""
        return {
            "fingerprint": self.fingerprint,
            "observation_size": self.scaling.observation_size,
            "action_size": self.scaling.action_size,
            "hidden_sizes": [len(bias) for bias in self.biases[:-1]],
            "action_low": self.scaling.action_low.tolist(),
            "action_high": self.scaling.action_high.tolist(),
            "head": asdict(self.head),
            "activation": self.activation,
            "layer_norm": bool(self.norm_scales),
            "norm_epsilon": self.norm_epsilon,
        }

    def save(self, folder: Path | str) -> Path:
        """Writes `policy.safetensors` and `policy.json` into `folder`, made if missing; returns the folder.

        Raises:
            StorageError: The folder cannot be written.
        """
        card = asdict(self.card) | {"awac_version": version("awac")}
        return policy_file.write(Path(folder), self.arrays(), self.document() | {"card": card})

    @classmethod
    def load(cls, folder: Path | str) -> Policy:
        """Reads what `save` wrote.

        Raises:
            CheckpointError: A file is missing, malformed or of a newer format, or the two do not belong together.
        """
        arrays, fields = policy_file.read(Path(folder))
        place = Path(folder) / policy_file.ARRAYS
        try:
            policy = cls(
                weights=_numbered(arrays, "weights"),
                biases=_numbered(arrays, "biases"),
                scaling=_read_scaling(arrays, place),
                head=read_head(fields.section("head")),
                log_std=arrays.pop("log_std", None),
                activation=cast("Activation", fields.get("activation", str)),
                norm_scales=_numbered(arrays, "norm_scales"),
                norm_offsets=_numbered(arrays, "norm_offsets"),
                norm_epsilon=fields.get("norm_epsilon", float),
                card=read_card(fields.section("card")),
            )
        except (ConfigError, DivergedError) as error:
            raise CheckpointError(f"{folder}: {error}") from error
        if arrays:
            raise CheckpointError(f"{place}: array {min(arrays)} is not known")
        fields.expect(policy.document())
        return policy


def _layer_norm(hidden: Floats, scale: Floats, offset: Floats, epsilon: float) -> Floats:
    centred = hidden - hidden.mean(axis=-1, keepdims=True)
    variance = np.square(centred).mean(axis=-1, keepdims=True)
    return centred / np.sqrt(variance + np.float32(epsilon)) * scale + offset


def _frozen(name: str, values: ArrayLike) -> Floats:
    with np.errstate(over="ignore"):
        array = np.array(values, np.float32, order="C")
    if not np.isfinite(array).all():
        raise DivergedError(f"policy {name} is not finite")
    array.flags.writeable = False
    return array


def _check_sizes(policy: Policy) -> None:
    """Every array against its neighbours, so that nothing is broadcast by accident."""
    if policy.activation not in ("relu", "tanh"):
        raise ConfigError(f"activation {policy.activation!r} is unknown; relu and tanh are allowed")
    if not 0 < policy.norm_epsilon < np.inf:
        raise ConfigError(f"norm_epsilon is {policy.norm_epsilon}; it must be positive")
    _check_card(policy)
    layers, normalized = len(policy.weights), len(policy.norm_scales)
    if not layers or len(policy.biases) != layers:
        raise ConfigError(f"{layers} weights and {len(policy.biases)} biases; one of each per layer is needed")
    if normalized not in (0, layers - 1) or len(policy.norm_offsets) != normalized:
        raise ConfigError(
            f"{normalized} norm_scales, {len(policy.norm_offsets)} norm_offsets; none, or {layers - 1} of each needed"
        )
    actions = policy.scaling.action_size
    outputs = [weight.shape[-1] if weight.ndim else 0 for weight in policy.weights]
    outputs[-1] = 2 * actions if policy.log_std is None else actions
    inputs = [policy.scaling.observation_size, *outputs[:-1]]
    expected = {f"weights[{i}]": shape for i, shape in enumerate(zip(inputs, outputs, strict=True))}
    expected |= {f"biases[{i}]": (size,) for i, size in enumerate(outputs)}
    expected |= {f"{n}[{i}]": (outputs[i],) for n in ("norm_scales", "norm_offsets") for i in range(normalized)}
    found = {f"{n}[{i}]": a.shape for n in _LISTS for i, a in enumerate(getattr(policy, n))}
    if policy.log_std is not None:
        expected["log_std"], found["log_std"] = (actions,), policy.log_std.shape
    for name, shape in expected.items():
        if found[name] != shape:
            raise ConfigError(f"policy {name} has shape {found[name]}; {shape} is needed")


def _check_card(policy: Policy) -> None:
    for name in ("observation_units", "action_units"):
        units: object = getattr(policy.card, name)
        entries = cast("tuple[object, ...]", units) if isinstance(units, tuple | list) else (None,)
        if not all(isinstance(unit, str) for unit in entries):
            raise ConfigError(f"card.{name} is {units!r}; it must be a tuple of texts, one for each column or none")
    rate = policy.card.control_rate
    if rate is not None and not 0 < rate < np.inf:
        raise ConfigError(f"card.control_rate is {rate}; it must be positive, or None where it is not known")
    for name, size in {
        "observation_units": policy.scaling.observation_size,
        "action_units": policy.scaling.action_size,
    }.items():
        if len(getattr(policy.card, name)) not in (0, size):
            raise ConfigError(f"card.{name} has {len(getattr(policy.card, name))} entries, the policy has {size}")


def _numbered(arrays: dict[str, Floats], name: str) -> tuple[Floats, ...]:
    """Takes `name.0`, `name.1` and so on out of `arrays`; a gap in the numbers leaves the rest there, to be refused."""
    found: list[Floats] = []
    while f"{name}.{len(found)}" in arrays:
        found.append(arrays.pop(f"{name}.{len(found)}"))
    return tuple(found)


def _read_scaling(arrays: dict[str, Floats], place: Path) -> Scaling:
    names = {field.name: f"scaling.{field.name}" for field in dataclass_fields(Scaling)}
    missing = [stored for stored in names.values() if stored not in arrays]
    if missing:
        raise CheckpointError(f"{place}: array {missing[0]} is missing")
    return Scaling(**{name: arrays.pop(stored) for name, stored in names.items()})
