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

    from .btf import Btf
    from .btf.kernel import KernelBtf
    from .enums import AttachType, LinkType, MapFlags, MapType, ProgType
    from .errors import (
        BpflabError,
        BtfError,
        ElementError,
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
    from .maps.info import MapInfo
    from .maps.map import Map
    from .maps.struct_ops import StructOpsMap
    from .object import Object
    from .programs.attach import Attachable
    from .programs.attach_target import ProgramFunction
    from .programs.info import ProgramInfo
    from .programs.program import Program
    from .programs.test_run import RunResult
    from .readers.perfbuf import PerfBuffer
    from .readers.reader import Reader
    from .readers.ringbuf import RingBuffer, RingState
    from .readers.samples import Batch
    from .readers.user_ringbuf import UserRingBuffer, UserSample
    from .spec import MapSpec, ObjectSpec, ProgramSpec, VariableSpec
    from .values.records import Record, Union
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
    ".programs.attach_target": ("ProgramFunction",),
    ".btf": ("Btf",),
    ".btf.kernel": ("KernelBtf",),
    ".enums": ("AttachType", "LinkType", "MapFlags", "MapType", "ProgType"),
    ".links.info": ("LinkInfo",),
    ".links.link": ("Link",),
    ".maps.map": ("Map",),
    ".maps.info": ("MapInfo",),
    ".object": ("Object",),
    ".readers.perfbuf": ("PerfBuffer",),
    ".programs.program": ("Program",),
    ".programs.attach": ("Attachable",),
    ".programs.info": ("ProgramInfo",),
    ".readers.reader": ("Reader",),
    ".values.records": ("Record", "Union"),
    ".readers.ringbuf": ("RingBuffer", "RingState"),
    ".readers.samples": ("Batch",),
    ".spec": ("MapSpec", "ObjectSpec", "ProgramSpec", "VariableSpec"),
    ".maps.struct_ops": ("StructOpsMap",),
    ".readers.user_ringbuf": ("UserRingBuffer", "UserSample"),
    ".programs.test_run": ("RunResult",),
    ".variable": ("Variable",),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    module = next((module for module, names in _MODULES.items() if name in names), ".errors")
    # What importlib.import_module does, but for its own import.
    return getattr(__import__(__name__ + module, fromlist=(name,)), name)
