"""Objects that are no good: only our own errors come out, and quickly."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from bpflab.loader.btf.file import read_btf
from bpflab.loader.btf.kernel import KernelBtf
from bpflab.loader.btf.sanitize import features_used, without
from bpflab.loader.core import relocate
from bpflab.loader.elf import ElfFile
from bpflab.loader.errors import BpflabError, ObjectError
from bpflab.loader.linker import link
from bpflab.loader.spec import ObjectSpec

LONGEST = 1.0
"""Seconds that any input may take; one takes about 2 ms."""

SOURCE = """
struct inner { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, u64); };
struct inner first SEC(".maps");
struct { __uint(type, 12); __uint(max_entries, 4); __type(key, u32); __array(values, struct inner); }
    outer SEC(".maps") = { .values = { [1] = &first } };
extern int LINUX_KERNEL_VERSION __attribute__((section(".kconfig")));
extern int kfunc(int) __attribute__((section(".ksyms"))) __attribute__((weak));
const volatile u32 limit = 7; volatile u64 counter; static volatile u32 quiet = 3;
struct thing { int a; struct { long b[4]; }; int bits : 3; enum kind { ONE, TWO } kind; }
    __attribute__((preserve_access_index));
__attribute__((noinline)) static int helper(struct thing *t) { return t->bits + t->b[2] + (int)quiet; }
SEC("raw_tp/x") int program(struct thing *t) {
    u32 key = limit + LINUX_KERNEL_VERSION;
    counter += __builtin_preserve_enum_value(*(enum kind *)ONE, 1);
    return helper(t) + t->a + !!bpf_map_lookup_elem(&outer, &key) + kfunc(1);
}
"""


@pytest.fixture
def good(compile_bpf: Callable[[str], Path]) -> bytes:
    return compile_bpf(SOURCE).read_bytes()


@pytest.fixture
def kernel(compile_bpf: Callable[[str], Path]) -> KernelBtf:
    return KernelBtf(read_btf(compile_bpf(SOURCE)))


def use(data: bytes, kernel: KernelBtf) -> bool:
    """Everything that can be done to an object without a kernel; False if it is refused."""
    started = time.process_time()
    try:
        spec = ObjectSpec.from_bytes(data, "bad.bpf.o")
        if spec.btf:
            without(spec.btf, features_used(spec.btf))
        for program in spec.programs.values():
            relocate(link(spec, program), spec, kernel)
        return True
    except BpflabError as error:
        assert str(error)
        return False
    finally:
        assert time.process_time() - started < LONGEST


def test_the_good_object_is_good(good: bytes, kernel: KernelBtf) -> None:
    assert use(good, kernel)


def test_cut_off_anywhere(good: bytes, kernel: KernelBtf) -> None:
    for length in range(0, len(good), 64):
        assert not use(good[:length], kernel), f"cut off at {length} of {len(good)}"


def test_any_byte_may_be_wrong(good: bytes, kernel: KernelBtf) -> None:
    chance = random.Random(1)
    accepted = sum(use(damaged(good, range(len(good)), chance), kernel) for _ in range(300))
    assert 0 < accepted < 300


@pytest.mark.parametrize(
    "section",
    [".BTF", ".BTF.ext", ".symtab", ".maps", ".rel.maps", ".relraw_tp/x", "raw_tp/x", ".text", ".strtab"],
)
def test_any_byte_of_what_is_read_may_be_wrong(good: bytes, kernel: KernelBtf, section: str) -> None:
    chance = random.Random(section)
    found = ElfFile(good, "good").section(section)
    assert found is not None and found.size
    places = range(found.offset, found.offset + found.size)
    for _ in range(150):
        use(damaged(good, places, chance), kernel)


def test_kernel_types_may_be_malformed_too(good: bytes, kernel: KernelBtf) -> None:
    """A type that contains itself, and one with more parts than can be walked, end in time."""
    spec = ObjectSpec.from_bytes(good, "good.bpf.o")
    linked = link(spec, spec.programs["program"])
    chance = random.Random(2)
    raw = kernel.vmlinux.encode()
    for _ in range(300):
        started = time.process_time()
        try:
            target = KernelBtf(type(kernel.vmlinux).from_bytes(damaged(raw, range(24, len(raw)), chance)))
            relocate(linked, spec, target)
        except BpflabError:
            pass
        assert time.process_time() - started < LONGEST


def damaged(data: bytes, places: range, chance: random.Random) -> bytes:
    """One to eight bytes changed."""
    copy = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        copy[chance.choice(places)] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
    return bytes(copy)


def test_errors_are_the_same_each_time(good: bytes) -> None:
    cut = good[: len(good) // 2]
    texts = set()
    for _ in range(3):
        with pytest.raises(ObjectError) as caught:
            ObjectSpec.from_bytes(cut, "half.bpf.o")
        texts.add(str(caught.value))
    assert len(texts) == 1 and "cut off" in texts.pop()
