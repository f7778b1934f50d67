"""Random histories of queues, stacks and priority queues with unique values, for tests."""

from __future__ import annotations

import random
from typing import Any

from checker import UNKNOWN, FifoQueue, PriorityQueue, Stack
from checker.encode import FOREVER, Task

MODELS: dict[str, Any] = {m.name: m() for m in (FifoQueue, Stack, PriorityQueue)}

Told = tuple[float, float, str, Any, Any]  # call, return, f, argument, result
NEVER = float("inf")


def spans(
    rng: random.Random, count: int, clients: int, length: float
) -> list[tuple[float, float, float]]:
    """Operations of so many clients as (moment of effect, call, return), by moment."""
    free = [0.0] * clients
    found = []
    for _ in range(count):
        client = rng.randrange(clients)
        call = free[client] + rng.random()
        free[client] = call + rng.expovariate(1 / length)
        found.append((rng.uniform(call, free[client]), call, free[client]))
    return sorted(found)


def history(
    rng: random.Random,
    model: Any,
    count: int,
    *,
    clients: int = 4,
    unknown: float = 0.0,
    wild: float = 0.0,
    wrong: float = 0.0,
    puts: float = 0.5,
    length: float = 1.0,
) -> list[Told]:
    """Operations with a moment each inside its time; shares of puts and takes have no answer, and a
    share of the takes a wrong one."""
    state = model.initial()
    told: list[Told] = []
    number = 0
    for _, call, ret in spans(rng, count, clients, length):
        if rng.random() < puts:
            number += 1
            value = (rng.randint(1, 3), number) if model.put == "insert" else number
            is_lost = rng.random() < unknown
            if not is_lost or rng.random() < 0.5:
                state = model.step(state, model.put, value, value)
            told.append(
                (call, NEVER, model.put, value, UNKNOWN)
                if is_lost
                else (call, ret, model.put, value, value)
            )
            continue
        seen = _next(rng, model, state)
        if rng.random() < wild:
            if rng.random() < 0.6:
                state = model.step(state, model.take, None, seen)
            told.append((call, NEVER, model.take, None, UNKNOWN))
            continue
        state = model.step(state, model.take, None, seen)
        if rng.random() < wrong:
            seen = rng.choice([None, *[t[3] for t in told if t[2] == model.put]])
        told.append((call, ret, model.take, None, seen))
    return told


def _next(rng: random.Random, model: Any, state: Any) -> Any:
    """What a take returns."""
    if not state:
        return None
    if model.take == "dequeue":
        return state[0]
    if model.take == "pop":
        return state[-1]
    return rng.choice([value for value in state if value[0] == state[0][0]])


def spoiled(rng: random.Random, model: Any, told: list[Told]) -> list[Told]:
    """The same a little wrong: some answers change places, or puts come earlier and takes later."""
    told = list(told)
    for _ in range(rng.choice((0, 1, 1, 2))):
        takes = [i for i, t in enumerate(told) if t[2] == model.take and t[4] is not UNKNOWN]
        if len(takes) > 1:
            i, j = rng.sample(takes, 2)
            told[i], told[j] = (*told[i][:4], told[j][4]), (*told[j][:4], told[i][4])
    shift = rng.choice((0.0, 0.2, 0.6, 1.5))
    moved = []
    for call, ret, f, value, result in told:
        by = rng.uniform(0, shift) * (-1 if f == model.put else 1)
        moved.append((call + by, ret + by, f, value, result))
    return moved


def nearly(rng: random.Random, model: Any, told: list[Told]) -> list[Told]:
    """The same with one thing changed: two takes that change places, or one that is late."""
    takes = [i for i, t in enumerate(told) if t[2] == model.take and t[4] is not UNKNOWN]
    if len(takes) < 4 or rng.random() < 0.2:
        return spoiled(rng, model, told)
    told = list(told)
    near = rng.randrange(len(takes) - 3)
    i, j = takes[near], takes[near + rng.randint(1, 3)]
    if rng.random() < 0.5:
        told[i], told[j] = (*told[i][:4], told[j][4]), (*told[j][:4], told[i][4])
    else:
        call, ret, *rest = told[i]
        told[i] = (call + 1.5, ret + 1.5, rest[0], rest[1], rest[2])
    return told


def ranked(told: list[Told]) -> list[Task]:
    """Tasks by call."""
    told = sorted(told, key=lambda t: t[0])
    times = sorted(time for t in told for time in t[:2] if time != NEVER)
    rank = {time: place for place, time in enumerate(times)}
    return [
        Task(f, value, result, rank[call], rank.get(ret, FOREVER), at)
        for at, (call, ret, f, value, result) in enumerate(told)
    ]
