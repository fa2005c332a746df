"""USDT probes: their notes, the places of their arguments, and what programs are told of them."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from bpflab.corpus.build import libraries, objects
from bpflab.harness.subjects.libbpf.build import library
from bpflab.harness.tools import find_clang
from bpflab.kernels.cache import cache_dir
from bpflab.loader import KernelError, NotSupportedError, ObjectError, ObjectSpec
from bpflab.loader.elf_binary import EM_AARCH64, EM_X86_64, Binary
from bpflab.loader.map_create import create_map
from bpflab.loader.usdt.arguments import CONSTANT, MEMORY, REGISTER, SCALED, Argument, parse_arguments
from bpflab.loader.usdt.notes import Probe, optimizable, read_probes
from bpflab.loader.usdt.specs import SPECS, SpecLayout, UsdtSpecs

CLANG = find_clang()
assert CLANG, "no clang with the BPF target: run harness/tools.py"


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    assert CLANG
    return libraries(CLANG, tmp_path_factory.mktemp("cache"))["probed"].read_bytes()


@pytest.fixture(scope="module")
def corpus() -> dict[str, Path]:
    assert CLANG
    return objects(CLANG, library().path, cache_dir())


def probes(data: bytes) -> list[Probe]:
    return list(read_probes(Binary(data, "probed.so")))


def base_of(data: bytes) -> int:
    """The address of .stapsdt.base that the notes have in them."""
    section = Binary(data, "probed.so").section(".stapsdt.base")
    assert section
    return section.address


def test_probes_of_a_library(probed: bytes) -> None:
    found = probes(probed)
    names = [(probe.provider, probe.name) for probe in found]
    assert names == [("bpflab", name) for name in ("fire", "fire", "scaled", "quick", "guarded")]
    binary = Binary(probed, "probed.so")
    for probe in found:
        assert binary.read(probe.offset, 1) == b"\x90"
        assert binary.file_offset(probe.address) == probe.offset
    assert [bool(probe.semaphore) for probe in found] == [False, False, False, False, True]
    assert [optimizable(binary, probe.offset) for probe in found] == [0, 0, 0, 1, 0]


def test_prelink_moves_probes_and_semaphores(probed: bytes) -> None:
    """Notes whose base is lower than where the section is now: everything has moved up since."""
    base, shift = base_of(probed), 0x10
    before = probes(probed)
    moved = probed.replace(struct.pack("<Q", base), struct.pack("<Q", base + shift))
    section = Binary(probed, "probed.so").section(".note.stapsdt")
    assert section
    notes = moved[section.offset : section.offset + section.size]
    data = probed[: section.offset] + notes + probed[section.offset + section.size :]
    after = probes(data)
    assert [probe.address + shift for probe in after] == [probe.address for probe in before]
    assert after[-1].semaphore + shift == before[-1].semaphore


def test_broken_notes_are_refused(probed: bytes) -> None:
    section = Binary(probed, "probed.so").section(".note.stapsdt")
    assert section

    def changed(at: int, number: int, form: str = "<I") -> bytes:
        data = bytearray(probed)
        struct.pack_into(form, data, section.offset + at, number)
        return bytes(data)

    with pytest.raises(ObjectError, match=r"the note at 0 reaches beyond the section"):
        probes(changed(4, 1 << 20))
    with pytest.raises(ObjectError, match=r"a note of 8 bytes is no probe's"):
        probes(changed(4, 8))
    with pytest.raises(ObjectError, match=r"probe 'bpflab:fire' at .* lies in no executable part"):
        probes(changed(20, 1 << 40, "<Q"))


@pytest.mark.parametrize(
    ("text", "machine", "expected"),
    [
        ("-4@$-7", EM_X86_64, Argument(CONSTANT, 4, True, -7)),
        ("8@%rdi", EM_X86_64, Argument(REGISTER, 8, False, 0, 112)),
        ("1@%dil", EM_X86_64, Argument(REGISTER, 1, False, 0, 112)),
        ("-2@%r15w", EM_X86_64, Argument(REGISTER, 2, True, 0, 0)),
        ("-4@-20(%rbp)", EM_X86_64, Argument(MEMORY, 4, True, -20, 32)),
        ("8@(%rsp)", EM_X86_64, Argument(MEMORY, 8, False, 0, 152)),
        ("1@-96(%rbp,%rax,8)", EM_X86_64, Argument(SCALED, 1, False, -96, 32, 80, 3)),
        ("1@(%rbp,%rax)", EM_X86_64, Argument(SCALED, 1, False, 0, 32, 80, 0)),
        ("-8@x4", EM_AARCH64, Argument(REGISTER, 8, True, 0, 32)),
        ("4@w4", EM_AARCH64, Argument(REGISTER, 4, False, 0, 32)),
        ("-4@[sp, 96]", EM_AARCH64, Argument(MEMORY, 4, True, 96, 248)),
        ("-4@[x30]", EM_AARCH64, Argument(MEMORY, 4, True, 0, 240)),
        ("4@5", EM_AARCH64, Argument(CONSTANT, 4, False, 5)),
    ],
)
def test_places_of_arguments(text: str, machine: int, expected: Argument) -> None:
    assert parse_arguments(text, machine) == [expected]
    assert parse_arguments(f" {text} {text} ", machine) == [expected, expected]


@pytest.mark.parametrize(
    ("text", "machine", "problem"),
    [
        ("8@%rdi 8f@%xmm0", EM_X86_64, "argument 2 is in a place that BPF cannot read: '8f@%xmm0'"),
        ("4@counter(%rip)", EM_X86_64, r"argument 1 is in a place .*: '4@counter\(%rip\)'"),
        ("8@%xmm0", EM_X86_64, "'xmm0' is no register"),
        ("3@%rax", EM_X86_64, "argument 1"),
        ("8@(%rax,%rbx,3)", EM_X86_64, "argument 1"),
        ("8@$99999999999999999999", EM_X86_64, "no number of 64 bits"),
        ("8@x31", EM_AARCH64, "'x31' is no register"),
        ("8@%rdi", 243, "ELF machine 243"),
    ],
)
def test_places_that_programs_cannot_read(text: str, machine: int, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_arguments(text, machine)


def layout(corpus: dict[str, Path], name: str) -> SpecLayout:
    spec = ObjectSpec.from_file(corpus[name])
    assert spec.btf
    return SpecLayout(spec.btf, spec.maps[SPECS].value_type_id, name)


ARGUMENTS = [Argument(CONSTANT, 4, True, -7), Argument(MEMORY, 2, False, 8, 112)]


def test_the_struct_of_libbpf_up_to_1_6(corpus: dict[str, Path]) -> None:
    value = layout(corpus, "probes/usdt").encode(ARGUMENTS, 99)
    assert len(value) == 208
    assert struct.unpack_from("<qihbb", value, 0) == (-7, CONSTANT, 0, 1, 32)
    assert struct.unpack_from("<qihbb", value, 16) == (8, MEMORY, 112, 0, 48)
    assert struct.unpack_from("<Qh", value, 192) == (99, 2)


def test_the_struct_of_libbpf_1_7(corpus: dict[str, Path]) -> None:
    scaled = Argument(SCALED, 1, False, -96, 32, 80, 3)
    value = layout(corpus, "probes/usdt_libbpf").encode([*ARGUMENTS, scaled], 99)
    # Where the compiler puts the bit fields is the object's affair: its own types say.
    assert struct.unpack_from("<qB", value, 0) == (-7, CONSTANT)
    size = {304: 24, 208: 16}[len(value)]
    assert struct.unpack_from("<qB", value, 2 * size) == (-96, SCALED)
    if size == 24:
        assert struct.unpack_from("<HxxhB", value, 2 * size + 10) == (80 | 3 << 12, 32, 0)


def test_what_an_object_has_no_room_for(corpus: dict[str, Path]) -> None:
    ours = layout(corpus, "probes/usdt")
    with pytest.raises(ValueError, match="it has 13 arguments"):
        ours.encode(ARGUMENTS[:1] * 13, 0)
    with pytest.raises(ValueError, match=r"compiled with usdt\.bpf\.h of libbpf 1\.7"):
        ours.encode([Argument(SCALED, 1, False, 0, 32, 80, 3)], 0)


def test_other_structs_are_refused(corpus: dict[str, Path]) -> None:
    spec = ObjectSpec.from_file(corpus["maps/hash"])
    assert spec.btf
    with pytest.raises(ObjectError, match="its values have no"):
        SpecLayout(spec.btf, next(iter(spec.maps.values())).value_type_id, "maps/hash")


def test_slots_are_shared_and_given_back(live: None, corpus: dict[str, Path]) -> None:
    spec = ObjectSpec.from_file(corpus["probes/usdt"])
    with create_map(spec.maps[SPECS], spec.name, spec.btf, None) as table:
        specs = UsdtSpecs(table, None, layout(corpus, "probes/usdt"))
        values = [specs.layout.encode(ARGUMENTS, cookie) for cookie in range(9)]
        first = specs.add_all([values[0], values[1], values[0]], "a probe")
        assert first == {values[0]: 0, values[1]: 1}
        assert table.lookup_bytes(b"\1\0\0\0") == values[1]
        with pytest.raises(KernelError, match=r"E2BIG.*BPF_USDT_MAX_SPEC_CNT"):
            specs.add_all(values[2:9], "a probe")
        specs.remove(first.values())
        assert sorted(specs.add_all(values[:8], "a probe").values()) == list(range(8))
        with pytest.raises(KernelError, match="__bpf_usdt_ip_to_spec_id"):
            specs.add_address(4711, 0, "a probe")


def test_programs_without_the_maps_are_told(live: None, corpus: dict[str, Path]) -> None:
    with (
        ObjectSpec.from_file(corpus["probes/uprobe_multi"]).load(programs=["on_entry"]) as loaded,
        pytest.raises(ObjectError, match=r"include <bpf/usdt\.bpf\.h>"),
    ):
        loaded.programs["on_entry"].attach_usdt("libc.so.6", "libc", "setjmp")


def test_kernels_without_cookies_need_a_process(
    live: None, corpus: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CLANG
    path = libraries(CLANG, cache_dir())["probed"]
    with ObjectSpec.from_file(corpus["probes/usdt"]).load() as loaded:
        program = loaded.programs["on_probe"]
        monkeypatch.setattr("bpflab.loader.syscall.link_create", lambda *_, **__: -22)
        with pytest.raises(NotSupportedError, match=r"kernel 5\.15, or a pid"):
            program.attach_usdt(path, "bpflab", "fire")
        with (
            subprocess.Popen(["sleep", "60"]) as other,
            pytest.raises(KernelError, match=r"ESRCH.* has not loaded "),
        ):
            try:
                program.attach_usdt(path, "bpflab", "fire", pid=other.pid)
            finally:
                other.kill()
        with pytest.raises(KernelError, match="it has bpflab:fire, bpflab:scaled, bpflab:quick"):
            program.attach_usdt(path, "bpflab", "missing")
