"""A live map: a mapping of Python values to Python values, and raw bytes beside it.

    counters[key] += 1
    dict(counters.items())
    counters.lookup_bytes(b"\0\0\0\0")

Keys and values are what BTF says (see `values.typed`): integers, structs as records, text. Without
BTF they are ints where the size is 1, 2, 4 or 8, else bytes. Values of per-CPU maps are
lists, one per possible CPU. File descriptors (of programs in program arrays, maps in maps,
sockets in socket maps, and the keys of storage maps) are given as what has one.
"""

from __future__ import annotations

import errno
import os

from .. import syscall
from ..enums import MapType
from ..errors import BpflabError, ElementError, KernelError, NotSupportedError
from ..lean import TYPE_CHECKING
from ..native import NO_INT, native
from .raw import ALL_CPUS, ANY, CPU, EXIST, LOCK, NO_EXIST, PER_CPU, RawMap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from ..btf import Btf
    from ..readers.perfbuf import PerfBuffer
    from ..readers.ringbuf import RingBuffer
    from ..spec import MapSpec
    from ..values.codec import Codec
    from .short_ways import ShortWays

__all__ = ["ALL_CPUS", "ANY", "CPU", "EXIST", "LOCK", "NO_EXIST", "PER_CPU", "Map"]

_MISSING = object()
_NOTHING_SHORT: ShortWays = (0, native.lookup_int, native.update_int, native.delete_int)
"""Before the codecs are known and after the end: these say of everything that there is nothing."""


