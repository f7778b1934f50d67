"""ZooKeeper: a tree of znodes on the replicated log, read at any replica (USENIX ATC 2010).

All writes go through the leader and are linearizable. A read is answered by the server it is sent
to, from its own state: it may be old, also for as long as that server is cut off (sessions do not
expire yet), but never older than what its session has seen, whichever server that was from.
`position` is the zxid, term << 32 | index: of a write its own, of a read the server's last one, of
a sync the one that the session's later reads wait for.

Registers, for `op.key` k at the znode /k<k>:
- read: getData; a znode that is not there is None.
- write: setData at any version; NoNode: create; NodeExists (somebody was faster): setData again.
- cas (old, new): getData, compare, setData at the version read (create where there was none). An
  old read says nothing about the value at any point of the operation, so where it differs the plain
  mode fails with `busy`. With read_mode="sync" it was the value at one point within the operation:
  `precondition-failed`, with what was observed. BadVersion and NodeExists say nothing of the value
  either.
- read_mode="sync": every register's read is a sync, then a getData, and linearizable.

ZooKeeper's own, by `op.value`; errors are no-node, node-exists, bad-version, not-empty, refused:

| f | value | ok value |
|---|---|---|
| create | [path, data] | Stat |
| setData | [path, data, version], -1 for any | Stat |
| delete | [path, version], -1 for any | None |
| exists | path | Stat, or None |
| getData | path | [data, Stat] |
| getChildren | path | [sorted names, Stat] |
| sync | path, or None | None |

A Stat is {"czxid", "mzxid", "pzxid", "version", "cversion", "numChildren"}.
"""

from __future__ import annotations

from random import Random

from harness.clock import duration
from harness.core import ClientCore, Core, NodeId
from harness.system import Invariants, node_names
from systems.raft.invariant import ReplicaInvariants
from systems.raft.message import record_types, wire_types
from systems.raft.raft import Timing
from systems.raft.replica import Answer, Read, Replica, Sync, Write
from systems.zookeeper.client import ZooKeeperClient
from systems.zookeeper.message import Command, Query, Result
from systems.zookeeper.tree import Tree

READ_MODES = ("plain", "sync")
OPERATIONS = frozenset(
    {
        *("read", "write", "cas"),
        *("create", "delete", "exists", "getData", "setData", "getChildren", "sync"),
    }
)


class ZooKeeper:
    """The system. `read_mode` is how a register is read: "plain" or "sync". `timeout` is the time a
    client gives an operation; `election_timeout` (to twice that, at random) and `heartbeat` are the
    log's."""

    name = "zookeeper"
    roles = frozenset({"leader", "follower"})
    supports = OPERATIONS
    managers: tuple[NodeId, ...] = ()
    message = wire_types(Command) | Write[Command] | Read[Query] | Sync | Answer[Result]
    record = record_types(Command)

    def __init__(
        self,
        nodes: int = 3,
        *,
        read_mode: str = "plain",
        timeout: str | float = "1s",
        election_timeout: str | float = "300ms",
        heartbeat: str | float = "60ms",
    ) -> None:
        if read_mode not in READ_MODES:
            raise ValueError(f"read_mode: expected plain or sync, got {read_mode!r}")
        self.nodes = node_names(nodes)
        self.read_mode = read_mode
        self.timeout = duration(timeout)
        self.timing = Timing(duration(election_timeout), duration(heartbeat))

    def node(self, me: NodeId, rng: Random) -> Core:
        """A fresh server."""
        return Replica(me, self.nodes, Tree(), rng, self.timing)

    def client(self, me: NodeId, home: NodeId, rng: Random) -> ClientCore:
        """A client whose session begins at `home`."""
        syncs = self.read_mode == "sync"
        return ZooKeeperClient(me, home, self.nodes, self.timeout, syncs=syncs).core

    def invariants(self) -> Invariants:
        """The log's promises; servers at the same zxid hold the same tree."""
        return ReplicaInvariants(self.nodes)
