"""Every message and record goes over the wire and into the file, and comes back as it was."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import msgpack

from systems.raft.message import (
    Append,
    Appended,
    Ask,
    AskIndex,
    Ballot,
    Committed,
    Entry,
    Index,
    Rejected,
    Suffix,
    Voted,
)
from systems.raft.replica import Answer, Read, Sync, Write
from systems.raft.store import Get, Put, RaftStore, Swap, Value
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
from systems.zookeeper.system import ZooKeeper

STAT = Stat(1, 2, 3, 4, 5, 6)
LOG: list[Any] = [
    *(Appended(1, 2, 3), Rejected(1, 2, 3, 4), Committed(1, 2), Ask(1, 2, 3, True)),
    *(Voted(1, True, False), AskIndex(1 << 62), Index(1, 2 << 32 | 5)),
]
STORE: list[Any] = [
    Append(1, 2, 3, (Entry(1, "c1", 7, Put("x", 5)), Entry(1, "", 0, None)), 4, 5),
    *(Write("c1", 7, Swap(3, None, [1])), Read("c1", 7, Get("x"), 9, True)),
    *(Answer(7, 9, Value(4, False)), Answer(7, 9, None)),
]
TREE: list[Any] = [
    Append(1, 2, 3, (Entry(1, "c1", 7, SetData("/x", 5, -1)),), 4, 5),
    *(Write("c1", 7, c) for c in (Create("/x", None), Delete("/x", 3), SetData("/x", [2], 1))),
    *(Read("c1", 7, q, 9, False) for q in (Exists("/"), GetData("/"), GetChildren("/"))),
    *(Answer(7, 9, r) for r in (Found([1], STAT), Found(None, None), Refused("NoNode"))),
    Sync("c1", 8),
]


@pytest.mark.parametrize(
    ("system", "messages"), [(RaftStore, [*LOG, *STORE]), (ZooKeeper, [*LOG, *TREE])]
)
def test_messages_come_back_as_they_were(system: Any, messages: list[Any]) -> None:
    decode = msgpack.Decoder(system().message).decode
    assert [decode(msgpack.encode(m)) for m in messages] == messages


@pytest.mark.parametrize(
    ("system", "command"), [(RaftStore, Put("x", 5)), (ZooKeeper, Create("/x", 5))]
)
def test_records_come_back_as_they_were(system: Any, command: Any) -> None:
    decode = msgpack.Decoder(system().record).decode
    records = [Ballot(4, None), Ballot(4, "n1"), Suffix(3, (Entry(1, "c1", 2, command),))]
    assert [decode(msgpack.encode(r)) for r in records] == records
