"""Planted variants of chain replication and CRAQ: bugs to be found, and harmless differences.

Each is the plain system with a class of its replicas, their store or link, or its managers replaced
by a subclass that does one thing otherwise. What is planted as a bug of plain chain replication
runs with `apportioned: false`; there a replica without CRAQ's versions knows one value a key, the
newest that it was told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from harness.clock import MS, Nanos
from harness.core import Effect, NodeId, Persist, Send
from harness.error import UserError
from harness.op import OK, Op
from harness.variant import CORRECT, LIVENESS, SAFETY, Variant, changed
from systems.craq.bugs_across import (
    AnswersUndecided,
    AwaitsReadsOnly,
    ForgetsAborts,
    GivesUp,
    Impatient,
    LocksNothing,
    LocksWrites,
    MarksWhatIsLeft,
    NewHeadAborts,
    SaysAgain,
    TellsBeforeLogged,
    VotesBeforeLogged,
)
from systems.craq.bugs_joining import (
    AnswersWhileJoining,
    CarriesNewest,
    GreetsEarly,
    OrdersAtOnce,
)
from systems.craq.bugs_layout import (
    AsksAtEveryMove,
    BelievesLayout,
    DeliversEarly,
    DeliversTwice,
    ForgetsGrants,
    ForgetsRequests,
    HandsOverClean,
    KeepsCells,
    KeepsOtherLog,
    KeepsOwnRequests,
    KeepsServing,
    MovesLocked,
    RemovesAtOnce,
    RenewsLeaving,
    SaysMovedEarly,
    SmallParts,
    TakesAgain,
    TakesWhileGoing,
    VersionsAfresh,
)
from systems.craq.bugs_reading import (
    CountsFromNewest,
    ForgetsRestart,
    ForgetsTold,
    IgnoresLease,
    JoinsFresh,
)
from systems.craq.elected import CONFIG, ElectedManager
from systems.craq.freshness import Freshness
from systems.craq.layout import Config
from systems.craq.link import Link
from systems.craq.manager import Manager
from systems.craq.message import (
    Ack,
    Entry,
    Grant,
    Hello,
    Query,
    Reply,
    Request,
    Sync,
    Update,
    Version,
    Write,
)
from systems.craq.node import Node
from systems.craq.options import checked
from systems.craq.store import Cell, Store

Make = Callable[[Any], Any]


def _node(*nodes: type[Any], **parts: type[Any]) -> Make:
    """Replicas that are also such nodes, made of these parts (`store_type`, `link_type`)."""

    def make(built: Any) -> Any:
        return changed(built, node_type=type("Planted", (*nodes, built.node_type), dict(parts)))

    return make


def _cell(cell: type[Cell], *nodes: type[Any], **parts: type[Any]) -> Make:
    """Replicas with such cells."""
    return _node(*nodes, store_type=type("PlantedStore", (Store,), {"cell_type": cell}), **parts)


def _manager(manager: type[Any]) -> Make:
    """Managers that are also such. Raises UserError where only one that is elected can be, and they
    are not."""

    def make(built: Any) -> Any:
        if issubclass(manager, ElectedManager) and not built.servers:
            raise UserError("system 'craq': bug: this one needs an `ensemble` that elects managers")
        return changed(built, manager_type=type("Planted", (manager, built.manager_type), {}))

    return make


# --- bugs: who answers a read


class ReadsHere(Node):
    """Answers a read itself, with the newest value it was told."""

    def _is_here(self) -> bool:
        raise NotImplementedError

    def _read(self, request: Request, now: Nanos) -> list[Effect]:
        if not self._is_here() or not self._is_serving(now):
            return super()._read(request, now)
        cell = self.store.cell(request.key)
        value = cell.dirty[cell.latest] if cell.dirty else cell.value
        return [self._answer(request, value, cell.latest)]


class HeadReads(ReadsHere):
    """At the head."""

    def _is_here(self) -> bool:
        return self.place.is_head


class MidReads(ReadsHere):
    """In the middle."""

    def _is_here(self) -> bool:
        return bool(self.place.pred and self.place.succ)


class OldTailServes(Node):
    """The tail looks at no lease: it takes itself for the tail until it is told otherwise."""

    def _is_serving(self, now: Nanos) -> bool:
        return self.synced and (self.place.is_tail or super()._is_serving(now))


class NoLease(Node):
    """Serves whether it has a lease or not."""

    def _is_serving(self, now: Nanos) -> bool:
        return self.synced


class LeaseFromReceipt(Node):
    """Counts a lease from when the grant came."""

    def _grant(self, grant: Grant, now: Nanos) -> list[Effect]:
        before = self.answered
        effects = super()._grant(grant, now)
        if self.answered > before and grant.lease and grant.layout.version == self.layout.version:
            self.lease_until = max(self.lease_until, now + grant.lease)
        return effects


# --- bugs: when an update is answered


class AcksEarly(Node):
    """The head answers as soon as it has written an update down itself."""

    def _write(self, request: Request, now: Nanos) -> list[Effect]:
        last = self.store.last
        effects = super()._write(request, now)
        if self.store.last > last:
            effects.append(self._reply(self.store.log[-1]))
        return effects


class TailAppliesLater(AnswersUndecided):
    """The tail answers and acknowledges updates as they come, and applies them at its next tick."""

    said = 0  # answered up to this seq

    def _commit_all(self, now: Nanos) -> list[Effect]:
        store = self.store
        if not self.place.is_tail or not self._is_serving(now):
            return []
        fresh = store.log[max(self.said, store.committed) :]
        if not fresh:
            return []
        self.said = store.last
        effects: list[Effect] = [self._reply(entry) for entry in fresh]
        if self.place.pred:
            effects.append(Send(self.place.pred, Ack(self.epoch, self.said, store.last)))
        return effects

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """Apply what was answered."""
        if name == "tick":
            self.store.commit(min(self.said, self.store.last))
        return super().timer(name, now)


class AcksBeforeFsync(Node):
    """Says what it has written down before it has."""

    def receive(self, source: NodeId, message: Any, now: Nanos) -> Iterable[Effect]:
        """Records last."""
        return _written_last(super().receive(source, message, now))

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """Records last."""
        return _written_last(super().timer(name, now))


def _written_last(effects: Iterable[Effect]) -> list[Effect]:
    return sorted(effects, key=lambda effect: isinstance(effect, Persist))


# --- bugs: what goes down the chain

MISSING = "missing"


class TakesAnything(Node):
    """Takes updates as they come, as if links lost nothing and kept the order: what is missing
    before one stays out, a place in the log that changes nothing."""

    def _accept(self, entries: Sequence[Entry]) -> tuple[tuple[Entry, ...], bool]:
        fresh: list[Entry] = []
        for entry in entries:
            if entry.seq > self.store.last:
                for seq in range(self.store.last + 1, entry.seq):
                    fresh.append(Entry(seq, entry.epoch, "", 0, (), error=MISSING))
                    self.store.append(fresh[-1])
                fresh.append(entry)
                self.store.append(entry)
        return tuple(fresh), False

    def _commit_all(self, now: Nanos) -> list[Effect]:
        return [e for e in super()._commit_all(now) if not (isinstance(e, Send) and not e.to)]


class SendsOnlyNew(TakesAnything):
    """Takes a new successor to have all there is. A joining tail is given what it lacks."""

    def _hello(self, source: NodeId, hello: Hello, now: Nanos) -> list[Effect]:
        if source != self.place.succ or source == self.place.config.joining:
            return super()._hello(source, hello, now)
        assert self.link is not None
        store = self.store
        base = store.common(hello.stretches)
        self.link.open(store.last, now)
        self._owe(base)
        have = hello.stretches[-1][1] if hello.stretches else 0
        return [Send(source, Sync(self.epoch, hello.life, have, base, store.last))]

    def _owe(self, base: int) -> None:
        """What the successor lacks begins after `base`."""


class SendsOldLater(SendsOnlyNew):
    """Sends a new successor what it lacks at the next tick, after what is new. Who gets an update
    late applies it then, over the newer one."""

    owed: tuple[Entry, ...] = ()

    def _owe(self, base: int) -> None:
        self.owed = tuple(self.store.log[base:])

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """Send what is owed."""
        effects = list(super().timer(name, now))
        if name == "tick" and self.owed:
            if self.place.succ:
                effects.append(Send(self.place.succ, Update(self.epoch, self.owed)))
            self.owed = ()
        return effects

    def _accept(self, entries: Sequence[Entry]) -> tuple[tuple[Entry, ...], bool]:
        for entry in entries:
            here = self.store.log[entry.seq - 1] if entry.seq <= self.store.last else None
            if here is not None and here.error == MISSING:
                self._late(entry)
        return super()._accept(entries)

    def _late(self, entry: Entry) -> None:
        self.store.log[entry.seq - 1] = entry
        self.store.done[entry.client] = entry
        for write in entry.writes:
            cell = self.store.cell(write.key)
            if entry.seq <= self.store.committed:
                cell.value, cell.version = write.value, write.version
            else:
                cell.dirty[write.version] = write.value


# --- bugs: requests that come again


class NoDedup(Node):
    """Does a request as often as it comes."""

    def _write(self, request: Request, now: Nanos) -> list[Effect]:
        if self.place.is_head and self._is_new(request):
            self.store.done.pop(request.client, None)
        return super()._write(request, now)

    def _is_new(self, request: Request) -> bool:
        return True


class CasNoDedup(NoDedup):
    """Does a compare-and-set as often as it comes."""

    def _is_new(self, request: Request) -> bool:
        return request.f == "cas"


class DedupAtHead(NoDedup):
    """Knows only of the requests that it took itself, since it was started."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._taken: dict[str, int] = {}

    def _is_new(self, request: Request) -> bool:
        is_new = request.id > self._taken.get(request.client, 0)
        self._taken[request.client] = max(request.id, self._taken.get(request.client, 0))
        return is_new


