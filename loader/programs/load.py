"""BPF_PROG_LOAD with the verifier's log: none at first, all of it when the kernel refuses."""

from __future__ import annotations

import errno

from ..errors import KernelError, VerifierError
from ..lean import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Attempt = Callable[[bytearray | None, int], int]
    """One BPF_PROG_LOAD with a log buffer and a log level; a file descriptor or -errno."""

_SMALLEST_LOG = (1 << 24) - 1
"""16 MiB - 1, the most that every kernel takes; the kernel touches only what it writes."""
_LARGEST_LOG = (1 << 30) - 1


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
