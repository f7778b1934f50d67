"""Operations in words, for the one sentence that explains an anomaly."""

from __future__ import annotations

import json
from typing import Any

from msgspec import UNSET, Struct

from harness.clock import Nanos, show
from harness.history import Call
from harness.op import OK

RETURNS = ("read", "get", "increment", "contains", "generate", "txn")
TAKES = ("dequeue", "pop", "extract-min")  # what they return is taken out


def value(it: Any) -> str:
    """A value as a reader writes it, cut to 40 characters; of a long list the end, which is newest,
    and how many there are.

    >>> value(None), value([1, "a"]), value("x"), value(True)
    ('nothing', '[1, "a"]', '"x"', 'true')
    >>> value(list(range(100, 200)))
    '[..., 195, 196, 197, 198, 199] (100)'
    """
    if it is None:
        return "nothing"
    try:
        text = json.dumps(it)
    except (TypeError, ValueError):
        text = str(it)
    if len(text) <= 40:
        return text
    if not isinstance(it, (list, tuple)):
        return text[:37] + "..."
    count = f" ({len(it)})"
    end = text[-34 + len(count) :]
    return "[..., " + (end[end.find(", ") + 2 :] if ", " in end else end) + count


def state(it: Any) -> str:
    """A state as a reader writes it: that of a register is the value it holds.

    >>> state((3,)), state((None,)), state("held")
    ('3', 'nothing', '"held"')
    """
    return value(it[0] if isinstance(it, tuple) and len(it) == 1 else it)


class Said(Struct, frozen=True):
    """An operation in words: what it is ("write 7"), who did it, what came of it, and when it
    returned (None: it never did, or the history has no times)."""

    what: str
    who: str
    came: str
    returned: Nanos | None

    @property
    def whole(self) -> str:
        """The operation and what came of it."""
        at = "" if self.returned is None else f" at {show(self.returned)}"
        return f"{self.what} by {self.who} {self.came}{at}"


def say(call: Call, timed: bool = True) -> Said:
    """An operation in words."""
    op, done = call.invoke, call.completion
    answered = done is not None and done.type != "info"
    who = f"process {op.process}"
    node = done.node if done is not None and done.node is not UNSET else op.node
    if answered and node is not UNSET:
        who += f" through {node}"
    returned = done.time if timed and answered and done else None
    return Said(_what(call), who, _came(call), returned)


def _what(call: Call) -> str:
    op = call.invoke
    of = "" if op.key is UNSET else f" of key {value(op.key)}"
    pair = op.value
    if op.f == "cas" and isinstance(pair, (list, tuple)) and len(pair) == 2:
        return f"cas {value(pair[0])} -> {value(pair[1])}{of}"
    if op.value is None or op.f in ("read", "get"):
        return f"{op.f}{of}"
    return f"{op.f} {value(op.value)}{of}"


def _came(call: Call) -> str:
    op, done = call.invoke, call.completion
    if done is None or done.type == "info":
        return "had no answer"
    if done.type != OK:
        if op.f in TAKES and done.error == "empty":
            return "found nothing"
        saw = "" if done.observed is UNSET else f", having seen {value(done.observed)},"
        return f"was refused{saw}"
    if op.f in TAKES and done.value is None:
        return "found nothing"
    is_token = op.f == "acquire" and done.value is not None and done.value != op.value
    if op.f in RETURNS or op.f in TAKES or is_token:
        return f"returned {value(done.value)}"
    return "was acknowledged"


def had(said: Said) -> str:
    """What had come of an operation: "write 7 by process 1 had been acknowledged"."""
    if said.what.startswith(("read", "get")):
        return f"a {said.what} by {said.who} had {said.came}"
    if said.came.startswith("was refused"):
        return f"{said.what} by {said.who} had been refused"
    done = said.came if said.came.startswith("returned") else "been acknowledged"
    return f"{said.what} by {said.who} had {done}"


def gap(later: Nanos | None, earlier: Nanos | None) -> str:
    """How long after."""
    if later is None or earlier is None:
        return "after"
    return "at the same moment as" if later == earlier else f"{show(later - earlier)} after"
