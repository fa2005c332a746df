"""The narrow native module: `native` is the compiled one if it was built, else its pure twin.

``BPFLAB_NATIVE=0`` forces the twin.
"""

from __future__ import annotations

import os

from ..lean import TYPE_CHECKING

if TYPE_CHECKING:
    from .interface import Native

__all__ = ["native"]


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
