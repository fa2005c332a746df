"""The narrow native module: `native` is the compiled one if it was built, else its pure twin.

``BPFLAB_NATIVE=0`` forces the twin.
"""

from __future__ import annotations

import os

from ..lean import TYPE_CHECKING

if TYPE_CHECKING:
    from .interface import Native

__all__ = ["NO_INT", "int_table", "native"]

NO_INT = 0x1B0F1AB
"""What a look-up of an integer gives if there is none. By chance an element can have it."""


def int_table(fd: int, key_bits: int, value_bits: int) -> int:
    """What stands for a map in the functions for integers, to have few arguments.

    Its descriptor, and how many bits its keys and values have: 7, 8, 15, 16 … 64.
    One less than the whole size for signed ones: then those that are negative do not fit.
    """
    return fd | key_bits << 32 | value_bits << 40


def _choose() -> Native:
    if os.environ.get("BPFLAB_NATIVE") != "0":
        try:
            from . import compiled
        except ImportError:
            pass
        except AttributeError as error:
            words = "the native module was built from other sources: install bpflab again"
            raise ImportError(f"{words}, or set BPFLAB_NATIVE=0 ({error})") from None
        else:
            return compiled
    from . import pure

    return pure


native: Native = _choose()
