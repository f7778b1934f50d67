"""The state machine under random entries: beside one that is saved and loaded all the time, and
with all that is kept up to date compared with what it is when reckoned anew."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from msgspec import json

from systems.raft.message import Entry
from systems.zookeeper.command import (
    Attach,
    Check,
    Close,
    Create,
    Delete,
    Expire,
    Multi,
    OpenSession,
    Refused,
    SetData,
    Txn,
    session_id,
)
from systems.zookeeper.machine import Machine
from systems.zookeeper.znode import split
from systems.zookeeper.znodes import FRAME, Znodes

PATHS = ("/a", "/b", "/a/x", "/a/y", "/b/x", "/a/x/q", "/", "/a//", "/c")


def one(rng: Random) -> Any:
    path, dice = rng.choice(PATHS), rng.random()
    if dice < 0.45:
        data = rng.choice([None, "v" * rng.randrange(40), [1, 2]])
        return Create(path, data, rng.choice(["", "", "e", "s", "es"]))
    if dice < 0.65:
        return SetData(path, "w" * rng.randrange(60), rng.choice([-1, -1, 0, 1]))
    if dice < 0.9:
        return Delete(path, rng.choice([-1, -1, -1, 0]))
    return Check(path, rng.choice([-1, 0]))


def write(rng: Random) -> Any:
    if rng.random() < 0.5:
        return one(rng)
    return Multi(tuple(one(rng) for _ in range(rng.randrange(6))))


def check_sums(tree: Znodes) -> None:
    """Size, digest, children and owners are what the znodes say."""
    children: dict[str, set[str]] = {}
    owned: dict[str, set[str]] = {}
    size = digest = 0
    for path, znode in tree.nodes.items():
        size += len(path) + znode.length + FRAME
        digest ^= znode.mark
        if path != "/":
            parent, name = split(path)
            children.setdefault(parent, set()).add(name)
            assert tree.nodes[parent].owner is None
        if znode.owner is not None:
            owned.setdefault(znode.owner, set()).add(path)
    assert (tree.size, tree.digest) == (size, digest) and size <= tree.limit
    assert {p: set(names) for p, names in tree.children.items() if names} == children
    assert {o: set(paths) for o, paths in tree.ephemerals.items() if paths} == owned


@pytest.mark.parametrize("seed", range(60))
def test_tree_adds_up_and_what_is_refused_changes_nothing(seed: int) -> None:
    rng = Random(seed)
    tree = Znodes(rng.choice([900, 1_500, 1_000_000]))
    for zxid in range(1, 60):
        before = dict(tree.nodes)
        if rng.random() < 0.05:
            tree.delete_all(rng.choice("st"), zxid)
        elif isinstance(tree.write(write(rng), zxid, 10 * zxid, rng.choice("st")), Refused):
            assert (tree.nodes, tree.changes) == (before, [])
        check_sums(tree)


class Requests:
    """Entries of a log: sessions that come, go and move, and writes in and out of their order."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._last: dict[str, int] = {}  # by session: its last write

    def entry(self, zxid: int) -> Entry[Any]:
        rng, dice = self._rng, self._rng.random()
        if dice < 0.1 or not self._last:
            self._last[session_id(zxid)] = 0
            return Entry(1, f"c{zxid}", 1, OpenSession(100, "n1"), zxid)
        name = rng.choice(list(self._last))
        if dice < 0.13:
            return Entry(1, name, 0, Expire(), zxid)
        if dice < 0.23:
            return Entry(1, name, 0, Attach(rng.randrange(5), "n2"), zxid)
        last = self._last[name]
        seq = last + 1 if rng.random() < 0.8 else rng.randrange(1, last + 3)
        prev = last if rng.random() < 0.9 else rng.randrange(last + 2)
        if seq > last and prev == last:
            self._last[name] = seq
        what = Close() if rng.random() < 0.03 else write(rng)
        return Entry(1, name, seq, Txn(rng.choice([9, 9, 9, 3]), prev, what), zxid)


@pytest.mark.parametrize("seed", range(40))
def test_machine_that_is_saved_and_loaded_all_the_time_does_the_same(seed: int) -> None:
    rng = Random(seed)
    requests = Requests(rng)
    plain = Machine(rng.choice([2_000, 1_000_000]))
    other = Machine(plain.znodes.limit)
    for zxid in range(1, 150):
        entry = requests.entry(zxid)
        answers = [json.encode(m.apply(entry, zxid)) for m in (plain, other)]
        assert answers[0] == answers[1]
        assert (plain.changes, plain.ended) == (other.changes, other.ended)
        assert (plain.digest, plain.state()) == (other.digest, other.state())
        if rng.random() < 0.1:
            parts, other = list(other.save()), Machine(plain.znodes.limit)
            other.load(parts)
            check_sums(other.znodes)
