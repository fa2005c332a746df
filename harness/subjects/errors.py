"""What can go wrong with a subject: it says so itself, or it gives no usable answer."""

from __future__ import annotations

import errno as errno_codes
from enum import StrEnum


class ErrorClass(StrEnum):
    """The closed set of PROTOCOL.md."""

    USAGE = "usage"
    OBJECT = "object"
    RELOCATION = "relocation"
    VERIFIER = "verifier"
    KERNEL = "kernel"
    UNSUPPORTED = "unsupported"


class SubjectError(Exception):
    """The subject's own typed error: it lives, and what was asked for did not happen.

    `errno` is a positive number or 0, `log` the whole verifier log or ''.
    """

    def __init__(self, cls: ErrorClass, errno: int, message: str, log: str = "") -> None:
        super().__init__(cls, errno, message, log)
        self.cls = cls
        self.errno = errno
        self.message = message
        self.log = log

    def __str__(self) -> str:
        code = errno_codes.errorcode.get(self.errno)
        return f"{self.cls} error: {self.message}" + (f" ({code})" if code else "")


class SubjectLost(Exception):
    """A subject gave no usable answer and was ended. `stderr` is the end of what it said there."""

    def __init__(self, message: str, stderr: str = "") -> None:
        super().__init__(message, stderr)
        self.stderr = stderr

    def __str__(self) -> str:
        said = f"; its last words:\n{self.stderr}" if self.stderr else ""
        return f"{self.args[0]}{said}"


class SubjectTimeout(SubjectLost):
    """No answer within the request's limit."""


class SubjectDied(SubjectLost):
    """The process ended, or could not be started. `status` is its exit status, negative for a signal."""

    def __init__(self, message: str, stderr: str = "", status: int | None = None) -> None:
        super().__init__(message, stderr)
        self.status = status


class SubjectProtocolError(SubjectLost):
    """What came is not an answer of this protocol."""
