"""From a program's spec to a program of the running kernel: link, relocate, load.

Programs load in their order, each with the verifier's log if the kernel refuses it.
"""

from __future__ import annotations

import errno
import os
from time import perf_counter

from . import syscall
from .enums import ProgType
from .errors import (
    BtfError,
    KernelError,
    MissingFeatureError,
    NotSupportedError,
    RelocationError,
    VerifierError,
)
from .insn import SIZE
from .lean import TYPE_CHECKING, struct
from .linker import link

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from .core import CoreResult
    from .externs.resolve import Externs
    from .fit import Target
    from .jump_tables import JumpTables
    from .map_create import NewMap
    from .maps.map import Map
    from .programs.attach_target import ProgramFunction
    from .programs.program import Program
    from .programs.source_line import SourceLine
    from .spec import ObjectSpec, ProgramSpec
    from .struct_ops import StructOps

    One = TypeVar("One")
    Attempt = Callable[[bytearray | None, int], int]
    """One BPF_PROG_LOAD with a log buffer and a log level; a file descriptor or -errno."""

_WITH_TARGET = (ProgType.TRACING, ProgType.LSM, ProgType.EXT)

LONG_S = 0.002
"""A program whose verification takes this long makes threads worth it for those behind it.

Measured on two CPUs: 8 programs of 16 ms take 129 ms, in threads 66; 8 of 0.2 ms take 1.7 ms, in threads
1.3, and on a busy machine 1.9.
"""

_SMALLEST_LOG = (1 << 24) - 1
"""16 MiB - 1, the most that every kernel takes; the kernel touches only what it writes."""
_LARGEST_LOG = (1 << 30) - 1


class ReadyProgram:
    """A program with everything in place but the maps' file descriptors."""

    def __init__(
        self,
        spec: ObjectSpec,
        program: ProgramSpec,
        target: Target,
        externs: Externs | None,
        struct_ops: StructOps | None,
        arenas: Mapping[str, int],
        function: ProgramFunction | None = None,
    ) -> None:
        """Link and relocate; `arenas` says where in each of them its variables start.

        `function` is the target of a program that is for a function of another one.
        Raises RelocationError, UnresolvedError, MissingFeatureError, TargetError, KernelError.
        """
        if program.type == ProgType.UNSPEC:
            raise MissingFeatureError(f"program '{program.name}': unknown section '{program.section}'")
        self._object = spec
        self._spec = program
        self._linked = link(spec, program)
        self._externs = externs
        self._target = target
        self._core: list[CoreResult] = []
        self._tables: JumpTables | None = None
        self._attach_type: int = program.attach_type
        self._target_id = 0
        self._target_fd = 0
        """Of the BTF that the target is in, if that is a module's; or of the program that has it."""
        self._attach_to = program.attach_to
        try:
            self._relocate(target, function)
        except (NotSupportedError, BtfError) as error:
            raise RelocationError(program.name, 0, "types of the kernel", str(error)) from error
        if struct_ops is not None and program.type == ProgType.STRUCT_OPS:
            callback = struct_ops.callback(program.name)
            self._attach_type, self._target_id = callback.member, callback.struct_id
            self._target_fd = target.modules.fd(callback.module)
        if externs is not None:
            externs.apply(self._linked)
        for at, name, offset in self._linked.map_refs if arenas else ():
            if offset is not None and name in arenas:
                struct.pack_into("=I", self._linked.insns, (at + 1) * SIZE + 4, offset + arenas[name])

    def _relocate(self, target: Target, function: ProgramFunction | None) -> None:
        if self._linked.core:
            from .core import relocate

            self._linked, self._core = relocate(self._linked, self._object, target.relocation)
        if function is not None or self._spec.type in _WITH_TARGET:
            self._find_target(target, function)

    def _find_target(self, target: Target, function: ProgramFunction | None) -> None:
        from .programs import attach_target  # here, as most programs have none

        if function is not None:
            self._attach_to = function.function or self._attach_to
            function = function._replace(function=self._attach_to)
            self._target_id = attach_target.find_program_function(self._spec.name, function)
            self._target_fd = function.program.fd
            return
        attach_target.require_program_target(self._spec)
        if attach_target.needs_target(self._spec):
            found = attach_target.find_target(self._spec, target.running)
            self._target_id = found.type_id
            self._target_fd = target.modules.fd(found.module)

    def load(self, maps: Mapping[str, NewMap | Map], btf_fd: int | None, log_level: int) -> NewProgram:
        """Give it to the kernel, with these maps. Raises VerifierError, KernelError."""
        insns = self._with_maps(maps)
        func_info, line_info = self._debug_info() if btf_fd is not None else (b"", b"")
        license = self._object.license.encode() + b"\0"
        spec = self._spec

        def attempt(log: bytearray | None, level: int) -> int:
            return syscall.prog_load(
                spec.type,
                insns,
                license,
                name=spec.name,
                attach_type=self._attach_type,
                flags=spec.flags,
                ifindex=spec.ifindex,
                log=log,
                log_level=level,
                btf_fd=btf_fd or 0,
                func_info=func_info,
                line_info=line_info,
                attach_btf_id=self._target_id,
                attach_fd=self._target_fd,
                fd_array=self._externs.fd_array if self._externs else b"",
            )

        try:
            fd, log = load_program(spec.name, attempt, log_level)
        except VerifierError as error:
            log = self._explained(error.log)
            # What is said of a missing field or function names its own line.
            source = self._source(log) if log == error.log else None
            raise VerifierError(spec.name, error.errno, log, source) from None
        return NewProgram(fd, spec, self._attach_to, insns, log)

    def _explained(self, log: str) -> str:
        """The log, with what unresolved relocations and externs were meant to be."""
        if self._core and self._object.btf is not None:
            from .programs.poison import explain_poison

            types = self._target.relocation
            log = explain_poison(log, self._linked, self._object.btf, self._core, types)
        return self._externs.explain(log) if self._externs else log

    def _source(self, log: str) -> SourceLine | None:
        from .programs.source_line import line_of_verdict

        try:
            return line_of_verdict(self._linked, self._object.btf, log)
        except BtfError:
            return None

    def close(self) -> None:
        """Give up the descriptors of jump tables, which the kernel's program keeps."""
        if self._tables is not None:
            self._tables.close()

    def _with_maps(self, maps: Mapping[str, NewMap | Map]) -> bytes:
        insns = bytearray(self._linked.insns)
        for at, name, _ in self._linked.map_refs:
            struct.pack_into("=i", insns, at * SIZE + 4, maps[name].fd)
        if self._linked.jump_tables:
            from .jump_tables import JumpTables  # here, as few programs have any

            self._tables = tables = JumpTables(self._linked)
            for table in self._linked.jump_tables:
                struct.pack_into("=i", insns, table.insn * SIZE + 4, tables.fds[table.offset])
        return bytes(insns)

    def _debug_info(self) -> tuple[bytes, bytes]:
        """func_info and line_info as the kernel's records."""
        return _records(self._linked.func_info), _records(self._linked.line_info)


