"""The ZooKeeper-like service in `weaklink shell`: its commands, and its answers in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import UNSET

from harness.clock import show
from harness.core import Dump
from harness.error import UserError, nearest
from harness.op import INFO, OK, Op
from harness.shell.dialect import GIVEN_UP, Request, Touch, Usage
from harness.system import System
from systems.zookeeper.command import ANY_VERSION
from systems.zookeeper.staying import staying
from systems.zookeeper.system import ZooKeeper
from systems.zookeeper.znode import is_path, split

USAGES = (
    Usage("ls PATH", "the names of a znode's children"),
    Usage("get PATH", "a znode's data"),
    Usage("set PATH DATA [VERSION]", "new data, if the version is this one"),
    Usage("create [-e] [-s] PATH [DATA]", "a znode: -e goes with this session, -s is numbered"),
    Usage("delete PATH [VERSION]", "remove a znode without children"),
    Usage("stat/exists PATH", "whether a znode is there, and its numbers"),
    Usage("watch PATH [KIND]", "hear once of a change; KIND is exists (default), data or children"),
    Usage("sync", "what this node answers next has every write acknowledged by now"),
    Usage(
        "multi WRITE; WRITE...", "all or none: multi create /a 1; set /b 2; check /c 3; delete /d"
    ),
    Usage("close", "end this session and its ephemeral znodes; the next command opens one"),
)
WATCHES = {"data": "getData", "exists": "exists", "children": "getChildren"}
PARTS = ("create", "set", "check", "delete")  # of a multi
EVENTS = {
    "created": "{path} was created",
    "changed": "the data of {path} was changed",
    "deleted": "{path} was deleted",
    "child": "the children of {path} changed",
}
ERRORS = {
    "no-node": "there is no {path}",
    "node-exists": "there is one already",
    "bad-version": "the version is not {version}",
    "not-empty": "it has children",
    "no-children-for-ephemerals": "an ephemeral znode has no children",
    "session-expired": "the session is over: the majority has not heard of it for its timeout; "
    "the next command opens another",
    "connection-lost": "the session went to another node meanwhile",
    "unavailable": "no node had a session for us: is there a majority?",
}


class Shell:
    """A harness.shell.dialect.Dialect. A node that is cut off answers reads for a session's
    timeout, so that is long enough for a person; an operation's own is short."""

    usages = USAGES
    options: Mapping[str, Any] = {
        "timeout": "3s",
        "session_timeout": "30s",
        "snapshot_every": 0,  # so that a dump says what was applied
    }

    def __init__(self) -> None:
        self._patience = ""  # a session's timeout, in words

    def prepare(self, system: System) -> System:
        """With clients whose session stays where it was opened as long as it can."""
        assert isinstance(system, ZooKeeper)
        system.client_type = staying(system.client_type)
        self._patience = f" ({show(system.session_timeout)})"
        return system

    def parse(self, words: Sequence[str]) -> Request:
        """A command as an operation; raises UserError."""
        word, *rest = words
        if word == "watch":
            return _watch(rest)
        if word == "multi":
            return Request("multi", [_part(part) for part in _parts(rest)])
        if word in ("sync", "close"):
            if rest:
                raise UserError(f"{word}: nothing comes after it, got {' '.join(rest)!r}")
            return Request(word)
        if word in PARTS:
            f, *value = _write(word, rest)
            return Request(f, value)
        _between(word, rest, 1, 1)
        f = {"ls": "getChildren", "get": "getData"}.get(word, "exists")
        return Request(f, _path(word, rest[0]))

    def answer(self, asked: Op, done: Op) -> str:
        """What came of an operation."""
        if done.type != OK:
            return _failure(asked, done)
        if _is_watch(asked):
            return f"watching {_watched(asked, done)}: one event, at {done.node}"
        return _ANSWERS[asked.f](done)

    def event(self, op: Op) -> str:
        """A watch's event, or what became of a session."""
        where = f"zxid {zxid(op.position)}, told by {op.node}"
        if op.f == "watch":
            kind, path = op.value
            return f"watch: {EVENTS[kind].format(path=path)} ({where})"
        if op.value in ("opened", "moved"):
            return f"session {op.session} {op.value} {_WHERE[op.value]} {op.node}"
        if op.value == GIVEN_UP:
            return (
                f"session {op.session} was given up by your client; the servers keep it, and its "
                f"ephemeral znodes, until its timeout{self._patience}"
            )
        return f"session {op.session} is {op.value}"

    def touched(self, asked: Op, done: Op) -> Touch:
        """Paths, and lists of children."""
        if done.type != OK:
            return Touch()
        if asked.f in ("getData", "exists", "getChildren"):
            path = asked.value[0] if _is_watch(asked) else asked.value
            return Touch((children_of(path) if asked.f == "getChildren" else path,))
        if asked.f == "multi":
            parts = zip(asked.value, done.value, strict=True)
            return Touch(
                (), tuple(w for part, got in parts for w in _written(part[0], part[1:], got))
            )
        return Touch((), tuple(_written(asked.f, asked.value, done.value)))

    def place(self, position: Any) -> str:
        """A zxid: epoch and index."""
        return f"zxid {zxid(position)}"

    def applied(self, dump: Dump) -> Any:
        """The zxid of the last entry in the committed log."""
        return dump.log[-1]["position"] if dump.log else 0


