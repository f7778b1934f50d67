"""Raft: a replicated log, and the register store on it."""

from systems.raft.store import RaftStore

__all__ = ["RaftStore"]
