"""Trampolines at many functions by one link (``SEC("fentry.multi")``, fexit, fsession; kernel 7.2)."""

from __future__ import annotations

import errno
from array import array
from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING

from .. import syscall
from ..btf.kernel import KernelBtf
from ..btf.records import Kind
from ..errors import KernelError, NotSupportedError, TargetError
from ..native import native
from .link import FdLink, Link
from .many import shown, u64s

if TYPE_CHECKING:
    from ..programs.program import Program

_OPTIONS = Struct("=QQI")
"""Pointers to the functions' types and to the cookies, count."""


def attach_tracing_multi(
    program: Program, pattern: str = "", *, functions: Sequence[str] = (), cookies: Sequence[int] = ()
) -> Link:
    """Run a program at many functions of the kernel, those that fit a `pattern` or those named.

    `pattern` holds ``*`` and ``?``; `cookies` go with `functions`, one for each, and are read by
    bpf_get_attach_cookie(). Raises KernelError, NotSupportedError, TargetError; ValueError for
    arguments that do not go together.
    """
    if bool(pattern) == bool(functions):
        raise ValueError("give one of pattern and functions")
    if cookies and len(cookies) != len(functions):
        raise ValueError("give a cookie for each of the functions")
    what = f"program '{program.name}' to '{pattern or shown(functions)}'"
    names = functions or _matching(pattern, f"attaching {what}")
    types = _types(names, what, leave_out=bool(pattern))
    marks = u64s(cookies)
    options = _OPTIONS.pack(native.address(memoryview(types)), native.address(marks), len(types))
    fd = syscall.link_create(program.fd, 0, program.attach_type, options=options)
    if fd == -errno.EINVAL and not _is_known(program):
        raise NotSupportedError(f"attaching {what}", "kernel 7.2")
    if fd < 0:
        raise KernelError(f"attaching {what}", -fd, "can all of them be traced?")
    return FdLink(what, fd)


def _matching(pattern: str, action: str) -> list[str]:
    from .kernel_functions import names_in
    from .tracefs import tracefs

    try:
        text = (tracefs(action) / "available_filter_functions").read_bytes()
    except OSError as error:
        raise KernelError(action, error.errno or 0, "needs CONFIG_DYNAMIC_FTRACE") from None
    return sorted(name.decode() for name in names_in(text, pattern))


def _types(names: Sequence[str], what: str, *, leave_out: bool) -> array[int]:
    """The functions' types in the kernel's BTF. Raises TargetError for one that has none, if none is left."""
    btf = KernelBtf.running().vmlinux
    found = array("I")
    for name in names:
        types = [type_id for type_id in btf.named(name) if btf.type(type_id).kind == Kind.FUNC]
        if types:
            found.append(types[0])
        elif not leave_out:
            raise TargetError(f"attaching {what}: the kernel's BTF has no function '{name}'")
    if not found:
        raise TargetError(f"attaching {what}: the kernel's BTF has no such function")
    return found


def _is_known(program: Program) -> bool:
    """Whether this kernel has such links: with options that point nowhere it says EFAULT then."""
    fd = syscall.link_create(program.fd, 0, program.attach_type, options=_OPTIONS.pack(1, 0, 1))
    return fd == -errno.EFAULT
