"""BPF tokens: bpf(2) for processes of a user namespace, as far as somebody privileged delegated it (6.9).

Who may, mounts a bpffs for the namespace with ``delegate_cmds=``, ``delegate_maps=``, ``delegate_progs=``
and ``delegate_attachs=``. It is found by itself: where the kernel refuses to create a map, to load a
program or BTF, that is tried once more with a token.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from struct import pack, pack_into, unpack_from

from .native import native
from .syscall import Command

MOUNTS = Path("/proc/self/mountinfo")
_NAMESPACE = Path("/proc/self/ns/user")

_TOKEN_FD = 1 << 16
"""BPF_F_TOKEN_FD, the flag that says that a token comes with the request."""

_PLACES = {Command.MAP_CREATE: (16, 76), Command.PROG_LOAD: (44, 144), Command.BTF_LOAD: (32, 36)}
"""Where in the attribute of a command its flags and its token are."""


def with_token(command: Command, attr: bytearray) -> bytearray | None:
    """The same request with a token; None if this process has none, or the request had one already."""
    flags_at, token_at = _PLACES[command]
    token = _token(_NAMESPACE.stat().st_ino)
    if token is None:
        return None
    larger = attr.ljust(token_at + 4, b"\0")
    (flags,) = unpack_from("=I", larger, flags_at)
    if flags & _TOKEN_FD:
        return None
    pack_into("=I", larger, flags_at, flags | _TOKEN_FD)
    pack_into("=i", larger, token_at, token)
    return larger


def delegated_mounts(mounts: Path = MOUNTS) -> list[str]:
    """Where a bpffs is mounted that delegates anything."""
    found = []
    for line in mounts.read_text().splitlines():
        place, _, kind = line.partition(" - ")
        name, _, options = kind.split(" ", 2)
        if name == "bpf" and "delegate_" in options:
            found.append(place.split(" ")[4].encode().decode("unicode_escape"))
    return found


def create_token(bpffs: str) -> int:
    """BPF_TOKEN_CREATE: a token of a mounted bpffs, or -errno; only for the namespace it was made for."""
    try:
        directory = os.open(bpffs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        return -(error.errno or 1)
    try:
        return native.bpf(Command.TOKEN_CREATE, bytearray(pack("=Ii", 0, directory)))
    finally:
        os.close(directory)


@cache
def _token(namespace: int) -> int | None:
    """The token for a user namespace, kept as long as the process lives; None if there is none."""
    tokens = (create_token(bpffs) for bpffs in delegated_mounts())
    return next((token for token in tokens if token >= 0), None)
