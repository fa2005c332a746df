"""From what decodes a value to the Python type of that value, and the classes it needs.

The loader's own codecs are asked, so that what a skeleton says is what the loader gives.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, field

from ...loader.values.codec import BytesCodec, Codec, IntCodec, PerCpuCodec
from ...loader.values.records import BitfieldCodec, Field, StructCodec, TailCodec
from ...loader.values.typed import ArrayCodec, BoolCodec, EnumCodec, FloatCodec, TextCodec

_PLAIN: dict[type[Codec], str] = {
    BitfieldCodec: "int",
    BoolCodec: "bool",
    BytesCodec: "bytes",
    EnumCodec: "int",
    FloatCodec: "float",
    IntCodec: "int",
    TextCodec: "str",
}


@dataclass(frozen=True)
class RecordClass:
    """A struct as a class: a tuple of its members, which are attributes by their names.

    `is_tuple` is false where members lie in an anonymous struct or union: then the class
    says what can be read only.
    """

    name: str
    struct: str
    size: int
    members: tuple[tuple[str, str], ...]
    is_tuple: bool


@dataclass
class Annotations:
    """Names the types of values; `records` are the classes named so far, each after those it uses."""

    taken: set[str]
    records: list[RecordClass] = field(default_factory=list)
    _known: dict[str, RecordClass] = field(default_factory=dict)

    def of(self, codec: Codec, name: str) -> str:
        """The annotation for values of a codec; `name` is for a struct that has none of its own."""
        if isinstance(codec, PerCpuCodec):
            return f"list[{self.of(codec.one, name)}]"
        if isinstance(codec, ArrayCodec | TailCodec):
            return f"tuple[{self.of(codec.one, name)}, ...]" if codec.one.size else "bytes"
        if isinstance(codec, StructCodec):
            return self._record(codec, name)
        # What is left are unions, which are read by the name of a member.
        return next((text for kind, text in _PLAIN.items() if isinstance(codec, kind)), "Any")

    def _record(self, codec: StructCodec, name: str) -> str:
        struct = "" if codec.name == "anonymous" else codec.name
        if struct in self._known and struct:
            return self._known[struct].name
        members = tuple(self._members(codec.fields, struct or name))
        usable = all(member.isidentifier() and not keyword.iskeyword(member) for member, _ in members)
        if not usable or not members:
            return "Any"
        is_tuple = all(each.name and not each.name.startswith("_") for each in codec.fields)
        made = RecordClass(self._class_name(struct or name), struct, codec.size, members, is_tuple)
        self.records.append(made)
        if struct:
            self._known[struct] = made
        return made.name

    def _members(self, fields: tuple[Field, ...], inside: str) -> list[tuple[str, str]]:
        """Names and annotations; the members of an anonymous struct or union are those of what holds it."""
        found: list[tuple[str, str]] = []
        for each in fields:
            if each.name:
                found.append((each.name, self.of(each.codec, f"{inside}_{each.name}")))
            elif isinstance(each.codec, StructCodec):
                found += self._members(each.codec.fields, inside)
            else:
                found += [(name, "Any") for name in getattr(each.codec, "names", ())]
        return found

    def _class_name(self, name: str) -> str:
        found = camel(name)
        while found in self.taken:
            found += "_"
        self.taken.add(found)
        return found


def camel(name: str) -> str:
    """``flow_key`` → ``FlowKey``: a class's name for any other name."""
    joined = "".join(word[0].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name) if word)
    return joined if joined.isidentifier() else f"X{joined}"


def snake(name: str) -> str:
    """A name that Python takes for an attribute: ``.rodata`` → ``rodata``, ``class`` → ``class_``."""
    cleaned = re.sub(r"[^A-Za-z0-9]", "_", name).strip("_") or "_"
    cleaned = f"_{cleaned}" if cleaned[0].isdigit() else cleaned
    return f"{cleaned}_" if keyword.iskeyword(cleaned) else cleaned
