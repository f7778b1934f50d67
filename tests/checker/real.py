"""Real objects: what a correct single copy answers, written without the models; and liars."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any, Protocol

from msgspec import UNSET
from msgspec.structs import replace

from harness.history import History
from harness.op import FAIL, INFO, INVOKE, OK, Op

KEYS = ("x", "y", "z")


class Refused(Exception):
    """An operation was refused: the error's code, and what it says of the object if anything."""

    def __init__(self, code: str, observed: Any = UNSET) -> None:
        super().__init__(code)
        self.code, self.observed = code, observed


class Real(Protocol):
    """One object. `ask` thinks of an operation of a process: f, value and key; `do` carries it out
    and returns its answer, or raises Refused; `lie` makes another answer of a right one."""

    def ask(self, rng: random.Random, process: int) -> tuple[str, Any, Any]: ...
    def do(self, process: int, f: str, value: Any, key: Any) -> Any: ...
    def lie(self, rng: random.Random, f: str, answer: Any) -> Any: ...


class Versioned:
    """A register with versions."""

    def __init__(self, rng: random.Random) -> None:
        self.value, self.version = None, 0
        self.told = rng.choice(("version", "pair", "nothing", "any"))
        self.rng = rng

    def ask(self, rng: random.Random, process: int) -> tuple[str, Any, Any]:
        f = rng.choice(("read", "get", "write", "put", "cas", "cas"))
        if f == "cas":
            return f, [max(0, self.version + rng.choice((0, 0, -1, 1))), rng.randrange(3)], UNSET
        return f, None if f in ("read", "get") else rng.randrange(3), UNSET

    def do(self, process: int, f: str, value: Any, key: Any) -> Any:
        if f in ("read", "get"):
            return [self.value, self.version]
        if f == "cas" and value[0] != self.version:
            seen = self.rng.choice((UNSET, self.version, [self.value, self.version]))
            raise Refused(self.rng.choice(("bad-version", "precondition-failed")), seen)
        self.value = value[1] if f == "cas" else value
        self.version += 1
        told = self.rng.choice(("version", "pair", "nothing")) if self.told == "any" else self.told
        answers = {"version": self.version, "pair": [self.value, self.version], "nothing": None}
        return answers[told]

    def lie(self, rng: random.Random, f: str, answer: Any) -> Any:
        if isinstance(answer, list):
            value = rng.choice((answer[0], None, 0, 1, 2))
            return [value, max(0, answer[1] + rng.choice((-1, 0, 1)))]
        return None if answer is None else answer + rng.choice((-1, 1))


class Texts:
    """One key of a store of strings."""

    def __init__(self, rng: random.Random) -> None:
        self.text = ""

    def ask(self, rng: random.Random, process: int) -> tuple[str, Any, Any]:
        f = rng.choice(("get", "read", "put", "append", "append", "cas", "delete"))
        if f == "cas":
            return f, [rng.choice((self.text, self.text, "a", "")), rng.choice("ab")], UNSET
        return f, None if f in ("get", "read", "delete") else rng.choice("ab"), UNSET

    def do(self, process: int, f: str, value: Any, key: Any) -> Any:
        if f in ("get", "read"):
            return self.text
        if f == "cas":
            if self.text != value[0]:
                raise Refused("precondition-failed", self.text)
            self.text = value[1]
        if f in ("put", "append", "delete"):
            self.text = {"put": value, "append": f"{self.text}{value}", "delete": ""}[f]
        return value

    def lie(self, rng: random.Random, f: str, answer: Any) -> Any:
        return rng.choice(("", "a", "b", "ab", "aa")) if f in ("get", "read") else answer


