"""What a probe finds out, and the running kernel's own words it reads from."""

from __future__ import annotations

import errno
from typing import NamedTuple

from ..errors import errno_name

_UNDECIDED = (errno.EPERM, errno.EACCES, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EINTR)
"""Refusals that say nothing of the feature."""


class Answer(NamedTuple):
    """Yes (True), no (False), or cannot tell (None); `reason` is what it was told by."""

    supported: bool | None
    reason: str

    def __bool__(self) -> bool:
        """Whether it is a yes."""
        return self.supported is True

    def __str__(self) -> str:
        word = {True: "yes", False: "no", None: "cannot tell"}[self.supported]
        return f"{word} ({self.reason})"


YES = Answer(True, "the kernel took it")


def refused(number: int, *, absent: tuple[int, ...] = (errno.EINVAL,)) -> Answer:
    """No if the refusal is one of those that mean the feature is not there; else nobody can tell."""
    reason = f"the kernel answered {errno_name(number)}"
    if number in absent and number not in _UNDECIDED:
        return Answer(False, reason)
    if number in _UNDECIDED:
        return Answer(None, f"{reason}, which says nothing of the feature")
    return Answer(None, f"{reason}, which is not what was expected")