def _records(numbers: list[int]) -> bytes:
    return struct.pack(f"={len(numbers)}I", *numbers)


class NewProgram:
    """A program that nobody has asked for yet: its file descriptor, and what a `Program` is made of."""

    __slots__ = ("fd", "insns", "log", "name", "place", "type")

    def __init__(self, fd: int, spec: ProgramSpec, attach_to: str, insns: bytes, log: str) -> None:
        """Take over `fd`. The spec is the user's, who may change it later: nothing of it is kept."""
        self.fd = fd
        self.name = spec.name
        self.type = spec.type
        self.place = spec.section, spec.attach_type, spec.attach_kind, spec.autoattach, attach_to
        self.insns = insns
        self.log = log

    def live(self) -> Program:
        """The program itself, which takes over the descriptor."""
        from .programs.program import Program

        made = Program(self.fd, self.name, self.type)
        made.section, made.attach_type, made.attach_kind, made.autoattach, made.attach_to = self.place
        made.insns, made.log = self.insns, self.log
        return made

    def close(self) -> None:
        """Give up the descriptor."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def load_each(ready: Sequence[One], load: Callable[[One], NewProgram]) -> list[NewProgram]:
    """Load all, in their order. Raises what the first of them that fails does; then none stays."""
    loaded: list[NewProgram] = []
    try:
        for number, one in enumerate(ready, 1):
            begun = perf_counter()
            loaded.append(load(one))
            rest = ready[number:]
            if perf_counter() - begun >= LONG_S and len(rest) > 1:
                workers = min(len(os.sched_getaffinity(0)), len(rest))
                if workers > 1:
                    from .programs.side_by_side import load_in_threads  # here, as most programs take no time

                    return loaded + load_in_threads(rest, load, workers)
    except BaseException:
        for program in loaded:
            program.close()
        raise
    return loaded


def load_program(name: str, attempt: Attempt, log_level: int = 0) -> tuple[int, str]:
    """(file descriptor, log). Without `log_level` there is a log only of a failure, at level 1.

    Raises VerifierError if the kernel wrote a log, KernelError if it refused without a word.
    """
    if not log_level:
        result = attempt(None, 0)
        if result >= 0:
            return result, ""
    result, log = _with_log(attempt, log_level or 1)
    if result >= 0:
        return result, log
    if log:
        raise VerifierError(name, -result, log)
    raise KernelError(f"loading program '{name}'", -result, _hint(-result))


def _with_log(attempt: Attempt, log_level: int) -> tuple[int, str]:
    """Grow the buffer until the whole log fits, as far as the kernel takes it."""
    size = _SMALLEST_LOG
    result, log = _attempt(attempt, log_level, size)
    while result == -errno.ENOSPC and size < _LARGEST_LOG:
        size = min(size * 4 + 3, _LARGEST_LOG)
        larger, text = _attempt(attempt, log_level, size)
        if larger == -errno.EINVAL and not text:
            break  # an older kernel, which takes no such buffer: the cut log has to do
        result, log = larger, text
    return result, log


def _attempt(attempt: Attempt, log_level: int, size: int) -> tuple[int, str]:
    buffer = bytearray(size)
    result = attempt(buffer, log_level)
    return result, bytes(buffer[: buffer.find(0)]).decode("utf-8", "replace")


def _hint(number: int) -> str:
    match number:
        case errno.EPERM | errno.EACCES:
            return "permission is missing, or this kernel refuses programs of this type"
        case errno.EINVAL:
            return "the program type, attach type or a flag is unknown to this kernel, or the target is wrong"
        case errno.E2BIG:
            return "the program is too large, or a field of the request is too new for this kernel"
    return ""
