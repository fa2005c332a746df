"""The reference loader: BPF objects as data, and as live maps, programs and links.

    from bpflab.loader import ObjectSpec

    spec = ObjectSpec.from_file("filter.bpf.o")
    spec.variables["threshold"].value = 10
    with spec.load() as obj, obj.programs["drop"].attach_xdp("veth0"):
        print(dict(obj.maps["counters"].items()))

Names are imported when they are first used: reading a spec does not load the live half.
"""

from __future__ import annotations

from .lean import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from .attach_target import ProgramFunction
    from .btf import Btf
    from .btf.kernel import KernelBtf
    from .enums import AttachType, LinkType, MapFlags, MapType, ProgType
    from .errors import (
        BpflabError,
        BtfError,
        KernelError,
        MissingFeatureError,
        NotSupportedError,
        ObjectError,
        RelocationError,
        TargetError,
        UnresolvedError,
        VerifierError,
    )
    from .links.info import LinkInfo
    from .links.link import Link
    from .map import Map
    from .map_info import MapInfo
    from .map_values import ElementError
    from .object import Object
    from .perfbuf import PerfBuffer
    from .program import Program
    from .program_attach import Attachable
    from .program_info import ProgramInfo
    from .reader import Reader
    from .records import Record, Union
    from .ringbuf import RingBuffer, RingState
    from .samples import Batch
    from .spec import MapSpec, ObjectSpec, ProgramSpec, VariableSpec
    from .struct_ops_map import StructOpsMap
    from .test_run import RunResult
    from .user_ringbuf import UserRingBuffer, UserSample
    from .variable import Variable

__all__ = [
    "AttachType",
    "Attachable",
    "Batch",
    "BpflabError",
    "Btf",
    "BtfError",
    "ElementError",
    "KernelBtf",
    "KernelError",
    "Link",
    "LinkInfo",
    "LinkType",
    "Map",
    "MapFlags",
    "MapInfo",
    "MapSpec",
    "MapType",
    "MissingFeatureError",
    "NotSupportedError",
    "Object",
    "ObjectError",
    "ObjectSpec",
    "PerfBuffer",
    "ProgType",
    "Program",
    "ProgramFunction",
    "ProgramInfo",
    "ProgramSpec",
    "Reader",
    "Record",
    "RelocationError",
    "RingBuffer",
    "RingState",
    "RunResult",
    "StructOpsMap",
    "TargetError",
    "Union",
    "UnresolvedError",
    "UserRingBuffer",
    "UserSample",
    "Variable",
    "VariableSpec",
    "VerifierError",
]

_MODULES = {
    ".attach_target": ("ProgramFunction",),
    ".btf": ("Btf",),
    ".btf.kernel": ("KernelBtf",),
    ".enums": ("AttachType", "LinkType", "MapFlags", "MapType", "ProgType"),
    ".links.info": ("LinkInfo",),
    ".links.link": ("Link",),
    ".map": ("Map",),
    ".map_info": ("MapInfo",),
    ".map_values": ("ElementError",),
    ".object": ("Object",),
    ".perfbuf": ("PerfBuffer",),
    ".program": ("Program",),
    ".program_attach": ("Attachable",),
    ".program_info": ("ProgramInfo",),
    ".reader": ("Reader",),
    ".records": ("Record", "Union"),
    ".ringbuf": ("RingBuffer", "RingState"),
    ".samples": ("Batch",),
    ".spec": ("MapSpec", "ObjectSpec", "ProgramSpec", "VariableSpec"),
    ".struct_ops_map": ("StructOpsMap",),
    ".user_ringbuf": ("UserRingBuffer", "UserSample"),
    ".test_run": ("RunResult",),
    ".variable": ("Variable",),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    module = next((module for module, names in _MODULES.items() if name in names), ".errors")
    # What importlib.import_module does, but for its own import.
    return getattr(__import__(__name__ + module, fromlist=(name,)), name)
