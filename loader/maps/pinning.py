"""Maps that are shared by name: ``__uint(pinning, LIBBPF_PIN_BY_NAME)`` in their definition."""

from __future__ import annotations

import errno
from pathlib import Path

from ..enums import MapFlags, MapType
from ..errors import KernelError
from ..lean import TYPE_CHECKING
from ..map_create import NewMap
from .map import Map

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..btf import Btf
    from ..spec import MapSpec

PIN_BY_NAME = 1

_COMPARED = ("type", "key_size", "value_size", "max_entries", "flags", "map_extra")


def open_or_pin(spec: MapSpec, root: str | Path, btf: Btf | None, create: Callable[[], Map]) -> Map:
    """The map that is pinned in `root` under its name; if there is none, a new one, pinned.

    Raises KernelError: EINVAL if the pinned map is of another kind.
    """
    # bpffs takes no '.' in names.
    path = Path(root) / spec.name.replace(".", "_")
    made = create()
    try:
        pinned = _open(path)
        if pinned is None:
            try:
                made.pin(path)
                return made
            except KernelError as error:
                # Another process was faster: its map is the one to share.
                pinned = _open(path) if error.errno == errno.EEXIST else None
                if pinned is None:
                    raise
        try:
            _compare(made, pinned, path)
            shared = NewMap(pinned.fd, spec, made.max_entries, made.flags).live(btf)
            shared.frozen = pinned.frozen
        except BaseException:
            pinned.close()
            raise
        made.close()
        return shared
    except BaseException:
        made.close()
        raise


def _open(path: Path) -> Map | None:
    try:
        return Map.from_pin(path)
    except KernelError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def _compare(made: Map, pinned: Map, path: Path) -> None:
    """Both as the kernel sees them: it adds flags of its own for some types."""
    ours, theirs = made.info(), pinned.info()
    differences = [
        f"{name} is {_words(getattr(theirs, name))}, not {_words(getattr(ours, name))}"
        for name in _COMPARED
        if getattr(theirs, name) != getattr(ours, name)
    ]
    if differences:
        action = f"map '{made.name}': sharing the one pinned at '{path}'"
        raise KernelError(action, errno.EINVAL, f"its {', its '.join(differences)}")


def _words(value: int) -> str:
    """Types and flags by their names, sizes as numbers."""
    if isinstance(value, MapFlags):
        return value.name or f"{int(value):#x}"
    return value.name if isinstance(value, MapType) else str(value)
