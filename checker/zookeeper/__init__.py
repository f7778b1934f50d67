"""Judging the ZooKeeper-like service against what ZooKeeper itself promises, and no more."""

from checker.zookeeper.guarantee import ZooKeeperGuarantee

__all__ = ["ZooKeeperGuarantee"]
