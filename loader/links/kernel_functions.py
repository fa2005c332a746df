"""The kernel's functions by a pattern of their names: those that a program can be attached to at once."""

from __future__ import annotations

import errno

from ..errors import KernelError
from ..externs.kallsyms import read_kallsyms
from ..pattern import as_expression
from .tracefs import tracefs


def matching_functions(pattern: str, action: str) -> list[int]:
    """Addresses of the functions that ftrace can hook and whose names fit, in order, each once.

    Raises KernelError, with `action` as what was tried, if there is none.
    """
    root = tracefs(action)
    try:
        with_addresses = root / "available_filter_functions_addrs"
        if with_addresses.exists():  # kernel 6.5
            found = addresses_in(with_addresses.read_bytes(), pattern)
        else:
            names = names_in((root / "available_filter_functions").read_bytes(), pattern)
            found = addresses_of(names, read_kallsyms(), pattern)
    except OSError as error:
        raise KernelError(action, error.errno or 0, "needs CONFIG_DYNAMIC_FTRACE") from None
    if not found:
        hint = f"see {root / 'available_filter_functions'} for the functions that there are"
        raise KernelError(action, errno.ENOENT, hint)
    return found


def addresses_in(text: bytes, pattern: str) -> list[int]:
    """Addresses from lines of address, name and perhaps module."""
    found = _lines(rb"^([0-9a-f]+) (?!__ftrace_invalid_address__)", pattern, rb"(?:[ \t]\[.*)?$", text)
    return sorted({int(address, 16) for address in found})


def names_in(text: bytes, pattern: str) -> set[bytes]:
    """Names from lines of name and perhaps module."""
    # So are functions called that the linker has left out but ftrace has a record of (5.18).
    return set(_lines(rb"^(?!__ftrace_invalid_address__)(", pattern, rb")(?:[ \t]\[.*)?$", text))


def addresses_of(names: set[bytes], symbols: bytes, pattern: str) -> list[int]:
    """Addresses of the functions among `names`, from the lines of /proc/kallsyms."""
    lines = _lines(rb"^([0-9a-f]+ [tTwW] ", pattern, rb")(?:[ \t]\[.*)?$", symbols)
    pairs = (line.split(b" ")[::2] for line in lines)
    return sorted({int(address, 16) for address, name in pairs if name in names})


def _lines(before: bytes, pattern: str, behind: bytes, text: bytes) -> list[bytes]:
    import re

    # A name has no white space in it, so neither has what stands for a part of one.
    name = r"(?=\S)" + as_expression(pattern).replace(".*", r"\S*")
    return re.findall(before + name.encode() + behind, text, re.MULTILINE)
