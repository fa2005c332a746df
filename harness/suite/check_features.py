"""Feature probes: what they find out is what the facts say of a kernel of this version.

A distribution's kernel may lack what its configuration leaves out; `CONFIGURED` names that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ...corpus.data import version_order
from ...corpus.upstream import Since, upstream
from ...loader import features
from ...loader.enums import AttachType, LinkType, MapFlags, MapType, ProgType
from .classify import Unavailable

pytestmark = pytest.mark.reference_only

CONFIGURED = {"LIRC_MODE2": "CONFIG_BPF_LIRC_MODE2", "NETFILTER": "CONFIG_NETFILTER_BPF_LINK"}
"""Program types that need more than the version, and the option that brings them."""

UNDECIDED = {"LINK", "PATH_FD", "VTYPE_BTF_OBJ_FD", "TOKEN_FD"}
"""Flags that a probe cannot tell alone."""


def check_program_types() -> None:
    """Every program type."""
    table = {name: since for name, since in upstream().program_types.items() if _is_configured(name)}
    _hold(table, lambda name: features.program_type(ProgType[name]))
    for name in upstream().program_types.keys() - table.keys():
        assert features.program_type(ProgType[name]).supported is False, f"{name} is not configured"


def check_map_types() -> None:
    """Every map type."""
    _hold(upstream().map_types, lambda name: features.map_type(MapType[name]))


def check_map_flags() -> None:
    """Every flag of maps that can be told alone; the others are undecided."""
    table = upstream().map_flags
    decided = {name: since for name, since in table.items() if name not in UNDECIDED}
    _hold(decided, lambda name: features.map_flag(MapFlags[name]))
    assert all(features.map_flag(MapFlags[name]).supported is None for name in UNDECIDED)


def check_helpers() -> None:
    """Every helper, whatever programs may call it."""
    by_name = {since.name: number for number, since in upstream().helpers.items()}
    table = {since.name: since for since in upstream().helpers.values()}
    _hold(table, lambda name: features.helper_exists(by_name[name]))


def check_helpers_of_types() -> None:
    """Helpers are told apart by program type."""
    helpers = {since.name: number for number, since in upstream().helpers.items()}
    assert features.helper(ProgType.XDP, helpers["redirect_map"]).supported is True
    assert features.helper(ProgType.KPROBE, helpers["redirect_map"]).supported is False
    assert features.helper(ProgType.KPROBE, helpers["probe_read_kernel"]).supported is True
    assert features.helper(ProgType.SOCKET_FILTER, helpers["skb_store_bytes"]).supported is False
    assert features.helper(ProgType.TRACING, helpers["get_func_ip"]).supported is _has("5.15")
    assert features.helper(ProgType.LSM, helpers["map_lookup_elem"]).supported is True
    assert features.helper(ProgType.XDP, 100_000).supported is False
    assert features.helper(ProgType.EXT, 1).supported is None


def check_abilities() -> None:
    """Instructions of each generation, and what the verifier follows."""
    facts = upstream().features
    _hold({name: facts[name] for name in features.ABILITIES}, features.ability)


def check_link_types() -> None:
    """Every type of link."""
    _hold(upstream().link_types, lambda name: features.link_type(LinkType[name]))


def check_attach_types() -> None:
    """Every attach type."""
    _hold(upstream().attach_types, lambda name: features.attach_type(AttachType[name]))


def check_kfuncs() -> None:
    """Functions that programs may call, and functions that they may not."""
    assert features.kfunc("no_such_function_anywhere").supported is False
    assert features.kfunc("vfs_read").supported in (False, None)
    expected = True if _has("6.12") else None if _has("6.4") else False
    assert features.kfunc("bpf_iter_num_new").supported is expected


def _hold(table: Mapping[str, Since], probe: Callable[[str], features.Answer]) -> None:
    """Fails with all that a probe answered otherwise than the version says."""
    wrong = {}
    for name, since in table.items():
        answer = probe(name)
        if answer.supported is not _has(since.release):
            wrong[name] = f"since {since.release}, but: {answer}"
    assert not wrong, f"on {os.uname().release}: {wrong}"


def _has(release: str) -> bool:
    return version_order("this kernel", os.uname().release) >= version_order("fact", release)


def _is_configured(name: str) -> bool:
    """Whether the kernel's configuration has the option that a program type needs, if it needs one."""
    if name not in CONFIGURED or not _has(upstream().program_types[name].release):
        return True
    config = Path(f"/boot/config-{os.uname().release}")
    if not config.exists():
        raise Unavailable(f"{config} is not there, which says what this kernel was built with")
    return f"{CONFIGURED[name]}=" in config.read_text()
