"""Planted variants of the key-value store on the log: its operations, its window, its leases."""

from __future__ import annotations

from typing import Any

from harness.clock import Nanos
from harness.variant import CORRECT, SAFETY, Variant, changed
from systems.raft.bugs import Make, planted
from systems.raft.election import Election
from systems.raft.leader import Leader
from systems.raft.lease import Lease
from systems.raft.machine import APPEND, Add, Command, Extend, Txn, Value, Values
from systems.raft.message import Ask, Entry, Voted
from systems.raft.raft import Raft
from systems.raft.replica import Replica, Write
from systems.raft.window import Done, Window


def machine(type_: type[Values]) -> Make:
    """What gives a store nodes with this state machine."""

    def make(built: Any) -> Any:
        return changed(built, machine_type=type_)

    return make


def node(type_: type[Any]) -> Make:
    """What gives a store nodes that are also this."""

    def make(built: Any) -> Any:
        return changed(built, node_type=type("PlantedNode", (type_, built.node_type), {}))

    return make


def leasing(type_: type[Lease]) -> Make:
    """What gives a store leaders with leases of this kind."""
    return planted(leader_type=type("PlantedLeader", (Leader,), {"lease_type": type_}))


# --- operations


class AppendsTwice(Values):
    """Does an append as often as it is in the log; all else is done once."""

    def apply(self, entry: Entry[Command], position: int) -> Done | None:
        if isinstance(entry.command, Extend):
            done = Done(position, self.do(entry.command))
            self.window.add(entry.client, entry.seq, done)
            return done
        return super().apply(entry, position)


class CountsAtOnce(Replica):
    """Answers an increment with the number that is there when it answers."""

    def on_applied(self, entry: Entry[Any], result: Any) -> None:
        key = (entry.client, entry.seq)
        if isinstance(entry.command, Add) and key in self._writes:
            self._proposed.discard(key)
            self._counted[key] = entry.command.key
            return
        super().on_applied(entry, result)

    def on_settled(self) -> None:
        for (client, seq), key in self._counted.items():
            waiting = self._writes.pop((client, seq), None)
            if waiting is not None:
                number = self.machine.values.get(key)
                self._answer(waiting[0], seq, Done(self.position, Value(number)))
        self._counted.clear()
        super().on_settled()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._counted: dict[tuple[str, int], Any] = {}


class WindowNotSaved(Values):
    """A snapshot holds the values, and not what was done for whom."""

    def load(self, parts: Any) -> None:
        super().load(parts)
        self.window = Window()


class HalfApplied(Values):
    """Now and then stops in the middle of a transaction's appends, and says that all is done."""

    often = 12  # a list of so many elements takes no more by a later part

    def transact(self, parts: Any) -> Value:
        skipped = next((i for i, part in enumerate(parts) if i and self._stops(part)), len(parts))
        left = [i for i, (f, *_) in enumerate(parts) if i < skipped or f != APPEND]
        done = super().transact([parts[i] for i in left])
        told = dict(zip(left, done.value, strict=True))
        return Value([told.get(i, list(part)) for i, part in enumerate(parts)])

    def _stops(self, part: Any) -> bool:
        f, key, _ = part
        return f == APPEND and len(self.values.get(key) or ()) % self.often == self.often - 1


class ReadsFirst(Replica):
    """Fills in a transaction's reads from the state that the node has when it is asked."""

    def _on_write(self, source: str, write: Write[Any]) -> None:
        if isinstance(write.command, Txn) and source not in self.members:
            query, keys = self.machine.values.get, [key for _, key, _ in write.command.parts]
            self._early[write.client, write.seq] = {key: query(key) for key in keys}
        super()._on_write(source, write)

    def _answer(self, to: str, seq: int, done: Done) -> None:
        early = self._early.pop((to, seq), None)
        if early is not None and isinstance(done.result.value, list):
            told, own = [], dict(early)
            for f, key, value in done.result.value:
                if f == APPEND:
                    own[key] = [*(own[key] or ()), value]
                told.append([f, key, own[key] if f == "r" else value])
            done = Done(done.position, Value(told))
        super()._answer(to, seq, done)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._early: dict[tuple[str, int], dict[Any, Any]] = {}


