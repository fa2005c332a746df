"""Records, enumerations, files and words, without importing the modules that are usually asked.

`dataclasses`, `typing`, `enum` and `pathlib` take longer to import than the interpreter takes to
start, and a class made with the first three up to a millisecond more. Here is as much of them as
the loader uses, with the same meaning; for a type checker the classes are the originals. The same
goes for functions of the interpreter's that a module only hands on.
"""

from __future__ import annotations

import os
import sys

__all__ = [
    "NATIVE",
    "TYPE_CHECKING",
    "IntEnum",
    "IntFlag",
    "NamedTuple",
    "OpenEnum",
    "PlainData",
    "Protocol",
    "as_words",
    "bisect_left",
    "bisect_right",
    "cache",
    "field",
    "partial",
    "read_file",
    "read_words",
    "replace",
    "struct",
    "swapped",
]

TYPE_CHECKING = False

if TYPE_CHECKING:
    import struct
    from bisect import bisect_left, bisect_right
    from dataclasses import field
    from enum import IntEnum, IntFlag
    from enum import IntEnum as OpenEnum
    from functools import cache, partial
    from pathlib import Path
    from typing import Any, NamedTuple, Protocol, TypeVar, dataclass_transform

    from .insn import ByteOrder
    from .string_table import Data

    @dataclass_transform(field_specifiers=(field,))
    class PlainData: ...

    One = TypeVar("One", bound=PlainData)

    def replace(record: One, **changes: Any) -> One: ...
