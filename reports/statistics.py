"""Paired ratios, their median and a bootstrap interval: what a comparison of timings may claim."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

THRESHOLD = 0.05
"""A difference smaller than this share is not called one: measured ratios hold to about 5 %."""

COUNTED_THRESHOLD = 0.02
"""The same for counted instructions, which are hardly ever another number."""

MINIMUM_ROUNDS = 20
"""With fewer rounds no verdict is given."""

RESAMPLES = 2000
SEED = 20


class Claim(StrEnum):
    """What the interval lets one say."""

    SLOWER = "slower"
    FASTER = "faster"
    NO_DIFFERENCE = "no difference detected"
    TOO_FEW = "too few rounds"


@dataclass(frozen=True)
class Ratio:
    """Median of the paired ratios with its 95 % interval; `ratios` in the order of the rounds."""

    median: float
    low: float
    high: float
    ratios: tuple[float, ...]

    @property
    def rounds(self) -> int:
        """How many pairs it is made from."""
        return len(self.ratios)

    @property
    def claim(self) -> Claim:
        """A verdict only where the whole interval lies beyond 1 ± `THRESHOLD`."""
        if self.rounds < MINIMUM_ROUNDS:
            return Claim.TOO_FEW
        if self.low > 1 + THRESHOLD:
            return Claim.SLOWER
        if self.high < 1 - THRESHOLD:
            return Claim.FASTER
        return Claim.NO_DIFFERENCE


def counted_claim(ratio: Ratio) -> Claim:
    """A verdict on counts: few rounds say it all."""
    if ratio.low > 1 + COUNTED_THRESHOLD:
        return Claim.SLOWER
    return Claim.FASTER if ratio.high < 1 - COUNTED_THRESHOLD else Claim.NO_DIFFERENCE


def ratio(ratios: Sequence[float]) -> Ratio | None:
    """What paired ratios say; None if there is none."""
    if not ratios:
        return None
    low, high = bootstrap_interval(ratios)
    return Ratio(median(ratios), low, high, tuple(ratios))


def paired_ratios(samples: Sequence[float], baseline: Sequence[float]) -> list[float]:
    """sample ÷ baseline of each round in which both are positive, finite times.

    Pairing takes out what both had to suffer in a round (a busy machine, a slow clock).
    """
    pairs = zip(samples, baseline, strict=False)
    return [ours / theirs for ours, theirs in pairs if usable(ours) and usable(theirs)]


def usable(time: float) -> bool:
    """Whether a sample is a time at all."""
    return math.isfinite(time) and time > 0


def bootstrap_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of the median. The same values give the same interval."""
    generator = random.Random(SEED)
    medians = sorted(median(generator.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return medians[int(RESAMPLES * 0.025)], medians[int(RESAMPLES * 0.975) - 1]
