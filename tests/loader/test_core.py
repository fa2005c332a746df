"""CO-RE: every rule on pairs of small objects, one compiled against, one standing for the kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from bpflab.loader import insn as bpf
from bpflab.loader.btf import Kind
from bpflab.loader.btf.file import read_btf
from bpflab.loader.btf.kernel import KernelBtf
from bpflab.loader.core import CoreResult, RelocationKind, relocate
from bpflab.loader.core.values import POISON
from bpflab.loader.errors import RelocationError
from bpflab.loader.linker import LinkedProgram, link
from bpflab.loader.spec import ObjectSpec

Compile = Callable[[str], Path]
Run = Callable[[str, str, str], tuple[LinkedProgram, list[CoreResult]]]

MACROS = """
#define core __attribute__((preserve_access_index))
#define info(field, kind) __builtin_preserve_field_info(field, kind)
#define type_info(type, kind) __builtin_preserve_type_info(*(type *)0, kind)
#define type_id(type, kind) __builtin_btf_type_id(*(type *)0, kind)
#define enum_value(type, name, kind) __builtin_preserve_enum_value(*(type *)name, kind)
"""


@pytest.fixture
def run(compile_bpf: Compile) -> Run:
    """Compile `body` as a program over `local` types and relocate it to `target` types."""

    def run(local: str, target: str, body: str) -> tuple[LinkedProgram, list[CoreResult]]:
        source = f'{MACROS}{local}\nSEC("raw_tp/x") long program(struct s *s) {{ {body} }}'
        spec = ObjectSpec.from_file(compile_bpf(source))
        kernel = KernelBtf(read_btf(compile_bpf(target)))
        return relocate(link(spec, spec.programs["program"]), spec, kernel)

    return run


def value(run: Run, local: str, target: str, body: str) -> int | None:
    """The value of the one relocation."""
    _, (result,) = run(local, target, body)
    return result.value


LOCAL = """
struct deep { int d; } core;
struct s {
    int a; unsigned int u; long array[4]; struct deep deep; unsigned int bits : 5; int sbits : 3;
    union { int in_union; long other; }; struct s *next; char flexible[];
} core;
"""
TARGET = """
struct deep { long shift; int d; };
struct s {
    long first; struct { int a; }; unsigned int u; long array[8]; struct deep deep;
    unsigned long pad : 3; unsigned int bits : 9; int sbits : 3; int in_union;
    struct s *next; long more; char flexible[];
} v;
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return s->a;", 8),
        ("return s->u;", 12),
        ("return s->array[2];", 32),
        ("return (long)&s[1].array[1];", 120 + 24),
        ("return s->deep.d;", 80 + 8),
        ("return s->in_union;", 100),
        ("return (long)s->next;", 104),
        ("return s->flexible[3];", 120 + 3),
        ("return info(s->a, 0);", 8),
        ("return info(s->array, 1);", 64),
        ("return info(s->array[1], 1);", 8),
        ("return info(s->a, 2);", 1),
        ("return info(s->a, 3);", 1),
        ("return info(s->u, 3);", 0),
        ("return info(s->a, 4);", 32),
        ("return info(s->a, 5);", 32),
        ("return info(s->bits, 0);", 96),
        ("return info(s->bits, 1);", 4),
        ("return info(s->bits, 4);", 64 - (3 + 9)),
        ("return info(s->bits, 5);", 64 - 9),
        ("return info(s->sbits, 3);", 1),
        ("return info(s->sbits, 4);", 64 - (12 + 3)),
    ],
)
def test_fields_that_moved(run: Run, body: str, expected: int) -> None:
    assert value(run, LOCAL, TARGET, body) == expected


def test_offset_is_written_into_the_load(run: Run) -> None:
    linked, (result,) = run(LOCAL, TARGET, "return s->u;")
    insn = bpf.read(linked.insns, result.insn, "<")
    assert (insn.code & bpf.CLASS_MASK, insn.offset) == (bpf.LDX, 12)
    assert result.kind == RelocationKind.FIELD_BYTE_OFFSET
    assert result.access == "struct s.u (0:1 @ offset 4)"
    assert result.target == "struct s.u (0:2 @ offset 12)"
    assert not result.poisoned


