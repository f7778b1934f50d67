"""A server's watches: who is to hear of which change, once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from systems.zookeeper.wire import Watch
from systems.zookeeper.znode import Znode
from systems.zookeeper.znodes import Change

DATA, EXIST, CHILD = "data", "exist", "child"  # EXIST: set by an exists that found nothing

# A change, and the watches that it fires (ZooKeeper programmer's guide, "Semantics of Watches").
FIRES: dict[str, tuple[str, ...]] = {
    "created": (EXIST,),
    "changed": (DATA,),
    "deleted": (DATA, CHILD),
    "child": (CHILD,),
}


class Watches:
    """The watches set at one server, by kind and path, with the sessions that set them, in
    order."""

    def __init__(self) -> None:
        self._set: dict[Watch, dict[str, None]] = {}
        self._of: dict[str, dict[Watch, None]] = {}  # by session

    def add(self, session: str, watch: Watch) -> None:
        """Set a watch; one that is set already stays one."""
        self._set.setdefault(watch, {})[session] = None
        self._of.setdefault(session, {})[watch] = None

    def of(self, session: str) -> tuple[Watch, ...]:
        """A session's watches."""
        return tuple(self._of.get(session, ()))

    def remove(self, session: str, watch: Watch) -> None:
        """A watch has fired."""
        del self._of[session][watch]
        left = self._set[watch]
        del left[session]
        if not left:
            del self._set[watch]

    def forget(self, session: str) -> None:
        """A session has gone."""
        for watch in self.of(session):
            self.remove(session, watch)
        self._of.pop(session, None)

    def fired(self, changes: Iterable[Change]) -> Iterator[tuple[str, Change]]:
        """Who hears of which change, each session once of each; their watches are gone then."""
        if not self._set:
            return
        for change in changes:
            kind, path = change
            told: dict[str, None] = {}
            for name in FIRES[kind]:
                told |= self._set.pop((name, path), {})
            for session in told:
                for name in FIRES[kind]:
                    self._of[session].pop((name, path), None)
                yield session, change


def told_apart(watches: Iterable[Watch], znodes: Mapping[str, Znode]) -> list[Watch]:
    """A session's watches, without those on children whose znode is gone where its data is watched
    too: one deletion is told once."""
    watches = dict.fromkeys(watches)
    return [
        (kind, path)
        for kind, path in watches
        if not (kind == CHILD and (DATA, path) in watches and path not in znodes)
    ]


def missed(watch: Watch, znode: Znode | None, seen: int) -> str | None:
    """What has become of a watch's znode since the state at zxid `seen`, as the event to send: a
    server to which a session comes knows the tree as it is, and not each change on the way there.
    None where the watch still stands."""
    kind, _ = watch
    if kind == EXIST:
        return None if znode is None else "created"
    if znode is None:
        return "deleted"
    if kind == CHILD:
        return "child" if znode.pzxid > seen else None
    return "changed" if znode.mzxid > seen else None
