"""Types as C declares them, for people."""

from __future__ import annotations

from ..errors import BtfError
from . import MAX_CHAIN, Btf
from .records import COMPOSITES, ENUMS, MODIFIERS, BtfType, Kind, Linkage, Member

MAX_PARTS = 1 << 16
"""Most types in one declaration; more come from BTF that holds a type within itself."""
MAX_DEPTH = 32
"""How deep types without a name, and function types, may be within each other."""
MAX_TEXT = 1 << 23
"""Most characters in one declaration, those within others counted again."""

_LINKAGE: dict[int, str] = {Linkage.STATIC: "static ", Linkage.GLOBAL: "", Linkage.EXTERN: "extern "}
_WORDS = {
    Kind.STRUCT: "struct",
    Kind.UNION: "union",
    Kind.ENUM: "enum",
    Kind.ENUM64: "enum",
    Kind.CONST: "const",
    Kind.VOLATILE: "volatile",
    Kind.RESTRICT: "restrict",
}


def declaration(btf: Btf, type_id: int, *, offsets: bool = False) -> str:
    """A type as C declares it: a struct with its members, an enum with its values, a function …

    Types with a name stand in it by name, those without in full. `offsets` adds a comment
    to each member, where it is in the whole struct (byte, or ``byte:bit`` of a bitfield), and
    the struct's size. Raises BtfError for malformed types.
    """
    return _Declaration(btf, offsets).of(btf.type(type_id))


