"""A node's write-ahead file: records with their length and checksum, made durable in groups.

Each record is an 8-byte head (length and CRC-32 of the body, big-endian) and the body in msgpack.
A process that dies while it writes leaves a torn record at the end: loading drops it, since nobody
was told that it is durable. A damaged record with others behind it is no such thing: whatever it
held may have been promised, so loading refuses the file.
"""

from __future__ import annotations

import os
import struct
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from zlib import crc32

import msgspec
from msgspec import Struct

from harness.core import Record
from harness.error import WorldError

_HEAD = struct.Struct(">II")
PART = 1 << 20  # bytes of a large file that are made durable at a time


def framed(body: bytes) -> bytes:
    """A record as it stands in the file."""
    return _HEAD.pack(len(body), crc32(body)) + body


class Damaged(WorldError):
    """A record that was durable cannot be read any more."""


def intact(data: bytes) -> list[bytes]:
    """The bodies of the records in `data`, without a torn one at the end. Raises Damaged, which
    says at which byte, where a record that does not match its checksum has others behind it."""
    bodies, start = [], 0
    while start < len(data):
        body, end = _record(data, start)
        if body is None:
            if end < len(data) or _is_any_behind(data, start):
                raise Damaged(f"the record at byte {start} is damaged, and others follow it")
            break
        bodies.append(body)
        start = end
    return bodies


def _record(data: bytes, start: int) -> tuple[bytes | None, int]:
    """The body of the record at this byte, None where it is cut short or does not match; and where
    it ends."""
    if start + _HEAD.size > len(data):
        return None, len(data)
    length, check = _HEAD.unpack_from(data, start)
    end = start + _HEAD.size + length
    body = data[start + _HEAD.size : end]
    return (body if len(body) == length and crc32(body) == check else None), min(end, len(data))


def _is_any_behind(data: bytes, start: int) -> bool:
    """Whether a whole record begins anywhere behind this byte: then it is not the file that ends
    here, but a length that is wrong. (No record is empty; one of 16 MB or more, whose length does
    not begin with a zero, is a snapshot, and those only stand at the beginning.)"""
    at = start
    while 0 <= (at := data.find(b"\0", at + 1)) <= len(data) - _HEAD.size:
        length = _HEAD.unpack_from(data, at)[0]
        if 0 < length <= len(data) - at - _HEAD.size and _record(data, at)[0] is not None:
            return True
    return False


def remove(path: Path) -> int:
    """Take away a write-ahead file; how many records it held."""
    try:
        held = len(intact(path.read_bytes()))
    except (FileNotFoundError, Damaged):
        held = 0
    path.unlink(missing_ok=True)
    _clear(path)
    return held


def _clear(path: Path) -> None:
    """Take away what was written aside and never took the file's place."""
    for left in path.parent.glob(f"{path.name}.*"):
        left.unlink()


class Aside(Struct, frozen=True):
    """A file that is to take the place of another: its records so far are durable."""

    path: Path
    fd: int


class WriteAheadFile:
    """The file itself; every method returns when its change is durable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self.dropped = 0  # bytes of a torn tail that loading dropped
        _clear(path)
        _sync_folder(path.parent)

    def load(self) -> list[bytes]:
        """The bodies of the records, oldest first; cuts a torn tail off the file. Raises Damaged,
        naming the file and the byte."""
        data = self._path.read_bytes()
        try:
            bodies = intact(data)
        except Damaged as damage:
            raise Damaged(f"{self._path}: {damage}") from None
        good = sum(len(body) + _HEAD.size for body in bodies)
        self.dropped = len(data) - good
        if self.dropped:
            os.ftruncate(self._fd, good)
            os.fsync(self._fd)
        return bodies

    def append(self, data: bytes) -> None:
        """Add framed records."""
        _write_all(self._fd, data)
        os.fsync(self._fd)

    def replace(self, data: bytes) -> None:
        """Put framed records in place of all there were; a crash leaves either the old or the
        new."""
        self.switch(self.write_aside(data, "new"), b"")

    def write_aside(self, data: bytes, suffix: str) -> Aside:
        """Write framed records to a file beside this one, a part at a time, so that an append to
        this one meanwhile need not wait for all of it."""
        path = self._path.with_name(f"{self._path.name}.{suffix}")
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        for start in range(0, len(data), PART):
            _write_all(fd, memoryview(data)[start : start + PART])
            os.fsync(fd)
        return Aside(path, fd)

    def switch(self, aside: Aside, data: bytes) -> None:
        """Add framed records to a file written aside, and put it in this one's place."""
        _write_all(aside.fd, data)
        os.fsync(aside.fd)
        os.replace(aside.path, self._path)
        _sync_folder(self._path.parent)
        os.close(self._fd)
        self._fd = aside.fd

    def drop(self, aside: Aside) -> None:
        """A file written aside is not wanted any more."""
        os.close(aside.fd)
        aside.path.unlink()


