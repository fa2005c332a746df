"""Programs of a network namespace: sk_lookup (5.9) and the flow dissector (4.20)."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .. import syscall
from ..enums import AttachType
from ..errors import KernelError, NotSupportedError
from .hook import ALONE, HookAttachment
from .link import FdLink, Link
from .query import Attached, query_hook

if TYPE_CHECKING:
    from ..programs.program import Program

CURRENT = "/proc/self/ns/net"
"""The namespace of this process."""


def attach_netns(program: Program, path: str | Path = CURRENT) -> Link:
    """Attach to the namespace that a file stands for (``/proc/PID/ns/net``, ``/run/netns/NAME``).

    By bpf_link (5.8), else, flow dissectors to the current one only, by BPF_PROG_ATTACH.
    Raises KernelError, NotSupportedError.
    """
    what = f"program '{program.name}' to network namespace '{path}'"
    namespace = _open(path, f"attaching {what}")
    try:
        fd = syscall.link_create(program.fd, namespace, program.attach_type)
        if fd == -errno.EINVAL and program.attach_type == AttachType.FLOW_DISSECTOR:
            return _attach_flow_dissector(program, namespace, what)
    finally:
        os.close(namespace)
    if fd < 0:
        hint = "a flow dissector is attached already" if fd in (-errno.EEXIST, -errno.E2BIG) else ""
        raise KernelError(f"attaching {what}", -fd, hint)
    return FdLink(what, fd)


def query_netns(attach_type: AttachType, path: str | Path = CURRENT) -> Attached:
    """What of one kind is attached to a namespace. Raises KernelError, NotSupportedError."""
    what = f"network namespace '{path}'"
    namespace = _open(path, f"asking what is attached to {what}")
    try:
        return query_hook(namespace, attach_type, what)
    finally:
        os.close(namespace)


def _attach_flow_dissector(program: Program, namespace: int, what: str) -> Link:
    """The only way before 5.8: to the namespace of this process, to which it stays attached."""
    if not os.path.samestat(os.fstat(namespace), Path(CURRENT).stat()):
        raise NotSupportedError(f"attaching {what}, which is not this process's", "kernel 5.8")
    error = syscall.prog_attach(0, program.fd, AttachType.FLOW_DISSECTOR)
    if error:
        hint = "a flow dissector is attached already" if error == -errno.EEXIST else ""
        raise KernelError(f"attaching {what}", -error, hint)
    return HookAttachment(program, 0, AttachType.FLOW_DISSECTOR, what, ALONE)


def _open(path: str | Path, action: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise KernelError(action, error.errno or 0, "see 'ip netns' and /proc/PID/ns/net") from None
