"""Uprobes: any instruction of a program or library, or the return of a function of it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .. import perf_event
from ..errors import KernelError
from ..native import native
from .binary_file import BinaryFile, file_of, open_binary
from .link import Link
from .perf_link import Mode, attach_event
from .tracefs import open_made_event

if TYPE_CHECKING:
    from ..programs.program import Program

_PMU = Path("/sys/bus/event_source/devices/uprobe")
_HINT = "is there an instruction at this place of the file? probes there have the same reference counter"


def attach_uprobe(
    program: Program,
    path: str | Path,
    symbol: str = "",
    *,
    offset: int = 0,
    returns: bool = False,
    pid: int | None = None,
    ref_counter: int = 0,
    cookie: int = 0,
    mode: Mode = "default",
) -> Link:
    """Run a program where `symbol` + `offset` of a binary is executed, or when that function returns.

    Without a symbol `offset` is one in the file. A `symbol` may say its version (``name@VERSION``),
    a `path` be only a name, which is searched for, or ``ARCHIVE!/MEMBER``. `pid` is one thread (0:
    the calling one), None for all of all processes. `ref_counter` is the file's offset of a counter
    that the kernel counts up meanwhile (4.20). Programs read `cookie` by bpf_get_attach_cookie()
    (5.15). Through the uprobe PMU (4.17), else through an event made in tracefs.
    Raises KernelError, NotSupportedError, ObjectError.
    """
    kind = "uretprobe" if returns else "uprobe"
    place = (f"{symbol}+{offset:#x}" if offset else symbol) if symbol else f"{offset:#x}"
    what = f"program '{program.name}' to {kind} '{place}' of '{path}'"
    file = file_of(path)
    if symbol or "!/" in os.fspath(path):
        with open_binary(path, f"attaching {what}") as opened:
            file, offset = opened.path, opened.start + offset + _function(opened, symbol, what)
    return attach_at(
        program,
        file,
        offset,
        what,
        returns=returns,
        pid=pid,
        ref_counter=ref_counter,
        cookie=cookie,
        mode=mode,
    )


def attach_at(
    program: Program,
    file: str,
    offset: int,
    what: str,
    *,
    returns: bool = False,
    pid: int | None = None,
    ref_counter: int = 0,
    cookie: int = 0,
    mode: Mode = "default",
) -> Link:
    """Run a program at an offset of a file; see `attach_uprobe`."""
    thread = thread_number(pid)
    if mode == "legacy" or (mode == "default" and not (_PMU / "type").exists()):
        place = f"{file}:{offset:#x}" + (f"({ref_counter:#x})" if ref_counter else "")
        event, remove = open_made_event("uprobes", "r" if returns else "p", place, what, _HINT, thread)
        return attach_event(program.fd, event, what, remove, cookie=cookie)
    event = _open_pmu(f"attaching {what}", file, offset, returns, thread, ref_counter)
    return attach_event(program.fd, event, what, cookie=cookie, mode=mode)


def thread_number(pid: int | None) -> int:
    """As perf events and links take it: -1 for all, never 0."""
    return -1 if pid is None else pid or os.getpid()


def _function(opened: BinaryFile, symbol: str, what: str) -> int:
    """Where a function begins; 0 without one."""
    try:
        return opened.binary.function(symbol).offset if symbol else 0
    except LookupError as error:
        raise KernelError(f"attaching {what}", errno.ENOENT, error.args[0]) from None


def _open_pmu(action: str, file: str, offset: int, returns: bool, thread: int, ref_counter: int) -> int:
    name = os.fsencode(file) + b"\0"
    try:
        kind = int((_PMU / "type").read_text())
        config = int(returns) << _first_bit("retprobe")
        if ref_counter:
            config |= ref_counter << _first_bit("ref_ctr_offset")
    except OSError as error:
        missing = "reference counters (4.20)" if (_PMU / "type").exists() else "uprobes (CONFIG_UPROBES)"
        raise KernelError(action, error.errno or 0, f"the kernel has no {missing}") from None
    try:
        return perf_event.open_event(
            action,
            kind,
            config,
            pid=thread,
            cpu=0 if thread < 0 else -1,
            config1=native.address(name),
            config2=offset,
        )
    except KernelError as error:
        raise KernelError(action, error.errno, _hint(error.errno) or error.hint) from None


def _first_bit(field: str) -> int:
    """From what the PMU says: ``config:0`` or ``config:32-63``."""
    bits = (_PMU / "format" / field).read_text().removeprefix("config:")
    return int(bits.partition("-")[0])


def _hint(number: int) -> str:
    match number:
        case errno.ENOENT:
            return "is the file there?"
        case errno.EIO | errno.EINVAL:
            return _HINT
        case errno.ESRCH:
            return "is there such a thread?"
    return ""
