"""The channel: what goes in comes out, in time or not at all, and what is no message is refused."""

import math
import socket
import threading
import time

import numpy as np
import pytest

from awac.envs.channel import HEAD, Channel
from awac.envs.worker import sendable


@pytest.fixture
def ends():
    first, second = socket.socketpair()
    with first, second:
        yield Channel(first), Channel(second)


@pytest.mark.parametrize(
    "content",
    [
        None,
        True,
        -3,
        0.1,
        "text with \N{SNOWMAN}",
        [1, [2.5, "x"], {}],
        {"nested": {"items": [1], "array": 2}},
        {"a": np.arange(6, dtype=np.float64).reshape(2, 3), "b": np.zeros((0, 4), np.float32), "c": np.array(3)},
        [np.array([True, False]), np.array([1, 2], np.int8), np.float32([math.nan, math.inf])],
    ],
)
def test_what_goes_in_comes_out(ends, content):
    ends[0].send(7, content)
    number, received = ends[1].receive(1.0)
    assert number == 7
    np.testing.assert_equal(received, content)

    def dtypes(value):
        if isinstance(value, np.ndarray):
            return value.dtype.str
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
        return [dtypes(item) for item in items]

    assert dtypes(received) == dtypes(content)


def test_numpy_scalars_and_tuples_become_plain(ends):
    ends[0].send(0, (np.float64(0.25), np.bool_(True), np.int32(3), float("nan")))
    _, received = ends[1].receive(1.0)
    assert received[:3] == [0.25, True, 3]
    assert math.isnan(received[3])
    assert [type(value) for value in received] == [float, bool, int, float]


def test_arrays_received_can_be_written_to(ends):
    ends[0].send(0, np.zeros(3))
    _, received = ends[1].receive(1.0)
    received[0] = 1.0


@pytest.mark.parametrize("content", [object(), [{1, 2}], {"x": np.array([object()])}, b"bytes"])
def test_what_cannot_be_sent_says_so(ends, content):
    with pytest.raises(TypeError, match="cannot be sent"):
        ends[0].send(0, content)


def test_only_what_can_be_sent_is_kept_of_an_info():
    info = {"success": True, "x": np.float64(1.0), "contacts": np.zeros(2), "name": "a", "model": object(), "l": [1]}
    assert set(sendable(info)) == {"success", "x", "contacts", "name"}


def test_a_deadline_is_for_the_whole_message(ends):
    """Bytes that drip in, each in time, do not keep it waiting."""
    stop = threading.Event()

    def drip():
        while not stop.wait(0.05):
            ends[0].connection.send(b"\0")

    thread = threading.Thread(target=drip)
    thread.start()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        ends[1].receive(0.3)
    assert 0.25 < time.monotonic() - began < 0.6
    stop.set()
    thread.join()


def test_silence_and_a_closed_end(ends):
    with pytest.raises(TimeoutError):
        ends[1].receive(0.05)
    ends[0].connection.close()
    with pytest.raises(ConnectionError, match="closed the connection"):
        ends[1].receive(1.0)


@pytest.mark.parametrize(
    ("head", "body", "message"),
    [
        ((10**12, 0), b"", "a message of 1000000000000 bytes was announced"),
        ((4, 0), b"nope", "is no message"),
        ((2, 0), b"{}", "is no message"),
        ((33, 0), b'[1, {"array": ["<f8", [1000], 0]}]'[:33], "is no message"),
        ((32, 0), b'[1, {"array": ["|O8", [1], 0]}]'.ljust(32), "is no message"),
    ],
)
def test_what_is_no_message_is_refused(ends, head, body, message):
    ends[0].connection.sendall(HEAD.pack(*head) + body)
    with pytest.raises(ConnectionError, match=message):
        ends[1].receive(1.0)
