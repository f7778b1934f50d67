"""What cannot be known of the tree where no node's log reaches.

There a write without an answer may have been done at any zxid after all that had been answered
before its call, or never; and a session may have ended unseen. What it could have touched is unsure
from there on, and not judged: so no correct history is accused, and less is judged.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from checker.zookeeper.log import INDEX, Log
from checker.zookeeper.replay import Replay, split
from checker.zookeeper.request import FOREVER, SYNC, Request


class Unsure:
    """Paths that may be other than the replay says: `znodes` wholly, `parents` in their children
    (names, pzxid, cversion, numChildren). `blind`: nothing is known at all."""

    def __init__(
        self, log: Log, requests: Sequence[Request], unknown: Sequence[Request], foreign: bool
    ) -> None:
        self.znodes: set[str] = set()
        self.parents: set[str] = set()
        self.blind = False
        self._foreign = foreign
        self._log = log
        self._starts = [first for first, _ in log.spans]
        self._gap = 0  # the last index reached, or passed, that no log covers
        self._within = False  # whether that is where the replay is
        self._alive: dict[str, int] = {}
        for r in requests:
            if r.session is None or r.position is None or r.outcome != "ok" or r.kind == SYNC:
                continue
            index = r.position & INDEX
            self._alive[r.session] = max(self._alive.get(r.session, 0), index)
        self._waiting = sorted(_earliest(requests, unknown), key=lambda w: (-w[0], -w[1].at))
        self._possible: list[Request] = []  # unknown writes that may have been done by now
        self._lasting: set[str] = set()  # what these may yet change, while no log reaches

    def reach(self, index: int, replay: Replay) -> None:
        """The replay has come to this index, which is to be judged next."""
        gap = self._last_gap(index)
        was, self._within = self._within, gap == index
        if gap <= self._gap:
            return
        self._gap = gap
        if self._foreign:
            self.blind = True
            return
        again = [] if was else self._possible
        for request in again:
            self._blur_all(request)
        while self._waiting and self._waiting[-1][0] < gap:
            _, request = self._waiting.pop()
            self._possible.append(request)
            self._blur_all(request)
        gone = [s for s in replay.ephemerals if self._alive.get(s, 0) < gap]
        for session in gone:  # for good: what is unsure of them stays so until it is made anew
            for path in replay.ephemerals.pop(session):
                self._blur(path)

    def _last_gap(self, index: int) -> int:
        """The last index up to this one that no log covers; 0 where all are covered."""
        i = bisect_right(self._starts, index) - 1
        if i < 0:
            return index
        first, last = self._log.spans[i]
        return index if index > last else first - 1

    def _blur_all(self, request: Request) -> None:
        """All that an unknown write may change, now or later."""
        for type_, value in _writes(request):
            path = str(value[0])
            parent = split(path)[0]
            if type_ == "create" and len(value) > 2 and "s" in str(value[2]):
                self.parents.add(parent)
                self._lasting.add(parent)
                continue
            self._lasting.add(path)
            if type_ == "setData":
                self.znodes.add(path)
            else:
                self._blur(path)
                self._lasting.add(parent)

    def _blur(self, path: str) -> None:
        self.znodes.add(path)
        self.parents.add(split(path)[0])

    def hides_any(self, paths: Iterable[str], replay: Replay) -> bool:
        """Whether an update of these may end otherwise than the replay says."""
        return any(
            path in self.parents or self.hides(path, replay) or self.hides(split(path)[0], replay)
            for path in paths
        )

    def hides(self, path: str, replay: Replay) -> bool:
        """Whether this znode may be other than the replay says, or be there though it does not."""
        if self.blind or path in self.znodes:
            return True
        if path in replay.znodes or path == "/":
            return False
        parent = split(path)[0]
        return parent in self.parents or self.hides(parent, replay)

    @property
    def any(self) -> bool:
        """Whether anything is unsure."""
        return bool(self.blind or self.znodes or self.parents)

    def known(self, path: str) -> None:
        """The znode was made or removed just now: all is known of it, unless an unknown write may
        yet change that."""
        if not (self._within and path in self._lasting):
            self.znodes.discard(path)
            self.parents.discard(path)


def _earliest(requests: Sequence[Request], unknown: Iterable[Request]) -> list[tuple[int, Request]]:
    """Each unknown write with the index after which it must be."""
    told = sorted((r for r in requests if r.position is not None and r.ret < FOREVER),
                  key=lambda r: r.ret)  # fmt: skip
    found = []
    i = last = 0
    for r in sorted(unknown, key=lambda r: r.call):
        while i < len(told) and told[i].ret < r.call:
            last = max(last, (told[i].position or 0) & INDEX)
            i += 1
        found.append((last, r))
    return found


def _writes(r: Request) -> list[tuple[str, Sequence[object]]]:
    """What a request would have changed: type and value. The close of a session is left out: a
    session of which nothing more is heard may have ended anyway."""
    if r.f == "multi":
        return [(str(type_), value) for type_, *value in r.value if type_ != "check"]
    if r.f in ("write", "cas"):
        return [("create", [r.path, None])]
    if r.f == "close":
        return []
    return [(r.f, r.value)]