else:
    import _struct as struct
    from _bisect import bisect_left, bisect_right
    from _collections import _tuplegetter  # what collections.namedtuple reads its fields with

    _NONE = object()

    class Protocol:
        """Means something to type checkers only."""

    def partial(function, *arguments):
        """A function with its first arguments in place."""
        from _functools import partial  # here, as readers of events alone have use for it

        return partial(function, *arguments)

    _MOST = 1024

    def cache(function):
        """A function that remembers its results (forgets all of them when there are very many)."""
        known = {}

        def cached(*arguments):
            if arguments not in known:
                if len(known) == _MOST:
                    known.clear()
                known[arguments] = function(*arguments)
            return known[arguments]

        cached.cache_clear = known.clear
        return cached

    # Records with slots

    class field:
        """What is special about a field of a `PlainData`."""

        def __init__(self, *, default=_NONE, default_factory=_NONE, repr=True, compare=True):
            self.default = default
            self.factory = default_factory
            self.shown = repr
            self.compared = compare

    _FEW = 8
    """Records that are made without a constructor of their own: compiling one takes as long as dozens."""

    class _DataType(type):
        def __new__(cls, name, bases, namespace):
            fields = {one: namespace.pop(one, _NONE) for one in namespace.get("__annotations__", ())}
            namespace["__slots__"] = tuple(fields)
            if fields:
                namespace |= {"_fields": fields, "_left": _FEW}
            return type.__new__(cls, name, bases, namespace)

    class PlainData(metaclass=_DataType):
        """What is made, compared and shown by the annotated fields of its class, which are slots.

        Making a dataclass with slots makes two classes.
        """

        def __init__(self, *values, **named):
            cls = self.__class__
            cls._left -= 1
            if cls._left < 0 or not _set_fields(self, cls._fields, values, named):
                cls.__init__ = _constructor(cls._fields)
                cls.__init__(self, *values, **named)

        def __eq__(self, other):
            if other.__class__ is not self.__class__:
                return NotImplemented
            names = [name for name, one in self._fields.items() if one.__class__ is not field or one.compared]
            return all(getattr(self, name) == getattr(other, name) for name in names)

        __hash__ = None

        def __repr__(self):
            names = [name for name, one in self._fields.items() if one.__class__ is not field or one.shown]
            parts = [f"{name}={getattr(self, name)!r}" for name in names]
            return f"{self.__class__.__name__}({', '.join(parts)})"

    def _set_fields(record, fields, values, named):
        """Set the fields one by one; whether the arguments fit."""
        arguments = dict(zip(fields, values, strict=False)) | named
        if len(arguments) != len(values) + len(named) or not arguments.keys() <= fields.keys():
            return False
        for name, given in fields.items():
            if name in arguments:
                value = arguments[name]
            elif given.__class__ is field:
                value = given.default if given.factory is _NONE else given.factory()
            else:
                value = given
            if value is _NONE:
                return False
            setattr(record, name, value)
        return True

    _LITERALS = {list: "[]", dict: "{}"}
    """What takes a third of the time that a call does."""

    def _constructor(fields):
        """An ``__init__`` that sets every field; from source, to be as fast as one written by hand."""
        parameters, body, names = [], [], {"_NONE": _NONE}
        for name, given in fields.items():
            one = given if given.__class__ is field else field(default=given)
            names |= {f"_default_{name}": one.default, f"_make_{name}": one.factory}
            has_factory = one.factory is not _NONE
            has_default = has_factory or one.default is not _NONE
            parameters.append(f"{name}=_default_{name}" if has_default else name)
            made = _LITERALS.get(one.factory, f"_make_{name}()")
            value = f"{made} if {name} is _NONE else {name}" if has_factory else name
            body.append(f" self.{name} = {value}\n")
        exec(f"def __init__(self, {', '.join(parameters)}):\n{''.join(body)}", names)
        return names["__init__"]

    def replace(record, **changes):
        """A copy of a record with some fields changed."""
        values = {name: getattr(record, name) for name in record._fields}
        return record.__class__(**values | changes)

    # Tuples with names

    class _TupleType(type):
        def __new__(cls, name, bases, namespace):
            names = tuple(namespace.get("__annotations__", ()))
            defaults = {field: namespace.pop(field) for field in names if field in namespace}
            namespace |= {field: _tuplegetter(place, None) for place, field in enumerate(names)}
            namespace |= {"__slots__": (), "_fields": names, "_count": len(names), "_defaults": defaults}
            return type.__new__(cls, name, bases, namespace)

    class NamedTuple(tuple, metaclass=_TupleType):
        """A tuple whose places are the annotated fields of its class."""

        def __new__(cls, *values, **named):
            if named or len(values) != cls._count:
                values = cls._complete(values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _complete(cls, values, named):
            rest, given = cls._fields[len(values) :], cls._defaults | named
            if len(values) > len(cls._fields) or not named.keys() <= {*rest} <= given.keys():
                raise TypeError(f"{cls.__name__} takes the fields {', '.join(cls._fields)}")
            return values + tuple([given[name] for name in rest])

        def _replace(self, **changes):
            values = [changes.pop(name, value) for name, value in zip(self._fields, self, strict=True)]
            return self.__class__(*values, **changes)

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            parts = zip(self._fields, self, strict=True)
            return f"{self.__class__.__name__}({', '.join([f'{name}={one!r}' for name, one in parts])})"

    # Numbers with names

    class _EnumType(type):
        """Makes a member when it is first asked for: there are hundreds, and a load needs a few."""

        def __new__(cls, name, bases, namespace):
            numbers = {one: number for one, number in namespace.items() if isinstance(number, int)}
            rest = {one: given for one, given in namespace.items() if one not in numbers}
            made = type.__new__(cls, name, bases, rest | {"__slots__": ()})
            made._numbers, made._members = numbers, {}
            return made

        def __getattr__(cls, name):
            if name == "_names":
                found = {}
                for one, number in cls._numbers.items():
                    found.setdefault(number, one)
            elif name in cls._numbers:
                found = cls(cls._numbers[name])
            else:
                raise AttributeError(f"{cls.__name__} has no '{name}'")
            type.__setattr__(cls, name, found)
            return found

        def __call__(cls, number):
            found = cls._members.get(number)
            if found is None and number in cls._names:
                found = cls._members.setdefault(number, int.__new__(cls, number))
            if found is None:
                found = cls._missing_(number)
            if found is None:
                raise ValueError(f"{number!r} is not a valid {cls.__name__}")
            return found

        def __getitem__(cls, name):
            return cls(cls._numbers[name])

        def __iter__(cls):
            return map(cls, cls._names)

        def __len__(cls):
            return len(cls._names)

        def __contains__(cls, number):
            return number in cls._names

    class IntEnum(int, metaclass=_EnumType):
        """Numbers that have names."""

        @classmethod
        def _missing_(cls, number):
            return None

        @property
        def name(self):
            """As the enumeration calls it."""
            return self._names.get(self) or self._describe()

        @property
        def value(self):
            """The number alone."""
            return int(self)

        def __reduce__(self):
            return self.__class__, (int(self),)

        def __repr__(self):
            return f"<{self.__class__.__name__}.{self.name}: {int(self)}>"

        __str__ = int.__repr__

    class IntFlag(IntEnum):
        """Bits that have names; a sum of them is a plain number."""

        @classmethod
        def _missing_(cls, number):
            return int.__new__(cls, number)

        def _describe(self):
            return "|".join(bit.name for bit in self.__class__ if self & bit)

    class OpenEnum(IntEnum):
        """An enumeration that takes numbers it does not know: kernels grow faster than this code."""

        @classmethod
        def _missing_(cls, number):
            return int.__new__(cls, number) if isinstance(number, int) and 0 <= number < 1 << 32 else None

        def _describe(self):
            return f"UNKNOWN_{int(self)}"


# Files without pathlib

_SMALL, _LARGE = 1 << 16, 1 << 20


def read_file(path: str | Path) -> bytes:
    """All of a file, also of one in /proc or /sys that does not say its size. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts: list[bytes] = []
        size = _SMALL
        # Only an empty read is the end: /sys gives a page at a time, whatever is asked for.
        while part := os.read(fd, size):
            parts.append(part)
            size = _LARGE if len(part) == size else _SMALL
        return b"".join(parts)
    finally:
        os.close(fd)


# Words without array

NATIVE: ByteOrder = "<" if sys.byteorder == "little" else ">"


def read_words(data: Data, start: int, size: int, byte_order: ByteOrder) -> memoryview:
    """A part of the data as 32-bit words, as it lies there if this machine can read it so."""
    if byte_order == NATIVE and not start % 4:
        return as_words(memoryview(data)[start : start + size])
    copied = bytearray(data[start : start + size])
    return as_words(copied if byte_order == NATIVE else swapped(copied))


def as_words(data: bytes | bytearray | memoryview) -> memoryview:
    """Bytes as 32-bit words of this machine."""
    return memoryview(data).cast("I") if len(data) else memoryview(bytes(4)).cast("I")[:0]


def swapped(words: bytes | bytearray) -> bytearray:
    """The same words in the other byte order."""
    from array import array  # here, for objects of the other byte order only

    other = array("I", words)
    other.byteswap()
    return bytearray(other.tobytes())
