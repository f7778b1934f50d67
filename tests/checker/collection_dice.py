"""Random small histories of sets, queues, stacks and priority queues, with many equal times."""

from __future__ import annotations

from typing import Any

import oracle

from checker.model import freeze
from harness.op import FAIL, OK, Op


class CollectionDice(oracle.Dice):
    """As oracle.Dice. Values are put in again and again, or each once."""

    def _pick(self) -> tuple[str, Any]:
        rng = self.rng
        if self.name == "set":
            f = rng.choice(("add", "add", "remove", "read", "contains"))
            if f == "read":
                return f, None
            return f, self._value() if f == "add" else rng.randint(0, max(3, self.fresh))
        if rng.random() < 0.4:
            return self.model.take, None
        value = self._value()
        return self.model.put, [
            rng.randint(0, 2),
            value,
        ] if self.name == "priority-queue" else value

    def _answer(
        self, state: Any, invoke: Op, ret: int, is_wrong: bool
    ) -> tuple[Any, tuple[Op, Op | None]]:
        f, value, process = invoke.f, invoke.value, invoke.process
        if self.name == "set":
            return self._told(state, invoke, ret, is_wrong)
        if f == self.model.put:
            after = self.model.step(state, f, freeze(value), value)
            return after, (invoke, Op(-1, ret, process, OK, f, value))
        return self._taken(state, invoke, ret, is_wrong)

    def _taken(
        self, state: Any, invoke: Op, ret: int, is_wrong: bool
    ) -> tuple[Any, tuple[Op, Op | None]]:
        """A take; a wrong one says another value, or empty, and may have taken nothing."""
        rng, f = self.rng, invoke.f
        held = sorted(state, key=repr) if isinstance(state, frozenset) else [state]
        inside = [value for one in held for value in one]
        ways = [v for v in (None, *inside) if self.model.step(state, f, None, v) is not None]
        seen = rng.choice(ways)
        after = self.model.step(state, f, None, seen)
        if is_wrong:
            wrong = [v for v in (None, *inside) if v not in ways]
            seen = rng.choice(wrong) if wrong else seen
            after = rng.choice((after, state))
        if seen is None and rng.random() < 0.5:
            error = rng.choice(("empty", "empty", "busy"))
            return after, (invoke, Op(-1, ret, invoke.process, FAIL, f, None, error))
        answer = list(seen) if isinstance(seen, tuple) else seen
        return after, (invoke, Op(-1, ret, invoke.process, OK, f, answer))

    def _told(
        self, state: Any, invoke: Op, ret: int, is_wrong: bool
    ) -> tuple[Any, tuple[Op, Op | None]]:
        """An operation on a set; a wrong read has one element more or less."""
        rng, f, value = self.rng, invoke.f, invoke.value
        if f in ("add", "remove"):
            error = "present" if f == "add" else "absent"
            if (value in state) == (f == "add") and rng.random() < 0.5:
                return state, (invoke, Op(-1, ret, invoke.process, FAIL, f, value, error))
            after = self.model.step(state, f, value, value)
            return after, (invoke, Op(-1, ret, invoke.process, OK, f, value))
        if f == "contains":
            answer: Any = (value in state) != is_wrong
        else:
            seen = sorted(state)
            if is_wrong:
                seen = rng.choice([seen[:-1], seen[1:], [*seen, self.fresh], [*seen, 1]])
            answer = rng.sample(seen, len(seen)) or rng.choice((None, []))
        return state, (invoke, Op(-1, ret, invoke.process, OK, f, answer))
