"""What clients asked of the service and were told, as the rules of its guarantee look at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Struct

from checker import words
from harness.history import History
from harness.op import FAIL, INVOKE, OK, Op

MOST_PARTS = 3  # of a multi, named in a sentence
FOREVER = 1 << 62  # the return of what nobody was told of

READ, WRITE, SYNC = range(3)
READS = frozenset({"exists", "getData", "getChildren", "read"})
WRITES = frozenset({"create", "delete", "setData", "multi", "close", "write"})
PARTS = frozenset({"create", "setData", "delete", "check"})  # what a multi is made of
KNOWN = READS | WRITES | {"sync", "cas"}
ADMINISTRATION = frozenset({"add-node", "remove-node", "transfer"})

# Refusals by the tree, at the write's place in the log.
BY_TREE = frozenset(
    {"no-node", "node-exists", "bad-version", "not-empty", "no-children-for-ephemerals"}
)
AT_ITS_PLACE = BY_TREE | {"refused", "too-large", "no-memory"}
COMPARED = frozenset({"precondition-failed", "busy"})  # a cas that got no further than its read


class Request(Struct, frozen=True, gc=False):
    """One operation. `at` and `done` are places in the history's ops (done: -1, nobody was told).

    `call` and `ret` are in ns: a before b in real time exactly if a.ret < b.call. `position` (zxid)
    is None where none was told, or where it is not that of the request.
    """

    at: int
    done: int
    f: str
    kind: int
    value: Any
    key: Any
    call: int
    ret: int
    outcome: str  # ok, fail or info
    code: str | None
    error: Any
    result: Any
    observed: Any
    process: Any
    node: str | None
    session: str | None
    seq: int | None
    position: int | None

    @property
    def path(self) -> str | None:
        """The znode that was asked for; None where there is none, or several."""
        if self.f in ("read", "write", "cas"):
            return f"/k{self.key}"
        value = self.value
        if isinstance(value, (list, tuple)) and value and self.f != "multi":
            value = value[0]
        return value if isinstance(value, str) else None

    @property
    def watches(self) -> bool:
        """Whether it was to leave a watch."""
        value = self.value
        return (
            self.kind == READ
            and isinstance(value, (list, tuple))
            and len(value) == 2
            and value[1] is True
        )


class Asked(Struct, frozen=True):
    """A history's requests, by invocation. `foreign` names operations that are none of the
    service's, or are not asked as they should be: recipes make requests that the history does not
    show."""

    requests: Sequence[Request]
    foreign: tuple[str, ...]


def requests(history: History) -> Asked:
    """The history's operations that this service knows."""
    ops, partner = history.ops, history.partner
    found: list[Request] = []
    foreign: dict[str, None] = {}
    for at, op in enumerate(ops):
        if op.type != INVOKE or not isinstance(op.process, int):
            continue
        if op.f not in KNOWN or not fits(op.f, op.value):
            if op.f not in ADMINISTRATION:
                foreign[op.f] = None
            continue
        j = partner[at]
        found.append(_request(at, op, j, ops[j] if j >= 0 else None))
    return Asked(found, tuple(foreign))


def fits(f: str, value: Any) -> bool:
    """Whether this is what the operation takes; a multi's "check" is one here.

    >>> fits("create", ["/a", 1]), fits("setData", ["/a", 1]), fits("multi", [["check", "/a", 0]])
    (True, False, True)
    """
    if f in ("exists", "getData", "getChildren"):
        if isinstance(value, str):
            return True
        return _is_list(value, 2) and isinstance(value[0], str) and isinstance(value[1], bool)
    if f == "cas":
        return _is_list(value, 2)
    if f == "multi":
        return isinstance(value, (list, tuple)) and all(
            isinstance(op, (list, tuple)) and bool(op) and op[0] in PARTS and fits(op[0], op[1:])
            for op in value
        )
    if f not in PARTS:
        return True
    if not (isinstance(value, (list, tuple)) and value and isinstance(value[0], str)):
        return False
    if f == "create":
        return len(value) == 2 or (len(value) == 3 and isinstance(value[2], (str, type(None))))
    return len(value) == (3 if f == "setData" else 2) and type(value[-1]) is int


def _is_list(value: Any, length: int) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == length


def _request(at: int, op: Op, j: int, done: Op | None) -> Request:
    code = None
    error = result = observed = node = session = seq = position = None
    outcome, ret = "info", FOREVER
    if done is not None:
        outcome = done.type
        error = None if done.error is UNSET else done.error
        code = code_of(error)
        result = done.value
        observed = done.observed
        node = None if done.node is UNSET else done.node
        session = None if done.session is UNSET else str(done.session)
        seq = None if done.seq is UNSET else done.seq
        if outcome == OK or outcome == FAIL:
            ret = done.time
            position = _zxid(done.position)
    kind = _kind(op.f, outcome, code)
    if outcome == FAIL and code not in AT_ITS_PLACE and code not in COMPARED:
        position = None
    key = None if op.key is UNSET else op.key
    return Request(
        at, j, op.f, kind, op.value, key, op.time, ret, outcome, code, error, result, observed,
        op.process, node, session, seq, position,
    )  # fmt: skip


def _kind(f: str, outcome: str, code: str | None) -> int:
    if f in READS:
        return READ
    if f == "sync":
        return SYNC
    if f == "cas" and outcome == FAIL and code in COMPARED:
        return READ
    return WRITE


def _zxid(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def code_of(error: Any) -> str | None:
    """The code of an error, which is that alone or the first of a list.

    >>> code_of(["no-node", "operation 2"]), code_of(None)
    ('no-node', None)
    """
    if isinstance(error, (list, tuple)):
        error = error[0] if error else None
    return error if isinstance(error, str) else None


def zxid(position: int) -> str:
    """A zxid as people write it: epoch and index.

    >>> zxid(2 << 32 | 15)
    '2.15'
    """
    return f"{position >> 32}.{position & 0xFFFFFFFF}"


def what(r: Request) -> str:
    """What was asked: "getData /a", "setData /a to 5"."""
    path = r.path
    if r.f == "multi":
        parts = [f"{op[0]} {op[1]}" for op in r.value]
        more = [f"+{len(parts) - MOST_PARTS}"] if len(parts) > MOST_PARTS else []
        return f"multi ({', '.join([*parts[:MOST_PARTS], *more])})"
    if r.f in ("create", "setData") and path is not None and len(r.value) > 1:
        data = "" if r.value[1] is None else f" {'with' if r.f == 'create' else 'to'} "
        return f"{r.f} {path}{data}{words.value(r.value[1]) if data else ''}"
    if r.f == "write":
        return f"write {words.value(r.value)} at {path}"
    if r.f == "cas" and isinstance(r.value, (list, tuple)) and len(r.value) == 2:
        return f"cas {words.value(r.value[0])} -> {words.value(r.value[1])} at {path}"
    return f"{r.f} {path}" if path is not None else r.f


def who(r: Request) -> str:
    """Whose it was: "getData /a by process 3 through n2"."""
    through = f" through {r.node}" if r.node else ""
    return f"{what(r)} by process {r.process}{through}"
