"""The slow, obvious twin of the checker: every order is tried, on the ops as they are recorded.

No order is tried twice that has done the same operations and come to the same state.
"""

from __future__ import annotations

import random
from typing import Any

from msgspec import UNSET

from checker import UNKNOWN
from checker.model import fitting, freeze, tag
from harness.history import History
from harness.op import FAIL, INFO, INVOKE, OK, Op

DICE = ("register", "cas-register", "kv-append", "mutex", "append-list", "counter", "kv")
GROWING = {"append-list": "append", "counter": "increment"}

Item = tuple[str, Any, Any, int, float, bool]  # f, argument, result, call, return, must


def items(history: History, model: Any = None) -> list[Item]:
    """What has to be put in order, by the rules of histories and what the model asks for."""
    found: list[Item] = []
    keyed, owned = getattr(model, "keyed", False), getattr(model, "owned", False)
    aliases = getattr(model, "aliases", {})
    tell = getattr(model, "refused", _compared)
    refusals = getattr(model, "refusals", ("precondition-failed",))
    for call in history.calls:
        op, done = call.invoke, call.completion
        f, value = aliases.get(op.f, op.f), freeze(op.value)
        value = (op.process, value) if owned else value
        key = None if op.key is UNSET else freeze(op.key)
        must = done is not None and done.type != INFO
        if done is None or done.type == INFO:
            head: Any = (f, value, UNKNOWN) if f not in ("read", "get") else None
        elif done.type == OK:
            head = f, value, freeze(done.value)
        else:
            saw = UNKNOWN if done.observed is UNSET else freeze(done.observed)
            head = tell(f, value, saw) if done.error in refusals else None
        if head is not None:
            f, value, result = head
            if keyed:
                value, result = (key, value), result if result is UNKNOWN else (key, result)
            end = done.time if done is not None and must else float("inf")
            found.append((f, value, result, op.time, end, must))
    return found


def _compared(f: str, value: Any, saw: Any) -> Any:
    """What a compare-and-set that was refused says."""
    return ("refused", value, saw) if f == "cas" else None


def is_linearizable(model: Any, history: History) -> bool:
    """Whether some order of the history's operations is legal."""
    left = items(history, model)
    model = fitting(model, [item[0] for item in left])
    return has_order(model, model.initial(), left)


def has_order(model: Any, state: Any, left: list[Item]) -> bool:
    """Whether what is left can be done from here; what is not `must` may stay undone."""
    return _has_order(model, state, tuple(range(len(left))), left, set())


def _has_order(
    model: Any, state: Any, places: tuple[int, ...], left: list[Item], dead: set[Any]
) -> bool:
    """The same of the items at some places. `dead` are those places and states from which it has
    been tried: what can be done depends on nothing else."""
    if not any(left[i][5] for i in places):
        return True
    name = places, tag(state)
    if name in dead:
        return False
    first = min(left[i][4] for i in places if left[i][5])
    for i in places:
        f, value, result, call, _, _ = left[i]
        if call > first:
            continue  # something that must be done had returned before this was called
        after = model.step(state, f, value, result)
        if after is not None:
            rest = tuple(j for j in places if j != i)
            if _has_order(model, after, rest, left, dead):
                return True
    dead.add(name)
    return False


