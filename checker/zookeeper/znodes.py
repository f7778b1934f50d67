"""What one copy of the service would answer: registers alone, or a whole tree of znodes.

States are immutable and hashable, for a search. Values in them are tagged (checker.model.tag), so
that 1 is not True. A Stat is compared in what does not depend on zxids and clocks: version,
cversion, numChildren and whose ephemeral it is.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from msgspec import UNSET, Struct

from checker.model import freeze, tag
from checker.zookeeper.request import BY_TREE, Request

ANY_VERSION = -1

State = Any  # of a model; hashable


class Act(Struct, frozen=True, gc=False):
    """One request as a model sees it.

    `owner` is whose ephemerals it makes. `refusal` is [code] or [code, place in the multi], None
    where it was done; `unseen` says that nobody saw its result. `f` "expire" is the end of a
    session that nobody asked for.
    """

    f: str
    value: Any
    result: Any
    owner: Hashable
    refusal: tuple[Any, ...] | None = None
    unseen: bool = False

    @property
    def observes(self) -> bool:
        """Whether it never changes anything."""
        return self.refusal is not None or self.f in OBSERVERS


OBSERVERS = frozenset({"read", "not", "exists", "getData", "getChildren", "sync"})


class Refused(Exception):
    """The tree would refuse this, with such a code."""


# --- registers


class Registers:
    """Values by key; None before anything was written. cas takes (old, new); "not" is a read that
    is known only not to have seen its value."""

    def initial(self) -> State:
        """Nothing written."""
        return ()

    def step(self, state: State, act: Act) -> State | None:
        """The state after this; None if it cannot have gone like that."""
        if act.f == "sync":
            return state
        key, value = act.value
        now = dict(state).get(key)
        if act.f == "write":
            return _put(state, key, value)
        if act.f == "cas":
            return _put(state, key, value[1]) if now == value[0] else None
        if act.f == "not":
            return state if now != value else None
        return state if now == act.result else None

    def shown(self, act: Act) -> tuple[Hashable, Any] | None:
        """Where a read has seen which value: (place, value)."""
        if act.f == "read":
            return act.value[0], act.result
        return (act.value[0], act.value[1][0]) if act.f == "cas" else None

    def written(self, act: Act) -> list[tuple[Hashable, Any]]:
        """Which values this puts where."""
        if act.f == "write":
            return [act.value]
        return [(act.value[0], act.value[1][1])] if act.f == "cas" else []

    def holds(self, state: State, place: Hashable, value: Any) -> bool:
        """Whether that value is there."""
        return bool(dict(state).get(place) == value)


def _put(state: State, key: Any, value: Any) -> State:
    rest = [pair for pair in state if pair[0] != key]
    if value is not None:
        rest.append((key, value))
    rest.sort(key=repr)
    return tuple(rest)


# --- the tree

Znode = tuple[Any, int, int, Any]  # data, version, cversion, owner (None: persistent)
Znodes = dict[str, Znode]


class Trees:
    """A tree of znodes, by ZooKeeper's rules; registers are the znodes /k<key>."""

    def initial(self) -> State:
        """The root alone."""
        return (("/", (None, 0, 0, None)),)

    def step(self, state: State, act: Act) -> State | None:
        """The state after this; None if it cannot have gone like that."""
        if act.f == "sync":
            return state
        znodes = dict(state)
        try:
            result = _do(znodes, act)
        except Refused as refusal:
            return state if refusal.args == act.refusal else None
        if act.refusal is not None:
            return None
        if not act.unseen and not _fits(act, result):
            return None
        return state if act.observes else tuple(sorted(znodes.items()))

    def shown(self, act: Act) -> tuple[Hashable, Any] | None:
        """Where a read has seen which data."""
        if act.f == "getData" and act.refusal is None and not act.unseen:
            return act.value, act.result[0]
        if act.f == "read":
            return _register(act.value[0]), act.result
        return (_register(act.value[0]), act.value[1][0]) if act.f == "cas" else None

    def written(self, act: Act) -> list[tuple[Hashable, Any]]:
        """Which data this puts where (of a sequential create: at the path that it was told)."""
        if act.refusal is not None:
            return []
        if act.f in ("write", "cas"):
            return [(_register(k), d) for k, d in Registers().written(act)]
        parts = act.value if act.f == "multi" else [(act.f, *act.value)] if act.f in _WRITES else []
        results = act.result if act.f == "multi" and not act.unseen else [act.result] * len(parts)
        found = []
        for part, result in zip(parts, results, strict=False):
            if part[0] in ("create", "setData"):
                path = part[1]
                if part[0] == "create" and "s" in part[3]:
                    path = None if act.unseen else _path_told(result)
                found.append((path, part[2]))
        return found

    def holds(self, state: State, place: Hashable, value: Any) -> bool:
        """Whether that data is there."""
        for path, znode in state:
            if path == place:
                return bool(znode[0] == value)
        return value is None