# --- bugs: configurations


class OldTailCommits(Node):
    """A tail that gets a successor goes on as the tail: it answers updates when it has them, and
    reads."""

    was_tail = False

    def _follow(self, config: Config, now: Nanos) -> list[Effect]:
        before, was_tail = self.epoch, self.synced and self.place.is_tail
        effects = super()._follow(config, now)
        if self.epoch > before:
            self.was_tail = was_tail and bool(self.place.succ)
        return effects

    def _pass_on(self, entries: Sequence[Entry], now: Nanos) -> list[Effect]:
        effects = super()._pass_on(entries, now)
        if not self.was_tail or not self._is_serving(now):
            return effects
        replies = [self._reply(entry) for entry in self.store.commit(self.store.last)]
        return [*effects, *replies, *([self._acknowledge()] if self.place.pred else [])]

    def _read(self, request: Request, now: Nanos) -> list[Effect]:
        if not self.was_tail or not self._is_serving(now):
            return super()._read(request, now)
        cell = self.store.cell(request.key)
        return [self._answer(request, cell.value, cell.version)]


class JoinsAtOnce(Node):
    """A joining tail takes itself to lack nothing, though the old one may still commit."""

    def _follow(self, config: Config, now: Nanos) -> list[Effect]:
        before = self.epoch
        effects = super()._follow(config, now)
        if self.epoch == before or self.synced or not self.place.inside:
            return effects
        self.synced = True
        return [*effects, *self._commit_all(now)]


