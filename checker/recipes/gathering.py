"""Who was in which round of a double barrier, from when to when, and what was done there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from checker.recipes.section import is_ok, number
from harness.history import Call, History
from harness.op import OK


class Member(Struct):
    """One client in one round: from an `enter` that came out ok.

    Zxids, None where the history does not say: `came` is its znode's czxid, `began` that of the
    state in which it found that all were there (at most that of /ready), `worked` that of what it
    computed, `went` that at which it deleted its znode, `left` that of the state in which it found
    that all were gone.
    """

    enter: Call
    came: int | None
    began: int | None
    compute: Call | None = None
    leave: Call | None = None

    @property
    def round(self) -> int:
        """Counted from 1 for each barrier."""
        return place(self.enter)[0]

    @property
    def process(self) -> Any:
        """The client."""
        return self.enter.invoke.process

    @property
    def worked(self) -> int | None:
        """Only what certainly was done."""
        return _position(self.compute)

    @property
    def went(self) -> int | None:
        """Only where it left itself, and was told so."""
        return number(_value(self.leave).get("deleted")) if has_left(self) else None

    @property
    def left(self) -> int | None:
        """As `went`."""
        return _position(self.leave)

    @property
    def over(self) -> int | None:
        """The last zxid at which it certainly was still in the round, or worked for it."""
        return max((at for at in (self.worked, self.went) if at is not None), default=None)


class Round(Struct):
    """All that tried to enter one round of one barrier, and those that did."""

    key: Any
    number: int
    asked: list[Call]
    members: list[Member]


def gatherings(history: History) -> list[Round]:
    """By barrier, and round by round."""
    found: dict[tuple[str, int], Round] = {}
    inside: dict[Any, Member] = {}  # by process
    calls = [c for c in history.calls if c.invoke.f in ("enter", "compute", "leave")]
    for call in sorted(calls, key=lambda c: (c.invoke.time, c.invoke.index)):
        op = call.invoke
        if op.f == "enter":
            number_, _ = place(call)
            this = found.setdefault((str(op.key), number_), Round(op.key, number_, [], []))
            this.asked.append(call)
            inside.pop(op.process, None)
            if is_ok(call):
                inside[op.process] = _member(call)
                this.members.append(inside[op.process])
        elif (member := inside.get(op.process)) and place(call) == place(member.enter):
            if op.f == "compute":
                member.compute = call
            else:
                member.leave = call
    return [found[name] for name in sorted(found)]


def place(call: Call) -> tuple[int, int]:
    """The round and the participant that an operation is for; zeros where it does not say."""
    value = call.invoke.value
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return 0, 0
    return number(value[0]) or 0, number(value[1]) or 0


def has_left(member: Member) -> bool:
    """Whether it came out again, as opposed to died or lost its session."""
    return member.leave is not None and is_ok(member.leave)


def came(call: Call) -> int | None:
    """The czxid of the znode that an ok enter made."""
    return number(_value(call).get("czxid"))


def _member(call: Call) -> Member:
    ready, at = number(_value(call).get("ready")), _position(call)
    began = min((one for one in (ready, at) if one is not None), default=None)
    return Member(call, came(call), began)


def _value(call: Call | None) -> Mapping[str, Any]:
    done = call.completion if call is not None else None
    return done.value if done is not None and isinstance(done.value, dict) else {}


def _position(call: Call | None) -> int | None:
    done = call.completion if call is not None else None
    return number(done.position) if done is not None and done.type == OK else None
