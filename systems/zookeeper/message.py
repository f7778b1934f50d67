"""What a client asks of the ZooKeeper-like service, and what it is told."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

ANY_VERSION = -1  # setData and delete with this version do not compare


class Create(Struct, frozen=True, tag=True, gc=False):
    """Command: a new persistent znode."""

    path: str
    data: Any


class SetData(Struct, frozen=True, tag=True, gc=False):
    """Command: a znode's data is now this, if its version is `version`."""

    path: str
    data: Any
    version: int


class Delete(Struct, frozen=True, tag=True, gc=False):
    """Command: a znode without children goes, if its version is `version`."""

    path: str
    version: int


class Exists(Struct, frozen=True, tag=True, gc=False):
    """Query: a znode's Stat, or None in Found where there is none."""

    path: str


class GetData(Struct, frozen=True, tag=True, gc=False):
    """Query: a znode's data and Stat."""

    path: str


class GetChildren(Struct, frozen=True, tag=True, gc=False):
    """Query: the names of a znode's children, sorted."""

    path: str


class Stat(Struct, frozen=True, gc=False):
    """A znode's numbers. czxid, mzxid and pzxid are of its creation, the last change of its data
    and of its list of children; version and cversion count those changes."""

    czxid: int
    mzxid: int
    pzxid: int
    version: int
    cversion: int
    numChildren: int


class Found(Struct, frozen=True, tag=True, gc=False):
    """The answer to a query, or to a command: the data (or children's names) and the Stat."""

    data: Any
    stat: Stat | None


class Refused(Struct, frozen=True, tag=True, gc=False):
    """Not done, by ZooKeeper's name for why: NoNode, NodeExists, BadVersion, NotEmpty,
    BadArguments."""

    error: str


Command = Create | SetData | Delete
Query = Exists | GetData | GetChildren
Result = Found | Refused
