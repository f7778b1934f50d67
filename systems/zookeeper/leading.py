"""What the leader does for sessions: puts their writes into the log in order, and ends those of
which nobody hears any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from harness.clock import MS, Nanos
from systems.zookeeper.command import Attach, Command, Expire, OpenSession, Txn
from systems.zookeeper.machine import Machine
from systems.zookeeper.wire import Forward, Joins

GAPS = 1000  # writes of a session kept that came before the one they follow

Propose = Callable[[str, int, Command], object]


class Leading:
    """A leader's part in one term, from when it has applied an entry of its own: by then its
    machine knows what every earlier leader put into the log for good.

    A write is proposed only after the session's write before it (`prev`), so that they stand in the
    log as their client issued them; one that comes early is kept until then.
    """

    def __init__(self, machine: Machine, propose: Propose, now: Nanos) -> None:
        self._machine = machine
        self._propose = propose
        self._since = now
        self._heard: dict[str, Nanos] = {}
        self._expiring: set[str] = set()
        self._last: dict[str, tuple[int, int]] = {}  # attach and number of the last proposed write
        self._early: dict[str, dict[int, Forward]] = {}  # by the number they follow
        self._joins: set[tuple[str, str, int]] = set()

    # --- writes

    def write(self, forward: Forward, now: Nanos) -> None:
        """A write has come from the server of its session, whose client lives."""
        name = forward.session
        session = self._machine.sessions.get(name)
        if session is None or forward.attach < session.attach:
            return  # its server will hear of that from the log
        self.hear((name,), now)
        attach, last = self._last.get(name, (0, 0))
        if attach != forward.attach:
            last = session.last
        if forward.seq <= last:
            return
        if forward.prev != last:
            early = self._early.setdefault(name, {})
            if len(early) < GAPS:
                early[forward.prev] = forward
            return
        following: Forward | None = forward
        while following is not None:
            txn = Txn(following.attach, following.prev, following.op)
            self._propose(name, following.seq, txn)
            self._last[name] = (following.attach, following.seq)
            following = self._early.get(name, {}).pop(following.seq, None)

    # --- sessions

    def join(self, server: str, joins: Joins, now: Nanos) -> None:
        """A session opens at a server, or moves to it."""
        key = (joins.client, joins.session, joins.attach)
        if key in self._joins:
            return
        self._joins.add(key)
        if joins.session:
            self.hear((joins.session,), now)
            self._propose(joins.session, 0, Attach(joins.attach, server))
        else:
            self._propose(joins.client, joins.attach, OpenSession(joins.timeout_ms, server))

    def hear(self, sessions: Iterable[str], now: Nanos) -> None:
        """The clients of these sessions live."""
        for name in sessions:
            self._heard[name] = max(now, self._heard.get(name, 0))

    def forgive(self, now: Nanos) -> None:
        """This leader has stood still, and heard nobody meanwhile: all have their timeout again."""
        self._since = now
        self._heard.clear()

    def forget(self, name: str) -> None:
        """A session is over."""
        self._heard.pop(name, None)
        self._expiring.discard(name)
        self._last.pop(name, None)
        self._early.pop(name, None)

    def expire(self, now: Nanos) -> None:
        """End the sessions that were silent for their timeout; each has that from the beginning of
        this leader's time, who does not know when they were heard before."""
        for name in overdue(self._machine, self._heard, self._since, now):
            if name not in self._expiring:
                self._expiring.add(name)
                self._propose(name, 0, Expire())


def overdue(machine: Machine, heard: Mapping[str, Nanos], since: Nanos, now: Nanos) -> list[str]:
    """The open sessions of which nothing was heard for longer than their timeout, in order."""
    return [
        name
        for name, session in machine.sessions.items()
        if now - heard.get(name, since) > session.timeout_ms * MS
    ]
