"""CRAQ: a chain that answers reads at every replica, and plain chain replication as a variant."""

from systems.craq.system import Craq

__all__ = ["Craq"]
