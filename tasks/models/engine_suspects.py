"""Which request kills the engine: found by bisection. Pure.

A death alone accuses nobody: machines kill processes too. What was in flight at two deaths in a row is under
suspicion, and a *hunt* begins: half of the suspects is sent, all other requests wait. If the engine dies, the culprit
is in that half; if they are all answered, in the other. A request at whose death the engine had nothing else to do,
and which was in flight at the death before, is the culprit. A hunt thus takes about log2(suspects) + 1 deaths.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

Ids = frozenset[str]
_NOBODY: Ids = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspects:
    """What is known so far. Requests are told apart by a digest of their bodies."""

    last: Ids = _NOBODY
    """In flight at the last death."""
    trying: Ids = _NOBODY
    """Sent at the moment, to see whether the engine dies; empty if there is no hunt."""
    open: Ids = _NOBODY
    """Of `trying`, those without an answer yet."""
    others: Ids = _NOBODY
    """The other half: it holds the culprit if `trying` does not."""
    condemned: Ids = _NOBODY
    """Found out: never sent again."""

    @property
    def hunting(self) -> bool:
        return bool(self.trying)

    def admits(self, request: str) -> bool:
        """Whether a request may be sent now; one that may not, and is not condemned, waits."""
        return request not in self.condemned and (not self.hunting or request in self.trying)


def after_death(known: Suspects, in_flight: Ids) -> Suspects:
    """The engine died while it had these requests."""
    accused = in_flight & (known.trying or known.last)
    if not accused:
        return replace(_released(known), last=in_flight)
    if len(accused) == 1 and in_flight == accused:
        return Suspects(condemned=known.condemned | accused)
    return _halved(replace(known, last=in_flight), accused)


def after_answer(known: Suspects, request: str) -> Suspects:
    """The engine answered a request, or nobody waits for it any more."""
    cleared = replace(known, last=known.last - {request}, open=known.open - {request})
    if cleared.open or not known.hunting:
        return cleared
    return _halved(cleared, known.others) if known.others else _released(cleared)


def _halved(known: Suspects, accused: Ids) -> Suspects:
    """Try one half of the accused; of a single one all of it."""
    ordered = sorted(accused)
    half = frozenset(ordered[: (len(ordered) + 1) // 2])
    return replace(known, trying=half, open=half, others=accused - half, last=known.last | accused)


def _released(known: Suspects) -> Suspects:
    return replace(known, trying=_NOBODY, open=_NOBODY, others=_NOBODY)
