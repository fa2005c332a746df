"""Kprobes: the entry of (nearly) any kernel function, an offset in it, or its return."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

from .. import perf_event
from ..errors import KernelError
from ..native import native
from .link import Link
from .perf_link import Mode, attach_event
from .tracefs import open_made_event

if TYPE_CHECKING:
    from ..programs.program import Program

_PMU = Path("/sys/bus/event_source/devices/kprobe")
_MISSING = "is there such a function? see /proc/kallsyms; not every one can be probed"


def attach_kprobe(
    program: Program,
    function: str | int,
    *,
    offset: int = 0,
    returns: bool = False,
    cookie: int = 0,
    max_active: int = 0,
    mode: Mode = "default",
) -> Link:
    """Run a program at `function` + `offset`, or when it returns.

    `function` is a name (``module:name`` for a module's) or an address, of which there is a
    choice where several functions have one name. Programs read `cookie` by
    bpf_get_attach_cookie() (5.15). `max_active` is how many calls may be under way for all
    their returns to be seen (mode ``legacy`` only, which it chooses). Through the kprobe PMU
    (4.17), else through an event made in tracefs.
    Raises KernelError, NotSupportedError.
    """
    kind = "kretprobe" if returns else "kprobe"
    name = function if isinstance(function, str) else f"{function:#x}"
    place = f"{name}+{offset:#x}" if offset else name
    what = f"program '{program.name}' to {kind} '{place}'"
    if mode == "legacy" or max_active or (mode == "default" and not (_PMU / "type").exists()):
        letter = f"r{max_active or ''}" if returns else "p"
        event, remove = open_made_event("kprobes", letter, place, what, _MISSING)
        return attach_event(program.fd, event, what, remove, cookie=cookie)
    event = _open_pmu(what, function, offset, returns)
    return attach_event(program.fd, event, what, cookie=cookie, mode=mode)


def _open_pmu(what: str, function: str | int, offset: int, returns: bool) -> int:
    action = f"attaching {what}"
    name = function.encode() + b"\0" if isinstance(function, str) else b""
    try:
        bit = int((_PMU / "format/retprobe").read_text().removeprefix("config:"))
        return perf_event.open_event(
            action,
            int((_PMU / "type").read_text()),
            int(returns) << bit,
            config1=native.address(name) if name else 0,
            config2=offset if isinstance(function, str) else function + offset,
        )
    except OSError as error:
        raise KernelError(action, error.errno or 0, "the kernel has no kprobes (CONFIG_KPROBES)") from None
    except KernelError as error:
        raise KernelError(action, error.errno, _hint(error, function)) from None


def _hint(error: KernelError, function: str | int) -> str:
    # A return probe on a missing function is EINVAL up to 5.10.
    if error.errno in (errno.ENOENT, errno.EINVAL):
        return _MISSING
    # Kernels since 6.7 (b022f0c7e404) do not choose the first of several functions any more.
    if error.errno == errno.EADDRNOTAVAIL and isinstance(function, str):
        from ..externs.kallsyms import find_addresses, read_kallsyms

        found = find_addresses(read_kallsyms(), [function]).get(function, [])
        places = ", ".join(f"{address:#x}" for address in found)
        return f"several functions are called so: give the address of one instead ({places})"
    return error.hint