def test_relocating_leaves_the_linked_program_as_it_is(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(
        compile_bpf(f'{MACROS}{LOCAL}SEC("raw_tp/x") long program(struct s *s) {{ return s->u; }}')
    )
    linked = link(spec, spec.programs["program"])
    before = bytes(linked.insns)
    changed, _ = relocate(linked, spec, KernelBtf(read_btf(compile_bpf(TARGET))))
    assert bytes(linked.insns) == before != bytes(changed.insns)


def test_missing_field_poisons_and_says_why(run: Run) -> None:
    local = "struct inner { int gone; } core; struct s { struct inner inner; } core;"
    target = "struct inner { int here; }; struct s { struct inner inner; } v;"
    linked, (result,) = run(local, target, "return s->inner.gone;")
    insn = bpf.read(linked.insns, result.insn, "<")
    assert insn == bpf.Insn(bpf.CALL, 0, 0, 0, POISON)
    assert result.poisoned
    assert result.reason == "the kernel's struct s has no compatible field 'inner.gone'"


def test_missing_type_poisons_and_says_why(run: Run) -> None:
    _, (result,) = run("struct s { int a; } core;", "struct other { int a; } v;", "return s->a;")
    assert result.poisoned and result.reason == "the kernel has no struct s"


def test_both_halves_of_a_wide_load_are_poisoned(run: Run) -> None:
    local = "enum e { A = 0x100000000ULL }; struct s { int a; };"
    linked, (result,) = run(
        local, "enum e { B } v; struct s { int a; } w;", "return enum_value(enum e, A, 1);"
    )
    halves = [bpf.read(linked.insns, result.insn + half, "<") for half in (0, 1)]
    assert halves == [bpf.Insn(bpf.CALL, 0, 0, 0, POISON)] * 2
    assert result.reason == "the kernel's enum e has no enumerator 'A'"


@pytest.mark.parametrize(
    ("body", "there", "gone"),
    [
        ("return info(s->a, 2);", 1, 0),
        ("return type_info(struct s, 0);", 1, 0),
        ("return type_info(struct s, 1);", 8, 0),
        ("return type_info(struct s, 2);", 1, 0),
        ("return enum_value(enum e, A, 0);", 1, 0),
    ],
)
def test_existence_is_zero_or_one(run: Run, body: str, there: int, gone: int) -> None:
    local = "struct s { int a; } core; enum e { A = 1 };"
    target = "struct s { int a; int b; } v; enum e { B = 7, A = 5 } w;"
    assert value(run, local, target, body) == there
    assert value(run, local, "int nothing;", body) == gone


def test_existence_needs_a_compatible_field(run: Run) -> None:
    local = "struct s { int a; } core;"
    body = "return info(s->a, 2);"
    assert value(run, local, "struct s { long a; } v;", body) == 1
    assert value(run, local, "struct s { int *a; } v;", body) == 0
    assert value(run, local, "struct s { struct { int x; } a; } v;", body) == 0


@pytest.mark.parametrize(
    ("mine", "theirs", "compatible"),
    [
        ("struct x { int i; } a;", "union y { long l; } a;", True),
        ("void *a;", "int **a;", True),
        ("enum x { A } a;", "enum x___new { B } a;", True),
        ("enum x { A } a;", "enum y { A } a;", False),
        ("enum x { A } a;", "enum { A } a;", True),
        ("enum x { A } a;", "enum x { A = 0x100000000ULL } a;", True),
        ("enum x { A } a;", "int a;", False),
        ("int a[3];", "long a[5];", True),
        ("int a[3];", "int a;", False),
        ("int a[3];", "void *a[3];", False),
        ("float a;", "double a;", True),
        ("const volatile int a;", "u32 a;", True),
    ],
)
def test_field_compatibility(run: Run, mine: str, theirs: str, compatible: bool) -> None:
    local, target = f"struct s {{ {mine} }} core;", f"struct s {{ {theirs} }} v;"
    assert value(run, local, target, "return info(s->a, 2);") == int(compatible)


def test_the_first_member_of_a_name_decides(run: Run) -> None:
    local = "struct s { int a; int b; } core;"
    target = "struct s { struct { int *a; } x; union { struct { int b; }; }; int a; } v;"
    assert value(run, local, target, "return s->a;") == 12
    assert value(run, local, target, "return s->b;") == 8


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return enum_value(enum e, MINUS, 1);", 0xFFFFFFFFFFFFFFFE),
        ("return enum_value(enum e, FLAVOR___x, 1);", 9),
        ("return enum_value(enum wide, WIDE, 1);", 0x8000000000000001),
        ("return enum_value(enum becomes_wide, SAME, 1);", 0x200000000),
        ("return enum_value(name_t, NAMED, 1);", 4),
    ],
)
def test_enumerators(run: Run, body: str, expected: int) -> None:
    local = """
    enum e { MINUS = -1, FLAVOR___x = 3 }; enum wide { WIDE = 0x700000000ULL };
    enum becomes_wide { SAME = 0x100000000ULL, OTHER = 1 }; typedef enum { NAMED = 3 } name_t;
    struct s { int a; };
    """
    target = """
    enum e { OTHERS, FLAVOR___y = 9, MINUS = -2 } v1; enum wide { WIDE = 0x8000000000000001ULL } v2;
    enum becomes_wide { SAME = 0x200000000ULL } v3; typedef enum { NAMED = 4 } name_t; name_t v4;
    """
    assert value(run, local, target, body) == expected


