"""What the kernel tells about a bpf_link: its type, its program, and what it is attached to.

Layouts are those of ``struct bpf_link_info`` (UAPI linux/bpf.h). Kernels tell the details
of more kinds as they grow; what one does not tell is None.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct, pack_into
from typing import NamedTuple

from .. import syscall
from ..enums import AttachType, LinkType
from ..native import native

_SIZE = 128
"""More than the structure has on any kernel: the rest is zero, which all take."""
_NAME_ROOM = 4096
"""For names and paths (PATH_MAX)."""


class RawTracepointInfo(NamedTuple):
    """A raw tracepoint; `cookie` since 6.10."""

    name: str
    cookie: int


class TracingInfo(NamedTuple):
    """fentry, fexit, fmod_ret, tp_btf, LSM, freplace; details since 5.13, `cookie` since 6.18."""

    attach_type: AttachType
    target_object_id: int
    """ID of the BTF that has the target; of freplace, of the program."""
    target_type_id: int
    """The target's type in that BTF."""
    cookie: int


class CgroupInfo(NamedTuple):
    """A control group: `cgroup_id` is its inode number; 0 when the group has gone."""

    cgroup_id: int
    attach_type: AttachType


class IteratorInfo(NamedTuple):
    """An iterator over `target`, and what it is limited to; 0 where it is not."""

    target: str
    map_id: int = 0
    cgroup_id: int = 0
    order: int = 0
    tid: int = 0
    pid: int = 0


class NetnsInfo(NamedTuple):
    """A network namespace, by the inode number of its file in /proc; 0 when it has gone."""

    netns_inode: int
    attach_type: AttachType


class XdpInfo(NamedTuple):
    """A network device; 0 when it has gone."""

    ifindex: int


class DeviceInfo(NamedTuple):
    """tcx or netkit of a network device; 0 when it has gone."""

    ifindex: int
    attach_type: AttachType


class StructOpsInfo(NamedTuple):
    """The struct_ops map that is registered."""

    map_id: int


class SockmapInfo(NamedTuple):
    """A sockmap or sockhash."""

    map_id: int
    attach_type: AttachType


class NetfilterInfo(NamedTuple):
    """A netfilter hook: NFPROTO_*, NF_INET_*, priority, BPF_F_NETFILTER_*."""

    family: int
    hook: int
    priority: int
    flags: int


class KprobeMultiInfo(NamedTuple):
    """Functions by address (6.6; 0 where kernel.kptr_restrict hides them).

    `flags` bit 0: at their return. `missed` counts runs that were left out (6.7).
    """

    addresses: tuple[int, ...]
    flags: int
    missed: int
    cookies: tuple[int, ...]


class UprobeMultiInfo(NamedTuple):
    """Offsets in a file (6.8); `flags` bit 0: at the functions' return; `pid` 0: of all processes."""

    path: str
    offsets: tuple[int, ...]
    reference_counters: tuple[int, ...]
    cookies: tuple[int, ...]
    flags: int
    pid: int


class KprobeInfo(NamedTuple):
    """A function of the kernel, through a perf event (6.6)."""

    function: str
    offset: int
    address: int
    missed: int
    cookie: int
    returns: bool


class UprobeInfo(NamedTuple):
    """An offset in a file, through a perf event (6.6)."""

    path: str
    offset: int
    cookie: int
    reference_counter: int
    returns: bool


class TracepointInfo(NamedTuple):
    """A tracepoint, through a perf event (6.6)."""

    name: str
    cookie: int


class PerfEventInfo(NamedTuple):
    """Any other perf event: PERF_TYPE_* and its config (6.6)."""

    type: int
    config: int
    cookie: int


Details = (
    RawTracepointInfo
    | TracingInfo
    | CgroupInfo
    | IteratorInfo
    | NetnsInfo
    | XdpInfo
    | DeviceInfo
    | StructOpsInfo
    | SockmapInfo
    | NetfilterInfo
    | KprobeMultiInfo
    | UprobeMultiInfo
    | KprobeInfo
    | UprobeInfo
    | TracepointInfo
    | PerfEventInfo
)


class LinkInfo(NamedTuple):
    """What the kernel says of a link; `details` is None where it says no more."""

    id: int
    type: LinkType
    program_id: int
    """0 for links of struct_ops."""
    details: Details | None


def link_info(fd: int) -> LinkInfo:
    """Ask the kernel (5.8). Raises KernelError."""
    answer = _Answer(fd)
    type, number, program = answer.read("=III", 0)
    read = _DETAILS_OF.get(LinkType(type))
    return LinkInfo(number, LinkType(type), program, read(answer) if read else None)


