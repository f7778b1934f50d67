"""`weaklink shell`: a live cluster and a prompt, to see what a system really answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from random import Random
from typing import Any

import yaml
from msgspec import UNSET

from harness import build
from harness.commands.terminal import Terminal
from harness.core import NodeId
from harness.driver import Setup, SystemSpec
from harness.error import UserError
from harness.fault import Kill, View
from harness.live.console import PIPELINE, Console
from harness.op import Op
from harness.run import EXIT_OK
from harness.shell import command, fault, seat
from harness.shell.dialect import CONNECT, ENDED, Dialect
from harness.shell.journal import Journal
from harness.shell.seat import Seat
from harness.system import System, everyone

EXIT_USAGE = 254
MOST_NODES = 9


def shell(name: str, *, nodes: int, sets: Sequence[str]) -> int:
    """Start a cluster and do what is typed, until the end of the input; the exit code: 254 where a
    command was not right and nobody sits at a terminal to mend it."""
    dialect = build.dialect(name)
    if not 1 <= nodes <= MOST_NODES:
        raise UserError(f"--nodes: expected 1 to {MOST_NODES}, got {nodes}")
    spec = SystemSpec(name, nodes, {**dialect.options, **options(sets)})
    system = dialect.prepare(build.system(spec))
    terminal = Terminal(command.every_word(dialect))
    table = Shell(dialect, system, terminal)
    setup = Setup(
        spec=spec,
        system=system,
        nemesis=build.no_nemesis(),
        seed=time.time_ns(),
        concurrency=nodes,
        pipeline=PIPELINE,
    )
    with Console(setup, table.observed, table.trouble) as console:
        return table.run(console)


def options(sets: Sequence[str]) -> dict[str, Any]:
    """`--set system.bug=x` as an option of the system; raises UserError.

    >>> options(["system.session_timeout=5s"])
    {'session_timeout': '5s'}
    """
    found: dict[str, Any] = {}
    for text in sets:
        field, equals, value = text.partition("=")
        if not equals or not field.startswith("system."):
            raise UserError(f"--set {text}: expected system.OPTION=VALUE")
        try:
            found[field.removeprefix("system.")] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UserError(f"--set {text}: not a YAML value") from error
    return found


class Shell:
    """What is typed is done, one command after another. A client sits before each node."""

    def __init__(self, dialect: Dialect, system: System, terminal: Terminal) -> None:
        self._dialect = dialect
        self._system = system
        self._terminal = terminal
        self._journal = Journal(dialect)
        self._seats = [Seat(node, node) for node in system.nodes]
        self._here = 0
        self._parted = ""
        self._quiet = True
        self._ended: set[Any] = set()  # sessions
        self._targets = build.targets(system)
        self._console: Console

    def run(self, console: Console) -> int:
        """Read and do, to the end."""
        self._console = console
        self._open()
        wrong = False
        while (line := self._terminal.read(seat.prompt(self._seats[self._here]))) is not None:
            try:
                typed = " ".join(line.split())
                asked = command.parse(line, self._dialect, self._system.nodes, self._targets)
                if isinstance(asked, command.Quit):
                    break
                if asked is not None and (said := self._do(asked, typed)):
                    self._terminal.say(said)
            except UserError as error:
                wrong = True
                self._terminal.say(str(error))
        return EXIT_USAGE if wrong and not self._terminal.is_interactive else EXIT_OK

    def observed(self, op: Op) -> None:
        """An event has come; called while a line may be being typed."""
        for place, seat_ in enumerate(self._seats):
            if seat_.session and seat_.session == op.session:
                self._sit(place, op)
        if self._quiet:
            return
        said = self._dialect.event(op)
        node = "" if op.node is UNSET else str(op.node)
        self._journal.happened(
            self._console.now(), "", said, node, self._dialect.place(op.position)
        )
        self._terminal.say(f"* {said}")

    def trouble(self, text: str) -> None:
        """A node has ended by itself."""
        self._terminal.say(f"* {text}")

    def _open(self) -> None:
        """Wait for a leader, and open a session at each node."""
        if "leader" in self._system.roles:
            self._console.wait_for(lambda view: bool(view.with_role("leader")))
        for place, seat_ in enumerate(self._seats):
            self._ask(place, CONNECT, seat_.home)
        self._quiet = False
        self._terminal.say(
            f"{self._system.name} is up. You have a session at each node and talk to "
            f"{self._seats[0].home}; `help` says what to do."
        )
        self._terminal.say(self._nodes())

    def _do(self, asked: command.Command, typed: str) -> str:
        """Do a command; what to say."""
        if isinstance(asked, command.Ask):
            request = asked.request
            node = self._seats[self._here].node
            invoked, done = self._ask(self._here, request.f, request.value)
            why = seat.silence(node, self._console.view(), self._parted)
            return self._journal.answered(typed, invoked, done, node, why)
        if isinstance(asked, command.Use):
            return self._use(asked.node)
        if isinstance(asked, command.Strike | command.Part | command.Heal):
            began = self._console.now()
            said = self._break(asked)
            self._journal.happened(began, typed, said)
            return said
        if isinstance(asked, command.Wait):
            time.sleep(asked.seconds)
            return ""
        if isinstance(asked, command.Past):
            return self._journal.table()
        if isinstance(asked, command.Help):
            return command.help_text(asked.usages)
        return self._nodes()

    def _ask(self, place: int, f: str, value: Any) -> tuple[Op, Op]:
        invoked, done = self._console.ask(place, f, value)
        self._sit(place, done)
        return invoked, done

    def _sit(self, place: int, op: Op) -> None:
        """What a seat's client was told; a session may end before the answer that ends it is
        looked at here."""
        if op.f == "session" and op.value in ENDED:
            self._ended.add(op.session)
        self._seats[place] = self._seats[place].after(op, self._ended)

    def _use(self, node: NodeId) -> str:
        """Sit down before a node; the client that does so before it comes back to it."""
        self._here = self._system.nodes.index(node)
        view = self._console.view()
        if self._seats[self._here].node != node and node in view.up:
            self._ask(self._here, CONNECT, node)
        now = self._seats[self._here]
        said = seat.describe(now, self._dialect)
        if now.node != node:
            down = "is down" if node not in view.up else "did not take the session"
            said += f" ({node} {down}: perhaps it is behind what this session has seen)"
        return said

    def _break(self, asked: command.Strike | command.Part | command.Heal) -> str:
        view = self._console.view()
        if isinstance(asked, command.Heal):
            self._parted = ""
            return fault.healed(self._console.act(fault.mend()))
        if isinstance(asked, command.Strike):
            hit = fault.strikes(asked, view, self._resolve(view))
            told = [fault.told(node, asked.word, self._console.act(act)) for node, act in hit]
            for node, act in hit:
                if isinstance(act, Kill):
                    self._lost(node)
            return "\n".join(told) or fault.nothing(asked)
        sides = fault.sides(asked.groups, view, self._resolve(view))
        if len(sides) < 2:
            return "partition: nothing to do: there are no two sides"
        self._console.act(fault.mend())  # one partition at a time
        outcome = self._console.act(fault.cut(sides))
        self._parted = fault.shape(sides) if outcome.done else ""
        return f"{self._parted or outcome.why}: clients still reach every node"

    def _resolve(self, view: View) -> fault.Resolve:
        return lambda target: build.nodes_of(target, view, Random())

    def _lost(self, node: NodeId) -> None:
        """A node has gone and its connections with it: its clients go to another, as they would
        where a connection breaks."""
        left = [n for n in everyone(self._system) if n in self._console.view().up]
        for place, seat_ in enumerate(self._seats):
            if seat_.node == node and left:
                self._console.send(place, CONNECT, left[place % len(left)])

    def _nodes(self) -> str:
        dumps = self._console.dumps()
        applied = {node: self._dialect.applied(dump) for node, dump in dumps.items()}
        return seat.table(self._console.view(), self._seats, applied, self._dialect, self._parted)