def test_flavors_of_the_local_type_do_not_count(run: Run) -> None:
    local = "struct s___mine { int a; } core; struct s { int x; };"
    target = "struct s { long before; int a; } v;"
    body = "return ((struct s___mine *)s)->a;"
    assert value(run, local, target, body) == 8


def test_candidates_must_agree(run: Run) -> None:
    local = "struct s { int a; int b; } core;"
    agreeing = "struct s { long x; int a; } v1; struct s___two { long y; int a; } v2;"
    assert value(run, local, agreeing, "return s->a;") == 8
    without = "struct s { long x; int a; } v1; struct s___two { long y; } v2;"
    assert value(run, local, without, "return s->a;") == 8
    contrary = "struct s { long x; int a; } v1; struct s___two { int a; } v2;"
    with pytest.raises(RelocationError, match="two places") as caught:
        run(local, contrary, "return s->a;")
    assert caught.value.program == "program"
    assert "struct s.a (0:0 @ offset 0)" in str(caught.value)
    signs = "struct s { int a; } v1; struct s___two { u32 a; } v2;"
    with pytest.raises(RelocationError, match="two answers"):
        run(local, signs, "return info(s->a, 3);")


def test_candidates_that_did_not_match_are_not_asked_again(run: Run) -> None:
    """As libbpf: after `a` only the first candidate is left, and that one has no `b`."""
    local = "struct s { int a; int b; } core;"
    target = "struct s { int a; } v1; struct s___two { long y; int b; } v2;"
    _, both = run(local, target, "return info(s->a, 2) + info(s->b, 2) * 2;")
    assert [result.value for result in both] == [1, 0]
    assert value(run, local, target, "return info(s->b, 2);") == 1


@pytest.mark.parametrize(
    ("mine", "theirs", "size"),
    [
        ("u32 a;", "u64 a;", 8),
        ("u32 a;", "u8 a;", 1),
        ("u64 a;", "u16 a;", 2),
        ("u32 a;", "u32 a;", 4),
        ("int a;", "long a;", None),
        ("u32 a;", "long a;", None),
        ("enum x { A } a;", "enum x { A = 0x100000000ULL } a;", None),
    ],
)
def test_width_of_loads_follows_the_field(run: Run, mine: str, theirs: str, size: int | None) -> None:
    body = "return s->a;"
    linked, (result,) = run(f"struct s {{ {mine} }} core;", f"struct s {{ long pad; {theirs} }} v;", body)
    insn = bpf.read(linked.insns, result.insn, "<")
    if size is None:
        assert result.poisoned and insn.imm == POISON
        assert "only pointers and unsigned integers" in result.reason
    else:
        assert (insn.code & bpf.SIZE_MASK, insn.offset) == (bpf.SIZES[size], 8)


