"""Random small histories of any model, drawn from what the model itself allows.

Nothing here is of one model: what is asked is told by an operation's word, and what is answered is
found by asking the model which of some answers it allows, or, in a lie, is any of them. So a model
that is registered is drawn from at once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from checker.encode import join
from checker.model import UNKNOWN, freeze
from harness.history import History
from harness.op import FAIL, INFO, INVOKE, OK, Op

ASK_NOTHING = frozenset(
    ("read", "get", "dequeue", "pop", "extract-min", "generate", "delete", "take", "peek")
)
MAY_COUNT = frozenset(("acquire", "release"))  # nothing, or a number or a token
KEYS = ("x", "y")


class Drawn:
    """Draws the histories of one model: some with values that come once, some with few values;
    with equal times, answers that are lost, refusals and, in some, lies."""

    def __init__(self, rng: random.Random, model: Any) -> None:
        self.rng = rng
        self.model = model
        self.aliases = dict(getattr(model, "aliases", {}))
        words = sorted({*model.fs, *(rng.choice((list(self.aliases), [])))})
        words = words if rng.random() < 0.6 else rng.sample(words, rng.randint(1, len(words)))
        self.fs = words + [f for f in words if f == "cas"]  # twice as often
        self.keyed = bool(getattr(model, "keyed", False))
        self.owned = bool(getattr(model, "owned", False))
        self.refusals = sorted(getattr(model, "refusals", ("precondition-failed",)))
        self.echoes = getattr(getattr(model, "single", None) or model, "echoes", ())
        self.values = rng.randint(1, 4)
        self.unique = rng.random() < 0.4
        self.fresh = 0
        self.lost = rng.choice((0.0, 0.1, 0.4))
        self.lies = rng.choice((0.0, 0.2, 0.5, 0.9))
        self.tells = rng.choice((0.0, 0.5, 1.0))  # refusals that say what they saw
        self.state = model.initial()

    def history(self, most: int = 8) -> History:
        """One history of up to `most` operations."""
        rng = self.rng
        spans = self._spans(rng.randint(1, most), rng.randint(1, 4))
        points = sorted((rng.uniform(call, ret), i) for i, (_, call, ret, _) in enumerate(spans))
        told = {}
        for _, i in points:
            process, call, ret, is_lost = spans[i]
            told[i] = self._do(process, call, ret, is_lost)
        queues: dict[int, list[Op]] = {}
        for i, (process, *_) in enumerate(spans):
            queues.setdefault(process % 100, []).extend(told[i])
        ops: list[Op] = []
        while any(queues.values()):
            first = min(queue[0].time for queue in queues.values() if queue)
            heads = [p for p in sorted(queues) if queues[p] and queues[p][0].time == first]
            ops.append(queues[rng.choice(heads)].pop(0))
        return History([replace(op, index=i) for i, op in enumerate(ops)])

    def _spans(self, count: int, processes: int) -> list[tuple[int, int, int, bool]]:
        """(process, call, return, whether the answer is lost): a process that got no answer gives
        way to another one."""
        rng = self.rng
        width = rng.choice((3, 6, 12, 25))
        free = {p: rng.randint(0, width // 2) for p in range(processes)}
        lives = dict.fromkeys(range(processes), 0)
        found = []
        for _ in range(count):
            p = rng.randrange(processes)
            call = free[p] + rng.choice((0, 0, 1, 2))
            free[p] = call + rng.choice((0, 1, 2, width // 2))
            is_lost = rng.random() < self.lost
            found.append((p + 100 * lives[p], call, free[p], is_lost))
            lives[p] += is_lost
        return found

    def _do(self, process: int, call: int, ret: int, is_lost: bool) -> list[Op]:
        """An operation at this point of the order: its lines."""
        rng = self.rng
        key = rng.choice(KEYS) if self.keyed else UNSET
        f, value = self._ask(process, key)
        if f == "txn":
            key = UNSET
        asked = Op(-1, call, process, INVOKE, f, value, key=key)
        if rng.random() < 0.04 and not is_lost:
            return [asked, replace(asked, time=ret, type=FAIL, error="busy")]
        if is_lost:
            after = self._after(asked, UNKNOWN)
            if after is not None and rng.random() < 0.6:
                self.state = after
            done = replace(asked, time=ret, type=INFO, error="timeout")
            return [asked] if rng.random() < 0.3 else [asked, done]
        return [asked, self._answer(replace(asked, time=ret))]

    def _answer(self, asked: Op) -> Op:
        """Its completion: right, or a lie."""
        rng = self.rng
        answers = [it for it in self._answers(asked) if self._fits(asked, it)]
        rng.shuffle(answers)
        is_lie = rng.random() < self.lies
        right = next((a for a in answers if self._after(asked, a) is not None), UNSET)
        if not answers:
            return replace(asked, type=FAIL, error="busy")
        if is_lie and rng.random() < 0.6:  # another answer, whether or not it happened
            wrong = [a for a in answers if self._after(asked, a) is None]
            if right is not UNSET and rng.random() < 0.5:
                self.state = self._after(asked, right)
            return replace(asked, type=OK, value=rng.choice(wrong or answers))
        if right is UNSET or rng.random() < 0.05:
            refusal = self._refusal(asked, is_lie)
            if refusal is not None:
                return refusal
        if right is UNSET:
            if not is_lie:
                return replace(asked, type=FAIL, error="busy")
            return replace(asked, type=OK, value=rng.choice(answers))
        if not is_lie:  # a lie now is that it never happened
            self.state = self._after(asked, right)
        return replace(asked, type=OK, value=right)

    def _refusal(self, asked: Op, is_lie: bool) -> Op | None:
        """A refusal that tells something, None where the model knows none that is right."""
        rng, tell = self.rng, getattr(self.model, "refused", None)
        if tell is None:
            return None
        seen = [*self._atoms(self.state), _plain(self.state), UNSET]
        rng.shuffle(seen)
        for saw in seen if rng.random() < self.tells else [UNSET]:
            head = tell(
                self._f(asked), freeze(asked.value), UNKNOWN if saw is UNSET else freeze(saw)
            )
            if head is None:
                return None
            head = join(asked.key, head) if self.keyed else head
            unfit = getattr(self.model, "unfit", None)
            if unfit is not None and unfit(*head):
                continue  # nothing that a refusal of this model may have seen
            if is_lie or self.model.step(self.state, *head) is not None:
                code = rng.choice(self.refusals)
                return replace(asked, type=FAIL, error=code, observed=saw)
        return None

    def _f(self, op: Op) -> str:
        return self.aliases.get(op.f, op.f)

    def _head(self, op: Op, answer: Any) -> tuple[str, Any, Any]:
        """The operation as the model takes it."""
        value = freeze(op.value)
        result = answer if answer is UNKNOWN else freeze(answer)
        head = self._f(op), (op.process, value) if self.owned else value, result
        return join(op.key, head) if self.keyed else head

    def _fits(self, op: Op, answer: Any) -> bool:
        """Whether the model has a meaning for this answer, right or wrong."""
        f, unfit = self._f(op), getattr(self.model, "unfit", None)
        if f in self.echoes and op.value is not None and answer is not UNKNOWN:
            return bool(answer == op.value)
        return unfit is None or not unfit(*self._head(op, answer))

    def _after(self, op: Op, answer: Any) -> Any:
        """The state after the operation was answered so; None where it cannot be."""
        return self.model.step(self.state, *self._head(op, answer))

    def _ask(self, process: int, key: Any) -> tuple[str, Any]:
        """An operation, rather one that may take effect now."""
        wanted = self.rng.randint(1, 2)
        while True:
            f = self.rng.choice(self.fs)
            value = self._argument(self.aliases.get(f, f), key)
            asked = Op(-1, 0, process, INVOKE, f, value, key=key if f != "txn" else UNSET)
            if self._fits(asked, UNKNOWN):
                wanted -= 1
                if wanted <= 0 or self._after(asked, UNKNOWN) is not None:
                    return f, value

    def _argument(self, f: str, key: Any) -> Any:
        rng = self.rng
        if f in ASK_NOTHING:
            return None
        if f in MAY_COUNT:
            return rng.choice((None, None, 1, 2, *self._numbers()))
        if f == "txn":
            some = [rng.choice(KEYS) for _ in range(rng.randint(1, 3))]
            words = sorted(self.model.fs - {"txn"})
            return [
                [g, k, self._argument(self.aliases.get(g, g), k)]
                for k in some
                for g in (rng.choice(words),)
            ]
        if f == "increment":
            return rng.choice((1, 1, 2, -1, 0))
        if f == "cas":
            held = self._atoms(self.state)
            old = rng.choice(held) if held and rng.random() < 0.6 else self._value(f)
            return [old, self._value(f)]
        if f == "insert" and rng.random() < 0.3:
            return [rng.randrange(2), self._value(f)]
        return self._value(f)

    def _value(self, f: str) -> Any:
        """Something to write or to put in."""
        self.fresh += 1
        number = self.fresh if self.unique else self.rng.randrange(self.values)
        return "abcdefghijklmnopqrstuvwxyz"[number] if self._takes_texts(f) else number

    def _takes_texts(self, f: str) -> bool:
        return isinstance(self.model.initial(), str)

    def _answers(self, asked: Op) -> Iterator[Any]:
        """What may be answered, rightly or not."""
        if asked.f == "txn":
            yield from self._txn_answers(asked.value)
            return
        yield from (asked.value, None, True, False, self.fresh + 1)
        yield _plain(self.state)
        yield from self._atoms(self.state)
        after = self._after(asked, UNKNOWN)
        if after is not None and after != self.state:
            yield _plain(after)
            yield from self._atoms(after)
        if isinstance(self.state, (tuple, frozenset)) and self.state:
            shown = _plain(self.state)
            yield from (shown[:-1], shown[::-1], [*shown, self.fresh + 1])
        yield self._value(asked.f)
        yield from (0, 1)

    def _txn_answers(self, parts: list[Any]) -> Iterator[Any]:
        """Transactions with what was asked or written in them for answers, in some ways."""
        held = [None, *self._atoms(self.state), *(p[2] for p in parts if not _is_list(p[2]))]
        for _ in range(30):
            yield [[f, k, v if v is not None else self.rng.choice(held)] for f, k, v in parts]

    def _numbers(self) -> list[int]:
        return [it for it in self._atoms(self.state) if type(it) is int]

    def _atoms(self, state: Any) -> list[Any]:
        """The plain values in a state."""
        found: dict[Any, None] = {}
        _gather(state, found)
        return [it for it in found if not (self.keyed and it in KEYS)]


def _is_list(it: Any) -> bool:
    return isinstance(it, (list, tuple))


def _opened(state: Any) -> Any:
    """A state that is a set, or holds those of many keys, as a list."""
    state = getattr(state, "held", state)
    if isinstance(state, dict):
        return list(state.items())
    return sorted(state, key=repr) if isinstance(state, frozenset) else state


def _gather(state: Any, found: dict[Any, None]) -> None:
    state = _opened(state)
    if _is_list(state):
        for inside in state:
            _gather(inside, found)
    elif not isinstance(state, (bool, type)):
        found[state] = None


def _plain(state: Any) -> Any:
    """A state as a history could show it."""
    state = _opened(state)
    return [_plain(it) for it in state] if _is_list(state) else state
