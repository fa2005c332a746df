"""Modules with a base of their own, moved onto a kernel: libbpf's btf__relocate() gives the same."""

from __future__ import annotations

from array import array

import pytest
from bpflab.loader.btf import Btf, IntEncoding, Kind
from bpflab.loader.btf.distilled import onto_base
from bpflab.loader.btf.edit import BtfEdit
from bpflab.loader.btf.records import make_info
from bpflab.loader.errors import BtfError


class Types(BtfEdit):
    """BTF that is being made: each method adds a type and returns its id."""

    def __init__(self, base: Btf | None = None) -> None:
        super().__init__(Btf(array("I"), b"" if base else b"\0", base=base))

    def integer(self, name: str = "int", size: int = 4, encoding: int = IntEncoding.SIGNED) -> int:
        return self.append(name, make_info(Kind.INT), size, encoding << 24 | 8 * size)

    def struct(
        self, name: str, size: int, *members: int, kind: int = Kind.STRUCT, kflag: bool = False
    ) -> int:
        """Members are types, at bits 0, 32 …"""
        rows = [
            word
            for number, type_id in enumerate(members)
            for word in (self.add_string(f"m{number}"), type_id, 32 * number)
        ]
        return self.append(name, make_info(kind, len(members), kflag), size, *rows)

    def forward(self, name: str, is_union: bool = False) -> int:
        return self.append(name, make_info(Kind.FWD, kflag=is_union), 0)


def kernel() -> Btf:
    types = Types()
    types.append("", make_info(Kind.PTR), 0)
    number = types.integer()
    types.integer("unsigned int", encoding=0)
    types.struct("grown", 12, number, number, number)
    types.struct("twice", 4, number)
    types.struct("twice", 8, number, number)
    types.struct("same", 4, number)
    types.struct("same", 4, number)
    types.struct("bits", 4, 3 << 24 | number, kflag=True)
    types.struct("both", 4, number, kind=Kind.UNION)
    types.append("wide", make_info(Kind.ENUM64), 8)
    types.append("double", make_info(Kind.FLOAT), 8)
    types.append("named", make_info(Kind.TYPEDEF), number)
    return types.finish()


def test_types_and_names_of_the_base_are_found_again() -> None:
    distilled = Types()
    number, grown = distilled.integer(), distilled.struct("grown", 8)
    base = distilled.finish()
    module = Types(base)
    pointer = module.append("", make_info(Kind.PTR), grown)
    # A member may have the name of a type of the base.
    shared = base.words[base.word_offset(number)]
    rows = [module.add_string("m0"), pointer, 0, shared, number, 64]
    mine = module.append("mine", make_info(Kind.STRUCT, 2), 16, *rows)
    module.append("", make_info(Kind.FUNC_PROTO, 1), number, module.add_string("arg"), mine)
    module.append("", make_info(Kind.ARRAY), 0, mine, number, 3)
    split = module.finish()

    vmlinux = kernel()
    moved = onto_base(split, vmlinux)
    assert list(moved.ids()) == list(range(vmlinux.end_id, vmlinux.end_id + 4))
    (found,) = moved.named("mine")
    first, second = moved.members(moved.type(found))
    assert [first.name, second.name] == ["m0", "int"]
    assert moved.describe(moved.type(first.type_id).size_or_type) == "struct grown"
    assert moved.size_of(moved.type(first.type_id).size_or_type) == 12, "the kernel's, not the module's"
    assert second.type_id == vmlinux.named("int")[0]
    assert moved.parameters(moved.type(found + 1)) == [("arg", found)]
    assert moved.array(moved.type(found + 2)) == (found, second.type_id, 3)
    assert Btf.from_bytes(moved.encode(), vmlinux) == moved


def stood_for(make: str, *arguments: object, embed: bool = False, **named: object) -> str:
    """What of the kernel a type of a distilled base is found to be."""
    distilled = Types()
    wanted = getattr(distilled, make)(*arguments, **named)
    module = Types(distilled.finish())
    owner = module.struct("owner", 64, wanted) if embed else module.append("", make_info(Kind.PTR), wanted)
    moved = onto_base(module.finish(), kernel())
    found = moved.type(owner - module.btf.first_id + moved.first_id)
    type_id = moved.members(found)[0].type_id if embed else found.size_or_type
    return f"{moved.describe(type_id)} {moved.size_of(type_id)}"


def test_what_stands_for_what() -> None:
    assert stood_for("integer") == "int 4"
    assert stood_for("struct", "grown", 8) == "struct grown 12"
    assert stood_for("struct", "grown", 12, embed=True) == "struct grown 12"
    assert stood_for("struct", "twice", 8) == "struct twice 8"
    assert stood_for("append", "wide", make_info(Kind.ENUM), 8) == "enum wide 8"
    assert stood_for("append", "double", make_info(Kind.FLOAT), 8) == "double 8"
    # libbpf reads the flag of the struct here, which says that it has bitfields.
    assert stood_for("forward", "bits") == "struct bits 4"
    assert stood_for("forward", "both", is_union=True) == "union both 4"


@pytest.mark.parametrize(
    ("make", "arguments", "said"),
    [
        ("integer", ("int", 8), "the module's int of 8 bytes: the kernel has none that fits"),
        ("integer", ("int", 4, 0), "none that fits"),
        ("struct", ("lost", 8), "the module's struct lost of 8 bytes: the kernel has none that fits"),
        ("struct", ("both", 4), "none that fits"),
        ("struct", ("twice", 16), "none that fits"),
        ("struct", ("same", 4), "the module's struct same of 4 bytes: the kernel has several that fit"),
        ("forward", ("both",), "none that fits"),
        ("append", ("wide", make_info(Kind.ENUM), 4), "none that fits"),
        ("append", ("named", make_info(Kind.TYPEDEF), 0), "cannot stand for a type of the kernel"),
        ("struct", ("", 4), "cannot stand for"),
    ],
)
def test_what_cannot_be_stood_for(make: str, arguments: tuple[object, ...], said: str) -> None:
    with pytest.raises(BtfError, match=said):
        stood_for(make, *arguments)


def test_a_struct_within_the_modules_own_must_have_its_size() -> None:
    with pytest.raises(BtfError, match="struct grown of 8 bytes: the kernel has none that fits"):
        stood_for("struct", "grown", 8, embed=True)


def test_types_that_are_not_there_are_an_error() -> None:
    module = Types(Types().finish())
    module.append("", make_info(Kind.PTR), 99)
    with pytest.raises(BtfError, match="no type 99"):
        onto_base(module.finish(), kernel())
    with pytest.raises(BtfError, match="continues no other"):
        onto_base(kernel(), kernel())
