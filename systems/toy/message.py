"""What the nodes and clients of the toy say to one another, and what a node writes down."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Request(Struct, frozen=True, gc=False, tag=True):
    """A client's operation. `client` and `id` name it for good: the same id is the same request."""

    client: str
    id: int
    f: str
    key: Any = None
    value: Any = None


class Reply(Struct, frozen=True, gc=False, tag=True):
    """An answer: `error` is "" where the operation took effect; `version` is the key's."""

    id: int
    error: str = ""
    value: Any = None
    version: int = 0


class Write(Struct, frozen=True, gc=False, tag=True):
    """The primary's update of one key: to the backups, and to the write-ahead file.

    `seq` numbers the primary's writes; it is the key's version too.
    """

    seq: int
    key: Any
    value: Any
    client: str
    id: int


class Written(Struct, frozen=True, gc=False, tag=True):
    """A backup has Write `seq` on disk."""

    seq: int


class State(Struct, frozen=True, gc=False, tag=True):
    """All a primary has (the last write of every key), for a backup that it had lost sight of."""

    seq: int
    writes: tuple[Write, ...]


class Adopted(Struct, frozen=True, gc=False, tag=True):
    """A backup has thrown away what it had and taken State `seq` instead."""

    seq: int


class Beat(Struct, frozen=True, gc=False, tag=True):
    """I am here."""


Message = Request | Reply | Write | Written | State | Adopted | Beat
Record = Write | State
