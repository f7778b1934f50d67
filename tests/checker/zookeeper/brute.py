"""Ordered sequential consistency by trying every order: slow, and obviously what it says.

Also random histories to try it on, made by a small service that keeps the guarantee, or breaks it
in one of several ways. Nothing of the checker is used here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from random import Random
from typing import Any, ClassVar

from msgspec import UNSET, Struct

from harness.history import History
from harness.op import Op

NEVER = 10**9


class Did(Struct):
    """One operation, as the oracle takes it. `outcome`: ok, fail, info or open."""

    f: str
    value: Any
    key: Any
    process: int
    session: str | None
    seq: int | None
    call: int
    ret: int = NEVER
    outcome: str = "open"
    result: Any = None
    error: Any = None
    place: int = 0
    told: bool = False  # whether the completion named session and seq

    @property
    def whose(self) -> Hashable:
        return self.session if self.session is not None else self.process

    @property
    def is_read(self) -> bool:
        return self.f in ("read", "exists", "getData", "getChildren") or (
            self.f == "cas" and self.outcome == "fail"
        )


# --- the brute force


def has_order(dids: Sequence[Did], model: Any, real_time: bool) -> bool:
    """Whether some order of all that was done, and some of what may have been, is legal."""
    ops = [d for d in dids if _tells(d)] + list(_ends(dids)) * (model is Tree)
    before = [[_is_before(a, b, real_time) for b in ops] for a in ops]
    return _extend(ops, before, [], model.initial, model)


def _tells(d: Did) -> bool:
    if d.outcome == "fail":
        return d.error in TELLING or isinstance(d.error, list)
    return d.outcome == "ok" or not (d.is_read or d.f == "sync")


TELLING = ("precondition-failed", "no-node", "node-exists", "bad-version", "not-empty",
           "no-children-for-ephemerals")  # fmt: skip


def _ends(dids: Sequence[Did]) -> Iterator[Did]:
    """A session that may have made an ephemeral may end: after all that it certainly did; at any
    time, and as often as it may have made some, where nobody knows which session it was."""
    for whose in {d.whose: None for d in dids}:
        mine = [d for d in dids if d.whose == whose and d.outcome != "fail" and _is_ephemeral(d)]
        if mine and isinstance(whose, str):
            yield Did("expire", None, None, -1, whose, NEVER, 0)
        elif mine:
            yield from (Did("expire", None, None, mine[0].process, None, None, 0) for _ in mine)


def _is_ephemeral(d: Did) -> bool:
    if d.f == "multi":
        return any(part[0] == "create" and "e" in part[3] for part in d.value)
    return d.f == "create" and len(d.value) > 2 and "e" in d.value[2]


def _is_before(a: Did, b: Did, real_time: bool) -> bool:
    if a.whose == b.whose and "expire" not in (a.f, b.f):
        if a.seq is not None and b.seq is not None:
            return a.seq < b.seq
        if a.seq is None and b.seq is None and a.process == b.process:
            return a.place < b.place
        return a.ret < b.call
    if b.f == "expire":
        return a.whose == b.whose and b.seq is not None and a.outcome in ("ok", "fail")
    if a.f == "expire":
        return False
    return real_time and not b.is_read and a.ret < b.call


def _extend(ops: Sequence[Did], before: Any, order: list[int], state: Any, model: Any) -> bool:
    rest = [i for i in range(len(ops)) if i not in order]
    must = [i for i in rest if ops[i].outcome in ("ok", "fail")]
    if not must:
        return True
    for i in rest:
        if any(before[j][i] for j in must) or any(before[i][j] for j in order):
            continue
        after = model.after(state, ops[i])
        if after is not None and _extend(ops, before, [*order, i], after, model):
            return True
    return False


# --- two models


class Registers:
    """Values by key."""

    initial: ClassVar[Any] = {}

    @staticmethod
    def do(state: dict[Any, Any], d: Did) -> tuple[Any, Any, dict[Any, Any]]:
        """(result, error, state after)"""
        now = state.get(d.key)
        if d.f == "write":
            return d.value, None, {**state, d.key: d.value}
        if d.f == "cas":
            if now != d.value[0]:
                return None, ("precondition-failed", now), state
            return d.value, None, {**state, d.key: d.value[1]}
        return (now if d.f == "read" else None), None, state

    @classmethod
    def after(cls, state: dict[Any, Any], d: Did) -> dict[Any, Any] | None:
        if d.outcome == "fail":
            return state if state.get(d.key) == d.result else None
        result, error, then = cls.do(state, d)
        if error is not None:
            return None
        return then if d.outcome != "ok" or d.f != "read" or result == d.result else None


class Tree:
    """Znodes as [data, version, cversion, owner] by path."""

    initial: ClassVar[Any] = {"/": [None, 0, 0, None]}

    @classmethod
    def do(cls, state: dict[str, Any], d: Did) -> tuple[Any, Any, dict[str, Any]]:
        tree = {path: list(znode) for path, znode in state.items()}
        owner = d.whose
        if d.f in ("close", "expire"):
            for path in [p for p, z in tree.items() if z[3] == owner and z[3] is not None]:
                tree[_above(path)][2] += 1
                del tree[path]
            return None, None, tree
        if d.f == "multi":
            results = []
            for i, (f, *value) in enumerate(d.value):
                result = cls._one(tree, f, value, owner)
                if isinstance(result, str):
                    return None, [result, f"operation {i}"], state
                results.append(result)
            return results, None, tree
        value = d.value if isinstance(d.value, list) else [d.value]
        result = cls._one(tree, d.f, value, owner)
        if isinstance(result, str):
            return None, result, state
        return result, None, tree

    @classmethod
    def _one(cls, tree: dict[str, Any], f: str, value: list[Any], owner: Hashable) -> Any:
        if f == "sync":
            return None
        path = value[0]
        if f == "create":
            flags = value[2] if len(value) > 2 else ""
            if _above(path) not in tree:
                return "no-node"
            if tree[_above(path)][3] is not None:
                return "no-children-for-ephemerals"
            if "s" in flags:
                path += f"{tree[_above(path)][2]:010d}"
            if path in tree:
                return "node-exists"
            tree[path] = [value[1], 0, 0, owner if "e" in flags else None]
            tree[_above(path)][2] += 1
            return [path, cls._stat(tree, path)]
        if path not in tree:
            return None if f == "exists" else "no-node"
        below = sorted(p.rpartition("/")[2] for p in tree if p != "/" and _above(p) == path)
        if f in ("setData", "delete", "check") and value[-1] not in (-1, tree[path][1]):
            return "bad-version"
        if f == "delete":
            if below:
                return "not-empty"
            del tree[path]
            tree[_above(path)][2] += 1
            return None
        if f == "setData":
            tree[path][0], tree[path][1] = value[1], tree[path][1] + 1
        if f == "check":
            return None
        stat = cls._stat(tree, path)
        shown = {"getData": tree[path][0], "getChildren": below}
        return [shown[f], stat] if f in shown else stat

    @staticmethod
    def _stat(tree: dict[str, Any], path: str) -> dict[str, Any]:
        _, version, cversion, owner = tree[path]
        children = sum(p != "/" and _above(p) == path for p in tree)
        told = owner if owner is None or isinstance(owner, str) else 1
        numbers = {"version": version, "cversion": cversion, "numChildren": children}
        return {**numbers, "ephemeralOwner": told}

    @classmethod
    def after(cls, state: dict[str, Any], d: Did) -> dict[str, Any] | None:
        result, error, then = cls.do(state, d)
        if d.outcome == "fail":
            return state if error == d.error else None
        if error is not None:
            return None
        return then if d.outcome != "ok" or _alike(d.result, result) else None


def _alike(told: Any, result: Any) -> bool:
    """The same, but that an ephemeral of an unknown session may be anybody's."""
    if isinstance(told, dict) and isinstance(result, dict) and result["ephemeralOwner"] == 1:
        return told["ephemeralOwner"] is not None and _alike(
            {**told, "ephemeralOwner": None}, {**result, "ephemeralOwner": None}
        )
    if isinstance(told, list) and isinstance(result, list) and len(told) == len(result):
        return all(map(_alike, told, result))
    return bool(told == result)


