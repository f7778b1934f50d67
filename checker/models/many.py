"""Many keys as one object, for operations that touch several at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

from checker.model import OBSERVER, UNKNOWN, UPDATE, FrozenMap, freeze, tag
from checker.models.kv import Kv
from checker.models.register import CasRegister, is_pair

SHORT = {"r": "read", "w": "write"}  # as Jepsen's transactions write them


class Part(NamedTuple):
    """What an operation does with one key, of this `name`."""

    name: Hashable
    f: str
    value: Any
    result: Any


class Keys:
    """The states of many keys, by name; hashed and compared by their tags, since a search holds
    hundreds of thousands."""

    __slots__ = ("_hash", "held", "tags")

    def __init__(self, held: dict[Hashable, Any], tags: dict[Hashable, Hashable]) -> None:
        self.held, self.tags = held, tags
        self._hash = hash(frozenset(tags.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keys) and self._hash == other._hash and self.tags == other.tags

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return Keys, (self.held, self.tags)  # hashes of texts are a process's own

    def __repr__(self) -> str:
        return f"Keys({self.held})"


class Many:
    """Every key is one `single` object; an operation does something with one of them, or with
    several at one moment.

    - any operation of the single model, of the key that the history gives it as `key`;
    - any of them, without a key, of a map {key: value}, answered a map {key: answer};
    - `txn` of [[f, key, value], ...], answered the same list with the answers of reads (and of
      whatever else is answered) filled in; `r` stands for read and `w` for write. The parts happen
      one after the other, with nothing in between. One that was refused did nothing.

    `start` has the states of keys at first; another is as the single model is at first. Where no
    operation touches several keys, each is judged by itself.
    """

    keyed = True

    def __init__(self, single: Any, start: Mapping[Any, Any] | None = None) -> None:
        self._single = single
        self.single = None if start else single  # of a key by itself
        self.fs = frozenset({*single.fs, "txn"})
        self.aliases: Mapping[str, str] = single.aliases
        self._words = {**single.aliases, **SHORT}
        self._first = single.initial()
        self._start = dict(start or {})
        self._parts: dict[tuple[str, int, int], tuple[Any, Any, list[Part]]] = {}

    def initial(self) -> Any:
        """No key differs from what it is at first."""
        return Keys({}, {})

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """All keys after an operation; in a state are those that differ from what they are at
        first."""
        now: dict[Hashable, Any] = state.held
        for name, mine, argument, answer in self.parts(f, value, result):
            first = self._start.get(name, self._first)
            before = now.get(name, first)
            after = self._single.step(before, mine, argument, answer)
            if after is None:
                return None
            if after is not before:
                if now is state.held:
                    now, tags = dict(now), dict(state.tags)
                now[name], tags[name] = after, tag(after)
                if tags[name] == tag(first):
                    del now[name], tags[name]
        return state if now is state.held else Keys(now, tags)

    def kind(self, f: str, value: Any, result: Any) -> int:
        """What only looks at keys observes; all else needs the state, since the other keys stay."""
        looks = all(
            self._single.kind(*part[1:]) == OBSERVER for part in self.parts(f, value, result)
        )
        return OBSERVER if looks else UPDATE

    def refused(self, f: str, value: Any, observed: Any) -> tuple[str, Any, Any] | None:
        """What a refusal tells of one key."""
        found: tuple[str, Any, Any] | None = self._single.refused(f, value, observed)
        return None if f == "txn" else found

    def unfit(self, f: str, value: Any, result: Any) -> str | None:
        """Parts are [f, key, value], and each is right for the single model."""
        outer, argument = value
        if f == "txn" and not _is_txn(argument):
            return "a txn takes [[f, key, value], ...]"
        if f != "txn" and outer is None and not (_is_txn(argument) or _is_map(f, argument)):
            return f"a {f} without a key takes a map {{key: value}}"
        answer = UNKNOWN if result is UNKNOWN else result[1]
        if f == "txn" and answer not in (UNKNOWN, None) and not _is_answer(argument, answer):
            return "a txn is answered the same [[f, key, value], ...], with what was read"
        for part in self.parts(f, value, result):
            if part.f not in self._single.fs and part.f != "refused":
                known = ", ".join(sorted(self._single.fs))
                return f"there is no {part.f!r} in a txn; it knows {known}"
            if part.f == "cas" and not is_pair(part.value):
                return "a cas takes [old, new]"
            wrong: str | None = getattr(self._single, "unfit", _fits)(*part[1:])
            if wrong:
                return wrong
        return None

    def parts(self, f: str, value: Any, result: Any) -> list[Part]:
        """What an operation does with each key, in order; remembered, as it is asked for again in
        every state."""
        held = self._parts.get((f, id(value), id(result)))
        if held is None or held[0] is not value or held[1] is not result:
            made = self._made(f, value, result)
            held = self._parts[f, id(value), id(result)] = (value, result, made)
        return held[2]

    def _made(self, f: str, value: Any, result: Any) -> list[Part]:
        outer, argument = value
        answer = UNKNOWN if result is UNKNOWN else result[1]
        if f == "txn" or (outer is None and _is_txn(argument)):
            return self._txn(outer, argument, answer)
        if outer is not None:
            return [Part(tag(outer), f, argument, answer)]
        if argument is None and type(answer) is FrozenMap:
            return [Part(tag(key), f, None, seen) for key, seen in answer]
        told = dict(answer) if type(answer) is FrozenMap else {}
        return [Part(tag(key), f, it, told.get(key, UNKNOWN)) for key, it in argument or ()]

    def _txn(self, outer: Any, asked: Any, answer: Any) -> list[Part]:
        told = asked if answer is UNKNOWN or answer is None else answer
        is_told = told is not asked
        return [
            Part(
                tag(key if outer is None else (outer, key)),
                self._words.get(mine, mine),
                argument,
                seen if is_told else UNKNOWN,
            )
            for (mine, key, argument), (_, _, seen) in zip(asked, told, strict=True)
        ]


class MultiRegister(Many):
    """Registers with compare-and-set, a key each, as one object. `initial` is a map of what reads
    of the keys see at first; the others see null."""

    name: ClassVar = "multi-register"

    def __init__(self, initial: Mapping[Any, Any] | None = None) -> None:
        start = {tag(freeze(key)): (freeze(value),) for key, value in (initial or {}).items()}
        super().__init__(CasRegister(), start)


class MultiKv(Many):
    """A store with many keys as one object: each is as in the model kv, but that a read of what was
    never written, or was deleted, is answered null, whatever else is done with that key."""

    name: ClassVar = "multi-kv"

    def __init__(self) -> None:
        super().__init__(_Value())


class _Value(Kv):
    """One key of a store, of which nobody knows beforehand that it is a list or a counter."""

    def of(self, fs: Iterable[str]) -> Any:
        """A register where no more is asked of it."""
        return super().of(fs) if set(fs) <= CasRegister.fs | {"refused"} else self


def _is_txn(it: Any) -> bool:
    return type(it) is tuple and all(type(part) is tuple and len(part) == 3 for part in it)


def _is_map(f: str, it: Any) -> bool:
    """Whether it is a map of keys, or a read that does not say which."""
    return type(it) is FrozenMap or (f == "read" and it is None)


def _is_answer(asked: Any, answer: Any) -> bool:
    return _is_txn(answer) and [part[:2] for part in answer] == [part[:2] for part in asked]


def _fits(f: str, value: Any, result: Any) -> None:
    return None
