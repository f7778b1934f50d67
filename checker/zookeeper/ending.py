"""Sessions that were ended for their silence, though they had not been silent for that long.

Z9 (in part): a session expires only when nobody has heard its client for the session's timeout. Who
answers a write has heard the client when that was called or later, and so has the leader that put
it into the log; any later leader gives each session its whole timeout anew. So between the call of
a write and the end of its session by expiry the timeout must pass. A read is no such proof: a
server that is cut off answers reads, and nobody else hears of it.

When a session had ended at the latest is the earliest return of any reply from a state at or after
its end. What a session's timeout is, and whether it expired or was closed, is in the log.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from checker.zookeeper.finding import Finding
from checker.zookeeper.log import Log
from checker.zookeeper.request import FOREVER, WRITE, Request, who, zxid
from harness.clock import MS, show


def ended_early(
    log: Log, requests: Sequence[Request], closed: Mapping[str, int]
) -> Iterator[Finding]:
    """The sessions that expired within their timeout of a write; `closed` says at which zxid each
    session ended."""
    expired = {name: at for name, at in closed.items() if at in log.expired}
    if not expired or not log.timeouts:
        return
    last = _last_writes(requests, expired)
    told = sorted(
        (r for r in requests if r.position is not None and r.ret < FOREVER),
        key=lambda r: r.position or 0,
    )
    zxids = [r.position or 0 for r in told]
    earliest: list[Request] = []  # of each and those after it, the first that returned
    for r in reversed(told):
        earliest.append(r if not earliest or r.ret < earliest[-1].ret else earliest[-1])
    earliest.reverse()
    for name, write in last.items():
        timeout, place = log.timeouts.get(name), bisect_left(zxids, expired[name])
        if timeout is None or place == len(told):
            continue
        seen = earliest[place]
        if seen.ret < write.call + timeout * MS:
            yield _early(name, expired[name], timeout, write, seen)


def _last_writes(requests: Sequence[Request], expired: Mapping[str, int]) -> dict[str, Request]:
    """Of each session that expired, the last called of the writes that were answered from the
    log."""
    last: dict[str, Request] = {}
    for r in requests:
        if r.kind != WRITE or r.session not in expired or r.position is None or r.ret == FOREVER:
            continue
        assert r.session is not None
        if r.position < expired[r.session] and (
            r.session not in last or r.call > last[r.session].call
        ):
            last[r.session] = r
    return last


def _early(name: str, ended: int, timeout: int, write: Request, seen: Request) -> Finding:
    words = (
        f"session {name}, whose timeout is {show(timeout * MS)}, was expired at {zxid(ended)}, by "
        f"the time at which {who(seen)} was answered from {zxid(seen.position or 0)}, though "
        f"{who(write)}, which was done, had been called only {show(seen.ret - write.call)} before"
    )
    core = (write, seen) if seen is not write else (write,)
    return Finding("Z9", "session ended early", words, seen, seen.done, core, zxids=(ended,))
