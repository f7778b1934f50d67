"""Watches: the event comes before the news it tells of, once, in order, and never for nothing.

W1 before any reply of its session from a state at or after the change
W2 exactly one for each watch, of the right type
W3 in the order of the changes
W4 not lost, also where the session moves to another server
W5 none without a change, and none that nobody asked for
W6 none after the session's end

Source: the ZooKeeper paper (USENIX ATC 2010), sections 2.1 and 2.3. An event must have come only
where a later reply of its session shows that the server had seen the change. A sync reply does not
show that: it names an index that the server may not have applied yet.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import UNSET, Struct

from checker.zookeeper.finding import Finding, Force
from checker.zookeeper.log import INDEX, Log
from checker.zookeeper.replay import CHANGED, CHILD, CREATED, DELETED, Replay
from checker.zookeeper.request import READ, SYNC, Request, what, who, zxid
from harness.history import History
from harness.op import WATCH

DATA, CHILDREN = "data", "children"  # what a watch is on
KIND_OF = {"exists": DATA, "getData": DATA, "getChildren": CHILDREN}
FIRES = {
    DATA: frozenset({CREATED, CHANGED, DELETED}),
    CHILDREN: frozenset({CHILD, DELETED}),
}
NEVER_LEFT = frozenset({"no-node", "refused"})  # a read that was so refused left no watch


class Event(Struct, frozen=True, gc=False):
    """One watch event that a client was sent: the change's type, path and zxid."""

    line: int
    type: str
    path: str
    position: int
    node: str | None


class Registered(Struct, frozen=True, gc=False):
    """A watch left by a read: it fires at the first change after `position`."""

    position: int
    request: Request


Slot = tuple[str, str]  # path, DATA or CHILDREN


class Watches:
    """All of a history's watches and events, by session."""

    def __init__(self, history: History, requests: Sequence[Request]) -> None:
        self.events: dict[str, list[Event]] = {}
        self.moves: dict[str, list[int]] = {}
        self.births: dict[str, int] = {}  # zxids at which sessions were made
        self.left: dict[str, dict[Slot, list[Registered]]] = {}
        self.maybe: set[tuple[str | None, str]] = set()  # session, path: left perhaps
        self.expected = 0
        self.changes: dict[Slot, tuple[list[int], list[str]]] = {}  # zxids and types, of each slot
        for line, op in enumerate(history.ops):
            if op.process == WATCH:
                self._line(line, op)
        for r in requests:
            if r.watches:
                self._register(r)

    def _line(self, line: int, op: Any) -> None:
        session = None if op.session is UNSET else str(op.session)
        if session is None:
            return
        if op.f == "session" and op.value == "moved":
            self.moves.setdefault(session, []).append(line)
        if op.f == "session" and op.value == "opened" and type(op.position) is int:
            self.births.setdefault(session, op.position)
        good = op.f == "watch" and isinstance(op.value, (list, tuple)) and len(op.value) == 2
        if good and type(op.position) is int:
            type_, path = op.value
            node = None if op.node is UNSET else op.node
            event = Event(line, str(type_), str(path), op.position, node)
            self.events.setdefault(session, []).append(event)

    def _register(self, r: Request) -> None:
        path = r.path
        if path is None or (r.outcome == "fail" and r.code in NEVER_LEFT):
            return
        if r.outcome == "ok" and r.position is not None and r.session is not None:
            mine = self.left.setdefault(r.session, {})
            slot = (path, KIND_OF.get(r.f, DATA))
            mine.setdefault(slot, []).append(Registered(r.position, r))
        else:
            self.maybe.add((r.session, path))

    @property
    def paths(self) -> set[str]:
        """The paths whose changes bear on a watch."""
        found = {path for mine in self.left.values() for path, _ in mine}
        found |= {event.path for mine in self.events.values() for event in mine}
        return found | {path for _, path in self.maybe}

    @property
    def count(self) -> int:
        """How many events there were."""
        return sum(map(len, self.events.values()))


