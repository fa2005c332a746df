"""Loading programs side by side, where the verifier takes long.

BPF_PROG_LOAD holds no lock of Python's or, for the privileged, of the verifier's, so threads
load as many programs at a time as there are CPUs. Starting them costs more than loading
dozens of small programs: they are started only after a program that took long.
"""

from __future__ import annotations

from threading import Lock, Thread

from ..lean import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from ..program_load import NewProgram

    One = TypeVar("One")


def load_in_threads(
    ready: Sequence[One], load: Callable[[One], NewProgram], workers: int
) -> list[NewProgram]:
    """As `program_load.load_each`: what fails first in the order of the programs is raised, not in time."""
    loaded: dict[int, NewProgram] = {}
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