class _Answer:
    """The kernel's answer. Names and lists come when it is asked again with room for them."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._info = bytearray(_SIZE)
        syscall.obj_info(fd, self._info)

    def read(self, layout: str, at: int) -> tuple[int, ...]:
        """Values from `at` on; zeros where this kernel knows of none."""
        return Struct(layout).unpack_from(self._info, at)

    def one(self, layout: str, at: int) -> int:
        """A single value."""
        return self.read(layout, at)[0]

    def ask_again(self, *fields: tuple[str, int, int]) -> None:
        """Ask with (layout, place, value) filled in."""
        self._info = bytearray(_SIZE)
        for layout, at, value in fields:
            pack_into(layout, self._info, at, value)
        syscall.obj_info(self._fd, self._info)

    def text(self, pointer: int, size: int) -> str:
        """A name, given where its pointer and its size are."""
        room = bytearray(_NAME_ROOM)
        self.ask_again(("=Q", pointer, native.address(room)), ("=I", size, len(room)))
        return _text(room)


def _text(room: bytearray) -> str:
    return bytes(room).split(b"\0")[0].decode("utf-8", "replace")


def _raw_tracepoint(answer: _Answer) -> Details:
    return RawTracepointInfo(answer.text(16, 24), answer.one("=Q", 32))


def _tracing(answer: _Answer) -> Details:
    attach_type, target, type_id, _, cookie = answer.read("=IIIIQ", 16)
    return TracingInfo(AttachType(attach_type), target, type_id, cookie)


def _cgroup(answer: _Answer) -> Details:
    number, attach_type = answer.read("=QI", 16)
    return CgroupInfo(number, AttachType(attach_type))


def _iterator(answer: _Answer) -> Details:
    target = answer.text(16, 24)
    if target == "cgroup":
        number, order = answer.read("=QI", 32)
        return IteratorInfo(target, cgroup_id=number, order=order)
    map_id, tid, pid = answer.read("=III", 28)
    return IteratorInfo(target, map_id=map_id, tid=tid, pid=pid)


def _netns(answer: _Answer) -> Details:
    inode, attach_type = answer.read("=II", 16)
    return NetnsInfo(inode, AttachType(attach_type))


def _device(answer: _Answer) -> Details:
    ifindex, attach_type = answer.read("=II", 16)
    return DeviceInfo(ifindex, AttachType(attach_type))


def _sockmap(answer: _Answer) -> Details:
    map_id, attach_type = answer.read("=II", 16)
    return SockmapInfo(map_id, AttachType(attach_type))


def _netfilter(answer: _Answer) -> Details:
    return NetfilterInfo(*answer.read("=IIiI", 16))


def _kprobe_multi(answer: _Answer) -> Details | None:
    count = answer.one("=I", 24)
    if not count:
        return None
    addresses, cookies = bytearray(8 * count), bytearray(8 * count)
    answer.ask_again(
        ("=Q", 16, native.address(addresses)), ("=I", 24, count), ("=Q", 40, native.address(cookies))
    )
    _, flags, missed = answer.read("=IIQ", 24)
    return KprobeMultiInfo(_numbers(addresses), flags, missed, _numbers(cookies))


def _uprobe_multi(answer: _Answer) -> Details | None:
    count = answer.one("=I", 52)
    if not count:
        return None
    path, lists = bytearray(_NAME_ROOM), [bytearray(8 * count) for _ in range(3)]
    places = [("=Q", 24 + 8 * number, native.address(each)) for number, each in enumerate(lists)]
    sizes = [("=I", 48, len(path)), ("=I", 52, count)]
    answer.ask_again(("=Q", 16, native.address(path)), *places, *sizes)
    flags, pid = answer.read("=II", 56)
    offsets, counters, cookies = map(_numbers, lists)
    return UprobeMultiInfo(_text(path), offsets, counters, cookies, flags, pid)


def _numbers(data: bytearray) -> tuple[int, ...]:
    return tuple(memoryview(data).cast("Q"))


_UPROBE, _URETPROBE, _KPROBE, _KRETPROBE, _TRACEPOINT, _EVENT = range(1, 7)


def _perf_event(answer: _Answer) -> Details | None:
    kind = answer.one("=I", 16)
    if kind in (_UPROBE, _URETPROBE):
        path = answer.text(24, 32)
        offset, cookie, counter = answer.read("=IQQ", 36)
        return UprobeInfo(path, offset, cookie, counter, kind == _URETPROBE)
    if kind in (_KPROBE, _KRETPROBE):
        function = answer.text(24, 32)
        offset, address, missed, cookie = answer.read("=IQQQ", 36)
        return KprobeInfo(function, offset, address, missed, cookie, kind == _KRETPROBE)
    if kind == _TRACEPOINT:
        return TracepointInfo(answer.text(24, 32), answer.one("=Q", 40))
    if kind == _EVENT:
        config, type, _, cookie = answer.read("=QIIQ", 24)
        return PerfEventInfo(type, config, cookie)
    return None


_DETAILS_OF: dict[LinkType, Callable[[_Answer], Details | None]] = {
    LinkType.RAW_TRACEPOINT: _raw_tracepoint,
    LinkType.TRACING: _tracing,
    LinkType.CGROUP: _cgroup,
    LinkType.ITER: _iterator,
    LinkType.NETNS: _netns,
    LinkType.XDP: lambda answer: XdpInfo(answer.one("=I", 16)),
    LinkType.PERF_EVENT: _perf_event,
    LinkType.KPROBE_MULTI: _kprobe_multi,
    LinkType.STRUCT_OPS: lambda answer: StructOpsInfo(answer.one("=I", 16)),
    LinkType.NETFILTER: _netfilter,
    LinkType.TCX: _device,
    LinkType.UPROBE_MULTI: _uprobe_multi,
    LinkType.NETKIT: _device,
    LinkType.SOCKMAP: _sockmap,
}
