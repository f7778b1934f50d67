"""Watches: which change fires which, once, and what a session that comes again has missed."""

from __future__ import annotations

import pytest

from systems.zookeeper.watch import CHILD, DATA, EXIST, Watches, missed, told_apart
from systems.zookeeper.wire import Watch
from systems.zookeeper.znode import Znode

ALL = (DATA, EXIST, CHILD)
A: Znode = Znode(None, 3, 7, 5, 0, 0, None, 0, 0, 0)  # made at 3, its children's last change at 5


def watches(*told: tuple[str, Watch]) -> Watches:
    made = Watches()
    for session, watch in told:
        made.add(session, watch)
    return made


@pytest.mark.parametrize(
    ("kind", "fires"),
    [("created", {EXIST}), ("changed", {DATA}), ("deleted", {DATA, CHILD}), ("child", {CHILD})],
)
def test_change_fires_the_watches_of_its_kind_and_path_and_no_others(
    kind: str, fires: set[str]
) -> None:
    made = watches(*((name, (name, "/a")) for name in ALL), *(("b", (n, "/b")) for n in ALL))
    assert {session for session, _ in made.fired([(kind, "/a")])} == fires
    assert {name for name in ALL if made.of(name)} == set(ALL) - fires
    assert len(made.of("b")) == 3


def test_watch_fires_once() -> None:
    made = watches(("s", (DATA, "/a")))
    assert list(made.fired([("changed", "/a")] * 2)) == [("s", ("changed", "/a"))]
    assert list(made.fired([("changed", "/a")])) == [] and made.of("s") == ()


def test_session_that_watches_data_and_children_hears_of_the_deletion_once() -> None:
    made = watches(("s", (DATA, "/a")), ("s", (CHILD, "/a")), ("t", (CHILD, "/a")))
    assert list(made.fired([("deleted", "/a")])) == [
        ("s", ("deleted", "/a")),
        ("t", ("deleted", "/a")),
    ]


def test_watch_that_is_set_twice_is_one() -> None:
    made = watches(("s", (DATA, "/a")), ("s", (DATA, "/a")))
    assert len(list(made.fired([("changed", "/a")]))) == 1


def test_sessions_hear_in_the_order_in_which_they_set_their_watches() -> None:
    made = watches(*((f"s{i}", (EXIST, "/a")) for i in (3, 1, 2)))
    assert [session for session, _ in made.fired([("created", "/a")])] == ["s3", "s1", "s2"]


def test_session_that_has_gone_hears_nothing_and_the_others_do() -> None:
    made = watches(("s", (DATA, "/a")), ("t", (DATA, "/a")))
    made.forget("s")
    made.forget("nobody")
    assert [session for session, _ in made.fired([("changed", "/a")])] == ["t"]


def test_deletion_that_data_and_children_watches_missed_is_told_once() -> None:
    both = ((CHILD, "/a"), (DATA, "/a"))
    assert told_apart(both, {}) == [(DATA, "/a")]
    assert told_apart(both, {"/a": A}) == [*both]
    assert told_apart(((CHILD, "/a"), (DATA, "/b")), {}) == [(CHILD, "/a"), (DATA, "/b")]


@pytest.mark.parametrize(
    ("kind", "znode", "seen", "what"),
    [
        (EXIST, None, 9, None),
        (EXIST, A, 2, "created"),
        (DATA, None, 9, "deleted"),
        (DATA, A, 7, None),
        (DATA, A, 6, "changed"),
        (CHILD, None, 9, "deleted"),
        (CHILD, A, 5, None),
        (CHILD, A, 4, "child"),
    ],
)
def test_what_was_missed_follows_from_the_znode_as_it_is(
    kind: str, znode: Znode | None, seen: int, what: str | None
) -> None:
    assert missed((kind, "/a"), znode, seen) == what
