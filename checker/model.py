"""Models: what a correct single copy of the object would do, one operation at a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, Protocol, TypeVar

UPDATE = 0  # may change the state, or is legal only in some states
OBSERVER = 1  # never changes the state where it is legal
BLIND = 2  # legal in every state, and the state after it is always the same

S = TypeVar("S", bound=Hashable)


class _Unknown:
    """Stands for a result that nobody saw."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __reduce__(self) -> str:
        return "UNKNOWN"  # there is one, in every process


UNKNOWN = _Unknown()


class Model(Protocol[S]):
    """The contract. States are hashable; lists in values and results arrive as tuples.

    A model may also have:
    - `name`, and `fs`, its operations: another f in a history makes the verdict unknown;
    - `kind(f, value, result)`: UPDATE, OBSERVER or BLIND, known without looking at states;
    - `lands(f, value, result)`: the one state that an UPDATE leads to, None if there are several;
    - `refused(f, value, observed)`: what an operation that was refused by a comparison tells, as
      (f, value, result), or None for nothing; and `refusals`, the errors of such refusals, where it
      is not only `precondition-failed`;
    - `unfit(f, value, result)`: why this operation means nothing here, in words, or None: then the
      verdict is unknown;
    - `show(state)`: a state in words, and `why(state, f, value, result)`: why an operation is not
      legal there, or None: pages and sentences say it so;
    - `of(fs)`: the plainest model for a key on which only these operations were done;
    - `relaxed(heads)`: an easier model, and these kinds of operations (f, value, result) as it has
      them, or None for one left out, such that an order here is an order there, too: what has no
      order there has none here. None where there is no such model;
    - `echoes`, the operations that are answered ok with the value they were called with, or with
      nothing; of reads, which are called with nothing, what they saw. Anything else is unfit;
    - `aliases`, other words for its operations, {word: f};
    - `owned = True`: it asks whose an operation is, and so takes values (process, value);
    - `keyed = True`: it takes the operations of all keys at once, as values (key, value) and
      results (key, result); and `single`, the model of one key, for a history in which every
      operation has a key and is one of this model's.
    """

    def initial(self) -> S:
        """The state before anything has happened."""
        ...

    def step(self, state: S, f: str, value: Any, result: Any) -> S | None:
        """The state after this operation gave this result; None if it cannot have. `result` is
        UNKNOWN where nobody saw it: then any result will do."""
        ...


class Extended:
    """A model with one more operation `f`, of this kind, that `step(state, value)` carries out."""

    def __init__(self, model: Any, f: str, kind: int, step: Callable[[Any, Any], Any]) -> None:
        self._model, self._f, self._f_kind, self._f_step = model, f, kind, step
        self.initial = model.initial
        if hasattr(model, "kind"):
            self.kind = self._kind
        if hasattr(model, "lands"):
            self.lands = model.lands

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """As the model, but for `f`."""
        if f == self._f:
            return self._f_step(state, value)
        return self._model.step(state, f, value, result)

    def _kind(self, f: str, value: Any, result: Any) -> int:
        kind: int = self._f_kind if f == self._f else self._model.kind(f, value, result)
        return kind


class FrozenMap(tuple[Any, ...]):
    """A map as its pairs; not the same value as a list of such pairs."""

    __slots__ = ()


def freeze(value: Any) -> Any:
    """A value as something hashable: lists as tuples, maps as tuples of pairs in key order.

    >>> freeze([1, [2, {"b": 1, "a": [2]}]])
    (1, (2, (('a', (2,)), ('b', 1))))
    >>> same(freeze({}), freeze([])), same(freeze({"a": 1}), freeze([["a", 1]]))
    (False, False)
    """
    kind = type(value)
    if kind is int or kind is str or value is None:
        return value
    if kind is list or kind is tuple:
        return tuple([freeze(item) for item in value])
    if kind is dict:
        pairs = [(freeze(key), freeze(item)) for key, item in value.items()]
        return FrozenMap(sorted(pairs, key=repr))
    if kind is set or kind is frozenset:
        return frozenset(freeze(item) for item in value)
    return value


_PLAIN = frozenset([int, str, type(None)])  # equal only if they are the same value


def tag(value: Any) -> Hashable:
    """Something that is equal for two frozen values exactly if they are the same value: Python
    holds True, 1 and 1.0 for equal, a history does not.

    >>> tag(1) == tag(True), tag((1,)) == tag((1.0,)), tag("a") == tag("a")
    (False, False, True)

    What is equal only to the same value is its own tag. All other tags begin with a type, which no
    such value does, so they differ from those.
    """
    kind = type(value)
    if kind is int or kind is str or value is None:
        return value  # type: ignore[no-any-return]
    if kind is tuple:
        if _PLAIN.issuperset(map(type, value)):
            return value  # type: ignore[no-any-return]
        return (kind, *map(tag, value))
    if kind is FrozenMap:
        return (kind, *map(tag, value))
    if kind is frozenset:
        if _PLAIN.issuperset(map(type, value)):
            return value  # type: ignore[no-any-return]
        return (kind, frozenset(map(tag, value)))
    return (kind, value)


def same(a: Any, b: Any) -> bool:
    """Whether two frozen values are the same value (True is not 1)."""
    return a == b and (a is b or tag(a) == tag(b))


def fitting(model: Any, fs: Iterable[str]) -> Any:
    """The model to judge a key by, on which only these operations were done."""
    of = getattr(model, "of", None)
    return of(fs) if of else model
