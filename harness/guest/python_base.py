"""The Python that runs bpflab, as a list of files: what a guest without the host's files needs of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from .engine import GuestSetupError

GUEST_PACKAGES = ("cffi", "pyelftools", "pyroute2", "pytest", "pytest-benchmark")
"""Distributions that jobs import, with what they require. The rest of bpflab's are for the host."""

_SKIPPED_STDLIB = (
    # Half of the standard library's bytes, and nothing that a job would import.
    *("site-packages", "dist-packages", "__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo"),
    *("lib2to3", "ensurepip", "pydoc_data", "distutils"),
)
_SKIPPED_PACKAGE = ("__pycache__", "tests", "build", "dist")
_PACKAGE_SUFFIXES = (".py", ".so", ".json", ".toml")
_LIBRARY = re.compile(r"(?:=>\s+|^\s+)(/.+?) \(0x[0-9a-f]+\)$", re.MULTILINE)


def python_files() -> list[Path]:
    """The interpreter, the standard library, `GUEST_PACKAGES` and the shared libraries of all.

    Every path is as this Python names it, symbolic links included. Raises
    `GuestSetupError` if a distribution is not installed.
    """
    files = [Path(sys.executable), *_virtual_environment(), *_standard_library(), *_distributions()]
    programs = [files[0], *(path for path in files if _is_extension(path))]
    return sorted({*files, *shared_libraries(programs)})


def package_files() -> list[Path]:
    """bpflab itself, without its tests; and what makes Python find it, if it is installed editable."""
    package = Path(sys.modules[__name__.partition(".")[0]].__path__[0])
    links = Path(sysconfig.get_path("purelib")).glob("__editable__*bpflab*")
    return sorted([*_walk(package, _SKIPPED_PACKAGE, _PACKAGE_SUFFIXES), *links])


def shared_libraries(programs: Iterable[Path]) -> list[Path]:
    """The libraries that the loader will map for these programs, as ``ldd`` tells; none for static ones."""
    paths = list(programs)
    if not paths:
        return []
    # It ends with 1 if one of them is static, or no ELF file at all.
    shown = subprocess.run(
        ["ldd", *map(str, paths)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return sorted({Path(found) for found in _LIBRARY.findall(shown.stdout)})


def _virtual_environment() -> list[Path]:
    marker = Path(sys.prefix) / "pyvenv.cfg"
    return [marker] if marker.exists() else []


def _standard_library() -> Iterator[Path]:
    # The second is elsewhere on some systems (/usr/lib64). In a virtual environment it has to be asked
    # for with the base's prefix, or it is the environment's, where there are only packages.
    extensions = sysconfig.get_path("platstdlib", vars={"platbase": sys.base_exec_prefix})
    for place in sorted({sysconfig.get_path("stdlib"), extensions}):
        for path in _walk(Path(place), _SKIPPED_STDLIB, (".py", ".so")):
            if not path.name.startswith(("_test", "_tkinter", "xxlimited")):
                yield path


def _distributions() -> Iterator[Path]:
    waiting, seen = list(GUEST_PACKAGES), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        found = _distribution(name)
        needs = (Requirement(text) for text in found.requires or ())
        waiting += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
        yield from _files_of(found)


def _distribution(name: str) -> Distribution:
    try:
        return distribution(name)
    except ModuleNotFoundError as error:
        raise GuestSetupError(
            f"the Python package {name}, which guests need, is not installed. Install it with:\n"
            f"  {sys.executable} -m pip install {name}"
        ) from error


def _files_of(found: Distribution) -> Iterator[Path]:
    home = Path(str(found.locate_file("")))
    for file in found.files or ():
        path = Path(os.path.normpath(home / file))
        # Programs and manual pages lie outside; cached bytecode is made anew.
        if path.is_relative_to(home) and "__pycache__" not in path.parts and path.is_file():
            yield path


def _walk(top: Path, skipped: tuple[str, ...], suffixes: tuple[str, ...]) -> Iterator[Path]:
    for directory, below, names in os.walk(top):
        below[:] = [name for name in below if name not in skipped and not name.startswith((".", "config-"))]
        yield from (Path(directory) / name for name in names if name.endswith(suffixes))


def _is_extension(path: Path) -> bool:
    return path.name.endswith(".so") or ".so." in path.name
