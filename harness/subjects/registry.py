"""Which subjects there are, and how each is started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .libbpf.build import binary


@dataclass(frozen=True)
class Command:
    """How to start a subject. `payload` are files that a guest must see besides Python's."""

    argv: tuple[str, ...]
    payload: tuple[Path, ...] = ()


class UnknownSubjectError(ValueError):
    """There is no subject of that name; the text names those that there are."""


def names() -> tuple[str, ...]:
    """All subjects, the reference first."""
    return tuple(_SUBJECTS)


def command(name: str) -> Command:
    """How to start a subject; what it needs is built first.

    Raises `UnknownSubjectError`, or what building raises (see libbpf/build.py).
    """
    if name not in _SUBJECTS:
        raise UnknownSubjectError(f"there is no subject {name!r}; there are: {', '.join(_SUBJECTS)}")
    return _SUBJECTS[name]()


def _reference() -> Command:
    return Command((sys.executable, "-m", "bpflab.harness.subjects.reference"))


def _libbpf() -> Command:
    program = binary()
    return Command((str(program),), (program,))


_SUBJECTS: dict[str, Callable[[], Command]] = {"reference": _reference, "libbpf": _libbpf}
