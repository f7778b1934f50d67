"""The ZooKeeper-like coordination service."""

from systems.zookeeper.system import ZooKeeper

__all__ = ["ZooKeeper"]
