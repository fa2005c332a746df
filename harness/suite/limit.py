"""A limit on wall time for code that may hang in a system call or a read."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from .classify import CheckTimeout


@contextmanager
def time_limit(seconds: float, what: str) -> Iterator[None]:
    """Raises `CheckTimeout` in the block when it takes longer. Main thread only; does not nest."""

    def over(number: int, frame: FrameType | None) -> None:
        raise CheckTimeout(f"{what} took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
