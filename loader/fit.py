"""A spec fitted to the running kernel: everything that can fail before the kernel is asked to take it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Self

from .arena import variables_offset
from .enums import MapType
from .errors import BpflabError
from .externs.resolve import Externs
from .object_programs import ReadyProgram
from .struct_ops import StructOps
from .target import Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .attach_target import ProgramFunction
    from .btf.kernel import KernelBtf
    from .spec import ObjectSpec, ProgramSpec, VariableSpec


class FittedObject:
    """What an object expects of the kernel, found there, and its programs ready to load.

    `arenas` says where in each arena its variables start. Holds descriptors of the kernel's
    BTF until the end of its ``with``.
    """

    def __init__(
        self,
        spec: ObjectSpec,
        programs: Iterable[str] | None = None,
        btf: KernelBtf | None = None,
        kconfig: str = "",
        targets: Mapping[str, ProgramFunction] | None = None,
    ) -> None:
        """For the arguments see `Object.load`.

        Raises RelocationError, UnresolvedError, KernelError, MissingFeatureError, TargetError.
        """
        self.spec = spec
        self._target = Target(btf)
        self.modules = self._target.modules
        try:
            self.externs = Externs(spec, self._target, kconfig)
            self.struct_ops = StructOps(spec, self._target)
            self.arenas = {
                one.name: variables_offset(one) for one in spec.maps.values() if one.type == MapType.ARENA
            }
            functions = targets or {}
            self._require(functions)
            self.programs = [
                ReadyProgram(
                    spec,
                    program,
                    self._target,
                    self.externs,
                    self.struct_ops,
                    self.arenas,
                    functions.get(program.name),
                )
                for program in self._wanted(programs)
            ]
        except BaseException:
            self.close()
            raise

    def _wanted(self, names: Iterable[str] | None) -> list[ProgramSpec]:
        programs = self.spec.programs
        if names is None:
            return [one for one in programs.values() if self.struct_ops.is_wanted(one.name, one.autoload)]
        chosen = set(names)
        self._require(chosen)
        return [program for program in programs.values() if program.name in chosen]

    def _require(self, names: Iterable[str]) -> None:
        """Raises BpflabError unless the object has all these programs."""
        unknown = set(names) - self.spec.programs.keys()
        if unknown:
            known = ", ".join(self.spec.programs) or "none"
            raise BpflabError(f"{self.spec.name}: has no program '{min(unknown)}'; there are: {known}")

    def place(self, variable: VariableSpec) -> VariableSpec:
        """The spec of a variable, with its place in the live map: those of an arena may start anywhere."""
        offset = self.arenas.get(variable.map, 0)
        return dataclasses.replace(variable, offset=variable.offset + offset) if offset else variable

    def close(self) -> None:
        """Give up the descriptors of the kernel's BTF."""
        self._target.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
