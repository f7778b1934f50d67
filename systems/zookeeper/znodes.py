"""The tree of znodes: what a write does to it, and how a write that fails half-way is undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from systems.raft.digest import mark
from systems.zookeeper.command import (
    ANY_VERSION,
    Check,
    Create,
    Delete,
    Exists,
    Found,
    GetChildren,
    Multi,
    Query,
    Refused,
    Result,
    SetData,
)
from systems.zookeeper.znode import LARGEST, Znode, is_path, length_of, split

NO_NODE = Refused("NoNode")
NODE_EXISTS = Refused("NodeExists")
BAD_VERSION = Refused("BadVersion")
NOT_EMPTY = Refused("NotEmpty")
NO_CHILDREN = Refused("NoChildrenForEphemerals")
BAD_ARGUMENTS = Refused("BadArguments")
TOO_LARGE = Refused("TooLarge")
NO_MEMORY = Refused("NoMemory")

MEMORY = 256_000_000  # bytes of all paths and data, unless the system's option says otherwise
FRAME = 100  # bytes that a znode counts for beside its path and data

Change = tuple[str, str]  # created, deleted, changed or child; path
Part = Create | SetData | Delete | Check


class Znodes:
    """Paths to znodes. `digest` follows from them alone, `size` is what they count for in bytes,
    `changes` are those of the last write, in order, for watches. `ephemerals` are the paths of each
    owner, oldest first."""

    def __init__(self, limit: int = MEMORY) -> None:
        self.limit = limit
        self.nodes: dict[str, Znode] = {}
        self.children: dict[str, dict[str, None]] = {}
        self.ephemerals: dict[str, dict[str, None]] = {}
        self.digest = 0
        self.size = 0
        self.changes: list[Change] = []
        self._undo: list[Callable[[], object]] | None = None  # inside a multi
        self._put("/", Znode(None, 0, 0, 0, 0, 0, None, 0, 0, 0))

    # --- questions

    def query(self, query: Query) -> Result:
        """Look something up."""
        path = query.path
        node = self.nodes.get(path)
        if node is None:
            if not is_path(path):
                return BAD_ARGUMENTS
            return Found() if type(query) is Exists else NO_NODE
        children = self.children.get(path, ())
        stat = node.stat(len(children))
        if type(query) is Exists:
            return Found(stat)
        return Found([sorted(children) if type(query) is GetChildren else node.data, stat])

    def restore(self, path: str, node: Znode) -> None:
        """Put in a znode of a snapshot; its mark is as it was."""
        if path == "/":
            self._put(path, node)
            return
        self.nodes[path] = node
        self.digest ^= node.mark
        self.size += len(path) + node.length + FRAME
        parent, name = split(path)
        self.children.setdefault(parent, {})[name] = None

    # --- writes

    def write(self, op: Part | Multi, zxid: int, time: int, owner: str) -> Result:
        """Carry out a write of the session `owner`; what is refused changes nothing."""
        self.changes = []
        if isinstance(op, Multi):
            return self._multi(op.ops, zxid, time, owner)
        return self._one(op, zxid, time, owner)

    def delete_all(self, owner: str, zxid: int) -> None:
        """Delete a session's ephemerals, at one zxid."""
        self.changes = []
        for path in list(self.ephemerals.get(owner, ())):
            self._remove(path, self.nodes[path], zxid)
        self.ephemerals.pop(owner, None)

    def _one(self, op: Part, zxid: int, time: int, owner: str) -> Result:
        path = op.path
        if not is_path(path):
            return BAD_ARGUMENTS
        if type(op) is Create:
            return self._create(op, zxid, time, owner)
        assert not isinstance(op, Create)
        node = self.nodes.get(path)
        if node is None:
            return NO_NODE
        if op.version not in (ANY_VERSION, node.version):
            return BAD_VERSION
        if isinstance(op, SetData):
            return self._set(path, node, op.data, zxid, time)
        return Found() if isinstance(op, Check) else self._delete(path, node, zxid)

    def _multi(self, ops: Iterable[Part], zxid: int, time: int, owner: str) -> Result:
        """All, or none: what was done before one is refused is undone. Its data together may be as
        much as one znode's (as ZooKeeper bounds a request)."""
        self._undo = []
        results, left = [], LARGEST
        for place, op in enumerate(ops):
            left -= length_of(op.data) if isinstance(op, (Create, SetData)) else 0
            result = self._one(op, zxid, time, owner) if left >= 0 else TOO_LARGE
            if isinstance(result, Refused):
                self._roll_back()
                return Refused(result.error, place)
            results.append(result.value)
        self._undo = None
        return Found(results)

    def _roll_back(self) -> None:
        undo, self._undo = self._undo or [], None
        for step in reversed(undo):
            step()
        self.changes = []

    def _create(self, op: Create, zxid: int, time: int, owner: str) -> Result:
        parent_path, _ = split(op.path)
        parent = self.nodes.get(parent_path)
        if parent is None or op.path == "/":
            return NO_NODE if op.path != "/" else NODE_EXISTS
        path = self.name_of(op, parent)
        length = length_of(op.data)
        refused = self._refusal(path, parent, length)
        if refused is not None:
            return refused
        keeper = owner if "e" in op.flags else None
        self._put(path, Znode(op.data, zxid, zxid, zxid, 0, 0, keeper, length, time, time))
        self._join(parent_path, split(path)[1])
        if keeper is not None:
            self._own(keeper, path)
        self._count_child(parent_path, zxid)
        self.changes += [("created", path), ("child", parent_path)]
        return Found([path, self.nodes[path].stat(0)])

    def name_of(self, op: Create, parent: Znode) -> str:
        """The path that a create makes: a sequential one ends with its parent's count of changes to
        its children, which only grows, so no name comes twice."""
        return f"{op.path}{parent.cversion:010d}" if "s" in op.flags else op.path

    def _refusal(self, path: str, parent: Znode, length: int) -> Refused | None:
        if path in self.nodes:
            return NODE_EXISTS
        if parent.owner is not None:
            return NO_CHILDREN
        if length > LARGEST:
            return TOO_LARGE
        if self.size + len(path) + length + FRAME > self.limit:
            return NO_MEMORY
        return None

    def _set(self, path: str, node: Znode, data: Any, zxid: int, time: int) -> Result:
        length = length_of(data)
        if length > LARGEST:
            return TOO_LARGE
        if self.size + length - node.length > self.limit:
            return NO_MEMORY
        new = replace(
            node, data=data, mzxid=zxid, version=node.version + 1, length=length, mtime=time
        )
        self._put(path, new)
        self.changes.append(("changed", path))
        return Found(new.stat(len(self.children.get(path, ()))))

    def _delete(self, path: str, node: Znode, zxid: int) -> Result:
        if path == "/":
            return BAD_ARGUMENTS
        if self.children.get(path):
            return NOT_EMPTY
        self._remove(path, node, zxid)
        return Found()

    # --- the maps, each change with its undoing

    def _remove(self, path: str, node: Znode, zxid: int) -> None:
        parent_path, name = split(path)
        if self._undo is not None:
            order = dict(self.children[parent_path])
            self._undo.append(lambda: self.children.__setitem__(parent_path, order))
            if node.owner is not None:
                mine = dict(self.ephemerals[node.owner])
                owner = node.owner
                self._undo.append(lambda: self.ephemerals.__setitem__(owner, mine))
        del self.children[parent_path][name]
        if node.owner is not None and node.owner in self.ephemerals:
            self.ephemerals[node.owner].pop(path, None)
        self._put(path, None)
        self._count_child(parent_path, zxid)
        self.changes += [("deleted", path), ("child", parent_path)]

    def _join(self, parent: str, name: str) -> None:
        self.children.setdefault(parent, {})[name] = None
        if self._undo is not None:
            self._undo.append(lambda: self.children[parent].pop(name))

    def _own(self, owner: str, path: str) -> None:
        self.ephemerals.setdefault(owner, {})[path] = None
        if self._undo is not None:
            self._undo.append(lambda: self.ephemerals[owner].pop(path))

    def _count_child(self, path: str, zxid: int) -> None:
        parent = self.nodes[path]
        self._put(path, replace(parent, pzxid=zxid, cversion=parent.cversion + 1))

    def _put(self, path: str, node: Znode | None) -> None:
        """A znode is new, has changed, or is gone."""
        old = self.nodes.get(path)
        if self._undo is not None:
            self._undo.append(lambda: self._put(path, old))
        if old is not None:
            self.digest ^= old.mark
            self.size -= len(path) + old.length + FRAME
        if node is None:
            self.nodes.pop(path, None)
            return
        marked = replace(node, mark=_mark(path, node))
        self.nodes[path] = marked
        self.digest ^= marked.mark
        self.size += len(path) + node.length + FRAME


def _mark(path: str, node: Znode) -> int:
    return mark(
        path,
        node.data,
        node.czxid,
        node.mzxid,
        node.pzxid,
        node.version,
        node.cversion,
        node.owner,
        node.mtime,
    )
