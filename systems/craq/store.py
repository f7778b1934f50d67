"""What a replica holds: the log of updates, and for each key its versions, clean and dirty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from harness.core import Dump, dump_of
from systems.craq.layout import NOWHERE, slot_of
from systems.craq.message import ABORT, Done, Entry, Handover, Stage, Takeover, Write

PASSED = Stage(ABORT, NOWHERE)  # of a request that is over, whatever came of it
Txn = tuple[str, int]  # a transaction's client and id
Stretches = tuple[tuple[int, int], ...]


class Cell:
    """One key: its committed version and value, and the dirty ones (forwarded, not acknowledged)
    by version, oldest first. A key that was never written is version 0, None."""

    __slots__ = ("dirty", "value", "version")

    def __init__(self) -> None:
        self.version = 0
        self.value: Any = None
        self.dirty: dict[int, Any] = {}

    @property
    def latest(self) -> int:
        """The newest version, dirty or clean."""
        return next(reversed(self.dirty), self.version)

    def mark_clean(self, version: int) -> None:
        """This version is committed. Only older ones go; newer dirty ones stay."""
        if version > self.version:
            self.value = self.dirty.pop(version)
            self.version = version
            if self.dirty:
                for older in [v for v in self.dirty if v < version]:
                    del self.dirty[older]

    def take(self, version: int, value: Any) -> None:
        """This version was committed by another chain, which had the key meanwhile."""
        self.version, self.value = version, value
        for older in [v for v in self.dirty if v <= version]:
            del self.dirty[older]


class Moved(Struct, frozen=True):
    """A slot that a move has touched: by the entry of which seq last, and whether the chain has it
    since."""

    seq: int
    is_here: bool


class Handed(Struct, frozen=True):
    """What a Handover hands over: the keys as they were at its place in the log, and the requests
    that were done by then, both in an order of their own."""

    seq: int
    writes: tuple[Write, ...]
    done: tuple[Done, ...]


class Store:
    """The log (`log[i]` has seq i + 1), of which the first `committed` are known to be at the tail,
    and what follows from it. `log[committed:]` is the paper's `sent`.

    `done` is the table of requests: of each client the last one in the log, in whatever state. A
    client numbers its requests upwards and has one open at a time, so one that is older than its
    last is a late copy of one that is over, and nothing more need be known of it. The table holds
    no more than one reference a client, to an entry that the log keeps anyway.

    Of transactions over several chains `pending` are those that are open here, and `locks` the keys
    of their parts. What one is to write is a dirty version from then on: until its end is committed
    the tail, too, holds that key for dirty. `ended` are those that ended here.
    """

    cell_type: type[Cell] = Cell

    def __init__(self) -> None:
        self.log: list[Entry] = []
        self.committed = 0
        self.cells: dict[Any, Cell] = {}
        self.done: dict[str, Entry] = {}  # client -> its last request in the log
        self.pending: dict[Txn, Entry] = {}
        self.locks: dict[Any, Txn] = {}
        self.ended: dict[Txn, Entry] = {}
        self.slots: dict[int, Moved] = {}  # those that were ever moved
        self.handed: dict[int, Handed] = {}  # number of a move -> what this chain hands over
        self.taken: dict[int, Entry] = {}  # number of a move -> the last part in the log
        self._stretches: dict[int, int] = {}  # epoch -> its last seq, oldest first

    @property
    def last(self) -> int:
        """The seq of the last entry; 0 for none."""
        return len(self.log)

    def cell(self, key: Any) -> Cell:
        """The key's cell, made when first needed."""
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = self.cell_type()
        return cell

    def append(self, entry: Entry) -> None:
        """The next entry; its version is dirty until it is committed."""
        assert entry.seq == len(self.log) + 1, f"{entry} after {len(self.log)}"
        self.log.append(entry)
        if entry.stage is not None:
            self._take(entry, entry.stage)
        elif entry.client:
            self.done[entry.client] = entry
        self._stretches[entry.epoch] = entry.seq
        for write in entry.writes:
            self.cell(write.key).dirty[write.version] = write.value
        if type(entry.move) is Handover:
            self.hand_over(entry, entry.move)
        elif type(entry.move) is Takeover:
            self.take_over(entry, entry.move)

    def hand_over(self, entry: Entry, move: Handover) -> None:
        """The slots go: as from this entry."""
        writes = [
            Write(key, cell.latest, cell.dirty.get(cell.latest, cell.value))
            for key, cell in self.cells.items()
            if cell.latest and move.first <= slot_of(key) < move.end
        ]
        done = [_done(entry) for entry in self.done.values()]
        self.handed[move.number] = Handed(
            entry.seq,
            tuple(sorted(writes, key=lambda write: repr(write.key))),
            tuple(sorted(done, key=lambda one: one.client)),
        )
        self.slots.update(dict.fromkeys(range(move.first, move.end), Moved(entry.seq, False)))

    def take_over(self, entry: Entry, move: Takeover) -> None:
        """The requests count as done; with the last part the slots come."""
        self.taken[move.number] = entry
        for one in move.done:
            known = self.done.get(one.client)
            if known is None or known.id < one.id or (known.id == one.id and one.is_told):
                told = (one.value, one.version, one.error, None if one.is_told else PASSED)
                mine = Entry(entry.seq, entry.epoch, one.client, one.id, (), *told)
                self.done[one.client] = mine
        if move.last:
            self.slots.update(dict.fromkeys(range(move.first, move.end), Moved(entry.seq, True)))

    def _take(self, entry: Entry, stage: Stage) -> None:
        """A transaction over several chains is open now, or has ended."""
        txn = (entry.client, entry.id)
        done = self.done.get(entry.client)
        if done is None or done.id <= entry.id:  # the end may come when the client is further on
            self.done[entry.client] = entry
        if stage.is_open:
            self.pending[txn] = entry
            self.locks.update((key, txn) for _, key, _ in entry.value)
            return
        self.ended[txn] = entry
        opened = self.pending.pop(txn, None)
        if opened is None:
            return
        for _, key, _ in opened.value:
            self.locks.pop(key, None)
        for write in opened.writes:  # a commit brings them again
            self.cells[write.key].dirty.pop(write.version, None)

    def commit(self, upto: int) -> Sequence[Entry]:
        """All up to this seq is at the tail: mark it clean. Returns what had not been, oldest
        first."""
        if upto <= self.committed:
            return ()
        assert upto <= len(self.log), f"commit {upto} of {len(self.log)}"
        fresh = self.log[self.committed : upto]
        self.committed = upto
        self.mark_clean(fresh)
        return fresh

    def mark_clean(self, entries: Iterable[Entry]) -> None:
        """What these have written is committed."""
        for entry in entries:
            if entry.stage is not None and entry.stage.is_open:
                continue
            if type(entry.move) is Takeover:
                for write in entry.writes:
                    self.cell(write.key).take(write.version, write.value)
                continue
            for write in entry.writes:
                self.cells[write.key].mark_clean(write.version)
            if type(entry.move) is Handover:
                self.forget(entry.seq, entry.move)

    def forget(self, seq: int, move: Handover) -> None:
        """The slots that went with this Handover, the entry `seq`, are not this chain's. What is on
        its way back, or has come back since, stays: if nobody wrote a key meanwhile it is the very
        version that is here, and the next one has to follow it."""
        gone = set(range(move.first, move.end))
        for entry in self.taken.values():
            if entry.seq > seq and type(entry.move) is Takeover:
                gone.difference_update(range(entry.move.first, entry.move.end))
        for key in [key for key in self.cells if slot_of(key) in gone]:
            del self.cells[key]

    def restore(self, log: Sequence[Entry], committed: int) -> None:
        """A store that is empty holds this log now, as if it had come entry by entry. Of what is
        committed only the newest version of a key matters, whatever was between."""
        assert not self.log and committed <= len(log), f"{committed} of {len(log)} restored"
        clean = log[:committed]
        if not _are_plain(clean):
            for entry in clean:
                self.append(entry)
                self.commit(entry.seq)
            self.extend(log[committed:])
            return
        self.log.extend(clean)
        self.committed = len(clean)
        self.done = {entry.client: entry for entry in clean if entry.client}
        self._stretches = {entry.epoch: entry.seq for entry in clean}
        newest = {write.key: write for entry in clean for write in entry.writes}
        for key, write in newest.items():
            cell = self.cell(key)
            cell.version, cell.value = write.version, write.value
        self.extend(log[committed:])

    def truncate(self, last: int) -> None:
        """Cut the log back to `last`."""
        cut = self.log[last:]
        if not cut:
            return
        done = _last_requests(self.log[:last], {entry.client for entry in cut if entry.client})
        if last < self.committed or not _are_plain(cut) or done is None:
            log, committed = self.log[:last], min(self.committed, last)
            self.__init__()  # type: ignore[misc]
            self.restore(log, committed)
            return
        del self.log[last:]
        for entry in cut:
            self.done.pop(entry.client, None)
            for write in entry.writes:
                self.cells[write.key].dirty.pop(write.version, None)
        self.done.update(done)
        self._stretches = {epoch: seq for epoch, seq in self._stretches.items() if seq <= last}
        if self.log:
            self._stretches[self.log[-1].epoch] = last

    def extend(self, entries: Iterable[Entry]) -> None:
        """Append several."""
        for entry in entries:
            self.append(entry)

    def stretches(self) -> Stretches:
        """(epoch, last seq of that epoch), oldest first: what tells two logs apart."""
        return tuple(self._stretches.items())

    def common(self, stretches: Stretches) -> int:
        """Up to which seq the log that these describe is the same as this one.

        An epoch has one head, which gives each seq once: two logs that have an entry of one epoch
        in common agree on all before it. So the newest epoch that both have decides.
        """
        for epoch, last in reversed(stretches):
            if epoch in self._stretches:
                return min(last, self._stretches[epoch])
        return 0

    def dump(self) -> Dump:
        """The committed log, and every key's committed version and value."""
        log = [
            [e.seq, [[w.key, w.version, w.value] for w in e.writes], e.error]
            for e in self.log[: self.committed]
        ]
        cells = ([k, c.version, c.value] for k, c in self.cells.items() if c.version)
        return dump_of(log, sorted(cells, key=repr))


def _done(entry: Entry) -> Done:
    """What another chain is to know of a client's last request. Of a transaction over several
    chains only its home knows the outcome; one that is open is not over, but all before it is."""
    stage = entry.stage
    if stage is None or (stage.chains and not stage.is_open):
        return Done(entry.client, entry.id, True, entry.value, entry.version, entry.error)
    return Done(entry.client, entry.id - stage.is_open, False)


def _are_plain(entries: Iterable[Entry]) -> bool:
    """Whether these only write: no transaction over several chains, no move."""
    return all(entry.stage is None and entry.move is None for entry in entries)


def _last_requests(log: Sequence[Entry], clients: set[str]) -> dict[str, Entry] | None:
    """The last request in the log of each of these clients that has one. None where it is not so
    simple."""
    found: dict[str, Entry] = {}
    for entry in reversed(log):
        if len(found) == len(clients):
            break
        if not _are_plain((entry,)):
            return None
        if entry.client in clients:
            found.setdefault(entry.client, entry)
    return found
