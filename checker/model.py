"""Models: what a correct single copy of the object would do, one operation at a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

UPDATE = 0  # may change the state, or is legal only in some states
OBSERVER = 1  # never changes the state where it is legal
BLIND = 2  # legal in every state, and the state after it is always the same

S = TypeVar("S", bound=Hashable)


class _Unknown:
    """Stands for a result that nobody saw."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


class Model(Protocol[S]):
    """The contract. States are hashable; lists in values and results arrive as tuples.

    A model may also have:
    - `name`, and `fs`, its operations: another f in a history makes the verdict unknown;
    - `kind(f, value, result)`: UPDATE, OBSERVER or BLIND, known without looking at states;
    - `lands(f, value, result)`: the one state that an UPDATE leads to, None if there are several;
    - `refused(f, value, observed)`: what an operation that was refused by a comparison tells, as
      (f, value, result), or None for nothing;
    - `of(fs)`: the plainest model for a key on which only these operations were done;
    - `relaxed(heads)`: an easier model, and these operations (f, value, result) as it has them, or
      None for one left out, such that an order here is an order there, too: what has no order there
      has none here. None where there is no such model;
    - `keyed = True`: it takes the operations of all keys at once, as values (key, value) and
      results (key, result).
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


def tag(value: Any) -> Hashable:
    """Something that is equal for two frozen values exactly if they are the same value: Python
    holds True, 1 and 1.0 for equal, a history does not.

    >>> tag(1) == tag(True), tag((1,)) == tag((1.0,)), tag("a") == tag("a")
    (False, False, True)
    """
    kind = type(value)
    if kind is int or kind is str or value is None:
        return value  # type: ignore[no-any-return]
    if kind is tuple or kind is FrozenMap:
        return (kind, *[tag(item) for item in value])
    if kind is frozenset:
        return (kind, frozenset(tag(item) for item in value))
    return (kind, value)


def same(a: Any, b: Any) -> bool:
    """Whether two frozen values are the same value (True is not 1)."""
    return a == b and (a is b or tag(a) == tag(b))


class Register:
    """One value that is read and written. `initial` is what a read sees before any write."""

    name = "register"
    fs = frozenset({"read", "write"})

    def __init__(self, initial: Any = None) -> None:
        self._initial = freeze(initial)

    def initial(self) -> Any:
        """The value before any write, in a tuple so that a register can hold None."""
        return (self._initial,)

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The register after a read or a write."""
        if f == "write":
            return (value,)
        return state if result is UNKNOWN or same(state[0], result) else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Reads observe; writes are blind."""
        return BLIND if f == "write" else OBSERVER


class CasRegister(Register):
    """A register with compare-and-set: `cas` takes (old, new).

    A compare-and-set that was refused because the value differed is `refused`, a read of what it
    observed, or of "not old" where that is not recorded.
    """

    name = "cas-register"
    fs = frozenset({"read", "write", "cas"})

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The register after a read, a write, a cas, or a refused cas."""
        if f == "cas":
            old, new = value
            return (new,) if same(state[0], old) else None
        if f == "refused":
            if same(state[0], value[0]):
                return None
            return state if result is UNKNOWN or same(state[0], result) else None
        return super().step(state, f, value, result)

    def kind(self, f: str, value: Any, result: Any) -> int:
        """A compare-and-set of a value to itself only observes."""
        if f == "cas":
            return OBSERVER if same(value[0], value[1]) else UPDATE
        return super().kind(f, value, result)

    def lands(self, f: str, value: Any, result: Any) -> Any:
        """A compare-and-set leads to its new value."""
        return (value[1],) if f == "cas" else None

    def refused(self, f: str, value: Any, observed: Any) -> tuple[str, Any, Any] | None:
        """A refused cas tells what the value was, or at least what it was not."""
        return ("refused", value, observed) if f == "cas" else None

    def relaxed(
        self, heads: Sequence[tuple[str, Any, Any]]
    ) -> tuple[Model[Any], list[tuple[str, Any, Any] | None]] | None:
        """A register, in which a cas writes, whatever it finds, and a refused one does nothing.
        None for a model made of this one, of which that need not be so."""
        if type(self) is not CasRegister:
            return None
        made: list[tuple[str, Any, Any] | None] = []
        for f, value, result in heads:
            new = ("write", value[1], result) if f == "cas" else (f, value, result)
            made.append(None if f == "refused" else new)
        return Register(self._initial), made


