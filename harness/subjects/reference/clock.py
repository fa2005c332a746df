"""The subject's clock: nothing but the operation between its two readings."""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import monotonic_ns
from typing import TypeVar

Result = TypeVar("Result")


def timed(operation: Callable[[], Result]) -> tuple[int, Result]:
    """How many nanoseconds an operation takes, and what it gives. Old garbage is not its affair."""
    gc.collect()
    return timed_hot(operation)


def timed_hot(operation: Callable[[], Result]) -> tuple[int, Result]:
    """The same without looking for garbage, which empties the processor's caches of what was prepared."""
    start = monotonic_ns()
    result = operation()
    return monotonic_ns() - start, result


def count(histogram: dict[int, int], nanoseconds: int) -> None:
    """Add one duration to a histogram."""
    histogram[nanoseconds] = histogram.get(nanoseconds, 0) + 1
