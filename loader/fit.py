"""A spec fitted to the running kernel: everything that can fail before the kernel is asked to take it."""

from __future__ import annotations

from .enums import MapType, ProgType
from .errors import BpflabError
from .lean import TYPE_CHECKING
from .program_load import ReadyProgram

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from .btf.kernel import KernelBtf
    from .externs.resolve import Externs
    from .module_btf import ModuleBtfs
    from .programs.attach_target import ProgramFunction
    from .spec import ObjectSpec, ProgramSpec
    from .struct_ops import StructOps


class Target:
    """What an object is loaded for: the types of the running kernel, read when they are first needed.

    `relocation` is for CO-RE, `running` for what no other BTF can stand in for: attach targets, externs.
    Holds descriptors of modules' BTF, until `close`.
    """

    def __init__(self, override: KernelBtf | None = None) -> None:
        """`override` takes the place of the running kernel's types in CO-RE relocations."""
        self._override = override
        self._running: KernelBtf | None = None
        self._modules: ModuleBtfs | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up all descriptors, and write the index of BTF that was read without one."""
        if self._modules is not None:
            self._modules.close()
        for kernel in (self._override, self._running):
            if kernel is not None:
                kernel.save_index()

    @property
    def running(self) -> KernelBtf:
        """Raises NotSupportedError, BtfError."""
        if self._running is None:
            from .btf.kernel import KernelBtf  # here, as many objects need nothing of it

            self._running = KernelBtf.running()
        return self._running

    @property
    def relocation(self) -> KernelBtf:
        """Raises NotSupportedError, BtfError."""
        return self._override or self.running

    @property
    def modules(self) -> ModuleBtfs:
        """Opens the BTF of modules."""
        if self._modules is None:
            from .module_btf import ModuleBtfs  # here, as hardly any object needs one

            self._modules = ModuleBtfs()
        return self._modules


class FittedObject:
    """What an object expects of the kernel, found there, and its programs ready to load.

    `arenas` says where in each arena its variables start. Holds descriptors (of the kernel's
    BTF, of jump tables) until the end of its ``with``.
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
        self.programs: list[ReadyProgram] = []
        try:
            self.externs = _externs(spec, self._target, kconfig)
            self.struct_ops = _struct_ops(spec, self._target)
            self.arenas = _arenas(spec)
            functions = targets or {}
            if functions:
                self._require(functions)
            for program in self._wanted(programs):
                function = functions.get(program.name)
                ready = ReadyProgram(
                    spec, program, self._target, self.externs, self.struct_ops, self.arenas, function
                )
                self.programs.append(ready)
        except BaseException:
            self.close()
            raise

    def _wanted(self, names: Iterable[str] | None) -> list[ProgramSpec]:
        programs = self.spec.programs
        if names is None:
            struct_ops = self.struct_ops
            if struct_ops is None:
                return [one for one in programs.values() if one.autoload]
            return [one for one in programs.values() if struct_ops.is_wanted(one.name, one.autoload)]
        chosen = set(names)
        self._require(chosen)
        return [program for program in programs.values() if program.name in chosen]

    def _require(self, names: Iterable[str]) -> None:
        """Raises BpflabError unless the object has all these programs."""
        unknown = set(names) - self.spec.programs.keys()
        if unknown:
            known = ", ".join(self.spec.programs) or "none"
            raise BpflabError(f"{self.spec.name}: has no program '{min(unknown)}'; there are: {known}")

    @property
    def modules(self) -> ModuleBtfs:
        """Opens the BTF of modules."""
        return self._target.modules

    def close(self) -> None:
        """Give up the descriptors of the kernel's BTF, and of the programs' jump tables."""
        self._target.close()
        for program in self.programs:
            program.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# What few objects have is imported for these alone: it would take longer than the load.


def _externs(spec: ObjectSpec, target: Target, kconfig: str) -> Externs | None:
    """None if the object has none."""
    if not spec.externs:
        return None
    from .externs.resolve import Externs

    return Externs(spec, target, kconfig)


def _struct_ops(spec: ObjectSpec, target: Target) -> StructOps | None:
    """None if the object has no such maps or programs."""
    kinds, types = [one.kind for one in spec.maps.values()], [one.type for one in spec.programs.values()]
    if "struct_ops" not in kinds and ProgType.STRUCT_OPS not in types:
        return None
    from .struct_ops import StructOps

    return StructOps(spec, target)


def _arenas(spec: ObjectSpec) -> dict[str, int]:
    """Where in each arena its variables start."""
    arenas = [one for one in spec.maps.values() if one.type == MapType.ARENA]
    if not arenas:
        return {}
    from .maps.arena import variables_offset

    return {one.name: variables_offset(one) for one in arenas}
