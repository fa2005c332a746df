"""A process in a user namespace of its own, to which the right to use bpf(2) is delegated."""

from __future__ import annotations

import ctypes
import os
import platform
import socket
from collections.abc import Callable
from pathlib import Path

from ...loader.errors import NotSupportedError
from .child import Child

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_UNSHARE = {"x86_64": 272, "aarch64": 97}
_FSOPEN, _FSCONFIG, _FSMOUNT, _MOVE_MOUNT = 430, 431, 432, 429
"""Numbers of system calls; the newer ones are the same everywhere."""
_SET_STRING, _CREATE = 1, 6
_MOVE_FROM_DESCRIPTOR = 4
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000


def delegate(child: Child, ours: socket.socket, **what: str) -> None:
    """Make the bpffs that a child of `in_namespace` asks for; `what` are its options (``delegate_cmds``).

    Raises NotSupportedError.
    """
    _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    context = descriptors[0]
    for process_file, text in (("setgroups", "deny"), ("uid_map", "0 0 1"), ("gid_map", "0 0 1")):
        (Path(f"/proc/{child.pid}") / process_file).write_text(text)
    try:
        for option, value in what.items():
            _system_call(_FSCONFIG, context, _SET_STRING, option.encode(), value.encode(), 0)
        _system_call(_FSCONFIG, context, _CREATE, None, None, 0)
    except OSError as error:
        raise NotSupportedError(f"a bpffs with {', '.join(what)} ({error})", "kernel 6.9") from None
    finally:
        os.close(context)
    ours.send(b"!")


def in_namespace(theirs: socket.socket, place: Path, action: Callable[[], str]) -> str:
    """What a child does: a namespace, a bpffs in it by `delegate`'s leave at `place`, the action."""
    _system_call(_UNSHARE[platform.machine()], _CLONE_NEWUSER | _CLONE_NEWNS)
    context = _system_call(_FSOPEN, b"bpf", 0)
    socket.send_fds(theirs, [b"!"], [context])
    theirs.recv(1)
    _mount_private()
    mount = _system_call(_FSMOUNT, context, 0, 0)
    _system_call(_MOVE_MOUNT, mount, b"", -100, os.fsencode(place), _MOVE_FROM_DESCRIPTOR)
    return action()


def _mount_private() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "mount --make-rprivate /")


def _system_call(number: int, *arguments: int | bytes | None) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    numbers = [ctypes.c_long(each) if isinstance(each, int) else ctypes.c_char_p(each) for each in arguments]
    result: int = libc.syscall(ctypes.c_long(number), *numbers)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}: {os.strerror(ctypes.get_errno())}")
    return result