def _above(path: str) -> str:
    return path.rpartition("/")[0] or "/"


# --- random histories


class Service:
    """Sessions that read at places of one log. `breaks` is the share of steps that go wrong."""

    def __init__(self, model: Any, rng: Random, breaks: float) -> None:
        self.model, self.rng, self.breaks = model, rng, breaks
        self.states = [model.initial]
        self.at: dict[Hashable, int] = {}

    def do(self, d: Did) -> tuple[Any, Any]:
        """Carry it out: (result, error)."""
        wrong = self.rng.random() < self.breaks
        low, high = self.at.get(d.whose, 0), len(self.states) - 1
        if d.f in ("sync", "expire") or not (d.is_read or d.f == "cas"):
            result, error, then = self.model.do(self.states[-1], d)
            if d.f != "sync" and not wrong:
                self.states.append(then)
            if d.f != "sync" or not wrong:
                self.at[d.whose] = len(self.states) - 1
            return result, error
        if d.f == "cas":
            result, error, then = self.model.do(self.states[-1], d)
            if error is None:
                self.states.append(then)
                self.at[d.whose] = len(self.states) - 1
            return result, error
        self.at[d.whose] = self.rng.randint(0 if wrong else low, high)
        result, error, _ = self.model.do(self.states[self.at[d.whose]], d)
        return result, error


