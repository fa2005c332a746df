"""Objects that must be refused: with the right class of error, the same each time, and no harm done."""

from __future__ import annotations

import errno

from ..subjects.errors import ErrorClass
from .fixtures import Open, Refused, each_object
from .kernel_types import KernelTypes
from .network import frame


@each_object(
    "hostile",
    "unbounded",
    "unknown_helper",
    "licence",
    "endless",
    "missing_member",
    "missing_value",
    "signed_width",
)
def check_verifier(name: str, refused: Refused, loaded: Open) -> None:
    """The kernel's verifier rejects it, and the user gets its log."""
    error = refused(name)
    assert error.cls is ErrorClass.VERIFIER, error
    assert error.errno in (errno.EACCES, errno.EINVAL)
    assert error.log.strip()
    _goes_on(loaded)


@each_object(
    "hostile",
    "empty",
    "text",
    "truncated",
    "wrong_machine",
    "section_beyond_end",
    "bad_btf",
    "bad_btf_type",
    "bad_relocation",
    "static_map",
    "map_field",
    "map_sizes",
    "map_nesting",
    "map_pinning",
)
def check_malformed(name: str, refused: Refused, loaded: Open) -> None:
    """It is no object that makes sense: it is not even opened."""
    error = refused(name, at="open")
    assert error.cls is ErrorClass.OBJECT, error
    assert error.message
    _goes_on(loaded)


@each_object("hostile", "big_endian")
def check_byte_order(name: str, refused: Refused, loaded: Open) -> None:
    """An object of the other byte order is not loaded."""
    error = refused(name)
    assert error.cls is ErrorClass.OBJECT, error
    _goes_on(loaded)


@each_object("hostile", "unknown_section")
def check_section(name: str, refused: Refused, loaded: Open) -> None:
    """A section name that says no program type: opened perhaps, but not loaded."""
    error = refused(name)
    assert error.cls is ErrorClass.UNSUPPORTED, error
    _goes_on(loaded)


@each_object("hostile", "bad_map")
def check_map(name: str, refused: Refused, loaded: Open) -> None:
    """The kernel refuses to make the map, and the user gets its error number."""
    error = refused(name)
    assert (error.cls, error.errno) == (ErrorClass.KERNEL, errno.EINVAL), error
    _goes_on(loaded)


@each_object("hostile", "ambiguous")
def check_ambiguous(name: str, refused: Refused, loaded: Open, kernel_types: KernelTypes) -> None:
    """A relocation with several answers is not guessed. A kernel without the type has its verifier refuse."""
    error = refused(name)
    is_there = kernel_types.find("disklabel") is not None
    assert error.cls is (ErrorClass.RELOCATION if is_there else ErrorClass.VERIFIER), error
    _goes_on(loaded)


def _goes_on(loaded: Open) -> None:
    """The subject still does its work."""
    assert loaded("programs/socket_filter").test_run("keep_ours", frame()).retval == 32
