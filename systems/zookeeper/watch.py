"""A server's watches: who is to hear of which change, once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from systems.zookeeper.wire import Watch
from systems.zookeeper.znodes import Change

# A change, and the watches that it fires: a data watch (set by exists or getData) hears of the znode
# itself, a child watch of its children, and both of its deletion.
FIRES: dict[str, tuple[str, ...]] = {
    "created": ("data",),
    "changed": ("data",),
    "deleted": ("data", "child"),
    "child": ("child",),
}


class Watches:
    """The watches set at one server, by kind and path, with the sessions that set them, in
    order."""

    def __init__(self) -> None:
        self._set: dict[Watch, dict[str, None]] = {}

    def add(self, session: str, watch: Watch) -> None:
        """Set a watch; one that is set already stays one."""
        self._set.setdefault(watch, {})[session] = None

    def forget(self, session: str) -> None:
        """A session has gone."""
        for watch in [w for w, sessions in self._set.items() if session in sessions]:
            del self._set[watch][session]
            if not self._set[watch]:
                del self._set[watch]

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
                yield session, change
