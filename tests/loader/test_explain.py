"""The user's words: types as C writes them, source lines, and what a kernel has instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from bpflab.loader.btf.ext import line_rows
from bpflab.loader.btf.kernel import KernelBtf
from bpflab.loader.btf.type_name import type_name
from bpflab.loader.core.explain import explain
from bpflab.loader.linker import link
from bpflab.loader.programs.source_line import line_of_use, line_of_verdict, source_line
from bpflab.loader.spec import ObjectSpec

Compile = Callable[[str], Path]

MACROS = """
#define core __attribute__((preserve_access_index))
#define value(type, name) __builtin_preserve_enum_value(*(type *)name, 1)
"""


@pytest.mark.parametrize(
    ("local", "target", "body", "expected"),
    [
        (
            "struct s { long state; } core;",
            "struct s { int flags; unsigned __state; int a, b, c, d, e, f, g; } v;",
            "return s->state;",
            "the kernel's struct s has no member 'state'; near: __state",
        ),
        (
            "struct s { long lost; } core;",
            "struct s { int one; struct { int two; union { int three; }; }; } v;",
            "return s->lost;",
            "the kernel's struct s has no member 'lost'; it has: one, two, three",
        ),
        (
            "struct s { long lost; } core;",
            "struct s { int a, b, c, d, e, f, g, h, i; } v;",
            "return s->lost;",
            "the kernel's struct s has no member 'lost'",
        ),
        (
            "struct s { long lost; } core;",
            "struct s { } v;",
            "return s->lost;",
            "the kernel's struct s has no member 'lost'; it has: nothing",
        ),
        (
            "struct inner { int deep; } core; struct s { struct inner inner; } core;",
            "struct other { int deeper; }; struct s { long x; struct other inner; } v;",
            "return s->inner.deep;",
            "the kernel's struct other has no member 'deep'; near: deeper",
        ),
        (
            "struct s { int x; } core;",
            "struct s { const char *x[4]; } v;",
            "return s->x;",
            "in the kernel's struct s 'x' is char *[4], which int does not fit",
        ),
        (
            "struct s { int x[9]; } core;",
            "struct s { int x[4]; } v;",
            "return s->x[7];",
            "the kernel's array has 4 elements, no element 7",
        ),
        (
            "struct s___mine { int x; } core;",
            "int v;",
            "return s->x;",
            "the kernel (without its modules) has no struct s",
        ),
        (
            "struct s { int x; } core;",
            "union s { int x; } v;",
            "return s->x;",
            "the kernel has no struct s, but union s",
        ),
        (
            "struct s { int x; } core;",
            "typedef struct { int x; } s; s v;",
            "return s->x;",
            "the kernel has no struct s, but typedef s",
        ),
        (
            "struct s { int x; } core;",
            "struct s; struct s *v;",
            "return s->x;",
            "the kernel's BTF only declares struct s, without its members",
        ),
        (
            "enum e { E_RUN___x = 3 }; struct s { int x; };",
            "enum e { E_RUNNING, E_DEAD } v;",
            "return value(enum e, E_RUN___x);",
            "the kernel's enum e has no 'E_RUN'; near: E_RUNNING",
        ),
        (
            "enum e { LONG_PREFIX_GONE = 3 }; struct s { int x; };",
            "enum e { LONG_PREFIX_A, LONG_PREFIX_B, LONG_PREFIX_C } v;",
            "return value(enum e, LONG_PREFIX_GONE);",
            "the kernel's enum e has no 'LONG_PREFIX_GONE'; "
            "it has: LONG_PREFIX_A, LONG_PREFIX_B, LONG_PREFIX_C",
        ),
    ],
)
def test_what_the_kernel_has_instead(
    compile_bpf: Compile, local: str, target: str, body: str, expected: str
) -> None:
    struct = "struct s___mine" if "s___mine" in local else "struct s"
    source = f'{MACROS}{local}\nSEC("raw_tp/x") long program({struct} *s) {{ {body} }}'
    spec = ObjectSpec.from_file(compile_bpf(source.replace("return s->x;", "return (long)s->x;")))
    assert spec.btf
    ((_, relocation),) = spec.programs["program"].function.core
    assert explain(spec.btf, relocation, KernelBtf.from_file(compile_bpf(target))) == expected


@pytest.mark.parametrize(
    "declaration",
    [
        "int",
        "unsigned int",
        "struct s",
        "struct s *",
        "struct s **",
        "char[16]",
        "int[2][3]",
        "struct s *[4]",
        "u64",
        "void *",
        "int (*)[3]",
    ],
)
def test_types_are_named_as_in_c(compile_bpf: Compile, declaration: str) -> None:
    before, bracket, length = declaration.partition("[")
    name = "(*const variable)" if "(*)" in before else "const volatile variable"
    source = f"struct s {{ int x; }}; {before.replace('(*)', '')} {name}{bracket}{length};"
    btf = ObjectSpec.from_file(compile_bpf(source)).btf
    assert btf
    (variable,) = btf.named("variable")
    assert type_name(btf, variable) == declaration


SOURCE = """
static __attribute__((noinline)) int add(int *x)
{
    return *x + 1;
}
SEC("tc") int program(struct __sk_buff *skb)
{
    int len = skb->len;
    return add(&len);
}
"""


def test_instructions_have_their_source_lines(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(SOURCE))
    linked = link(spec, spec.programs["program"])
    found = [source_line(linked, spec.btf, insn) for insn in range(len(linked.insns) // 8)]
    texts = {line.text for line in found if line}
    assert {"int len = skb->len;", "return add(&len);", "return *x + 1;"} <= texts
    first = found[0]
    assert first and str(first).endswith(f"test.bpf.c:{first.line}")
    start = next(start for start, name in linked.functions if name == "add")
    assert all(line and line.line <= first.line for line in found[start:]), "what comes first in the file"


def test_without_line_info_there_is_no_line(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(SOURCE))
    linked = link(spec, spec.programs["program"])
    assert source_line(linked, None, 0) is None
    lines = line_rows(linked.line_info)
    linked.line_info = [number for line in lines if line[0] >= 2 for number in line]
    assert source_line(linked, spec.btf, 0) is None


OFFSETS = """
struct s { int a; struct s *b; } __attribute__((preserve_access_index));
static long (*probe)(void *, u32, const void *) = (void *)113;
SEC("raw_tp/x") long program(struct s **context)
{
    struct s *s = context[0];
    long result = 0;
    probe(&result, 4, &s->a);
    if (__builtin_preserve_field_info(s->b, 2))
        probe(&result, 8, &s->b);
    return result;
}
"""


def test_offsets_belong_to_the_line_that_uses_them(compile_bpf: Compile) -> None:
    spec = ObjectSpec.from_file(compile_bpf(OFFSETS))
    linked = link(spec, spec.programs["program"])
    found = [line_of_use(linked, spec.btf, insn) for insn, _ in linked.core]
    assert [line.text for line in found if line] == [
        "probe(&result, 4, &s->a);",
        "if (__builtin_preserve_field_info(s->b, 2))",
        "probe(&result, 8, &s->b);",
    ]


TWO_LINES = """
u32 first = 1;
SEC("socket") int program(struct __sk_buff *skb)
{
    first += skb->len;
    return first;
}
"""


@pytest.mark.parametrize(
    ("log", "text"),
    [
        ("0: (18) r2 = 0x0\n; first += skb->len;\n{last}: (95) exit\nR0 !read_ok\n", "return first;"),
        ("func#0 @0\n{last}: R1=ctx()\n0: (61) r1 = *(u32 *)(r1 +0)\n", "first += skb->len;"),
        ("Global function f() doesn't return scalar\n", None),
        ("99999: (95) exit\n", None),
        ("123456789: (95) exit\nnot an instruction: (95) exit\n", None),
        ("", None),
    ],
)
def test_the_line_at_which_a_log_ends(compile_bpf: Compile, log: str, text: str | None) -> None:
    spec = ObjectSpec.from_file(compile_bpf(TWO_LINES))
    linked = link(spec, spec.programs["program"])
    last = len(linked.insns) // 8 - 1
    found = line_of_verdict(linked, spec.btf, log.format(last=last))
    assert (found.text if found else None) == text
