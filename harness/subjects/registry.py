"""Which subjects there are, and how each is started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...kernels.progress import Progress, Silent
from .libbpf.build import binary


@dataclass(frozen=True)
class Command:
    """How to start a subject. `payload` are files that a guest must see besides Python's."""

    argv: tuple[str, ...]
    payload: tuple[Path, ...] = ()


REFERENCE = "reference"
"""Our own loader: the only one whose Python interface a check can use in its own process."""


class UnknownSubjectError(ValueError):
    """There is no subject of that name; the text names those that there are."""


def names() -> tuple[str, ...]:
    """All subjects, the reference first."""
    return tuple(_SUBJECTS)


def command(name: str, progress: Progress | None = None) -> Command:
    """How to start a subject; what it needs is built first, and `progress` told of it.

    Raises `UnknownSubjectError`, or what building raises (see libbpf/build.py).
    """
    if name not in _SUBJECTS:
        raise UnknownSubjectError(f"there is no subject {name!r}; there are: {', '.join(_SUBJECTS)}")
    return _SUBJECTS[name](progress or Silent())


def _reference(progress: Progress) -> Command:
    return Command((sys.executable, "-m", "bpflab.harness.subjects.reference"))


def _libbpf(progress: Progress) -> Command:
    program = binary(progress)
    return Command((str(program),), (program,))


_SUBJECTS: dict[str, Callable[[Progress], Command]] = {REFERENCE: _reference, "libbpf": _libbpf}
