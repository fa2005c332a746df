"""Reading functions: their instructions, what these refer to, and which functions are programs."""

from __future__ import annotations

from .. import insn as bpf
from ..btf import Btf, Kind
from ..elf import SHF_EXECINSTR, SHT_PROGBITS, STB_LOCAL, STT_FUNC, Section, Symbol, place_of
from ..lean import TYPE_CHECKING, NamedTuple, bisect_left, bisect_right
from . import ExternReference, ExternSpec, Function, FunctionReference, MapReference, ProgramSpec
from .file import ARENA, JUMP_TABLES, LEGACY_MAPS, MAPS, ObjectFile, data_kind
from .sections import UNKNOWN_SECTION, find_section

if TYPE_CHECKING:
    from ..errors import ObjectError
    from .jump_tables import JumpTableReader

TEXT = ".text"
"""Functions in here are never programs, only called by them."""


class _Code(NamedTuple):
    """The functions of one section, by their places."""

    section: Section
    starts: list[int]
    functions: list[Function]


def _containing(code: _Code, offset: int) -> tuple[Function, int] | None:
    """The function that an offset in the section lies in, and the index of its instruction there."""
    _, starts, functions = code
    position = bisect_right(starts, offset) - 1
    if position < 0:
        return None
    function, within = functions[position], offset - starts[position]
    return (function, within // bpf.SIZE) if within < len(function.insns) else None


class FunctionReader:
    """Finds all functions of an object and resolves what their instructions refer to."""

    def __init__(self, file: ObjectFile, externs: dict[str, ExternSpec]) -> None:
        self.file = file
        self.externs = externs
        self.functions: list[Function] = []
        self.places: dict[tuple[int, int], int] = {}
        """(section number, offset) → index in `functions`."""
        self._code: dict[int, _Code] = {}
        """By section number."""
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
                    starts: list[int] = []
                    functions: list[Function] = []
                    self._code[number] = tuple.__new__(_Code, (section, starts, functions))
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
        for relocations in self.file.elf.relocations_of(self._code):
            self._read_relocations(relocations, self._code[relocations.info])
        for code in self._code.values():
            self._read_local_calls(code)
            self._read_ext(code)
        for function in self.functions:
            for references in (function.maps, function.functions, function.externs, function.jump_tables):
                if references:
                    references.sort()
        return self.functions

    def _read_relocations(self, relocations: Section, code: _Code) -> None:
        elf, end = self.file.elf, code.section.size
        for offset, symbol, _ in elf.relocations(relocations):
            if offset % bpf.SIZE or offset >= end:
                raise self.file.error(relocations.name, f"relocation at {offset} hits no instruction")
            # The static linker leaves the code of weak functions that another file overrides,
            # without a symbol: nothing can call it.
            if place := _containing(code, offset):
                function, index = place
                self._read_reference(function, index, offset, symbol)

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

    def _read_local_calls(self, code: _Code) -> None:
        """Calls within one section need no relocation: imm is relative already."""
        order = self.file.elf.byte_order
        for number, function in enumerate(code.functions):
            start = code.starts[number]
            if not (calls := bpf.subprogram_calls(function.insns, order)):
                continue
            known = {reference.insn for reference in function.functions if reference.is_call}
            known.update(reference.insn for reference in function.externs)
            for index in calls:
                if index not in known:
                    _, imm = bpf.read_number(function.insns, index, order)
                    offset = start + (index + imm + 1) * bpf.SIZE
                    self._add_function_reference(function, index, code.section, offset, is_call=True)

    def _read_ext(self, code: _Code) -> None:
        """Hand the section's BTF.ext records to the functions they lie in."""
        ext, (section, starts, functions) = self.file.ext, code
        types, lines = ext.functions.get(section.name, {}), ext.lines.get(section.name, [])
        offsets = lines[::4]
        for number, function in enumerate(functions):
            start = starts[number]
            function.type_id = types.get(start, 0)
            # Its part of the numbers: a line at a time would be a tenth of a small load.
            first, end = bisect_left(offsets, start), bisect_left(offsets, start + len(function.insns))
            function.line_info = own = lines[4 * first : 4 * end]
            own[::4] = [(offset - start) // bpf.SIZE for offset in offsets[first:end]]
        for offset, relocation in ext.core.get(section.name, ()):
            if place := _containing(code, offset):
                place[0].core.append((place[1], relocation))


def _where(function: Function, index: int) -> str:
    return f"function '{function.name}': instruction {index}"


def is_code(section: Section) -> bool:
    """Whether a section holds instructions."""
    return section.type == SHT_PROGBITS and bool(section.flags & SHF_EXECINSTR)


def make_programs(file: ObjectFile, functions: list[Function]) -> dict[str, ProgramSpec]:
    """The entry programs: all global functions outside ``.text``. Raises ObjectError."""
    programs: dict[str, ProgramSpec] = {}
    for function in functions:
        if function.section != TEXT and function.is_global:
            if function.name in programs:
                raise file.error(function.section, f"there are two programs '{function.name}'")
            programs[function.name] = _make_program(function)
    if file.btf is not None and file.btf.mentions(_EXCEPTION_CALLBACK):
        for name, callback in _exception_callbacks(file, file.btf, functions).items():
            if name in programs:
                programs[name].exception_callback = callback
    return programs


def _make_program(function: Function) -> ProgramSpec:
    section = function.section.removeprefix("?")
    kind = find_section(section) or UNKNOWN_SECTION
    _, _, program_type, attach_type, attach_kind, flags, is_optional = kind
    return ProgramSpec(
        function.name,
        section,
        program_type,
        attach_type,
        flags,
        kind.target(section),
        len(section) == len(function.section),  # autoload: without a question mark
        attach_kind,
        function,
        attach_type_optional=is_optional,
    )


_EXCEPTION_CALLBACK = "exception_callback:"
"""How a BTF tag on a program begins that names the function."""


def _exception_callbacks(file: ObjectFile, btf: Btf, functions: list[Function]) -> dict[str, int]:
    """Program → index of the function that the BTF tags ``exception_callback:NAME`` on it."""
    callbacks: dict[str, int] = {}
    by_name = {
        function.name: index
        for index, function in reversed([*enumerate(functions)])
        if function.is_global and function.section == TEXT
    }
    for tag in btf.of_kind(Kind.DECL_TAG):
        if not tag.name.startswith(_EXCEPTION_CALLBACK) or btf.component(tag) != -1:
            continue
        wanted = tag.name.removeprefix(_EXCEPTION_CALLBACK)
        program = btf.type(tag.size_or_type).name
        if wanted not in by_name or program in callbacks:
            raise file.error(".BTF", f"program '{program}' needs exactly one exception callback; '{wanted}'?")
        callbacks[program] = by_name[wanted]
    return callbacks
