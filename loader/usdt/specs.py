"""What programs on USDT probes are told: the maps that libbpf's usdt.bpf.h declares, filled.

A program looks its arguments' places up in ``__bpf_usdt_specs``, by a number that is the cookie
of its attachment. Before kernel 5.15 there are no cookies, and it looks that number up in
``__bpf_usdt_ip_to_spec_id``, by the address that was hit.

The struct has changed: its places of arguments have 16 bytes up to libbpf 1.6, in which 1.7 found
bits for scaled ones, and 24 in objects compiled with 1.7's header. So it is taken from the
object's own types.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping, Sequence
from struct import pack
from typing import TYPE_CHECKING, NamedTuple

from ..btf.records import Kind
from ..errors import KernelError, ObjectError
from .arguments import SCALED, Argument

if TYPE_CHECKING:
    from ..btf import Btf
    from ..maps.map import Map
    from ..spec import ObjectSpec

SPECS, BY_ADDRESS = "__bpf_usdt_specs", "__bpf_usdt_ip_to_spec_id"


class _Field(NamedTuple):
    """A member's place in its struct, in bits."""

    at: int
    width: int


class SpecLayout:
    """``struct __bpf_usdt_spec`` as an object declares it."""

    def __init__(self, btf: Btf, type_id: int, where: str) -> None:
        """Raises ObjectError, for the object `where`, if that is another struct."""
        self._where = where
        spec = btf.resolve(type_id)
        self.size = btf.size_of(spec.id)
        self._spec = self._fields(btf, spec.id, ("args", "usdt_cookie", "arg_cnt"))
        arguments = next(member for member in btf.members(spec) if member.name == "args")
        array = btf.resolve(arguments.type_id)
        if array.kind != Kind.ARRAY:
            raise ObjectError(where, SPECS, "'args' is no array")
        element = btf.resolve(btf.array(array).type_id)
        self._room = btf.array(array).length
        self._step = 8 * btf.size_of(element.id)
        known = ("val_off", "arg_type", "reg_off", "arg_signed", "arg_bitshift")
        self._argument = self._fields(btf, element.id, known)

    def _fields(self, btf: Btf, type_id: int, needed: Iterable[str]) -> Mapping[str, _Field]:
        struct = btf.type(type_id)
        members = btf.members(struct) if struct.kind == Kind.STRUCT else ()
        fields = {
            member.name: _Field(member.bit_offset, member.bit_size or 8 * btf.size_of(member.type_id))
            for member in members
        }
        if missing := set(needed) - fields.keys():
            raise ObjectError(self._where, SPECS, f"its values have no '{min(missing)}'")
        return fields

    def encode(self, arguments: Sequence[Argument], cookie: int) -> bytes:
        """A value of the map. Raises ValueError, in words, for arguments that it has no room for."""
        if len(arguments) > self._room:
            raise ValueError(f"it has {len(arguments)} arguments; the object's usdt.bpf.h takes {self._room}")
        # Both machines whose arguments are understood are little-endian: bit n is bit n of one number.
        fields = {"usdt_cookie": cookie, "arg_cnt": len(arguments)}
        whole = _placed(self._spec, fields)
        for number, argument in enumerate(arguments):
            whole |= self._encode_argument(argument) << self._spec["args"].at + number * self._step
        return whole.to_bytes(self.size, "little")

    def _encode_argument(self, argument: Argument) -> int:
        fields = {
            "val_off": argument.value,
            "arg_type": argument.kind,
            "reg_off": argument.register,
            "arg_signed": int(argument.signed),
            "arg_bitshift": 64 - 8 * argument.size,
        }
        if argument.kind == SCALED:
            if "idx_reg_off" not in self._argument:
                raise ValueError(
                    "an argument is at a scaled address, which only objects "
                    "compiled with usdt.bpf.h of libbpf 1.7 or later can read"
                )
            fields |= {"idx_reg_off": argument.index_register, "scale_bitshift": argument.scale_shift}
        return _placed(self._argument, fields)


def _placed(places: Mapping[str, _Field], values: Mapping[str, int]) -> int:
    whole = 0
    for name, value in values.items():
        whole |= (value & (1 << places[name].width) - 1) << places[name].at
    return whole


class UsdtSpecs:
    """The two maps of an object, and which of their slots are taken; shared by its programs."""

    def __init__(self, specs: Map, by_address: Map | None, layout: SpecLayout) -> None:
        self._specs = specs
        self._by_address = by_address
        self.layout = layout
        self._free: list[int] = []
        self._used = 0

    @classmethod
    def of(cls, spec: ObjectSpec, maps: Mapping[str, Map]) -> UsdtSpecs:
        """Of an object that declares them. Raises ObjectError if they are others than libbpf's."""
        if spec.btf is None or not spec.maps[SPECS].value_type_id:
            raise ObjectError(spec.name, SPECS, "the types of its values are missing")
        layout = SpecLayout(spec.btf, spec.maps[SPECS].value_type_id, spec.name)
        return cls(maps[SPECS], maps.get(BY_ADDRESS), layout)

    def add(self, value: bytes, what: str) -> int:
        """Put a spec into a free slot; its number. Raises KernelError."""
        if not self._free:
            if self._used >= self._specs.max_entries:
                hint = "define BPF_USDT_MAX_SPEC_CNT higher before including usdt.bpf.h"
                raise KernelError(f"attaching {what}", errno.E2BIG, f"map '{SPECS}' is full: {hint}")
            self._free.append(self._used)
            self._used += 1
        number = self._free.pop()
        self._specs.update_bytes(pack("=I", number), value)
        return number

    def add_all(self, values: Iterable[bytes], what: str) -> dict[bytes, int]:
        """The number of each spec, of equal ones the same. Raises KernelError, and then keeps none."""
        numbers: dict[bytes, int] = {}
        try:
            for value in values:
                if value not in numbers:
                    numbers[value] = self.add(value, what)
        except BaseException:
            self.remove(numbers.values())
            raise
        return numbers

    def remove(self, numbers: Iterable[int]) -> None:
        """Let others have these slots."""
        self._free += numbers

    def add_address(self, address: int, number: int, what: str) -> None:
        """Say which spec an address has. Raises KernelError (EEXIST: a program is attached there)."""
        if self._by_address is None:
            raise KernelError(f"attaching {what}", errno.ESRCH, f"the object has no map '{BY_ADDRESS}'")
        self._by_address.update_bytes(pack("=Q", address), pack("=I", number), 1)

    def remove_address(self, address: int) -> None:
        """Forget an address."""
        if self._by_address is not None:
            self._by_address.delete_bytes(pack("=Q", address))
