"""A client core of the ZooKeeper-like service, answered by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.clock import MS, SECOND, Nanos
from harness.core import Complete, Observe, Send, SetTimer
from harness.op import Op
from systems.zookeeper.client import LIMIT, ZooKeeperClient
from systems.zookeeper.command import Result, Stat
from systems.zookeeper.wire import Answer, Hello, Item, Request, Said, Turned, Welcome

NODES = ("n1", "n2", "n3")
SESSION = 6 * SECOND
STAT = Stat(1, 2, 1, 7, 0, 0, None, 1, 0, 10, 20)
STAT_DICT = {
    **{"czxid": 1, "mzxid": 2, "pzxid": 1, "version": 7, "cversion": 0, "aversion": 0},
    **{"ephemeralOwner": None, "dataLength": 1, "numChildren": 0, "ctime": 10, "mtime": 20},
}


class Talk:
    """A client at n2 whose operations have 1 s and whose session 6 s.

    `said` is what it has sent, with to whom, `done` what it has completed, `seen` what it has
    observed; timers fire as `wait` lets time pass.
    """

    def __init__(self, *ops: Op, syncs: bool = False, welcome: bool = True) -> None:
        self.client = ZooKeeperClient("c0", "n2", NODES, SECOND, SESSION, syncs=syncs)
        self.now: Nanos = 0
        self.said: list[tuple[str, Any]] = []
        self.done: list[Op] = []
        self.seen: list[Op] = []
        self._timers: dict[str, Nanos] = {}
        self._items = 0
        for op in ops:
            self.begin(op)
        if welcome:
            self.welcome()

    def begin(self, op: Op) -> Talk:
        return self._look(self.client.invoke(op, self.now))

    def last(self, kind: type) -> Any:
        """The last message of this kind."""
        return next(m for _, m in reversed(self.said) if type(m) is kind)

    @property
    def at(self) -> str:
        """To whom the last message went."""
        return self.said[-1][0]

    @property
    def requests(self) -> list[Any]:
        """What was asked for in the last Request of each number, in order."""
        asked = {m.seq: m.body for _, m in self.said if type(m) is Request}
        return [asked[seq] for seq in sorted(asked)]

    def welcome(self, zxid: int = 1, session: str = "0x1") -> Talk:
        """The server that was asked takes the session."""
        hello = self.last(Hello)
        self._items = 0
        return self.tell(Welcome(hello.attach, hello.session or session, zxid))

    def turn(self, why: str) -> Talk:
        return self.tell(Turned(self.last(Hello).attach, why))

    def answer(self, position: int, result: Result, seq: int | None = None) -> Talk:
        """An answer, to the last request if none is named."""
        return self.say(Answer(seq or self.last(Request).seq, position, result))

    def say(self, what: Said, number: int | None = None) -> Talk:
        """The next item of the session's stream, or another."""
        self._items = number or self._items + 1
        return self.tell(Item("0x1", self.last(Hello).attach, self._items, what))

    def tell(self, message: Any) -> Talk:
        at = next(to for to, m in reversed(self.said) if type(m) is Hello)
        return self._look(self.client.receive(at, message, self.now))

    def wait(self, ms: int) -> Talk:
        """Let time pass."""
        end = self.now + ms * MS
        while due := [(t, name) for name, t in self._timers.items() if t <= end]:
            self.now, name = min(due, key=lambda one: (one[0], one[1] == LIMIT))
            del self._timers[name]
            self._look(self.client.timer(name, self.now))
        self.now = end
        return self

    def _look(self, effects: Iterable[Any]) -> Talk:
        for effect in effects:
            if isinstance(effect, Send):
                self.said.append((effect.to, effect.message))
            elif isinstance(effect, Complete):
                self.done.append(effect.op)
            elif isinstance(effect, Observe):
                self.seen.append(effect.op)
            elif isinstance(effect, SetTimer):
                self._timers[effect.name] = self.now + effect.delay
        return self