def test_offset_without_a_load_may_change_width(run: Run) -> None:
    assert value(run, "struct s { int a; } core;", "struct s { long pad, a; } v;", "return (long)&s->a;") == 8


def test_offset_that_no_load_can_reach(run: Run) -> None:
    target = "struct s { char pad[40000]; int a; } v;"
    with pytest.raises(RelocationError, match="beyond what a load or store can reach"):
        run("struct s { int a; } core;", target, "return s->a;")
    assert value(run, "struct s { int a; } core;", target, "return (long)&s->a;") == 40000


def test_array_index_must_be_in_the_kernels_array(run: Run) -> None:
    local = "struct s { int a[8]; } core;"
    assert value(run, local, "struct s { int a[6]; } v;", "return info(s->a[5], 2);") == 1
    assert value(run, local, "struct s { int a[5]; } v;", "return info(s->a[5], 2);") == 0
    assert value(run, local, "struct s { int b; int a[]; } v;", "return info(s->a[5], 2);") == 1
    assert value(run, local, "struct s { int a[0]; int b; } v;", "return info(s->a[5], 2);") == 0


def test_bitfield_that_became_a_plain_field(run: Run) -> None:
    local = "struct s { u32 pad : 4; u32 a : 4; } core;"
    target = "struct s { long first; u16 a; } v;"
    body = "return info(s->a, {});"
    values = [value(run, local, target, body.replace("{}", str(kind))) for kind in (0, 1, 4, 5)]
    assert values == [8, 2, 48, 48]


def test_type_ids(run: Run, compile_bpf: Compile) -> None:
    local, target = "struct s { int a; };", "long other; struct s { int a; int b; } v;"
    kernel = read_btf(compile_bpf(target))
    (wanted,) = kernel.named("s")
    assert value(run, local, target, "return type_id(struct s, 1);") == wanted
    assert value(run, local, "int nothing;", "return type_id(struct s, 1);") == 0
    _, (mine,) = run(local, target, "return type_id(struct s, 0);")
    assert mine.kind == RelocationKind.TYPE_ID_LOCAL and mine.value


@pytest.mark.parametrize(
    ("mine", "theirs", "exists", "matches"),
    [
        ("struct t { int a; };", "struct t { long x; int a; } v;", 1, 1),
        ("struct t { int a; };", "struct t { long a; } v;", 1, 0),
        ("struct t { int a; };", "struct t { u32 a; } v;", 1, 0),
        ("struct t { int a; int b; };", "struct t { int a; } v;", 1, 0),
        ("struct t { int a; };", "union t { int a; } v;", 0, 0),
        ("struct i { int x; }; struct t { struct i *p; };", "struct t { struct i { long y; } *p; } v;", 1, 1),
        ("struct i { int x; }; struct t { struct i p; };", "struct t { struct i { long x; } p; } v;", 1, 0),
        ("struct i; struct t { struct i *p; };", "struct i { int z; }; struct t { struct i *p; } v;", 1, 1),
        ("union i; struct t { union i *p; };", "struct i { int z; }; struct t { struct i *p; } v;", 1, 0),
        ("struct t { int a[3]; };", "struct t { int a[4]; } v;", 1, 0),
        ("struct t { enum e { A } a; };", "struct t { enum e { B, A = 9 } a; } v;", 1, 1),
        ("struct t { enum e { A } a; };", "struct t { enum e { B } a; } v;", 1, 0),
        ("struct t { int (*f)(int); };", "struct t { int (*f)(int); } v;", 1, 1),
        ("struct t { int (*f)(int); };", "struct t { int (*f)(int, int); } v;", 1, 0),
        ("typedef int (*t)(int, void *); struct u { t x; };", "typedef long (*t)(u8, void *); t v;", 1, 0),
        ("typedef int (*t)(int); struct u { t x; };", "typedef int (*t)(int, int); t v;", 0, 0),
        ("typedef struct { int a; } t; struct u { t x; };", "typedef struct { int b; } t; t v;", 1, 0),
        ("typedef int t; struct u { t x; };", "typedef void *t; t v;", 0, 0),
    ],
)  # fmt: skip
def test_types_exist_and_match(run: Run, mine: str, theirs: str, exists: int, matches: int) -> None:
    name = "t" if "typedef" in mine else "struct t"
    local = f"{mine} struct s {{ int a; }};"
    assert value(run, local, theirs, f"return type_info({name}, 0);") == exists
    assert value(run, local, theirs, f"return type_info({name}, 2);") == matches


