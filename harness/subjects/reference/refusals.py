"""What the loader raises, as the error classes of PROTOCOL.md."""

from __future__ import annotations

from typing import Any

from ....loader.errors import (
    BpflabError,
    BtfError,
    KernelError,
    MissingFeatureError,
    NotSupportedError,
    ObjectError,
    RelocationError,
    UnresolvedError,
    VerifierError,
)
from .requests import UsageError

REFUSALS = (UsageError, BpflabError)
"""Everything that is answered; anything else is a bug, and ends the subject with a traceback."""

_CLASSES: tuple[tuple[type[Exception], str], ...] = (
    (VerifierError, "verifier"),
    (KernelError, "kernel"),
    (RelocationError, "relocation"),
    (UnresolvedError, "relocation"),
    (ObjectError, "object"),
    (BtfError, "object"),
    (MissingFeatureError, "unsupported"),
    (NotSupportedError, "unsupported"),
)


def describe(error: Exception) -> dict[str, Any]:
    """The `error` of an answer; what is in no list is the caller's fault: `usage`."""
    cls = next((name for kind, name in _CLASSES if isinstance(error, kind)), "usage")
    return {
        "class": cls,
        "errno": error.errno if isinstance(error, KernelError) else 0,
        "message": str(error),
        "log": error.log if isinstance(error, VerifierError) else "",
    }
