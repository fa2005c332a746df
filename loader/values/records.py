"""Structs and unions as light records: immutable, compared and hashed by value, fields as attributes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from ..errors import ElementError
from .codec import BYTES, BytesCodec, Codec, IntCodec, exact_bytes

if TYPE_CHECKING:
    from .codec import ByteOrder


class Record(tuple[Any, ...]):
    """A struct: a tuple of its members, which are attributes by their names.

    The members of an anonymous struct or union are attributes as well, as in C; in the tuple
    it is one item, without a name.
    """

    __slots__ = ()
    _fields: ClassVar[tuple[str, ...]] = ()
    _hidden: ClassVar[dict[int, tuple[str, ...]]] = {}
    """Place of an anonymous member → the names in it."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def _asdict(self) -> dict[str, Any]:
        """The members by name, those of anonymous ones included."""
        return dict(self._named())

    def _named(self) -> Iterator[tuple[str, Any]]:
        for place, name in enumerate(self._fields):
            if name:
                yield name, self[place]
            for hidden in self._hidden.get(place, ()):
                yield hidden, getattr(self[place], hidden)

    def _replace(self, **changes: Any) -> Self:
        """A record with other values of some members. Raises TypeError for names that it does not have."""
        items = list(self)
        for place, name in enumerate(self._fields):
            if name in changes:
                items[place] = changes.pop(name)
            inner = {each: changes.pop(each) for each in self._hidden.get(place, ()) if each in changes}
            if inner:
                items[place] = items[place]._replace(**inner)
        if changes:
            raise TypeError(f"{type(self).__name__} has no member '{next(iter(changes))}'")
        return type(self)(items)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._named())})"


class Union:
    """A union: bytes that are read as whichever member is asked for; ``bytes(union)`` are all of them."""

    __slots__ = ("_codec", "_raw")

    def __init__(self, codec: UnionCodec, raw: bytes) -> None:
        self._codec = codec
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        try:
            return self._codec.read(name, self._raw)
        except KeyError:
            raise AttributeError(f"{self._codec.name} has no member '{name}'") from None

    def _replace(self, **changes: Any) -> Union:
        """A union in which one member is set. Raises ElementError."""
        return Union(self._codec, self._codec.encode(changes))

    def __bytes__(self) -> bytes:
        return self._raw

    def __eq__(self, other: object) -> bool:
        return self._raw == other._raw if isinstance(other, Union) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._raw)

    def __repr__(self) -> str:
        members = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._codec.names)
        return f"{self._codec.name}({members})"


class Field(NamedTuple):
    """A member of a struct or union: the codec of its bytes, and where they start."""

    name: str
    offset: int
    codec: Codec


class BitfieldCodec(Codec):
    """Some bits of the bytes that hold them: `first` counts from the lowest bit."""

    def __init__(self, size: int, first: int, bits: int, signed: bool, order: ByteOrder) -> None:
        self.size = size
        self._first = first
        self._bits = bits
        self._signed = signed
        self._order = order

    def encode(self, value: object) -> bytes:
        low = -1 << self._bits - 1 if self._signed else 0
        if not isinstance(value, int) or not low <= value < low + (1 << self._bits):
            raise ElementError(f"expected an integer of {self._bits} bits, got {value!r}")
        number = (value & (1 << self._bits) - 1) << self._first
        return number.to_bytes(self.size, self._order)

    def decode(self, data: bytes) -> int:
        number = int.from_bytes(data, self._order) >> self._first & (1 << self._bits) - 1
        return number - (1 << self._bits) if self._signed and number >> self._bits - 1 else number


