"""What goes wrong, to whom, and when: `REGISTRY[fault](options, rng, interval, name)`.

An entry of a plan's `nemesis` list is `{fault: NAME, ...options}`. All take `targets` and a
schedule: `interval` (a mean), or `at`, `for` and `every`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from harness.clock import Nanos
from harness.fault import kind_of
from nemesis import target
from nemesis.links import SHAPES, Packet, Partition, behaviour_of
from nemesis.package import Package, compose, known, package
from nemesis.process import Process, kill, pause

__all__ = ["REGISTRY", "Package", "compose"]

Make = Callable[[Mapping[str, Any], Random, Nanos, str], Package]


def partition(options: Mapping[str, Any], rng: Random, interval: Nanos, name: str) -> Package:
    """Cut links. `targets`: a node, role or count to isolate; majorities-ring, bridge, one-way,
    primaries; a grudge map {node: [nodes it refuses to hear]}; or a list, one of which is drawn at
    each start. `clients: true` cuts the isolated side off from clients too."""
    known(options, frozenset({"targets", "clients"}))
    targets = options.get("targets", "one")
    if not isinstance(targets, dict):
        target.check(targets, SHAPES)
    nemesis = Partition(targets, _flag(options, "clients", False))
    return _package(name, nemesis, "start-partition", "stop-partition", options, rng, interval)


def packet(options: Mapping[str, Any], rng: Random, interval: Nanos, name: str) -> Package:
    """Disturb links: `delay`, `jitter` (durations), `loss`, `duplicate`, `reorder` (shares), on all
    links to and from the targets (those of clients too, unless `clients: false`), or on `links`."""
    own = {"targets", "links", "clients", "delay", "jitter", "loss", "duplicate", "reorder"}
    known(options, frozenset(own))
    targets = options.get("targets", "one")
    target.check(targets)
    links = [(a, b) for a, b in options["links"]] if "links" in options else None
    nemesis = Packet(targets, links, _flag(options, "clients", True), behaviour_of(options))
    return _package(name, nemesis, "start-packet", "stop-packet", options, rng, interval)


def _process(make: Callable[[Any], Process], begin: str, end: str) -> Make:
    def build(options: Mapping[str, Any], rng: Random, interval: Nanos, name: str) -> Package:
        known(options, frozenset({"targets"}))
        targets = options.get("targets", "one")
        target.check(targets)
        return _package(name, make(targets), begin, end, options, rng, interval)

    return build


def _package(
    name: str,
    nemesis: Any,
    start: str,
    stop: str,
    options: Mapping[str, Any],
    rng: Random,
    interval: Nanos,
) -> Package:
    kind = kind_of(start)
    assert kind is not None
    return package(name, nemesis, start, stop, kind.colour, options, rng, interval)


def _flag(options: Mapping[str, Any], name: str, default: bool) -> bool:
    value = options.get(name, default)
    if not isinstance(value, bool):
        raise ValueError(f"{name}: expected true or false, got {value!r}")
    return value


REGISTRY: dict[str, Make] = {
    "partition": partition,
    "packet": packet,
    "slow": packet,  # packet with a delay, its default
    "kill": _process(kill, "kill", "start"),
    "pause": _process(pause, "pause", "resume"),
}
