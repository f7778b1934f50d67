"""Chains: the requests of one session in its order, and what must come before each of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from itertools import accumulate
from typing import Any

from msgspec import Struct

from checker.encode import Unfit
from checker.zookeeper.request import FOREVER, READ, Request, what
from checker.zookeeper.znodes import Act, Registers, Trees, act_of

REGISTER = frozenset({"read", "write", "cas", "sync"})

Name = tuple[Hashable, Any]  # a session, and a process where it takes more to tell chains apart
Needs = tuple[tuple[int, int], ...]  # (chain, how many of its links must have gone before)


class Link(Struct, frozen=True, gc=False):
    """One request at its place in a chain. `must`: it certainly took effect. `request` is None for
    the end of a session that nobody asked for."""

    request: Request | None
    act: Act
    must: bool
    needs: Needs = ()


class Chains(Struct, frozen=True):
    """All that is to be put in one order, and the model that says whether it is legal."""

    chains: tuple[tuple[Link, ...], ...]
    model: Any


def chains(requests: Sequence[Request], *, real_time: bool) -> Chains:
    """The requests that tell something, in chains.

    Within a session, requests with a number (seq) are in the order of these, those without one of
    the same process in the order of the file, and others in real time. A request whose session
    nobody was told belongs to its process alone. With `real_time`, whatever had returned before an
    update (or a sync) was called comes before it; nothing is asked of reads there. Raises Unfit.
    """
    made: dict[Name, list[Link]] = {}
    for r in requests:
        act = _act(r)
        if act is not None:
            made.setdefault(_name(r), []).append(Link(r, act, r.ret != FOREVER))
    for links in made.values():
        links.sort(key=lambda link: (_seq(link), _at(link)))
    is_plain = all(r.f in REGISTER for r in requests)
    if not is_plain:
        _add_ends(made)
    lists = list(made.values())
    fronts = [_Front(links) for links in lists]
    whole = []
    for place, links in enumerate(lists):
        kin = [i for i, front in enumerate(fronts) if front.whose == fronts[place].whose]
        kin.remove(place)
        chain = [_needing(link, fronts, kin, real_time) for link in links]
        whole.append(tuple(chain))
    return Chains(tuple(whole), Registers() if is_plain else Trees())


def _act(r: Request) -> Act | None:
    try:
        return act_of(r, session(r))
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise Unfit(f"operation {r.at}: {what(r)}: no such argument or answer ({error})") from None


def session(r: Request) -> Hashable:
    """Whose request it is: a session by its name; where none was told, the process."""
    return r.session if r.session is not None else ("process", r.process)


def _name(r: Request) -> Name:
    """The chain it belongs to."""
    numbered = r.session is not None and r.seq is not None
    return session(r), None if numbered else r.process


def _seq(link: Link) -> int:
    return link.request.seq or 0 if link.request else 0


def _at(link: Link) -> int:
    return link.request.at if link.request else 0


class _Front:
    """How far a chain must have come for all of it that had returned by some time."""

    def __init__(self, links: Sequence[Link]) -> None:
        self.whose = links[0].act.owner
        ends = sorted((link.request.ret, i + 1) for i, link in enumerate(links)
                      if link.request and link.must)  # fmt: skip
        self._rets = [ret for ret, _ in ends]
        self._counts = list(accumulate((count for _, count in ends), max))

    def before(self, call: int) -> int:
        """The number of links up to the last one that returned before `call`."""
        i = bisect_left(self._rets, call)
        return self._counts[i - 1] if i else 0


def _needing(link: Link, fronts: Sequence[_Front], kin: Sequence[int], real_time: bool) -> Link:
    """The link, with what must come before it. `kin` are the other chains of its session."""
    r = link.request
    if r is None:
        kin = kin if isinstance(link.act.owner, str) else ()
    others = range(len(fronts)) if real_time and r is not None and r.kind != READ else kin
    needs = ((i, fronts[i].before(FOREVER if r is None else r.call)) for i in others)
    return Link(r, link.act, link.must, tuple(need for need in needs if need[1]))


def _add_ends(made: dict[Name, list[Link]]) -> None:
    """A session that made ephemerals may end without being asked to: after all that it certainly
    did; at any time, and as often as it made some, where nobody was told which session it was."""
    for (owner, process), links in list(made.items()):
        ephemeral = sum(_is_ephemeral(link.act) for link in links)
        if ephemeral:
            end = Link(None, Act("expire", None, None, owner, None, True), False)
            if isinstance(owner, str):
                made[owner, "end"] = [end]
            else:
                made[owner, ("end", process)] = [end] * ephemeral


def _is_ephemeral(act: Act) -> bool:
    if act.refusal is not None:
        return False
    parts = act.value if act.f == "multi" else [(act.f, *act.value)] if act.f == "create" else []
    return any(part[0] == "create" and "e" in part[3] for part in parts)
