"""Bounded staleness: a read may be behind, but only so far."""

from checker.staleness.judge import BoundedStaleness
from checker.staleness.recent import Recent

__all__ = ["BoundedStaleness", "Recent"]
