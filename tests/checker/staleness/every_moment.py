"""The slow, obvious twin of the checker: every order of changes, at every moment they may have."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from checker.model import UNKNOWN, fitting, freeze
from checker.models.kv import Kv
from harness.history import History
from harness.op import FAIL, INFO, INVOKE, OK, Op

LAST = 9  # the last moment at which anything happens


def is_right(history: History, bound: int | None, versions: int | None) -> bool:
    """Whether some moments of the changes make every read right within both bounds, each by
    itself. Times are whole numbers."""
    calls = history.calls
    model = fitting(Kv(), [call.invoke.f for call in calls])
    changes = []
    for call in calls:
        op, done = call.invoke, call.completion
        if op.f == "read" or (done is not None and done.type == FAIL):
            continue
        sure = done is not None and done.type == OK
        end = done.time if done is not None and sure else LAST
        result = freeze(done.value) if done is not None and sure else UNKNOWN
        changes.append((op.f, freeze(op.value), result, op.time, end, sure))
    reads = [c for c in calls if c.invoke.f == "read" and c.completion and c.completion.type == OK]
    refused = [c for c in calls if c.completion is not None and c.completion.observed is not UNSET]
    right = [_in_time(bound), _of_versions(versions or 0)][: 1 + (versions is not None)]
    for rule in right:
        if not any(
            all(_exact(moments, states, model, c) for c in refused)
            and all(rule(moments, states, model, c) for c in reads)
            for moments, states in _ways(model, (model.initial(),), (), changes)
        ):
            return False
    return True


def _ways(
    model: Any, states: tuple[Any, ...], moments: tuple[int, ...], left: list[Any]
) -> Iterator[tuple[tuple[int, ...], tuple[Any, ...]]]:
    """All ways in which the changes that are left can follow: their moments, and the states."""
    if not any(change[5] for change in left):
        yield moments, states
    for i, (f, value, result, call, end, _) in enumerate(left):
        after = model.step(states[-1], f, value, result)
        if after is None:
            continue
        for moment in range(max(call, moments[-1] if moments else 0), end + 1):
            rest = left[:i] + left[i + 1 :]
            if all(not sure or last >= moment for *_, last, sure in rest):
                yield from _ways(model, (*states, after), (*moments, moment), rest)


def _newest(moments: tuple[int, ...], t: int) -> range:
    """The versions that are the newest at a moment: several, where changes share it."""
    return range(sum(m < t for m in moments), sum(m <= t for m in moments) + 1)


def _shows(model: Any, state: Any, call: Any) -> bool:
    return model.step(state, "read", None, freeze(call.completion.value)) is not None


def _in_time(bound: int | None) -> Any:
    def rule(moments: Any, states: Any, model: Any, call: Any) -> bool:
        start = -1 if bound is None else call.invoke.time - bound
        return any(
            _shows(model, states[i], call)
            for t in range(start, call.completion.time + 1)
            for i in _newest(moments, t)
        )

    return rule


def _of_versions(versions: int) -> Any:
    def rule(moments: Any, states: Any, model: Any, call: Any) -> bool:
        return any(
            _shows(model, states[i], call)
            for t in range(call.invoke.time, call.completion.time + 1)
            for j in _newest(moments, t)
            for i in range(max(0, j - versions), j + 1)
        )

    return rule


def _exact(moments: Any, states: Any, model: Any, call: Any) -> bool:
    """What a refused compare-and-set saw was the newest at some moment, and not what it wanted."""
    saw = freeze(call.completion.observed)
    return saw != call.invoke.value[0] and any(
        states[i] == (saw,)
        for t in range(call.invoke.time, call.completion.time + 1)
        for i in _newest(moments, t)
    )


class Dice:
    """Small random histories of one key, with reads that are behind, or wrong."""

    def __init__(self, rng: random.Random, kind: str) -> None:
        self.rng = rng
        self.kind = kind
        self.fresh = 0

    def history(self) -> History:
        """Up to four changes and four reads, each by a process of its own; with positions in the
        answers now and then."""
        rng = self.rng
        changes, reads = rng.randint(1, 4), rng.randint(1, 4)
        spans = []
        for i in range(changes + reads):
            call = rng.randint(0, LAST - 1)
            spans.append((call, min(LAST, call + rng.choice((0, 1, 2, 4))), i < changes))
        points = sorted((rng.uniform(a, b), i) for i, (a, b, _) in enumerate(spans))
        model: Any = Kv()
        states = [model.initial()]
        ops: list[tuple[int, int, Op]] = []
        told = rng.random() < 0.7
        for _, i in points:
            call, ret, is_change = spans[i]
            asked, done = self._change(model, states, i) if is_change else self._read(states, i)
            if done is not None and told and done.type != INFO:
                done = replace(done, position=self._position(states, done))
            ops.append((call, 0, replace(asked, time=call)))
            if done is not None:
                ops.append((ret, 1, replace(done, time=ret)))
        ops.sort(key=lambda op: op[:2])
        return History([replace(op, index=i) for i, (_, _, op) in enumerate(ops)])

    def _position(self, states: list[Any], done: Op) -> int:
        value = done.value[1] if done.f == "cas" and done.type == OK else done.value
        value = done.observed if done.observed is not UNSET else value
        found = [i for i, state in enumerate(states) if state == (freeze(value),)]
        return found[0] if found else len(states) - 1

    def _change(self, model: Any, states: list[Any], process: int) -> tuple[Op, Op | None]:
        rng = self.rng
        self.fresh += 1
        f, value = {
            "register": ("write", self.fresh),
            "cas-register": ("cas", [states[-1][0], self.fresh]),
            "list": ("append", self.fresh),
            "counter": ("increment", 1),
        }[self.kind]
        if f == "cas":
            f, value = rng.choice((("write", self.fresh), (f, value), (f, value)))
            if f == "cas" and rng.random() < 0.3:
                value = [rng.choice(states)[0], self.fresh]
        asked = Op(-1, -1, process, INVOKE, f, value)
        after = model.step(states[-1], f, freeze(value), UNKNOWN)
        if after is None:
            saw = states[-1][0] if rng.random() < 0.8 else rng.choice(states)[0]
            code = "precondition-failed"
            return asked, Op(-1, -1, process, FAIL, f, value, code, observed=saw)
        lost = rng.random() < 0.3
        if not lost or rng.random() < 0.6:
            states.append(after)
        answer = after[0] if f == "increment" else value
        if f == "increment" and rng.random() < 0.05:
            answer += 1
        done = Op(-1, -1, process, INFO if lost else OK, f, answer)
        return asked, None if lost and rng.random() < 0.5 else done

    def _read(self, states: list[Any], process: int) -> tuple[Op, Op | None]:
        rng = self.rng
        back = rng.choice((1, 1, 2, 2, 3, 4))
        value = states[max(0, len(states) - back)][0]
        if rng.random() < 0.05:
            value = [*value, 77] if isinstance(value, tuple) else 77
        value = list(value) if isinstance(value, tuple) else value
        return Op(-1, -1, process, INVOKE, "read"), Op(-1, -1, process, OK, "read", value)
