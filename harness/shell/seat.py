"""A seat: a client that sits before one node, as the shell knows it, and the table of all nodes."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import replace

from harness.core import NodeId
from harness.fault import View
from harness.op import Op
from harness.shell.dialect import Dialect
from harness.shell.journal import columns


class Seat(Struct, frozen=True):
    """The client whose home is a node: where its session is now, and the last position it was
    told."""

    home: NodeId
    node: NodeId
    session: Any = ""
    last: Any = None

    def after(self, op: Op, ended: Container[Any] = ()) -> Seat:
        """What is known of it after a completion, or a line about its session; of the sessions that
        have `ended` it has none any more."""
        node = self.node if op.node is UNSET else op.node
        session = self.session if op.session is UNSET else op.session
        last = self.last
        if op.position is not UNSET and (last is None or session != self.session):
            last = op.position
        elif op.position is not UNSET:
            last = max(last, op.position)
        return replace(self, node=node, session="" if session in ended else session, last=last)


def prompt(seat: Seat) -> str:
    """What stands before the cursor.

    >>> prompt(Seat("n1", "n1")), prompt(Seat("n3", "n2"))
    ('n1> ', 'n3 (session at n2)> ')
    """
    away = f" (session at {seat.node})" if seat.node != seat.home else ""
    return f"{seat.home}{away}> "


def describe(seat: Seat, dialect: Dialect) -> str:
    """A seat in words."""
    last = "" if seat.last is None else f", last {dialect.place(seat.last)}"
    return f"you talk to {seat.node}, session {seat.session or 'not open yet'}{last}"


def table(
    view: View,
    seats: Sequence[Seat],
    applied: Mapping[NodeId, Any],
    dialect: Dialect,
    parted: str,
) -> str:
    """The nodes: alive, role, term, what they have applied, and the sessions that are there."""
    rows = [("node", "state", "role", "epoch", "applied", "sessions")]
    for node in (*view.nodes, *view.managers):
        there = " ".join(str(seat.session) for seat in seats if seat.node == node and seat.session)
        role, epoch = _role(node, view)
        at = dialect.place(applied[node]) if node in applied else "?"
        rows.append((node, _state(node, view), role, epoch, at, there))
    return columns(rows) + (f"\npartition: {parted}" if parted else "")


def _state(node: NodeId, view: View) -> str:
    if node not in view.up:
        return "down"
    return "paused" if node in view.paused else "up"


def _role(node: NodeId, view: View) -> tuple[str, str]:
    """A node's own word, with what the others know better."""
    role = view.roles.get(node)
    if role is None:
        return "?", "?"
    if role.name == "leader" and node not in view.with_role("leader"):
        return "leader, it thinks", str(role.epoch)
    return role.name, str(role.epoch)


def silence(node: NodeId, view: View, parted: str) -> str:
    """Why a node may have given no answer; "" where nothing is known."""
    if node not in view.up:
        return f"{node} is down: `start {node}`"
    if node in view.paused:
        return f"{node} is paused: `resume {node}`"
    if parted:
        return f"links are cut, {parted}: what needs the leader or a majority waits for `heal`"
    return "" if len(view.up - view.paused) * 2 > len(view.nodes) else "no majority is up"
