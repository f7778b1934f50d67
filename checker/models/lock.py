"""Locks: who may go in, one at a time or a few.

That an acquire or a release was refused says nothing here: a lock may refuse for many reasons (it
is held, it was held a moment ago, the lease ran out), and a history does not say which.
"""

from __future__ import annotations

from typing import Any

from checker.model import UNKNOWN, UPDATE, FrozenMap


class Mutex:
    """A lock that does not say who holds it.

    - `acquire`: it was free, and is held;
    - `release`: it was held, and is free.

    Free at first. Neither has an argument or an answer.
    """

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

    def lands(self, f: str, value: Any, result: Any) -> Any:
        """Each leads to one state."""
        return "held" if f == "acquire" else "free"


class OwnerMutex:
    """A lock that only its holder may release.

    - `acquire`: it was free, and this process holds it;
    - `release`: this process held it, and it is free.

    Free at first. The holder is the operation's process, or what the operation's value names as
    `client` where that is a map, as Jepsen's tests of Hazelcast write it.
    """

    name = "owner-mutex"
    fs = frozenset({"acquire", "release"})
    owned = True

    def initial(self) -> Any:
        """Free: nobody's."""
        return (None,)

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """Held by whoever acquires it while it is free."""
        who = holder(value, result)
        if f == "acquire":
            return who if state == (None,) else None
        return (None,) if state == who else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Both depend on the state."""
        return UPDATE

    def lands(self, f: str, value: Any, result: Any) -> Any:
        """Each leads to one state."""
        return holder(value, result) if f == "acquire" else (None,)


class ReentrantMutex:
    """A lock that its holder may acquire again, and must release as often.

    - `acquire`: it was free or this process's, and is this process's once more;
    - `release`: this process held it, and holds it once less.

    Free at first. `most` is how often it may be held at once. The holder is as in OwnerMutex.
    """

    name = "reentrant-mutex"
    fs = frozenset({"acquire", "release"})
    owned = True

    def __init__(self, most: int | None = None) -> None:
        if most is not None and (type(most) is not int or most < 1):
            raise ValueError(f"expected how often it may be held, from 1, got {most!r}")
        self._most = most

    def initial(self) -> Any:
        """Free: nobody's, held no times."""
        return (None,), 0

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """Held once more, or once less."""
        who = holder(value, result)
        owner, times = state
        if f == "acquire":
            may = times == 0 or (owner == who and (self._most is None or times < self._most))
            return (who, times + 1) if may else None
        if times == 0 or owner != who:
            return None
        return (who, times - 1) if times > 1 else self.initial()

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Both depend on the state."""
        return UPDATE


class FencedLock:
    """A lock that answers each acquire with a token, a whole number greater than all before it.

    - `acquire`, answered the token (null: it was not told): it was free, and is this process's;
    - `release`, of the token, or of null: this process held it, with that token; it is free.

    Free at first, before token 0. The holder is as in OwnerMutex; a value that is a map has the
    token as `fence`. An acquire without an answer took some token, the next one at the least: of
    all that it can have taken that one forbids the least later on.
    """

    name = "fenced-lock"
    fs = frozenset({"acquire", "release"})
    owned = True
    expires = False  # whether it may become free by itself

    def initial(self) -> Any:
        """Nobody's; the highest token so far is 0, and it is known."""
        return (None,), 0, True

    def unfit(self, f: str, value: Any, result: Any) -> str | None:
        """Tokens are whole numbers."""
        given = result if f == "acquire" else value[1]
        token = field(given, "fence") if type(given) is FrozenMap else given
        if token is None or token is UNKNOWN or type(token) is int:
            return None
        what = "an acquire is answered" if f == "acquire" else "a release takes"
        return f"{what} a token, a whole number, not {token!r}"

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """Held with a new token, or free again. A token that was not told is at least the number
        in the state."""
        owner, highest, is_told = state
        who = holder(value, result)
        if f == "acquire":
            if owner != (None,) and not self.expires:
                return None
            token = fence(result)
            if token is None:
                return who, highest + 1, False
            return (who, token, True) if token > highest else None
        if owner != who:
            return None
        token = fence(value[1])
        if token is None:
            return (None,), highest, is_told
        fits = token == highest if is_told else token >= highest
        return ((None,), token, True) if fits else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Both depend on the state."""
        return UPDATE

    def lands(self, f: str, value: Any, result: Any) -> Any:
        """With a token each leads to one state."""
        token = fence(result) if f == "acquire" else fence(value[1])
        owner = holder(value, result) if f == "acquire" else (None,)
        return None if token is None else (owner, token, True)


class LeasedLock(FencedLock):
    """A fenced lock whose lease may run out at any time: then it is free, though its holder has not
    released it, and may not know.

    - `acquire`, answered the token: greater than all before it;
    - `release`, of the token, or of null: nobody else had acquired it since.

    So tokens are all that keeps two holders apart.
    """

    name = "leased-lock"
    expires = True


class Semaphore:
    """A number of permits, taken and given back by anybody.

    - `acquire` of n permits (null: of 1): there were so many left;
    - `release` of n permits (null: of 1): so many were taken.

    `permits` is how many there are; all are left at first.
    """

    name = "semaphore"
    fs = frozenset({"acquire", "release"})

    def __init__(self, permits: int = 1) -> None:
        if type(permits) is not int or permits < 1:
            raise ValueError(f"expected a number of permits from 1, got {permits!r}")
        self._permits = permits

    def initial(self) -> Any:
        """None is taken."""
        return 0

    def unfit(self, f: str, value: Any, result: Any) -> str | None:
        """Permits are counted."""
        if value is None or (type(value) is int and value > 0):
            return None
        return f"{f} takes a number of permits from 1, or null for 1, not {value!r}"

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        """So many more, or fewer, are taken."""
        count = 1 if value is None else value
        after = state + count if f == "acquire" else state - count
        return after if 0 <= after <= self._permits else None

    def kind(self, f: str, value: Any, result: Any) -> int:
        """Both depend on the state."""
        return UPDATE


def holder(value: Any, result: Any) -> Any:
    """Who an operation of an `owned` model is by: its client if its answer or its argument names
    one, else its process; in a tuple, so that it is never mistaken for nobody."""
    process, argument = value
    for it in (result, argument):
        client = field(it, "client")
        if client is not None:
            return (client,)
    return (process,)


def fence(it: Any) -> int | None:
    """The token in an answer or an argument, None where there is none."""
    if it is UNKNOWN or it is None:
        return None
    token = field(it, "fence") if type(it) is FrozenMap else it
    return token if type(token) is int else None


def field(it: Any, name: str) -> Any:
    """A field of a frozen map, None where that has none or is no map."""
    return dict(it).get(name) if type(it) is FrozenMap else None
