"""Operations, values and times in a few words, for bars and tables."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from harness.clock import MS, SECOND, Nanos, show
from harness.history import Call
from harness.op import OK, Op

READS = ("read", "get")
OF_TREE = ("create", "delete", "setData", "exists", "getData", "getChildren")
DONE = "done"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def clean(text: str) -> str:
    """The text on one line, without characters that XML or a terminal cannot hold.

    >>> clean("a\\x00b\\nc")
    'a�b c'
    """
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def show_value(value: Any, limit: int = 28) -> str:
    """A value as one short piece of text; None is what a missing key reads as. Of a long list the
    end, which is newest, and how many there are.

    >>> show_value(None), show_value("x"), show_value([1, "a"])
    ('nothing', 'x', '[1, "a"]')
    >>> show_value(list(range(100, 200)))
    '[… 197, 198, 199] (100)'
    """
    if value is None:
        return "nothing"
    if isinstance(value, str):
        text = value
    else:
        try:
            text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
        except (TypeError, ValueError):
            text = repr(value)
    text = clean(text) or '""'
    if len(text) > limit and isinstance(value, (list, tuple)) and limit >= 20:
        return _end_of(text, len(value), limit)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _end_of(text: str, count: int, limit: int) -> str:
    """The end of a list, from the beginning of an element on."""
    tail = f" ({count})"
    end = text[-(limit - len(tail) - 2) :]
    return "[… " + end[end.find(", ") + 2 if ", " in end else 0 :] + tail


def outcome(call: Call) -> str:
    """ok, fail or info; a call that never returned is info."""
    return call.completion.type if call.completion is not None else "info"


def describe(call: Call) -> str:
    """What was asked and what came of it: "write 7 ✓", "read → 4", "cas 3→5 ✗ saw 4", "write 7 ?".

    A tick: it took effect. A cross: it did not. A question mark: nobody knows.
    """
    asked, op, done = _asked(call), call.invoke, call.completion
    if done is None or done.type == "info":
        return f"{asked} ?"
    if op.f == "txn" and done.type == OK and (parts := _txn(done.value)):
        return f"{fit_words(parts, 3)} ✓"
    if done.type == "fail":
        if done.observed is not UNSET:
            return f"{asked} ✗ saw {show_value(done.observed, 12)}"
        return f"{asked} ✗ {_error(done.error)}".rstrip()
    if op.f == "exists":
        return f"{asked} → {'nothing' if done.value is None else 'there'}"
    told = DONE if op.f == "multi" else _token(op, done.value) or _told(done.value)
    if told is DONE or (op.f not in READS and (told is None or done.value == op.value)):
        return f"{asked} ✓"
    return f"{asked} → {show_value(told)}"


def _asked(call: Call) -> str:
    op = call.invoke
    f = clean(op.f)
    if op.value is None or op.f in READS:
        return f
    if f == "cas" and isinstance(op.value, (list, tuple)) and len(op.value) == 2:
        old, new = (show_value(v, 12) for v in op.value)
        return f"cas {old}→{new}"
    if f == "multi" and (parts := _multi(op.value)):
        return f"multi ({fit_words(parts)})"
    if f == "txn" and (parts := _txn(op.value)):
        return fit_words(parts, 3)
    if f in OF_TREE and isinstance(op.value, (list, tuple)) and op.value:
        return " ".join([f, *(show_value(part, 20) for part in _parts(f, op.value))])
    return f"{f} {show_value(op.value)}"


def _multi(value: Any) -> list[str]:
    """What a multi is made of: ["delete /a", "create /b"]; nothing if it is none."""
    if not isinstance(value, (list, tuple)):
        return []
    good = all(isinstance(one, (list, tuple)) and len(one) > 1 for one in value)
    return [f"{clean(str(f))} {show_value(path, 20)}" for f, path, *_ in value] if good else []


def _txn(value: Any) -> list[str]:
    """What a transaction is made of: ["append x 3", "r y [1, 2]"]; nothing if it is none. Of a
    long list only the end is shown, where the newest elements are."""
    if not isinstance(value, (list, tuple)):
        return []
    if not all(isinstance(one, (list, tuple)) and len(one) == 3 for one in value):
        return []
    return [f"{clean(str(f))} {show_value(key, 12)}{_part(f, it)}" for f, key, it in value]


def _part(f: Any, it: Any) -> str:
    """The rest of a part of a transaction: a read that nobody knows has none."""
    if it is None and f == "r":
        return ""
    if isinstance(it, (list, tuple)) and len(it) > 3:
        return f" [… {', '.join(show_value(one, 8) for one in it[-3:])}]"
    return f" {show_value(it, 16)}"


def fit_words(parts: Sequence[str], most: int = 2) -> str:
    """The first of several things, and how many more there are.

    >>> fit_words(["delete /a", "create /b", "check /c"])
    'delete /a, create /b, +1'
    """
    more = [f"+{len(parts) - most}"] if len(parts) > most else []
    return ", ".join([*parts[:most], *more])


def _parts(f: str, value: Sequence[Any]) -> Sequence[Any]:
    """What an operation on znodes was given, without what stands for "any" or "none"."""
    last = value[-1]
    if f in ("setData", "delete") and len(value) > 1 and last == -1:
        return value[:-1]
    if f == "create" and len(value) > 2 and not last:
        return value[:-1]
    if f not in ("setData", "delete", "create") and isinstance(last, bool):
        return [*value[:-1], "watch"] if last else value[:-1]
    return value


def _token(op: Op, told: Any) -> str | None:
    """What a recipe says of itself: the token by which something is held, in the answer of who got
    it ({"token": ..}) and of who wrote by it ([token, what it wrote]); DONE for the rest."""
    if isinstance(told, Mapping) and set(told) & {"token", "requests", "deleted"}:
        token = told.get("token")
    elif isinstance(told, (list, tuple)) and len(told) == 2 and op.f == "write":
        token = told[0] if told[1] == op.value else None
        if token is None:
            return None
    else:
        return None
    if not isinstance(token, int):
        return DONE
    return f"token {token >> 32}.{token & 0xFFFFFFFF}" if token >> 32 else f"token {token}"


def _told(value: Any) -> Any:
    """An answer without the Stats of znodes; DONE where nothing else is in it."""
    if isinstance(value, Mapping) and "czxid" in value:
        return DONE
    if isinstance(value, (list, tuple)) and value:
        left = [one for one in map(_told, value) if one is not DONE]
        if len(left) < len(value):
            return left[0] if len(left) == 1 else left or DONE
    return value


def _error(error: Any) -> str:
    if error is UNSET or error is None:
        return ""
    first = error[0] if isinstance(error, (list, tuple)) and error else error
    return show_value(first, 20)


def node_of(call: Call) -> str:
    """The node that answered, or else the one that was asked, or "" where neither is known."""
    for op in (call.completion, call.invoke):
        if op is not None and isinstance(op.node, str):
            return op.node
    return ""


def who(call: Call) -> str:
    """ "process 3 → n2", or without the node where it is not known."""
    node = node_of(call)
    return f"process {call.invoke.process}" + (f" → {node}" if node else "")


def at_time(time: Nanos) -> str:
    """A point in time, to the millisecond: "12.310 s"; as it is below one millisecond."""
    if abs(time) < MS:
        return show(time)
    return f"{time / SECOND:.3f} s"


def within(call: Call) -> str:
    """From when to when an operation was open: "1 ms to 2 ms", "from 1 ms on"; "5.547 s, for 12 us"
    where both would read the same."""
    start, done = call.invoke.time, call.completion
    if start < 0:
        return ""
    if done is None or done.type == "info":
        return f"from {exact(start)} on"
    begun, ended = exact(start), exact(done.time)
    return f"{begun} to {ended}" if begun != ended else f"{begun}, for {show(done.time - start)}"


def exact(time: Nanos) -> str:
    """A point in time, as exactly as its size allows: "66.36 ms", "12.310 s"."""
    return show(time) if time < SECOND else at_time(time)


def file_name(text: str) -> str:
    """The text as a file's name: letters, digits, dots, dashes and underscores only; maybe "".

    >>> file_name("a/b c"), file_name("../..")
    ('a_b_c', '')
    """
    return _UNSAFE.sub("_", text).strip("._-")[:60]
