"""A kernel's modules for a guest: which files, in which order, unpacked.

Guests load them with finit_module(2) alone: kmod may be missing in a guest, and
a kernel before 5.17 does not unpack modules itself.
"""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable, Iterable
from pathlib import Path

import zstandard

from .engine import GuestSetupError

_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    ".ko": lambda data: data,
    ".gz": gzip.decompress,
    ".xz": lzma.decompress,
    ".zst": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


def write_modules(modules: Path | None, wanted: Iterable[str], directory: Path) -> None:
    """Write the wanted modules and what they depend on into a directory.

    `modules` is a kernel's lib/modules/RELEASE. Names get a number in front, so
    that sorted they are in load order. Left out is what the kernel has built in or
    lacks. Raises `GuestSetupError` for a module that cannot be unpacked.
    """
    if modules is None:
        return
    for number, path in enumerate(load_order(_dependencies(modules), wanted)):
        name = Path(path).name.partition(".")[0]
        (directory / f"{number:02}-{name}.ko").write_bytes(_unpacked(modules / path))


def load_order(dependencies: dict[str, list[str]], wanted: Iterable[str]) -> list[str]:
    """The files of the wanted modules, each after those that it depends on."""
    by_name = {_name(path): path for path in dependencies}
    ordered: list[str] = []

    def add(path: str) -> None:
        for needed in dependencies.get(path, ()):
            add(needed)
        if path not in ordered:
            ordered.append(path)

    for name in wanted:
        if name in by_name:
            add(by_name[name])
    return ordered


def _dependencies(modules: Path) -> dict[str, list[str]]:
    """modules.dep: file → the files it needs."""
    try:
        lines = (modules / "modules.dep").read_text().splitlines()
    except OSError as error:
        raise GuestSetupError(
            f"the modules of the kernel in {modules} are not indexed ({error}): run depmod for it"
        ) from error
    split = (line.partition(":") for line in lines)
    return {path: needed.split() for path, _, needed in split}


def _name(path: str) -> str:
    """A module's name, which has underscores where its file's may have hyphens."""
    return Path(path).name.partition(".")[0].replace("-", "_")


def _unpacked(path: Path) -> bytes:
    try:
        return _UNPACK[path.suffix](path.read_bytes())
    except (KeyError, OSError, EOFError, lzma.LZMAError, zstandard.ZstdError) as error:
        raise GuestSetupError(f"the module {path} cannot be unpacked: {error!r}") from error
