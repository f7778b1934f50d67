"""The tree of znodes: each operation, each refusal by name, all or nothing, and its limits."""

from __future__ import annotations

from typing import Any

import pytest

from systems.zookeeper.command import (
    Check,
    Create,
    Delete,
    Exists,
    Found,
    GetChildren,
    GetData,
    Multi,
    Refused,
    SetData,
)
from systems.zookeeper.znode import LARGEST
from systems.zookeeper.znodes import FRAME, Znodes

ROOM = 10_000


def tree(*ops: Any, limit: int = ROOM) -> Znodes:
    """A tree to which these were done, at zxids 1, 2, ... and ten times that in ms."""
    znodes = Znodes(limit)
    for place, op in enumerate(ops, 1):
        assert isinstance(znodes.write(op, place, 10 * place, "0x1"), Found), op
    return znodes


def everything(znodes: Znodes) -> tuple[Any, ...]:
    """All there is to know of a tree."""
    children = {path: dict(names) for path, names in znodes.children.items() if names}
    owned = {owner: dict(paths) for owner, paths in znodes.ephemerals.items() if paths}
    return dict(znodes.nodes), children, owned, znodes.size, znodes.digest


def stat(znodes: Znodes, path: str) -> Any:
    found = znodes.query(Exists(path))
    assert isinstance(found, Found)
    return found.value


# --- what is done


def test_stat_of_a_znode_and_of_its_parent() -> None:
    znodes = tree(Create("/a"), Create("/a/b", "xy", "e"), SetData("/a/b", "xyz"), Create("/a/c"))
    mine, parent = stat(znodes, "/a/b"), stat(znodes, "/a")
    assert (mine.czxid, mine.mzxid, mine.pzxid, mine.version) == (2, 3, 2, 1)
    assert (mine.ctime, mine.mtime, mine.ephemeralOwner, mine.dataLength) == (20, 30, "0x1", 3)
    assert (parent.mzxid, parent.pzxid, parent.cversion, parent.numChildren) == (1, 4, 2, 2)
    assert parent.ephemeralOwner is None


def test_queries_tell_data_and_sorted_names() -> None:
    znodes = tree(Create("/b", 1), Create("/a", 2))
    data, children = znodes.query(GetData("/b")), znodes.query(GetChildren("/"))
    assert isinstance(data, Found) and data.value[0] == 1
    assert isinstance(children, Found) and children.value[0] == ["a", "b"]
    assert znodes.query(Exists("/c")) == Found(None)


def test_sequential_name_counts_on_where_znodes_were_deleted() -> None:
    znodes = tree(Create("/q-", flags="s"), Delete("/q-0000000000"))
    again = znodes.write(Create("/q-", flags="s"), 3, 30, "0x1")
    assert isinstance(again, Found) and again.value[0] == "/q-0000000002"


def test_changes_are_told_in_order() -> None:
    znodes = tree(Create("/a"))
    znodes.write(Multi((Create("/a/b"), SetData("/a", 1), Delete("/a/b"))), 2, 20, "0x1")
    assert znodes.changes == [
        *(("created", "/a/b"), ("child", "/a"), ("changed", "/a")),
        *(("deleted", "/a/b"), ("child", "/a")),
    ]


def test_ephemerals_of_one_owner_go_at_one_zxid() -> None:
    znodes = tree(Create("/a"), Create("/a/b", flags="e"), Create("/c", flags="es"), Create("/d"))
    znodes.write(Create("/e", flags="e"), 5, 50, "0x2")
    znodes.delete_all("0x1", 6)
    assert sorted(znodes.nodes) == ["/", "/a", "/d", "/e"]
    assert stat(znodes, "/a").pzxid == stat(znodes, "/").pzxid == 6
    assert znodes.ephemerals.get("0x1") is None


# --- what is refused

REFUSED = [
    (Create("/x/y"), "NoNode"),
    (Create("/a"), "NodeExists"),
    (Create("/"), "NodeExists"),
    (Create("/e/x"), "NoChildrenForEphemerals"),
    (Create("a"), "BadArguments"),
    (Create("/a//b"), "BadArguments"),
    (Create("/a/"), "BadArguments"),
    (SetData("/x", 1), "NoNode"),
    (SetData("/a", 1, 4), "BadVersion"),
    (SetData("/e", 1, 0), "BadVersion"),
    (Delete("/x"), "NoNode"),
    (Delete("/a", 4), "BadVersion"),
    (Delete("/a"), "NotEmpty"),
    (Delete("/"), "BadArguments"),
    (Create("/b", "x" * (LARGEST + 1)), "TooLarge"),
    (SetData("/a", "x" * (LARGEST + 1)), "TooLarge"),
    (Create("/b", "x" * ROOM), "NoMemory"),
    (SetData("/a", "x" * ROOM), "NoMemory"),
]


