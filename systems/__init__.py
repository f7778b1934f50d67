"""Systems under test: each name's factory, "module:factory", which is imported only when used.

The factory's keyword arguments are the system's options in a plan; `nodes` is given to all.
"""

from __future__ import annotations

REGISTRY: dict[str, str] = {
    "toy": "systems.toy:Toy",
    "raft": "systems.raft:RaftStore",
    "zookeeper": "systems.zookeeper:ZooKeeper",
    "craq": "systems.craq:Craq",
}

# Modules with a system's planted variants (harness.variant), for `bug` in a plan.
BUGS: dict[str, tuple[str, ...]] = {
    "craq": ("systems.craq.bugs",),
    "raft": ("systems.raft.bugs", "systems.raft.store_bugs"),
    "zookeeper": ("systems.zookeeper.bugs", "systems.raft.bugs"),
}

# What a system's commands are in `weaklink shell` (harness.shell.dialect), "module:factory".
SHELLS: dict[str, str] = {
    "zookeeper": "systems.zookeeper.shell:Shell",
}
