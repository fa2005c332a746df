"""What straight code needs for one small object: the same three requests, nothing checked or kept.

What the same requests take at least in Python, next to what our loader takes: 2,600 bytecodes of one
function against 7,500 of some 140.

Not part of the tests: ``pytest tests/loader/bench_straight.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from struct import iter_unpack, pack, pack_into, unpack_from
from typing import Any

import pytest
from bpflab.loader.native import native
from bpflab.loader.programs.program import Program
from bpflab.loader.spec import ObjectSpec
from bpflab.loader.syscall import Command

pytestmark = pytest.mark.usefixtures("live")

ROUNDS = 2000

SOURCE = """
u64 passed, dropped;
SEC("xdp") int sort(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    if (data + 15 > end)
        return 2;
    if (data[14] == 'D') {
        __sync_fetch_and_add(&dropped, 1);
        return 1;
    }
    __sync_fetch_and_add(&passed, 1);
    return 2;
}
"""


def straight(path: Path) -> tuple[int, int]:
    """Descriptors of the program and of the map of `SOURCE`'s object. It is wrong for any other."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    data = os.read(fd, 1 << 16)
    os.close(fd)
    # ELF
    (at,), (count, names_index) = unpack_from("<Q", data, 40), unpack_from("<HH", data, 60)
    headers = [*iter_unpack("<IIQQQQIIQQ", data[at : at + 64 * count])]
    table = headers[names_index]
    text = data[table[4] : table[4] + table[5]].decode("ascii")
    names = [text[header[0] : text.find("\0", header[0])] for header in headers]
    sections = dict(zip(names, headers, strict=True))
    of = {
        name: data[header[4] : header[4] + header[5]] for name, header in sections.items() if header[1] != 8
    }
    table = headers[sections[".symtab"][6]]
    text = data[table[4] : table[4] + table[5]].decode("ascii")
    symbols = [*iter_unpack("<IBBHQQ", of[".symtab"])]
    values = {text[one[0] : text.find("\0", one[0])]: one[4] for one in symbols if one[1] & 15 == 1}
    # BTF: sizes of sections, places of variables
    raw = bytearray(of[".BTF"])
    head, types_at, types_size, strings_at, strings_size = unpack_from("<4xIIIII", raw)
    words = memoryview(raw)[head + types_at : head + types_at + types_size].cast("I")
    strings = raw[head + strings_at : head + strings_at + strings_size].decode("ascii")
    offsets = memoryview(bytearray(4 * (len(words) // 3 + 1))).cast("I")
    section_id = 0
    for number in range(native.btf_offsets(words, offsets)):
        at = offsets[number]
        if words[at + 1] >> 24 & 0x7F == 15:
            name = strings[words[at] : strings.find("\0", words[at])]
            words[at + 2] = sections[name][5]
            section_id = number + 1 if name == ".bss" else section_id
            entries = []
            for place in range(at + 3, at + 3 + 3 * (words[at + 1] & 0xFFFF), 3):
                variable = words[offsets[words[place] - 1]]
                entries.append((values[strings[variable : strings.find("\0", variable)]], words[place]))
            for place, (offset, type_id) in enumerate(sorted(entries)):
                words[at + 3 + 3 * place], words[at + 4 + 3 * place] = type_id, offset
    address = native.address
    btf_fd = native.bpf(Command.BTF_LOAD, bytearray(pack("=QQIII", address(raw), 0, len(raw), 0, 0)))
    size = sections[".bss"][5]
    request = pack("=7I16s5IQi", 2, 4, size, 1, 1 << 10, 0, 0, b"test.bss", 0, btf_fd, 0, section_id, 0, 0, 0)
    map_fd = native.bpf(Command.MAP_CREATE, bytearray(request))
    # The program: addresses in the map, what its lines are
    insns = bytearray(of["xdp"])
    for offset, info in iter_unpack("<QQ", of[".relxdp"]):
        insns[offset + 1] = insns[offset + 1] & 15 | 2 << 4
        (within,) = unpack_from("<i", insns, offset + 4)
        pack_into("<i", insns, offset + 4, map_fd)
        pack_into("<i", insns, offset + 12, symbols[info >> 32][4] + within)
    ext = of[".BTF.ext"]
    head, functions_at, _, lines_at, _ = unpack_from("<4xIIIII", ext)
    functions = pack("=II", 0, unpack_from("<I", ext, head + functions_at + 16)[0])
    (count,) = unpack_from("<I", ext, head + lines_at + 8)
    numbers = [*unpack_from(f"<{4 * count}I", ext, head + lines_at + 12)]
    numbers[::4] = [offset // 8 for offset in numbers[::4]]
    lines, code, license = pack(f"={4 * count}I", *numbers), bytes(insns), of["license"]
    places = address(code), address(license)
    request = pack("=IIQQIIQII16sII", 6, len(code) // 8, *places, 0, 0, 0, 0, 0, b"sort", 0, 37)
    request += pack("=IIQIIQIIIIQ", btf_fd, 8, address(functions), 1, 16, address(lines), count, 0, 0, 0, 0)
    program_fd = native.bpf(Command.PROG_LOAD, bytearray(request))
    os.close(btf_fd)
    return program_fd, map_fd


def close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def test_straight_code(benchmark: Any, compile_bpf: Callable[[str], Path]) -> None:
    path = compile_bpf(SOURCE)
    program_fd, map_fd = straight(path)
    with ObjectSpec.from_file(path).load() as loaded, Program.from_fd(program_fd) as program:
        ours, theirs = loaded.programs["sort"].info(), program.info()
        assert (ours.tag, ours.jited_size) == (theirs.tag, theirs.jited_size)
    os.close(map_fd)
    left: list[tuple[int, int]] = []
    benchmark.pedantic(
        lambda: left.append(straight(path)),
        rounds=ROUNDS,
        teardown=lambda: close(*left.pop()),
        warmup_rounds=50,
    )


def test_loader(benchmark: Any, compile_bpf: Callable[[str], Path]) -> None:
    path, left = compile_bpf(SOURCE), []
    benchmark.pedantic(
        lambda: left.append(ObjectSpec.from_file(path).load()),
        rounds=ROUNDS,
        teardown=lambda: left.pop().close(),
        warmup_rounds=50,
    )


def test_opening(benchmark: Any, compile_bpf: Callable[[str], Path]) -> None:
    path = compile_bpf(SOURCE)
    benchmark.pedantic(lambda: ObjectSpec.from_file(path), rounds=ROUNDS, warmup_rounds=50)


def test_loading(benchmark: Any, compile_bpf: Callable[[str], Path]) -> None:
    spec, left = ObjectSpec.from_file(compile_bpf(SOURCE)), []
    benchmark.pedantic(
        lambda: left.append(spec.load()), rounds=ROUNDS, teardown=lambda: left.pop().close(), warmup_rounds=50
    )
