"""The stage of a live run: its cluster and its clients, opened together, disturbed, and closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.driver import Setup
from harness.error import WorldError
from harness.fault import (
    Action,
    Administer,
    Cut,
    Kill,
    Mend,
    Outcome,
    Pause,
    Resume,
    Shape,
    Start,
    Wipe,
)
from harness.inject import administered, home_of_administrator, refusal
from harness.live.client import Clients
from harness.live.clocks import Clock
from harness.live.cluster import Cluster
from harness.live.options import Options
from harness.op import Op
from harness.system import everyone


class Stage:
    """Whoever makes one, inside the loop, must `close` it. `completed` and `observed` are told what
    the clients are told."""

    def __init__(
        self,
        setup: Setup,
        folder: Path,
        completed: Callable[[Op], None],
        observed: Callable[[Op], None],
    ) -> None:
        self.options = Options.of(setup.options, len(everyone(setup.system)))
        self.clock = Clock()
        self.cluster = Cluster(setup, folder, self.options.base_port)
        self.clients = Clients(setup, self.clock, completed, observed)
        self._supports = setup.system.supports

    async def open(self) -> None:
        """Start everything; returns when every core has started and can be reached. Raises
        WorldError."""
        await self.cluster.open()
        await self.clients.connect(self.cluster.client_ports())

    def close(self) -> None:
        """End everything, wherever it stands."""
        self.clients.close()
        self.cluster.close()

    async def carry_out(self, action: Action) -> Outcome:
        """What became of an action: skipped where it makes no sense now."""
        cluster = self.cluster
        view = cluster.view()
        why = refusal(action, view, cluster.tags, self._supports)
        if why:
            return Outcome(False, why)
        if isinstance(action, Administer):
            home = home_of_administrator(view)
            return administered(await self.clients.administer(action.op, home))
        try:
            return Outcome(True, "", await self._act(action))
        except TimeoutError:
            return Outcome(False, "the machine did not say that it was done")
        except WorldError as error:
            cluster.unhealthy.append(str(error))
            return Outcome(False, str(error))

    async def _act(
        self, action: Start | Kill | Pause | Resume | Cut | Shape | Mend | Wipe
    ) -> dict[str, Any]:
        """Carry out an action that makes sense; the proof."""
        cluster = self.cluster
        if isinstance(action, Kill):
            return await cluster.kill(action.node)
        if isinstance(action, Pause):
            return await cluster.pause(action.node)
        if isinstance(action, Resume):
            return await cluster.resume(action.node)
        if isinstance(action, Start):
            await cluster.start(action.node)
            return {}
        if isinstance(action, Wipe):
            return cluster.wipe(action.node)
        return dict(await cluster.disturb(action))