class Dice:
    """Random small histories of one object, valid and invalid, with many equal times."""

    def __init__(self, rng: random.Random, model: Any, name: str) -> None:
        self.rng = rng
        self.model = model
        self.name = name
        self.values = rng.randint(1, 4)
        self.fresh = 0
        self.unique = rng.random() < 0.4

    def history(self, most: int = 8) -> History:
        """One history of up to `most` operations."""
        rng = self.rng
        count = rng.randint(1, most)
        span = rng.choice((3, 6, 12, 25))
        spans = self._spans(count, rng.randint(1, 4), span)
        points = sorted((rng.uniform(call, ret), i) for i, (_, call, ret) in enumerate(spans))
        state = self.model.initial()
        told: dict[int, tuple[Op, Op | None]] = {}
        unsure = rng.choice((0.0, 0.1, 0.4))
        wrong = rng.choice((0.0, 0.5, 1.0) if self.name == "mutex" else (0.0, 0.3, 0.6))
        for _, i in points:
            process, call, ret = spans[i]
            state, told[i] = self._do(state, process, call, ret, unsure, rng.random() < wrong)
        return self._recorded(spans, told)

    def _spans(self, count: int, processes: int, span: int) -> list[tuple[int, int, int]]:
        """(process, call, return) with each process's operations one after the other, and ties."""
        rng = self.rng
        free = {p: rng.randint(0, span // 2) for p in range(processes)}
        found = []
        for _ in range(count):
            p = rng.randrange(processes)
            call = free[p] + rng.choice((0, 0, 1, 2))
            ret = call + rng.choice((0, 1, 2, span // 2))
            free[p] = ret
            found.append((p, call, ret))
        return found

    def _recorded(
        self, spans: list[tuple[int, int, int]], told: dict[int, tuple[Op, Op | None]]
    ) -> History:
        """In the file by time; at equal times in a random order that keeps each process's own."""
        rng = self.rng
        queues: dict[int, list[Op]] = {}
        for i in range(len(spans)):
            p = spans[i][0]
            invoke, done = told[i]
            shift = 100 * sum(1 for op in queues.get(p, []) if op.type == INFO)
            late = [op for op in (invoke, done) if op is not None]
            queues.setdefault(p, []).extend(_renamed(op, op.process + shift) for op in late)
            if done is None:
                queues[p].append(Op(-1, -1, "skip", INFO, ""))
        ops: list[Op] = []
        while any(queues.values()):
            heads = [p for p in sorted(queues) if queues[p]]
            for p in heads:
                while queues[p] and queues[p][0].process == "skip":
                    queues[p].pop(0)
                    queues[p] = [
                        op if op.process == "skip" else _renamed(op, op.process + 1000)
                        for op in queues[p]
                    ]
            heads = [p for p in heads if queues[p]]
            if not heads:
                break
            first = min(queues[p][0].time for p in heads)
            p = rng.choice([p for p in heads if queues[p][0].time == first])
            ops.append(queues[p].pop(0))
        return History([_numbered(op, i) for i, op in enumerate(ops)])

    def _value(self) -> Any:
        if self.unique:
            self.fresh += 1
            return self.fresh
        return self.rng.randrange(self.values)

    def _any_value(self) -> Any:
        top = max(self.values, self.fresh + 1)
        return self.rng.choice([None, *range(top)])

    def _pick(self) -> tuple[str, Any]:
        rng = self.rng
        if self.name == "mutex":
            return rng.choice(("acquire", "release")), None
        if self.name == "kv-append":
            f = rng.choice(("get", "get", "put", "append", "append"))
            return f, None if f == "get" else rng.choice("abc"[: self.values] + "a")
        if self.name in GROWING:
            f = rng.choice(("read", GROWING[self.name]))
            self.fresh += f == "append"
            twice = self.name == "append-list" and rng.random() < 0.02
            appended = self.fresh if self.unique and not twice else self._value()
            amount = 1 if self.unique else rng.choice((1, 1, 2, -1, 0))
            return f, None if f == "read" else amount if f == "increment" else appended
        if self.name == "kv":
            f = rng.choice(("read", "write", "cas", "increment", "increment"))
            old = self._any_value()
            value = [old, self._value()] if f == "cas" else rng.choice((1, 2))
            return f, None if f == "read" else value
        fs = ("read", "write") if self.name == "register" else ("read", "write", "cas")
        f = rng.choice(fs)
        if f == "cas":
            return f, [self._any_value(), self._value()]
        return f, None if f == "read" else self._value()

    def _do(
        self, state: Any, process: int, call: int, ret: int, unsure: float, is_wrong: bool
    ) -> tuple[Any, tuple[Op, Op | None]]:
        rng = self.rng
        f, value = self._pick()
        invoke = Op(-1, call, process, INVOKE, f, value)
        if rng.random() < unsure and f not in ("read", "get"):
            after = self.model.step(state, f, freeze(value), UNKNOWN)
            happened = after is not None and rng.random() < 0.6
            done = Op(-1, ret, process, INFO, f, value, "timeout") if rng.random() < 0.7 else None
            return (after if happened else state), (invoke, done)
        if rng.random() < 0.05:
            return state, (invoke, Op(-1, ret, process, FAIL, f, value, "busy"))
        return self._answer(state, invoke, ret, is_wrong)

    def _answer(
        self, state: Any, invoke: Op, ret: int, is_wrong: bool
    ) -> tuple[Any, tuple[Op, Op | None]]:
        rng, f, value, process = self.rng, invoke.f, invoke.value, invoke.process
        if f in ("read", "get"):
            plain = state[0] if isinstance(state, tuple) and state else state
            if self.name in GROWING:
                return self._grown(state, invoke, ret, is_wrong)
            if is_wrong:
                plain = rng.choice(("", "a", "ab", "b", "aa")) if f == "get" else self._any_value()
            return state, (invoke, Op(-1, ret, process, OK, f, plain))
        if f == "increment":
            return self._counted(state, invoke, ret, is_wrong)
        after = self.model.step(state, f, freeze(value), None)
        if is_wrong and after is None and (self.name == "mutex" or rng.random() < 0.5):
            after = state  # answered ok though it could not be done
        if after is not None:
            return after, (invoke, Op(-1, ret, process, OK, f, value))
        if f != "cas":
            return state, (invoke, Op(-1, ret, process, FAIL, f, value, "refused"))
        saw: Any = UNSET
        if rng.random() < 0.6:
            saw = state[0] if not is_wrong else self._any_value()
        done = Op(-1, ret, process, FAIL, f, value, "precondition-failed", observed=saw)
        return state, (invoke, done)

    def _grown(
        self, state: Any, invoke: Op, ret: int, is_wrong: bool
    ) -> tuple[Any, tuple[Op, Op | None]]:
        """A read of a list or a counter; a wrong one is older, or has what nobody did."""
        rng = self.rng
        seen = list(state) if isinstance(state, tuple) else state
        if is_wrong and isinstance(seen, list):
            ways = [seen[:-1], [*seen, self.fresh + 1], [*seen, self.fresh], seen[::-1]]
            seen = rng.choice(ways)
        elif is_wrong:
            seen += rng.choice((-1, 1, 1, 2))
        told = seen if seen or rng.random() < 0.5 else None
        return state, (invoke, Op(-1, ret, invoke.process, OK, "read", told))

    def _counted(
        self, state: Any, invoke: Op, ret: int, is_wrong: bool
    ) -> tuple[Any, tuple[Op, Op | None]]:
        """An increment; a wrong one is answered another number, or done twice."""
        rng, value, process = self.rng, invoke.value, invoke.process
        after = self.model.step(state, "increment", value, UNKNOWN)
        number = after[0] if isinstance(after, tuple) else after
        if is_wrong and rng.random() < 0.5:
            after = self.model.step(after, "increment", value, UNKNOWN)
        elif is_wrong:
            number += rng.choice((-1, 1))
        return after, (invoke, Op(-1, ret, process, OK, "increment", number))


def _renamed(op: Op, process: Any) -> Op:
    from msgspec.structs import replace

    return replace(op, process=process)


def _numbered(op: Op, index: int) -> Op:
    from msgspec.structs import replace

    return replace(op, index=index)