class KvAppend:
    """One key of a store of strings: get, put, append. The empty string before anything is put."""

    name = "kv-append"
    fs = frozenset({"get", "put", "append"})

    def initial(self) -> Any:
        """The empty string."""
        return ""

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The string after a get, a put or an append."""
        if f == "put":
            return value
        if f == "append":
            return state + value
        return state if result is UNKNOWN or same(state, result) else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Gets observe, puts are blind, appends need the state."""
        if f == "put":
            return BLIND
        return OBSERVER if f == "get" or value == "" else UPDATE


class Mutex:
    """A lock that does not say who holds it: acquire, release."""

    name = "mutex"
    fs = frozenset({"acquire", "release"})

    def initial(self) -> Any:
        """Free."""
        return "free"

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """Held after an acquire of a free lock, free after a release of a held one."""
        if f == "acquire":
            return "held" if state == "free" else None
        return "free" if state == "held" else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Both depend on the state."""
        return UPDATE


class AppendList:
    """A list that elements are appended to; a key that was never written is an empty list."""

    name = "append-list"
    fs = frozenset({"read", "append"})

    def initial(self) -> Any:
        """The empty list."""
        return ()

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The list after a read or an append."""
        if f == "append":
            return (*state, value)
        seen = () if result is None else result
        return state if result is UNKNOWN or same(state, seen) else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Reads observe; an append needs the state."""
        return UPDATE if f == "append" else OBSERVER


class Counter:
    """A number that amounts are added to, each addition answered with the new number; a key that
    was never written is 0."""

    name = "counter"
    fs = frozenset({"read", "increment"})

    def initial(self) -> Any:
        """Zero."""
        return 0

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The number after a read or an increment."""
        if f == "increment":
            after = _sum(state, value)
            return after if result is UNKNOWN or same(after, result) else None
        seen = 0 if result is None else result
        return state if result is UNKNOWN or same(state, seen) else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Reads observe; an increment needs the state."""
        return UPDATE if f == "increment" and value else OBSERVER

    def lands(self, f: str, value: Any, result: Any) -> Any:
        """An increment whose answer is known leads to that number."""
        return None if f != "increment" or result is UNKNOWN else result


class Kv(CasRegister):
    """Whatever a key-value store does with one key: read, write, cas, append, increment. A key is
    judged as the plainest thing that has its operations: a register, a list or a counter, which is
    fast (see `fitting`)."""

    name = "kv"
    fs = frozenset({"read", "write", "cas", "append", "increment"})

    def of(self, fs: Iterable[str]) -> Any:
        """The plainest model for a key on which only these operations were done."""
        asked = set(fs)
        if self._initial is None:
            if asked <= CasRegister.fs | {"refused"}:
                return CasRegister()
            for model in (AppendList, Counter):
                if asked <= model.fs:
                    return model()
        return self

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """The key's value after an operation: None counts as an empty list, and as 0."""
        now = state[0]
        if f == "append":
            is_list = now is None or isinstance(now, tuple)
            return ((*(now or ()), value),) if is_list else None
        if f == "increment":
            after = _sum(0 if now is None else now, value)
            told = after is not None and (result is UNKNOWN or same(after, result))
            return (after,) if told else None
        return super().step(state, f, value, result)

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Writes are blind; reads observe; all else needs the state."""
        if f == "write":
            return BLIND
        return UPDATE if f in ("append", "increment") else super().kind(f, value, result)

    def lands(self, f: str, value: Any, result: Any) -> Any:
        """A compare-and-set leads to its new value, an increment to its answer."""
        if f == "increment":
            return None if result is UNKNOWN else (result,)
        return super().lands(f, value, result)


def _sum(number: Any, amount: Any) -> Any:
    """What adding an amount to a number gives; None where one of them is no number."""
    numbers = all(isinstance(n, (int, float)) and type(n) is not bool for n in (number, amount))
    return number + amount if numbers else None


def fitting(model: Any, fs: Iterable[str]) -> Any:
    """The model to judge a key by, on which only these operations were done."""
    of = getattr(model, "of", None)
    return of(fs) if of else model


MODELS: dict[str, Any] = {
    m.name: m for m in (Register, CasRegister, KvAppend, Mutex, AppendList, Counter, Kv)
}
