"""Explaining a verifier log that ends at a relocation for something that the kernel does not have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .core.relocate import CoreResult

_POISONED = re.compile(r"^(\d+): .*call unknown#195896080", re.MULTILINE)
"""How the verifier shows the call of no function that a failed relocation leaves (0xbad2310)."""


def explain_poison(log: str, results: Iterable[CoreResult]) -> str:
    """The log, with what the poisoned instruction was meant to be in the user's words at its end."""
    found = _POISONED.findall(log)
    if not found:
        return log
    reached = int(found[-1])
    lines = [
        f"instruction {result.insn} is an unresolved CO-RE relocation ({result.kind.name.lower()}) "
        f"of {result.access}: {result.reason}"
        for result in results
        if result.poisoned and result.insn in (reached, reached - 1)
    ]
    return "\n".join([log.rstrip("\n"), *lines]) + "\n"