class TailCodec(Codec):
    """An array without length at the end of a struct: as many elements as there are bytes for."""

    size = 0

    def __init__(self, one: Codec, gather: Callable[[list[Any]], Any]) -> None:
        self.one = one
        self._gather = gather

    def encode(self, value: object) -> bytes:
        return b""

    def decode(self, data: bytes) -> Any:
        return self._gather(self.one.decode_many(data, len(data) // self.one.size))


class AggregateCodec(Codec):
    """What structs and unions have in common: members, which are looked at when they are first needed."""

    def __init__(
        self, name: str, size: int, order: ByteOrder, read_fields: Callable[[], Iterable[Field]]
    ) -> None:
        self.name = name or "anonymous"
        self.size = size
        self._order = order
        self._read_fields = read_fields

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The members in order. Raises BtfError if they make no sense."""
        return tuple(self._read_fields())

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The members' names, those in anonymous ones included."""
        names: list[str] = []
        for field in self.fields:
            names += [field.name] if field.name else _names_in(field.codec)
        return tuple(names)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names)

    def _by_name(self, value: object) -> Mapping[str, Any] | None:
        """The value as a mapping; None if it is a sequence or anything else."""
        if isinstance(value, Mapping):
            given: Mapping[str, Any] = value
        elif hasattr(value, "__dict__") and not isinstance(value, tuple):
            given = vars(value)
        else:
            return None
        if unknown := given.keys() - self._known:
            raise ElementError(f"{self.name} has no member '{min(map(str, unknown))}'")
        return given

    def _encode_field(self, field: Field, value: object) -> bytes:
        try:
            return field.codec.encode(value)
        except ElementError as error:
            raise ElementError(f"{field.name or 'anonymous member'}: {error}") from None


class StructCodec(AggregateCodec):
    """A struct as a `Record`; encodes records, tuples, mappings (what is left out is zero), and objects."""

    @cached_property
    def record(self) -> type[Record]:
        """The class of its records."""
        names = tuple(field.name for field in self.fields)
        hidden = {i: _names_in(f.codec) for i, f in enumerate(self.fields) if not f.name}
        members: dict[str, Any] = {"__slots__": (), "_fields": names, "_hidden": hidden}
        for place, name in enumerate(names):
            if name:
                members[name] = property(itemgetter(place))
            for inner in hidden.get(place, ()):
                members[inner] = property(_reach(place, inner))
        return type(self.name, (Record,), members)

    @cached_property
    def _packed(self) -> tuple[struct.Struct, list[Codec | None]] | None:
        """All members in one go, with the codecs of those that are no numbers; None if they overlap."""
        at, text = 0, "<" if self._order == "little" else ">"
        codecs: list[Codec | None] = []
        for _, offset, codec in self.fields:
            if offset < at or isinstance(codec, BitfieldCodec | TailCodec):
                return None
            number = isinstance(codec, IntCodec) and bool(codec.format)
            text += f"{offset - at}x"
            text += codec.format if isinstance(codec, IntCodec) and number else f"{codec.size}s"
            codecs.append(None if number else codec)
            at = offset + codec.size
        return struct.Struct(f"{text}{self.size - at}x"), codecs

    @cached_property
    def _conversions(self) -> list[tuple[int, Callable[[bytes], Any]]]:
        """Places of the members that are not what `struct` makes of them already, with what they become."""
        codecs = self._packed[1] if self._packed else []
        return [
            (place, codec.decode)
            for place, codec in enumerate(codecs)
            if codec is not None and type(codec) is not BytesCodec
        ]

    def decode(self, data: bytes) -> Record:
        """What lies behind the struct is left out, unless its last member is an array without length."""
        if self._packed is not None:
            return self._make(self._packed[0].unpack_from(data))
        return self.record(
            codec.decode(data[offset : None if isinstance(codec, TailCodec) else offset + codec.size])
            for _, offset, codec in self.fields
        )

    def decoder(self) -> Callable[[bytes], Any]:
        if self._packed is None or self._conversions:
            return self.decode
        unpack, record = self._packed[0].unpack_from, self.record
        return lambda data: record(unpack(data))

    def decode_many(self, data: bytes | bytearray, count: int) -> list[Any]:
        if self._packed is None or not self.size:
            return super().decode_many(data, count)
        raw = self._packed[0].iter_unpack(memoryview(data)[: count * self.size])
        return list(map(self._make if self._conversions else self.record, raw))

    def _make(self, raw: tuple[Any, ...]) -> Record:
        conversions = self._conversions
        if not conversions:
            return self.record(raw)
        items = list(raw)
        for place, convert in conversions:
            items[place] = convert(items[place])
        return self.record(items)

    def encode(self, value: object) -> bytes:
        if type(value) is bytes and len(value) == self.size:
            return value
        if isinstance(value, BYTES):
            return exact_bytes(value, self.size, f"a {self.name} or ")
        given = self._by_name(value)
        if given is not None:
            pairs = [(field, _pick(field, given)) for field in self.fields]
        elif isinstance(value, list | tuple) and len(value) == len(self.fields):
            pairs = list(zip(self.fields, value, strict=True))
        else:
            words = f"{len(self.fields)} members or {self.size} bytes"
            raise ElementError(f"expected a {self.name} of {words}, got {value!r}")
        return self._encode_packed(pairs) or self._encode_apart(pairs)

    def _encode_packed(self, pairs: list[tuple[Field, Any]]) -> bytes | None:
        """All members in one go; None where they overlap, or one is no number that fits."""
        if self._packed is None:
            return None
        packed, codecs = self._packed
        items: list[Any] = []
        for (field, item), codec in zip(pairs, codecs, strict=True):
            if codec is None:
                items.append(0 if item is None else item)
            else:
                items.append(b"" if item is None else self._encode_field(field, item))
        try:
            return packed.pack(*items)
        except struct.error:
            return None

    def _encode_apart(self, pairs: list[tuple[Field, Any]]) -> bytes:
        """Member by member. Raises ElementError that names the one that does not fit."""
        whole = 0
        for field, item in pairs:
            if item is not None:
                # Bitfields share bytes, everything else is there alone.
                part = self._encode_field(field, item)
                behind = field.offset if self._order == "little" else self.size - field.offset - len(part)
                whole |= int.from_bytes(part, self._order) << 8 * behind
        return whole.to_bytes(self.size, self._order)


class UnionCodec(AggregateCodec):
    """A union as a `Union`; encodes one of those, or a mapping with one member."""

    def read(self, name: str, raw: bytes) -> Any:
        """A member's value. Raises KeyError."""
        for field in self.fields:
            data = raw[field.offset : field.offset + field.codec.size]
            if field.name == name:
                return field.codec.decode(data)
            if not field.name and name in _names_in(field.codec):
                return getattr(field.codec.decode(data), name)
        raise KeyError(name)

    def decode(self, data: bytes) -> Union:
        return Union(self, data)

    def encode(self, value: object) -> bytes:
        if isinstance(value, Union):
            value = bytes(value)
        if isinstance(value, BYTES):
            return exact_bytes(value, self.size, f"a {self.name} or ")
        given = self._by_name(value)
        if given is None:
            raise ElementError(f"expected a {self.name}, one of its members by name, or bytes; got {value!r}")
        chosen = [(field, item) for field in self.fields if (item := _pick(field, given)) is not None]
        if len(chosen) > 1:
            names = " and ".join(repr(field.name) for field, _ in chosen)
            raise ElementError(f"only one member of {self.name} can be set, not {names}")
        raw = bytearray(self.size)
        for field, item in chosen:
            raw[field.offset : field.offset + field.codec.size] = self._encode_field(field, item)
        return bytes(raw)


def _names_in(codec: Codec) -> tuple[str, ...]:
    return codec.names if isinstance(codec, AggregateCodec) else ()


def _reach(place: int, name: str) -> Any:
    return lambda record: getattr(record[place], name)


def _pick(field: Field, given: Mapping[str, Any]) -> Any:
    """What is given for a member, gathered by their names for those of an anonymous one; None for nothing."""
    if field.name:
        return given.get(field.name)
    return {name: given[name] for name in _names_in(field.codec) if name in given} or None
