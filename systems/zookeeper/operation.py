"""Operations of histories as requests of the ZooKeeper-like service."""

from __future__ import annotations

from typing import Any

from systems.zookeeper.command import Check, Close, Create, Delete, Multi, SetData, Write


def path_of(key: Any) -> str:
    """The znode of a register.

    >>> path_of(3), path_of("x")
    ('/k3', '/kx')
    """
    return f"/k{key}"


def write_of(f: str, value: Any) -> Write:
    """The write that an operation asks for; raises ValueError for what is none.

    >>> write_of("create", ["/a", 1, "e"])
    Create(path='/a', data=1, flags='e')
    """
    if f == "close":
        return Close()
    if f == "multi":
        return Multi(tuple(_one(*part) for part in value))
    write: Write = _one(f, *value)
    return write


def _one(f: str, path: str, *rest: Any) -> Any:
    if f == "check":
        return Check(path, *rest)
    if f == "create":
        return Create(path, *rest)
    if f == "setData":
        return SetData(path, *rest)
    if f == "delete":
        return Delete(path, *rest)
    raise ValueError(f"{f!r} is no write of the service")