def full() -> Znodes:
    """/a and /a/b, as created; /e, ephemeral, at version 1."""
    return tree(Create("/a", 1), Create("/a/b"), Create("/e", flags="e"), SetData("/e", 2))


@pytest.mark.parametrize(("op", "error"), REFUSED)
def test_what_is_refused_changes_nothing(op: Any, error: str) -> None:
    znodes = full()
    before = everything(znodes)
    assert znodes.write(op, 9, 90, "0x1") == Refused(error)
    assert everything(znodes) == before and znodes.changes == []


@pytest.mark.parametrize(("op", "error"), [*REFUSED, (Check("/a", 4), "BadVersion")])
def test_multi_in_which_one_is_refused_does_nothing_and_says_which(op: Any, error: str) -> None:
    znodes = full()
    before = everything(znodes)
    others = (SetData("/a/b", 2), Create("/n"), Create("/m", 1, "es"), Delete("/m0000000003"))
    assert znodes.write(Multi((*others, op)), 9, 90, "0x1") == Refused(error, len(others))
    assert everything(znodes) == before and znodes.changes == []


def test_multi_sees_what_it_has_done_itself() -> None:
    znodes = tree()
    ops = (Create("/a"), Create("/a/b"), SetData("/a", 1, 0), Check("/a", 1), Delete("/a/b"))
    result = znodes.write(Multi(ops), 1, 10, "0x1")
    assert isinstance(result, Found) and [v and type(v).__name__ for v in result.value] == [
        *("list", "list", "Stat"),
        *(None, None),
    ]
    assert {stat(znodes, p).czxid for p in ("/a",)} == {1} and stat(znodes, "/a").pzxid == 1


@pytest.mark.parametrize("query", [GetData("/x"), GetChildren("/x")])
def test_query_of_what_is_not_there_is_refused(query: Any) -> None:
    assert tree().query(query) == Refused("NoNode")
    assert tree().query(type(query)("x")) == Refused("BadArguments")


# --- limits


def test_data_of_exactly_one_megabyte_is_taken_in_bytes_not_letters() -> None:
    znodes = tree(Create("/a", "x" * LARGEST), limit=5 * LARGEST)
    assert stat(znodes, "/a").dataLength == LARGEST
    assert znodes.write(SetData("/a", "é" * LARGEST), 2, 20, "") == Refused("TooLarge")


def test_multi_may_carry_as_much_data_as_one_znode_and_no_more() -> None:
    half = "x" * (LARGEST // 2)
    two = (Create("/a", half), Create("/b", half))
    assert isinstance(Znodes(5 * LARGEST).write(Multi(two), 1, 10, ""), Found)
    znodes = Znodes(5 * LARGEST)
    before = everything(znodes)
    too_much = Multi((*two, Check("/a"), Create("/c", "x")))
    assert znodes.write(too_much, 1, 10, "") == Refused("TooLarge", 3)
    assert everything(znodes) == before


def test_tree_is_full_to_the_byte_and_has_room_again_after_a_delete() -> None:
    room = Znodes().size + 3 * (FRAME + 2)
    znodes = tree(Create("/a"), Create("/b"), Create("/c"), limit=room)
    assert znodes.size == room
    assert znodes.write(SetData("/a", "x"), 4, 40, "") == Refused("NoMemory")
    assert znodes.write(Create("/d"), 4, 40, "") == Refused("NoMemory")
    znodes.write(Delete("/b"), 4, 40, "")
    assert isinstance(znodes.write(Create("/d"), 5, 50, ""), Found)
    assert isinstance(znodes.write(SetData("/d", None), 6, 60, ""), Found)


def test_digest_follows_from_the_tree_and_not_from_how_it_came_about() -> None:
    one = tree(Create("/a", 1), Create("/b", 2))
    two = tree(Create("/a", 1), Create("/b", 2))
    two.write(Multi((Create("/c"), Check("/x"))), 3, 30, "0x1")
    assert one.digest == two.digest != tree(Create("/a", 1), Create("/b", 3)).digest