def zxid(position: int) -> str:
    """A zxid as epoch and index.

    >>> zxid(1 << 32 | 7)
    '1.7'
    """
    return f"{position >> 32}.{position & 0xFFFFFFFF}"


def children_of(path: str) -> str:
    """What an ls reads, in words."""
    return f"the list of children of {path}"


# --- what is typed


def _watch(rest: Sequence[str]) -> Request:
    _between("watch", rest, 1, 2)
    kind = rest[1] if len(rest) == 2 else "exists"
    if kind not in WATCHES:
        raise UserError(f"watch: unknown kind {kind!r}: {nearest(kind, set(WATCHES))}")
    return Request(WATCHES[kind], [_path("watch", rest[0]), True])


def _parts(rest: Sequence[str]) -> list[list[str]]:
    """The words of a multi, parted at semicolons."""
    parts: list[list[str]] = [[]]
    for word in rest:
        bare = word.rstrip(";")
        if bare:
            parts[-1].append(bare)
        if bare != word:
            parts.append([])
    found = [part for part in parts if part]
    if not found:
        raise UserError("multi: of what? such as: multi create /a 1; set /b 2")
    return found


def _part(words: Sequence[str]) -> list[Any]:
    word, *rest = words
    if word not in PARTS:
        raise UserError(f"multi: unknown write {word!r}: {nearest(word, set(PARTS))}")
    return _write(word, rest)


def _write(word: str, rest: Sequence[str]) -> list[Any]:
    """The `f` of a write and its values, in ZooKeeper's order."""
    if word == "create":
        flags = [w for w in rest if w in ("-e", "-s", "-es", "-se")]
        plain = [w for w in rest if w not in flags]
        if plain and plain[0].startswith("-"):
            raise UserError(f"create: unknown option {plain[0]}; -e or -s")
        _between(word, plain, 1, 2)
        letters = "".join(f for f in "es" if any(f in flag for flag in flags))
        return ["create", _path(word, plain[0]), plain[1] if len(plain) > 1 else None, letters]
    if word == "set":
        _between(word, rest, 2, 3)
        return ["setData", _path(word, rest[0]), rest[1], _version(word, rest[2:])]
    _between(word, rest, 1, 2)
    if word == "delete" and rest[0] == "/":
        raise UserError("delete: the root cannot be deleted")
    return [word, _path(word, rest[0]), _version(word, rest[1:])]


def _between(word: str, rest: Sequence[str], least: int, most: int) -> None:
    if not least <= len(rest) <= most:
        form = next((u.form for u in USAGES if word in u.words), f"{word} PATH [VERSION]")
        raise UserError(f"{word}: expected {form}" + (" (quote data with spaces)" if rest else ""))


