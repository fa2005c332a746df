"""Outcome + what was expected → verdict. Pure functions; the expectations are data."""

from __future__ import annotations

from collections.abc import Iterable

from ..corpus.data import Deviation
from ..kernels.version import KernelVersion
from .outcomes import CheckInfo, KernelInfo, Outcome, Verdict


def judge(
    outcome: Outcome,
    check: CheckInfo,
    kernel: KernelInfo,
    subject: str,
    deviations: Iterable[Deviation],
) -> tuple[Verdict, Deviation | None]:
    """What an outcome means, and the deviation that explains it, if one does.

    A check passes on every kernel from its minimum on and is refused with the
    right error (`unsupported`) below it. A deviation says otherwise for one
    subject and a range of kernels; where it no longer holds, its going unseen is
    an unexpected pass, so that a stale one is noticed.
    """
    if outcome in (Outcome.INFRA, Outcome.NOT_RUN):
        return Verdict.INFRA, None
    deviation = next((d for d in deviations if d.covers(check.id, subject, kernel.version)), None)
    if deviation is not None:
        if outcome == deviation.outcome:
            return Verdict.DEVIATION, deviation
        if outcome is Outcome.PASS:
            return Verdict.UNEXPECTED_PASS, deviation
        return Verdict.UNEXPECTED, deviation
    expected = expected_outcome(check, kernel)
    if outcome is expected:
        return Verdict.EXPECTED, None
    return (Verdict.UNEXPECTED_PASS if outcome is Outcome.PASS else Verdict.UNEXPECTED), None


def expected_outcome(check: CheckInfo, kernel: KernelInfo) -> Outcome:
    """PASS from the check's minimum kernel on, UNSUPPORTED before."""
    if check.minimum and KernelVersion.parse(kernel.version) < KernelVersion.parse(check.minimum):
        return Outcome.UNSUPPORTED
    return Outcome.PASS
