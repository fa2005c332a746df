"""Test runs: a program run by request, on data and a context of the caller's (BPF_PROG_TEST_RUN)."""

from __future__ import annotations

import errno
from struct import Struct

from ..enums import ProgType
from ..errors import KernelError
from ..lean import TYPE_CHECKING, NamedTuple
from ..native import native
from ..syscall import Command

if TYPE_CHECKING:
    from .program import Program

# program, return value, size of data and of room for it, both, repeat, duration, size of the context
# and of room for it, both, flags, CPU, batch size
_ATTR = Struct("=iIIIQQIIIIQQIII4x")

_GROWTH = 512
"""Room for packet data that a program makes longer (XDP has 256 bytes of headroom)."""

_CONTEXT_OUT = frozenset(
    {
        ProgType.SOCKET_FILTER,
        ProgType.SCHED_CLS,
        ProgType.SCHED_ACT,
        ProgType.CGROUP_SKB,
        ProgType.LWT_IN,
        ProgType.LWT_OUT,
        ProgType.LWT_XMIT,
        ProgType.XDP,
    }
)
"""Types whose test run gives a context back in a buffer of its own."""

_ON_CPU, _LIVE_FRAMES = 1, 2
_ENOTSUPP = 524


class RunResult(NamedTuple):
    """The outcome of a test run; the duration is the mean of the repetitions."""

    retval: int
    data_out: bytes
    duration_ns: int
    ctx_out: bytes = b""
    """The context after the run, if one was given and the type hands it back (packets, XDP 5.15, SYSCALL)."""


def test_run(
    program: Program,
    data: bytes | None,
    ctx: bytes | None,
    repeat: int,
    *,
    cpu: int | None,
    live_frames: bool,
    batch_size: int,
    flags: int,
) -> RunResult:
    """See `Program.test_run`. Raises KernelError."""
    hands_back = program.type in _CONTEXT_OUT
    out = bytearray(len(data) + _GROWTH if data is not None and not live_frames else 0)
    # Programs of type SYSCALL write into the context that they were given.
    context = bytearray(ctx or b"")
    ctx_out = bytearray(len(context) if hands_back and not live_frames else 0)
    attr = bytearray(
        _ATTR.pack(
            program.fd,
            0,
            len(data or b""),
            len(out),
            native.address(data or b""),
            native.address(out),
            repeat,
            0,
            len(context),
            len(ctx_out),
            native.address(context),
            native.address(ctx_out),
            flags | (_ON_CPU if cpu is not None else 0) | (_LIVE_FRAMES if live_frames else 0),
            cpu or 0,
            batch_size,
        )
    )
    result = -errno.EINTR
    while result == -errno.EINTR:  # a signal arrived between two repetitions
        result = native.bpf(Command.PROG_TEST_RUN, attr)
    if result < 0:
        raise KernelError(f"test run of program '{program.name}'", -result, _hint(-result, data))
    answer = _ATTR.unpack(attr)
    after = ctx_out[: answer[9]] if ctx_out else context
    return RunResult(answer[1], bytes(out[: answer[3]]), answer[7], bytes(after))


def _hint(number: int, data: bytes | None) -> str:
    if number in (_ENOTSUPP, errno.EOPNOTSUPP):
        return "this program type cannot be test run on this kernel"
    if number == errno.EINVAL and (data is None or len(data) < 14):
        return "networking programs want at least 14 bytes of data, others want none"
    return ""
