"""Targets in the SEC() names of probes: ``kprobe/FUNCTION+OFFSET``, ``uprobe/PATH:FUNCTION`` …"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import TargetError

if TYPE_CHECKING:
    from ..programs.program import Program
    from .link import Link


def _kprobe(program: Program) -> Link:
    function, offset = _with_offset(program, program.attach_to)
    return program.attach_kprobe(function, offset=offset)


def _kretprobe(program: Program) -> Link:
    return program.attach_kprobe(program.attach_to, returns=True)


def _ksyscall(program: Program) -> Link:
    return program.attach_ksyscall(program.attach_to)


def _kretsyscall(program: Program) -> Link:
    return program.attach_ksyscall(program.attach_to, returns=True)


def _kprobe_multi(program: Program) -> Link:
    return program.attach_kprobe_multi(program.attach_to)


def _kretprobe_multi(program: Program) -> Link:
    return program.attach_kprobe_multi(program.attach_to, returns=True)


def _uprobe(program: Program) -> Link:
    path, function = _of_binary(program, "PATH:FUNCTION")
    symbol, offset = _with_offset(program, function)
    return program.attach_uprobe(path, symbol, offset=offset)


def _uretprobe(program: Program) -> Link:
    path, function = _of_binary(program, "PATH:FUNCTION")
    return program.attach_uprobe(path, function, returns=True)


def _uprobe_multi(program: Program) -> Link:
    path, pattern = _of_binary(program, "PATH:PATTERN")
    return program.attach_uprobe_multi(path, pattern)


def _uretprobe_multi(program: Program) -> Link:
    path, pattern = _of_binary(program, "PATH:PATTERN")
    return program.attach_uprobe_multi(path, pattern, returns=True)


def _usdt(program: Program) -> Link:
    form = "PATH:PROVIDER:NAME"
    path, probe = _of_binary(program, form)
    provider, _, name = probe.partition(":")
    if not name:
        raise _malformed(program, form)
    return program.attach_usdt(path, provider, name)


def _tracepoint(program: Program) -> Link:
    category, _, name = program.attach_to.partition("/")
    if not name:
        raise TargetError(f"program '{program.name}': a tracepoint is CATEGORY/NAME, not '{category}'")
    return program.attach_tracepoint(category, name)


def _of_binary(program: Program, form: str) -> tuple[str, str]:
    path, _, rest = program.attach_to.partition(":")
    if not path or not rest:
        raise _malformed(program, form)
    return path, rest


def _with_offset(program: Program, place: str) -> tuple[str, int]:
    function, _, offset = place.partition("+")
    try:
        return function, int(offset or "0", 0)
    except ValueError:
        raise TargetError(f"program '{program.name}': '{offset}' is no offset in '{function}'") from None


def _malformed(program: Program, form: str) -> TargetError:
    return TargetError(f"program '{program.name}': SEC(\"{program.section}\") is not of the form {form}")


KINDS: dict[str, Callable[[Program], Link]] = {
    "kprobe": _kprobe,
    "kretprobe": _kretprobe,
    "ksyscall": _ksyscall,
    "kretsyscall": _kretsyscall,
    "kprobe.multi": _kprobe_multi,
    "kretprobe.multi": _kretprobe_multi,
    "kprobe.session": _kprobe_multi,
    "uprobe": _uprobe,
    "uretprobe": _uretprobe,
    "uprobe.multi": _uprobe_multi,
    "uretprobe.multi": _uretprobe_multi,
    "uprobe.session": _uprobe_multi,
    "usdt": _usdt,
    "tracepoint": _tracepoint,
}
