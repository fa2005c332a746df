"""Attachments: what places programs in an order, and what asks who is there.

    from bpflab.loader.links import HEAD, query_tcx

    program.attach_tcx("eth0", "ingress", at=HEAD)
    print(query_tcx("eth0", "ingress").programs)

Attaching itself is by the methods of `Program`; each kind has a file here that says what it can do.
Names are imported when they are first used.
"""

from __future__ import annotations

import importlib

from ..lean import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from .anchor import HEAD, TAIL, Anchor, after, before, replace
    from .cgroup import query_cgroup
    from .netkit import query_netkit
    from .netns import query_netns
    from .query import Attached, AttachedProgram
    from .sockmap import query_sockmap
    from .tc import TcFilter, query_tc
    from .tcx import query_tcx
    from .xdp import XdpAttached, query_xdp
    from .xdp_features import XdpFeature, XdpFeatures, XdpMetadata, query_xdp_features

__all__ = [
    "HEAD",
    "TAIL",
    "Anchor",
    "Attached",
    "AttachedProgram",
    "TcFilter",
    "XdpAttached",
    "XdpFeature",
    "XdpFeatures",
    "XdpMetadata",
    "after",
    "before",
    "query_cgroup",
    "query_netkit",
    "query_netns",
    "query_sockmap",
    "query_tc",
    "query_tcx",
    "query_xdp",
    "query_xdp_features",
    "replace",
]

_MODULES = {
    ".anchor": ("HEAD", "TAIL", "Anchor", "after", "before", "replace"),
    ".cgroup": ("query_cgroup",),
    ".netkit": ("query_netkit",),
    ".netns": ("query_netns",),
    ".query": ("Attached", "AttachedProgram"),
    ".sockmap": ("query_sockmap",),
    ".tc": ("TcFilter", "query_tc"),
    ".tcx": ("query_tcx",),
    ".xdp": ("XdpAttached", "query_xdp"),
    ".xdp_features": ("XdpFeature", "XdpFeatures", "XdpMetadata", "query_xdp_features"),
}


def __getattr__(name: str) -> Any:
    module = next((module for module, names in _MODULES.items() if name in names), "")
    if not module:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(module, __name__), name)
