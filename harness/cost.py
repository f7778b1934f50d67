"""Costs: how long a node is busy with a message of each kind, first in first out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin

from msgspec import Struct

from harness.clock import Nanos
from harness.core import Message, NodeId
from harness.error import nearest
from harness.system import Carries, System, everyone

SAID = 12  # kinds that are named where one was not known


class Costs(Struct, frozen=True):
    """Service times in ns. `receive`: of a message of this kind that a node handles; `send`: of one
    that it sends for it. `nodes`: how many times as long all of this takes these nodes.

    A kind is a message's tag in small letters, or `tag/operation` where one type of message carries
    several operations (System.carries); the finer one counts. A message with several `entries`
    costs so many times as much.
    """

    receive: Mapping[str, Nanos] = {}
    send: Mapping[str, Nanos] = {}
    nodes: Mapping[NodeId, float] = {}

    def __bool__(self) -> bool:
        return any(self.receive.values()) or any(self.send.values())


NO_COSTS = Costs()


class Kind(Struct, frozen=True):
    """Messages of one type, or those of them whose `field` carries this operation."""

    type: type
    field: str = ""
    operation: str = ""


class Price(Struct):
    """What a message of one type costs: `flat`, or another `by` the operation in its `field`."""

    flat: Nanos = 0
    field: str = ""
    by: dict[str, Nanos] = {}
    has_entries: bool = False

    def of(self, message: Message) -> Nanos:
        """What this message costs."""
        cost = self.flat
        if self.by:
            cost = self.by.get(_operation(getattr(message, self.field)), cost)
        return cost * max(1, len(message.entries)) if self.has_entries else cost


class Service:
    """What messages cost at one node."""

    __slots__ = ("_receive", "_send")

    def __init__(self, costs: Costs, kinds: Mapping[str, Kind], times: float) -> None:
        self._receive = _prices(costs.receive, kinds, times)
        self._send = _prices(costs.send, kinds, times)

    def handling(self, message: Message) -> Nanos:
        """How long it takes to handle this message; nothing where its kind has no cost."""
        price = self._receive.get(type(message))
        return 0 if price is None else price.of(message)

    def sending(self, messages: Iterable[Message]) -> Nanos:
        """How long it takes to send these."""
        priced = ((self._send.get(type(message)), message) for message in messages)
        return sum(price.of(message) for price, message in priced if price is not None)


def services(costs: Costs, system: System) -> dict[NodeId, Service]:
    """Of each node and manager; none where nothing has a cost. The kinds must be known ones."""
    if not costs:
        return {}
    kinds = kinds_of(system)
    return {node: Service(costs, kinds, costs.nodes.get(node, 1.0)) for node in everyone(system)}


def mistakes(costs: Costs, system: System) -> list[tuple[str, str]]:
    """What is wrong with a plan's costs for this system, as (field, what)."""
    known, nodes = kinds_of(system), everyone(system)
    found = []
    for words, around in ((costs.receive, "costs"), (costs.send, "costs.send")):
        for kind in words:
            if kind not in known:
                what = f"{system.name!r} has no such message: {_hint(kind, known)}"
                found.append((f"{around}.{kind}", what))
    for node in costs.nodes:
        if node not in nodes:
            what = f"there is no node {node!r}: {nearest(node, nodes)}"
            found.append((f"costs.nodes.{node}", what))
    if costs.nodes and not costs:
        found.append(("costs.nodes", "no message has a cost that could be multiplied"))
    return found


def _hint(word: str, known: Mapping[str, Kind]) -> str:
    """What may have been meant, and some of the kinds that there are: those with like names, then
    the system's own, before those of what it has inside it."""
    like = get_close_matches(word, sorted(known), n=SAID)
    room = next(iter(known.values())).type.__module__  # a system's own messages come first
    rest = sorted(known, key=lambda name: (known[name].type.__module__ != room, name))
    said = list(dict.fromkeys([*like, *rest]))[:SAID]
    meant = f"did you mean {like[0]!r}? " if like else ""
    more = f" and {len(known) - len(said)} more" if len(said) < len(known) else ""
    return f"{meant}Known: {', '.join(said)}{more}"


def kinds_of(system: System) -> dict[str, Kind]:
    """The kinds of a system's messages by name. Where two tags differ in capitals only, the one in
    small letters has the small name, and the other its own."""
    carries: Mapping[type, Carries] = getattr(system, "carries", {})
    types = {_tag(type_): type_ for type_ in _types(system.message)}
    kinds: dict[str, Kind] = {}
    for tag, type_ in types.items():
        name = tag if tag.lower() in types else tag.lower()
        kinds[name] = Kind(type_)
        if type_ in carries:
            field = carries[type_].field
            for operation in sorted(carries[type_].operations):
                kinds[f"{name}/{operation.lower()}"] = Kind(type_, field, operation.lower())
    return kinds


def _prices(
    costs: Mapping[str, Nanos], kinds: Mapping[str, Kind], times: float
) -> dict[type, Price]:
    prices: dict[type, Price] = {}
    for name, cost in costs.items():
        kind = kinds[name]
        price = prices.get(kind.type)
        if price is None:
            has_entries = "entries" in kind.type.__struct_fields__  # type: ignore[attr-defined]
            price = prices[kind.type] = Price(has_entries=has_entries)
        if kind.operation:
            price.field = kind.field
            price.by[kind.operation] = round(cost * times)
        else:
            price.flat = round(cost * times)
    return prices


def _operation(carried: Any) -> str:
    """The name of what a message carries: of an operation (text), or a command (a Struct)."""
    return (carried if isinstance(carried, str) else type(carried).__name__).lower()


def _types(message: Any) -> list[type]:
    """The types of a union of messages, or of the one there is."""
    union = get_args(message) if get_origin(message) in (Union, UnionType) else (message,)
    return [get_origin(part) or part for part in union]


def _tag(type_: Any) -> str:
    tag = type_.__struct_config__.tag
    return str(tag) if tag is not None else str(type_.__name__)
