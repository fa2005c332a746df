"""The commands of bpf(2): arguments in, file descriptors and answers out.

Attributes are packed by hand after ``union bpf_attr`` (UAPI linux/bpf.h), each cut
behind the last field in use: a kernel refuses bytes it does not know unless they
are zero. File descriptors come with close-on-exec set, by the kernel. Everything
refused is a `KernelError` that says what was tried; the retries that need to see a
bare number use `prog_load` and `btf_load`, which return ``-errno``.
"""

from __future__ import annotations

import errno
import os

from .errors import KernelError
from .lean import IntEnum, struct
from .native import native


class Command(IntEnum):
    """enum bpf_cmd."""

    MAP_CREATE = 0
    MAP_LOOKUP_ELEM = 1
    MAP_UPDATE_ELEM = 2
    PROG_LOAD = 5
    OBJ_PIN = 6
    OBJ_GET = 7
    PROG_ATTACH = 8
    PROG_DETACH = 9
    PROG_TEST_RUN = 10
    PROG_GET_NEXT_ID = 11
    MAP_GET_NEXT_ID = 12
    PROG_GET_FD_BY_ID = 13
    MAP_GET_FD_BY_ID = 14
    OBJ_GET_INFO_BY_FD = 15
    PROG_QUERY = 16
    RAW_TRACEPOINT_OPEN = 17
    BTF_LOAD = 18
    BTF_GET_FD_BY_ID = 19
    MAP_LOOKUP_AND_DELETE_ELEM = 21
    MAP_FREEZE = 22
    BTF_GET_NEXT_ID = 23
    MAP_LOOKUP_BATCH = 24
    MAP_LOOKUP_AND_DELETE_BATCH = 25
    MAP_UPDATE_BATCH = 26
    MAP_DELETE_BATCH = 27
    LINK_CREATE = 28
    LINK_UPDATE = 29
    LINK_GET_FD_BY_ID = 30
    LINK_GET_NEXT_ID = 31
    ENABLE_STATS = 32
    ITER_CREATE = 33
    LINK_DETACH = 34
    PROG_BIND_MAP = 35
    TOKEN_CREATE = 36
    PROG_ASSOC_STRUCT_OPS = 38


_MAP_CREATE = struct.Struct("=7I16s5IQi")
_ELEMENT = struct.Struct("=iIQQQ")
_BATCH = struct.Struct("=QQQQIiQQ")
_PROG_LOAD = struct.Struct("=IIQQIIQII16sIIIIQIIQIIIIQ")
_BTF_LOAD = struct.Struct("=QQIII")
_NEXT_ID = struct.Struct("=III")
_PIN = struct.Struct("=QiI")
_ATTACH = struct.Struct("=iiIIiIQ")
_QUERY = struct.Struct("=iIIIQIIQQQQ")
_INFO = struct.Struct("=iIQ")
_RAW_TRACEPOINT = struct.Struct("=QiIQ")
_LINK_CREATE = struct.Struct("=iiII")
_LINK_UPDATE = struct.Struct("=iiIi")

REPLACE = 4
"""BPF_F_REPLACE."""

_WITH_TOKEN = (Command.MAP_CREATE, Command.PROG_LOAD, Command.BTF_LOAD)

_NAME_CHARACTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."
_OTHERS = bytes(range(256)).translate(None, _NAME_CHARACTERS)
_IN_NAMES = bytes.maketrans(_OTHERS, b"_" * len(_OTHERS))


def kernel_name(name: str) -> bytes:
    """A name as the kernel takes it: 15 bytes of letters, digits, ``_`` and ``.``; the rest become ``_``."""
    return name.encode()[:15].translate(_IN_NAMES)


def map_create(
    type: int,
    key_size: int,
    value_size: int,
    max_entries: int,
    flags: int = 0,
    *,
    name: str = "",
    inner_fd: int = 0,
    numa_node: int = 0,
    btf_fd: int = 0,
    key_type_id: int = 0,
    value_type_id: int = 0,
    map_extra: int = 0,
    kernel_value_type_id: int = 0,
    value_type_btf_fd: int = 0,
) -> int:
    """BPF_MAP_CREATE: a map's file descriptor. Raises KernelError.

    `kernel_value_type_id` is for struct_ops: a type of vmlinux, or of the module whose BTF
    `value_type_btf_fd` is (flag VTYPE_BTF_OBJ_FD).
    """
    attr = _MAP_CREATE.pack(
        type,
        key_size,
        value_size,
        max_entries,
        flags,
        inner_fd,
        numa_node,
        kernel_name(name),
        0,  # ifindex
        btf_fd,
        key_type_id if btf_fd else 0,
        value_type_id if btf_fd else 0,
        kernel_value_type_id,
        map_extra,
        value_type_btf_fd,
    )
    return _must(f"creating map '{name}'", Command.MAP_CREATE, bytearray(attr))