def random_history(rng: Random, tree: bool) -> tuple[list[Did], History]:
    """At most 8 operations of up to 4 processes, with or without sessions, with equal times."""
    model = Tree if tree else Registers
    breaks = rng.choice((0, 0.6, 1, 1) if tree else (0, 0.3, 0.6, 1))
    service = Service(model, rng, breaks)
    named = rng.random() < 0.6
    ask = _tree_ops(rng) if tree else _register_ops(rng)
    width, count = rng.randint(1, 4), rng.choice((2, 3, 4, 5, 6, 7, 8, 8))
    lines: list[Op] = []
    dids: list[Did] = []
    open_: dict[int, Did] = {}
    queues: dict[Hashable, list[Did]] = {}
    seqs: dict[str, int] = {}
    names = [f"0x{rng.randint(1, 2)}" for _ in range(width)]
    shift = 0
    now = 0

    def run(d: Did) -> None:
        """Carry out what its session asked for, up to this."""
        queue = queues[d.whose]
        while d in queue:
            first = queue.pop(0 if rng.random() >= breaks else -1)
            first.result, first.error = service.do(first)

    while len(dids) < count or (open_ and rng.random() < 0.9):
        now += rng.choice((0, 0, 1, 2))
        thread = rng.randrange(width)
        d = open_.get(thread)
        if d is None:
            if len(dids) == count:
                continue
            f, value, key = next(ask)
            if f == "close" and not named:
                continue
            session = names[thread] if named else None
            seq = None
            if session is not None:
                seq = seqs[session] = seqs.get(session, 0) + 1
            d = Did(f, value, key, thread + shift * width, session, seq, now, place=len(lines))
            open_[thread] = d
            dids.append(d)
            queues.setdefault(d.whose, []).append(d)
            where = UNSET if key is None else key
            lines.append(Op(-1, now, d.process, "invoke", f, value, UNSET, where))
            continue
        draw = rng.random()
        if draw < 0.3:
            run(d)
            continue
        _complete(d, now, rng, run, queues, breaks)
        fields: dict[str, Any] = {}
        if d.session is not None:
            d.told = True
            fields["session"] = d.session
            if rng.random() < 0.1:
                d.seq = None
            else:
                fields["seq"] = d.seq
        if d.f == "cas" and d.outcome == "fail":
            fields["observed"] = d.result
        error = UNSET if d.outcome == "ok" else d.error
        value = d.value if d.outcome == "info" else None if d.outcome == "fail" else d.result
        key = UNSET if d.key is None else d.key
        lines.append(Op(-1, now, d.process, d.outcome, d.f, value, error, key, **fields))
        del open_[thread]
        if d.outcome == "info":
            shift += 1
    for d in open_.values():
        d.session, d.seq = None, None
    for d in dids:
        if d.outcome == "info":
            d.ret = NEVER
    return dids, History(lines)


