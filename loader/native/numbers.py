"""Elements that are integers, in the fewest arguments: both twins take them like this."""

from __future__ import annotations

NO_INT = 0x1B0F1AB
"""What a look-up of an integer gives if there is none. By chance an element can have it."""


def int_table(fd: int, key_bits: int, value_bits: int) -> int:
    """A map's descriptor, and how many bits its keys and values have: 7, 8, 15, 16 … 64.

    One less than the whole size for signed ones: then those that are negative do not fit.
    """
    return fd | key_bits << 32 | value_bits << 40
