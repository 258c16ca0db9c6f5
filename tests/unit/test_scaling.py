import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from awac.errors import ConfigError
from awac.scaling import STD_FLOOR, Scaling

LOW, HIGH = [-2.0, 0.0, -0.5], [2.0, 1.0, 3.5]


def test_normalize_is_mean_and_std() -> None:
    scaling = Scaling([1.0, 2.0], [2.0, 4.0], [-1.0], [1.0])
    np.testing.assert_array_equal(scaling.normalize(np.float32([[3.0, 2.0], [1.0, -2.0]])), [[1, 0], [0, -1]])
    assert (scaling.observation_size, scaling.action_size) == (2, 1)


def test_identity_changes_nothing() -> None:
    scaling = Scaling.identity(3, 2)
    numbers = np.linspace(-1, 1, 6, dtype=np.float32)
    np.testing.assert_array_equal(scaling.normalize(numbers.reshape(2, 3)), numbers.reshape(2, 3))
    np.testing.assert_allclose(scaling.to_unit(numbers.reshape(3, 2)), numbers.reshape(3, 2), atol=1e-7)
    np.testing.assert_allclose(scaling.from_unit(numbers.reshape(3, 2)), numbers.reshape(3, 2), atol=1e-7)


def test_bounds_are_minus_one_and_one() -> None:
    scaling = Scaling([0.0], [1.0], LOW, HIGH)
    np.testing.assert_allclose(scaling.to_unit(np.float32([LOW, HIGH])), [[-1] * 3, [1] * 3], atol=1e-6)
    np.testing.assert_allclose(scaling.from_unit(np.float32([[-1] * 3, [1] * 3])), [LOW, HIGH], atol=1e-6)


@given(arrays(np.float32, (5, 3), elements=st.floats(-1, 1, width=32)))
@settings(deadline=None, max_examples=50)
def test_units_round_trip(actions: np.ndarray) -> None:
    scaling = Scaling([0.0], [1.0], LOW, HIGH)
    np.testing.assert_allclose(scaling.to_unit(scaling.from_unit(actions)), actions, atol=1e-6)


def test_stays_float32() -> None:
    scaling = Scaling(np.zeros(2), np.ones(2), [-1, -1], [1, 1])
    for field in ("observation_mean", "observation_std", "action_low", "action_high"):
        assert getattr(scaling, field).dtype == np.float32
    assert scaling.normalize(np.zeros(2, np.float32)).dtype == np.float32
    assert scaling.from_unit(np.zeros(2, np.float32)).dtype == np.float32
    assert scaling.to_unit(np.zeros(2, np.float32)).dtype == np.float32


def test_fields_are_private_copies() -> None:
    mean = np.zeros(1, np.float32)
    scaling = Scaling(mean, [1.0], [-1.0], [1.0])
    mean[0] = 9
    assert scaling.observation_mean[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        scaling.observation_mean[0] = 1


def test_of_data_centres_a_constant_column_and_leaves_its_scale() -> None:
    table = np.stack([np.array([0.0, 2.0]), np.array([7.0, 7.0]), np.array([5.0, 5.0 + STD_FLOOR])], axis=1)
    scaling = Scaling.of_data(table, [-1.0], [1.0])
    np.testing.assert_allclose(scaling.observation_mean, [1, 7, 5 + STD_FLOOR / 2])
    np.testing.assert_array_equal(scaling.observation_std, [1, 1, 1])
    np.testing.assert_array_equal(scaling.normalize(np.float32([1, 8, 5 + STD_FLOOR / 2]))[:2], [0, 1])


def test_of_data_is_exact_far_from_zero() -> None:
    column = np.float32(1e4) + np.float32([[-1.0], [1.0]])
    assert Scaling.of_data(column, [-1], [1]).observation_std[0] == 1


def test_of_space_takes_the_bounds() -> None:
    scaling = Scaling.of_space(4, Box(np.float32(LOW), np.float32(HIGH)))
    np.testing.assert_array_equal(scaling.action_low, np.float32(LOW))
    np.testing.assert_array_equal(scaling.action_high, np.float32(HIGH))
    assert scaling.observation_size == 4


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (Box(np.float32([-1, -1]), np.float32([1, np.inf])), "no bound in dimension 1"),
        (Discrete(3), "bounded one-dimensional Box"),
        (Box(-1, 1, (2, 2)), r"shape \(2, 2\)"),
    ],
)
def test_of_space_refuses(space: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Scaling.of_space(3, space)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (([0.0, 0.0], [1.0], [-1.0], [1.0]), "observation_mean has 2 entries, observation_std has 1"),
        (([0.0], [1.0], [-1.0], [1.0, 1.0]), "action_low has 1 entries, action_high has 2"),
        (([0.0], [0.0], [-1.0], [1.0]), r"observation_std\[0\] is 0.0; it must be positive"),
        (([0.0], [1.0], [1.0], [1.0]), r"action_low\[0\] is 1.0; it must be below action_high"),
        (([np.nan], [1.0], [-1.0], [1.0]), r"observation_mean\[0\] is nan; it must be finite"),
        (([1e300], [1.0], [-1.0], [1.0]), r"observation_mean\[0\] is inf; it must be finite"),
        (([[0.0]], [1.0], [-1.0], [1.0]), r"observation_mean has shape \(1, 1\); a vector is needed"),
    ],
)
def test_refuses(fields: tuple, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Scaling(*fields)


@pytest.mark.parametrize("table", [np.zeros(3), np.zeros((0, 3))])
def test_of_data_refuses(table: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="n >= 1 is needed"):
        Scaling.of_data(table, [-1], [1])