# --- leases


class FromReceipt(Lease):
    """Counts from when the answers came."""

    def sent(self, round_: int, now: Nanos) -> Nanos:
        return now


class KeptAfterTransfer(Lease):
    """Goes on after another was told to lead."""

    def give_up(self) -> None:
        """It does not."""


class TooLong(Lease):
    """Is twice as long as a voter waits, and three tenths."""

    def holds(self, since: Nanos, now: Nanos) -> bool:
        return bool(self.length) and now < since + 5 * self.length // 2


class Fickle(Election):
    """Votes although it hears of a leader."""

    def is_steadfast(self, now: Nanos) -> bool:
        return False

    def _would_vote(self, ask: Ask, now: Nanos) -> Voted:
        granted = ask.term > self.raft.term and self._may_vote(ask)
        return Voted(ask.term if granted else self.raft.term, granted, True)


class Forgetful(Raft[Any]):
    """Votes at once after it has started, though it may have heard of a leader just before."""

    def start(self, stored: Any, now: Nanos) -> None:
        super().start(stored, now)
        self._led = now - self.timing.steadfast


# --- correct ones


class Shorter(Lease):
    """Is half as long."""

    def holds(self, since: Nanos, now: Nanos) -> bool:
        return super().holds(since, now + self.length // 2)


def rounds_only(built: Any) -> Any:
    """No leases."""
    from msgspec.structs import replace

    return changed(built, timing=replace(built.timing, lease=0))


def _bug(breaks: str, make: Make, caught_by: str, *plans: str) -> Variant:
    return Variant(breaks, SAFETY, make, plans, caught_by)


KV, TXN, LEASE = "raft-kv", "raft-txn", "raft-lease"
HANDOVER, STEADFAST = "raft-handover", "raft-steadfast"
OUTSIDE, STRICT = "linearizable", "transactions"

VARIANTS: dict[str, Variant] = {
    "append-twice": _bug(
        "an append that is asked for again is done again", machine(AppendsTwice), OUTSIDE, KV
    ),
    "count-at-once": _bug(
        "an increment is told the number that is there when it is answered, not its own",
        node(CountsAtOnce),
        OUTSIDE,
        KV,
    ),
    "window-not-saved": _bug(
        "a snapshot does not say what was done for whom", machine(WindowNotSaved), OUTSIDE, KV
    ),
    "txn-half-applied": _bug(
        "a transaction may stop in the middle, with what it has done by then",
        machine(HalfApplied),
        STRICT,
        TXN,
    ),
    "txn-reads-first": _bug(
        "a transaction's reads are of when it was asked, not of when it is done",
        node(ReadsFirst),
        STRICT,
        TXN,
    ),
    "lease-from-receipt": _bug(
        "a leader's lease counts from when answers came, not from what they answer was sent",
        leasing(FromReceipt),
        OUTSIDE,
        LEASE,
    ),
    "lease-kept-after-transfer": _bug(
        "a leader that has told another to lead still answers under its lease",
        leasing(KeptAfterTransfer),
        OUTSIDE,
        HANDOVER,
    ),
    "lease-too-long": _bug(
        "a leader's lease is longer than voters wait for it", leasing(TooLong), OUTSIDE, LEASE
    ),
    "lease-without-stickiness": _bug(
        "voters that hear of a leader vote for another",
        planted(election_type=Fickle),
        OUTSIDE,
        STEADFAST,
    ),
    "lease-forgotten": _bug(
        "a voter that restarts votes at once, though it has just heard of a leader",
        planted(Forgetful),
        OUTSIDE,
        STEADFAST,
    ),
    "short-lease": Variant("leases are half as long", CORRECT, leasing(Shorter), ()),
    "no-lease": Variant("every read waits for a round", CORRECT, rounds_only, ()),
}
