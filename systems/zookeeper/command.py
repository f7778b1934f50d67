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


CODES = {  # ZooKeeper's names for errors in the table of harness.error
    "NoNode": "no-node",
    "NodeExists": "node-exists",
    "BadVersion": "bad-version",
    "NotEmpty": "not-empty",
    "NoChildrenForEphemerals": "no-children-for-ephemerals",
    "BadArguments": "refused",
    "TooLarge": "too-large",
    "NoMemory": "no-memory",
    "SessionExpired": "session-expired",
    "SessionMoved": "session-moved",
    "OutOfOrder": "out-of-order",
}


def error_of(result: Result) -> Any:
    """The error of an operation with this result; None where it was done.

    >>> error_of(Refused("NoNode")), error_of(Refused("BadVersion", 2))
    ('no-node', ['bad-version', 'operation 2'])
    """
    if isinstance(result, Found):
        return None
    code = CODES[result.error]
    return code if result.at < 0 else [code, f"operation {result.at}"]


def invocation_of(op: Write, session: str) -> tuple[str, Any]:
    """A write's `f` (closeSession for a Close) and value as an operation has them.

    >>> invocation_of(Create("/a", 1), "0x1")
    ('create', ['/a', 1])
    """
    if isinstance(op, Create):
        return "create", [op.path, op.data, op.flags] if op.flags else [op.path, op.data]
    if isinstance(op, SetData):
        return "setData", [op.path, op.data, op.version]
    if isinstance(op, Delete):
        return "delete", [op.path, op.version]
    if isinstance(op, Multi):
        return "multi", [_part(part) for part in op.ops]
    return "closeSession", session


def _part(op: Create | SetData | Delete | Check) -> list[Any]:
    if isinstance(op, Create):
        return ["create", op.path, op.data, op.flags]
    if isinstance(op, SetData):
        return ["setData", op.path, op.data, op.version]
    return ["check" if isinstance(op, Check) else "delete", op.path, op.version]
