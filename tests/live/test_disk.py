"""The write-ahead file keeps whole records only, and a snapshot replaces all or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.live.disk import WriteAheadFile, framed

BODIES = [b"one", b"", b"three" * 100]
DATA = b"".join(map(framed, BODIES))


@pytest.mark.parametrize("cut", range(1, len(framed(BODIES[2])) + 1, 37))
def test_torn_tail_is_dropped_and_cut_off(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "wal"
    path.write_bytes(DATA[:-cut])
    assert WriteAheadFile(path).load() == BODIES[:2]
    assert path.read_bytes() == DATA[: -len(framed(BODIES[2]))]


def test_record_with_a_flipped_bit_is_dropped(tmp_path: Path) -> None:
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
