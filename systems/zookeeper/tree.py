"""The data tree: znodes by path, as a deterministic state machine."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from systems.raft.digest import mark
from systems.zookeeper.message import (
    ANY_VERSION,
    Command,
    Create,
    Exists,
    Found,
    GetChildren,
    Query,
    Refused,
    Result,
    SetData,
    Stat,
)

NO_NODE = Refused("NoNode")
NODE_EXISTS = Refused("NodeExists")
BAD_VERSION = Refused("BadVersion")
NOT_EMPTY = Refused("NotEmpty")
BAD_ARGUMENTS = Refused("BadArguments")


class Znode(Struct):
    """One znode. `children` are names, not paths, in the order they were created."""

    data: Any
    czxid: int
    mzxid: int
    pzxid: int
    version: int = 0
    cversion: int = 0
    children: dict[str, None] = {}
    mark: int = 0  # of all of the above, as it counts in the tree's digest

    def stat(self) -> Stat:
        """Its numbers, as clients see them."""
        return Stat(
            self.czxid, self.mzxid, self.pzxid, self.version, self.cversion, len(self.children)
        )


class Tree:
    """The state machine. `digest` follows from the znodes alone."""

    def __init__(self) -> None:
        self.znodes: dict[str, Znode] = {}
        self.digest = 0
        self._put("/", Znode(None, 0, 0, 0))

    def apply(self, command: Command, position: int) -> Result:
        """Carry out a command at a zxid; what is refused changes nothing."""
        if not is_path(command.path):
            return BAD_ARGUMENTS
        if isinstance(command, Create):
            return self._create(command.path, command.data, position)
        znode = self.znodes.get(command.path)
        if znode is None:
            return NO_NODE
        if command.version not in (ANY_VERSION, znode.version):
            return BAD_VERSION
        if isinstance(command, SetData):
            return self._set(command.path, znode, command.data, position)
        return self._delete(command.path, znode, position)

    def query(self, query: Query) -> Result:
        """Look something up."""
        znode = self.znodes.get(query.path)
        if znode is None:
            return Found(None, None) if isinstance(query, Exists) else NO_NODE
        if isinstance(query, Exists):
            return Found(None, znode.stat())
        if isinstance(query, GetChildren):
            return Found(sorted(znode.children), znode.stat())
        return Found(znode.data, znode.stat())

    def state(self) -> dict[str, Any]:
        """Path to data and Stat (the children are the paths themselves)."""
        return {
            path: [z.data, z.czxid, z.mzxid, z.pzxid, z.version, z.cversion]
            for path, z in sorted(self.znodes.items())
        }

    def _create(self, path: str, data: Any, zxid: int) -> Result:
        parent_path, name = split(path)
        parent = self.znodes.get(parent_path)
        if path in self.znodes:
            return NODE_EXISTS
        if parent is None:
            return NO_NODE
        znode = Znode(data, zxid, zxid, zxid)
        self._put(path, znode)
        parent.children[name] = None
        self._change_children(parent_path, parent, zxid)
        return Found(None, znode.stat())

    def _set(self, path: str, znode: Znode, data: Any, zxid: int) -> Result:
        znode.data, znode.mzxid = data, zxid
        znode.version += 1
        self._put(path, znode)
        return Found(None, znode.stat())

    def _delete(self, path: str, znode: Znode, zxid: int) -> Result:
        if path == "/":
            return BAD_ARGUMENTS
        if znode.children:
            return NOT_EMPTY
        parent_path, name = split(path)
        parent = self.znodes[parent_path]
        del self.znodes[path], parent.children[name]
        self.digest ^= znode.mark
        self._change_children(parent_path, parent, zxid)
        return Found(None, None)

    def _change_children(self, path: str, parent: Znode, zxid: int) -> None:
        parent.pzxid = zxid
        parent.cversion += 1
        self._put(path, parent)

    def _put(self, path: str, znode: Znode) -> None:
        """A znode is new or has changed."""
        self.znodes[path] = znode
        self.digest ^= znode.mark
        znode.mark = mark(
            path, znode.data, znode.czxid, znode.mzxid, znode.pzxid, znode.version, znode.cversion
        )
        self.digest ^= znode.mark


def is_path(path: str) -> bool:
    """Whether this names a znode: "/", or "/" and names between single slashes."""
    return path == "/" or (path.startswith("/") and all(path[1:].split("/")))


def split(path: str) -> tuple[str, str]:
    """The parent's path, and the name under it.

    >>> split("/a/b"), split("/a")
    (('/a', 'b'), ('/', 'a'))
    """
    parent, _, name = path.rpartition("/")
    return parent or "/", name