class Promoted(Node):
    """Remembers what it held when it became the tail in another's place."""

    kept = 0  # the last seq that it had then

    def _follow(self, config: Config, now: Nanos) -> list[Effect]:
        is_tail = config.chain[-1:] == (self.me,) and config.joining != self.me
        if config.epoch > self.epoch and is_tail and not self.place.is_tail:
            self.kept = self.store.last
        return super()._follow(config, now)


class PromotedSilently(Promoted):
    """A promoted tail answers nobody for what it had before."""

    def _commit_all(self, now: Nanos) -> list[Effect]:
        unsaid = max(0, self.kept - self.store.committed)
        return super()._commit_all(now)[unsaid:]


class PromotedDirty(Promoted, AnswersUndecided):
    """A promoted tail acknowledges what it had before, and leaves its own versions dirty: it
    answers with the older one."""

    def _commit_all(self, now: Nanos) -> list[Effect]:
        effects: list[Effect] = []
        serving = self.place.is_tail and self._is_serving(now)
        if serving and self.store.committed < self.kept:
            self.store.committed = self.kept
            effects = [self._acknowledge()] if self.place.pred else []
        return effects + super()._commit_all(now)


class TwoLead(ElectedManager):
    """Leads though another does, and writes the configuration whatever its version is: each starts
    the next epoch as it sees the chain."""

    def _waits(self, op: Op, now: Nanos) -> list[Effect]:
        if op.type != OK:
            return super()._waits(op, now)
        return self._ensemble.do("getData", CONFIG, self._read, now)

    @property
    def _version(self) -> int:
        return -1

    @_version.setter
    def _version(self, version: int) -> None:
        """Of no interest."""


class DeposedGoesOn(ElectedManager):
    """Never stops leading, and looks at no lease of its own when it grants one."""

    def _stop(self) -> list[Effect]:
        return []

    def lease_for(self, node: NodeId, now: Nanos) -> Nanos:
        """As if it could not be deposed."""
        return Manager.lease_for(self, node, now)


