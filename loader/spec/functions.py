"""Reading functions: their instructions, what these refer to, and which functions are programs."""

from __future__ import annotations

from .. import insn as bpf
from ..btf import Kind
from ..btf.ext import line_rows
from ..elf import SHF_EXECINSTR, SHT_PROGBITS, STB_LOCAL, STT_FUNC, Section, Symbol, place_of
from ..enums import ProgType
from ..lean import TYPE_CHECKING, bisect_left, bisect_right
from . import ExternReference, ExternSpec, Function, FunctionReference, MapReference, ProgramSpec
from .file import ARENA, JUMP_TABLES, LEGACY_MAPS, MAPS, ObjectFile, data_kind
from .sections import NO_ATTACH, find_section

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..errors import ObjectError
    from .jump_tables import JumpTableReader

TEXT = ".text"
"""Functions in here are never programs, only called by them."""


class FunctionReader:
    """Finds all functions of an object and resolves what their instructions refer to."""

    def __init__(self, file: ObjectFile, externs: dict[str, ExternSpec]) -> None:
        self.file = file
        self.externs = externs
        self.functions: list[Function] = []
        self.places: dict[tuple[int, int], int] = {}
        """(section number, offset) → index in `functions`."""
        self._starts: dict[int, list[int]] = {}
        """Section number → offsets of its functions."""
        self._in: dict[int, list[Function]] = {}
        """The functions at these offsets."""
        self._jump_tables: JumpTableReader | None = None
        self._find_functions()

    def _find_functions(self) -> None:
        """In the order of section and offset, so that the same file always gives the same list."""
        elf, all_functions, places = self.file.elf, self.functions, self.places
        number, section = 0, None
        for symbol in sorted(elf.symbols_of(STT_FUNC), key=place_of):
            name, start, size, _, bind, _, home = symbol
            if home != number:
                number, section = home, elf.section_of(symbol)
                if section and is_code(section):
                    contents, end = elf.contents(section), 0
                    starts = self._starts[number] = []
                    functions = self._in[number] = []
                else:
                    section = None
            if section is None:
                continue
            if not size or (start | size) % bpf.SIZE or start + size > section.size:
                raise self._cut(section, symbol)
            if starts and start == starts[-1]:
                continue  # an alias
            if start < end:
                raise self.file.error(section.name, f"function '{name}' starts within another one")
            end = start + size
            places[number, start] = len(all_functions)
            starts.append(start)
            function = Function(name, section.name, contents[start:end], bind != STB_LOCAL)
            functions.append(function)
            all_functions.append(function)

    def _cut(self, section: Section, symbol: Symbol) -> ObjectError:
        """A function must be whole instructions of its section."""
        offset, size = symbol.value, symbol.size
        if size == 0 or size % bpf.SIZE or offset % bpf.SIZE:
            problem = f"function '{symbol.name}' ({offset}+{size}) is no whole number of instructions"
        else:
            problem = f"function '{symbol.name}' reaches beyond {section.size} bytes"
        return self.file.error(section.name, problem)

    def read(self) -> list[Function]:
        """Fill in references and BTF.ext records of all functions. Raises ObjectError."""
        elf = self.file.elf
        for relocations in elf.relocations_of(self._starts):
            self._read_relocations(relocations, elf.section_at(relocations.info))
        for number, starts in self._starts.items():
            section = elf.section_at(number)
            for start, function in zip(starts, self._in[number], strict=True):
                self._read_local_calls(section, start, function)
            self._read_ext(section)
        for function in self.functions:
            for references in (function.maps, function.functions, function.externs, function.jump_tables):
                if references:
                    references.sort()
        return self.functions

    def _containing(self, section: int, offset: int) -> tuple[Function, int] | None:
        """The function that an offset lies in, and the index of its instruction there."""
        starts = self._starts[section]
        position = bisect_right(starts, offset) - 1
        if position < 0:
            return None
        function = self._in[section][position]
        within = offset - starts[position]
        return (function, within // bpf.SIZE) if within < len(function.insns) else None

    def _read_relocations(self, relocations: Section, target: Section) -> None:
        for offset, symbol, _ in self.file.elf.relocations(relocations):
            if offset % bpf.SIZE or offset >= target.size:
                raise self.file.error(relocations.name, f"relocation at {offset} hits no instruction")
            place = self._containing(target.number, offset)
            # The static linker leaves the code of weak functions that another file overrides,
            # without a symbol: nothing can call it.
            if place:
                self._read_reference(*place, offset, symbol)

    def _read_reference(self, function: Function, index: int, offset: int, symbol: Symbol) -> None:
        """`offset` is where the instruction is in its section."""
        file, home = self.file, symbol.section
        code, imm = bpf.read_number(function.insns, index, file.elf.byte_order)
        if code not in (bpf.CALL, bpf.LD_IMM64):
            raise file.error(
                function.section,
                f"{_where(function, index)} (code {code:#04x}) cannot refer to '{symbol.name}'",
            )
        if code == bpf.LD_IMM64:
            if (index + 2) * bpf.SIZE > len(function.insns):
                raise file.error(function.section, f"{_where(function, index)}: a 64-bit load is cut off")
            if home in file.data_maps:
                at = (symbol.value + imm) & 0xFFFFFFFF
                function.maps.append(tuple.__new__(MapReference, (index, file.data_maps[home], at)))
                return
            if (home, symbol.value) in file.places:
                function.maps.append(MapReference(index, file.places[home, symbol.value], None))
                return
        if symbol.is_extern:
            if symbol.name not in self.externs:
                raise file.error(
                    function.section,
                    f"{_where(function, index)} refers to '{symbol.name}', which is nowhere declared",
                )
            function.externs.append(ExternReference(index, symbol.name))
            return
        section = file.elf.section_of(symbol)
        if section is None:
            raise file.error(
                function.section,
                f"{_where(function, index)} refers to '{symbol.name}', which this object does not define; "
                "is a variable not initialized, or another object not linked in?",
            )
        if is_code(section):
            is_call = code == bpf.CALL
            # Of a static function the symbol is its section, and the rest of the offset is in imm.
            at = symbol.value + ((imm + 1) * bpf.SIZE if is_call else imm)
            self._add_function_reference(function, index, section, at, is_call)
        elif code == bpf.CALL:
            raise file.error(
                function.section,
                f"{_where(function, index)} calls '{symbol.name}' in data section '{section.name}'",
            )
        elif section.name == JUMP_TABLES:
            start = offset - index * bpf.SIZE
            function.jump_tables.append(self._tables_in(section).read(function, index, start, symbol))
        else:
            raise self._no_map(function, index, section, symbol)

    def _tables_in(self, section: Section) -> JumpTableReader:
        if self._jump_tables is None:
            from .jump_tables import JumpTableReader  # here, as few objects have any

            self._jump_tables = JumpTableReader(self.file, section)
        return self._jump_tables

    def _add_function_reference(
        self, function: Function, index: int, section: Section, offset: int, is_call: bool
    ) -> None:
        target = self.places.get((section.number, offset))
        if target is None:
            raise self.file.error(
                function.section,
                f"function '{function.name}': instruction {index} calls '{section.name}' at {offset}, "
                "where no function starts",
            )
        function.functions.append(FunctionReference(index, target, is_call))

    def _no_map(self, function: Function, index: int, section: Section, symbol: Symbol) -> ObjectError:
        """What is wrong with a reference to something that is neither code nor a map."""
        if section.name in (MAPS, LEGACY_MAPS):
            problem = f"'{section.name}' at {symbol.value}, where no map is declared"
        elif data_kind(section) or section.name == ARENA:
            problem = f"'{symbol.name}' in the empty section '{section.name}'"
        else:
            problem = f"'{symbol.name}' in section '{section.name}', which holds neither maps nor data"
        return self.file.error(function.section, f"{_where(function, index)} refers to {problem}")

    def _read_local_calls(self, section: Section, start: int, function: Function) -> None:
        """Calls within one section need no relocation: imm is relative already."""
        calls = bpf.subprogram_calls(function.insns, self.file.elf.byte_order)
        if not calls:
            return
        known = {reference.insn for reference in function.functions if reference.is_call}
        known.update(reference.insn for reference in function.externs)
        for index in calls:
            if index not in known:
                _, imm = bpf.read_number(function.insns, index, self.file.elf.byte_order)
                offset = start + (index + imm + 1) * bpf.SIZE
                self._add_function_reference(function, index, section, offset, is_call=True)

    def _read_ext(self, section: Section) -> None:
        """Hand the section's BTF.ext records to the functions they lie in."""
        ext, name = self.file.ext, section.name
        if types := ext.functions.get(name):
            self._require_insns(section, types)
            for start, function in zip(self._starts[section.number], self._in[section.number], strict=True):
                function.type_id = types.get(start, 0)
        if lines := ext.lines.get(name):
            self._read_lines(section, lines)
        if relocations := ext.core.get(name):
            self._require_insns(section, [offset for offset, _ in relocations])
            for offset, relocation in relocations:
                if place := self._containing(section.number, offset):
                    place[0].core.append((place[1], relocation))

    def _read_lines(self, section: Section, lines: list[int]) -> None:
        """Each function gets its part of the numbers: a line at a time would be a tenth of a small load."""
        offsets = lines[::4]
        if offsets != sorted(offsets):
            lines = [number for row in sorted(line_rows(lines)) for number in row]
            offsets = lines[::4]
        self._require_insns(section, offsets)
        for start, function in zip(self._starts[section.number], self._in[section.number], strict=True):
            first, end = bisect_left(offsets, start), bisect_left(offsets, start + len(function.insns))
            function.line_info = own = lines[4 * first : 4 * end]
            own[::4] = [(offset - start) // bpf.SIZE for offset in offsets[first:end]]

    def _require_insns(self, section: Section, offsets: Iterable[int]) -> None:
        """Raises ObjectError unless an instruction may be at each of them."""
        for offset in [offset for offset in offsets if offset % bpf.SIZE]:
            problem = f"a record at {offset} of section '{section.name}' hits no instruction"
            raise self.file.error(".BTF.ext", problem)


def _where(function: Function, index: int) -> str:
    return f"function '{function.name}': instruction {index}"


def is_code(section: Section) -> bool:
    """Whether a section holds instructions."""
    return section.type == SHT_PROGBITS and bool(section.flags & SHF_EXECINSTR)


def make_programs(file: ObjectFile, functions: list[Function]) -> dict[str, ProgramSpec]:
    """The entry programs: all global functions outside ``.text``. Raises ObjectError."""
    programs: dict[str, ProgramSpec] = {}
    for function in functions:
        if function.section == TEXT or not function.is_global:
            continue
        if function.name in programs:
            raise file.error(function.section, f"there are two programs '{function.name}'")
        programs[function.name] = _make_program(function)
    for name, callback in _exception_callbacks(file, functions).items():
        if name in programs:
            programs[name].exception_callback = callback
    return programs


def _make_program(function: Function) -> ProgramSpec:
    section = function.section.removeprefix("?")
    kind = find_section(section)
    return ProgramSpec(
        function.name,
        section,
        type=kind.type if kind else ProgType.UNSPEC,
        attach_type=kind.attach_type if kind else NO_ATTACH,
        flags=kind.flags if kind else 0,
        attach_to=kind.target(section) if kind else "",
        autoload=not function.section.startswith("?"),
        attach_kind=kind.attach_kind if kind else "",
        function=function,
        attach_type_optional=kind.optional if kind else False,
    )


def _exception_callbacks(file: ObjectFile, functions: list[Function]) -> dict[str, int]:
    """Program → index of the function that the BTF tags ``exception_callback:NAME`` on it."""
    prefix = "exception_callback:"
    callbacks: dict[str, int] = {}
    if file.btf is None or not file.btf.mentions(prefix):
        return callbacks
    by_name = {
        function.name: index
        for index, function in reversed([*enumerate(functions)])
        if function.is_global and function.section == TEXT
    }
    for tag in file.btf.of_kind(Kind.DECL_TAG):
        if not tag.name.startswith(prefix) or file.btf.component(tag) != -1:
            continue
        wanted = tag.name.removeprefix(prefix)
        program = file.btf.type(tag.size_or_type).name
        if wanted not in by_name or program in callbacks:
            raise file.error(".BTF", f"program '{program}' needs exactly one exception callback; '{wanted}'?")
        callbacks[program] = by_name[wanted]
    return callbacks
