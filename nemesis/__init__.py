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
from nemesis import option, target
from nemesis.links import SHAPES, Packet, Partition, behaviour_of, links_option
from nemesis.member import Member
from nemesis.move import SLOTS, Move
from nemesis.package import SCHEDULE, Package, compose, package
from nemesis.process import kill, pause
from nemesis.wipe import KillAndWipe

__all__ = ["REGISTRY", "Package", "compose"]

Make = Callable[[Mapping[str, Any], Random, Nanos, str], Package]


def partition(options: Mapping[str, Any], rng: Random, interval: Nanos, name: str) -> Package:
    """Cut links. `targets`: a node, role or count to isolate; majorities-ring, bridge, one-way,
    primaries; a grudge map {node: [nodes it refuses to hear]}; or a list, one of which is drawn at
    each start. `clients: true` cuts the isolated side off from clients too."""
    option.known(options, SCHEDULE | {"targets", "clients"})
    targets = options.get("targets", "one")
    target.check(targets, SHAPES, grudges=True)
    nemesis = Partition(clients=option.flag(options, "clients", False))
    return _package(name, nemesis, "start-partition", "stop-partition", options, rng, interval)


def packet(options: Mapping[str, Any], rng: Random, interval: Nanos, name: str) -> Package:
    """Disturb links: `delay`, `jitter` (durations), `loss`, `duplicate`, `reorder` (shares), on all
    links to and from the targets (those of clients too, unless `clients: false`), or on `links`,
    pairs of nodes."""
    shapes = {"delay", "jitter", "loss", "duplicate", "reorder"}
    option.known(options, SCHEDULE | shapes | {"targets", "links", "clients"})
    if "links" in options and options.keys() & {"targets", "clients"}:
        raise ValueError("either `links` or `targets` (and `clients`), not both")
    target.check(options.get("targets", "one"))
    nemesis = Packet(
        behaviour_of(options),
        links=links_option(options) if "links" in options else (),
        clients=option.flag(options, "clients", True),
    )
    return _package(name, nemesis, "start-packet", "stop-packet", options, rng, interval)


def kill_(options: Mapping[str, Any], rng: Random, interval: Nanos, name: str) -> Package:
    """SIGKILL, and a start from what was persisted; with `wipe: true` from an empty disk, the node
    being removed from the cluster before that and added again afterwards, unless `announced` is
    false."""
    option.known(options, SCHEDULE | {"targets", "wipe", "announced"})
    target.check(options.get("targets", "one"))
    announced = option.flag(options, "announced", True)
    wipes = option.flag(options, "wipe", False)
    nemesis = KillAndWipe(announced=announced) if wipes else kill()
    return _package(name, nemesis, "kill", "start", options, rng, interval)


def pause_(options: Mapping[str, Any], rng: Random, interval: Nanos, name: str) -> Package:
    """SIGSTOP, and SIGCONT."""
    option.known(options, SCHEDULE | {"targets"})
    target.check(options.get("targets", "one"))
    return _package(name, pause(), "pause", "resume", options, rng, interval)


def member(options: Mapping[str, Any], rng: Random, interval: Nanos, name: str) -> Package:
    """Remove members and add them again; `min_members` (2) are always left."""
    option.known(options, SCHEDULE | {"targets", "min_members"})
    target.check(options.get("targets", "one"))
    nemesis = Member(least=option.count(options, "min_members", 2))
    return _package(name, nemesis, "shrink", "grow", options, rng, interval)


def move(options: Mapping[str, Any], rng: Random, interval: Nanos, name: str) -> Package:
    """Move ranges of keys to another of `shards` (2), at least `slots` (8) of 64 at a time."""
    option.known(options, SCHEDULE | {"shards", "slots"})
    shards, least = option.count(options, "shards", 2), option.count(options, "slots", 8)
    if least > SLOTS:
        raise ValueError(f"slots: there are {SLOTS}")
    nemesis = Move(shards=shards, least=least)
    return _package(name, nemesis, "start-move", "stop-move", options, rng, interval)


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
    if "links" in options:  # named, not drawn
        targets = ", ".join(f"{a} - {b}" for a, b in options["links"])
    else:
        targets = options.get("targets", "one")
    return package(name, nemesis, start, stop, kind.colour, options, rng, interval, targets)


REGISTRY: dict[str, Make] = {
    "partition": partition,
    "packet": packet,
    "slow": packet,  # packet with a delay, its default
    "kill": kill_,
    "pause": pause_,
    "member": member,
    "move": move,
}