class NoFence(Manager):
    """Starts an epoch without a node while that may still have its lease."""

    def _review(self, now: Nanos) -> list[Effect]:
        self.granted = dict.fromkeys(self.nodes, -self.times.fence)
        return super()._review(now)


# --- bugs: versions clean and dirty


class NewestDirty(Node):
    """Answers the newest version, committed or not."""

    def _ask_tail(self, request: Request) -> list[Effect]:
        cell = self.store.cell(request.key)
        return [self._answer(request, cell.dirty[cell.latest], cell.latest)]


class CleanWithoutQuery(Node):
    """Answers what it knows to be committed, without asking whether there is more."""

    def _ask_tail(self, request: Request) -> list[Effect]:
        cell = self.store.cell(request.key)
        return [self._answer(request, cell.value, cell.version)]


class AsksNeighbour(Node):
    """Asks its successor which version is committed; that says what it knows of."""

    def _ask_tail(self, request: Request) -> list[Effect]:
        self.waiting[request.client] = request
        query = Query(self.epoch, request.client, request.id, request.key)
        return [Send(self.place.succ or self.me, query)]

    def _query(self, source: NodeId, query: Query, now: Nanos) -> list[Effect]:
        if not self._is_serving(now):
            return []
        version = self.store.cell(query.key).version
        return [Send(source, Version(self.epoch, query.client, query.id, version))]


class AckMarksAll(Cell):
    """An acknowledged version makes all of its key clean, the newer ones too."""

    def mark_clean(self, version: int) -> None:
        """The newest is clean."""
        super().mark_clean(self.latest if version > self.version else version)


class AckDeletesNewer(Cell):
    """An acknowledged version is the only one that stays of its key; one that was deleted is not
    there to be marked when it is acknowledged itself."""

    def mark_clean(self, version: int) -> None:
        """The others are deleted."""
        if version in self.dirty:
            super().mark_clean(version)
            self.dirty.clear()


class AnswersWhatIsLeft(Node):
    """A read that is to have a version which is not here any more gets the clean one."""

    def _dirty(self, cell: Cell, version: int) -> Any:
        return cell.dirty.get(version, cell.value)


class OverwritesEarly(Store):
    """Keeps one value a key: the clean one is gone when a newer one comes, and a read that is to
    have it gets that."""

    def append(self, entry: Entry) -> None:
        """The value is overwritten."""
        super().append(entry)
        for write in entry.writes:
            self.cell(write.key).value = write.value


class NumbersAfresh(Node):
    """A head counts a key's versions from 1, as of its own start; of an older version everybody
    takes it that it is done."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._numbers: dict[Any, int] = {}

    def _entry(self, request: Request) -> Entry:
        entry = super()._entry(request)
        writes = tuple(replace(write, version=self._number(write.key)) for write in entry.writes)
        version = writes[0].version if writes else entry.version
        return replace(entry, writes=writes, version=version)

    def _number(self, key: Any) -> int:
        number = self._numbers[key] = self._numbers.get(key, 0) + 1
        return number


class CasOnDirty(Node):
    """Compares with the committed value, whatever is outstanding. (To compare with the newest one
    would be right here, since the outcome follows it in the log: see CasOnNewest.)"""

    def _refusal(self, cell: Cell, old: Any) -> tuple[Any, int, str] | None:
        return None if cell.value == old else (cell.value, cell.version, "precondition-failed")


# --- bugs: operations and read modes


class StartsFromClean(Node):
    """Appends to, and adds to, the committed value, whatever is outstanding."""

    def _newest(self, key: Any) -> tuple[int, Any]:
        cell = self.store.cell(key)
        return cell.latest, cell.value


class OneKeyAtATime(Node):
    """Gives each key that a transaction writes an entry of its own: the first at once, the others
    at the next tick."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rest: list[Write] = []

    def _entry(self, request: Request) -> Entry:
        entry = super()._entry(request)
        self._rest += entry.writes[1:]
        return replace(entry, writes=entry.writes[:1])

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """Write the rest."""
        effects = list(super().timer(name, now))
        rest, self._rest = self._rest, []
        for write in rest if self.place.is_head else ():
            version = self.store.cell(write.key).latest + 1
            last = Entry(self.store.last + 1, self.epoch, "", 0, (replace(write, version=version),))
            self.store.append(last)
            effects += [*self._keep((last,), now), *self._pass_on((last,), now)]
        return effects


