"""The data tree alone: what each command does, and what it is refused for."""

from __future__ import annotations

import pytest

from systems.zookeeper.message import (
    Create,
    Delete,
    Exists,
    Found,
    GetChildren,
    GetData,
    Refused,
    SetData,
    Stat,
)
from systems.zookeeper.tree import Tree


def tree(*commands: Create | SetData | Delete) -> Tree:
    """A tree after these commands, at the zxids 1, 2, ..."""
    made = Tree()
    for zxid, command in enumerate(commands, 1):
        assert isinstance(made.apply(command, zxid), Found)
    return made


A = Create("/a", "data")


def test_created_znode_is_there_with_its_data_and_stat() -> None:
    assert tree(A).query(GetData("/a")) == Found("data", Stat(1, 1, 1, 0, 0, 0))


def test_create_changes_the_parents_children_and_not_its_data() -> None:
    made = tree(A, Create("/a/c", 1), Create("/a/b", 2))
    assert made.query(GetChildren("/a")) == Found(["b", "c"], Stat(1, 1, 3, 0, 2, 2))


def test_set_data_counts_versions_and_keeps_the_zxid() -> None:
    made = tree(A, SetData("/a", "new", 0), SetData("/a", "newer", -1))
    assert made.query(GetData("/a")) == Found("newer", Stat(1, 3, 1, 2, 0, 0))


def test_delete_takes_the_znode_from_its_parent() -> None:
    made = tree(A, Create("/a/b", 1), Delete("/a/b", 0))
    assert made.query(Exists("/a/b")) == Found(None, None)
    assert made.query(GetChildren("/a")) == Found([], Stat(1, 1, 3, 0, 2, 0))


def test_znode_that_is_created_again_begins_at_version_0() -> None:
    made = tree(A, SetData("/a", 1, -1), Delete("/a", 1), Create("/a", 2))
    assert made.query(Exists("/a")) == Found(None, Stat(4, 4, 4, 0, 0, 0))


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (Create("/a", 1), "NodeExists"),
        (Create("/", 1), "NodeExists"),
        (Create("/x/y", 1), "NoNode"),
        (SetData("/x", 1, -1), "NoNode"),
        (SetData("/a", 1, 3), "BadVersion"),
        (Delete("/x", -1), "NoNode"),
        (Delete("/b", 3), "BadVersion"),
        (Delete("/a", -1), "NotEmpty"),
        (Delete("/", -1), "BadArguments"),
        (Create("a", 1), "BadArguments"),
        (Create("/a//b", 1), "BadArguments"),
        (Create("/a/", 1), "BadArguments"),
    ],
)
def test_refused_command_says_why_and_changes_nothing(
    command: Create | SetData | Delete, error: str
) -> None:
    made = tree(A, Create("/a/b", 1), Create("/b", 1))
    before, digest = made.state(), made.digest
    assert made.apply(command, 9) == Refused(error)
    assert (made.state(), made.digest) == (before, digest)


@pytest.mark.parametrize("query", [GetData("/x"), GetChildren("/x")])
def test_query_of_no_znode_is_refused(query: GetData | GetChildren) -> None:
    assert Tree().query(query) == Refused("NoNode")


def test_digest_tells_trees_apart_and_comes_back_with_the_tree() -> None:
    made = tree(A)
    digests = {Tree().digest, made.digest}
    made.apply(SetData("/a", "data", -1), 2)
    digests.add(made.digest)
    assert len(digests) == 3
    one, other = tree(A, Create("/b", 1)), tree(A, Create("/b", 1))
    assert one.digest == other.digest
