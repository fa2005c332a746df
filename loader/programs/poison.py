"""Explaining a verifier log that ends at a relocation for something that the kernel does not have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..core.explain import explain
from ..errors import BtfError
from .source_line import line_of_use

if TYPE_CHECKING:
    from ..btf import Btf
    from ..btf.kernel import KernelBtf
    from ..core import CoreResult
    from ..linker import LinkedProgram

_POISONED = re.compile(r"^(\d+): .*call unknown#195896080", re.MULTILINE)
"""How the verifier shows the call of no function that a failed relocation leaves (0xbad2310)."""


def explain_poison(
    log: str, linked: LinkedProgram, btf: Btf, results: Iterable[CoreResult], targets: KernelBtf
) -> str:
    """The log, with what the poisoned instruction was meant to be in the user's words at its end.

    These are the field, type or enumerator, what the kernel has instead, and the source line.
    """
    found = _POISONED.findall(log)
    if not found:
        return log
    reached = int(found[-1])
    lines = [log.rstrip("\n")]
    for result in results:
        if result.poisoned and result.insn in (reached, reached - 1):
            lines.append(
                f"instruction {result.insn} is an unresolved CO-RE relocation ({result.kind.name.lower()}) "
                f"of {result.access}: {_reason(linked, btf, result, targets)}"
            )
            line = line_of_use(linked, btf, result.insn)
            if line:
                lines.append(f"in {line}: {line.text}")
    return "\n".join(lines) + "\n"


def _reason(linked: LinkedProgram, btf: Btf, result: CoreResult, targets: KernelBtf) -> str:
    if result.target:
        return result.reason
    relocation = next(one for index, one in linked.core if index == result.insn)
    try:
        return explain(btf, relocation, targets)
    except BtfError:
        return result.reason