class Map(RawMap):
    """A map of the kernel. Owns its file descriptor; close it, or use it in a ``with``.

    Single operations, and batches, may come from several threads at once, as the kernel allows
    it; so may iterations, each of which sees or misses what the others change. What reads and
    then writes (``counters[key] += 1``) is two operations.
    """

    def __init__(
        self,
        fd: int,
        name: str,
        type: int,
        key_size: int,
        value_size: int,
        max_entries: int,
        flags: int = 0,
        *,
        btf: Btf | None = None,
        key_type_id: int = 0,
        value_type_id: int = 0,
    ) -> None:
        """Take over `fd`. The types of keys and values are those of `btf`, 0 if they are not known."""
        super().__init__(fd, name, type, key_size, value_size, max_entries, flags)
        self._btf = btf
        self._btf_id = 0
        self._type_ids = key_type_id, value_type_id
        self._key_codec: Codec | None = None
        self._value_codec: Codec | None = None
        self._table, self._short_look_up, self._short_update, self._short_delete = _NOTHING_SHORT

    @classmethod
    def create(
        cls,
        type: MapType | str,
        key: int | str = 0,
        value: int | str = 0,
        max_entries: int = 1,
        flags: int = 0,
        *,
        name: str = "",
        btf: Btf | None = None,
        inner: Map | MapSpec | None = None,
        map_extra: int = 0,
        numa_node: int = 0,
    ) -> Map:
        """Make a map without any object; `type` also by its name (``"lru_hash"``).

        Keys and values have a size in bytes, or the name of a type of `btf` (storage must have
        types). A map of maps takes as `inner` one that is like those to go into it. Raises
        KernelError; ValueError for a name of no type.
        """
        from .single import create_single, spec_of

        spec = spec_of(type, key, value, max_entries, flags, name, btf)
        spec.map_extra, spec.numa_node = map_extra, numa_node
        return create_single(spec, inner, btf)

    @classmethod
    def from_fd(cls, fd: int) -> Map:
        """Take over `fd`, a map that anyone made (4.13). Raises KernelError, and closes it then.

        Its types are known if the kernel has them and lets this process read them.
        """
        from .info import map_info, map_memory

        try:
            info = map_info(fd)
            made = cls(
                fd,
                info.name,
                info.type,
                info.key_size,
                info.value_size,
                info.max_entries,
                info.flags,
                key_type_id=info.key_type_id,
                value_type_id=info.value_type_id,
            )
            made.frozen = map_memory(fd).frozen
            made._btf_id = info.btf_id
        except BaseException:
            os.close(fd)
            raise
        return made

    @classmethod
    def from_id(cls, number: int) -> Map:
        """Open a map of the system by its ID (4.13). Raises KernelError."""
        from ..descriptor import open_id

        return cls.from_fd(open_id(number, "map"))

    @classmethod
    def from_pin(cls, path: str | Path) -> Map:
        """Open a pinned map; `unpin` removes the pin. Raises KernelError."""
        from pathlib import Path

        from ..descriptor import open_pin

        made = cls.from_fd(open_pin(str(path), "map"))
        made.pinned = Path(path)
        return made

    # A mapping of values

    def __getitem__(self, key: Any) -> Any:
        try:
            value = self._short_look_up(self._table, key)
            if value != NO_INT:
                return value
        except (TypeError, OverflowError, ElementError):
            pass
        value = self.get(key, _MISSING)
        if value is _MISSING:
            raise KeyError(key)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        try:
            if not self._short_update(self._table, key, value):
                return
        except (TypeError, OverflowError, ElementError):
            pass
        self.update(key, value)

    def __delitem__(self, key: Any) -> None:
        try:
            if not self._short_delete(self._table, key):
                return
        except (TypeError, OverflowError, ElementError):
            pass
        if not self.delete(key):
            raise KeyError(key)

    def __contains__(self, key: Any) -> bool:
        return self.lookup_bytes(self._encode_key(key)) is not None

    def __iter__(self) -> Iterator[Any]:
        return self.keys()

    def get(self, key: Any, default: Any = None, flags: int = 0) -> Any:
        """The value of a key, or `default`; with LOCK under its spin lock (5.1). Raises KernelError."""
        data = self.lookup_bytes(self._encode_key(key), flags)
        return default if data is None else self._value.decode(data)

    def lookup_many(self, keys: Iterable[Any] | bytes) -> list[Any]:
        """The values of keys, None where there is none, in one call. Raises KernelError.

        Bytes are keys that lie one behind the other, as in `lookup_many_bytes`.
        """
        data, found = self._lookup_many(self._encode_keys(keys))
        values = self._value.decode_many(data, len(found))
        if 0 in found:
            return [value if is_there else None for value, is_there in zip(values, found, strict=True)]
        return values

    def update(self, key: Any, value: Any, flags: int = ANY) -> None:
        """Set an element; NO_EXIST and EXIST as `flags` restrict it (KernelError EEXIST, ENOENT)."""
        self.update_bytes(self._encode_key(key), self._encode_value(value), flags)

    def update_many(self, elements: Mapping[Any, Any] | Iterable[tuple[Any, Any]], flags: int = ANY) -> None:
        """Set elements, in one system call where the kernel has batches (5.6, by map type).

        The error says how many were set before the one that is refused. Raises KernelError.
        """
        given: Any = elements
        pairs = list(given.items() if hasattr(given, "items") else given)
        keys = b"".join([self._encode_key(key) for key, _ in pairs])
        self.update_many_bytes(keys, b"".join([self._encode_value(value) for _, value in pairs]), flags)

    def delete(self, key: Any) -> bool:
        """Delete an element; whether it was there. Raises KernelError."""
        return self.delete_bytes(self._encode_key(key))

    def delete_many(self, keys: Iterable[Any]) -> int:
        """Delete elements, in batches where the kernel has them (5.6); how many were there."""
        return self.delete_many_bytes(b"".join(map(self._encode_key, keys)))

    def clear(self) -> int:
        """Delete all elements that are there when their turn comes; how many. Raises KernelError."""
        return self.delete_many_bytes(b"".join(list(self.keys_bytes())))

    def pop(self, key: Any, default: Any = _MISSING) -> Any:
        """Read and delete an element at once; KeyError, or `default`, if it is not there.

        Before 5.14 (per-CPU and LRU hash tables as well) in two steps: what a program writes
        in between is lost. Raises KernelError.
        """
        raw = self._encode_key(key)
        try:
            data = self.pop_bytes(raw)
        except KernelError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, 524):
                raise
            data = self.lookup_bytes(raw)
            if data is not None and not self.delete_bytes(raw):
                data = None
        if data is not None:
            return self._value.decode(data)
        if default is _MISSING:
            raise KeyError(key)
        return default

    def pop_items(self) -> Iterator[tuple[Any, Any]]:
        """All elements, which are deleted as they are read, in batches where the kernel can (hashes 5.6).

        Elsewhere in two steps: what a program writes in between is lost. Raises KernelError.
        """
        from .many import pop_elements

        for keys, values, count in pop_elements(self):
            yield from zip(
                self._key.decode_many(keys, count), self._value.decode_many(values, count), strict=True
            )

    def keys(self) -> Iterator[Any]:
        """All keys, one system call each: cheaper than `items` if values are large."""
        return map(self._key.decode, self.keys_bytes())

    def items(self) -> Iterator[tuple[Any, Any]]:
        """All keys with their values, read in batches where the kernel can."""
        from itertools import chain

        decode_keys, decode_values = self._key.decode_many, self._value.decode_many
        return chain.from_iterable(
            zip(decode_keys(keys, count), decode_values(values, count), strict=True)
            for keys, values, count in self._elements()
        )

    def columns(self) -> tuple[list[Any], list[Any]]:
        """All keys, and their values in the same order: as `items`, but no pair is made of each."""
        keys: list[Any] = []
        values: list[Any] = []
        for some_keys, some_values, count in self._elements():
            keys += self._key.decode_many(some_keys, count)
            values += self._value.decode_many(some_values, count)
        return keys, values

    def values(self) -> Iterator[Any]:
        """All values."""
        return (value for _, value in self.items())

    # Queues, stacks and bloom filters, which have no keys

    def push(self, value: Any, flags: int = ANY) -> None:
        """Add a value; with EXIST the oldest of a full queue or stack makes room. Raises KernelError."""
        self.update_bytes(b"", self._encode_value(value), flags)

    def take(self) -> Any:
        """The next value, which is removed; None if there is none. Raises KernelError."""
        data = self.pop_bytes()
        return None if data is None else self._value.decode(data)

    def peek(self) -> Any:
        """The next value, which stays; None if there is none. Raises KernelError."""
        data = self.lookup_bytes(b"")
        return None if data is None else self._value.decode(data)

    def may_hold(self, value: Any) -> bool:
        """Whether a value may be in a bloom filter: False is certain. Raises KernelError."""
        error = syscall.map_lookup(self.fd, b"", bytearray(self._encode_value(value)))
        if error not in (0, -errno.ENOENT):
            raise self._error("look-up", error)
        return not error

    # One CPU of a per-CPU map

    def get_cpu(self, key: Any, cpu: int, default: Any = None) -> Any:
        """The value of a key on one CPU, or `default`; before 7.0 those of all CPUs are read for it."""
        raw, one = self._encode_key(key), self._one_cpu()
        try:
            data = self.lookup_bytes(raw, CPU | cpu << 32)
        except KernelError as error:
            if error.errno != errno.EINVAL:
                raise
            whole = self.get(key)
            return default if whole is None else whole[cpu]
        return default if data is None else one.decode(data)

    def set_cpu(self, key: Any, cpu: int, value: Any) -> None:
        """Set the value of a key on one CPU and leave the others alone (7.0).

        Raises NotSupportedError on older kernels, which can only write all CPUs; KernelError.
        """
        raw, data = self._encode_key(key), self._one_cpu().encode(value)
        try:
            self.update_bytes(raw, data, CPU | cpu << 32)
        except KernelError as error:
            if error.errno != errno.EINVAL:
                raise
            raise NotSupportedError(f"map '{self.name}': writing the value of one CPU", "7.0") from None

    def set_all_cpus(self, key: Any, value: Any) -> None:
        """Set the same value on all CPUs, from a single copy since 7.0. Raises KernelError."""
        raw, data = self._encode_key(key), self._one_cpu().encode(value)
        try:
            self.update_bytes(raw, data, ALL_CPUS)
        except KernelError as error:
            if error.errno != errno.EINVAL:
                raise
            stride = (self.value_size + 7) & ~7
            self.update_bytes(raw, data.ljust(stride, b"\0") * (self.element_size // stride))

    # Events

    def reader(self, **options: Any) -> RingBuffer | PerfBuffer:
        """A reader of the events in a ring buffer or perf event array; the caller closes it."""
        if self.type == MapType.RINGBUF:
            from ..readers.ringbuf import RingBuffer

            return RingBuffer(self, **options)
        if self.type == MapType.PERF_EVENT_ARRAY:
            from ..readers.perfbuf import PerfBuffer

            return PerfBuffer(self, **options)
        raise BpflabError(
            f"map '{self.name}': a {self.type.name} holds no events; ring buffers and perf event arrays do"
        )

    def event_decoder(self, type: str = "") -> Callable[[bytes], Any]:
        """What makes a value (of a struct: a record) of one of the map's events.

        `type` is the name of a struct, union or typedef of the object's BTF; '' is the type that
        the map's definition says. Raises BtfError if there is none, or none that makes sense.
        """
        from ..readers.event_types import decoder

        return decoder(self.name, self._types(), self._type_ids[1], type)

    def close(self) -> None:
        # The next file that is opened has the same number.
        self._table, self._short_look_up, self._short_update, self._short_delete = _NOTHING_SHORT
        super().close()

    # Between values and bytes

    @property
    def _key(self) -> Codec:
        return self._key_codec or self._find_codecs()[0]

    @property
    def _value(self) -> Codec:
        return self._value_codec or self._find_codecs()[1]

    def _find_codecs(self) -> tuple[Codec, Codec]:
        from .elements import key_codec, value_codec
        from .short_ways import short_ways

        btf, (key_type_id, value_type_id) = self._types(), self._type_ids
        key = key_codec(self.type, self.key_size, btf, key_type_id)
        value = value_codec(self.type, self.value_size, self.flags, btf, value_type_id)
        self._key_codec, self._value_codec = key, value
        ways = short_ways(self.fd, key, value, self.element_size)
        self._table, self._short_look_up, self._short_update, self._short_delete = ways
        return key, value

    def _types(self) -> Btf | None:
        if self._btf is None and self._btf_id:
            from ..btf_load import loaded_btf

            self._btf, self._btf_id = loaded_btf(self._btf_id), 0
        return self._btf

    def _one_cpu(self) -> Codec:
        from ..values.codec import PerCpuCodec

        if not isinstance(self._value, PerCpuCodec):
            raise BpflabError(f"map '{self.name}': a {self.type.name} has one value for all CPUs")
        return self._value.one

    def _encode_key(self, key: object) -> bytes:
        try:
            return self._key.encode(key)
        except ElementError as error:
            raise ElementError(f"map '{self.name}': key: {error}") from None

    def _encode_keys(self, keys: Iterable[Any] | bytes) -> bytes:
        try:
            return self._key.encode_many(keys)
        except ElementError as error:
            raise ElementError(f"map '{self.name}': key: {error}") from None

    def _encode_value(self, value: object) -> bytes:
        try:
            return self._value.encode(value)
        except ElementError as error:
            raise ElementError(f"map '{self.name}': value: {error}") from None
