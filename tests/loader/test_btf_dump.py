"""Types as C declares them: readable, and the same types again when compiled."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from bpflab.loader.btf import Btf, IntEncoding, Kind, Linkage
from bpflab.loader.btf.dump import declaration
from bpflab.loader.btf.edit import BtfEdit
from bpflab.loader.btf.file import read_btf
from bpflab.loader.btf.kernel import KernelBtf
from bpflab.loader.btf.records import make_info
from bpflab.loader.errors import BtfError

SOURCE = """
enum small { MINUS = -1, PLUS = 1 };
enum big { HUGE = 0x1122334455667788ULL };
union both { u32 number; struct { u8 low, high; }; enum { UP, DOWN = 7 } way; };
typedef int (*callback)(const char *text, ...);
struct later;
struct whole {
    char text[5]; const char *const *names; int (*table[3])(struct later *, void *); int (*matrix)[2][3];
    u32 bits : 3, more : 7; enum small small; enum big big; union both both; struct whole *next;
    struct { struct { u8 deep; }; u16 flat; } pair[2]; callback call; void (*(*nested)(int))(void);
    const volatile long changing; int __attribute__((btf_type_tag("user"))) *tagged; int tail[];
};
struct whole *value; union both other; volatile u32 counter SEC(".data.mine") = 1;
__attribute__((noinline)) static int helper(struct whole *of, int number) { return of ? number : 0; }
SEC("socket") int program(void *context) { return helper(value, other.number) + (int)counter; }
"""


@pytest.fixture
def btf(compile_bpf: Callable[[str], Path]) -> Btf:
    return read_btf(compile_bpf(SOURCE))


def one(btf: Btf, name: str) -> int:
    (type_id,) = btf.named(name)
    return type_id


def of(btf: Btf, name: str, *, offsets: bool = False) -> str:
    return declaration(btf, one(btf, name), offsets=offsets)


def test_a_struct(btf: Btf) -> None:
    assert of(btf, "whole").splitlines() == [
        "struct whole {",
        "\tchar text[5];",
        "\tconst char *const *names;",
        "\tint (*table[3])(struct later *, void *);",
        "\tint (*matrix)[2][3];",
        "\tu32 bits : 3;",
        "\tu32 more : 7;",
        "\tenum small small;",
        "\tenum big big;",
        "\tunion both both;",
        "\tstruct whole *next;",
        "\tstruct {",
        "\t\tstruct {",
        "\t\t\tu8 deep;",
        "\t\t};",
        "\t\tu16 flat;",
        "\t} pair[2];",
        "\tcallback call;",
        "\tvoid (*(*nested)(int))(void);",
        "\tconst volatile long changing;",
        '\t__attribute__((btf_type_tag("user"))) int *tagged;',
        "\tint tail[0];",
        "};",
    ]


def test_offsets_are_in_the_whole(btf: Btf) -> None:
    lines = of(btf, "whole", offsets=True).splitlines()
    (start,) = (line for line in lines if "pair[2]" in line)
    pair = int(start.split()[-2])
    assert "\tu32 more : 7; /* 48:3 */" in lines
    assert f"\t\t\tu8 deep; /* {pair} */" in lines
    assert f"\t\tu16 flat; /* {pair + 2} */" in lines
    assert lines[-1] == f"}}; /* {btf.size_of(one(btf, 'whole'))} bytes */"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("small", "enum small {\n\tMINUS = -1,\n\tPLUS = 1,\n};"),
        ("big", f"enum big {{\n\tHUGE = {0x1122334455667788},\n}};"),
        ("callback", "typedef int (*callback)(const char *, ...);"),
        ("u32", "typedef unsigned int u32;"),
        ("int", "int;"),
        ("later", "struct later;"),
        ("helper", "static int helper(struct whole *of, int number);"),
        ("program", "int program(void *context);"),
        ("counter", "volatile u32 counter;"),
    ],
)
def test_other_types(btf: Btf, name: str, text: str) -> None:
    assert of(btf, name) == text


def test_a_section(btf: Btf) -> None:
    section = btf.section(".data.mine")
    assert section is not None
    assert declaration(btf, section.id) == "/* section .data.mine, 0 bytes */\nvolatile u32 counter;"


def test_what_is_said_once(compile_bpf: Callable[[str], Path]) -> None:
    btf = read_btf(compile_bpf("struct s { const u32 values[2]; struct {} empty; } v;"))
    edit = BtfEdit(btf)
    values = btf.members(btf.type(one(btf, "s")))[0]
    again = edit.append("", make_info(Kind.CONST), values.type_id)
    typedef = edit.append("t", make_info(Kind.TYPEDEF), edit.append("", make_info(Kind.CONST), again))
    assert declaration(edit.finish(), typedef) == "typedef const u32 t[2];"
    assert of(btf, "s").splitlines()[2] == "\tstruct {} empty;"


def test_void(btf: Btf) -> None:
    assert declaration(btf, 0) == "void;"


def test_a_tag_says_what_it_is_on(compile_bpf: Callable[[str], Path]) -> None:
    btf = read_btf(compile_bpf('struct s { int a; } __attribute__((btf_decl_tag("marked"))) v;'))
    tag = btf.of_kind(Kind.DECL_TAG)[0]
    assert declaration(btf, tag.id) == '__attribute__((btf_decl_tag("marked"))) /* on struct s */;'


def test_bitfields_of_old_compilers() -> None:
    """The width was in the INT, before members had one of their own."""
    edit = BtfEdit(Btf(array("I"), b"\0"))
    narrow = edit.append("unsigned int", make_info(Kind.INT), 4, 3)
    members = (edit.add_string("a"), narrow, 0, edit.add_string("b"), narrow, 3)
    struct = edit.append("old", make_info(Kind.STRUCT, 2), 4, *members)
    text = declaration(edit.finish(), struct, offsets=True)
    assert text.splitlines()[1:3] == ["\tunsigned int a : 3; /* 0:0 */", "\tunsigned int b : 3; /* 0:3 */"]


def test_what_is_compiled_again_is_the_same(btf: Btf, compile_bpf: Callable[[str], Path]) -> None:
    text = "\n".join(of(btf, name) for name in ("small", "big", "both", "callback", "later", "whole"))
    again = read_btf(compile_bpf(f"{text} struct whole *value; union both other;"))
    for name in ("whole", "both"):
        one, other = of(btf, name, offsets=True), of(again, name, offsets=True)
        assert one == other


@pytest.mark.usefixtures("kernel_btf")
def test_every_type_of_the_kernel_has_a_declaration() -> None:
    btf = KernelBtf.running().vmlinux
    for type_id in range(1, btf.end_id, 97):
        assert declaration(btf, type_id).endswith((";", "*/"))


@pytest.mark.parametrize(
    "records",
    [
        [("", Kind.CONST, 1, ())],
        [("", Kind.PTR, 1, ())],
        [("", Kind.STRUCT, 4, (0, 1, 0))],
        [("", Kind.STRUCT, 4, (0, 2, 0)), ("", Kind.ARRAY, 0, (1, 1, 3))],
        [("", Kind.UNION, 4, (0, n, 0, 0, n, 0)) for n in range(2, 99)],
    ],
    ids=["modifier", "pointer", "struct", "array", "doubling"],
)  # fmt: skip
def test_a_type_that_holds_itself(records: list[tuple[str, Kind, int, tuple[int, ...]]]) -> None:
    edit = BtfEdit(Btf(array("I"), b"\0"))
    for name, kind, size_or_type, extra in records:
        count = len(extra) // 3 if kind != Kind.ARRAY else 0
        edit.append(name, make_info(kind, count), size_or_type, *extra)
    edit.append("int", make_info(Kind.INT), 4, IntEncoding.SIGNED << 24 | 32)
    with pytest.raises(BtfError):
        declaration(edit.finish(), 1)


def test_linkage(compile_bpf: Callable[[str], Path]) -> None:
    edit = BtfEdit(Btf(array("I"), b"\0"))
    prototype = edit.append("", make_info(Kind.FUNC_PROTO), 0)
    functions = [edit.append("f", make_info(Kind.FUNC, linkage), prototype) for linkage in Linkage]
    btf = edit.finish()
    assert [declaration(btf, one) for one in functions] == [
        "static void f(void);",
        "void f(void);",
        "extern void f(void);",
    ]
