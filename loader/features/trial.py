"""Loading the smallest of programs, to see what the kernel says to it."""

from __future__ import annotations

import os
from functools import cache
from struct import pack

from .. import syscall
from ..btf.kernel import KernelBtf
from ..btf.records import Kind
from ..enums import AttachType, ProgFlags, ProgType
from ..errors import BtfError, NotSupportedError

_LOG_SIZE = 1 << 16
"""For refusals of a few instructions: larger ones take longer to make than the load."""


def insn(code: int, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0) -> bytes:
    """One instruction in native byte order."""
    registers = dst | src << 4 if _LITTLE else src | dst << 4
    return pack("=BBhi", code, registers, offset, imm)


_LITTLE = pack("=H", 1) == b"\1\0"
RETURN_ZERO = insn(0xB7) + insn(0x95)
"""r0 = 0; exit."""

_ATTACH_TYPES = {
    ProgType.CGROUP_SOCK_ADDR: AttachType.CGROUP_INET4_CONNECT,
    ProgType.CGROUP_SOCKOPT: AttachType.CGROUP_GETSOCKOPT,
    ProgType.SK_LOOKUP: AttachType.SK_LOOKUP,
    ProgType.NETFILTER: AttachType.NETFILTER,
    ProgType.SK_REUSEPORT: AttachType.SK_REUSEPORT_SELECT,
    ProgType.TRACING: AttachType.TRACE_FENTRY,
    ProgType.LSM: AttachType.LSM_MAC,
}
_TARGETS = {ProgType.TRACING: "bpf_fentry_test1", ProgType.LSM: "bpf_lsm_file_open"}
"""Functions of every kernel that has these types, to be attached to."""


class Trial:
    """What became of a program: `error` is 0 or a number of errno, `log` the verifier's."""

    def __init__(self, error: int, log: str) -> None:
        self.error = error
        self.log = log

    @property
    def was_read(self) -> bool:
        """Whether the kernel knew the program's type so well that it looked at its instructions."""
        return not self.error or bool(self.log)


def load(
    type: int,
    insns: bytes = RETURN_ZERO,
    *,
    attach_type: int | None = None,
    target: str = "",
) -> Trial:
    """Try a program; of TRACING and LSM it is for a function of every kernel, or `target`."""
    known = ProgType(type)
    name = target or _TARGETS.get(known, "")
    log = bytearray(_LOG_SIZE)
    fd = 0
    # Without a log at first: that of a long program which is accepted would not fit.
    for room in (None, log):
        fd = syscall.prog_load(
            type,
            insns,
            b"GPL\0",
            attach_type=_ATTACH_TYPES.get(known, 0) if attach_type is None else attach_type,
            flags=ProgFlags.SLEEPABLE if known == ProgType.SYSCALL else 0,
            attach_btf_id=_type_id(name) if name else 0,
            log=room,
            log_level=1 if room else 0,
        )
        if fd >= 0:
            os.close(fd)
            return Trial(0, "")
    return Trial(-fd, bytes(log[: log.find(0)]).decode("utf-8", "replace").strip())


@cache
def _type_id(name: str) -> int:
    """The type of a function in the kernel's BTF; 1, which is none, if there is no such function."""
    try:
        return KernelBtf.running().find(name, Kind.FUNC).type_id
    except (BtfError, NotSupportedError):
        return 1
