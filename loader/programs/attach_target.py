"""The function, tracepoint or hook that a program is loaded for, as a type id of the kernel's BTF.

Or a function of another program, which has BTF of its own.
"""

from __future__ import annotations

from ..btf.records import Kind
from ..enums import AttachType, ProgType
from ..errors import BtfError, RelocationError, TargetError
from ..lean import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..btf.kernel import Candidate, KernelBtf
    from ..spec import ProgramSpec
    from .program import Program

_BY_ID = (ProgType.TRACING, ProgType.LSM)

_OF_MANY = (AttachType.TRACE_FENTRY_MULTI, AttachType.TRACE_FEXIT_MULTI, AttachType.TRACE_FSESSION_MULTI)
"""They learn when they are attached."""

_PREFIXES: dict[int, tuple[str, Kind]] = {
    AttachType.TRACE_RAW_TP: ("btf_trace_", Kind.TYPEDEF),
    AttachType.LSM_MAC: ("bpf_lsm_", Kind.FUNC),
    AttachType.LSM_CGROUP: ("bpf_lsm_", Kind.FUNC),
    AttachType.TRACE_ITER: ("bpf_iter_", Kind.FUNC),
}


class ProgramFunction(NamedTuple):
    """A function of a loaded program: what freplace replaces, and fentry, fexit and fmod_ret can trace.

    `function` is a global one, or the program's own; empty for the one that the SEC() name says.
    """

    program: Program
    function: str = ""


def needs_target(program: ProgramSpec) -> bool:
    """Whether the kernel wants to know at load time what a program will be attached to."""
    return program.type in _BY_ID and program.attach_type not in _OF_MANY


def require_program_target(program: ProgramSpec) -> None:
    """Raises TargetError for a program that replaces a function, if nobody says of which program."""
    if program.type == ProgType.EXT:
        raise TargetError(
            f"program '{program.name}' replaces a function of another program: say of which one at load, "
            f"by targets={{'{program.name}': ProgramFunction(program)}}"
        )


def find_program_function(name: str, target: ProgramFunction) -> int:
    """The type of a function in the BTF of the program that has it; `name` is the program it is for.

    Raises TargetError, KernelError.
    """
    other = target.program
    number = other.info().btf_id
    if not number:
        raise TargetError(f"program '{name}': its target, program '{other.name}', was loaded without BTF")
    from ..btf_load import loaded_btf

    btf = loaded_btf(number)
    if btf is None:
        raise TargetError(f"program '{name}': the BTF of its target, program '{other.name}', cannot be had")
    for type_id in btf.named(target.function):
        if btf.type(type_id).kind == Kind.FUNC:
            return type_id
    raise TargetError(f"program '{name}': its target, program '{other.name}', has no '{target.function}'")


def find_target(program: ProgramSpec, kernel: KernelBtf) -> Candidate:
    """What the program is for: looked for in vmlinux, then in the modules, or only in the one it names.

    ``MODULE:NAME`` names one. Raises RelocationError.
    """
    from ..btf.kernel import VMLINUX, Candidate  # here, as most programs have no such target

    access = f'SEC("{program.section}")'
    module, _, name = program.attach_to.rpartition(":")
    if not name:
        raise RelocationError(program.name, 0, access, "names no target")
    prefix, kind = _PREFIXES.get(program.attach_type, ("", Kind.FUNC))
    what = f"{'tracepoint' if kind == Kind.TYPEDEF else 'function'} '{prefix}{name}'"
    if not module:
        try:
            return kernel.find(prefix + name, kind)
        except BtfError as error:
            problem = f"neither the kernel nor a loaded module has in its BTF a {what}"
            raise RelocationError(program.name, 0, access, problem) from error
    btf = kernel.vmlinux if module == VMLINUX else kernel.modules.get(module)
    if btf is None:
        raise RelocationError(program.name, 0, access, f"no module '{module}' with BTF is loaded")
    for type_id in btf.named(prefix + name):
        if btf.type(type_id).kind == kind:
            return Candidate(module, btf, type_id)
    raise RelocationError(program.name, 0, access, f"the BTF of '{module}' has no {what}")
