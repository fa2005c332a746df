"""What the kernel's own types tell: kinds of links, attach types, kernel functions for programs."""

from __future__ import annotations

from functools import cache

from ..btf.kernel import KernelBtf
from ..btf.records import Kind
from ..enums import AttachType, LinkType
from ..errors import BtfError, NotSupportedError
from .answer import Answer


@cache
def link_type(type: LinkType) -> Answer:
    """Whether the kernel has links of a type."""
    return _enumerator("bpf_link_type", f"BPF_LINK_TYPE_{type.name}")


@cache
def attach_type(type: AttachType) -> Answer:
    """Whether the kernel knows an attach type."""
    return _enumerator("bpf_attach_type", f"BPF_{type.name}")


@cache
def kfunc(name: str) -> Answer:
    """Whether the kernel, or a loaded module, has a function of that name for programs to call.

    Its BTF says so by a declaration tag ``bpf_kfunc`` since 6.12; before, it is a yes only for
    a function that is there, which may be an ordinary one.
    """
    try:
        found = KernelBtf.running().find(name, Kind.FUNC)
    except NotSupportedError as error:
        return Answer(None, str(error))
    except BtfError:
        return Answer(False, "neither the kernel nor a loaded module has such a function in its BTF")
    btf = found.btf
    tags = [tag for tag in btf.named("bpf_kfunc") if btf.type(tag).kind == Kind.DECL_TAG]
    if not tags:
        return Answer(None, f"{found.module} has such a function, but does not mark which programs may call")
    if any(btf.type(tag).size_or_type == found.type_id for tag in tags):
        return Answer(True, f"{found.module} marks it as one")
    return Answer(False, f"{found.module} has such a function, not for programs")


def _enumerator(enum: str, name: str) -> Answer:
    try:
        btf = KernelBtf.running().vmlinux
    except (BtfError, NotSupportedError) as error:
        return Answer(None, str(error))
    for type_id in btf.named(enum):
        if btf.type(type_id).kind == Kind.ENUM:
            has = any(known == name for known, _ in btf.enumerators(btf.type(type_id)))
            return Answer(has, f"its enum {enum} has {'' if has else 'no '}{name}")
    return Answer(None, f"the kernel's BTF has no enum {enum}")
