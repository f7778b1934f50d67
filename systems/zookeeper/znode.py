"""A znode, and names of znodes."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, json

from systems.zookeeper.command import Check, Close, Create, Delete, Multi, SetData, Stat

LARGEST = 1_000_000  # bytes of one znode's data


class Znode(Struct, frozen=True, gc=False):
    """One znode, replaced whenever it changes, so that an image of the tree can share it.

    `mark` is its part of the tree's digest. Which children it has is kept in the tree.
    """

    data: Any
    czxid: int
    mzxid: int
    pzxid: int
    version: int
    cversion: int
    owner: str | None
    length: int
    ctime: int
    mtime: int
    mark: int = 0

    def stat(self, children: int) -> Stat:
        """Its numbers, as clients see them."""
        return Stat(
            self.czxid,
            self.mzxid,
            self.pzxid,
            self.version,
            self.cversion,
            0,
            self.owner,
            self.length,
            children,
            self.ctime,
            self.mtime,
        )


def length_of(data: Any) -> int:
    """Bytes of a znode's data: a text's UTF-8, any other value's JSON, none for None.

    >>> length_of("abc"), length_of(None), length_of([1, 2])
    (3, 0, 5)
    """
    if data is None:
        return 0
    return len(data.encode() if isinstance(data, str) else json.encode(data))


def bytes_of(op: Create | SetData | Delete | Check | Multi | Close) -> int:
    """Bytes of a write's paths and data, all together.

    >>> bytes_of(Create("/a", "xyz")), bytes_of(Multi((Create("/a", "xyz"), Create("/b"))))
    (5, 7)
    """
    if isinstance(op, Multi):
        return sum(bytes_of(part) for part in op.ops)
    if isinstance(op, Close):
        return 0
    return length_of(op.path) + (length_of(op.data) if isinstance(op, (Create, SetData)) else 0)


def is_path(path: Any) -> bool:
    """Whether this names a znode: "/", or "/" and names between single slashes."""
    return isinstance(path, str) and (
        path == "/" or (path.startswith("/") and all(path[1:].split("/")))
    )


def split(path: str) -> tuple[str, str]:
    """The parent's path, and the name under it.

    >>> split("/a/b"), split("/a")
    (('/a', 'b'), ('/', 'a'))
    """
    parent, _, name = path.rpartition("/")
    return parent or "/", name
