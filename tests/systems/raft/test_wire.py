"""Every message and record goes over the wire and into the file, and comes back as it was."""

from __future__ import annotations

from typing import Any

from msgspec import msgpack

from systems.raft.machine import Add, Extend, Get, Put, Swap, Txn, Value
from systems.raft.message import (
    Administer,
    Administered,
    Append,
    Appended,
    Ask,
    AskIndex,
    Ballot,
    Birth,
    Committed,
    Enrol,
    Enrolled,
    Entry,
    Image,
    Index,
    Install,
    Installed,
    Members,
    Noted,
    Rejected,
    Suffix,
    TimeoutNow,
    Voted,
)
from systems.raft.replica import Answer, Read, Write
from systems.raft.store import RaftStore

MEMBERS = Members({"n1": 0, "n2": 7}, ("n3",), 6)
LOG: list[Any] = [
    *(Appended(1, 2, 3), Rejected(1, 2, 3, 4), Committed(1, 2), Ask(1, 2, 3, True)),
    *(TimeoutNow(1), Enrol(7), Enrolled(0), Administer(1, "add-node", "n3")),
    Administered(1, False, "", None, ("n1", "n2"), 9),
    Append(1, 2, 3, (Entry(1, "", 0, None, 5, MEMBERS),), 4, 5),
    *(Voted(1, True, False), AskIndex(1 << 62), Index(1, 2 << 32 | 5)),
    *(Install(1, 2, 3, 0, 2, b"\0", 5, MEMBERS), Installed(1, 2, 1, 5, -1)),
]
STORE: list[Any] = [
    Append(1, 2, 3, (Entry(1, "c1", 7, Put("x", 5)), Entry(1, "", 0, None)), 4, 5),
    *(Write("c1", 7, Swap(3, None, [1])), Read("c1", 7, Get("x"))),
    *(Write("c1", 8, Extend(3, "x")), Write("c1", 9, Add("n", 2))),
    Write("c1", 10, Txn([("r", 1, None), ("append", 2, 5)])),
    *(Answer(7, 9, Value(4, False)), Answer(7, 9, None)),
]


def test_messages_come_back_as_they_were() -> None:
    decode = msgpack.Decoder(RaftStore().message).decode
    assert [decode(msgpack.encode(m)) for m in [*LOG, *STORE]] == [*LOG, *STORE]


def test_records_come_back_as_they_were() -> None:
    decode = msgpack.Decoder(RaftStore().record).decode
    entry = Entry(1, "c1", 2, Put("x", 5), 77)
    records = [
        *(Ballot(4, None), Ballot(4, "n1"), Suffix(3, (entry,))),
        Image(4, "n1", 7, 3, (b"ab", b""), (entry,), MEMBERS, Birth(9, "first"), {"n2": 8}),
        *(Birth(9, "new"), Noted("n2", 8)),
    ]
    assert [decode(msgpack.encode(r)) for r in records] == records