class Job(Struct, frozen=True):
    """Work for the disk's thread: bodies to append; or to put in place of all there is (`afresh`);
    or to add to what was written aside, which then takes the file's place."""

    bodies: list[bytes]
    mark: int
    afresh: bool = False
    aside: Aside | None = None


class Disk:
    """Makes records durable in a thread of its own, all that have come in the meantime with one
    fsync, and calls `durable(mark)` in the loop: every record up to that mark is in the file.

    A record that stands for all before it and says nothing new (`compact`) is written aside by
    another thread. What comes meanwhile goes to the old file as ever, and once more to the new one
    before that takes its place.
    """

    def __init__(
        self, path: Path, record: Any, loop: AbstractEventLoop, durable: Callable[[int], None]
    ) -> None:
        self._file = WriteAheadFile(path)
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(record).decode
        self._loop = loop
        self._durable = durable
        self._waiting: list[bytes] = []  # bodies; the checksum of a large one is the thread's work
        self._afresh = False  # the records that wait begin with a snapshot
        self._busy = self._due = False
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._since: list[bytes] | None = None  # bodies since a compaction that is under way
        self._aside: Aside | None = None  # its file, when that is ready
        self._compaction = 0
        self.mark = 0  # of the last record that was handed in
        self.syncs = 0

    def load(self) -> list[Record]:
        """What earlier incarnations persisted, oldest first. Raises Damaged."""
        records = [self._decode(body) for body in self._file.load()]
        threading.Thread(target=self._work, name="disk", daemon=True).start()
        return records

    @property
    def dropped(self) -> int:
        """Bytes of a torn record that loading dropped."""
        return self._file.dropped

    def append(self, record: Record) -> int:
        """Take a record to be made durable at the end of this turn of the loop; its mark."""
        body = self._encode(record)
        self._waiting.append(body)
        if self._since is not None:
            self._since.append(body)
        return self._taken()

    def replace(self, record: Record) -> int:
        """Take a record that stands for everything before it; its mark."""
        self._waiting = [self._encode(record)]
        self._afresh = True
        self._since = None  # a compaction that is under way is not wanted any more
        if self._aside is not None:
            self._file.drop(self._aside)
            self._aside = None
        return self._taken()

    def compact(self, record: Record) -> int:
        """Take a record that says what all before it say. Nobody need wait for it (0), unless
        another such record is still being written: then for this mark."""
        if self._since is not None or self._afresh:
            return self.replace(record)
        self._since = []
        self._compaction += 1
        work = (self._encode(record), self._compaction)
        threading.Thread(
            target=self._write_aside, args=work, name="compaction", daemon=True
        ).start()
        return 0

    def _write_aside(self, body: bytes, compaction: int) -> None:
        with _or_end():
            aside = self._file.write_aside(framed(body), str(compaction))
        self._loop.call_soon_threadsafe(self._written, aside, compaction)

    def _written(self, aside: Aside, compaction: int) -> None:
        if self._since is None or compaction != self._compaction:
            self._file.drop(aside)
            return
        self._aside = aside
        if not self._due and not self._busy:
            self._hand_over()

    def _taken(self) -> int:
        self.mark += 1
        if not self._due and not self._busy:
            self._due = True
            self._loop.call_soon(self._hand_over)  # after all inputs of this turn
        return self.mark

    def _hand_over(self) -> None:
        self._due, self._busy = False, True
        if self._aside is not None:
            assert self._since is not None
            job = Job(self._since, self.mark, aside=self._aside)
            self._aside = self._since = None
        else:
            job = Job(self._waiting, self.mark, self._afresh)
        self._jobs.put(job)
        self._waiting, self._afresh = [], False

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            data = b"".join([framed(body) for body in job.bodies])
            with _or_end():
                if job.aside is not None:
                    self._file.switch(job.aside, data)
                elif job.afresh:
                    self._file.replace(data)
                else:
                    self._file.append(data)
            self._loop.call_soon_threadsafe(self._done, job.mark)

    def _done(self, mark: int) -> None:
        self._busy = False
        self.syncs += 1
        if self._waiting or self._aside is not None:
            self._hand_over()
        self._durable(mark)


@contextmanager
def _or_end() -> Iterator[None]:
    """A node that cannot write must not go on as if it had."""
    try:
        yield
    except OSError as error:
        os.write(2, f"cannot write the write-ahead file: {error}\n".encode())
        os._exit(1)


def _write_all(fd: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
