"""The wire: messages as length-prefixed frames, each with its sender's or addressee's name.

A frame is a 4-byte big-endian length of what follows, one byte with the length of a name, the name,
and the message in msgpack. Towards a node the name is the sender's; from a node to a client it is
the client's, since all clients share one connection.
"""

from __future__ import annotations

from typing import Any

import msgspec

from harness.core import Message, NodeId
from harness.error import WorldError

MAX_FRAME = 64 << 20  # bytes; a longer one is a stream that has lost its place
MAX_BUFFER = 8 << 20  # bytes waiting for one connection; what comes on top is dropped and counted


def whole(data: bytes) -> tuple[int, int]:
    """Where the last whole frame in `data` ends, and how many whole frames there are."""
    end = count = 0
    size = len(data)
    while end + 4 <= size:
        length = int.from_bytes(data[end : end + 4], "big")
        if length > MAX_FRAME:
            raise WorldError(f"a frame of {length} bytes: the stream has lost its place")
        if end + 4 + length > size:
            break
        end += 4 + length
        count += 1
    return end, count


def split(data: bytes) -> list[bytes]:
    """The frames of `data`, which ends at a frame's end; each with its length in front."""
    frames, start, size = [], 0, len(data)
    while start < size:
        end = start + 4 + int.from_bytes(data[start : start + 4], "big")
        frames.append(data[start:end])
        start = end
    return frames


class Codec:
    """Frames of one system's messages: `encode` makes one, `feed` takes what a socket gave."""

    def __init__(self, message: Any) -> None:
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(message).decode
        self._heads: dict[str, bytes] = {}
        self._names: dict[bytes, str] = {}

    def encode(self, name: NodeId, message: Message) -> bytes:
        """One frame."""
        head = self._heads.get(name)
        if head is None:
            encoded = name.encode()
            head = self._heads[name] = bytes([len(encoded)]) + encoded
        body = self._encode(message)
        return b"".join(((len(head) + len(body)).to_bytes(4, "big"), head, body))

    def decode(self, data: bytes) -> tuple[list[tuple[NodeId, Message]], bytes]:
        """The (name, message) of every whole frame in `data`, and the rest."""
        found, start, size = [], 0, len(data)
        while start + 4 <= size:
            end = start + 4 + int.from_bytes(data[start : start + 4], "big")
            if end > size:
                break
            body = start + 5 + data[start + 4]
            name = self._name(data[start + 5 : body])
            found.append((name, self._decode(data[body:end])))
            start = end
        return found, data[start:] if start else data

    def _name(self, raw: bytes) -> str:
        name = self._names.get(raw)
        if name is None:
            name = self._names[raw] = raw.decode()
        return name
