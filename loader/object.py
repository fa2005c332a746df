"""A loaded object: its maps, programs and variables in the kernel."""

from __future__ import annotations

import errno
import os

from .btf_load import load_btf
from .enums import MapType
from .errors import KernelError, ObjectError
from .fit import FittedObject
from .lean import NATIVE, TYPE_CHECKING
from .map_create import NewMap, create_map, new_map
from .program_load import load_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import Self

    from .btf.kernel import KernelBtf
    from .links.link import Link
    from .maps.map import Map
    from .maps.struct_ops import StructOpsMap
    from .program_load import NewProgram
    from .programs.attach_target import ProgramFunction
    from .programs.program import Program
    from .spec import MapSpec, ObjectSpec
    from .variable import Variable

BPFFS = "/sys/fs/bpf"

_USDT_SPECS = "__bpf_usdt_specs"


class Object:
    """What a spec became in the kernel. Owns all of it; close it, or use it in a ``with``.

    `programs`, `maps` and `variables` go by name; programs that were not loaded are missing.
    They are made when the first of them is asked for: many programs only attach, and read one map.
    """

    def __init__(self, spec: ObjectSpec) -> None:
        self.name = spec.name
        self._spec = spec
        self._arenas: dict[str, int] = {}
        self._new_maps: dict[str, NewMap | Map] = {}
        self._new_programs: list[NewProgram] = []
        self._maps: dict[str, Map] | None = None
        self._programs: dict[str, Program] | None = None
        self._variables: dict[str, Variable] | None = None
        self._links: list[Link] = []

    @property
    def maps(self) -> dict[str, Map]:
        """The maps, in the order of the object."""
        if self._maps is None:
            btf, new = self._spec.btf, self._new_maps
            self._maps = {
                name: one.live(btf) if isinstance(one, NewMap) else one for name, one in new.items()
            }
        return self._maps

    @property
    def programs(self) -> dict[str, Program]:
        """The programs that were loaded."""
        if self._programs is None:
            self._programs = {one.name: one.live() for one in self._new_programs}
            self._share_usdt_specs()
        return self._programs

    @property
    def variables(self) -> dict[str, Variable]:
        """The global and static variables of the data sections."""
        if self._variables is None:
            from .variable import live_variables

            self._variables = live_variables(self._spec, self.maps, self._arenas)
        return self._variables

    @classmethod
    def load(
        cls,
        spec: ObjectSpec,
        *,
        programs: Iterable[str] | None = None,
        btf: KernelBtf | None = None,
        log_level: int = 0,
        pin_root: str | Path = BPFFS,
        kconfig: str = "",
        targets: Mapping[str, ProgramFunction] | None = None,
    ) -> Self:
        """Load a spec, which stays as it is.

        `programs` are the names of those to load, instead of those that the object says
        are to be loaded (all but ``SEC("?…")``). `btf` takes the place of the kernel's in
        CO-RE relocations. `log_level` above 0 asks for the verifier's log of programs that
        load as well (`Program.log`). `pin_root` is where maps that are declared with
        pinning by name are found or put. `kconfig` is configuration text (``CONFIG_X=y``
        lines) in which ``.kconfig`` externs are looked for before the kernel's own.
        `targets` says for programs by name which function of another, loaded program they
        are for: ``freplace`` must have one, ``fentry``, ``fexit`` and ``fmod_ret`` may.

        On an error nothing stays behind. Raises ObjectError (foreign byte order),
        RelocationError (CO-RE, attach target, no BTF of the kernel to find them in),
        UnresolvedError (extern, struct_ops), VerifierError, KernelError, MissingFeatureError,
        TargetError (none for a ``freplace`` program, or one without such a function).
        """
        if spec.byte_order != NATIVE:
            order = "big" if spec.byte_order == ">" else "little"
            raise ObjectError(spec.name, "", f"is {order}-endian, this machine is not")
        with FittedObject(spec, programs, btf, kconfig, targets) as fitted:
            loaded = cls(spec)
            try:
                loaded._make(fitted, log_level, pin_root)
            except BaseException:
                for one in loaded.maps.values():
                    one.unpin()
                loaded.close()
                raise
            return loaded

    def _make(self, fitted: FittedObject, log_level: int, pin_root: str | Path) -> None:
        spec = fitted.spec
        live = load_btf(spec.btf) if spec.btf else None
        btf_fd, has_functions = live or (None, False)
        try:
            filled: list[MapSpec] = []
            for map_spec in spec.maps.values():
                if map_spec.autocreate:
                    self._make_map(fitted, map_spec, btf_fd, pin_root)
                if map_spec.initial_slots and map_spec.kind != "struct_ops":
                    filled.append(map_spec)
            if filled:
                self._fill_slots(filled, self.maps, of_programs=False)
            functions = btf_fd if has_functions else None
            self._new_programs = load_each(
                fitted.programs, lambda ready: ready.load(self._new_maps, functions, log_level)
            )
            if filled:
                self._fill_slots(filled, self.programs, of_programs=True)
            if fitted.struct_ops is not None:
                for one in self._struct_ops_maps():
                    one.set_programs(self.programs)
        finally:
            if btf_fd is not None:
                os.close(btf_fd)

    def _make_map(
        self, fitted: FittedObject, map_spec: MapSpec, btf_fd: int | None, pin_root: str | Path
    ) -> None:
        spec, name = fitted.spec, map_spec.name
        # What few objects have is imported for these alone: it would take longer than the load.
        if map_spec.kind == "struct_ops":
            from .maps.struct_ops import StructOpsMap

            assert fitted.struct_ops is not None
            struct = fitted.struct_ops.structs[name]
            self._new_maps[name] = StructOpsMap.from_struct(map_spec, struct, btf_fd, fitted.modules)
        elif map_spec.type == MapType.ARENA:
            from .maps.arena import create_arena

            self._arenas[name] = fitted.arenas[name]
            self._new_maps[name] = create_arena(map_spec, fitted.arenas[name])
        elif map_spec.pinning:
            from .maps.pinning import open_or_pin

            self._new_maps[name] = open_or_pin(
                map_spec, pin_root, spec.btf, lambda: create_map(map_spec, spec.name, spec.btf, btf_fd)
            )
        else:
            filled = fitted.externs.fill(map_spec) if fitted.externs else map_spec
            self._new_maps[name] = new_map(filled, spec.name, btf_fd)

    def _struct_ops_maps(self) -> list[StructOpsMap]:
        if all(one.kind != "struct_ops" for one in self._spec.maps.values()):
            return []
        from .maps.struct_ops import StructOpsMap

        return [one for one in self.maps.values() if isinstance(one, StructOpsMap)]

    def _fill_slots(
        self, specs: list[MapSpec], targets: dict[str, Map] | dict[str, Program], *, of_programs: bool
    ) -> None:
        """Put maps into maps of maps, and programs into program arrays, as the object says."""
        for map_spec in specs:
            if (map_spec.type == MapType.PROG_ARRAY) == of_programs:
                for index, name in map_spec.initial_slots:
                    if name not in targets:
                        raise _empty_slot(map_spec, index, name)
                    self.maps[map_spec.name].update(index, targets[name])

    def _share_usdt_specs(self) -> None:
        """Let programs know the maps of libbpf's usdt.bpf.h, if the object declares them."""
        if _USDT_SPECS in self._new_maps:
            from .usdt.specs import UsdtSpecs

            shared = UsdtSpecs.of(self._spec, self.maps)
            for program in self.programs.values():
                program.usdt_specs = shared

    def attach(self) -> list[Link]:
        """Attach every program whose SEC() name says where, and every struct_ops map.

        But those whose `autoattach` is off, in the spec or since. All or none, and until
        `close`. Raises KernelError, NotSupportedError, MissingFeatureError, TargetError,
        each naming the program.
        """
        made: list[Link] = []
        try:
            for program in self.programs.values():
                if program.autoattach and program.attach_kind and program.attach_to:
                    made.append(program.attach())
            for one in self._struct_ops_maps():
                made.append(one.attach())
        except BaseException:
            for link in reversed(made):
                link.close()
            raise
        self._links += made
        return made

    def close(self) -> None:
        """Detach what `attach` attached, and give up all descriptors."""
        while self._links:
            self._links.pop().close()
        for program in self._new_programs if self._programs is None else self._programs.values():
            program.close()
        for one in self._new_maps.values() if self._maps is None else self._maps.values():
            one.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        programs = [one.name for one in self._new_programs]
        return f"<Object '{self.name}' programs: {', '.join(programs)}; maps: {', '.join(self._new_maps)}>"


def _empty_slot(spec: MapSpec, index: int, name: str) -> KernelError:
    hint = f"'{name}' is not loaded"
    return KernelError(f"map '{spec.name}': filling slot {index}", errno.EBADF, hint)