class AlwaysFresh(Freshness):
    """Takes whatever is clean to be fresh enough."""

    def allows(self, cell: Cell | None, committed: int, known_until: Nanos, now: Nanos) -> bool:
        """Always."""
        return True


# --- bugs that only slow


class OneAckOneVersion(Store):
    """An acknowledgement marks only the version it is for: where it is lost, or one is for several,
    versions stay dirty until their key is written again."""

    single = False  # while an acknowledgement is being heard

    def mark_clean(self, entries: Iterable[Entry]) -> None:
        """The last one only."""
        entries = tuple(entries)
        super().mark_clean(entries[-1:] if self.single else entries)


class MarksOne(Node):
    """The replica to OneAckOneVersion. A tail that is promoted marks all that is committed."""

    store: OneAckOneVersion

    def _ack(self, source: NodeId, ack: Ack, now: Nanos) -> list[Effect]:
        self.store.single = True
        effects = super()._ack(source, ack, now)
        self.store.single = False
        return effects

    def _follow(self, config: Config, now: Nanos) -> list[Effect]:
        if config.chain[-1:] == (self.me,):
            self.store.mark_clean(self.store.log[: self.store.committed])
        return super()._follow(config, now)


# --- harmless differences


class SaysTwice(Node):
    """Sends every message of the chain twice."""

    def receive(self, source: NodeId, message: Any, now: Nanos) -> Iterable[Effect]:
        """Updates, acknowledgements, queries and their answers."""
        return [
            again
            for effect in super().receive(source, message, now)
            for again in ((effect, effect) if _is_of_chain(effect) else (effect,))
        ]


def _is_of_chain(effect: Effect) -> bool:
    return isinstance(effect, Send) and isinstance(effect.message, Update | Ack | Query | Version)


class OneByOne(Link):
    """Sends entries one by one."""

    batch = 1


class ResendsSoon(Link):
    """Sends again after a fifth of the time."""

    resend = 30 * MS


class AlwaysAsks(Node):
    """Asks the tail of every read, also of a clean key."""

    def _read(self, request: Request, now: Nanos) -> list[Effect]:
        effects = super()._read(request, now)
        said = effects[0].message if effects and isinstance(effects[0], Send) else None
        asks = self.apportioned and not self.place.is_tail
        if asks and isinstance(said, Reply) and request.key in self.store.cells:
            return self._ask_tail(request)
        return effects


class CasOnNewest(Node):
    """Compares with the newest version, be it dirty: the outcome follows that one in the log, and
    is committed after it or not at all."""

    def _refusal(self, cell: Cell, old: Any) -> tuple[Any, int, str] | None:
        value = cell.dirty[cell.latest] if cell.dirty else cell.value
        return None if value == old else (value, cell.latest, "precondition-failed")


class HeadAnswersToo(Node):
    """The head answers a client, too, once the acknowledgement has come."""

    def _ack(self, source: NodeId, ack: Ack, now: Nanos) -> list[Effect]:
        before = self.store.committed
        effects = super()._ack(source, ack, now)
        if not self.place.is_head:
            return effects
        fresh = self.store.log[before : self.store.committed]
        return [*effects, *(self._reply(entry) for entry in fresh if self._is_told(entry))]


