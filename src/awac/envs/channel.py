"""Messages between two processes of one machine: JSON for structure, raw bytes for arrays, nothing that runs code.

A message is `[length of the text, length of the bytes]` as two unsigned 64-bit integers, the text, the bytes. The text
is JSON in which an array is `{"array": [dtype, shape, offset]}`.
"""

import json
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

HEAD = struct.Struct("!QQ")
LIMIT = 1 << 30  # bytes of one message; more is a broken peer, not an observation


class Channel:
    """One end of a connected socket; numbered messages go both ways."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, number: int, content: Any) -> None:
        """Sends a message.

        Args:
            number: of the question; the answer carries the same.
            content: None, numbers, strings, numeric arrays, and lists and dictionaries of these.

        Raises:
            TypeError: something else is in it.
            OSError: the other side is gone.
        """
        chunks: list[bytes] = []
        text = json.dumps([number, _outgoing(content, chunks)]).encode()
        payload = b"".join(chunks)
        self.connection.settimeout(None)
        self.connection.sendall(HEAD.pack(len(text), len(payload)) + text + payload)

    def receive(self, deadline: float | None = None) -> tuple[int, Any]:
        """Waits for a message, for as long as `deadline` seconds altogether.

        Raises:
            TimeoutError: it did not come whole in time.
            ConnectionError: the other side is gone, or sent what is no message.
        """
        end = None if deadline is None else time.monotonic() + deadline
        text_size, payload_size = HEAD.unpack(self._exactly(HEAD.size, end))
        if text_size + payload_size > LIMIT:
            raise ConnectionError(f"a message of {text_size + payload_size} bytes was announced; the limit is {LIMIT}")
        text, payload = self._exactly(text_size, end), self._exactly(payload_size, end)
        try:
            number, content = json.loads(text)
            return number, _incoming(content, payload)
        except (ValueError, TypeError, KeyError) as error:
            raise ConnectionError(f"what arrived is no message: {error}") from error

    def _exactly(self, size: int, end: float | None) -> bytes:
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError("no answer in time")
            self.connection.settimeout(left)
            received = self.connection.recv_into(view)
            if received == 0:
                raise ConnectionError("the other side closed the connection")
            view = view[received:]
        return bytes(buffer)


def _outgoing(value: Any, chunks: list[bytes]) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return _outgoing(cast("Any", value).item(), chunks)
    if isinstance(value, np.ndarray):
        return _outgoing_array(cast("NDArray[Any]", value), chunks)
    if isinstance(value, Mapping):
        return {"items": {str(key): _outgoing(item, chunks) for key, item in cast("Mapping[Any, Any]", value).items()}}
    if isinstance(value, (list, tuple)):
        return [_outgoing(item, chunks) for item in cast("list[Any]", value)]
    raise TypeError(f"a {type(value).__name__} cannot be sent")


def _outgoing_array(array: NDArray[Any], chunks: list[bytes]) -> Any:
    if array.dtype.kind not in "biuf":
        raise TypeError(f"an array of dtype {array.dtype} cannot be sent")
    offset = sum(len(chunk) for chunk in chunks)
    chunks.append(array.tobytes())
    return {"array": [array.dtype.str, list(array.shape), offset]}


def _incoming(value: Any, payload: bytes) -> Any:
    if isinstance(value, list):
        return [_incoming(item, payload) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    kind, content = next(iter(cast("dict[str, Any]", value).items()))
    if kind == "items":
        return {key: _incoming(item, payload) for key, item in content.items()}
    dtype, shape, offset = content
    count = int(np.prod(shape, dtype=np.int64))
    return np.frombuffer(payload, np.dtype(dtype), count, offset).reshape(shape).copy()
