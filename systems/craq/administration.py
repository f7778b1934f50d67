"""What an administrator may ask the manager for, and what becomes of the layout.

    remove-node   a node's name: it leaves its chain, and is no spare
    add-node      a node's name: it is a spare again, and its chain may be as long as it was

Each is asked again until it is so. What was asked for is written into the layout first, so that a
manager that comes after goes on with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from harness.core import NodeId
from systems.craq.layout import Layout


class Answer(Struct, frozen=True):
    """`done`: it is so; the layout to have next, if it has to change; or why it is `refused`."""

    done: bool = False
    next: Layout | None = None
    refused: str = ""


def answer(layout: Layout, first: Layout, f: str, value: Any) -> Answer:
    """To a request under this layout, of which `first` was the first."""
    return _ANSWERS[f](layout, first, value) if f in _ANSWERS else Answer(refused=f"what is {f}?")


def _remove(layout: Layout, first: Layout, node: NodeId) -> Answer:
    number = layout.number_with(node)
    if node in layout.out:
        return Answer(done=number is None)
    wanted = list(layout.wanted)
    if number is not None:
        config = layout.chains[number]
        if not set(config.chain) - {node, config.joining, *layout.out}:
            return Answer(refused=f"{node} is the last of its chain")
        wanted[number] -= 1
    out = (*layout.out, node)
    return Answer(next=replace(layout, version=layout.version + 1, wanted=tuple(wanted), out=out))


def _add(layout: Layout, first: Layout, node: NodeId) -> Answer:
    number = layout.number_with(node)
    if node not in layout.out:
        if number is not None:
            return Answer(done=layout.chains[number].joining != node)
        return Answer(done=not any(layout.is_short(n) for n in range(len(layout.chains))))
    wanted = list(layout.wanted)
    shrunk = [n for n, most in enumerate(first.wanted) if wanted[n] < most]
    if shrunk:  # else it was a spare when it was removed
        wanted[number if number in shrunk else shrunk[0]] += 1
    out = tuple(n for n in layout.out if n != node)
    return Answer(next=replace(layout, version=layout.version + 1, wanted=tuple(wanted), out=out))


_ANSWERS: dict[str, Callable[[Layout, Layout, Any], Answer]] = {
    "remove-node": _remove,
    "add-node": _add,
}
ADMINISTRATION = frozenset(_ANSWERS)
