"""ELF files that tests make byte by byte."""

from __future__ import annotations

import struct


def elf(**sections: bytes) -> bytes:
    """An ELF file of these sections (`_` in a name stands for a dot), notes as such."""
    names, bodies, rows = b"\0", b"", []
    for name, body in {**sections, "_shstrtab": b""}.items():
        name_at, name = len(names), name.replace("_", ".")
        names += name.encode() + b"\0"
        kind = 7 if name.startswith(".note") else 3 if name == ".shstrtab" else 1
        body = names if kind == 3 else body
        rows.append((name_at, kind, 0, 0, 64 + len(bodies), len(body), 0, 0, 4, 0))
        bodies += body + bytes(-len(body) % 4)
    table = bytes(64) + b"".join(struct.pack("<IIQQQQIIQQ", *row) for row in rows)
    count, at = len(rows), 64 + len(bodies)
    header = struct.pack("<16sHHIQQQ", b"\x7fELF\2\1\1", 2, 62, 1, 0, 0, at)
    header += struct.pack("<IHHHHHH", 0, 64, 0, 0, 64, count + 1, count)
    return header + bodies + table
