"""The function, tracepoint or hook that a program is loaded for, as a type id of the kernel's BTF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .btf.kinds import Kind
from .enums import AttachType, ProgType
from .errors import MissingFeatureError, RelocationError

if TYPE_CHECKING:
    from .btf import Btf
    from .spec import ProgramSpec

_BY_ID = (ProgType.TRACING, ProgType.LSM)

_PREFIXES: dict[int, tuple[str, Kind]] = {
    AttachType.TRACE_RAW_TP: ("btf_trace_", Kind.TYPEDEF),
    AttachType.LSM_MAC: ("bpf_lsm_", Kind.FUNC),
    AttachType.LSM_CGROUP: ("bpf_lsm_", Kind.FUNC),
    AttachType.TRACE_ITER: ("bpf_iter_", Kind.FUNC),
}


def needs_target(program: ProgramSpec) -> bool:
    """Whether the kernel wants to know at load time what a program will be attached to."""
    return program.type in _BY_ID


def find_target(program: ProgramSpec, kernel: Btf) -> int:
    """The type id for `attach_btf_id`. Raises RelocationError, MissingFeatureError."""
    name = program.attach_to
    access = f'SEC("{program.section}")'
    if not name:
        raise RelocationError(program.name, 0, access, "names no target")
    if ":" in name:
        raise MissingFeatureError(
            f"program '{program.name}': targets in modules ('{name}') are not implemented"
        )
    prefix, kind = _PREFIXES.get(program.attach_type, ("", Kind.FUNC))
    for type_id in kernel.named(prefix + name):
        if kernel.type(type_id).kind == kind:
            return type_id
    what = "tracepoint" if kind == Kind.TYPEDEF else "function"
    raise RelocationError(program.name, 0, access, f"the kernel's BTF has no {what} '{prefix}{name}'")
