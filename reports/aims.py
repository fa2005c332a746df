"""What the reference loader is to cost at most, row by row (aims.toml), and whether it does."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SUBJECT, LANE = "reference", "host"
"""Aims are set for our own loader, in time on the host's kernel."""


@dataclass(frozen=True)
class Aim:
    """The most that one benchmark may take: as a ratio to the baseline, or a figure in its unit."""

    benchmark: str
    ratio: float | None = None
    median: float | None = None
    missed: str = ""
    """Why it is not reached, if it never was."""

    def reached(self, ratio: float | None, median: float | None) -> bool | None:
        """Whether the figures of a run are within it; None if the run has none."""
        limit, figure = (self.ratio, ratio) if self.ratio is not None else (self.median, median)
        return None if limit is None or figure is None else figure <= limit


@cache
def aims() -> dict[str, Aim]:
    """All of them, by benchmark."""
    rows = tomllib.loads(Path(__file__).with_name("aims.toml").read_text())["aim"]
    return {row["benchmark"]: Aim(**row) for row in rows}


def aim_of(benchmark: str, subject: str, lane: str) -> Aim | None:
    """The aim for a row, if there is one."""
    return aims().get(benchmark) if (subject, lane) == (SUBJECT, LANE) else None


def aims_sentence(verdicts: Iterable[tuple[str, bool]]) -> str:
    """Such as ``18 of 20 aims reached; missed: load/xdp, process/core``; '' for none."""
    known = [*verdicts]
    missed = [benchmark for benchmark, reached in known if not reached]
    if not known:
        return ""
    text = f"{len(known) - len(missed)} of {len(known)} aims reached"
    return f"{text}; missed: {', '.join(missed)}" if missed else text
