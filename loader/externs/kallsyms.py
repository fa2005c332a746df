"""Addresses of the running kernel's symbols, by ``/proc/kallsyms``."""

from __future__ import annotations

from pathlib import Path

from ..errors import KernelError
from ..lean import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

KALLSYMS = Path("/proc/kallsyms")

_HEX_DIGITS = b"0123456789abcdef"
_BEFORE_NAME = len("\n0123456789abcdef T")
"""The most that a line has before its name, and what ends the line before it."""


def read_kallsyms() -> bytes:
    """All symbols: lines of address, type, name and perhaps module. Raises KernelError."""
    try:
        return KALLSYMS.read_bytes()
    except OSError as error:
        raise KernelError(f"reading {KALLSYMS}", error.errno or 0) from None


def find_addresses(symbols: bytes, names: Iterable[str]) -> dict[str, list[int]]:
    """Name → its addresses, each once, in the order of the lines; names that no line has are left out.

    A local variable that LLVM's link-time optimization renamed counts as itself: its
    name ends in ``.llvm.HASH`` (type 'd').
    """
    found: dict[str, list[int]] = {}
    for name in names:
        for address in _addresses(symbols, b" " + name.encode()):
            known = found.setdefault(name, [])
            if address not in known:
                known.append(address)
    return found


def _addresses(symbols: bytes, needle: bytes) -> Iterable[int]:
    at = symbols.find(needle)
    while at >= 0:
        rest = symbols[at + len(needle) : at + len(needle) + 6]
        # The name is the third word: an address and a type of one letter stand before it.
        start = symbols.rfind(b"\n", max(0, at - _BEFORE_NAME), at) + 1
        words = symbols[start:at].split(b" ") if at - start < _BEFORE_NAME else []
        ends = rest[:1] in (b"", b"\n", b"\t", b" ") or (words[1:] == [b"d"] and rest == b".llvm.")
        if ends and len(words) == 2 and len(words[1]) == 1 and _is_hex(words[0]):
            yield int(words[0], 16)
        at = symbols.find(needle, at + 1)


def _is_hex(word: bytes) -> bool:
    return word.isalnum() and not word.strip(_HEX_DIGITS)