def watch_rules(
    watches: Watches,
    requests: Sequence[Request],
    replay: Replay,
    log: Log,
    closed: Mapping[str, int],
    by_zxid: Mapping[int, Request],
    *,
    all_known: bool,
) -> Iterator[Finding]:
    """What breaks W1 to W6. `replay` has recorded the changes of all paths that are watched;
    `all_known` says whether every watch that was set is in the history (no recipes)."""
    heard: dict[str, list[Request]] = {}
    for r in requests:
        if r.session is not None and r.position is not None and r.done >= 0:
            heard.setdefault(r.session, []).append(r)
    for session in sorted({*watches.events, *watches.left}):
        judge = _Session(watches, session, heard.get(session, []), replay, log, by_zxid, all_known)
        yield from judge.unasked()
        yield from judge.order()
        yield from judge.late(closed.get(session))
        yield from judge.early()
        yield from judge.expected()


class _Session:
    """One session's watches and events."""

    def __init__(
        self,
        watches: Watches,
        session: str,
        heard: Sequence[Request],
        replay: Replay,
        log: Log,
        by_zxid: Mapping[int, Request],
        all_known: bool,
    ) -> None:
        self._all, self._session = watches, session
        self._events = watches.events.get(session, [])
        self._left = watches.left.get(session, {})
        for found in self._left.values():
            found.sort(key=lambda x: x.position)
        self._replay, self._log, self._by_zxid = replay, log, by_zxid
        self._all_known = all_known
        self._changes = watches.changes
        replies = [r for r in heard if r.kind != SYNC and r.f != "close"]
        replies.sort(key=lambda r: r.done)
        self._replies = replies
        self._lines = [r.done for r in replies]
        self._tops: list[Request] = []  # of the replies so far, the one with the greatest zxid
        for r in replies:
            top = self._tops[-1] if self._tops else r
            self._tops.append(r if (r.position or 0) > (top.position or 0) else top)
        self._nodes = [r.node for r in replies]

    # --- what happened to a path

    def _of(self, slot: Slot) -> tuple[list[int], list[str]]:
        """The changes that fire a watch: zxids and types."""
        found = self._changes.get(slot)
        if found is None:
            path, kind = slot
            mine = [c for c in self._replay.changes.get(path, ()) if c[1] in FIRES[kind]]
            found = self._changes[slot] = ([z for z, _ in mine], [t for _, t in mine])
        return found

    def _first_after(self, slot: Slot, position: int) -> int | None:
        zxids, _ = self._of(slot)
        i = bisect_right(zxids, position)
        return zxids[i] if i < len(zxids) else None

    def _types_at(self, slot: Slot, position: int) -> list[str]:
        zxids, types = self._of(slot)
        return types[bisect_left(zxids, position) : bisect_right(zxids, position)]

    def _known(self, position: int) -> bool:
        """Whether all that was done up to a zxid is known: after a gap in the log the replay may
        not know what an entry changed."""
        first, last = self._log.spans[0] if self._log.spans else (0, 0)
        return first <= 1 and position & INDEX <= last

    def _moved(self, low: int, high: int, node: str | None) -> bool:
        """Whether the session changed its server, or came back to it, between two lines."""
        moves = self._all.moves.get(self._session, ())
        if any(low < line < high for line in moves):
            return True
        i, j = bisect_left(self._lines, low), bisect_right(self._lines, high)
        return len({n for n in (node, *self._nodes[i:j]) if n is not None}) > 1

    # --- W2, W5: events that should not be

    def unasked(self) -> Iterator[Finding]:
        """Each event beside the watches that may have fired it."""
        fired: dict[Slot, int] = {}
        for event in self._events:
            kinds = [kind for kind in (DATA, CHILDREN) if event.type in FIRES[kind]]
            slots = [(event.path, kind) for kind in kinds]
            wrong = self._wrong(event, slots)
            if wrong is not None:
                yield wrong
                continue
            armed = [slot for slot in slots if self._armed(slot, event, fired)]
            if armed:
                # A deletion may be told once for both kinds of watch, or once for each.
                for slot in armed[:1]:
                    fired[slot] = max(event.position, fired.get(slot, -1))
                continue
            if not self._all_known or self._may_be_left(event.path):
                continue
            yield self._without_watch(event, slots)

    def _armed(self, slot: Slot, event: Event, fired: Mapping[Slot, int]) -> bool:
        since = fired.get(slot, -1)
        found = self._left.get(slot, ())
        return any(since <= w.position < event.position for w in found)

    def _may_be_left(self, path: str) -> bool:
        maybe = self._all.maybe
        return (self._session, path) in maybe or (None, path) in maybe

    def _without_watch(self, event: Event, slots: Sequence[Slot]) -> Finding:
        before = [w for slot in slots for w in self._left.get(slot, ())
                  if w.position < event.position]  # fmt: skip
        at = before[-1].request if before else self._before(event.line)
        told = self._told(event)
        if before:
            text = f"{told}, a second time for the one watch that {who(before[-1].request)} had set"
            return self._finding("W2", "event twice", text, at, event)
        text = f"{told}, though it had set no watch on that"
        return self._finding("W5", "event that nobody asked for", text, at, event)

    def _wrong(self, event: Event, slots: Sequence[Slot]) -> Finding | None:
        """Whether an event tells of what did not happen at its zxid."""
        if not self._known(event.position):
            return None
        types = [t for slot in slots for t in self._types_at(slot, event.position)]
        if event.type in types or self._is_summary(event):
            return None
        at = self._before(event.line)
        other = [
            t for kind in (DATA, CHILDREN) for t in self._types_at((event.path, kind),
                                                                   event.position)
        ]  # fmt: skip
        if other:
            text = f"{self._told(event)}, when it was {_verb(other[0])}"
            return self._finding("W2", "wrong event", text, at, event)
        text = f"{self._told(event)}, when nothing had changed there"
        return self._finding("W5", "event without a change", text, at, event)

    def _is_summary(self, event: Event) -> bool:
        """Whether an event tells what is so at its zxid, as a server does to which a session has
        moved: it fires the watches that were missed from the tree as it is by then."""
        if not self._moved(-1, event.line, event.node):
            return False
        zxids, types = self._of((event.path, DATA))
        i = bisect_right(zxids, event.position)
        there = i > 0 and types[i - 1] != DELETED
        return event.type == CHILD or there == (event.type != DELETED)

    # --- W3, W6

    def order(self) -> Iterator[Finding]:
        """Events in the order of their changes."""
        top: Event | None = None
        for event in self._events:
            if top is not None and event.position < top.position:
                text = (
                    f"{self._told(event)} only after it had been told that {top.path} was "
                    f"{_verb(top.type)} at {zxid(top.position)}"
                )
                at = self._before(event.line)
                yield self._finding("W3", "events out of order", text, at, event)
            if top is None or event.position > top.position:
                top = event

    def late(self, ended: int | None) -> Iterator[Finding]:
        """Events after the session's end."""
        for event in self._events:
            if ended is not None and event.position > ended:
                text = f"{self._told(event)}, though the session had ended at {zxid(ended)}"
                at = self._before(event.line)
                yield self._finding("W6", "event after its session's end", text, at, event)

    # --- W1, W4: events that came late, or never

    def expected(self) -> Iterator[Finding]:
        """Each watch beside the event that it had to fire."""
        done: set[tuple[Slot, int]] = set()
        for slot, found in sorted(self._left.items()):
            for watch in found:
                z = self._first_after(slot, watch.position)
                if z is None or (slot, z) in done or not self._known(z):
                    continue
                done.add((slot, z))
                self._all.expected += 1
                wrong = self._missing(slot, watch, z)
                if wrong is not None:
                    yield wrong

    def _missing(self, slot: Slot, watch: Registered, z: int) -> Finding | None:
        event = self._served(slot, watch, z)
        if event is not None and event.position <= z:
            return None
        end = len(self._replies) if event is None else bisect_left(self._lines, event.line)
        reply = self._first_reply(z, end)
        if reply is None or self._came_and_went(slot, watch, reply):
            return None
        return self._lost(slot, watch, z, reply)

    def early(self) -> Iterator[Finding]:
        """Each event beside the replies that came before it."""
        for event in self._events:
            i = bisect_left(self._lines, event.line)
            reply = self._first_reply(event.position, i)
            if reply is None:
                continue
            watch = self._latest(event)
            text = (
                f"{who(reply)} was answered from {zxid(reply.position or 0)} before its session "
                f"was told that {event.path} was {_verb(event.type)} at {zxid(event.position)}"
            )
            if watch is None:
                yield self._finding("W1", "event after reply", text, reply, event)
                continue
            text += f", for which {what(watch.request)} had set a watch"
            yield self._story(
                "W1", "event after reply", text, watch, event.position, reply, event.line
            )

    def _latest(self, event: Event) -> Registered | None:
        """The last watch that an event may have been of."""
        found = [
            watch
            for kind in (DATA, CHILDREN)
            if event.type in FIRES[kind]
            for watch in self._left.get((event.path, kind), ())
            if watch.position < event.position
        ]
        return max(found, key=lambda w: w.position, default=None)

    def _served(self, slot: Slot, watch: Registered, z: int) -> Event | None:
        """The event that the watch fired: of the first change, or, where the session has moved or
        no log says which change was the first, of another after it."""
        path, kind = slot
        for event in self._events:
            if event.path != path or event.type not in FIRES[kind]:
                continue
            if event.position == z:
                return event
            if event.position > z and self._moved(watch.request.done, event.line, event.node):
                return event
        return None

    def _first_reply(self, z: int, end: int) -> Request | None:
        """The first reply of the session, of the first `end`, from a state at or after z."""
        low, high = 0, end
        while low < high:
            middle = (low + high) // 2
            if (self._tops[middle].position or 0) >= z:
                high = middle
            else:
                low = middle + 1
        return self._replies[low] if low < end else None

    def _came_and_went(self, slot: Slot, watch: Registered, reply: Request) -> bool:
        """Whether the watch was for a znode that was not there, and was not there again by the time
        at which the session's next server looked: then there was nothing to tell."""
        if not self._moved(watch.request.done, reply.done, watch.request.node):
            return False
        if watch.request.f != "exists" or watch.request.result is not None:
            return False
        i = bisect_left(self._lines, reply.done)
        reads = (r.position for r in self._replies[i:] if r.kind == READ)
        looked = next(reads, None)  # not before: a write may be answered from what it once gave
        if looked is None or not self._known(looked):
            return True  # it may have gone by then
        zxids, types = self._of(slot)
        end = bisect_right(zxids, looked)
        return DELETED in types[bisect_right(zxids, watch.position) : end]

    def _lost(self, slot: Slot, watch: Registered, z: int, reply: Request) -> Finding:
        types = self._types_at(slot, z)
        text = (
            f"{who(watch.request)} had set a watch, and {slot[0]} was {_verb(types[0])} at "
            f"{zxid(z)}, but its session never heard of it, though {who(reply)} was answered from "
            f"{zxid(reply.position or 0)}"
        )
        return self._story("W4", "lost watch", text, watch, z, reply, reply.done)

    # --- words

    def _told(self, event: Event) -> str:
        through = f" through {event.node}" if event.node else ""
        return (
            f"session {self._session} was told{through} that {event.path} was "
            f"{_verb(event.type)} at {zxid(event.position)}"
        )

    def _before(self, line: int) -> Request | None:
        """The session's last reply before a line, else its first one."""
        i = bisect_left(self._lines, line)
        if i:
            return self._replies[i - 1]
        return self._replies[0] if self._replies else None

    def _finding(
        self, rule: str, name: str, text: str, at: Request | None, event: Event
    ) -> Finding:
        change = self._by_zxid.get(event.position)
        core = tuple(r for r in (change, at) if r is not None)
        forces: tuple[Force, ...] = ()
        if change is not None and at is not None and change is not at:
            forces = (Force(change, at, "event", f"{event.type} at {zxid(event.position)}"),)
        return Finding(rule, name, text, at, event.line, core, forces, (event.position,))

    def _story(
        self, rule: str, name: str, text: str, watch: Registered, z: int, reply: Request, line: int
    ) -> Finding:
        change = self._by_zxid.get(z)
        core = [watch.request, *([change] if change else []), reply]
        forces = []
        if change is not None:
            forces.append(Force(watch.request, change, "rw", "set a watch before this"))
            forces.append(Force(change, reply, "wr", f"{zxid(z)} is part of what it saw"))
        else:
            forces.append(Force(watch.request, reply, "session", "set a watch before this"))
        return Finding(rule, name, text, reply, line, tuple(core), tuple(forces), (z,))


def _verb(type_: str) -> str:
    """A type of event as it is said of a path."""
    return "given or rid of a child" if type_ == CHILD else type_
