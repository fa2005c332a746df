"""Many places of one program or library by one link (uprobe.multi, kernel 6.6)."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING

from .. import syscall
from ..enums import AttachType
from ..errors import KernelError, NotSupportedError
from ..native import native
from .binary_file import file_of, open_binary
from .link import FdLink, Link
from .many import shown, u64s

if TYPE_CHECKING:
    from ..programs.program import Program

_RETURN = 1
_OPTIONS = Struct("=QQQQIIII")
"""Pointers to path, offsets, reference counters and cookies; count, flags, pid, padding."""
_MINIMUM: dict[int, str] = {
    AttachType.TRACE_UPROBE_MULTI: "kernel 6.6",
    AttachType.TRACE_UPROBE_SESSION: "kernel 6.13",
}
_HINTS = {
    errno.EINVAL: 'the program must be of SEC("uprobe.multi") or SEC("uprobe.session")',
    errno.ESRCH: "is there such a process?",
    errno.EBADF: "is it a regular file?",
    errno.EIO: "is there an instruction at each of these places of the file?",
}


def attach_uprobe_multi(
    program: Program,
    path: str | Path,
    pattern: str = "",
    *,
    symbols: Sequence[str] = (),
    offsets: Sequence[int] = (),
    ref_counters: Sequence[int] = (),
    cookies: Sequence[int] = (),
    returns: bool = False,
    pid: int | None = None,
) -> Link:
    """Run a program at many places of a binary, or when functions return: `pattern`, `symbols` or `offsets`.

    `pattern` holds ``*`` and ``?``; `offsets` are those in the file. `ref_counters` and `cookies`
    go with symbols or offsets, one for each; see links.uprobe for them, for `path` and `symbols`.
    `pid` is one process (0: the calling one), None for all. Programs of ``SEC("uprobe.session")``
    (6.13) run at both ends, and choose at the first by their return value (0: yes).
    Raises KernelError, NotSupportedError, ObjectError; ValueError for arguments that do not go together.
    """
    if sum(map(bool, (pattern, symbols, offsets))) != 1:
        raise ValueError("give one of pattern, symbols and offsets")
    if any(more and len(more) != len(symbols or offsets) for more in (ref_counters, cookies)):
        raise ValueError("give a reference counter and a cookie for each of the symbols or offsets, or none")
    session = program.attach_type == AttachType.TRACE_UPROBE_SESSION
    kind = "uprobe.session" if session else f"{'uretprobe' if returns else 'uprobe'}.multi"
    what = f"program '{program.name}' to {kind} '{pattern or shown(symbols or offsets)}' of '{path}'"
    file = file_of(path)
    if pattern or symbols or "!/" in os.fspath(path):
        file, offsets = _offsets(path, pattern, symbols, offsets, f"attaching {what}")
    fd = link_places(program, file, offsets, ref_counters, cookies, returns=returns, pid=pid)
    if fd < 0:
        raise refusal(program, -fd, what)
    return FdLink(what, fd)


def link_places(
    program: Program,
    file: str,
    offsets: Sequence[int],
    ref_counters: Sequence[int],
    cookies: Sequence[int],
    *,
    returns: bool = False,
    pid: int | None = None,
) -> int:
    """A link's descriptor, or -errno."""
    # The kernel reads these while it makes the link: they must live until then.
    name, places = os.fsencode(file) + b"\0", u64s(offsets)
    counters, marks = u64s(ref_counters), u64s(cookies)
    options = _OPTIONS.pack(
        native.address(name),
        native.address(places),
        native.address(counters),
        native.address(marks),
        len(offsets),
        _RETURN if returns else 0,
        0 if pid is None else pid or os.getpid(),
        0,
    )
    # Of a program that others have loaded, nobody says what for.
    attach_type = program.attach_type or AttachType.TRACE_UPROBE_MULTI
    return syscall.link_create(program.fd, 0, attach_type, options=options)


def refusal(program: Program, number: int, what: str) -> KernelError | NotSupportedError:
    """Why the kernel made no link."""
    hint = _HINTS.get(number, "")
    if number == errno.EINVAL and program.attach_type in _MINIMUM:
        if not knows_link(program):
            return NotSupportedError(f"attaching {what}", _MINIMUM[program.attach_type])
        hint = "is every offset, and every counter's, within the file?"
    return KernelError(f"attaching {what}", number, hint)


def knows_link(program: Program) -> bool:
    """Whether the kernel knows links of this kind: then a path that points nowhere is EFAULT to it."""
    options = _OPTIONS.pack(1, 1, 0, 0, 1, 0, 0, 0)
    return syscall.link_create(program.fd, 0, program.attach_type, options=options) == -errno.EFAULT


def _offsets(
    path: str | Path, pattern: str, symbols: Sequence[str], offsets: Sequence[int], action: str
) -> tuple[str, list[int]]:
    """The file, and where in it the functions begin."""
    with open_binary(path, action) as opened:
        binary = opened.binary
        if pattern:
            found = [function.offset for function in binary.matching(pattern)]
            if not found:
                raise KernelError(action, errno.ENOENT, "no function's name fits; 'nm -D' lists them")
        else:
            try:
                found = [binary.function(symbol).offset for symbol in symbols] or list(offsets)
            except LookupError as error:
                raise KernelError(action, errno.ENOENT, error.args[0]) from None
        return opened.path, [opened.start + offset for offset in found]
