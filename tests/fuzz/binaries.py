"""What is fuzzed of user space: programs and libraries with their probes, and where arguments are."""

from __future__ import annotations

from contextlib import suppress

from bpflab.corpus.build import libraries
from bpflab.harness.tools import find_clang
from bpflab.kernels.cache import cache_dir
from bpflab.loader.elf_binary import EM_AARCH64, EM_X86_64, Binary
from bpflab.loader.errors import BpflabError
from bpflab.loader.usdt.arguments import CONSTANT, SCALED, parse_arguments
from bpflab.loader.usdt.notes import optimizable, read_probes

ARGUMENTS = (
    b"-4@$-7 8@%rdi -4@4(%rsi) 1@%dil",
    b"2@(%rax,%rbx,2) -8@-1204(%rbp,%r15) 4@( %esp )",
    b"-4@-7 8@x0 -4@[sp, 4] 1@w30 8@[x1]",
)
NAMES = ("probed_sum", "probed_version", "probed_version@BPFLAB_1", "", "@")


def binary_seeds() -> list[bytes]:
    """The corpus's libraries."""
    clang = find_clang()
    if clang is None:
        raise FileNotFoundError("no clang with the BPF target: run harness/tools.py")
    return [path.read_bytes() for path in libraries(clang, cache_dir()).values()]


def read_binary(data: bytes) -> None:
    """The reader of binaries: each function by pattern and by name, each probe with its arguments."""
    binary = Binary(data, "fuzzed.so")
    with suppress(BpflabError):
        for function in binary.matching("*"):
            assert 0 <= function.offset < len(data) and not function.is_indirect
    for name in NAMES:
        with suppress(BpflabError, LookupError):
            assert 0 <= binary.function(name).offset < len(data)
    for probe in read_probes(binary):
        assert 0 <= optimizable(binary, probe.offset) <= 1
        with suppress(ValueError):
            parse_arguments(probe.arguments, binary.machine)


def read_arguments(data: bytes) -> None:
    """Descriptions of places, for both machines that are understood."""
    for machine in (EM_X86_64, EM_AARCH64):
        try:
            found = parse_arguments(data.decode("utf-8", "replace"), machine)
        except ValueError as error:
            assert str(error)
            continue
        for argument in found:
            assert argument.size in (1, 2, 4, 8) and CONSTANT <= argument.kind <= SCALED