_WRITES = ("create", "setData", "delete")


def _do(znodes: Znodes, act: Act) -> Any:
    f, value = act.f, act.value
    if f == "multi":
        results = []
        for i, part in enumerate(value):
            try:
                results.append(_write(znodes, part, act.owner))
            except Refused as refusal:
                raise Refused(*refusal.args, i) from None
        return results
    if f in _WRITES:
        return _write(znodes, (f, *value), act.owner)
    if f in ("close", "expire"):
        for path in [path for path, znode in znodes.items() if znode[3] == act.owner]:
            _remove(znodes, path)
        return None
    if f in ("read", "write", "cas", "not"):
        return _register_do(znodes, act)
    znode = znodes.get(value)
    if f == "exists":
        return None if znode is None else _stat(znodes, value)
    if znode is None:
        raise Refused("no-node")
    shown = _children(znodes, value) if f == "getChildren" else znode[0]
    return shown, _stat(znodes, value)


def _register_do(znodes: Znodes, act: Act) -> Any:
    key, value = act.value
    path = _register(key)
    now = znodes[path][0] if path in znodes else None
    if act.f == "read":
        return now
    if act.f == "not":
        if now == value:
            raise Refused
        return None
    if act.f == "cas" and now != value[0]:
        raise Refused
    new = value[1] if act.f == "cas" else value
    f = ("setData", path, new, ANY_VERSION) if path in znodes else ("create", path, new, "")
    _write(znodes, f, act.owner)
    return act.result


def _register(key: Any) -> str:
    return f"/k{key}"


def _write(znodes: Znodes, part: Any, owner: Hashable) -> Any:
    f, path, *rest = part
    if f == "create":
        return _create(znodes, path, rest[0], rest[1], owner)
    znode = znodes.get(path)
    if znode is None:
        raise Refused("no-node")
    _, version, cversion, whose = znode
    if rest[-1] not in (ANY_VERSION, version):
        raise Refused("bad-version")
    if f == "setData":
        znodes[path] = (rest[0], version + 1, cversion, whose)
        return _stat(znodes, path)
    if f == "delete":
        if _children(znodes, path):
            raise Refused("not-empty")
        _remove(znodes, path)
    return None


def _create(znodes: Znodes, path: str, data: Any, flags: str, owner: Hashable) -> Any:
    above = _parent(path)
    parent = znodes.get(above)
    if parent is None:
        raise Refused("no-node")
    if parent[3] is not None:
        raise Refused("no-children-for-ephemerals")
    actual = f"{path}{parent[2]:010d}" if "s" in flags else path
    if actual in znodes:
        raise Refused("node-exists")
    znodes[actual] = (data, 0, 0, owner if "e" in flags else None)
    _count_change(znodes, above)
    return actual, _stat(znodes, actual)


def _remove(znodes: Znodes, path: str) -> None:
    del znodes[path]
    _count_change(znodes, _parent(path))


def _count_change(znodes: Znodes, path: str) -> None:
    data, version, cversion, owner = znodes[path]
    znodes[path] = (data, version, cversion + 1, owner)


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _children(znodes: Znodes, path: str) -> tuple[str, ...]:
    under = path if path == "/" else path + "/"
    names = (p[len(under) :] for p in znodes if p != "/" and p.startswith(under))
    return tuple(sorted(name for name in names if "/" not in name))


def _stat(znodes: Znodes, path: str) -> dict[str, Any]:
    _, version, cversion, owner = znodes[path]
    children = len(_children(znodes, path))
    numbers = {"version": version, "cversion": cversion, "numChildren": children}
    return {**numbers, "ephemeralOwner": owner}


# --- whether an answer is what it should be


