"""What an administrator may ask the manager for, and what becomes of the layout.

    remove-node   a node's name: it leaves its chain, and is no spare
    add-node      a node's name: it is a spare again, and its chain may be as long as it was
    begin-move    [first slot, last slot, chain]: these are the chain's, or the first of them that
                  are not are on their way
    move-range    the same: all of these are the chain's, and nothing is on its way

Each is asked again until it is so. What was asked for is written into the layout first, so that a
manager that comes after goes on with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from harness.core import NodeId
from systems.craq.layout import SLOTS, Layout, Move


class Answer(Struct, frozen=True):
    """`done`: it is so; the layout to have next, if it has to change; or why it is `refused`.
    `value` is what is said of it: the nodes that are in a chain, or the slots that are moving."""

    done: bool = False
    next: Layout | None = None
    refused: str = ""
    value: Any = None


def answer(layout: Layout, first: Layout, f: str, value: Any) -> Answer:
    """To a request under this layout, of which `first` was the first."""
    said = _ANSWERS[f](layout, first, value) if f in _ANSWERS else Answer(refused=f"what is {f}?")
    return replace(said, value=list(layout.members())) if f.endswith("-node") else said


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


def _begin_move(layout: Layout, first: Layout, value: Any) -> Answer:
    if refused := _wrong(layout, value):
        return Answer(refused=refused)
    low, high, target = value
    move = layout.move
    if move is not None:
        is_ours = move.target == target and low <= move.first and move.end <= high + 1
        return Answer(done=True, value=_said(move)) if is_ours else Answer()
    slots = [slot for slot in range(low, high + 1) if layout.owner(slot) != target]
    if not slots:
        return Answer(done=True, value=[])
    start = end = slots[0]
    while end <= high and layout.owner(end) == layout.owner(start):
        end += 1
    begun = layout.moving(start, end, target)
    return Answer(next=begun, value=_said(begun.move))


def _said(move: Move | None) -> list[int]:
    """From which slot to which, from which chain to which."""
    assert move is not None
    return [move.first, move.end - 1, move.source, move.target]


def _move_range(layout: Layout, first: Layout, value: Any) -> Answer:
    said = _begin_move(layout, first, value)
    return Answer() if layout.move is not None and not said.refused else said


def _wrong(layout: Layout, value: Any) -> str:
    try:
        low, high, target = value
        is_right = 0 <= low <= high < SLOTS and 0 <= target < len(layout.chains)
    except (TypeError, ValueError):
        is_right = False
    slots = f"slots 0 to {SLOTS - 1}, chains 0 to {len(layout.chains) - 1}"
    return "" if is_right else f"expected [first slot, last slot, chain], {slots}, got {value!r}"


_ANSWERS: dict[str, Callable[[Layout, Layout, Any], Answer]] = {
    "remove-node": _remove,
    "add-node": _add,
    "begin-move": _begin_move,
    "move-range": _move_range,
}
ADMINISTRATION = frozenset(_ANSWERS)
MOVES = frozenset({"begin-move", "move-range"})  # of which there are none with a lone chain
