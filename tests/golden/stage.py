"""A stage: nodes and clients where nothing moves unless a line of a golden trace says so.

No message arrives by itself and no timer fires by itself; the clock goes on when a timer fires (to
when it was due) and by `wait`. Links keep their order. What a node persists is on its disk at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from msgspec import json

from harness.clock import Nanos, duration
from harness.core import (
    CancelTimer,
    ClientCore,
    Compact,
    Effect,
    Persist,
    Record,
    Send,
    SetTimer,
    Snapshot,
)
from harness.op import invoke
from harness.system import Invariants, everyone
from systems.craq import Craq
from systems.craq.node import Node
from systems.raft.host import Host
from systems.raft.store import RaftStore
from systems.zookeeper.system import ZooKeeper
from tests.golden.line import Words

Plant = Callable[[Any], Any]
KINDS: dict[str, Any] = {"raft": RaftStore, "zookeeper": ZooKeeper, "craq": Craq}
KEYED = ("read", "write", "cas")  # register operations: the first word is the key


class Misread(Exception):
    """A line of a trace that is no command, or asks for what is not there."""


class Stage:
    """Carries out one command after another; each gives the lines of its effects.

    `plant` makes of the plain system the one to be shown.
    """

    def __init__(self, plant: Plant = lambda system: system) -> None:
        self._plant = plant
        self.now: Nanos = 0
        self._words = Words()
        self._nodes: dict[str, Any] = {}
        self._clients: dict[str, ClientCore] = {}
        self._disks: dict[str, list[Record]] = {}
        self._timers: dict[tuple[str, str], Nanos] = {}
        self._links: dict[tuple[str, str], list[tuple[int, Any]]] = {}  # number, message
        self._away: set[str] = set()
        self._sent = self._asked = 0
        self._starts: dict[str, int] = {}
        self._invariants: Invariants | None = None
        self._lines: list[str] = []

    def do(self, command: str) -> list[str]:
        """Carry out a command; the lines of its effects. After `quietly` there are none."""
        quiet = command.startswith("quietly ")
        self._lines = []
        self._dispatch(command.removeprefix("quietly ").split())
        if self._invariants is not None:
            self._invariants.check(self._nodes)
        return [] if quiet else self._lines

    def _dispatch(self, words: list[str]) -> None:
        first, rest = words[0], words[1:]
        handler = getattr(self, f"_do_{first}", None)
        if handler is not None:
            handler(*rest)
        elif rest[:1] == ["timer"] and len(rest) > 1:
            self._timer(first, rest[1:])
        elif first in self._clients and rest:
            self._ask(first, rest)
        else:
            raise Misread(f"what is {' '.join(words)!r}?")

    # --- commands

    def _do_service(self, name: str, *options: str) -> None:
        """`service raft nodes=3 snapshot_every=5`: start the nodes."""
        given = dict(option.split("=") for option in options)
        self._system = self._plant(KINDS[name](**{k: _value(v) for k, v in given.items()}))
        self._invariants = self._system.invariants()
        for node in everyone(self._system):
            self._disks[node] = []
            self._do_restart(node)

    def _do_client(self, client: str, at: str) -> None:
        """`client c1 n2`: a client whose first server is n2."""
        self._clients[client] = self._system.client(client, at, Random(client))

    def _do_deliver(self, link: str, how_many: str = "1") -> None:
        """`deliver n1->n2`, or `deliver n1->n2 all`: the oldest messages of a link."""
        for _ in range(self._count(link, how_many)):
            self._deliver(link)

    def _do_drop(self, link: str, how_many: str = "1") -> None:
        """`drop n1->n2`: the oldest messages of a link are lost."""
        del self._queue(link)[: self._count(link, how_many)]

    def _do_settle(self) -> None:
        """Deliver everything, in the order it was sent, until there is nothing more."""
        for _ in range(10_000):
            heads = [(q[0][0], link) for link, q in self._links.items() if q]
            if not heads:
                return
            self._deliver("->".join(min(heads)[1]))
        raise Misread("this never settles")

    def _do_cut(self, *names: str) -> None:
        """`cut n3`: what goes to or from it is lost, until `heal`."""
        self._away |= set(names)

    def _do_heal(self) -> None:
        """The opposite of all cuts."""
        self._away.clear()

    def _do_crash(self, node: str) -> None:
        """`crash n2`: it is gone with all that was on its way to it."""
        if self._nodes.pop(node, None) is None:
            raise Misread(f"{node} is not up")
        self._timers = {key: due for key, due in self._timers.items() if key[0] != node}
        for link, queue in self._links.items():
            if link[1] == node:
                queue.clear()

    def _do_wipe(self, node: str) -> None:
        """`wipe n2`: a crashed node loses its disk."""
        if node in self._nodes:
            raise Misread(f"{node} is up")
        self._disks[node] = []

    def _do_restart(self, node: str) -> None:
        """`restart n2`: a new incarnation, from what the old ones wrote down."""
        if node in self._nodes or node not in self._disks:
            raise Misread(f"{node} is up, or there is none")
        self._starts[node] = self._starts.get(node, 0) + 1
        rng = Random(f"golden/{node}/{self._starts[node]}")
        core = self._nodes[node] = self._system.node(node, rng)
        self._carry_out(node, core.start(list(self._disks[node]), self.now))

    def _do_wait(self, span: str) -> None:
        """`wait 2s`: time passes, and nothing happens."""
        self.now += duration(span)

    def _do_run(self, span: str) -> None:
        """`run 500ms`: time passes, nodes' timers fire when they are due, and everything is
        delivered at once."""
        end = self.now + duration(span)
        while True:
            due = [(at, key) for key, at in self._timers.items() if key[0] in self._nodes]
            if not due or min(due)[0] > end:
                break
            self._timer(min(due)[1][0], [min(due)[1][1]])
            self._do_settle()
        self.now = end

    def _do_show(self, *nodes: str) -> None:
        """`show`, or `show n1`: what the nodes hold."""
        for name in nodes or self._nodes:
            core = self._nodes[name]
            if not isinstance(core, Host):
                self._lines.append(f"{name} {_held(core)}")
                continue
            raft, log = core.raft, core.raft.log
            self._lines.append(
                f"{name} {raft.role}, term {raft.term}; log "
                f"{f'(snapshot to {log.base}) ' if log.base else ''}"
                f"{' '.join(f'{i}:t{log.term(i)}' for i in range(log.base + 1, log.last + 1))}"
                f"; committed {raft.commit}, state {_state(core)}"
            )

    def _timer(self, name: str, what: list[str]) -> None:
        """`n1 timer election`, or `n1 timer sessions x6`: it fires, when it was due."""
        times = int(what.pop()[1:]) if what[-1][0] == "x" and what[-1][1:].isdigit() else 1
        timer = " ".join(what)
        for _ in range(times):
            if (name, timer) not in self._timers:
                waiting = ", ".join(sorted(t for n, t in self._timers if n == name)) or "none"
                raise Misread(f"{name} has no timer {timer}; it has: {waiting}")
            self.now = max(self.now, self._timers.pop((name, timer)))
            core = self._nodes.get(name) or self._clients[name]
            self._carry_out(name, core.timer(timer, self.now))

    def _ask(self, client: str, words: list[str]) -> None:
        """`c1 create /a x`, `c1 write k 5`: a client invokes an operation. Values are JSON, or
        plain words."""
        f, values = words[0], [_value(w) for w in words[1:]]
        self._asked += 1
        if f in KEYED:
            key, *values = values
            op = invoke(f, _operand(f, values), process=self._asked, key=key)
        else:
            op = invoke(f, _operand(f, values), process=self._asked)
        self._carry_out(client, self._clients[client].invoke(op, self.now))

    # --- links and effects

    def _queue(self, link: str) -> list[tuple[int, Any]]:
        source, _, to = link.partition("->")
        return self._links.setdefault((source, to), [])

    def _count(self, link: str, how_many: str) -> int:
        here = len(self._queue(link))
        count = here if how_many == "all" else int(how_many)
        if count > here or not here:
            raise Misread(f"there are {here} messages on {link}")
        return count

    def _deliver(self, link: str) -> None:
        source, _, to = link.partition("->")
        _, message = self._queue(link).pop(0)
        core = self._nodes.get(to) or self._clients.get(to)
        if core is not None and not {source, to} & self._away:
            self._carry_out(to, core.receive(source, message, self.now))

    def _carry_out(self, name: str, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self._lines.append(self._words.effect(name, effect))
            if isinstance(effect, Send):
                if not {name, effect.to} & self._away:
                    self._sent += 1
                    self._queue(f"{name}->{effect.to}").append((self._sent, effect.message))
            elif isinstance(effect, Persist):
                self._disks[name].append(effect.record)
            elif isinstance(effect, (Snapshot, Compact)):
                self._disks[name] = [effect.record]
            elif isinstance(effect, SetTimer):
                self._timers[name, effect.name] = self.now + effect.delay
            elif isinstance(effect, CancelTimer):
                self._timers.pop((name, effect.name), None)


def _value(word: str) -> Any:
    try:
        return json.decode(word)
    except ValueError:
        return word


def _operand(f: str, values: list[Any]) -> Any:
    """The value of an operation as its system wants it."""
    if f == "cas":
        return tuple(values)
    if f in ("create", "setData", "delete"):
        return values
    return values[0] if len(values) == 1 else values or None


def _held(core: Any) -> str:
    """What a replica of a chain holds; `!` marks what is not clean, and what is locked is named."""
    if not isinstance(core, Node):
        return "decides who is in which chain"
    store = core.store
    cells = {k: [c.value, *(f"{v}!" for v in c.dirty.values())] for k, c in store.cells.items()}
    shown = " ".join(f"{k}={' '.join(map(str, held))}" for k, held in sorted(cells.items()))
    locks = f"; locked {' '.join(sorted(store.locks))}" if store.locks else ""
    return f"{core.place.role} of chain {core.place.number}; {shown or 'nothing'}{locks}"


def _state(core: Host) -> str:
    """The whole state in brief."""
    machine = core.machine
    if hasattr(machine, "znodes"):
        tree = {p: z.data for p, z in sorted(machine.znodes.nodes.items()) if p != "/"}
        return f"{tree} sessions {sorted(machine.sessions)}"
    return str(machine.values)
