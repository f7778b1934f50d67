"""A command of the shell, parsed from a line: an operation of the system, a fault, or a look."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from difflib import get_close_matches

from msgspec import Struct

from harness.core import NodeId
from harness.error import UserError, nearest
from harness.shell.dialect import Dialect, Request, Usage

USAGES = (
    Usage("use NODE", "talk to that node from now on, in a session of its own"),
    Usage("nodes/status", "who is up, who leads, how far each has applied the log"),
    Usage("kill NODE...", "SIGKILL; a word of the plans will do: leader, follower, ..."),
    Usage("start [NODE...]", "start what was killed, from its disk; all if none is named"),
    Usage("pause NODE...", "SIGSTOP: it keeps its state and misses time"),
    Usage("resume [NODE...]", "SIGCONT; all if none is named"),
    Usage("partition NODES|NODES", 'cut the links between groups: "n3|n1 n2"; one group: it alone'),
    Usage("heal", "mend the links that a partition has cut"),
    Usage("wait SECONDS", "let time pass, and see what comes"),
    Usage("history", "what was asked and answered, by which node and at which position"),
    Usage("help [COMMAND]", "this, or one command"),
    Usage("quit/exit", "end all processes and leave; Ctrl-D and Ctrl-C do too"),
)
ALL_IF_NONE = ("start", "resume")


class Ask(Struct, frozen=True):
    """Have the client in use do this."""

    request: Request


class Use(Struct, frozen=True):
    """Talk to this node."""

    node: NodeId


class Strike(Struct, frozen=True):
    """kill, start, pause or resume these; none named: all that it makes sense for."""

    word: str
    targets: tuple[str, ...]


class Part(Struct, frozen=True):
    """Cut the links between these groups of targets."""

    groups: tuple[tuple[str, ...], ...]


class Heal(Struct, frozen=True):
    """Mend what a Part has cut."""


class Nodes(Struct, frozen=True):
    """Show the nodes."""


class Past(Struct, frozen=True):
    """Show what was asked and answered."""


class Wait(Struct, frozen=True):
    """Let time pass."""

    seconds: float


class Help(Struct, frozen=True):
    """Show these commands."""

    usages: tuple[Usage, ...]


class Quit(Struct, frozen=True):
    """Leave."""


Command = Ask | Use | Strike | Part | Heal | Nodes | Past | Wait | Help | Quit
SIMPLE: dict[str, Command] = {
    "heal": Heal(),
    "nodes": Nodes(),
    "status": Nodes(),
    "history": Past(),
    "quit": Quit(),
    "exit": Quit(),
}


def parse(
    line: str, dialect: Dialect, nodes: Sequence[NodeId], targets: Sequence[str]
) -> Command | None:
    """The command that a line asks for, None for an empty one or a comment ("# ...").

    `targets` are what faults may be aimed at beside the nodes. Raises UserError: one line, with the
    nearest right word.
    """
    if line.lstrip().startswith("#"):
        return None
    try:
        words = shlex.split(line)
    except ValueError:
        raise UserError(f"a quotation mark is not closed: {line.strip()}") from None
    if not words:
        return None
    word, *rest = words
    if any(word in usage.words for usage in dialect.usages):
        return Ask(dialect.parse(words))
    own = next((usage for usage in USAGES if word in usage.words), None)
    if own is None:
        raise UserError(f"unknown command {word!r}: {_hint(word, dialect)}")
    if word == "use":
        return Use(_node(rest, nodes))
    if word in ("kill", "start", "pause", "resume"):
        if not rest and word not in ALL_IF_NONE:
            raise UserError(f"{word}: whom? {own.form}, such as: {word} {nodes[-1]}")
        return Strike(word, tuple(_target(name, word, nodes, targets) for name in rest))
    if word == "partition":
        return _partition(line.split(None, 1)[1:], nodes, targets)
    if word == "wait":
        return Wait(_seconds(rest))
    if word == "help":
        return Help(_helped(rest, dialect))
    if rest:
        raise UserError(f"{word}: nothing comes after it, got {' '.join(rest)!r}")
    return SIMPLE[word]


def every_word(dialect: Dialect) -> list[str]:
    """All words that a line may begin with."""
    return [word for usage in (*dialect.usages, *USAGES) for word in usage.words]


def help_text(usages: Sequence[Usage]) -> str:
    """A line for each command."""
    wide = max(len(usage.form) for usage in usages)
    return "\n".join(f"  {usage.form:<{wide}}  {usage.does}" for usage in usages)


def _hint(word: str, dialect: Dialect) -> str:
    close = get_close_matches(word.lower(), every_word(dialect), n=1)
    return f"did you mean {close[0]!r}?" if close else "`help` lists them"


def _node(rest: Sequence[str], nodes: Sequence[NodeId]) -> NodeId:
    if len(rest) != 1:
        raise UserError(f"use: which node? one of {', '.join(nodes)}")
    return _target(rest[0], "use", nodes, ())


def _target(name: str, word: str, nodes: Sequence[NodeId], targets: Sequence[str]) -> str:
    if name not in nodes and name not in targets:
        what = "no node or target" if targets else "no node"
        raise UserError(f"{word}: there is {what} {name!r}: {nearest(name, {*nodes, *targets})}")
    return name


def _partition(rest: Sequence[str], nodes: Sequence[NodeId], targets: Sequence[str]) -> Part:
    text = " ".join(shlex.split(rest[0])) if rest else ""  # quoted or not
    named = [group.replace(",", " ").split() for group in text.split("|")]
    if not all(named):
        raise UserError(f'partition: who from whom? such as: partition "{_example(nodes)}"')
    groups = tuple(
        tuple(_target(name, "partition", nodes, targets) for name in group) for group in named
    )
    flat = [name for group in groups for name in group]
    twice = [name for name in flat if flat.count(name) > 1]
    if twice:
        raise UserError(f"partition: {twice[0]} is named twice")
    return Part(groups)


def _example(nodes: Sequence[NodeId]) -> str:
    return f"{nodes[-1]}|{' '.join(nodes[:-1])}"


def _seconds(rest: Sequence[str]) -> float:
    try:
        seconds = float(rest[0].removesuffix("s")) if len(rest) == 1 else -1.0
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise UserError(f"wait: expected seconds, such as: wait 0.5; got {' '.join(rest)!r}")
    return seconds


def _helped(rest: Sequence[str], dialect: Dialect) -> tuple[Usage, ...]:
    usages = (*dialect.usages, *USAGES)
    if not rest:
        return usages
    found = tuple(usage for usage in usages if rest[0] in usage.words)
    if not found:
        raise UserError(f"help: unknown command {rest[0]!r}: {_hint(rest[0], dialect)}")
    return found
