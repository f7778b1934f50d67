"""The tree once more: what ZooKeeper's own rules make of the committed log, entry by entry.

Written from the service's table of operations and the ZooKeeper paper (section 2.2), not from the
service's code: it is the second opinion that every reply is compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct

ANY_VERSION = -1
CREATED, DELETED, CHANGED, CHILD = "created", "deleted", "changed", "child"


class Znode:
    """One znode. `children` are names. A time that the log does not say is None."""

    __slots__ = (
        "children", "ctime", "cversion", "czxid", "data", "mtime", "mzxid", "names", "owner",
        "pzxid", "stat", "version",
    )  # fmt: skip

    def __init__(self, data: Any, zxid: int, owner: str | None, time: int | None) -> None:
        self.data = data
        self.czxid = self.mzxid = self.pzxid = zxid
        self.version = self.cversion = 0
        self.owner = owner
        self.ctime = self.mtime = time
        self.children: set[str] = set()
        self.stat: dict[str, Any] | None = None  # made when it is first asked for
        self.names: list[str] | None = None

    def copy(self) -> Znode:
        """Another with the same in it."""
        made = Znode(self.data, self.czxid, self.owner, self.ctime)
        made.mzxid, made.pzxid, made.mtime = self.mzxid, self.pzxid, self.mtime
        made.version, made.cversion = self.version, self.cversion
        made.children = set(self.children)
        return made


class Applied(Struct, frozen=True, gc=False):
    """What came of an entry: a result as clients are told it, or a code; `failed` is the
    operation of a multi that was refused."""

    result: Any = None
    code: str | None = None
    failed: int = -1


DONE = Applied()


class Replay:
    """The tree at one zxid after another.

    `touched` says what last made, changed or removed each path: (zxid, type of entry). `changes`
    are what watches on a path may fire for: (zxid, kind of change), only for the paths `watched`.
    """

    def __init__(self, watched: Iterable[str] = ()) -> None:
        self.znodes: dict[str, Znode] = {"/": Znode(None, 0, None, None)}
        self.ephemerals: dict[str, set[str]] = {}
        self.touched: dict[str, tuple[int, str]] = {}
        self.changes: dict[str, list[tuple[int, str]]] = {path: [] for path in watched}
        self._undo: dict[str, Znode | None] | None = None
        self._fired: list[str] = []  # paths of the changes, of this entry
        self._zxid, self._type = 0, ""
        self._time: int | None = None
        self._session: str | None = None

    def apply(
        self, type_: str, value: Any, zxid: int, session: str | None, time: int | None
    ) -> Applied:
        """Carry out an entry of the log."""
        self._zxid, self._type, self._session, self._time = zxid, type_, session, time
        if type_ == "multi":
            return self._multi(value)
        self._fired.clear()
        if type_ == "closeSession":
            self._close(str(value))
            return DONE
        return self._one(type_, value)

    def _one(self, type_: str, value: Any) -> Applied:
        if type_ == "create":
            return self._create(value[0], value[1], value[2] if len(value) > 2 else "")
        if type_ == "setData":
            return self._set(*value)
        if type_ == "delete":
            return self._delete(*value)
        if type_ == "check":
            refused = self._refuse(value[0], value[1])
            return refused or DONE
        return DONE

    # --- what changes the tree

    def _create(self, path: str, data: Any, flags: str) -> Applied:
        flags = flags or ""
        sequential = "s" in flags
        if not is_path(path + "0" if sequential else path):
            return Applied(code="refused")
        parent_path, _ = split(path)
        parent = self.znodes.get(parent_path)
        if parent is None:
            return Applied(code="no-node")
        if parent.owner is not None:
            return Applied(code="no-children-for-ephemerals")
        if sequential:
            path = f"{path}{parent.cversion:010d}"
        if path in self.znodes:
            return Applied(code="node-exists")
        owner = self._session if "e" in flags else None
        znode = Znode(data, self._zxid, owner, self._time)
        self._save(path)
        self._save(parent_path)
        self.znodes[path] = znode
        if owner is not None:
            self.ephemerals.setdefault(owner, set()).add(path)
        self._touch(path, CREATED)
        parent.children.add(split(path)[1])
        self._children(parent_path, parent)
        return Applied([path, stat_of(znode)])

    def _set(self, path: str, data: Any, version: int) -> Applied:
        refused = self._refuse(path, version)
        if refused:
            return refused
        self._save(path)
        znode = self.znodes[path]
        znode.data, znode.mzxid, znode.mtime = data, self._zxid, self._time
        znode.version += 1
        znode.stat = None
        self._touch(path, CHANGED)
        return Applied(stat_of(znode))

    def _delete(self, path: str, version: int) -> Applied:
        if path == "/":
            return Applied(code="refused")
        refused = self._refuse(path, version)
        if refused:
            return refused
        if self.znodes[path].children:
            return Applied(code="not-empty")
        self._remove(path)
        return DONE

    def _remove(self, path: str) -> None:
        self._save(path)
        znode = self.znodes.pop(path)
        if znode.owner is not None:
            self.ephemerals.get(znode.owner, set()).discard(path)
        self._touch(path, DELETED)
        parent_path, name = split(path)
        self._save(parent_path)
        parent = self.znodes.get(parent_path)
        if parent is not None:
            parent.children.discard(name)
            self._children(parent_path, parent)

    def _close(self, session: str) -> None:
        for path in sorted(self.ephemerals.pop(session, ())):
            self._remove(path)

    def _multi(self, operations: Sequence[Any]) -> Applied:
        """All or nothing: what was done is undone where an operation is refused."""
        undo = self._undo = {}
        self._fired = []
        touched = self.touched
        self.touched = {}  # kept apart until the multi is known to be done
        results = []
        refused: Applied | None = None
        for i, (type_, *value) in enumerate(operations):
            done = self._one(type_, value)
            if done.code is not None:
                refused = Applied(code=done.code, failed=i)
                break
            results.append(done.result)
        self._undo = None
        layer, self.touched = self.touched, touched
        if refused is None:
            touched.update(layer)
            return Applied(results)
        self._restore(undo)
        for path in self._fired:
            self.changes[path].pop()
        return refused

    # --- where no log reaches

    def plant(self, path: str, znode: Znode) -> None:
        """Put a znode there, with what children it may have, whatever the tree says."""
        old = self.znodes.get(path)
        if old is not None:
            self.forget(path)
        self.znodes[path] = znode
        if znode.owner is not None:
            self.ephemerals.setdefault(znode.owner, set()).add(path)
        parent = self.znodes.get(split(path)[0])
        if parent is not None:
            parent.children.add(split(path)[1])
            parent.stat = parent.names = None

    def forget(self, path: str) -> None:
        """Take a znode away, and what is below it, whatever the tree says."""
        for name in list(self.znodes[path].children):
            below = "/" + name if path == "/" else f"{path}/{name}"
            if below in self.znodes:
                self.forget(below)
        znode = self.znodes.pop(path)
        if znode.owner is not None:
            self.ephemerals.get(znode.owner, set()).discard(path)
        parent = self.znodes.get(split(path)[0])
        if parent is not None:
            parent.children.discard(split(path)[1])
            parent.stat = parent.names = None

    # --- parts

    def _refuse(self, path: str, version: int) -> Applied | None:
        if not is_path(path):
            return Applied(code="refused")
        znode = self.znodes.get(path)
        if znode is None:
            return Applied(code="no-node")
        if version not in (ANY_VERSION, znode.version):
            return Applied(code="bad-version")
        return None

    def _children(self, path: str, parent: Znode) -> None:
        parent.pzxid = self._zxid
        parent.cversion += 1
        parent.stat = parent.names = None
        self._fire(path, CHILD)

    def _touch(self, path: str, change: str) -> None:
        self.touched[path] = (self._zxid, self._type)
        self._fire(path, change)

    def _fire(self, path: str, change: str) -> None:
        if path in self.changes:
            self.changes[path].append((self._zxid, change))
            self._fired.append(path)

    def _save(self, path: str) -> None:
        if self._undo is not None and path not in self._undo:
            znode = self.znodes.get(path)
            self._undo[path] = znode.copy() if znode is not None else None

    def _restore(self, undo: dict[str, Znode | None]) -> None:
        for path, old in undo.items():
            new = self.znodes.pop(path, None)
            if new is not None and new.owner is not None:
                self.ephemerals.get(new.owner, set()).discard(path)
            if old is not None:
                self.znodes[path] = old
                if old.owner is not None:
                    self.ephemerals.setdefault(old.owner, set()).add(path)


def stat_of(znode: Znode) -> dict[str, Any]:
    """A znode's numbers, as clients see them. Kept until it changes: never alter it."""
    if znode.stat is None:
        znode.stat = {
            "czxid": znode.czxid,
            "mzxid": znode.mzxid,
            "pzxid": znode.pzxid,
            "version": znode.version,
            "cversion": znode.cversion,
            "aversion": 0,
            "ephemeralOwner": znode.owner,
            "dataLength": data_length(znode.data),
            "numChildren": len(znode.children),
            "ctime": znode.ctime,
            "mtime": znode.mtime,
        }
    return znode.stat


def names_of(znode: Znode) -> list[str]:
    """The names of a znode's children, sorted. Kept until they change: never alter it."""
    if znode.names is None:
        znode.names = sorted(znode.children)
    return znode.names


def data_length(data: Any) -> int:
    """Bytes of a znode's data.

    >>> data_length("é"), data_length(None), data_length([1, 2])
    (2, 0, 5)
    """
    if data is None or data is UNSET:
        return 0
    return len(data.encode()) if isinstance(data, str) else len(msgspec.json.encode(data))


def is_path(path: Any) -> bool:
    """Whether this names a znode: "/", or "/" and names between single slashes."""
    if not isinstance(path, str):
        return False
    return path == "/" or (path.startswith("/") and all(path[1:].split("/")))


def split(path: str) -> tuple[str, str]:
    """The parent's path, and the name under it.

    >>> split("/a/b"), split("/a")
    (('/a', 'b'), ('/', 'a'))
    """
    parent, _, name = path.rpartition("/")
    return parent or "/", name