class Store:
    """Keys with values; transactions touch several, and so may any operation with a map."""

    def __init__(self, rng: random.Random, *, plain: bool = False) -> None:
        self.held: dict[str, Any] = {}
        self.words = ("r", "r", "w", "w", "cas") + (() if plain else ("increment", "delete"))
        self.keys = KEYS[: rng.randint(1, 3)]
        self.singles = rng.choice((0.0, 0.5, 1.0))

    def ask(self, rng: random.Random, process: int) -> tuple[str, Any, Any]:
        if rng.random() < self.singles:
            f = rng.choice(self.words)
            f = {"r": rng.choice(("read", "get")), "w": "write"}.get(f, f)
            return f, self._argument(rng, f, key := rng.choice(self.keys)), key
        some = rng.sample(self.keys, rng.randint(1, len(self.keys)))
        if rng.random() < 0.2:
            f = rng.choice(("read", "write"))
            return f, {key: self._argument(rng, f, key) for key in some}, UNSET
        words = [(rng.choice(self.words), key) for key in some + some[:1] * rng.randint(0, 1)]
        return "txn", [[f, key, self._argument(rng, f, key)] for f, key in words], UNSET

    def _argument(self, rng: random.Random, f: str, key: str) -> Any:
        if f == "cas":
            return [rng.choice((self.held.get(key), 1)), rng.randrange(3)]
        return None if f in ("r", "read", "get", "delete") else rng.randint(1, 2)

    def do(self, process: int, f: str, value: Any, key: Any) -> Any:
        if key is not UNSET:
            return self._one(f, key, value)
        if f != "txn":
            return {k: self._one(f, k, v) for k, v in value.items()}
        before = dict(self.held)
        try:
            return [[mine, k, self._one(mine, k, v)] for mine, k, v in value]
        except Refused:
            self.held = before
            raise

    def _one(self, f: str, key: str, value: Any) -> Any:
        if f in ("r", "read", "get"):
            return self.held.get(key)
        if f == "cas":
            if self.held.get(key) != value[0]:
                raise Refused("precondition-failed", self.held.get(key))
            self.held[key] = value[1]
        elif f == "delete":
            self.held.pop(key, None)
        else:
            more = self.held.get(key) or 0 if f == "increment" else 0
            self.held[key] = value + more
        return self.held[key] if f == "increment" else value

    def lie(self, rng: random.Random, f: str, answer: Any) -> Any:
        if f == "txn":
            told = ("r", "increment")
            return [
                [mine, key, self.lie(rng, "read", it) if mine in told else it]
                for mine, key, it in answer
            ]
        if isinstance(answer, dict):
            return {key: self.lie(rng, f, it) for key, it in answer.items()}
        return rng.choice((None, 0, 1, 2)) if f in ("read", "get") else answer


class Ids:
    """Something that gives out ids."""

    def __init__(self, rng: random.Random) -> None:
        self.last = 0

    def ask(self, rng: random.Random, process: int) -> tuple[str, Any, Any]:
        return "generate", None, UNSET

    def do(self, process: int, f: str, value: Any, key: Any) -> Any:
        self.last += 1
        return self.last

    def lie(self, rng: random.Random, f: str, answer: Any) -> Any:
        return rng.choice((max(1, answer - 1), answer, f"{answer}", bool(answer)))


class Lock:
    """A lock with tokens, which some do not ask for; `times` it may be held at once, and
    `expires` says whether it becomes free by itself."""

    def __init__(
        self, rng: random.Random, *, tokens: bool = False, times: int = 1, expires: bool = False
    ) -> None:
        self.rng, self.tokens, self.times, self.expires = rng, tokens, times, expires
        self.owner: int | None = None
        self.count = self.token = 0
        self.told: dict[int, int] = {}

    def ask(self, rng: random.Random, process: int) -> tuple[str, Any, Any]:
        f = "release" if self.owner == process and rng.random() < 0.6 else "acquire"
        f = rng.choice(("acquire", "release")) if rng.random() < 0.2 else f
        with_token = self.tokens and f == "release" and rng.random() < 0.7
        return f, self.told.get(process) if with_token else None, UNSET

    def do(self, process: int, f: str, value: Any, key: Any) -> Any:
        if self.expires and self.rng.random() < 0.3:
            self.owner, self.count = None, 0
        if f == "acquire":
            if self.owner not in (None, process) or self.count == self.times:
                raise Refused("busy")
            self.owner, self.count = process, self.count + 1
            self.token += self.rng.randint(1, 3) if self.count == 1 else 0
            self.told[process] = self.token
            return self.token if self.tokens and self.rng.random() < 0.9 else None
        if self.owner != process or value not in (None, self.token):
            raise Refused("busy")
        self.count -= 1
        self.owner = process if self.count else None
        return None

    def lie(self, rng: random.Random, f: str, answer: Any) -> Any:
        return max(0, answer + rng.choice((-2, -1, 1))) if type(answer) is int else answer


