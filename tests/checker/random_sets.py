"""Random histories of sets with unique values, for tests."""

from __future__ import annotations

import random
from typing import Any

from boxes import NEVER, Told, spans

from checker import UNKNOWN, Set

MODEL = Set()


def history(
    rng: random.Random,
    count: int,
    *,
    clients: int = 4,
    fs: tuple[str, ...] = ("add", "read", "contains"),
    elements: int = 0,
    unknown: float = 0.0,
    wrong: float = 0.0,
    length: float = 1.0,
) -> list[Told]:
    """Operations with a moment each inside its time; a share of the adds and removes has no answer,
    and a share of the answers is wrong. Removes and questions are of the last `elements` added."""
    state: frozenset[Any] = frozenset()
    told: list[Told] = []
    number = 0
    for _, call, ret in spans(rng, count, clients, length):
        f = rng.choice(fs)
        if f == "add":
            number += 1
        value = number if f == "add" else rng.randint(max(0, number - (elements or 99)), number + 1)
        if f in ("add", "remove"):
            is_lost = rng.random() < unknown
            if not is_lost or rng.random() < 0.5:
                state = MODEL.step(state, f, value, value)
            told.append((call, NEVER if is_lost else ret, f, value, UNKNOWN if is_lost else value))
        elif f == "contains":
            told.append((call, ret, f, value, (value in state) != (rng.random() < wrong)))
        else:
            seen = sorted(state)
            if rng.random() < wrong:
                seen = rng.choice([seen[:-1], seen[1:], [*seen, number + 1], [*seen, number]])
            told.append((call, ret, f, None, tuple(rng.sample(seen, len(seen)))))
    return told


def spoiled(rng: random.Random, told: list[Told]) -> list[Told]:
    """The same a little out of time."""
    shift = rng.choice((0.2, 0.6, 1.5))
    moved = []
    for call, ret, *rest in told:
        by = rng.uniform(-shift, shift)
        moved.append((call + by, ret + by, rest[0], rest[1], rest[2]))
    return moved
