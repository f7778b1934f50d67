"""The store's state machine: keys and values, changed one command at a time.

A key that was never written is None, which counts as an empty list and as 0. A command on a value
of the wrong kind is refused, and a transaction is done whole or not at all. Values are never
changed in place, so that a snapshot may share them with the state it was taken from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct, convert, msgpack
from msgspec.structs import asdict

from systems.raft.digest import mark
from systems.raft.message import Entry
from systems.raft.window import Done, Window

READ, WRITE, APPEND = "r", "w", "append"  # the parts of a transaction


class Put(Struct, frozen=True, tag=True, gc=False):
    """Command: the key's value is now this."""

    key: Any
    value: Any


class Swap(Struct, frozen=True, tag=True, gc=False):
    """Command: if the key's value is `old`, it is now `new`."""

    key: Any
    old: Any
    new: Any


class Extend(Struct, frozen=True, tag=True, gc=False):
    """Command: the key's list has one more element at its end."""

    key: Any
    element: Any


class Add(Struct, frozen=True, tag=True, gc=False):
    """Command: the key's number is so much more; the result is the new one."""

    key: Any
    amount: int


class Txn(Struct, frozen=True, tag=True):
    """Command: several reads ("r"), writes ("w") and appends, each [f, key, value], at once; the
    result has the values read in place of the nulls."""

    parts: list[tuple[str, Any, Any]]


class Get(Struct, frozen=True, tag=True, gc=False):
    """Query: the key's value."""

    key: Any


class Value(Struct, frozen=True, tag=True, gc=False):
    """Result: the key's value, for a Swap before it; and whether the command was done."""

    value: Any
    done: bool = True


Command = Put | Swap | Extend | Add | Txn


class Values:
    """The state machine: key to value, and what was done for which client."""

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}
        self.window = Window()
        self.digest = 0

    def weigh(self, command: Command) -> int:
        """Bytes of the texts in it."""
        if isinstance(command, Txn):
            return sum(_size(value) for _, _, value in command.parts)
        return sum(map(_size, asdict(command).values()))

    def apply(self, entry: Entry[Command], position: int) -> Done | None:
        """Carry out a command, once; None for a request that is too old to be answered."""
        key = (entry.client, entry.seq)
        done = self.window.find(*key)
        if done is None and not self.window.is_old(*key):
            assert entry.command is not None
            done = Done(position, self.do(entry.command))
            self.window.add(*key, done)
        return done

    def do(self, command: Command) -> Value:
        """Carry out a command; its result."""
        if isinstance(command, Txn):
            return self.transact(command.parts)
        key = command.key
        before = self.values.get(key)
        match command:
            case Put(_, value):
                self._set(key, value)
                return Value(None)
            case Swap(_, old, new) if before == old:
                self._set(key, new)
                return Value(before)
            case Extend(_, element) if _is_list(before):
                self._set(key, [*(before or ()), element])
                return Value(element)
            case Add(_, amount) if _is_number(before):
                self._set(key, (before or 0) + amount)
                return Value(self.values[key])
        return Value(before, False)

    def transact(self, parts: Sequence[tuple[str, Any, Any]]) -> Value:
        """Carry out the parts in order, on a copy of what they touch until all are done."""
        now = {key: self.values.get(key) for _, key, _ in parts}
        told = []
        for f, key, value in parts:
            if f == APPEND and not _is_list(now[key]):
                return Value(now[key], False)
            if f != READ:
                now[key] = value if f == WRITE else [*(now[key] or ()), value]
            told.append([f, key, now[key] if f == READ else value])
        for key in dict.fromkeys(key for f, key, _ in parts if f != READ):
            self._set(key, now[key])
        return Value(told)

    def query(self, query: Get) -> Value:
        """The value of a key; None for one that was never written."""
        return Value(self.values.get(query.key))

    def state(self) -> list[list[Any]]:
        """[key, value] pairs in an order that follows from the keys."""
        return [[k, self.values[k]] for k in sorted(self.values, key=lambda k: (str(type(k)), k))]

    def save(self) -> Iterator[bytes]:
        """The values, and the window."""
        values, window = list(self.values.items()), self.window.copy()
        return (msgpack.encode(part) for part in (values, window))

    def load(self, parts: Iterable[bytes]) -> None:
        """Become what was saved."""
        values, window = parts
        self.values, self.digest = {}, 0
        for key, value in msgpack.decode(values):
            self._set(key, value)
        self.window = msgpack.decode(window, type=Window)
        for done in self.window.done.values():
            for seq, one in done.items():
                done[seq] = Done(one.position, convert(one.result, Value))

    def describe(self, entry: Entry[Command], position: int, result: Done | None) -> dict[str, Any]:
        """Who asked for what."""
        command = entry.command
        assert command is not None
        return {
            "type": type(command).__name__,
            "client": entry.client,
            "seq": entry.seq,
            "command": {"type": type(command).__name__, **asdict(command)},
        }

    def _set(self, key: Any, value: Any) -> None:
        if key in self.values:
            self.digest ^= mark(key, self.values[key])
        self.values[key] = value
        self.digest ^= mark(key, value)


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str) else 0


def _is_list(value: Any) -> bool:
    return value is None or isinstance(value, (list, tuple))


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))
