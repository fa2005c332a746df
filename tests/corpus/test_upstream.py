"""What upstream kernels offer, held against the public header and against kernels' own type information."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bpflab.corpus.data import DataError, version_order
from bpflab.corpus.upstream import Since, upstream
from bpflab.harness.subjects.libbpf.build import headers
from bpflab.kernels import image
from bpflab.kernels.kernel import Kernel
from bpflab.loader.btf import Btf, Kind
from bpflab.loader.enums import MapFlags, MapType, ProgType
from bpflab.loader.spec.sections import all_sections

KNOWN = upstream()


@pytest.fixture(scope="module")
def header() -> str:
    return (headers() / "linux" / "bpf.h").read_text()


def test_helpers_are_those_of_the_public_header(header: str) -> None:
    listed = {int(number): name for name, number in re.findall(r"FN\((\w+), (\d+)", header)}
    del listed[0]
    assert {number: helper.name for number, helper in KNOWN.helpers.items()} == listed
    assert len(KNOWN.helpers) == 211


def test_every_type_and_flag_that_the_loader_knows_has_its_release() -> None:
    assert set(KNOWN.map_types) == {kind.name for kind in MapType} - {"UNSPEC"}
    assert set(KNOWN.program_types) == {kind.name for kind in ProgType} - {"UNSPEC"}
    assert set(KNOWN.map_flags) == {flag.name for flag in MapFlags}


def test_no_section_is_older_than_its_program_type() -> None:
    for section in all_sections():
        kind = KNOWN.program_types[section.type.name]
        assert version_order("", section.kernel) >= kind.order(), section.pattern


def test_releases_agree_with_real_kernels(real_kernel: Kernel) -> None:
    btf = Btf.from_bytes(image.btf(real_kernel))
    for enum, prefix, known in (
        ("bpf_func_id", "BPF_FUNC_", {helper.name: helper for helper in KNOWN.helpers.values()}),
        ("bpf_map_type", "BPF_MAP_TYPE_", KNOWN.map_types),
        ("bpf_prog_type", "BPF_PROG_TYPE_", KNOWN.program_types),
        ("bpf_link_type", "BPF_LINK_TYPE_", KNOWN.link_types),
        ("bpf_attach_type", "BPF_", KNOWN.attach_types),
    ):
        has = _enumerators(btf, enum, prefix)
        assert has == {name for name, since in known.items() if _is_in(since, real_kernel)}, enum


def _enumerators(btf: Btf, enum: str, prefix: str) -> set[str]:
    found = next(btf.type(type_id) for type_id in btf.named(enum) if btf.type(type_id).kind == Kind.ENUM)
    names = {name.removeprefix(prefix) for name, _ in btf.enumerators(found) if name.startswith(prefix)}
    return {name for name in names if name.casefold() != "unspec" and not name.endswith("_DEPRECATED")}


def _is_in(since: Since, kernel: Kernel) -> bool:
    return since.order() <= version_order("kernel", str(kernel.version))


GOOD = """
map_types = {}
link_types = {}
attach_types = {}
map_flags = {}
program_types = {}
features = {}
[helpers]
one = { id = 1, since = "5.1" }
"""


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("[helpers]", "[helper]", "the table [helpers] is missing"),
        ('since = "5.1"', 'since = "old"', "helpers.one: 'old' is not a kernel version"),
        (', since = "5.1"', "", "helpers.one: 'since' is missing"),
        ('{ id = 1, since = "5.1" }', "1", "helpers.one: expected a table with id, since"),
        ("[helpers]", '[helpers]\ntwo = { id = 1, since = "5.2" }', "helper 1 is two already"),
        ("map_types = {}", "map_types = { HASH = 3 }", "map_types.HASH: expected a release"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, before: str, after: str, message: str) -> None:
    path = tmp_path / "upstream.toml"
    path.write_text(GOOD.replace(before, after, 1))
    with pytest.raises(DataError, match=re.escape(message)):
        upstream(path)
