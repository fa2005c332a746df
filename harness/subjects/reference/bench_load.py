"""Benchmarks of loading and attaching: raw samples in nanoseconds per operation."""

from __future__ import annotations

import gc
from collections.abc import Callable

from ....loader import KernelBtf, Link, ObjectError, ObjectSpec
from .clock import Result, timed, timed_hot


def time_opens(path: str, rounds: int) -> list[float]:
    """From the path to a spec."""
    gc.collect()
    return [_from_file(path, lambda: ObjectSpec.from_file(path))[0] for _ in range(rounds)]


def time_loads(path: str, rounds: int, *, cold: bool) -> list[float]:
    """From the path to a loaded object, without closing it.

    `cold`: without what this process remembers of the kernel's types.
    """
    samples: list[float] = []
    # Once, as the other subjects' loops are warm too: looking for garbage empties the processor's caches.
    gc.collect()
    for _ in range(rounds):
        if cold:
            KernelBtf.forget_running()
        duration, loaded = _from_file(path, lambda: ObjectSpec.from_file(path).load())
        loaded.close()
        samples.append(duration)
    return samples


def time_attachments(attach: Callable[[], Link], rounds: int) -> list[float]:
    """Attaching and detaching."""
    return [timed(lambda: attach().detach())[0] for _ in range(rounds)]


def _from_file(path: str, operation: Callable[[], Result]) -> tuple[int, Result]:
    try:
        return timed_hot(operation)
    except OSError as error:
        raise ObjectError(path, "", f"cannot be read: {error.strerror}") from None
