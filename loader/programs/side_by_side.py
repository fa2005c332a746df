"""Loading an object's programs one after the other, or side by side where the verifier takes long.

BPF_PROG_LOAD holds no lock of Python's or, for the privileged, of the verifier's, so threads
load as many programs at a time as there are CPUs. Starting them costs more than loading
dozens of small programs: they are started only after a program that took long.
"""

from __future__ import annotations

import os
from time import perf_counter

from ..lean import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from .program import Program

    One = TypeVar("One")

LONG_S = 0.002
"""A program whose verification takes this long makes threads worth it for those behind it.

Measured on two CPUs: 8 programs of 16 ms take 129 ms, in threads 66; 8 of 0.2 ms take 1.7 ms, in threads
1.3, and on a busy machine 1.9.
"""


def load_each(ready: Sequence[One], load: Callable[[One], Program]) -> list[Program]:
    """Load all, in their order. Raises what the first of them that fails does; then none stays."""
    loaded: list[Program] = []
    try:
        for number, one in enumerate(ready, 1):
            begun = perf_counter()
            loaded.append(load(one))
            rest = ready[number:]
            if perf_counter() - begun >= LONG_S and len(rest) > 1:
                workers = min(len(os.sched_getaffinity(0)), len(rest))
                if workers > 1:
                    return loaded + _in_threads(rest, load, workers)
    except BaseException:
        for program in loaded:
            program.close()
        raise
    return loaded


def _in_threads(ready: Sequence[One], load: Callable[[One], Program], workers: int) -> list[Program]:
    """As `load_each`. What fails first in the order of the programs is raised, not first in time."""
    from threading import Lock, Thread

    loaded: dict[int, Program] = {}
    errors: dict[int, BaseException] = {}
    waiting, lock = iter(enumerate(ready)), Lock()

    def work() -> None:
        while not errors:
            with lock:
                number, one = next(waiting, (-1, None))
            if one is None:
                return
            try:
                loaded[number] = load(one)
            except BaseException as error:  # raised in the thread of the caller
                errors[number] = error

    threads = [Thread(target=work) for _ in range(workers - 1)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
    if errors:
        for program in loaded.values():
            program.close()
        raise errors[min(errors)]
    return [loaded[number] for number in range(len(ready))]
