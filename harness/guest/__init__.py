"""Guests: one job each, under a kernel of one's choice. The contract is in `engine`.

The agent inside a guest is part of this package, so nothing is imported here before
it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .engine import Engine

ENGINES = ("virtme-ng", "snapshot", "host", "icount")


def make_engine(name: str) -> Engine:
    """The engine of that name. Raises `GuestSetupError` for a name that is not in `ENGINES`."""
    from .engine import GuestSetupError

    makers: dict[str, Callable[[], Engine]] = {
        "virtme-ng": _virtme,
        "snapshot": _snapshot,
        "host": _host,
        "icount": _icount,
    }
    if name not in makers:
        raise GuestSetupError(f"there is no guest engine '{name}': choose one of {', '.join(ENGINES)}")
    return makers[name]()


def _virtme() -> Engine:
    from .virtme import VirtmeEngine

    return VirtmeEngine()


def _snapshot() -> Engine:
    from .snapshot import SnapshotEngine

    return SnapshotEngine()


def _icount() -> Engine:
    from .icount import IcountEngine

    return IcountEngine()


def _host() -> Engine:
    from .host import HostEngine

    return HostEngine()
