"""Many kernel functions by one link (kprobe.multi, kernel 5.18), through ftrace: much faster than kprobes."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING

from .. import syscall
from ..enums import AttachType
from ..errors import KernelError, NotSupportedError
from ..native import native
from ..pattern import is_pattern
from .link import FdLink, Link
from .many import shown, u64s

if TYPE_CHECKING:
    from ..programs.program import Program

_RETURN = 1
_OPTIONS = Struct("=IIQQQ")
"""Flags, count, and pointers to the symbols or addresses, and cookies."""
_MINIMUM: dict[int, str] = {
    AttachType.TRACE_KPROBE_MULTI: "kernel 5.18",
    AttachType.TRACE_KPROBE_SESSION: "kernel 6.10",
}
_HINTS = {
    errno.EINVAL: 'the program must be of SEC("kprobe.multi") or SEC("kprobe.session")',
    errno.ESRCH: "one of the functions is missing, or there are several of its name: give addresses then",
    errno.ENOENT: "one of the addresses is not where a function that ftrace can hook begins",
    errno.EOPNOTSUPP: "needs CONFIG_FPROBE",
}


def attach_kprobe_multi(
    program: Program,
    pattern: str = "",
    *,
    functions: Sequence[str] = (),
    addresses: Sequence[int] = (),
    cookies: Sequence[int] = (),
    returns: bool = False,
) -> Link:
    """Run a program at the entry, or the return, of many functions: one of the first three says which.

    `pattern` holds ``*`` and ``?``; `cookies` go with `functions` or `addresses`, one for each, and
    are read by bpf_get_attach_cookie(). Programs of ``SEC("kprobe.session")`` (6.10) run at both
    ends, and choose at the first by their return value (0: yes). Raises KernelError,
    NotSupportedError; ValueError for arguments that do not go together.
    """
    if sum(map(bool, (pattern, functions, addresses))) != 1:
        raise ValueError("give one of pattern, functions and addresses")
    if cookies and len(cookies) != len(functions or addresses):
        raise ValueError("give a cookie for each of the functions or addresses")
    session = program.attach_type == AttachType.TRACE_KPROBE_SESSION
    kind = "kprobe.session" if session else f"{'kretprobe' if returns else 'kprobe'}.multi"
    what = f"program '{program.name}' to {kind} '{pattern or shown(functions or addresses)}'"
    if pattern and is_pattern(pattern):
        from .kernel_functions import matching_functions

        addresses = matching_functions(pattern, f"attaching {what}")
    elif pattern:
        functions = [pattern]
    # The kernel reads these while it makes the link: they must live until then.
    names = [name.encode() + b"\0" for name in functions]
    symbols = u64s(map(native.address, names))
    places, marks = u64s(addresses), u64s(cookies)
    options = _OPTIONS.pack(
        _RETURN if returns else 0,
        len(functions or addresses),
        native.address(symbols),
        native.address(places),
        native.address(marks),
    )
    # Of a program that others have loaded, nobody says what for.
    attach_type = program.attach_type or AttachType.TRACE_KPROBE_MULTI
    fd = syscall.link_create(program.fd, 0, attach_type, options=options)
    if fd < 0:
        raise _refusal(program, -fd, what)
    return FdLink(what, fd)


def _refusal(program: Program, number: int, what: str) -> KernelError | NotSupportedError:
    hint = _HINTS.get(number, "")
    if number == errno.EINVAL and program.attach_type in _MINIMUM:
        # With options that point nowhere, a kernel that knows such links says EFAULT.
        fd = syscall.link_create(program.fd, 0, program.attach_type, options=_OPTIONS.pack(0, 1, 0, 1, 0))
        if fd != -errno.EFAULT:
            return NotSupportedError(f"attaching {what}", _MINIMUM[program.attach_type])
        hint = "can all of them be hooked by ftrace?"
    return KernelError(f"attaching {what}", number, hint)