class ShyOfLease(Node):
    """Believes in its lease for three quarters of the time only."""

    def _is_serving(self, now: Nanos) -> bool:
        return super()._is_serving(now + self.times.lease // 4)


def slow_timers(built: Any) -> Any:
    """Pings, leases and the manager's patience at half the pace."""
    times = built.times
    twice = replace(times, ping=2 * times.ping, lease=2 * times.lease, detect=2 * times.detect)
    return changed(built, times=checked(twice))


CHAIN: dict[str, Any] = {"apportioned": False}
INSIDE = "invariants"


def _bug(breaks: str, make: Make, *plans: str, by: str = "linearizable", **options: Any) -> Variant:
    return Variant(breaks, SAFETY, make, plans, by, options)


def _slow(breaks: str, make: Make, *plans: str, by: str, **options: Any) -> Variant:
    return Variant(breaks, LIVENESS, make, plans, by, options)


def _fine(how: str, make: Make) -> Variant:
    return Variant(how, CORRECT, make, ())


VARIANTS: dict[str, Variant] = {
    "head-read": _bug(
        "the head answers reads, with what is not committed yet",
        _node(HeadReads),
        "chain-spread",
        **CHAIN,
    ),
    "mid-read": _bug(
        "the middle answers reads, with what is not committed yet",
        _node(MidReads),
        "chain-spread",
        **CHAIN,
    ),
    "ack-early": _bug(
        "the head answers an update before the tail has it",
        _node(AcksEarly),
        "chain-spread",
        **CHAIN,
    ),
    "tail-ack-before-apply": _bug(
        "the tail answers an update before it has applied it",
        _node(TailAppliesLater),
        "chain-spread",
        **CHAIN,
    ),
    "ack-before-fsync": _bug(
        "updates are passed on and answered before they are durable",
        _node(AcksBeforeFsync),
        "craq-restart",
        by=INSIDE,
    ),
    "no-resend": _bug(
        "a new successor is not sent what the dead one was not known to have passed on",
        _node(SendsOnlyNew),
        "craq-kill-slow",
        by=INSIDE,
        **CHAIN,
    ),
    "resend-after-new": _bug(
        "a new successor is sent what it lacks after what is new",
        _node(SendsOldLater),
        "craq-kill-slow",
        by=INSIDE,
        **CHAIN,
    ),
    "no-dedup": _bug(
        "the head does a request as often as it comes", _node(NoDedup), "craq-packet", **CHAIN
    ),
    "dedup-not-replicated": _bug(
        "a new head does not know which requests were done",
        _node(DedupAtHead),
        "craq-kill-slow",
        **CHAIN,
    ),
    "old-tail-serves": _bug(
        "a tail that was left out goes on answering, without a lease",
        _node(OldTailServes),
        "chain-partition",
        "craq-old-tail",
        **CHAIN,
    ),
    "no-lease": _bug("replicas answer without a lease", _node(NoLease), "craq-partition"),
    "lease-from-receipt": _bug(
        "a lease is counted from when it came, not from when it was asked for",
        _node(LeaseFromReceipt),
        "craq-leases",
    ),
    "no-fence": _bug(
        "the manager starts an epoch while who is left out may have its lease",
        _manager(NoFence),
        "craq-partition",
    ),
    "deposed-goes-on": _bug(
        "a manager that was deposed goes on granting leases",
        _manager(DeposedGoesOn),
        "craq-deposed",
    ),
    "oldtail-not-stopped": _bug(
        "the old tail goes on as the tail when another has joined",
        _node(OldTailCommits),
        "craq-kill-slow",
        by=INSIDE,
        **CHAIN,
    ),
    "joining-tail-serves": _bug(
        "a joining tail serves while the old one may still commit",
        _node(JoinsAtOnce),
        "craq-kill-slow",
        by=INSIDE,
        **CHAIN,
    ),
    "backprop-latest-only": _bug(
        "a head that joins is carried only the newest version of each key",
        _node(CarriesNewest),
        "craq-join-head",
        by=INSIDE,
    ),
    "joining-head-orders": _bug(
        "a head that joins orders updates before it has what its successor has",
        _node(OrdersAtOnce),
        "craq-join-head",
        by=INSIDE,
    ),
    "joining-head-answers": _bug(
        "a node that joins answers reads before it has what its neighbour has",
        _node(AnswersWhileJoining),
        "craq-join-head",
    ),
    "joining-middle-greets": _bug(
        "a node that joins in the middle has its successor drop what it lacks itself",
        _node(GreetsEarly),
        "craq-join-middle",
        by=INSIDE,
    ),
    "ack-skips": _bug(
        "an update is taken and acknowledged though one before it is missing",
        _node(TakesAnything),
        "craq-packet",
        by=INSIDE,
        **CHAIN,
    ),
    "two-configs-one-epoch": _bug(
        "both managers lead, and write the configuration without regard to its version",
        _manager(TwoLead),
        "craq-managers",
        by=INSIDE,
    ),
    "dirty-newest": _bug(
        "the newest version is answered, committed or not", _node(NewestDirty), "craq-kill-middle"
    ),
    "clean-without-query": _bug(
        "a dirty key is answered without asking the tail",
        _node(CleanWithoutQuery),
        "craq-slow-replica",
    ),
    "query-neighbour": _bug(
        "a replica asks its successor, not the tail, which version is committed",
        _node(AsksNeighbour),
        "craq-slow-replica",
    ),
    "ack-marks-all": _bug(
        "an acknowledged version makes the newer ones clean, too",
        _cell(AckMarksAll),
        "craq-hot-keys",
    ),
    "ack-deletes-newer": _bug(
        "an acknowledged version has the newer ones deleted",
        _cell(AckDeletesNewer, AnswersWhatIsLeft),
        "craq-slow-replica",
    ),
    "gc-early": _bug(
        "a clean version goes when a newer one comes, not when that is committed",
        _node(store_type=OverwritesEarly),
        "craq-slow-replica",
    ),
    "head-version-reset": _bug(
        "a new head counts versions from 1 again", _node(NumbersAfresh), "craq-kill-head"
    ),
    "cas-on-dirty": _bug(
        "a compare-and-set is compared with the committed value while another is outstanding",
        _node(CasOnDirty),
        "craq-packet",
    ),
    "cas-no-dedup": _bug(
        "a compare-and-set is done as often as it comes", _node(CasNoDedup), "craq-packet"
    ),
    "append-on-clean": _bug(
        "appends and increments start from the committed value while another is outstanding",
        _node(StartsFromClean),
        "craq-operations",
    ),
    "torn-multi-key": _bug(
        "a transaction's keys are written one after another",
        _node(OneKeyAtATime),
        "craq-txn",
        by="transactions",
    ),
    "bound-ignored": _bug(
        "a replica answers what it has, however long it may be behind",
        _node(freshness_type=AlwaysFresh),
        "craq-bounded",
        "craq-bounded-versions",
        by="bounded-staleness",
    ),
    "bound-without-lease": _bug(
        "how old a clean value may be is not counted from the lease's end",
        _node(freshness_type=IgnoresLease),
        "craq-bounded",
        by="bounded-staleness",
    ),
    "bound-from-newest": _bug(
        "how old a dirty key's value may be is counted from its newest version, not its oldest",
        _node(freshness_type=CountsFromNewest),
        "craq-bounded-joining",
        by="bounded-staleness",
    ),
    "joining-counts-as-new": _bug(
        "what a joining node lacked counts as new when it comes, however long ago it was committed",
        _node(JoinsFresh),
        "craq-bounded-joining",
        by="bounded-staleness",
    ),
    "restart-goes-back": _bug(
        "a replica that was started again answers older versions than before",
        _node(freshness_type=ForgetsRestart),
        "craq-eventual-steady",
        by="bounded-staleness",
    ),
    "told-goes-back": _bug(
        "a replica answers an older version than the one that the tail told it of",
        _node(freshness_type=ForgetsTold),
        "craq-eventual-steady",
        by="bounded-staleness",
    ),
    "manager-forgets-grants": _bug(
        "a manager that was started again does not wait for the leases that it granted before",
        _manager(ForgetsGrants),
        "craq-lone-manager",
    ),
    "leaving-is-renewed": _bug(
        "who is to be left out gets leases while the layout without it is being written",
        _manager(RenewsLeaving),
        "craq-left-out",
    ),
    "commit-before-all-voted": _bug(
        "a transaction is committed without the votes of the chains that it only writes to",
        _node(across_type=AwaitsReadsOnly),
        "shard-txn",
        by="transactions",
    ),
    "abort-forgotten": _bug(
        "a chain that votes after an abort is told to commit",
        _node(across_type=ForgetsAborts),
        "shard-txn",
        by=INSIDE,
    ),
    "coordinator-forgets": _bug(
        "the other chains are told a decision that may yet be lost",
        _node(across_type=TellsBeforeLogged),
        "shard-txn-heads",
        by=INSIDE,
    ),
    "vote-before-commit": _bug(
        "a chain votes yes with a Prepare that may yet be lost",
        _node(across_type=VotesBeforeLogged),
        "shard-txn-heads",
        by="transactions",
    ),
    "keys-not-locked": _bug(
        "updates are let through while a transaction over several chains has their key",
        _cell(MarksWhatIsLeft, across_type=LocksNothing),
        "shard-txn",
        by="transactions",
    ),
    "reads-not-locked": _bug(
        "a transaction over several chains does not lock the keys that it only reads",
        _node(store_type=LocksWrites),
        "shard-txn",
        by="transactions",
    ),
    "voter-gives-up": _bug(
        "a chain that has voted aborts by itself when it hears nothing for two seconds",
        _node(across_type=GivesUp),
        "shard-txn-storm",
        by=INSIDE,
    ),
    "read-under-prepare": _bug(
        "the older version is answered while a transaction over several chains is not decided",
        _node(AnswersUndecided),
        "shard-txn-slow",
        by="transactions",
    ),
    "spare-keeps-log": _bug(
        "a spare takes the log of the chain it was in for a part of that of its new one",
        _node(KeepsOtherLog),
        "craq-spare",
        by=INSIDE,
    ),
    "removed-at-once": _bug(
        "who is taken out of a chain is out before its lease is over",
        _manager(RemovesAtOnce),
        "craq-taken-out",
    ),
    "handover-early": _bug(
        "keys are delivered to the other chain before their own has ended with them",
        _node(moving_type=DeliversEarly),
        "shard-move",
        by=INSIDE,
    ),
    "move-by-layout": _bug(
        "a replica answers for what the layout it knows says is its chain's",
        _node(moving_type=BelievesLayout),
        "shard-spread",
    ),
    "source-keeps-serving": _bug(
        "replicas go on answering reads of keys that have moved to another chain",
        _node(moving_type=KeepsServing, store_type=KeepsCells),
        "shard-spread",
    ),
    "source-takes-behind": _bug(
        "updates are taken behind the handover of their keys",
        _node(moving_type=TakesWhileGoing, store_type=KeepsCells),
        "shard-move",
        by=INSIDE,
    ),
    "move-forgets-requests": _bug(
        "the requests that were done do not move with their keys",
        _node(store_type=ForgetsRequests),
        "shard-move",
        by=INSIDE,
    ),
    "move-keeps-old-requests": _bug(
        "of a client that the target knows the newer requests do not move with their keys",
        _node(store_type=KeepsOwnRequests),
        "shard-move",
        by=INSIDE,
    ),
    "moved-said-early": _bug(
        "the manager is told that a range has moved before that is committed",
        _node(moving_type=SaysMovedEarly),
        "shard-storm",
        by=INSIDE,
    ),
    "move-forgets-dirty": _bug(
        "what is not known to be committed does not move with its key",
        _node(store_type=HandsOverClean),
        "shard-move",
        by=INSIDE,
    ),
    "move-resets-versions": _bug(
        "versions of keys that have moved are counted from 1 again",
        _node(moving_type=VersionsAfresh),
        "shard-move",
        by=INSIDE,
    ),
    "move-twice": _bug(
        "what is delivered twice is taken twice, over what was written since",
        _node(moving_type=TakesAgain),
        "shard-move",
        by=INSIDE,
    ),
    "move-under-lock": _bug(
        "keys move though a transaction that is not decided has them",
        _node(moving_type=MovesLocked, store_type=KeepsCells),
        "shard-txn-move",
        by=INSIDE,
    ),
    "promote-keeps-dirty": _bug(
        "a promoted tail leaves what it had dirty, and answers the older version",
        _node(PromotedDirty),
        "craq-kill-tail",
    ),
    "tail-promote-silent": _slow(
        "a promoted tail does not answer clients for the dead one",
        _node(PromotedSilently),
        "craq-kill-tail",
        by="availability",
        **CHAIN,
    ),
    "ack-lost-never-clean": _slow(
        "a version whose acknowledgement is lost stays dirty until its key is written again",
        _node(MarksOne, store_type=OneAckOneVersion),
        "craq-packet",
        by="convergence",
    ),
    "slow-timers": _fine("pings, leases and the manager's patience at half the pace", slow_timers),
    "says-twice": _fine("every message of the chain is sent twice", _node(SaysTwice)),
    "one-by-one": _fine("one entry a message", _node(link_type=OneByOne)),
    "resends-soon": _fine("entries are sent again after 30 ms", _node(link_type=ResendsSoon)),
    "always-asks": _fine("the tail is asked of every read", _node(AlwaysAsks)),
    "cas-on-newest": _fine("a compare-and-set is compared with the newest", _node(CasOnNewest)),
    "head-answers-too": _fine(
        "the head answers updates, too, when acknowledged", _node(HeadAnswersToo)
    ),
    "impatient-home": _fine(
        "a transaction waits 200 ms for its votes", _node(across_type=Impatient)
    ),
    "heads-say-twice": _fine(
        "heads say everything twice to one another", _node(across_type=SaysAgain)
    ),
    "new-head-aborts": _fine(
        "a head aborts the transactions that another has begun", _node(across_type=NewHeadAborts)
    ),
    "moves-by-ones": _fine("keys move one by one", _node(moving_type=SmallParts)),
    "delivers-twice": _fine("all that moves is sent twice", _node(moving_type=DeliversTwice)),
    "asks-at-every-move": _fine(
        "the tail is asked of every read of a key that is to move",
        _node(moving_type=AsksAtEveryMove),
    ),
    "shy-of-lease": _fine("replicas believe in three quarters of a lease", _node(ShyOfLease)),
}
