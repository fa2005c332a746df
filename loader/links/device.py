"""Network devices by name or index."""

from __future__ import annotations

import socket

from ..errors import KernelError


def interface_index(device: str | int) -> int:
    """The index of a device of the current network namespace. Raises KernelError."""
    if isinstance(device, int):
        return device
    try:
        return socket.if_nametoindex(device)
    except OSError as error:
        number = error.errno or 19  # ENODEV
        raise KernelError(f"looking for network device '{device}'", number, "see 'ip link'") from None
