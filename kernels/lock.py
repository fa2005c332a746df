"""The lock: which builds stand for the selectors of the default matrix."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .catalogue import FLAVOURS, Catalogue, matching, newest
from .errors import KernelsError, SelectorError
from .progress import Progress
from .release import Release

LOCK = Path(__file__).with_name("kernels.lock.json")
PINNED = ("5.10", "6.1", "6.12", "6.18", "7.2")
"""The selectors of the default matrix."""

# Suites that drop a build as soon as there is a newer one; the others keep it for months.
_SHORT_LIVED = ("forky", "sid", "experimental")


def pin_of(selector: str, flavour: str, lock: Path = LOCK) -> Release | None:
    """The build that is pinned for a selector, or None; raises `KernelsError` for a damaged lock."""
    pins = _read(lock).get(flavour, {})
    try:
        return Release.from_data(pins[selector]) if selector in pins else None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise KernelsError(f"{lock} is damaged at {flavour} {selector}: {error!r}") from error


def refresh_lock(progress: Progress, lock: Path = LOCK) -> list[str]:
    """Pin the newest build of every series in `PINNED`; returns one line per pin that changed.

    A build in a suite that keeps superseded builds is preferred, so that the pin
    lasts. Raises `ArchiveError` without a mirror, `KernelsError` if the lock cannot be written.
    """
    catalogue = Catalogue.of_mirror(progress, max_age_s=0)
    before = _read(lock)
    after = {
        flavour: {selector: _lasting(selector, catalogue.flavour(flavour)).as_data() for selector in PINNED}
        for flavour in FLAVOURS
    }
    try:
        lock.write_text(json.dumps(after, indent=1) + "\n")
    except OSError as error:
        raise KernelsError(f"the lock cannot be written: {error}") from error
    return [
        f"{flavour} {selector}: {_name(before, flavour, selector)} → {_name(after, flavour, selector)}"
        for flavour in FLAVOURS
        for selector in PINNED
        if before.get(flavour, {}).get(selector) != after[flavour][selector]
    ]


def _lasting(selector: str, releases: Sequence[Release]) -> Release:
    chosen = matching(selector, releases)
    if not chosen:
        raise SelectorError(f"the mirror carries no kernel {selector}: the lock stays as it is")
    return newest([release for release in chosen if release.suite not in _SHORT_LIVED] or chosen)


def _read(lock: Path) -> dict[str, Any]:
    try:
        data = json.loads(lock.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise KernelsError(f"{lock} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise KernelsError(f"{lock} is damaged: an object per flavour is expected")
    return data


def _name(pins: dict[str, Any], flavour: str, selector: str) -> str:
    pin = pins.get(flavour, {}).get(selector)
    return "none" if pin is None else str(pin["packages"][0]["version"])