class _Declaration:
    def __init__(self, btf: Btf, offsets: bool) -> None:
        self.btf = btf
        self.offsets = offsets
        self.parts = 0
        self.depth = 0
        self.length = 0

    def of(self, found: BtfType) -> str:
        """The declaration of one type."""
        match found.kind:
            case Kind.STRUCT | Kind.UNION:
                size = f" /* {found.size_or_type} bytes */" if self.offsets else ""
                return f"{self._composite(found, '', 0)};{size}"
            case Kind.ENUM | Kind.ENUM64:
                return f"{self._enum(found, '')};"
            case Kind.TYPEDEF:
                return f"typedef {self.variable(found.size_or_type, found.name)};"
            case Kind.FUNC | Kind.VAR:
                linkage = _LINKAGE.get(self.btf.linkage(found), "")
                return f"{linkage}{self.variable(found.size_or_type, found.name)};"
            case Kind.DATASEC:
                return self._section(found)
            case Kind.DECL_TAG:
                on = self.btf.describe(found.size_or_type)
                return f'__attribute__((btf_decl_tag("{found.name}"))) /* on {on} */;'
            case _:
                return f"{self.variable(found.id, '')};"

    def variable(self, type_id: int, name: str, indent: str = "", start: int = 0) -> str:
        """A variable, member or parameter of a type; with an empty name the type alone.

        `start` is where it is in the whole struct, in bits.

        C reads from the name outwards, and so do the types: a pointer adds ``*`` to the
        left of what is there, an array or function its brackets to the right.
        """
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise BtfError(f"types are nested more than {MAX_DEPTH} levels deep in BTF type {type_id}")
        text = self._outwards(type_id, name, indent, start)
        self.depth -= 1
        return self._counted(text)

    def _outwards(self, type_id: int, name: str, indent: str, start: int) -> str:
        text, qualifiers = name, ""
        for _ in range(MAX_CHAIN):
            self._count()
            found = self.btf.type(type_id)
            match found.kind:
                case kind if kind in MODIFIERS:
                    # An array's const is its elements' too, which may say so themselves.
                    if _qualifier(found) not in qualifiers:
                        qualifiers += f"{_qualifier(found)} "
                    type_id = found.size_or_type
                case Kind.PTR:
                    text = f"*{qualifiers}{text}"
                    qualifiers, start = "", 0
                    type_id = found.size_or_type
                case Kind.ARRAY:
                    array = self.btf.array(found)
                    text = f"{_grouped(text)}[{array.length}]"
                    type_id = array.type_id
                case Kind.FUNC_PROTO:
                    text = f"{_grouped(text)}({self._parameters(found, indent)})"
                    start = 0
                    type_id = found.size_or_type
                case _:
                    base = qualifiers + self._base(found, indent, start)
                    return f"{base} {text}".rstrip()
        raise BtfError(f"BTF type {type_id} goes round in a circle")

    def _count(self) -> None:
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise BtfError(f"a declaration of more than {MAX_PARTS} types; one of them holds itself")

    def _counted(self, text: str) -> str:
        self.length += len(text)
        if self.length > MAX_TEXT:
            raise BtfError(f"a declaration of more than {MAX_TEXT} characters")
        return text

    def _base(self, found: BtfType, indent: str, start: int) -> str:
        """What a variable's declaration begins with: a name, or all of a type without one."""
        if found.kind == Kind.VOID:
            return "void"
        if not found.name and found.kind in COMPOSITES:
            return self._composite(found, indent, start)
        if not found.name and found.kind in ENUMS:
            return self._enum(found, indent)
        return self.btf.describe(found.id)

    def _parameters(self, found: BtfType, indent: str) -> str:
        parameters = self.btf.parameters(found)
        # The last one without type and name is the ellipsis.
        written = [
            "..." if (name, type_id) == ("", 0) else self.variable(type_id, name, indent)
            for name, type_id in parameters
        ]
        return ", ".join(written) or "void"

    def _composite(self, found: BtfType, indent: str, start: int) -> str:
        inner = f"{indent}\t"
        if not found.vlen:
            return f"{_opening(found)}}}"
        members = [f"{inner}{self._member(member, inner, start)}" for member in self.btf.members(found)]
        return "\n".join((_opening(found), *members, f"{indent}}}"))

    def _member(self, member: Member, indent: str, start: int) -> str:
        start += member.bit_offset
        text = self.variable(member.type_id, member.name, indent, start)
        bits = member.bit_size or self._old_bit_size(member)
        if bits:
            text += f" : {bits}"
        if not self.offsets:
            return f"{text};"
        place = f"{start // 8}:{start % 8}" if bits else f"{start // 8}"
        return f"{text}; /* {place} */"

    def _old_bit_size(self, member: Member) -> int:
        """Before kernel 5.0 a bitfield was an INT of fewer bits than its size."""
        found = self.btf.resolve(member.type_id)
        if found.kind != Kind.INT:
            return 0
        bits = self.btf.integer(found)[2]
        return bits if bits != found.size_or_type * 8 else 0

    def _enum(self, found: BtfType, indent: str) -> str:
        enumerators = self.btf.enumerators(found)
        values = [self._counted(f"{indent}\t{name} = {value},") for name, value in enumerators]
        return "\n".join((_opening(found), *values, f"{indent}}}"))

    def _section(self, found: BtfType) -> str:
        lines = [f"/* section {found.name}, {found.size_or_type} bytes */"]
        for entry in self.btf.section_variables(found):
            place = f" /* {entry.offset} */" if self.offsets else ""
            variable = self.btf.type(entry.type_id)
            if variable.kind not in (Kind.VAR, Kind.FUNC):
                raise BtfError(f"section '{found.name}' holds no variable but BTF type {variable.id}")
            lines.append(self.of(variable) + place)
        return "\n".join(lines)


def _opening(found: BtfType) -> str:
    return " ".join(filter(None, (_WORDS[Kind(found.kind)], found.name, "{")))


def _qualifier(found: BtfType) -> str:
    if found.kind == Kind.TYPE_TAG:
        return f'__attribute__((btf_type_tag("{found.name}")))'
    return _WORDS[Kind(found.kind)]


def _grouped(text: str) -> str:
    """In parentheses if a pointer is next to the name: brackets bind closer."""
    return f"({text})" if text.startswith("*") else text