def _complete(d: Did, now: int, rng: Random, run: Any, queues: Any, breaks: float) -> None:
    draw = rng.random()
    if draw < 0.12:
        d.outcome, d.error = "info", "timeout"
        if rng.random() < 0.5 and d in queues[d.whose]:
            queues[d.whose].remove(d)
        return
    d.ret = now
    if draw < 0.16 and d in queues[d.whose]:
        queues[d.whose].remove(d)
        d.outcome, d.error = "fail", "unavailable"
        return
    run(d)
    d.outcome = "ok" if d.error is None else "fail"
    if isinstance(d.error, tuple):
        d.error, d.result = d.error
    if d.outcome == "ok" and d.f == "read" and rng.random() < breaks / 2:
        d.result = rng.choice((None, 1, 2, 3))
    elif d.outcome == "ok" and d.f in SPOILT and rng.random() < breaks / 1.5:
        d.result = _spoilt(d.result, rng)


SPOILT = ("exists", "getData", "getChildren", "setData", "create", "multi")


def _spoilt(result: Any, rng: Random) -> Any:
    """Another answer, that might just be right at another moment."""
    if isinstance(result, list):
        first = rng.choice((1, 2, 3)) if isinstance(result[0], int) else result[0]
        return [first, _spoilt(result[1], rng)]
    if isinstance(result, dict):
        name = rng.choice(("version", "cversion", "numChildren"))
        return {**result, name: rng.choice((0, 1, 2))}
    return result


def _register_ops(rng: Random) -> Iterator[tuple[str, Any, Any]]:
    few = rng.random() < 0.5
    value = 0
    while True:
        value = rng.randint(1, 3) if few else value + 1
        f = rng.choice(("read", "read", "read", "write", "write", "cas", "sync"))
        key = None if f == "sync" else rng.randint(1, 2)
        old = rng.choice((None, *range(1, value + 1)))
        yield f, {"write": value, "cas": [old, value]}.get(f), key


PATHS = ("/a", "/a", "/b", "/a/x")


def _tree_ops(rng: Random) -> Iterator[tuple[str, Any, Any]]:
    kinds = ("create",) * 4 + ("setData", "delete", "multi", "close", "sync")
    reads = ("exists", "getData", "getChildren")
    few = rng.random() < 0.3
    value = 0
    while True:
        value = rng.randint(1, 3) if few else value + 1
        f = rng.choice(reads if rng.random() < 0.45 else kinds)
        path = rng.choice(PATHS)
        if f in reads:
            yield f, rng.choice((path, "/") if f == "getChildren" else (path,)), None
        elif f == "multi":
            yield f, [_part(rng, value), _part(rng, value + 100)], None
        elif f in ("close", "sync"):
            yield f, None, None
        else:
            yield f, _part(rng, value, f)[1:], None


def _part(rng: Random, value: int, f: str | None = None) -> list[Any]:
    f = f or rng.choice(("create", "create", "setData", "delete", "check"))
    path, version = rng.choice(PATHS), rng.choice((-1, -1, 0, 1))
    if f == "create":
        flags = rng.choice(("", "", "e", "s", "es"))
        return [f, rng.choice(("/q-", "/a/q-")) if "s" in flags else path, value, flags]
    return [f, path, value, version] if f == "setData" else [f, path, version]