def test_subprograms_are_relocated_where_they_end_up(run: Run) -> None:
    local = (
        "struct s { int a, b; } core; __attribute__((noinline)) static int get(struct s *s) { return s->b; }"
    )
    target = "struct s { long pad[3]; int b, a; } v;"
    linked, results = run(local, target, "return get(s) + s->a;")
    places = {linked.function_at(result.insn): result.value for result in results}
    assert places == {"get": 24, "program": 28}


def test_anonymous_types_cannot_be_found(run: Run) -> None:
    local = "struct s { int a; }; struct { int x; } core anonymous;"
    body = "return info(((typeof(anonymous) *)s)->x, 0);"
    with pytest.raises(RelocationError, match="without a name"):
        run(local, "int v;", body)


def test_value_in_the_instruction_must_be_the_objects_own(compile_bpf: Compile) -> None:
    program = 'SEC("raw_tp/x") long program(struct s *s) { return s->a; }'
    source = f"{MACROS}struct s {{ int pad; int a; }} core; {program}"
    spec = ObjectSpec.from_file(compile_bpf(source))
    linked = link(spec, spec.programs["program"])
    ((index, _),) = linked.core
    insn = bpf.read(linked.insns, index, "<")
    bpf.write(linked.insns, index, insn._replace(offset=5), "<")
    with pytest.raises(RelocationError, match="holds 5, but by the object's own BTF it must be 4"):
        relocate(linked, spec, KernelBtf(read_btf(compile_bpf("struct s { int a; } v;"))))


def test_modules_are_asked_only_if_vmlinux_has_nothing(compile_bpf: Compile) -> None:
    vmlinux = read_btf(compile_bpf("struct s { int a; } v;"))
    module = read_btf(compile_bpf("struct s { long x; int a; } v; struct only { int y; } w;"))
    kernel = KernelBtf(vmlinux, lambda base: {"module": module})
    assert [found.module for found in kernel.candidates("s", (Kind.STRUCT,))] == ["vmlinux"]
    assert [found.module for found in kernel.candidates("only", (Kind.STRUCT,))] == ["module"]
    assert kernel.find("only", Kind.STRUCT).module == "module"


@pytest.mark.usefixtures("kernel_btf")
def test_running_kernels_task(compile_bpf: Compile) -> None:
    source = f"""{MACROS}
    struct task_struct___mine {{ int pid; int tgid; int nowhere; struct task_struct___mine *parent; }} core;
    SEC("raw_tp/x") long program(struct task_struct___mine *t) {{
        return t->pid + info(t->tgid, 1) + info(t->nowhere, 2) + t->parent->tgid;
    }}"""
    spec = ObjectSpec.from_file(compile_bpf(source))
    kernel = KernelBtf.running()
    _, results = relocate(link(spec, spec.programs["program"]), spec, kernel)
    task = kernel.find("task_struct", Kind.STRUCT)
    offsets = {
        member.name: member.bit_offset // 8 for member in task.btf.members(task.btf.type(task.type_id))
    }
    found = {(result.kind, result.access.split(" ")[1].split(".")[1]): result.value for result in results}
    assert found == {
        (RelocationKind.FIELD_BYTE_OFFSET, "pid"): offsets["pid"],
        (RelocationKind.FIELD_BYTE_SIZE, "tgid"): 4,
        (RelocationKind.FIELD_EXISTS, "nowhere"): 0,
        (RelocationKind.FIELD_BYTE_OFFSET, "parent"): offsets["parent"],
        (RelocationKind.FIELD_BYTE_OFFSET, "tgid"): offsets["tgid"],
    }
