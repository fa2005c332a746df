"""Single operations on elements in as few steps as the codecs of keys and values allow.

A short way that does not get there (no such element, a key that is none, whatever the kernel
refuses) says no more than that; `Map.get`, `update` and `delete` say why.
"""

from __future__ import annotations

from ..lean import TYPE_CHECKING
from ..native import NO_INT, int_table, native
from ..values.codec import IntCodec

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from ..values.codec import Codec

    ShortWays: TypeAlias = tuple[
        int, Callable[[int, Any], Any], Callable[[int, Any, Any], int], Callable[[int, Any], int]
    ]
    """A table, and what takes it first: look-up (the value or NO_INT), update and deletion (0 if done).

    They raise what the codecs raise, TypeError or OverflowError.
    """


def short_ways(fd: int, key: Codec, value: Codec, size: int) -> ShortWays:
    """Those of the map `fd` while it is open; its elements have these codecs, a value takes `size` bytes."""
    bits, signed = _bits(value), isinstance(value, IntCodec) and value.signed
    table = int_table(fd, _bits(key), bits)
    if bits and _bits(key):
        # Nothing around them: that would show.
        look_up = native.lookup_signed if signed else native.lookup_int
        return table, look_up, native.update_int, native.delete_int
    update, delete = _update(fd, key, value), _delete(fd, key)
    if bits and not signed:
        return table, _word_look_up(key), update, delete
    return table, _look_up(fd, key, value, size), update, delete


def _bits(codec: Codec) -> int:
    """Those of the largest integer; 0 for what is no plain one.

    A descriptor is none: to change a map of maps takes long, and other threads should run meanwhile.
    """
    return codec.largest.bit_length() if type(codec) is IntCodec and codec.format else 0


def _word_look_up(key: Codec) -> Callable[[int, Any], int]:
    native_look_up, encode = native.lookup_word, key.encode
    return lambda table, key: native_look_up(table, encode(key))


def _look_up(fd: int, key: Codec, value: Codec, size: int) -> Callable[[int, Any], Any]:
    native_look_up, encode, decode = native.lookup, key.encode, value.decode

    def look_up(_: int, key: Any) -> Any:
        data = native_look_up(fd, encode(key), size)
        return decode(data) if type(data) is bytes else NO_INT

    return look_up


def _update(fd: int, key: Codec, value: Codec) -> Callable[[int, Any, Any], int]:
    native_update, encode_key, encode_value = native.update, key.encode, value.encode
    return lambda _, key, value: native_update(fd, encode_key(key), encode_value(value))


def _delete(fd: int, key: Codec) -> Callable[[int, Any], int]:
    native_delete, encode = native.delete, key.encode
    return lambda _, key: native_delete(fd, encode(key))
