"""A replica of the chain: CRAQ (USENIX ATC 2009), or plain chain replication (OSDI 2004).

    write   head: next version, dirty -> ... -> tail: committed, answers the client
            ack back up: each marks it clean
    read    under a lease, any replica: the key is clean -> answer it; dirty -> ask the tail which
            version is committed, and answer that. Other read modes: see freshness.py
    place   spare -> (copies from the tail) -> joining -> (lacks nothing) member: at the tail or in
            the middle once it has all its predecessor had, at the head all its successor has,
            clean and dirty (back-propagation, section 2.6)

Where it departs from the papers:
- *Leases.* A node answers reads and version queries, and a tail commits, only under a lease,
  counted from when its ping was sent. The manager starts no epoch without a node before that node's
  lease is over. So a clean key is the newest there is: a later write would have had to pass this
  node, or wait for its lease to end. A paused node looks at `now` before it answers.
- *One log.* Updates and acknowledgements are numbered along the whole log, not a key. What a node
  lacks, what two logs have in common and what is committed are then single numbers.
- *Refusals are in the log.* A compare-and-set is compared at the head with the committed value, if
  nothing is outstanding on the key ("busy" otherwise), and a refusal goes down the chain as an
  entry that changes nothing. The value it saw is the key's value at the entry's place in the log,
  since all updates of the key before it are committed and later ones come after: when the tail
  commits the refusal, that is its point in the order. No lease is needed for it. And a late copy of
  a refused request finds its answer in the log instead of being tried a second time.
- *Transactions of one chain* (section 2.4.1) are one entry with several writes, for which the head
  needs no lock and the chain no second round; one that only reads has its place in the log, too.
- *Transactions over several chains*: see across.py.
- *Everything is on disk before it is sent on*, so a node that is killed and comes back before it is
  missed goes on as a member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from msgspec.structs import replace

from harness.clock import MS, Nanos
from harness.core import Dump, Effect, NodeId, Note, Persist, Send, SetTimer
from systems.craq.across import ACROSS, Across
from systems.craq.freshness import NEVER, Freshness, Tolerance
from systems.craq.layout import NOWHERE, Config, Layout
from systems.craq.link import Link
from systems.craq.message import (
    ELSEWHERE,
    Ack,
    Appended,
    Beat,
    Copied,
    Copy,
    Entry,
    Followed,
    Grant,
    Hello,
    Moved,
    NotReady,
    Ping,
    Query,
    Reply,
    Request,
    Stage,
    Sync,
    Truncated,
    Update,
    Version,
    Write,
)
from systems.craq.moving import DELIVERIES, Moving
from systems.craq.operation import TXN, Outcome, changed, transacted
from systems.craq.options import Times
from systems.craq.place import Place
from systems.craq.store import Cell, Store

REFETCH: Nanos = 20 * MS  # at least so long between two pings out of turn
CHUNK = 256  # entries a joining node copies at a time
NEAR = 64  # a spare that lacks no more entries than this is ready to join


class Node:
    """The core of one replica; see the module for its states."""

    store_type: type[Store] = Store
    link_type: type[Link] = Link
    freshness_type: type[Freshness] = Freshness
    across_type: type[Across] = Across
    moving_type: type[Moving] = Moving

    def __init__(
        self,
        me: NodeId,
        members: Sequence[NodeId],
        managers: Sequence[NodeId],
        times: Times,
        rng: Random,
        *,
        apportioned: bool = True,
        tolerance: Tolerance | None = None,
    ) -> None:
        self.me = me
        self.members = tuple(members)
        self.others = tuple(m for m in members if m != me)
        self.managers = tuple(managers)
        self.times = times
        self.apportioned = apportioned
        self.tolerance = tolerance
        self.freshness = self.freshness_type(tolerance, times.drift) if tolerance else None
        self.store = self.store_type()
        self.layout = Layout()
        self.place = Place(me, self.layout)
        self.epoch = 0  # of `place`
        self.floor = 0  # the highest version ever followed
        self.log_of = NOWHERE  # the chain whose log this is
        self.life = rng.getrandbits(40)  # tells this incarnation's messages from earlier ones'
        self.lease_until: Nanos = 0
        self.synced = False  # lacks nothing that was committed
        self.greeted = False  # has heard in this epoch where its log and its predecessor's part
        self.target = 0  # while not synced: the seq from which it is
        self.early: Hello | None = None  # the successor's, while not synced
        self.link: Link | None = None
        self.across = self.across_type(self)
        self.moving = self.moving_type(self)
        self.waiting: dict[str, Request] = {}  # client -> its read that asked the tail
        self.asked: dict[tuple[NodeId, str], Query] = {}  # the tail: of keys that are not decided
        self.heard: dict[NodeId, Nanos] = {}
        self.pinged = self.answered = 0
        self.ticket = self.life  # of the copy a spare asks for
        self.near_epoch = 0  # a spare: the epoch whose tail it has caught up with
        self._handlers: dict[type, Callable[[NodeId, Any, Nanos], list[Effect]]] = {
            Update: self._update,
            Ack: self._ack,
            Query: self._query,
            Version: self._version,
            Hello: self._hello,
            Sync: self._sync,
            Copy: self._copy,
            Copied: self._copied,
        }

    # -- the core's contract --

    def start(self, stored: Sequence[Any], now: Nanos) -> Iterable[Effect]:
        """Read the log back; who is in the chain, only the manager can say."""
        log: list[Entry] = []
        committed = 0
        for record in stored:
            if type(record) is Appended:
                log.extend(record.entries)
                committed = max(committed, record.committed)
            elif type(record) is Truncated:
                del log[record.last :]
                committed = min(committed, record.last)
            else:
                self.floor = record.version
                if record.chain != self.log_of:
                    self._turn_to(record.chain)
                    log, committed = [], 0
        self.store.restore(log, committed)
        if self.freshness:
            self.freshness.begin(self.store.last)
        self.heard = dict.fromkeys(self.others, now)
        self.answered = now - 1  # not yet; but a ping sent now may be
        return self.timer("tick", now)

    def receive(self, source: NodeId, message: Any, now: Nanos) -> Iterable[Effect]:
        """Dispatch on the message's type, after its epoch."""
        kind = type(message)
        if kind is Request:
            return self._request(message, now)
        if kind is Grant:
            return self._grant(message, now)
        self.heard[source] = now
        if kind is Beat:
            return self._refetch(now) if message.version > self.layout.version else ()
        if kind in ACROSS:
            return self.across.receive(message, now)
        if kind in DELIVERIES:
            if message.version > self.layout.version:
                return self._refetch(now)
            return self.moving.receive(source, message, now)
        if message.epoch == self.epoch:
            return self._handlers[kind](source, message, now)
        return self._refetch(now) if message.epoch > self.epoch else ()

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """Every `ping`: renew the lease, and see that nothing is stuck."""
        beat = Beat(self.layout.version)
        effects: list[Effect] = [
            SetTimer("tick", self.times.ping),
            *self.ping(now),
            *(Send(other, beat) for other in self.others),
        ]
        if self.place.pred and not self.greeted:
            effects.append(self._greeting())
        elif self._copies:
            effects.append(self._copy_request())
        if self.link is not None:
            effects += self.link.tick(self.store.log, self.store.committed, now)
        if self.store.pending and self.leads:
            effects += self.across.tick(now)
        return effects + self.moving.go_on(now) if self.layout.move else effects

    def dump(self) -> Dump:
        """The committed log and state; to be the same as that of others in its chain."""
        number = self.place.number
        return replace(self.store.dump(), group=f"{self.me}" if number == NOWHERE else f"{number}")

    # -- a client's request --

    def _request(self, request: Request, now: Nanos) -> list[Effect]:
        if self.freshness and request.f == "read" and self._is_fresh(request, now):
            return [self._own(request)]
        if request.epoch != self.epoch or not self.epoch:
            return self._other_epoch(request, now)
        if request.f == "read":
            return self._read(request, now)
        return self._write(request, now)

    @property
    def is_sharded(self) -> bool:
        """Whether there are other chains, which may have a key."""
        return len(self.layout.chains) > 1

    def _other_epoch(self, request: Request, now: Nanos) -> list[Effect]:
        """Tell the client what is known here; ask the manager if the client knows more."""
        if not self.layout.version:
            return [Send(request.client, NotReady(request.id, 0))]
        effects = self._refetch(now) if request.epoch > self.layout.version else []
        return [*effects, Send(request.client, Moved(request.id, self.layout))]

    @property
    def leads(self) -> bool:
        """Whether it is the head, and lacks nothing."""
        return self.place.is_head and self.synced

    def _is_serving(self, now: Nanos) -> bool:
        """Whether what is clean here is the newest there is."""
        return self.synced and now < self.lease_until

    def _is_fresh(self, request: Request, now: Nanos) -> bool:
        """Whether the read mode lets this node answer from its own store. It may have missed newer
        epochs; of one that the client has missed the client is told first. A spare, whose log may
        be shorter than it was, has nothing to say."""
        number = self.place.number
        if not self.synced or request.epoch < self.epoch:
            return False
        if number != self.layout.number_of(request.key):
            return False
        assert self.freshness is not None
        if self.is_sharded and not self.moving.is_settled_here(request.key):
            return False
        until = min(now, self.lease_until) if self.lease_until else NEVER
        if request.key in self.store.locks and self.tolerance != Tolerance():
            return False
        cell = self.store.cells.get(request.key)
        if self.freshness.is_back(request.key, cell):
            return False
        return self.freshness.allows(cell, self.store.committed, until, now)

    def _own(self, request: Request) -> Send:
        cell = self.store.cell(request.key)
        return self._answer(request, cell.value, cell.version)

    def _read(self, request: Request, now: Nanos) -> list[Effect]:
        place = self.place
        if not self.apportioned and not place.is_tail:
            return [Send(place.tail, request)]
        if not self._is_serving(now):
            return [Send(request.client, NotReady(request.id, self.epoch))]
        if self.is_sharded and not self.moving.is_settled_here(request.key):
            if self.moving.is_settled(request.key):
                return [self.moving.elsewhere(request)]
            return self._ask_tail(request)
        cell = self.store.cells.get(request.key)
        if cell is None:
            return [Send(request.client, Reply(request.id, self.epoch))]
        if not cell.dirty:
            return [self._answer(request, cell.value, cell.version)]
        return self._ask_tail(request)

    def _ask_tail(self, request: Request) -> list[Effect]:
        """Which version is committed?"""
        self.waiting[request.client] = request
        query = Query(self.epoch, request.client, request.id, request.key)
        if self.place.is_tail:
            self.asked[self.me, request.client] = query
            return []
        return [Send(self.place.tail, query)]

    def _answer(self, request: Request, value: Any, version: int) -> Send:
        return Send(request.client, Reply(request.id, self.epoch, "", value, version))

    def _query(self, source: NodeId, query: Query, now: Nanos) -> list[Effect]:
        """At the tail, where a key's committed version is its clean one; it is dirty while a
        transaction over several chains is not decided."""
        if not self.place.is_tail or not self._is_serving(now):
            return []
        cell = self.store.cells.get(query.key)
        version = cell.version if cell else 0
        if self.is_sharded and not self.moving.is_here(query.key):
            version = ELSEWHERE
        elif cell and cell.dirty:
            self.asked[source, query.client] = query
            return []
        return [Send(source, Version(self.epoch, query.client, query.id, version))]

    def _asked_again(self, now: Nanos) -> list[Effect]:
        """Something was committed: questions that waited for it are answered."""
        asked, self.asked = self.asked, {}
        effects: list[Effect] = []
        for (source, client), query in asked.items():
            if source != self.me:
                effects += self._query(source, query, now)
            elif request := self.waiting.pop(client, None):
                effects += self._read(request, now)
        return effects

    def _version(self, source: NodeId, version: Version, now: Nanos) -> list[Effect]:
        """The tail has said: answer that version, or a newer one that is clean by now.

        The newer one was committed after the tail answered and before now, hence while the read was
        open; so neither needs a lease here.
        """
        request = self.waiting.get(version.client)
        if request is None or request.id != version.id:
            return []
        del self.waiting[version.client]
        if version.version == ELSEWHERE:
            return [self.moving.elsewhere(request)]
        cell = self.store.cell(request.key)
        if cell.version >= version.version:
            return [self._answer(request, cell.value, cell.version)]
        if self.store.slots and version.version not in cell.dirty:
            return [self.moving.elsewhere(request)]  # the slot has gone from here since
        if self.freshness:
            self.freshness.told(request.key, version.version)
        return [self._answer(request, self._dirty(cell, version.version), version.version)]

    def _dirty(self, cell: Cell, version: int) -> Any:
        """The value of a version that is not clean here."""
        return cell.dirty[version]

    # -- updates: the head --

    def _write(self, request: Request, now: Nanos) -> list[Effect]:
        if not self.place.is_head:
            return [Send(self.place.head, request)]
        if not self.synced:
            return [Send(request.client, NotReady(request.id, self.epoch))]
        done = self.store.done.get(request.client)
        if done is not None and request.id <= done.id:
            return self._again(request, done)
        if self.is_sharded and not self.moving.may_write(request):
            return [self.moving.elsewhere(request)]
        if self.store.locks and self.across.blocks(request):
            self.across.hold(request)
            return []
        if request.f == TXN:
            chains = self.across.chains_of(request.value)
            if any(chain != self.place.number for chain in chains):
                return self.across.begin(request, chains, now)
        return self.add(self._entry(request), now)

    def enter(
        self, client: str, id: int, done: Outcome, now: Nanos, stage: Stage | None
    ) -> list[Effect]:
        """A stage of a transaction over several chains takes its place in the log."""
        seq, epoch = self.store.last + 1, self.epoch
        told = (done.writes, done.value, done.version, done.error)
        return self.add(Entry(seq, epoch, client, id, *told, stage), now)

    def add(self, entry: Entry, now: Nanos) -> list[Effect]:
        """The head's next entry."""
        self.store.append(entry)
        return [*self._keep((entry,), now), *self._pass_on((entry,), now)]

    def _again(self, request: Request, done: Entry) -> list[Effect]:
        """A request that is in the log already: its first answer, if there is one. Else the tail
        will give it."""
        if request.id == done.id and done.seq <= self.store.committed and self._is_told(done):
            return [self._reply(done)]
        return []

    def _entry(self, request: Request) -> Entry:
        """What this request becomes in the log."""
        done = self._outcome(request)
        return Entry(
            self.store.last + 1,
            self.epoch,
            request.client,
            request.id,
            done.writes,
            done.value,
            done.version,
            done.error,
        )

    def _outcome(self, request: Request) -> Outcome:
        f, key, value = request.f, request.key, request.value
        if f == TXN:
            return transacted(value, self._newest)
        if f not in ("write", "cas"):
            return changed(f, key, value, self._newest)
        cell = self.store.cell(key)
        if f == "cas":
            old, value = value
            refusal = self._refusal(cell, old)
            if refusal:
                return Outcome((), *refusal)
        version = cell.latest + 1
        return Outcome((Write(key, version, value),), value, version)

    def _newest(self, key: Any) -> tuple[int, Any]:
        """The version and value that an append, an increment or a transaction starts from."""
        cell = self.store.cell(key)
        version = cell.latest
        return version, cell.dirty[version] if cell.dirty else cell.value

    def _refusal(self, cell: Cell, old: Any) -> tuple[Any, int, str] | None:
        """Why a compare-and-set is refused, after the value and version that it saw."""
        if cell.dirty:
            return None, cell.version, "busy"
        if cell.value != old:
            return cell.value, cell.version, "precondition-failed"
        return None

    # -- updates: down the chain --

    def _update(self, source: NodeId, update: Update, now: Nanos) -> list[Effect]:
        if not self.greeted or source != self.place.pred:
            return []
        fresh, gap = self._accept(update.entries)
        effects: list[Effect] = []
        if fresh:
            effects += [*self._keep(fresh, now), *self._pass_on(fresh, now)]
            if not self.synced and self.store.last >= self.target:
                effects += self._become_synced(now)
        if gap or not fresh:
            effects.append(self._acknowledge(again=gap))
        return effects

    def _accept(self, entries: Sequence[Entry]) -> tuple[tuple[Entry, ...], bool]:
        """Take what comes next; drop what is here already. Returns the new ones, and whether some
        before them are missing."""
        last = self.store.last
        fresh = tuple(e for e in entries if e.seq > last)
        if fresh and fresh[0].seq != last + 1:
            return (), True
        self.store.extend(fresh)
        return fresh, False

    def _keep(self, entries: tuple[Entry, ...], now: Nanos) -> list[Effect]:
        """On disk before anybody hears of it."""
        if self.freshness:
            is_late = not self.synced or any(entry.stage is not None for entry in entries)
            at = NEVER if is_late else now
            self.freshness.came(self.store.last, self.store.committed, at)
        return [Persist(Appended(entries, self.store.committed))]

    def _pass_on(self, entries: Sequence[Entry], now: Nanos) -> list[Effect]:
        """To the successor; at the tail there is none, and they are committed."""
        if self.place.is_tail:
            return self._commit_all(now)
        assert self.link is not None
        return [effect for entry in entries for effect in self.link.push(entry)]

    # -- commits: the tail, and back up the chain --

    def _commit_all(self, now: Nanos) -> list[Effect]:
        """The tail has everything that everyone has: commit it, answer the clients, acknowledge.

        A tail that was promoted answers for its dead successor, which may not have.
        """
        if not self.place.is_tail or not self._is_serving(now):
            return []
        fresh = self.store.commit(self.store.last)
        if not fresh:
            return []
        effects: list[Effect] = [self._reply(entry) for entry in fresh if self._is_told(entry)]
        if self.place.pred:
            effects.append(self._acknowledge())
        else:
            effects += self._told_across(fresh, now)
        if self.layout.move:
            effects += self.moving.go_on(now)
        return [*effects, *self._asked_again(now)] if self.asked else effects

    def _is_told(self, entry: Entry) -> bool:
        """Whether a client waits for what came of this entry."""
        stage = entry.stage
        if stage is None:
            return bool(entry.client)
        return not stage.is_open and stage.home == self.place.number

    def _told_across(self, fresh: Sequence[Entry], now: Nanos) -> list[Effect]:
        """The head knows these to be committed."""
        across = self.across
        return [
            effect
            for entry in fresh
            if entry.stage is not None
            for effect in across.committed(entry, entry.stage, now)
        ]

    def _reply(self, entry: Entry) -> Send:
        reply = Reply(entry.id, self.epoch, entry.error, entry.value, entry.version)
        return Send(entry.client, reply)

    def _acknowledge(self, again: bool = False) -> Send:
        ack = Ack(self.epoch, self.store.committed, self.store.last, again)
        return Send(self.place.pred, ack)

    def _ack(self, source: NodeId, ack: Ack, now: Nanos) -> list[Effect]:
        if source != self.place.succ or not self.synced:
            return []
        assert self.link is not None
        fresh = self.store.commit(ack.committed)
        effects = self.link.heard(ack, self.store.log, now)
        if fresh and self.place.pred:
            effects.append(self._acknowledge())
        elif fresh:
            effects += self._told_across(fresh, now)
        return effects + self.moving.go_on(now) if fresh and self.layout.move else effects

    # -- neighbours agree on where their logs part --

    def _greeting(self) -> Effect:
        return Send(self.place.pred, Hello(self.epoch, self.life, self.store.stretches()))

    def _hello(self, source: NodeId, hello: Hello, now: Nanos) -> list[Effect]:
        """The successor starts: it gets what it lacks before anything new. A node that joins may
        still have less than its successor, and answers it later."""
        if source != self.place.succ:
            return []
        if not self.synced:
            self.early = hello
            return []
        assert self.link is not None
        store = self.store
        base = store.common(hello.stretches)
        self.link.open(base, now)
        have = _length(hello.stretches)
        sync = Sync(self.epoch, hello.life, have, base, store.last)
        return [Send(source, sync), *self.link.pump(store.log)]

    def _sync(self, source: NodeId, sync: Sync, now: Nanos) -> list[Effect]:
        """The predecessor's answer. Only a node that joins may have to drop entries; a member's
        are a prefix of its predecessor's."""
        if self.greeted or sync.life != self.life or sync.have != self.store.last:
            return []
        self.greeted, self.target = True, sync.last
        effects = self._cut_back(sync.base)
        if not self.synced and self.store.last >= self.target:
            effects += self._become_synced(now)
        return effects

    def _cut_back(self, base: int) -> list[Effect]:
        if base >= self.store.last:
            return []
        lost = f"{self.me} would lose entries {base + 1} to {self.store.last}"
        assert not self.synced and base >= self.store.committed, lost
        self.store.truncate(base)
        if self.freshness:
            self.freshness.begin(base)
        return [Persist(Truncated(base))]

    def _become_synced(self, now: Nanos) -> list[Effect]:
        """A joining node has all that its predecessor had when that stopped sending to another, or
        committing; a joining head all that its successor had. Some of that may have been committed,
        and answered by this very node, before it lost its log: so nothing is fresh enough before
        it knows all of it to be committed."""
        self.synced = True
        if self.freshness:
            self.freshness.begin(self.store.last)
        effects = [*self.ping(now), *self._commit_all(now)]
        early, self.early = self.early, None
        return effects + self._hello(self.place.succ, early, now) if early else effects

    # -- a spare copies from the tail; a joining head from its successor (back-propagation) --

    @property
    def _copies(self) -> bool:
        """Whether this node gets its log by copying: outside, or at the head while it joins."""
        return bool(self.epoch and not self.place.pred and not self.synced)

    def _copy_request(self) -> Effect:
        whom = self.place.succ if self.place.inside else self.place.tail
        return Send(whom, Copy(self.epoch, self.ticket, self.store.stretches()))

    def _copy(self, source: NodeId, copy: Copy, now: Nanos) -> list[Effect]:
        """The next stretch: at the tail, of what is committed; at the successor of a head that
        joins, of everything. Its log grows no more before that head orders something."""
        store, place = self.store, self.place
        is_head = source == place.pred == place.config.joining and source == place.head
        if is_head and self.synced:
            end = store.last
        elif place.is_tail and self._is_serving(now):
            end = store.committed
        else:
            return []
        base = store.common(copy.stretches)
        entries = self._carried(store.log[base : min(base + CHUNK, end)])
        return [Send(source, Copied(self.epoch, copy.ticket, base, entries, end, store.committed))]

    def _carried(self, entries: Sequence[Entry]) -> tuple[Entry, ...]:
        """What a copy carries: the latest clean versions, and all dirty ones."""
        return tuple(entries)

    def _copied(self, source: NodeId, copied: Copied, now: Nanos) -> list[Effect]:
        """Take what comes; a second answer about the log as it was before counts for nothing."""
        store = self.store
        if not self._copies or copied.ticket != self.ticket:
            return []
        effects = self._cut_back(copied.base)
        store.extend(copied.entries)
        store.commit(min(copied.committed, store.last))
        if copied.entries:
            effects += self._keep(copied.entries, now)
        if effects:
            self.ticket += 1
        if self.place.inside:
            is_all = store.last >= copied.last
            return effects + (self._become_synced(now) if is_all else [self._copy_request()])
        if copied.last - store.last > NEAR:
            return [*effects, self._copy_request()]
        if self.near_epoch != self.epoch:
            self.near_epoch = self.epoch
            effects += self.ping(now)
        return effects

    # -- the manager: leases and configurations --

    def ping(self, now: Nanos) -> list[Effect]:
        """To all managers: the one that leads will answer."""
        self.pinged = now
        since = now - self.times.detect
        hears = tuple(other for other, at in self.heard.items() if at > since)
        ready = self.synced if self.place.inside else self.near_epoch == self.epoch > 0
        moved = self.moving.has_moved()
        ping = Ping(self.epoch, self.life, now, self.answered, hears, ready, moved)
        return [Send(manager, ping) for manager in self.managers]

    def _refetch(self, now: Nanos) -> list[Effect]:
        """Somebody knows a newer epoch: ask the manager, not too often."""
        return self.ping(now) if now - self.pinged >= REFETCH else []

    def _grant(self, grant: Grant, now: Nanos) -> list[Effect]:
        """A lease counts from when it was asked for, not from when it came."""
        effects = self._learn(grant.layout, now)
        if grant.life == self.life and grant.sent > self.answered:
            self.answered = grant.sent
            if grant.lease and grant.layout.version == self.layout.version:
                self.lease_until = max(self.lease_until, grant.sent + grant.lease)
                effects += self._commit_all(now)
        return effects

    def _learn(self, layout: Layout, now: Nanos) -> list[Effect]:
        """Take up a newer layout."""
        if layout.version <= self.layout.version or layout.version < self.floor:
            return []
        self.floor, self.layout = layout.version, layout
        place = Place(self.me, layout, self.members)
        if place.number != NOWHERE:
            self._turn_to(place.number)
        effects: list[Effect] = [Persist(Followed(layout.version, self.log_of))]
        if place.epoch != self.epoch:
            effects += self._follow(place.config, now)
        self.place = place
        return effects + self.moving.go_on(now) if layout.move else effects

    def _turn_to(self, number: int) -> None:
        """The log is to be this chain's: one of another's has nothing in common with it."""
        if number != self.log_of:
            self.log_of = number
            self.store.truncate(0)
            self.ticket += 1
            if self.freshness:
                self.freshness.begin(0)

    def _follow(self, config: Config, now: Nanos) -> list[Effect]:
        """Take up a new epoch of this node's chain, or that of another chain."""
        self.epoch = config.epoch
        place = self.place = Place(self.me, self.layout, self.members)
        self.synced = place.inside and config.joining != self.me
        self.greeted = False
        self.early = None
        self.link = self.link_type(place.succ, self.epoch) if place.succ else None
        effects: list[Effect] = [
            Note("role", {"role": place.role, "epoch": self.layout.version, "group": place.number}),
            *self._send_away(),
        ]
        if place.pred:
            effects.append(self._greeting())
        elif self._copies:
            effects.append(self._copy_request())
        return effects + self._commit_all(now)

    def _send_away(self) -> list[Effect]:
        """Reads that wait for the old tail's answer, and updates of locked keys, are asked again
        under the new layout."""
        waiting, self.waiting = [*self.waiting.values(), *self.across.give_back()], {}
        self.asked.clear()
        return [Send(r.client, Moved(r.id, self.layout)) for r in waiting]


def _length(stretches: Sequence[tuple[int, int]]) -> int:
    """The length of the log that these describe."""
    return stretches[-1][1] if stretches else 0
