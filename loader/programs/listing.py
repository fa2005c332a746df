"""A program's instructions as the kernel has them, with the names of what they call and use.

As in the verifier's log: ``w0 = 0``, ``r1 = *(u32 *)(r6 +4)``. Maps, functions, helpers and source
lines have their names where this process may ask for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import insn as bpf
from ..btf_load import loaded_btf
from ..descriptor import open_id
from ..errors import KernelError
from ..lean import NATIVE
from .info import function_records, line_records, program_info, xlated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..insn import Insn

_SIZES = {0x10: "u8", 0x08: "u16", 0x00: "u32", 0x18: "u64"}
_ALU = ["+", "-", "*", "/", "|", "&", "<<", ">>", "neg", "%", "^", "=", "s>>", "end"]
_JUMPS = {0x10: "==", 0x20: ">", 0x30: ">=", 0x40: "&", 0x50: "!=", 0x60: "s>", 0x70: "s>="}
_JUMPS |= {0xA0: "<", 0xB0: "<=", 0xC0: "s<", 0xD0: "s<="}
_ATOMICS = {0x00: "+", 0x40: "|", 0x50: "&", 0xA0: "^"}
_FETCH, _XCHG, _CMPXCHG = 0x01, 0xE0, 0xF0
_ATOMIC_MODE, _ABS_MODE, _IND_MODE = 0xC0, 0x20, 0x40
_JMP, _JMP32 = 0x05, 0x06
_CALL_BASE = "__bpf_call_base"


def listing(fd: int) -> list[str]:
    """The instructions of a loaded program, one in a line, with its functions and source lines between.

    Raises KernelError.
    """
    insns = xlated(fd)
    names = _Names(fd, insns)
    lines: list[str] = []
    index = 0
    while index < len(insns) // bpf.SIZE:
        lines += names.before(index)
        one = bpf.read(insns, index, NATIVE)
        wide = one.code == bpf.LD_IMM64
        following = bpf.read(insns, index + 1, NATIVE).imm if wide else 0
        lines.append(f"{index:5}: ({one.code:02x}) {_text(one, index, following, names)}")
        index += 2 if wide else 1
    return lines


class _Names:
    """What instructions refer to by number."""

    def __init__(self, fd: int, insns: bytes) -> None:
        info = program_info(fd)
        self._btf = loaded_btf(info.btf_id) if info.btf_id else None
        self.maps = {number: _map_name(number) for number in info.map_ids}
        self._functions = self._function_names(fd)
        self._source = self._source_lines(fd)
        self._helpers = _helper_names(insns)
        self._shown = ""

    def _function_names(self, fd: int) -> dict[int, str]:
        btf = self._btf
        return {insn: btf.type(type_id).name for insn, type_id in function_records(fd)} if btf else {}

    def _source_lines(self, fd: int) -> dict[int, str]:
        btf = self._btf
        return {insn: btf.string(text).strip() for insn, _, text, _ in line_records(fd)} if btf else {}

    def before(self, index: int) -> Iterator[str]:
        """What goes between the lines: a function that begins here, the source that this is of."""
        if index in self._functions:
            yield f"{self._functions[index]}:"
        line = self._source.get(index, "")
        if line and line != self._shown:
            self._shown = line
            yield f"; {line}"

    def function(self, index: int) -> str:
        """The function at an instruction."""
        return self._functions.get(index, f"pc{index}")

    def helper(self, imm: int) -> str:
        """The function of the kernel that a call goes to."""
        return self._helpers.get(imm, f"helper#{imm}")


def _map_name(number: int) -> str:
    from ..maps.map import Map

    try:
        with Map.from_fd(open_id(number, "map")) as one:
            return one.name
    except KernelError:
        return f"#{number}"


def _helper_names(insns: bytes) -> dict[int, str]:
    """Calls go to addresses that are counted from a place of the kernel's; nothing if those are hidden."""
    calls = {bpf.read(insns, index, NATIVE) for index in range(len(insns) // bpf.SIZE)}
    wanted = {call.imm for call in calls if call.code == bpf.CALL and call.src in (0, bpf.PSEUDO_KFUNC_CALL)}
    if not wanted:
        return {}
    from ..externs.kallsyms import read_kallsyms

    by_address: dict[int, str] = {}
    base = 0
    for line in read_kallsyms().splitlines():
        address, kind, name = line.split()[:3]
        if kind in b"tTwW":
            by_address.setdefault(int(address, 16), name.decode())
        if name == _CALL_BASE.encode():
            base = int(address, 16)
    found = {imm: by_address.get((base + imm) & 0xFFFFFFFFFFFFFFFF, "") for imm in wanted}
    return {imm: name for imm, name in found.items() if name and base}


def _text(one: Insn, index: int, following: int, names: _Names) -> str:
    kind = one.code & bpf.CLASS_MASK
    return _CLASSES[kind](one, index, following, names)


def _load(one: Insn, index: int, following: int, names: _Names) -> str:
    if one.code != bpf.LD_IMM64:
        where = f"r{one.src} +" if one.code & bpf.MODE_MASK == _IND_MODE else ""
        return f"r0 = *({_size(one)} *)skb[{where}{one.imm}]"
    if one.src == bpf.PSEUDO_MAP_FD:
        return f"r{one.dst} = map[{names.maps.get(one.imm, f'#{one.imm}')}]"
    if one.src == bpf.PSEUDO_MAP_VALUE:
        return f"r{one.dst} = map[{names.maps.get(one.imm, f'#{one.imm}')}][0]{following:+d}"
    if one.src == bpf.PSEUDO_FUNC:
        return f"r{one.dst} = {names.function(index + one.imm + 1)}"
    return f"r{one.dst} = {(following << 32 | one.imm & 0xFFFFFFFF) & 0xFFFFFFFFFFFFFFFF:#x}"


def _load_memory(one: Insn, *_: object) -> str:
    signed = "s" if one.code & bpf.MODE_MASK == bpf.MODE_MEMSX else "u"
    return f"r{one.dst} = *({signed}{_size(one)[1:]} *)(r{one.src} {one.offset:+d})"


def _store(one: Insn, *_: object) -> str:
    return f"*({_size(one)} *)(r{one.dst} {one.offset:+d}) = {one.imm}"


def _store_register(one: Insn, *_: object) -> str:
    place = f"*({_size(one)} *)(r{one.dst} {one.offset:+d})"
    if one.code & bpf.MODE_MASK != _ATOMIC_MODE:
        return f"{place} = r{one.src}"
    operation = one.imm & 0xF0
    if operation == _XCHG:
        return f"r{one.src} = xchg({place}, r{one.src})"
    if operation == _CMPXCHG:
        return f"r0 = cmpxchg({place}, r0, r{one.src})"
    if operation in _ATOMICS:
        before = f"r{one.src} = fetch " if one.imm & _FETCH else "lock "
        return f"{before}{place} {_ATOMICS[operation]}= r{one.src}"
    return f"{place} atomic {one.imm:#x} r{one.src}"


def _arithmetic(one: Insn, *_: object) -> str:
    letter = "r" if one.code & bpf.CLASS_MASK == bpf.ALU64 else "w"
    operation = _ALU[one.code >> 4] if one.code >> 4 < len(_ALU) else "?"
    register = f"{letter}{one.dst}"
    if operation == "neg":
        return f"{register} = -{register}"
    if operation == "end":
        order = "be" if one.code & bpf.SOURCE_REGISTER else "le"
        return f"r{one.dst} = {'bswap' if letter == 'r' else order}{one.imm} r{one.dst}"
    value = f"{letter}{one.src}" if one.code & bpf.SOURCE_REGISTER else str(one.imm)
    if operation == "=":
        cast = f"(s{one.offset})" if one.offset else ""
        return f"{register} = {cast}{value}"
    return f"{register} {'s' if one.offset == 1 else ''}{operation}= {value}"


def _jump(one: Insn, index: int, _: int, names: _Names) -> str:
    operation = one.code & 0xF0
    if operation == 0x80:
        # The kernel keeps the distance of a call of a BPF function in its offset when it is compiled.
        if one.src == bpf.PSEUDO_CALL:
            return f"call {names.function(index + (one.offset or one.imm) + 1)}"
        return f"call {names.helper(one.imm)}"
    if operation == 0x90:
        return "exit"
    if operation == 0x00:
        is_long = one.code & bpf.CLASS_MASK == _JMP32
        return f"goto pc{one.imm if is_long else one.offset:+d}"
    if operation == 0xE0:
        return f"may_goto pc{one.offset:+d}"
    letter = "r" if one.code & bpf.CLASS_MASK == _JMP else "w"
    value = f"{letter}{one.src}" if one.code & bpf.SOURCE_REGISTER else str(one.imm)
    return f"if {letter}{one.dst} {_JUMPS.get(operation, '?')} {value} goto pc{one.offset:+d}"


def _size(one: Insn) -> str:
    return _SIZES[one.code & bpf.SIZE_MASK]


_CLASSES: tuple[Callable[[Insn, int, int, _Names], str], ...] = (
    _load,
    _load_memory,
    _store,
    _store_register,
    _arithmetic,
    _jump,
    _jump,
    _arithmetic,
)
"""By the class of an instruction's code."""