class Permits:
    """A semaphore."""

    def __init__(self, rng: random.Random, permits: int) -> None:
        self.permits, self.taken = permits, 0

    def ask(self, rng: random.Random, process: int) -> tuple[str, Any, Any]:
        return rng.choice(("acquire", "acquire", "release")), rng.choice((None, 1, 2)), UNSET

    def do(self, process: int, f: str, value: Any, key: Any) -> Any:
        count = value or 1
        after = self.taken + (count if f == "acquire" else -count)
        if not 0 <= after <= self.permits:
            raise Refused("busy")
        self.taken = after
        return value

    def lie(self, rng: random.Random, f: str, answer: Any) -> Any:
        return answer


def history(rng: random.Random, real: Real, most: int = 8) -> History:
    """A history of up to `most` operations on an object, with equal times, lost answers and, in
    some, lies: another answer, an answer to what was not done, or to what was refused."""
    lost = rng.choice((0.0, 0.1, 0.4))
    false = rng.choice((0.0, 0.15, 0.4, 0.6))
    queues: dict[int, list[Op]] = {}
    spans = _spans(rng, rng.randint(1, most), rng.randint(1, 4), lost)
    points = sorted((rng.uniform(call, ret), i) for i, (_, call, ret, _) in enumerate(spans))
    for _, i in points:
        process, call, ret, is_lost = spans[i]
        f, value, key = real.ask(rng, process)
        asked = Op(-1, call, process, INVOKE, f, value, key=key)
        queue = queues.setdefault(process % 100, [])
        queue.append(asked)
        done = _done(rng, real, asked, ret, is_lost, rng.random() < false)
        queue += [] if is_lost and rng.random() < 0.3 else [done]
    ops: list[Op] = []
    while any(queues.values()):
        first = min(queue[0].time for queue in queues.values() if queue)
        heads = [p for p in sorted(queues) if queues[p] and queues[p][0].time == first]
        ops.append(queues[rng.choice(heads)].pop(0))
    return History([replace(op, index=i) for i, op in enumerate(ops)])


def _spans(
    rng: random.Random, count: int, processes: int, lost: float
) -> list[tuple[int, int, int, bool]]:
    """(process, call, return, whether the answer is lost); one that got no answer gives way to
    another process."""
    width = rng.choice((3, 6, 12, 25))
    names = dict(enumerate(range(processes)))
    free = {p: rng.randint(0, width // 2) for p in range(processes)}
    found = []
    for _ in range(count):
        p = rng.randrange(processes)
        call = free[p] + rng.choice((0, 0, 1, 2))
        free[p] = call + rng.choice((0, 1, 2, width // 2))
        is_lost = rng.random() < lost
        found.append((names[p], call, free[p], is_lost))
        names[p] += 100 * is_lost
    return found


def _done(rng: random.Random, real: Real, asked: Op, ret: int, is_lost: bool, is_false: bool) -> Op:
    """The completion of an operation."""
    before = deepcopy({name: it for name, it in vars(real).items() if name != "rng"})
    try:
        answer = real.do(int(asked.process), asked.f, asked.value, asked.key)
    except Refused as error:
        done = replace(asked, time=ret, type=FAIL, error=error.code, observed=error.observed)
        done = replace(asked, time=ret, type=OK) if is_false else done
    else:
        if is_false and rng.random() < 0.5:
            vars(real).update(before)
        elif is_false:
            answer = real.lie(rng, asked.f, answer)
        done = replace(asked, time=ret, type=OK, value=answer)
    if not is_lost:
        return done
    if rng.random() < 0.4:
        vars(real).update(before)  # it never came to pass
    return replace(asked, time=ret, type=INFO, error="timeout")
