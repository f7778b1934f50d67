"""What the log of the ZooKeeper-like service is made of, what its tree is asked, and answers."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

ANY_VERSION = -1  # setData and delete with this version do not compare


class Create(Struct, frozen=True, tag=True, gc=False):
    """A new znode; `flags` holds "e" for an ephemeral one, "s" for a sequential one."""

    path: str
    data: Any = None
    flags: str = ""


class SetData(Struct, frozen=True, tag=True, gc=False):
    """A znode's data is now this, if its version is `version`."""

    path: str
    data: Any
    version: int = ANY_VERSION


class Delete(Struct, frozen=True, tag=True, gc=False):
    """A znode without children goes, if its version is `version`."""

    path: str
    version: int = ANY_VERSION


class Check(Struct, frozen=True, tag=True, gc=False):
    """Within a Multi: a znode is there, and its version is `version`."""

    path: str
    version: int = ANY_VERSION


class Multi(Struct, frozen=True, tag=True, gc=False):
    """All of these at one zxid, or none."""

    ops: tuple[Create | SetData | Delete | Check, ...]


class Close(Struct, frozen=True, tag=True, gc=False):
    """The session ends, by its client's wish."""


Write = Create | SetData | Delete | Multi | Close


class Txn(Struct, frozen=True, tag=True, gc=False):
    """A write of a session (the entry's client) under its request number (the entry's seq).

    `attach` numbers the session's servers: one that the session has left is refused. `prev` is the
    request number of the session's write before, so that none is done whose predecessor was lost.
    """

    attach: int
    prev: int
    op: Create | SetData | Delete | Multi | Close


class OpenSession(Struct, frozen=True, tag=True, gc=False):
    """A new session, named after this entry's zxid, at `server`."""

    timeout_ms: int
    server: str


class Attach(Struct, frozen=True, tag=True, gc=False):
    """The session (the entry's client) is now at this server. `attach` counts its client's tries to
    connect: an earlier one that comes late is refused."""

    attach: int
    server: str


class Expire(Struct, frozen=True, tag=True, gc=False):
    """The leader has heard nothing of a session (the entry's client) for its timeout."""


Command = Txn | OpenSession | Attach | Expire


class Exists(Struct, frozen=True, tag=True, gc=False):
    """A znode's Stat, or None where there is none."""

    path: str


class GetData(Struct, frozen=True, tag=True, gc=False):
    """A znode's data and Stat."""

    path: str


class GetChildren(Struct, frozen=True, tag=True, gc=False):
    """The names of a znode's children, sorted, and its Stat."""

    path: str


Query = Exists | GetData | GetChildren


class Stat(Struct, frozen=True, gc=False):
    """A znode's numbers (ZooKeeper programmer's guide, "ZooKeeper Stat Structure"). czxid, mzxid
    and pzxid are of its creation, the last change of its data and of its list of children; version
    and cversion count those changes; ctime and mtime are ms, of the log's entries."""

    czxid: int
    mzxid: int
    pzxid: int
    version: int
    cversion: int
    aversion: int
    ephemeralOwner: str | None
    dataLength: int
    numChildren: int
    ctime: int
    mtime: int


class Found(Struct, frozen=True, tag=True, gc=False):
    """Done: `value` is as the table of systems.zookeeper.system has it, with Stats as Structs."""

    value: Any = None


class Refused(Struct, frozen=True, tag=True, gc=False):
    """Not done, by ZooKeeper's name for why; `at` is the place in a multi."""

    error: str
    at: int = -1


Result = Found | Refused


def session_id(zxid: int) -> str:
    """A session's name: the zxid of the entry that opened it.

    >>> session_id(4294967298)
    '0x100000002'
    """
    return f"0x{zxid:x}"
