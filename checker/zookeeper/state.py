"""Every reply beside the tree that the log makes: reads at their zxid, writes at their own.

Z3  replaying the writes in the order of their zxids gives every reply, Stat and error code.
Z9  no ephemeral znode is there after its session's close, and the session's later requests are
    refused. (And no session expires within its timeout of a write: checker.zookeeper.ending.)
Z10 the number of a sequential znode is never given again.
Z11 a multi is one zxid, all or nothing.

A reply that differs is named by what explains it: the last three are ways to break the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import UNSET

from checker import words
from checker.zookeeper.finding import Finding, Force
from checker.zookeeper.log import INDEX, Entry, Log, plain
from checker.zookeeper.place import Placed, is_of
from checker.zookeeper.replay import (
    Applied,
    Replay,
    Znode,
    data_length,
    is_path,
    names_of,
    split,
    stat_of,
)
from checker.zookeeper.request import (
    BY_TREE,
    READ,
    WRITE,
    Request,
    code_of,
    who,
    zxid,
)
from checker.zookeeper.unsure import Unsure

UPDATES = frozenset({"create", "setData", "delete", "multi", "closeSession"})
OF_CHILDREN = ("pzxid", "cversion", "numChildren")
ROOT = "/"


class Difference:
    """What a reply said and the replay says, in words; the paths that it is about, and the zxids
    that the reply named."""

    __slots__ = ("paths", "text", "zxids")

    def __init__(self, text: str, paths: Sequence[str], zxids: Sequence[int] = ()) -> None:
        self.text, self.paths, self.zxids = text, paths, zxids


class Step:
    """One update: of the log, or, where no log reaches, as a client was told of it."""

    __slots__ = ("error", "index", "position", "request", "seq", "session", "time", "type", "value")

    def __init__(self, entry: Entry | None, request: Request | None, position: int) -> None:
        self.position, self.index, self.request = position, position & INDEX, request
        if entry is not None:
            self.index = entry.index
            self.type, self.value, self.error = entry.type, entry.value, entry.error
            self.session, self.seq, self.time = entry.session, entry.seq, entry.time
            return
        assert request is not None
        self.type, self.value = _as_entry(request)
        self.error = None if request.outcome == "ok" else request.error or "refused"
        self.session, self.seq, self.time = request.session, request.seq or 0, None


def _as_entry(r: Request) -> tuple[str, Any]:
    """A request as the log would have it."""
    if r.f == "close":
        return "closeSession", r.session
    if r.f in ("write", "cas"):
        return "put", [r.path, r.value if r.f == "write" else r.value[1]]
    return r.f, r.value


def steps(log: Log, placed: Placed) -> list[Step]:
    """The updates by index: of the log, and of the clients where it does not reach."""
    found = []
    for entry in log.entries:
        if entry.type in UPDATES:
            r = placed.by_zxid.get(entry.position)
            found.append(Step(entry, r if r and is_of(r, entry) else None, entry.position))
    found += [
        Step(None, r, position)
        for position, r in placed.by_zxid.items()
        if not log.covers(position) and not log.is_past(position)
    ]
    found.sort(key=lambda step: step.index)
    return found


class Comparison:
    """Replays the steps, and holds each reply against the tree at its zxid. `closed` says at which
    zxid a session ended."""

    def __init__(self, log: Log, placed: Placed, replay: Replay, unsure: Unsure) -> None:
        self._log, self._placed = log, placed
        self.replay, self._unsure = replay, unsure
        self.closed: dict[str, int] = {}
        self.compared = 0
        self._multis: dict[int, Step] = {}  # by zxid, refused ones too
        self._refused: dict[str, int] = {}  # path: the last refused multi that named it
        self._given: dict[tuple[str, str], str] = {}  # sequential paths by prefix: the greatest
        self._dirty: set[int] = set()
        self._latest: dict[str, Request] = {}  # of each session, the last request

    def run(self, requests: Sequence[Request]) -> Iterator[Finding]:
        """All that differs, in the order of the zxids."""
        reads = [r for r in requests if r.kind == READ and r.position is not None]
        reads.sort(key=lambda r: ((r.position or 0) & INDEX, r.at))
        self._latest = {r.session: r for r in requests if r.session is not None}
        i = 0
        for step in steps(self._log, self._placed):
            while i < len(reads) and (reads[i].position or 0) & INDEX < step.index:
                yield from self._read(reads[i])
                i += 1
            yield from self._step(step)
        for r in reads[i:]:
            yield from self._read(r)
        yield from self._after_close(requests)

    # --- updates

    def _step(self, step: Step) -> Iterator[Finding]:
        replay, unsure, r = self.replay, self._unsure, step.request
        unsure.reach(step.index, replay)
        if step.type == "multi":
            self._multis[step.position] = step
        ended = self.closed.get(step.session) if step.session is not None else None
        if step.type == "closeSession":
            if step.error is None:
                self.closed.setdefault(str(step.value), step.position)
        elif step.error is None and ended is not None:
            yield self._late(step, ended)
        if step.error is not None and code_of(step.error) not in BY_TREE:
            return  # refused before it came to the tree: by its session, by its place in it
        if self._is_repeated(step):
            return
        hidden = unsure.any and unsure.hides_any(paths_of(step.type, step.value), replay)
        if hidden or (step.session is None and _is_anybodys(step)):
            self._adopt(step)
            return
        done = self._apply(step)
        if done.code is not None and step.type == "multi":
            for path in paths_of(step.type, step.value):
                self._refused[path] = step.position
        if r is not None and r.outcome != "info":
            self.compared += 1
            found = self._told(step, r, done)
            if found is not None:
                yield self._differs(r, step.position, found)
                if done.code is None and r.outcome == "ok" and r.f == "create":
                    self._follow(step, r, done)

    def _follow(self, step: Step, r: Request, done: Applied) -> None:
        """A create made another path than it had to: go on with what is there."""
        made, right = _name(r.result), done.result[0]
        if made is not None and made != right and right in self.replay.znodes:
            znode = self.replay.znodes[right]
            self.replay.forget(right)
            self.replay.plant(made, znode)
            self.replay.touched[made] = (step.position, step.type)

    def _apply(self, step: Step) -> Applied:
        type_, value, replay = step.type, step.value, self.replay
        if type_ == "put":
            path, data = value
            type_ = "setData" if path in replay.znodes else "create"
            value = [path, data, -1] if type_ == "setData" else [path, data, ""]
        return replay.apply(type_, value, step.position, step.session, step.time)

    def _is_repeated(self, step: Step) -> bool:
        """Whether the log has this request a second time; it is done only once."""
        if step.session is None or not step.seq or step.type == "closeSession":
            return False
        entries = self._log.by_request.get((step.session, step.seq), ())
        if len(entries) < 2:
            return False
        first = next((e for e in entries if e.error is None), entries[0])
        return first.index != step.index

    def _late(self, step: Step, ended: int) -> Finding:
        """An update of a session that the log had closed."""
        r = step.request
        what = " ".join((step.type, *paths_of(step.type, step.value)))
        said = f"{what} of session {step.session}" if r is None else who(r)
        text = (
            f"{said} was carried out at {zxid(step.position)}, though its session had ended at "
            f"{zxid(ended)}"
        )
        shown = r or self._latest.get(step.session or "")
        line = max(shown.done, shown.at) if shown is not None else 0
        core = (shown,) if shown is not None else ()
        name = "request after its session's end"
        return Finding("Z9", name, text, shown, line, core, zxids=(ended, step.position))

    def _after_close(self, requests: Sequence[Request]) -> Iterator[Finding]:
        """Reads of sessions that had been closed in the state that they were answered from."""
        for r in requests:
            if r.kind != READ or r.position is None or r.session not in self.closed:
                continue
            ended = self.closed[r.session]
            if r.position >= ended:
                text = (
                    f"{who(r)} was answered from {zxid(r.position)}, though its session had ended "
                    f"at {zxid(ended)}"
                )
                name = "request after its session's end"
                yield Finding("Z9", name, text, r, r.done, (r,), zxids=(ended,))

    # --- where no log reaches

    def _adopt(self, step: Step) -> None:
        """An update of znodes that are unsure: its own outcome says what is known of them."""
        if step.error is not None:
            return
        r = step.request
        told = r.result if r is not None and r.outcome == "ok" else None
        parts = [(step.type, step.value, told)]
        if step.type == "multi":
            results = told if isinstance(told, (list, tuple)) else ()
            parts = [
                (op[0], op[1:], results[i] if i < len(results) else None)
                for i, op in enumerate(step.value)
            ]
        for type_, value, result in parts:
            if type_ == "closeSession":
                self._apply(step)
            elif type_ != "check":
                self._adopt_one(step, type_, value, result)

    def _adopt_one(self, step: Step, type_: str, value: Any, result: Any) -> None:
        replay, unsure = self.replay, self._unsure
        path = value[0]
        flags = (value[2] or "") if type_ == "create" and len(value) > 2 else ""
        if "s" in flags:
            if not (isinstance(result, (list, tuple)) and result and isinstance(result[0], str)):
                unsure.parents.add(split(path)[0])
                return
            path = result[0]
        old = replay.znodes.get(path)
        if type_ == "delete":
            if old is not None:
                replay.forget(path)
            unsure.known(path)
            unsure.parents.add(split(path)[0])
        elif type_ == "create":
            owner = step.session if "e" in flags else None
            self._stands(split(path)[0])
            replay.plant(path, Znode(value[1], step.position, owner, step.time))
            unsure.known(path)
            unsure.parents.add(split(path)[0])
            if "e" in flags and owner is None:
                unsure.znodes.add(path)
        else:
            unsure.znodes.add(path)
        replay.touched[path] = (step.position, step.type)

    def _stands(self, path: str) -> None:
        """A znode is there since another was made below it, whoever made it: so what is below goes
        with it when it goes."""
        if path in self.replay.znodes:
            return
        self._stands(split(path)[0])
        self.replay.plant(path, Znode(None, 0, None, None))
        self._unsure.znodes.add(path)
        self._unsure.parents.update((path, split(path)[0]))

    # --- what was told

    def _told(self, step: Step, r: Request, done: Applied) -> Difference | None:
        """How the answer to an update differs from what the replay makes of it."""
        paths = paths_of(step.type, step.value)
        if r.outcome == "ok":
            if done.code is not None:
                at = f" (operation {done.failed})" if done.failed >= 0 else ""
                return Difference(f"was acknowledged, when it had to be refused: {done.code}{at}",
                                  paths, _zxids(r.result))  # fmt: skip
            return self._result(r.f, step.value, r.result, done.result)
        if r.code not in BY_TREE:
            return None
        if done.code is None:
            return Difference(f"was refused ({r.code}), when nothing stood against it", paths)
        if done.code != r.code and {done.code, r.code} != {"refused", "node-exists"}:
            return Difference(f"was refused with {r.code}, when it had to be {done.code}", paths)
        if done.failed >= 0 and isinstance(r.error, (list, tuple)) and len(r.error) > 1:
            told = str(r.error[1])
            if told.startswith("operation ") and told != f"operation {done.failed}":
                return Difference(
                    f"was refused for its {told}, when it had to be operation {done.failed}", paths
                )
        return None

    def _result(self, f: str, value: Any, told: Any, result: Any) -> Difference | None:
        if f == "create":
            return self._created(value, told, result)
        if f == "setData":
            return self._stat(str(value[0]), told, result)
        if f == "multi":
            if not isinstance(told, (list, tuple)) or len(told) != len(result):
                return Difference(f"was answered {words.value(told)}", paths_of(f, value))
            for op, one, right in zip(value, told, result, strict=True):
                found = self._result(op[0], op[1:], one, right)
                if found is not None:
                    return found
        return None

    def _created(self, value: Any, told: Any, result: Any) -> Difference | None:
        path, stat = result
        if isinstance(told, dict):  # the Stat alone
            return self._stat(path, told, stat)
        if not isinstance(told, (list, tuple)) or len(told) != 2:
            return Difference(f"was answered {words.value(told)}", [path])
        if told[0] != path:
            flags = (value[2] or "") if len(value) > 2 else ""
            text = f"made {told[0]}, when it had to make {path}"
            return Difference(text, [path, *(["?sequential"] if "s" in flags else [])])
        return self._stat(path, told[1], stat)

    def _stat(self, path: str, told: Any, right: dict[str, Any] | None) -> Difference | None:
        if told == right or right is None:
            return None
        if not isinstance(told, dict):
            return Difference(f"was answered {words.value(told)} in place of a Stat", [path])
        skip = OF_CHILDREN if path in self._unsure.parents else ()
        for name, value in told.items():
            if name not in right or name in skip or value == right[name]:
                continue
            if name in ("ctime", "mtime") and right[name] is None:
                continue
            shown, wanted = _field(name, value), _field(name, right[name])
            return Difference(f"had {name} {shown} of {path}, when it was {wanted}", [path],
                              _zxids(told))  # fmt: skip
        return None

    # --- reads

    def _read(self, r: Request) -> Iterator[Finding]:
        position = r.position or 0
        if position & INDEX and self._log.is_past(position):
            if position not in self._dirty:
                self._dirty.add(position)
                text = f"{who(r)} was answered from {zxid(position)}, which is not in the log"
                yield Finding("Z7", "state never committed", text, r, r.done, (r,))
            return
        self._unsure.reach(position & INDEX, self.replay)
        path = r.path
        if path is None or (self._unsure.any and self._unsure.hides(path, self.replay)):
            return
        self.compared += 1
        found = self._seen(r, path)
        if found is not None:
            yield self._differs(r, position, found)

    def _seen(self, r: Request, path: str) -> Difference | None:
        """How the answer to a read differs from the tree as it is now."""
        znode = self.replay.znodes.get(path)
        if r.f in ("read", "cas"):
            return self._register(r, path, znode)
        if r.outcome != "ok":
            if r.code == "no-node" and znode is not None:
                return Difference("was refused (no-node), when the znode was there", [path])
            return None
        if r.f == "exists":
            if r.result is None:
                return None if znode is None else Difference("saw no znode, when it was there",
                                                             [path])  # fmt: skip
            if znode is None:
                return Difference("saw a znode, when there was none", [path], _zxids(r.result))
            return self._stat(path, r.result, stat_of(znode))
        if znode is None:
            return Difference("saw a znode, when there was none", [path], _zxids(r.result))
        if not isinstance(r.result, (list, tuple)) or len(r.result) != 2:
            return Difference(f"was answered {words.value(r.result)}", [path])
        told, stat = r.result
        if r.f == "getChildren":
            return self._children(path, znode, told, stat)
        if told != znode.data and plain(told) != plain(znode.data):
            text = f"saw {words.value(told)}, when it was {words.value(znode.data)}"
            return Difference(text, [path], _zxids(stat))
        return self._stat(path, stat, stat_of(znode))

    def _register(self, r: Request, path: str, znode: Znode | None) -> Difference | None:
        if r.outcome == "ok":
            told = r.result
        elif r.code == "precondition-failed" and r.observed is not UNSET:
            told = r.observed
        else:
            return None
        data = None if znode is None else znode.data
        if told == data or plain(told) == plain(data):
            return None
        return Difference(f"saw {words.value(told)}, when it was {words.value(data)}", [path])

    def _children(self, path: str, znode: Znode, told: Any, stat: Any) -> Difference | None:
        if path in self._unsure.parents:
            return self._stat(path, stat, stat_of(znode))
        names = names_of(znode)
        if told == names:
            return self._stat(path, stat, stat_of(znode))
        if not isinstance(told, (list, tuple)) or sorted(told) != list(told):
            return Difference(f"saw children {words.value(told)}, which is no sorted list", [path])
        wrong = sorted(set(told) ^ set(names))
        if not wrong:
            return self._stat(path, stat, stat_of(znode))
        first = wrong[0]
        saw = "saw" if first in told else "did not see"
        was = "when that was not there" if first in told else "when that was there"
        prefix = "" if path == ROOT else path
        paths = [path, *(f"{prefix}/{name}" for name in wrong)]
        return Difference(f"{saw} child {first}, {was}", paths, _zxids(stat))

    # --- names

    def _differs(self, r: Request, position: int, found: Difference) -> Finding:
        rule, name, because, core = self._explained(r, position, found)
        verb = "at its zxid" if r.kind == WRITE else "at the zxid of its answer,"
        text = f"{who(r)} {found.text}, {verb} {zxid(position)}{because}"
        forces = [_force(cause, r, position) for cause in core]
        since = [z for z in self._last(found) if self._log.at(z) is not None]
        if rule == "Z11" and (multi := self._torn(r, position, found)) is not None:
            since = [multi.position]
        zxids = tuple(sorted({position, *since})) if r.kind == WRITE else tuple(sorted(set(since)))
        return Finding(rule, name, text, r, r.done, (*core, r), tuple(forces), zxids)

    def _explained(
        self, r: Request, position: int, found: Difference
    ) -> tuple[str, str, str, tuple[Request, ...]]:
        """Rule, name, what to add in words, and the requests that bear on it."""
        replay, by_zxid = self.replay, self._placed.by_zxid
        if "?sequential" in found.paths:
            made = _name(r.result)
            given = replay.touched.get(made) if made else None
            again = f": {made} had been given at {zxid(given[0])}" if given else ""
            earlier = by_zxid.get(given[0]) if given else None
            if given and given[0] < position:
                return "Z10", "sequence number reused", again, (earlier,) if earlier else ()
            return "Z10", "sequence number wrong", "", ()
        for path in found.paths:
            last = replay.touched.get(path)
            if last is None or last[1] != "closeSession" or path in replay.znodes:
                continue
            if "no-node" not in found.text and "did not see" not in found.text:
                maker = self._maker(r, path)
                text = f": {path} was ephemeral, and its session had ended at {zxid(last[0])}"
                return "Z9", "ephemeral outlived its session", text, maker
        multi = self._torn(r, position, found)
        if multi is not None:
            cause = multi.request
            was = "had been refused" if multi.error is not None else "is all or nothing"
            text = f": the multi at {zxid(multi.position)}, which {was}, was done in part"
            return "Z11", "torn multi", text, (cause,) if cause and cause is not r else ()
        causes = [by_zxid.get(z) for z in dict.fromkeys((*self._last(found), *found.zxids))]
        core = tuple({c.at: c for c in causes if c is not None and c is not r}.values())[:3]
        return "Z3", "reply differs from the state", self._since(found, position), core

    def _maker(self, r: Request, path: str) -> tuple[Request, ...]:
        stat = r.result if r.f == "exists" else None
        if r.f in ("getData", "getChildren") and isinstance(r.result, (list, tuple)):
            stat = r.result[-1]
        made = stat.get("czxid") if isinstance(stat, dict) and r.path == path else None
        maker = self._placed.by_zxid.get(made) if isinstance(made, int) else None
        return (maker,) if maker is not None and maker is not r else ()

    def _torn(self, r: Request, position: int, found: Difference) -> Step | None:
        """The multi that was done only in part, where that explains a difference: what it did has
        its zxid, so that a Stat tells whether there is anything of it."""
        for z in found.zxids:
            step = self._multis.get(z)
            if step is None and z > position:
                entry = self._log.at(z)
                if entry is not None and entry.type == "multi":
                    return Step(entry, self._placed.by_zxid.get(z), z)
            if step is not None and (step.error is not None or z > position):
                return step
        for path in found.paths:
            last = self.replay.touched.get(path)
            refused = self._refused.get(path, -1)
            is_own = refused == position  # then it is only refused otherwise than it had to be
            if refused > (last[0] if last else 0) and not found.zxids and not is_own:
                return self._multis[refused]
            if r.kind == WRITE and not found.zxids:
                continue  # nothing of what it was told shows the znode
            step = self._multis.get(last[0]) if last is not None and last[1] == "multi" else None
            if step is not None and (step.position not in found.zxids or _parts(step, path) > 1):
                return step
        return None

    def _last(self, found: Difference) -> list[int]:
        touched = self.replay.touched
        return [touched[path][0] for path in found.paths if path in touched]

    def _since(self, found: Difference, position: int) -> str:
        last = max(self._last(found), default=0)
        if not last or last == position:
            return ""
        return f"; what it is about had last changed at {zxid(last)}"


def _force(cause: Request, r: Request, position: int) -> Force:
    """An edge from what had been done to the reply that does not fit it."""
    at = zxid(cause.position) if cause.position is not None else "it"
    if cause.position is not None and cause.position > position:
        return Force(cause, r, "wr", f"{at} is after {zxid(position)}")
    return Force(cause, r, "zxid" if r.kind == WRITE else "wr", f"{at} is part of {zxid(position)}")


def paths_of(type_: str, value: Any) -> list[str]:
    """The znodes that an update names."""
    if type_ == "multi":
        return [op[1] for op in value if len(op) > 1]
    if type_ == "closeSession" or not isinstance(value, (list, tuple)) or not value:
        return []
    return [value[0]] if is_path(value[0]) or isinstance(value[0], str) else []


def _is_anybodys(step: Step) -> bool:
    """Whether an update makes an ephemeral of a session that nobody was told of: it may end at any
    time."""
    if step.type not in ("create", "multi"):
        return False
    parts = step.value if step.type == "multi" else [("create", *step.value)]
    flags = [part[3] for part in parts if part[0] == "create" and len(part) > 3]
    return any("e" in (one or "") for one in flags)


def _parts(multi: Step, path: str) -> int:
    """How many of a multi's operations change a znode's Stat."""
    return sum(path in (named, split(named)[0]) for named in paths_of("multi", multi.value))


def _name(result: Any) -> str | None:
    ok = isinstance(result, (list, tuple)) and result and isinstance(result[0], str)
    return result[0] if ok else None


def _zxids(result: Any) -> list[int]:
    """The zxids that a reply's Stats name."""
    if isinstance(result, dict):
        found = (result.get(name) for name in ("czxid", "mzxid", "pzxid"))
        return [z for z in found if type(z) is int]
    if isinstance(result, (list, tuple)):
        return [z for one in result for z in _zxids(one)]
    return []


def _field(name: str, value: Any) -> str:
    if name in ("czxid", "mzxid", "pzxid") and type(value) is int:
        return zxid(value)
    return words.value(value)


__all__ = ["Comparison", "Step", "data_length", "paths_of", "steps"]
