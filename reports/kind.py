"""The six ways a cell can look: what its outcome and verdict mean to a reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import Enum

from ..harness.outcomes import CheckResult, Outcome, Verdict


class Kind(Enum):
    """A cell's look. Symbol and words carry the meaning; colour only helps."""

    UNEXPECTED = ("unexpected", "✕", "unexpected")
    SURPRISE = ("surprise", "▲", "unexpected pass")
    INFRA = ("infra", "?", "no result (infrastructure)")
    KNOWN = ("known", "≈", "known deviation")
    UNSUPPORTED = ("unsupported", "○", "unsupported, as expected")
    PASS = ("pass", "✓", "pass, as expected")

    def __init__(self, slug: str, symbol: str, title: str) -> None:
        self.slug, self.symbol, self.title = slug, symbol, title

    @property
    def alarming(self) -> bool:
        """Whether somebody should look at it."""
        return self in (Kind.UNEXPECTED, Kind.SURPRISE, Kind.INFRA)


Tally = Counter[Kind]

_KIND_OF = {
    Verdict.UNEXPECTED: Kind.UNEXPECTED,
    Verdict.UNEXPECTED_PASS: Kind.SURPRISE,
    Verdict.INFRA: Kind.INFRA,
    Verdict.DEVIATION: Kind.KNOWN,
}


def kind_of(result: CheckResult) -> Kind:
    """The kind of one result."""
    if result.verdict is Verdict.EXPECTED:
        return Kind.PASS if result.outcome is Outcome.PASS else Kind.UNSUPPORTED
    return _KIND_OF[result.verdict]


def tally(results: Iterable[CheckResult | None]) -> Tally:
    """How many results there are of each kind; cells without a result do not count."""
    return Counter(kind_of(result) for result in results if result is not None)


def as_expected(counts: Tally) -> int:
    """How many results of a tally are as they should be."""
    return counts[Kind.PASS] + counts[Kind.UNSUPPORTED]