def map_freeze(fd: int, name: str) -> None:
    """BPF_MAP_FREEZE: no more writing from user space. Raises KernelError."""
    _must(f"freezing map '{name}'", Command.MAP_FREEZE, bytearray(_ELEMENT.pack(fd, 0, 0, 0, 0)))


def map_lookup(fd: int, key: bytes, value: bytearray, flags: int = 0) -> int:
    """BPF_MAP_LOOKUP_ELEM where `value` says what to look for (else `native.lookup`); 0 or -errno."""
    attr = _ELEMENT.pack(fd, 0, native.address(key), native.address(value), flags)
    return native.bpf(Command.MAP_LOOKUP_ELEM, bytearray(attr))


def map_lookup_and_delete(fd: int, key: bytes, value: bytearray, flags: int = 0) -> int:
    """BPF_MAP_LOOKUP_AND_DELETE_ELEM; 0 or -errno."""
    attr = _ELEMENT.pack(fd, 0, native.address(key), native.address(value), flags)
    return native.bpf(Command.MAP_LOOKUP_AND_DELETE_ELEM, bytearray(attr))


def map_lookup_batch(
    fd: int,
    after: bytearray | None,
    position: bytearray,
    keys: bytearray,
    values: bytearray,
    count: int,
    *,
    delete: bool = False,
) -> tuple[int, int]:
    """BPF_MAP_LOOKUP_BATCH, or its deleting twin: (0 or -errno, number of elements read).

    `after` is the opaque position that the last call left in `position`, None to begin.
    """
    attr = bytearray(
        _BATCH.pack(
            native.address(after) if after is not None else 0,
            native.address(position),
            native.address(keys),
            native.address(values),
            count,
            fd,
            0,
            0,
        )
    )
    command = Command.MAP_LOOKUP_AND_DELETE_BATCH if delete else Command.MAP_LOOKUP_BATCH
    result = native.bpf(command, attr)
    return result, _BATCH.unpack(attr)[4]


def map_update_batch(fd: int, keys: bytes, values: bytes, count: int, flags: int) -> tuple[int, int]:
    """BPF_MAP_UPDATE_BATCH: (0 or -errno, number of elements written)."""
    attr = bytearray(_BATCH.pack(0, 0, native.address(keys), native.address(values), count, fd, flags, 0))
    return _changed(Command.MAP_UPDATE_BATCH, attr, count)


def map_delete_batch(fd: int, keys: bytes, start: int, count: int) -> tuple[int, int]:
    """BPF_MAP_DELETE_BATCH of `count` keys from byte `start` on: (0 or -errno, number deleted)."""
    attr = bytearray(_BATCH.pack(0, 0, native.address(keys) + start, 0, count, fd, 0, 0))
    return _changed(Command.MAP_DELETE_BATCH, attr, count)


def _changed(command: Command, attr: bytearray, count: int) -> tuple[int, int]:
    """The kernel leaves the number alone where it refuses before the first element."""
    result = native.bpf(command, attr)
    done: int = _BATCH.unpack(attr)[4]
    return result, 0 if result and done == count else done


def btf_load(data: bytes, log: bytearray | None = None) -> int:
    """BPF_BTF_LOAD: a file descriptor or -errno."""
    room = len(log) if log else 0
    attr = _BTF_LOAD.pack(
        native.address(data), native.address(log) if log else 0, len(data), room, 1 if log else 0
    )
    return _charged(Command.BTF_LOAD, bytearray(attr))


def next_id(command: Command, after: int) -> int | None:
    """BPF_*_GET_NEXT_ID: the smallest ID above one; None if there is none. Raises KernelError."""
    attr = bytearray(_NEXT_ID.pack(after, 0, 0))
    result = native.bpf(command, attr)
    if result == -errno.ENOENT:
        return None
    if result < 0:
        raise KernelError(f"listing IDs ({command.name})", -result, permission_hint())
    following: int = _NEXT_ID.unpack(attr)[1]
    return following


