"""A dialect: what a system says of its own commands in `weaklink shell`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from harness.core import Dump
from harness.op import Op
from harness.system import System

CONNECT = "connect"  # the operation by which a client goes to the node that is its value
GIVEN_UP = "given up"  # said of a session that its client has left, and the nodes keep for a while
ENDED = ("closed", "expired", GIVEN_UP)  # what is said of a session that its client has no more


class Usage(Struct, frozen=True):
    """A command: how it is typed ("set PATH DATA [VERSION]") and what it does."""

    form: str
    does: str

    @property
    def words(self) -> tuple[str, ...]:
        """What it is called by; more than one where the form begins with "stat/exists"."""
        return tuple(self.form.split()[0].split("/"))


class Request(Struct, frozen=True):
    """A command as an operation of the system's clients."""

    f: str
    value: Any = None


class Touch(Struct, frozen=True):
    """What an operation that is done has read and written, in words ("/a", "children of /")."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


class Dialect(Protocol):
    """One system's part of the shell. `options` are the system's, as people want them.

    Its clients outlive what came of their operations, and know one more: CONNECT, whose completion
    says in `node` where the client is now.
    """

    usages: tuple[Usage, ...]
    options: Mapping[str, Any]

    def prepare(self, system: System) -> System:
        """The system with clients that suit a person."""
        ...

    def parse(self, words: Sequence[str]) -> Request:
        """What was typed, the command's own word first; raises UserError for what is not right."""
        ...

    def answer(self, asked: Op, done: Op) -> str:
        """What came of an operation, in words; the first line by itself says the most."""
        ...

    def event(self, op: Op) -> str:
        """A line that completes nothing (core.Observe), in words."""
        ...

    def touched(self, asked: Op, done: Op) -> Touch:
        """What an operation has read and written."""
        ...

    def place(self, position: Any) -> str:
        """A position in words: "zxid 1.7"."""
        ...

    def applied(self, dump: Dump) -> Any:
        """The position up to which a node that holds this has applied the log."""
        ...
