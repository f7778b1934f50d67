"""ZooKeeper: a tree of znodes on the replicated log, read at any replica (USENIX ATC 2010).

All writes go through the leader and are linearizable. A read is answered by the server it is sent
to, from its own state: it may be old, also for as long as that server is cut off and the session
lives, but never older than what its session has seen, whichever server that was from. A session's
operations take effect in the order they were invoked, however many are open. `position` is the
zxid, term << 32 | index: of a write its own, of a read the server's last one, of a sync the one
that the session's later reads wait for; `session` is named after the zxid that opened it, `seq`
numbers its requests.

Registers, for `op.key` k at the znode /k<k>:
- read: getData; a znode that is not there is None.
- write: setData at any version; NoNode: create; NodeExists (somebody was faster): setData again.
- cas (old, new): getData, compare, setData at the version read (create where there was none). An
  old read says nothing about the value at any point of the operation, so where it differs the plain
  mode fails with `busy`. With read_mode="sync" it was the value at one point within the operation:
  `precondition-failed`, with what was observed. BadVersion and NodeExists say nothing of the value
  either.
- read_mode="sync": every register's read is a sync, then a getData, and linearizable.

ZooKeeper's own, by `op.value`; errors are no-node, node-exists, bad-version, not-empty,
no-children-for-ephemerals, too-large, no-memory, refused:

| f | value | ok value |
|---|---|---|
| create | [path, data] or [path, data, flags]: "e" ephemeral, "s" sequential | [path, Stat] |
| setData | [path, data, version], -1 for any | Stat |
| delete | [path, version], -1 for any | None |
| exists | path, or [path, watch] | Stat, or None |
| getData | path, or [path, watch] | [data, Stat] |
| getChildren | path, or [path, watch] | [sorted names, Stat] |
| sync | path, or None | None |
| multi | [["check", path, version], ["create", path, data, flags], ...] | [None, [path, Stat]] |
| close | None: the session; the next operation opens another | None |

Administration: add-node, remove-node, transfer, of a node's name (systems.raft.admin).

A Stat is the dict of systems.zookeeper.command.Stat. A watch's event is a line of the history by
process "watch", f "watch" and value [created, deleted, changed or child, path]; what becomes of a
session is one with f "session" and value opened, moved, closed or expired.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from harness.clock import duration
from harness.core import ClientCore, Core, NodeId
from harness.error import UserError
from harness.system import Carries, Invariants, node_names
from systems.raft.admin import ADMINISTRATION, Administrable, Administrator
from systems.raft.host import Keeping
from systems.raft.invariant import ReplicaInvariants
from systems.raft.message import record_types, wire_types
from systems.raft.raft import Timing
from systems.zookeeper.client import ZooKeeperClient
from systems.zookeeper.command import Command, Query, Write
from systems.zookeeper.machine import Machine
from systems.zookeeper.server import Server
from systems.zookeeper.wire import (
    Forward,
    Heard,
    Hello,
    Item,
    Joins,
    Ping,
    Pong,
    Request,
    Sync,
    Turned,
    Welcome,
)
from systems.zookeeper.znodes import MEMORY

READ_MODES = ("plain", "sync")
OPERATIONS = frozenset(
    {
        *("read", "write", "cas"),
        *("create", "delete", "exists", "getData", "setData", "getChildren", "sync"),
        *("multi", "close"),
        *ADMINISTRATION,
    }
)
PATIENT = 5  # an administrator's time limit, in those of other operations
TICKS = 6  # of a session's timeout, one such part is how often servers tell whom they have heard


class ZooKeeper:
    """The system. `read_mode` is how a register is read: "plain" or "sync". `timeout` is the time a
    client gives an operation, `session_timeout` that after which a silent client's session is
    ended; `election_timeout` (to twice that, at random) and `heartbeat` are the log's. After
    `snapshot_every` entries a snapshot takes the place of the log (0: never); with `keep_log` a
    server's dump has those entries still. `tree_limit` is the most that a server's tree may hold,
    in bytes. The last `spare` servers do not take part until they are added."""

    name = "zookeeper"
    roles = frozenset({"leader", "follower"})
    supports = OPERATIONS
    managers: tuple[NodeId, ...] = ()
    message = (
        wire_types(Command)
        | Hello
        | Welcome
        | Turned
        | Request
        | Item
        | Ping
        | Pong
        | Forward
        | Joins
        | Heard
    )
    record = record_types(Command)
    carries: Mapping[type, Carries] = {
        Request: Carries.of("body", Write | Query | Sync),
        Forward: Carries.of("op", Write),
    }

    def __init__(
        self,
        nodes: int = 3,
        *,
        read_mode: str = "plain",
        timeout: str | float = "1s",
        session_timeout: str | float = "6s",
        election_timeout: str | float = "300ms",
        heartbeat: str | float = "60ms",
        snapshot_every: int = 10_000,
        keep_log: bool = False,
        tree_limit: int = MEMORY,
        spare: int = 0,
    ) -> None:
        if read_mode not in READ_MODES:
            raise ValueError(f"read_mode: expected plain or sync, got {read_mode!r}")
        if not 0 <= spare < nodes:
            raise UserError(f"spare: {spare} of {nodes} nodes cannot stay outside at first")
        self.nodes = node_names(nodes)
        self.spare = spare
        self.read_mode = read_mode
        self.timeout = duration(timeout)
        self.session_timeout = duration(session_timeout)
        self.timing = Timing(duration(election_timeout), duration(heartbeat))
        self.keeping = Keeping(snapshot_every, keep_log)
        self.tree_limit = tree_limit
        self.node_type: type[Server] = Server
        self.machine_type: type[Machine] = Machine
        self.client_type: type[ZooKeeperClient] = ZooKeeperClient

    def node(self, me: NodeId, rng: Random) -> Core:
        """A fresh server."""
        return self.node_type(
            me,
            self.nodes,
            self.machine_type(self.tree_limit),
            rng,
            self.timing,
            self.keeping,
            spare=self.spare,
            tick=self.session_timeout // TICKS,
        )

    def client(self, me: NodeId, home: NodeId, rng: Random) -> ClientCore:
        """A client whose session begins at `home`."""
        syncs = self.read_mode == "sync"
        core = self.client_type(
            me, home, self.nodes, self.timeout, self.session_timeout, syncs=syncs
        )
        return Administrable(core, Administrator(self.nodes, PATIENT * self.timeout))

    def invariants(self) -> Invariants:
        """The log's promises; servers at the same zxid hold the same tree."""
        return ReplicaInvariants()
