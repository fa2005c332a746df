"""A kernel's modules for a guest: which files, in which order, unpacked.

Guests load them with finit_module(2) alone: kmod may be missing in a guest, and
a kernel before 5.17 does not unpack modules itself.
"""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable, Iterable, Iterator
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
    """File → the files it needs: by its symbols (modules.dep), and by its own word (modules.softdep)."""
    try:
        lines = (modules / "modules.dep").read_text().splitlines()
    except OSError as error:
        raise GuestSetupError(
            f"the modules of the kernel in {modules} are not indexed ({error}): run depmod for it"
        ) from error
    split = (line.partition(":") for line in lines)
    needed = {path: files.split() for path, _, files in split}
    by_name = {_name(path): path for path in needed}
    aliases = _aliases(modules)
    for name, wishes in _wishes(modules):
        found = [by_name[each] for wish in wishes for each in aliases.get(wish, [wish]) if each in by_name]
        if name in by_name:
            needed[by_name[name]] += found
    return needed


def _wishes(modules: Path) -> Iterator[tuple[str, list[str]]]:
    """Module → what should be loaded before it, such as libcrc32c → crc32c, without which it refuses."""
    for line in _lines(modules / "modules.softdep"):
        keyword, name, *words = line.split()
        if keyword == "softdep" and "pre:" in words:
            after = words[words.index("pre:") + 1 :]
            yield name, after[: after.index("post:")] if "post:" in after else after


def _aliases(modules: Path) -> dict[str, list[str]]:
    """Alias → the modules that answer to it. Patterns, which are for devices, are of no use here."""
    aliases: dict[str, list[str]] = {}
    for line in _lines(modules / "modules.alias"):
        keyword, _, rest = line.partition(" ")
        alias, _, name = rest.rpartition(" ")
        if keyword == "alias" and "*" not in alias:
            aliases.setdefault(alias, []).append(name)
    return aliases


def _lines(path: Path) -> list[str]:
    """The lines of a file that depmod may not have written, without comments."""
    if not path.exists():
        return []
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def _name(path: str) -> str:
    """A module's name, which has underscores where its file's may have hyphens."""
    return Path(path).name.partition(".")[0].replace("-", "_")


def _unpacked(path: Path) -> bytes:
    try:
        return _UNPACK[path.suffix](path.read_bytes())
    except (KeyError, OSError, EOFError, lzma.LZMAError, zstandard.ZstdError) as error:
        raise GuestSetupError(f"the module {path} cannot be unpacked: {error!r}") from error
