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
    """How to start a subject. `payload` are files that a guest must see besides Python's.

    `program` starts what a user of the loader might write: it loads the object that its last
    argument names, prints the line "loaded", waits for the end of its input, and ends.
    """

    argv: tuple[str, ...]
    payload: tuple[Path, ...] = ()
    program: tuple[str, ...] = ()


REFERENCE = "reference"
"""Our own loader: the only one whose Python interface a check can use in its own process."""


class UnknownSubjectError(ValueError):
    """There is no subject of that name; the text names those that there are."""


_REFERENCE_PROGRAM = """\
import sys
from bpflab.loader import ObjectSpec

with ObjectSpec.from_file(sys.argv[1]).load():
    print("loaded", flush=True)
    sys.stdin.read()
"""


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
    argv = (sys.executable, "-m", "bpflab.harness.subjects.reference")
    return Command(argv, program=(sys.executable, "-c", _REFERENCE_PROGRAM))


def _libbpf(progress: Progress) -> Command:
    program = binary(progress)
    return Command((str(program),), (program,), (str(program), "load"))


_SUBJECTS: dict[str, Callable[[Progress], Command]] = {REFERENCE: _reference, "libbpf": _libbpf}
