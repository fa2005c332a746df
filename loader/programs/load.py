"""Loading programs: in their order, and each with the verifier's log if the kernel refuses it."""

from __future__ import annotations

import errno
import os
from time import perf_counter

from ..errors import KernelError, VerifierError
from ..lean import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from ..spec import ProgramSpec
    from .program import Program

    One = TypeVar("One")
    Attempt = Callable[[bytearray | None, int], int]
    """One BPF_PROG_LOAD with a log buffer and a log level; a file descriptor or -errno."""

LONG_S = 0.002
"""A program whose verification takes this long makes threads worth it for those behind it.

Measured on two CPUs: 8 programs of 16 ms take 129 ms, in threads 66; 8 of 0.2 ms take 1.7 ms, in threads
1.3, and on a busy machine 1.9.
"""

_SMALLEST_LOG = (1 << 24) - 1
"""16 MiB - 1, the most that every kernel takes; the kernel touches only what it writes."""
_LARGEST_LOG = (1 << 30) - 1


class NewProgram:
    """A program that nobody has asked for yet: its file descriptor, and what a `Program` is made of."""

    __slots__ = ("fd", "insns", "log", "name", "place", "type")

    def __init__(self, fd: int, spec: ProgramSpec, attach_to: str, insns: bytes, log: str) -> None:
        """Take over `fd`. The spec is the user's, who may change it later: nothing of it is kept."""
        self.fd = fd
        self.name = spec.name
        self.type = spec.type
        self.place = spec.section, spec.attach_type, spec.attach_kind, spec.autoattach, attach_to
        self.insns = insns
        self.log = log

    def live(self) -> Program:
        """The program itself, which takes over the descriptor."""
        from .program import Program

        made = Program(self.fd, self.name, self.type)
        made.section, made.attach_type, made.attach_kind, made.autoattach, made.attach_to = self.place
        made.insns, made.log = self.insns, self.log
        return made

    def close(self) -> None:
        """Give up the descriptor."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def load_each(ready: Sequence[One], load: Callable[[One], NewProgram]) -> list[NewProgram]:
    """Load all, in their order. Raises what the first of them that fails does; then none stays."""
    loaded: list[NewProgram] = []
    try:
        for number, one in enumerate(ready, 1):
            begun = perf_counter()
            loaded.append(load(one))
            rest = ready[number:]
            if perf_counter() - begun >= LONG_S and len(rest) > 1:
                workers = min(len(os.sched_getaffinity(0)), len(rest))
                if workers > 1:
                    from .side_by_side import load_in_threads  # here, as most programs take no time

                    return loaded + load_in_threads(rest, load, workers)
    except BaseException:
        for program in loaded:
            program.close()
        raise
    return loaded


def load_program(name: str, attempt: Attempt, log_level: int = 0) -> tuple[int, str]:
    """(file descriptor, log). Without `log_level` there is a log only of a failure, at level 1.

    Raises VerifierError if the kernel wrote a log, KernelError if it refused without a word.
    """
    if not log_level:
        result = attempt(None, 0)
        if result >= 0:
            return result, ""
    result, log = _with_log(attempt, log_level or 1)
    if result >= 0:
        return result, log
    if log:
        raise VerifierError(name, -result, log)
    raise KernelError(f"loading program '{name}'", -result, _hint(-result))


def _with_log(attempt: Attempt, log_level: int) -> tuple[int, str]:
    """Grow the buffer until the whole log fits, as far as the kernel takes it."""
    size = _SMALLEST_LOG
    result, log = _attempt(attempt, log_level, size)
    while result == -errno.ENOSPC and size < _LARGEST_LOG:
        size = min(size * 4 + 3, _LARGEST_LOG)
        larger, text = _attempt(attempt, log_level, size)
        if larger == -errno.EINVAL and not text:
            break  # an older kernel, which takes no such buffer: the cut log has to do
        result, log = larger, text
    return result, log


def _attempt(attempt: Attempt, log_level: int, size: int) -> tuple[int, str]:
    buffer = bytearray(size)
    result = attempt(buffer, log_level)
    return result, bytes(buffer[: buffer.find(0)]).decode("utf-8", "replace")


def _hint(number: int) -> str:
    match number:
        case errno.EPERM | errno.EACCES:
            return "permission is missing, or this kernel refuses programs of this type"
        case errno.EINVAL:
            return "the program type, attach type or a flag is unknown to this kernel, or the target is wrong"
        case errno.E2BIG:
            return "the program is too large, or a field of the request is too new for this kernel"
    return ""
