"""A failure's signature: the same words for the same failure, whatever the seed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol

# Where the general part of a cause ends: what follows tells of this run.
_DETAIL = re.compile(r"[;,:](?:\s|$)")
# What differs between two runs of one failure: quoted values, node names, lists and numbers.
_VARIES = (
    (re.compile(r"'[^']*'|\"[^\"]*\"|\bnothing\b"), "#"),
    (re.compile(r"\b[nm]\d+\b"), "node"),
    (re.compile(r"\[[^\]]*\]|\{[^}]*\}"), "#"),
    (re.compile(r"\d[\d,.]*(?:\s?(?:ns|us|ms|s|m|h|%)\b)?"), "#"),
    (re.compile(r"\s+"), " "),
)


class Judgement(Protocol):
    """What a signature needs to know of a checker's verdict."""

    @property
    def verdict(self) -> str: ...
    @property
    def expected(self) -> str: ...
    @property
    def cause(self) -> str | None: ...


def signature(plan: str, results: Mapping[str, Judgement]) -> str:
    """Plan, what came out otherwise than expected, and a digest of the reasons without their
    numbers: `craq-partition:linearizable=invalid:3f2a9c1b`. Empty where nothing did.

    Two seeds of one plan that fail for one reason have one signature; so have two nights.
    """
    wrong = {
        name: found
        for name, found in sorted(results.items())
        if found.verdict != found.expected or found.verdict == "unknown"
    }
    if not wrong:
        return ""
    said = "+".join(f"{name}={found.verdict}" for name, found in wrong.items())
    reasons = "\n".join(f"{name}: {reason(found.cause)}" for name, found in wrong.items())
    return f"{plan}:{said}:{sha256(reasons.encode()).hexdigest()[:8]}"


def reason(cause: str | None) -> str:
    """The general part of a cause, without what differs from seed to seed.

    >>> reason("read by process 3 at n2 returned 7 at 3.25 s, when it was [1, 2]; in a partition")
    'read by process # at node returned # at #'
    """
    text = cause or ""
    for pattern, word in _VARIES:
        text = pattern.sub(word, text)
    return _DETAIL.split(text, maxsplit=1)[0].strip()