def _fits(act: Act, expected: Any) -> bool:
    told = act.result
    if act.f == "multi":
        if not isinstance(told, tuple) or len(told) != len(expected):
            return not isinstance(told, tuple)
        return all(_fits_one(p[0], t, e) for p, t, e in zip(act.value, told, expected, strict=True))
    return _fits_one(act.f, told, expected)


def _fits_one(f: str, told: Any, expected: Any) -> bool:
    if f == "create":
        path, stat = _path_told(told), told[1] if isinstance(told, tuple) else told
        return path in (None, expected[0]) and _stat_fits(stat, expected[1])
    if f == "setData":
        return _stat_fits(told, expected)
    if f == "exists":
        return (told is None) == (expected is None) and _stat_fits(told, expected)
    if f in ("getData", "getChildren"):
        return bool(told[0] == expected[0]) and _stat_fits(told[1], expected[1])
    return f in ("delete", "check", "close", "expire") or bool(told == expected)


def _path_told(told: Any) -> str | None:
    """The path that a create was told: alone, or beside a Stat."""
    first = told[0] if isinstance(told, tuple) and told else told
    return first if isinstance(first, str) else None


def _stat_fits(told: Any, expected: Any) -> bool:
    if not isinstance(told, Mapping):
        return True
    for name, value in expected.items():
        if name == "ephemeralOwner":
            if name in told and not _is_owner(told[name], value):
                return False
        elif name in told and told[name] != value:
            return False
    return True


def _is_owner(told: Any, owner: Hashable) -> bool:
    """Whether an owner that was told may be this one; ours is a process where no session is
    known."""
    if not told or told == "0x0":
        return owner is None
    return owner is not None and (not isinstance(owner, str) or told == owner)


# --- from requests to acts


def act_of(r: Request, owner: Hashable) -> Act | None:
    """The request as an act; None if it tells nothing, or has certainly not taken effect."""
    if r.outcome == "fail":
        return _refused(r, owner)
    if r.outcome != "ok" and (r.f == "sync" or r.f in OBSERVERS):
        return None
    unseen = r.outcome != "ok"
    return Act(r.f, _value(r), None if unseen else _result(r), owner, None, unseen)


def _refused(r: Request, owner: Hashable) -> Act | None:
    if r.f == "cas":
        if r.code != "precondition-failed":
            return None
        key = tag(freeze(r.key))
        if r.observed is UNSET:
            return Act("not", (key, tag(freeze(r.value[0]))), None, owner)
        return Act("read", (key, None), tag(freeze(r.observed)), owner)
    if r.code not in BY_TREE or r.f in ("read", "write", "sync", "close"):
        return None
    refusal: tuple[Any, ...] = (r.code,)
    if r.f == "multi":
        refusal = (r.code, int(r.error[1].rpartition(" ")[2]))
    return Act(r.f, _value(r), None, owner, refusal)


def _value(r: Request) -> Any:
    """The argument, as the model takes it: a path without its watch, versions and flags filled
    in."""
    if r.f in ("read", "write", "cas"):
        value = tag(freeze(r.value)) if r.f == "write" else None
        if r.f == "cas":
            value = (tag(freeze(r.value[0])), tag(freeze(r.value[1])))
        return tag(freeze(r.key)) if r.key is not UNSET else None, value
    if r.f == "multi":
        return tuple(_part(part) for part in r.value)
    if r.f in _WRITES:
        return _part((r.f, *r.value))[1:]
    return r.path


def _part(part: Any) -> tuple[Any, ...]:
    f, path, *rest = part
    if f in ("create", "setData"):
        rest[0] = tag(freeze(rest[0]))
    if len(rest) < (2 if f in ("create", "setData") else 1):
        rest.append("" if f == "create" else ANY_VERSION)
    if f == "create" and rest[1] is None:
        rest[1] = ""
    return f, path, *rest


def _result(r: Request) -> Any:
    if r.f == "read":
        return tag(freeze(r.result))
    if r.f == "getData":
        return tag(freeze(r.result[0])), r.result[1]
    if r.f == "getChildren":
        return tuple(r.result[0]), r.result[1]
    if r.f == "multi" and r.result is not None:
        return tuple(tuple(one) if isinstance(one, list) else one for one in r.result)
    return tuple(r.result) if isinstance(r.result, list) else r.result
