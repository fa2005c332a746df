"""The gate: guest instructions of this run against a stored baseline, and nothing else.

Instructions of one kernel, one interpreter and one machine's compilers compare; what was
stored under others says nothing about the loader, and is left out with a word.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .outcomes import BenchmarkResult, Run

LANE = "instructions"
SUBJECT = "reference"
SCHEMA = 1

TOLERANCE, LOAD_TOLERANCE = 0.02, 0.05
"""Shares by which instructions may grow: of look-ups and events, and of loads, which vary by 1 %."""

SAME = ("Python", "C library", "QEMU")
"""Facts of the environment that must be equal for instructions to compare."""


class BaselineError(ValueError):
    """The baseline cannot be read, or there is none (exit code 2)."""


@dataclass(frozen=True)
class Change:
    """Instructions of one benchmark on one kernel, before and now."""

    kernel: str
    benchmark: str
    before: float
    now: float

    @property
    def ratio(self) -> float:
        """More than 1 is slower."""
        return self.now / self.before

    @property
    def tolerance(self) -> float:
        """The share by which it may grow."""
        return LOAD_TOLERANCE if self.benchmark.startswith("load/") else TOLERANCE

    @property
    def is_regression(self) -> bool:
        """Whether the gate is to fail."""
        return self.ratio > 1 + self.tolerance

    def __str__(self) -> str:
        limit = f"; at most +{self.tolerance:.0%} is let pass" if self.is_regression else ""
        return (
            f"{self.benchmark} on {self.kernel}: {self.before:,.1f} → {self.now:,.1f} instructions, "
            f"{self.ratio - 1:+.2%}{limit}"
        )


@dataclass(frozen=True)
class Comparison:
    """What could be compared, and in words what could not."""

    changes: tuple[Change, ...]
    left_out: tuple[str, ...]

    @property
    def regressions(self) -> list[Change]:
        """What the gate fails for."""
        return [change for change in self.changes if change.is_regression]


def instructions(run: Run) -> dict[str, dict[str, float]]:
    """Instructions of the subject that is gated, by kernel release and benchmark: the least of the rounds."""
    releases = {kernel.label: kernel.release for kernel in run.kernels}
    found: dict[str, dict[str, float]] = {}
    for result in _gated(run):
        found.setdefault(releases[result.kernel], {})[result.benchmark] = min(result.samples[SUBJECT])
    return found


def store(run: Run, path: Path) -> None:
    """Make this run the baseline; rows of other kernels and benchmarks in it stay. Raises `BaselineError`."""
    kernels = _read(path)["kernels"] if path.exists() else {}
    environment = {name: run.environment.get(name, "") for name in SAME}
    for release, rows in instructions(run).items():
        old = kernels.get(release)
        kept = old["rows"] if old and old["environment"] == environment else {}
        kernels[release] = {"environment": environment, "rows": kept | rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schema": SCHEMA, "kernels": kernels}, indent=1, sort_keys=True) + "\n")


def compare(run: Run, path: Path) -> Comparison:
    """This run against the baseline. Raises `BaselineError`."""
    kernels = _read(path)["kernels"]
    environment = {name: run.environment.get(name, "") for name in SAME}
    changes: list[Change] = []
    left_out: list[str] = []
    for release, rows in instructions(run).items():
        stored = kernels.get(release)
        if stored is None:
            left_out.append(f"{release}: the baseline has nothing of this kernel")
        elif stored["environment"] != environment:
            left_out.append(f"{release}: the baseline is of {_words(stored['environment'])}")
        else:
            changes += _changes(release, stored["rows"], rows)
            left_out += [f"{release}: {name} is new" for name in sorted(rows.keys() - stored["rows"].keys())]
    return Comparison(tuple(changes), tuple(left_out))


def _gated(run: Run) -> Iterator[BenchmarkResult]:
    return (result for result in run.benchmarks if result.lane == LANE and result.samples.get(SUBJECT))


def _changes(kernel: str, before: dict[str, float], now: dict[str, float]) -> Iterator[Change]:
    for name, value in now.items():
        if name in before:
            yield Change(kernel, name, before[name], value)


def _words(environment: dict[str, str]) -> str:
    return ", ".join(f"{name} {value or 'unknown'}" for name, value in environment.items())


def _read(path: Path) -> dict[str, Any]:
    try:
        baseline: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if baseline["schema"] != SCHEMA:
            raise BaselineError(f"{path}: is of schema {baseline['schema']}, not {SCHEMA}: store a new one")
        if not all({"environment", "rows"} <= kernel.keys() for kernel in baseline["kernels"].values()):
            raise KeyError("rows")
    except FileNotFoundError:
        raise BaselineError(
            f"{path}: there is no baseline; 'bpflab bench --store-baseline' makes one"
        ) from None
    except BaselineError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BaselineError(f"{path}: is no baseline: {error!r}") from error
    return baseline
