"""Events as values of their BTF type."""

from __future__ import annotations

from ..btf import Btf
from ..btf.records import Kind
from ..errors import BpflabError, BtfError
from ..lean import TYPE_CHECKING
from ..values.typed import codec_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NAMED = frozenset({Kind.STRUCT, Kind.UNION, Kind.TYPEDEF, Kind.ENUM, Kind.ENUM64, Kind.INT})


def decoder(name: str, btf: Btf | None, type_id: int, type: str) -> Callable[[bytes], Any]:
    """What makes a value of a sample of map `name`: of the type so called in `btf`, or, if '', of `type_id`.

    Bytes behind the type's own are left out. Raises BtfError, if there is no such type or it makes
    no sense; what it gives raises BpflabError for a sample that is too short.
    """
    if btf is None:
        raise BtfError(f"map '{name}': its events cannot be decoded: its object has no BTF")
    codec = codec_of(btf, _type_named(name, btf, type) if type else _declared(name, type_id))
    size, decode = codec.size, codec.decoder()

    def decode_sample(sample: bytes) -> Any:
        if len(sample) < size:
            words = f"{len(sample)} bytes, the type '{type}' has {size}"
            raise BpflabError(f"map '{name}': a sample is too short for its type: {words}")
        return decode(sample)

    return decode_sample


def _type_named(name: str, btf: Btf, type: str) -> int:
    found = [number for number in btf.named(type) if btf.type(number).kind in _NAMED]
    if not found:
        raise BtfError(
            f"map '{name}': its object's BTF has no type '{type}' (a struct that only a local variable "
            f"has may have been left out by the compiler: declare a global pointer to it)"
        )
    return found[0]


def _declared(name: str, type_id: int) -> int:
    if not type_id:
        raise BtfError(
            f"map '{name}': its definition does not say the type of its events: name it, or declare "
            f"__type(value, …) with the map"
        )
    return type_id