def _path(word: str, path: str) -> str:
    if not is_path(path):
        near = "/" + "/".join(part for part in path.split("/") if part)
        raise UserError(f"{word}: {path!r} is no path: did you mean {near!r}?")
    return path


def _version(word: str, rest: Sequence[str]) -> int:
    try:
        return int(rest[0]) if rest else ANY_VERSION
    except ValueError:
        raise UserError(f"{word}: expected a whole number as version, got {rest[0]!r}") from None


# --- what is answered


def _is_watch(asked: Op) -> bool:
    return asked.f in WATCHES.values() and isinstance(asked.value, (list, tuple))


def _watched(asked: Op, done: Op) -> str:
    path = asked.value[0]
    if asked.f == "exists":
        return f"{path}, which is {'not there' if done.value is None else 'there'}"
    return f"the {'data' if asked.f == 'getData' else 'children'} of {path}"


def _failure(asked: Op, done: Op) -> str:
    error = [] if done.error is UNSET else done.error
    code, *details = error if isinstance(error, (list, tuple)) else [error]
    if code == "timeout" and done.type == INFO:
        return (
            "no answer in time: nobody knows whether it was done, or will be.\n"
            "  The session is given up; the next command opens another"
        )
    if code == "timeout":
        return "no answer in time"
    place = [int(d.split()[1]) for d in details if str(d).startswith("operation ")]
    f, value = asked.f, asked.value
    if place and f == "multi":
        f, *value = asked.value[place[0]]
    said = _refusal(code, f, value)
    which = f" (write {place[0] + 1} of the multi; none was done)" if place else ""
    what = f"{said} ({code})" if said else ", ".join(map(str, [code, *details]))
    return what + which + (". Nobody knows whether it was done" if done.type == INFO else "")


def _refusal(code: Any, f: str, value: Any) -> str:
    """Why an operation was refused, in words that name what it asked for; "" for other codes."""
    path, *more = value if isinstance(value, (list, tuple)) and value else [value]
    if code == "no-node" and f == "create":
        return f"there is no parent {split(path)[0]}"
    return ERRORS.get(code, "").format(path=path, version=more[-1] if more else "this one")


def _data(done: Op) -> str:
    data, stat = done.value
    text = "(no data)" if data is None else str(data) if str(data).strip() else repr(data)
    return f"{text}   (version {stat['version']}, written at zxid {zxid(stat['mzxid'])})"


def _stat(done: Op) -> str:
    stat = done.value
    if stat is None:
        return "there is no such znode"
    zxids = ", ".join(f"{name} {zxid(stat[name])}" for name in ("czxid", "mzxid", "pzxid"))
    numbers = ("version", "cversion", "dataLength", "numChildren")
    counts = ", ".join(f"{name} {stat[name]}" for name in numbers)
    return f"{zxids}, {counts}, ephemeralOwner {stat['ephemeralOwner'] or 'none'}"


def _created(done: Op) -> str:
    path, stat = done.value
    owner = stat["ephemeralOwner"]
    return f"created {path}" + (f", which goes with session {owner}" if owner else "")


_WHERE = {"opened": "at", "moved": "to"}
_ANSWERS: dict[str, Callable[[Op], str]] = {
    "getData": _data,
    "getChildren": lambda done: " ".join(done.value[0]) or "(no children)",
    "exists": _stat,
    "create": _created,
    "setData": lambda done: f"set: version {done.value['version']}",
    "delete": lambda done: "deleted",
    "sync": lambda done: f"done: {done.node} has all that was acknowledged before",
    "multi": lambda done: f"done, all {len(done.value)} at one zxid",
    "close": lambda done: "the session is closed, its ephemeral znodes are gone",
    "connect": lambda done: f"at {done.node}",
}


def _written(f: str, value: Any, got: Any) -> list[str]:
    """What a write that was done has changed."""
    if f not in ("create", "setData", "delete"):
        return []
    path = got[0] if f == "create" else value[0]
    return [path] if f == "setData" else [path, children_of(split(path)[0])]
