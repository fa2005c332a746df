"""What the kernel says of a program (``struct bpf_prog_info``, kernel 4.13 and growing)."""

from __future__ import annotations

from struct import Struct
from typing import Any, NamedTuple

from .. import syscall
from ..enums import ProgType
from ..native import native

_FIELDS = (
    ("type", "I"),
    ("id", "I"),
    ("tag", "8s"),
    ("jited_prog_len", "I"),
    ("xlated_prog_len", "I"),
    ("jited_prog_insns", "Q"),
    ("xlated_prog_insns", "Q"),
    ("load_time", "Q"),
    ("created_by_uid", "I"),
    ("nr_map_ids", "I"),
    ("map_ids", "Q"),
    ("name", "16s"),
    ("ifindex", "I"),
    ("gpl_compatible", "I"),
    ("netns_dev", "Q"),
    ("netns_ino", "Q"),
    ("nr_jited_ksyms", "I"),
    ("nr_jited_func_lens", "I"),
    ("jited_ksyms", "Q"),
    ("jited_func_lens", "Q"),
    ("btf_id", "I"),
    ("func_info_rec_size", "I"),
    ("func_info", "Q"),
    ("nr_func_info", "I"),
    ("nr_line_info", "I"),
    ("line_info", "Q"),
    ("jited_line_info", "Q"),
    ("nr_jited_line_info", "I"),
    ("line_info_rec_size", "I"),
    ("jited_line_info_rec_size", "I"),
    ("nr_prog_tags", "I"),
    ("prog_tags", "Q"),
    ("run_time_ns", "Q"),
    ("run_cnt", "Q"),
    ("recursion_misses", "Q"),
    ("verified_insns", "I"),
    ("attach_btf_obj_id", "I"),
    ("attach_btf_id", "I"),
    ("padding", "I"),
)
_INFO = Struct("=" + "".join(layout for _, layout in _FIELDS))
_NAMES = tuple(name for name, _ in _FIELDS)
_EMPTY = {name: b"" if layout.endswith("s") else 0 for name, layout in _FIELDS}


class ProgramInfo(NamedTuple):
    """What the kernel says about a program. What an older kernel does not know is 0."""

    id: int
    type: ProgType
    name: str
    tag: str
    """16 hex digits."""
    jited_size: int
    """Bytes of machine code; 0 if the program is interpreted."""
    xlated_size: int
    """Bytes of instructions as the verifier left them."""
    load_time_ns: int
    """When it was loaded, since boot (4.15)."""
    uid: int
    """Of who loaded it."""
    map_ids: tuple[int, ...]
    btf_id: int
    """ID of its BTF (5.0)."""
    run_time_ns: int
    """In all its runs while statistics were on (5.1), see `statistics`."""
    run_count: int
    missed: int
    """Runs left out because it was running already (5.12)."""
    verified_insns: int
    """Instructions that the verifier went through (5.16)."""
    attach_btf_object_id: int
    """ID of the BTF that has its target; 0 for vmlinux and of programs (5.13)."""
    attach_btf_id: int
    """Its target's type in there (5.13)."""


class SourceLine(NamedTuple):
    """A line of source that instructions from `insn` on come from."""

    insn: int
    file: str
    text: str
    line: int


def program_info(fd: int) -> ProgramInfo:
    """Ask the kernel. Raises KernelError."""
    one = _ask(fd)
    map_ids = bytearray(4 * one["nr_map_ids"])
    if map_ids:
        _ask(fd, nr_map_ids=one["nr_map_ids"], map_ids=native.address(map_ids))
    return ProgramInfo(
        one["id"],
        ProgType(one["type"]),
        one["name"].rstrip(b"\0").decode(),
        one["tag"].hex(),
        one["jited_prog_len"],
        one["xlated_prog_len"],
        one["load_time"],
        one["created_by_uid"],
        tuple(memoryview(map_ids).cast("I")),
        one["btf_id"],
        one["run_time_ns"],
        one["run_cnt"],
        one["recursion_misses"],
        one["verified_insns"],
        one["attach_btf_obj_id"],
        one["attach_btf_id"],
    )


def name_and_type(fd: int) -> tuple[str, int]:
    """The least that tells a program from another. Raises KernelError."""
    one = _ask(fd)
    return one["name"].rstrip(b"\0").decode(), one["type"]


def xlated(fd: int) -> bytes:
    """The instructions as the verifier left them. Raises KernelError."""
    insns = bytearray(_ask(fd)["xlated_prog_len"])
    _ask(fd, xlated_prog_len=len(insns), xlated_prog_insns=native.address(insns))
    return bytes(insns)


def jited(fd: int) -> bytes:
    """The machine code; nothing if the program is interpreted, or to those who may not see it.

    Raises KernelError.
    """
    code = bytearray(_ask(fd)["jited_prog_len"])
    _ask(fd, jited_prog_len=len(code), jited_prog_insns=native.address(code))
    return bytes(code)


def function_records(fd: int) -> list[tuple[int, int]]:
    """(first instruction, BTF type) of each function (5.0). Raises KernelError."""
    count, size = _count_and_size(fd, "nr_func_info", "func_info_rec_size")
    records = bytearray(count * size)
    _ask(fd, nr_func_info=count, func_info_rec_size=size, func_info=native.address(records))
    return [(insn, type_id) for insn, type_id in Struct("=II").iter_unpack(_cut(records, size, 8))]


def line_records(fd: int) -> list[tuple[int, int, int, int]]:
    """(first instruction, file name, text, line << 10 | column), names in its BTF (5.0).

    Raises KernelError.
    """
    count, size = _count_and_size(fd, "nr_line_info", "line_info_rec_size")
    records = bytearray(count * size)
    _ask(fd, nr_line_info=count, line_info_rec_size=size, line_info=native.address(records))
    return list(Struct("=IIII").iter_unpack(_cut(records, size, 16)))


def _count_and_size(fd: int, count: str, size: str) -> tuple[int, int]:
    one = _ask(fd)
    return one[count], one[size]


def _cut(records: bytearray, size: int, wanted: int) -> bytes:
    """The first `wanted` bytes of each record: newer kernels may have longer ones."""
    return b"".join(bytes(records[at : at + wanted]) for at in range(0, len(records), size or 1))


def _ask(fd: int, **fields: int) -> dict[str, Any]:
    info = bytearray(_INFO.pack(*(_EMPTY | fields).values()))
    syscall.obj_info(fd, info)
    return dict(zip(_NAMES, _INFO.unpack(info), strict=True))
