"""The write-ahead file keeps whole records only, and a snapshot replaces all or nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from msgspec.msgpack import decode

from harness.live.disk import Damaged, Disk, WriteAheadFile, framed, intact, remove

BODIES = [b"one", b"2", b"three" * 100]
DATA = b"".join(map(framed, BODIES))


@pytest.mark.parametrize("cut", range(1, len(framed(BODIES[2])) + 1, 37))
def test_torn_tail_is_dropped_and_cut_off(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "wal"
    path.write_bytes(DATA[:-cut])
    assert WriteAheadFile(path).load() == BODIES[:2]
    assert path.read_bytes() == DATA[: -len(framed(BODIES[2]))]


def test_last_record_with_a_flipped_bit_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "wal"
    path.write_bytes(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    assert WriteAheadFile(path).load() == BODIES[:2]


def test_appended_records_follow_those_that_were_whole(tmp_path: Path) -> None:
    path = tmp_path / "wal"
    path.write_bytes(DATA + b"torn")
    file = WriteAheadFile(path)
    file.load()
    file.append(framed(b"four"))
    assert WriteAheadFile(path).load() == [*BODIES, b"four"]


def test_snapshot_takes_the_place_of_all_before_it(tmp_path: Path) -> None:
    path = tmp_path / "wal"
    file = WriteAheadFile(path)
    file.append(DATA)
    file.replace(framed(b"all") + framed(b"next"))
    file.append(framed(b"more"))
    assert WriteAheadFile(path).load() == [b"all", b"next", b"more"]


def test_crash_before_a_snapshot_is_in_place_leaves_the_old_records(tmp_path: Path) -> None:
    path = tmp_path / "wal"
    path.write_bytes(DATA)
    (tmp_path / "wal.new").write_bytes(framed(b"all")[:-1])
    assert WriteAheadFile(path).load() == BODIES


@pytest.mark.parametrize("at", range(len(DATA) - len(framed(BODIES[2]))))
def test_damage_before_the_last_record_is_refused_wherever_it_is(at: int, tmp_path: Path) -> None:
    path = tmp_path / "wal"
    damaged = DATA[:at] + bytes([DATA[at] ^ 0x81]) + DATA[at + 1 :]
    path.write_bytes(damaged)
    start = 0 if at < len(framed(BODIES[0])) else len(framed(BODIES[0]))
    with pytest.raises(Damaged) as caught:
        WriteAheadFile(path).load()
    assert (
        str(caught.value) == f"{path}: the record at byte {start} is damaged, and others follow it"
    )
    assert path.read_bytes() == damaged


@pytest.mark.parametrize("at", range(4))
def test_length_that_is_wrong_is_damage_however_long_the_record_is(at: int) -> None:
    data = framed(b"one") + framed(b"x" * 900_000) + framed(b"y" * 900_000)
    place = len(framed(b"one")) + at
    damaged = data[:place] + bytes([data[place] ^ 0x61]) + data[place + 1 :]
    with pytest.raises(Damaged, match="byte 11 is damaged"):
        intact(damaged)
    assert intact(data[:-1]) == [b"one", b"x" * 900_000]


def test_every_cut_of_a_file_is_a_torn_tail() -> None:
    for end in range(len(DATA)):
        assert intact(DATA[:end]) == BODIES[: len(intact(DATA[:end]))]


def test_removing_a_file_counts_what_it_held(tmp_path: Path) -> None:
    path = tmp_path / "wal"
    assert remove(path) == 0
    path.write_bytes(DATA[:-1])
    (tmp_path / "wal.new").write_bytes(b"half")
    assert remove(path) == 2 and list(tmp_path.iterdir()) == []


# --- a compaction, under way while records come


class Word(Struct, frozen=True, tag=True):
    text: str


class Told:
    """A disk in a loop, and which marks it said are durable."""

    def __init__(self, path: Path) -> None:
        self.marks: list[int] = []
        self.disk = Disk(path, Word, asyncio.get_running_loop(), self.marks.append)
        self.disk.load()

    async def durable(self, mark: int) -> None:
        await self.until(lambda: bool(self.marks) and self.marks[-1] >= mark)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110 (files and threads tell no event)
                await asyncio.sleep(0.001)


def stored(path: Path) -> list[str]:
    return [decode(body, type=Word).text for body in intact(path.read_bytes())]


def test_records_that_come_while_a_compaction_is_written_are_durable_at_once_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, go = tmp_path / "wal", threading.Event()
    aside = WriteAheadFile.write_aside

    def waits(self: WriteAheadFile, data: bytes, suffix: str) -> Any:
        go.wait(10)
        return aside(self, data, suffix)

    async def scene() -> None:
        told = Told(path)
        await told.durable(told.disk.append(Word("a")))
        monkeypatch.setattr(WriteAheadFile, "write_aside", waits)
        assert told.disk.compact(Word("all")) == 0
        await told.durable(told.disk.append(Word("b")))
        assert stored(path) == ["a", "b"]  # what a node that is killed now finds
        told.disk.append(Word("c"))
        go.set()
        inode = path.stat().st_ino
        await told.until(lambda: path.stat().st_ino != inode)
        await told.durable(told.disk.append(Word("d")))

    asyncio.run(scene())
    assert stored(path) == ["all", "b", "c", "d"]
    assert [file.name for file in tmp_path.iterdir()] == ["wal"]


def test_snapshot_overtakes_a_compaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, go, ended = tmp_path / "wal", threading.Event(), threading.Event()
    aside, drop = WriteAheadFile.write_aside, WriteAheadFile.drop

    def waits(self: WriteAheadFile, data: bytes, suffix: str) -> Any:
        if suffix != "new":
            go.wait(10)
        return aside(self, data, suffix)

    def drops(self: WriteAheadFile, aside: Any) -> None:
        drop(self, aside)
        ended.set()

    monkeypatch.setattr(WriteAheadFile, "write_aside", waits)
    monkeypatch.setattr(WriteAheadFile, "drop", drops)

    async def scene() -> None:
        told = Told(path)
        told.disk.append(Word("a"))
        told.disk.compact(Word("all"))
        told.disk.append(Word("b"))
        await told.durable(told.disk.compact(Word("more")))  # a second one is a snapshot
        await told.durable(told.disk.append(Word("c")))
        go.set()
        await told.until(ended.is_set)
        await told.durable(told.disk.append(Word("d")))

    asyncio.run(scene())
    assert stored(path) == ["more", "c", "d"]
    assert [file.name for file in tmp_path.iterdir()] == ["wal"]