def fd_by_id(command: Command, number: int) -> int:
    """BPF_*_GET_FD_BY_ID: a file descriptor, or -errno (ENOENT: it has gone meanwhile)."""
    return native.bpf(command, bytearray(_NEXT_ID.pack(number, 0, 0)))


def prog_load(
    type: int,
    insns: bytes,
    license: bytes,
    *,
    name: str = "",
    attach_type: int = 0,
    flags: int = 0,
    ifindex: int = 0,
    log: bytearray | None = None,
    log_level: int = 0,
    btf_fd: int = 0,
    func_info: bytes = b"",
    line_info: bytes = b"",
    attach_btf_id: int = 0,
    attach_fd: int = 0,
    fd_array: bytes = b"",
) -> int:
    """BPF_PROG_LOAD: a file descriptor or -errno. `license` ends with a zero byte.

    func_info and line_info are the kernel's records of 8 and 16 bytes, `fd_array` 32-bit
    descriptors that calls of kernel functions index (5.14). The kernel
    gives EAGAIN when a signal interrupts the verifier (since 4.20): tried again without signals.
    """
    # One piece of memory: asking where each of them is takes longer than putting them together.
    memory = insns + func_info + line_info + license
    at = native.address(memory)
    functions_at = at + len(insns)
    lines_at = functions_at + len(func_info)
    attr = _PROG_LOAD.pack(
        type,
        len(insns) // 8,
        at,
        lines_at + len(line_info),
        log_level,
        len(log) if log else 0,
        native.address(log) if log else 0,
        0,  # kern_version: not looked at since 5.0
        flags,
        kernel_name(name),
        ifindex,
        attach_type,
        btf_fd,
        8 if func_info else 0,
        functions_at if func_info else 0,
        len(func_info) // 8,
        16 if line_info else 0,
        lines_at if line_info else 0,
        len(line_info) // 16,
        attach_btf_id,
        attach_fd,
        0,  # core_relo_cnt
        native.address(fd_array) if fd_array else 0,
    )
    result = _charged(Command.PROG_LOAD, bytearray(attr))
    return _undisturbed(Command.PROG_LOAD, attr) if result == -errno.EAGAIN else result


def _undisturbed(command: Command, attr: bytes) -> int:
    """With this thread's signals held back: a profiler's come faster than the verifier is done."""
    import signal  # here, as few loads are disturbed

    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        return _charged(command, bytearray(attr))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def prog_bind_map(fd: int, map_fd: int, what: str) -> None:
    """BPF_PROG_BIND_MAP (5.10). Raises KernelError."""
    _must(f"binding {what}", Command.PROG_BIND_MAP, bytearray(struct.pack("=iiI", fd, map_fd, 0)))


def obj_pin(fd: int, path: str, what: str) -> None:
    """BPF_OBJ_PIN. Raises KernelError."""
    raw = os.fsencode(path) + b"\0"
    action = f"pinning {what} at '{path}'"
    hint = {
        errno.ENOENT: "is the directory there?",
        errno.EPERM: "the path must be on a bpffs (mount -t bpf)",
        errno.EINVAL: "the path must be on a bpffs (mount -t bpf); names in it hold no '.'",
    }
    _must(action, Command.OBJ_PIN, bytearray(_PIN.pack(native.address(raw), fd, 0)), hint)


def obj_get(path: str) -> int:
    """BPF_OBJ_GET: a file descriptor of what is pinned at `path`. Raises KernelError."""
    raw = os.fsencode(path) + b"\0"
    return _must(f"opening pin '{path}'", Command.OBJ_GET, bytearray(_PIN.pack(native.address(raw), 0, 0)))


def obj_info(fd: int, info: bytearray) -> int:
    """BPF_OBJ_GET_INFO_BY_FD: fills `info` (zeroed, or with buffers asked for); how much the kernel knows.

    Raises KernelError.
    """
    attr = bytearray(_INFO.pack(fd, len(info), native.address(info)))
    _must("asking for information", Command.OBJ_GET_INFO_BY_FD, attr)
    known: int = _INFO.unpack(attr)[1]
    return known


def prog_attach(
    target: int,
    prog_fd: int,
    attach_type: int,
    flags: int = 0,
    *,
    replace_fd: int = 0,
    relative: int = 0,
    revision: int = 0,
) -> int:
    """BPF_PROG_ATTACH to a file descriptor or an interface index; 0 or -errno.

    `replace_fd` goes with BPF_F_REPLACE (5.6), `relative` with BPF_F_BEFORE and BPF_F_AFTER,
    `revision` is the one that the hook must have, 0 for any (6.6).
    """
    attr = _ATTACH.pack(target, prog_fd, attach_type, flags, replace_fd, relative, revision)
    return native.bpf(Command.PROG_ATTACH, bytearray(attr))


def prog_detach(target: int, prog_fd: int, attach_type: int, what: str) -> None:
    """BPF_PROG_DETACH. Raises KernelError."""
    attr = bytearray(_ATTACH.pack(target, prog_fd, attach_type, 0, 0, 0, 0))
    _must(f"detaching {what}", Command.PROG_DETACH, attr)


def prog_query(
    target: int,
    attach_type: int,
    flags: int,
    ids: bytearray | None = None,
    attach_flags: bytearray | None = None,
    links: bytearray | None = None,
) -> tuple[int, int, int, int]:
    """BPF_PROG_QUERY: (0 or -errno, number of programs, the hook's attach flags, its revision).

    The buffers take 32 bits of each program, as many as `ids` has room for.
    """

    def place(buffer: bytearray | None) -> int:
        return native.address(buffer) if buffer is not None else 0

    room = len(ids or b"") // 4
    attr = bytearray(
        _QUERY.pack(
            target, attach_type, flags, 0, place(ids), room, 0, place(attach_flags), place(links), 0, 0
        )
    )
    result = native.bpf(Command.PROG_QUERY, attr)
    answer = _QUERY.unpack(attr)
    return result, answer[5], answer[3], answer[10]


def raw_tracepoint_open(name: str, prog_fd: int, cookie: int = 0) -> int:
    """BPF_RAW_TRACEPOINT_OPEN: a link's file descriptor or -errno.

    `name` is empty for programs that know their target (tp_btf, fentry, lsm); `cookie` is for 6.10.
    """
    raw = name.encode() + b"\0" if name else b""
    attr = _RAW_TRACEPOINT.pack(native.address(raw), prog_fd, 0, cookie)
    return native.bpf(Command.RAW_TRACEPOINT_OPEN, bytearray(attr))


def link_create(prog_fd: int, target: int, attach_type: int, flags: int = 0, options: bytes = b"") -> int:
    """BPF_LINK_CREATE: a link's file descriptor or -errno.

    `target` is a file descriptor or an interface index; `options` the bytes of the
    attach type's own part of the attribute.
    """
    attr = bytearray(_LINK_CREATE.pack(prog_fd, target, attach_type, flags) + options)
    return native.bpf(Command.LINK_CREATE, attr)


def link_update(fd: int, new_fd: int, expected_fd: int | None = None) -> int:
    """BPF_LINK_UPDATE (5.7): put another program, or struct_ops map, in its place; 0 or -errno.

    With `expected_fd` only if that is what is there now.
    """
    flags = 0 if expected_fd is None else REPLACE
    return native.bpf(Command.LINK_UPDATE, bytearray(_LINK_UPDATE.pack(fd, new_fd, flags, expected_fd or 0)))


def link_detach(fd: int, what: str) -> None:
    """BPF_LINK_DETACH (5.9): detach, though others may hold the link. Raises KernelError."""
    _must(f"detaching {what}", Command.LINK_DETACH, bytearray(struct.pack("=i", fd)))


def _must(action: str, command: Command, attr: bytearray, hints: dict[int, str] | None = None) -> int:
    """The result of a command, or a KernelError with the hint for its errno."""
    result = _charged(command, attr)
    if result < 0:
        hint = (hints or {}).get(-result, "") or (permission_hint() if result == -errno.EPERM else "")
        raise KernelError(action, -result, hint)
    return result


def _charged(command: Command, attr: bytearray) -> int:
    """A command that creates something. EPERM may have two other reasons than missing capabilities.

    Before 5.11 that RLIMIT_MEMLOCK is too low; in a user namespace that a token is wanted (6.9).
    """
    result = native.bpf(command, attr)
    if result >= 0:
        return result
    if result == -errno.EPERM:
        from .maps.memlock import lift_memlock  # here, as newer kernels know no such limit

        if lift_memlock():
            result = native.bpf(command, attr)
    if result == -errno.EPERM and command in _WITH_TOKEN:
        from .token import with_token

        with_one = with_token(command, attr)
        if with_one is not None:
            result = native.bpf(command, with_one)
    return result


def permission_hint() -> str:
    """Why bpf(2) may say EPERM to this process."""
    if os.geteuid() == 0:
        return "root without CAP_BPF or CAP_SYS_ADMIN (in a container?), or kernel lockdown"
    return "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"
