"""CO-RE next to libbpf's: the same instructions for types of our own making, or the same refusal."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import pytest
from bpflab.harness.subjects.libbpf.build import library
from bpflab.loader.btf.kernel import KernelBtf
from bpflab.loader.core import relocate
from bpflab.loader.errors import RelocationError
from bpflab.loader.linker import link
from bpflab.loader.spec import ObjectSpec

from .random_types import changed, declare, members, uses
from .test_core import LOCAL, MACROS, TARGET

Compile = Callable[[str], Path]
Both = Callable[[Mapping[str, str], str, str], tuple[dict[str, str | None], dict[str, str] | None]]

WIDTHS = "struct s { unsigned a; unsigned b; unsigned long c; int d; } core;"
OTHER_WIDTHS = "struct s { unsigned long a; unsigned short b; unsigned c; long d; } v;"
INFO = [(field, kind) for field in ("a", "bits", "sbits") for kind in range(6)]
INFO += [(field, kind) for field in ("next", "array") for kind in range(3)]
"""Fields and what is asked of them; of others clang knows no sign."""


@pytest.fixture(scope="module")
def libbpf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that relocates by libbpf."""
    built, program = library(), tmp_path_factory.mktemp("libbpf") / "relocate"
    source = Path(__file__).with_name("relocate.c")
    command = ["cc", "-isystem", str(built.headers), str(source), str(built.archive)]
    subprocess.run([*command, "-lelf", "-lz", "-o", str(program)], check=True)
    return program


@pytest.fixture
def both(bpf: None, compile_bpf: Compile, libbpf: Path) -> Both:
    """Programs over local types, relocated to target types: instructions by ours, and by libbpf's.

    Ours are None for a program that is refused, libbpf's for the whole object.
    """

    def both(
        bodies: Mapping[str, str], local: str, target: str
    ) -> tuple[dict[str, str | None], dict[str, str] | None]:
        functions = "".join(
            f'SEC("raw_tp/{name}") long {name}(struct s *s) {{ {body} }}\n' for name, body in bodies.items()
        )
        path, types = compile_bpf(f"{MACROS}{local}\n{functions}"), compile_bpf(target)
        spec, kernel = ObjectSpec.from_file(path), KernelBtf.from_file(types)
        ours: dict[str, str | None] = {}
        for name, program in spec.programs.items():
            try:
                ours[name] = bytes(relocate(link(spec, program), spec, kernel)[0].insns).hex()
            except RelocationError:
                ours[name] = None
        done = subprocess.run([libbpf, path, types], capture_output=True, text=True, check=False)
        lines = (line.partition(" ")[::2] for line in done.stdout.splitlines())
        return ours, None if done.returncode else dict(lines)

    return both


@pytest.mark.parametrize(
    ("local", "target", "body"),
    [
        (LOCAL, TARGET, "return s->a + s->u + s->array[2] + s->deep.d + s->in_union;"),
        (LOCAL, TARGET, "return (long)&s[1].array[1] + (long)&s->flexible[3];"),
        *((LOCAL, TARGET, f"return info(s->{field}, {kind});") for field, kind in INFO),
        (WIDTHS, OTHER_WIDTHS, "return s->a + s->b;"),
        (WIDTHS, OTHER_WIDTHS, "return s->c + s->d;"),
        (WIDTHS, "struct s { int b, c, d; } v;", "return info(s->a, 2) ? s->a : 0;"),
        (WIDTHS, "union s { int a; } v;", "return s->a;"),
        (WIDTHS, "int v;", "return type_info(struct s, 0) + type_info(struct s, 1) * 2;"),
        ("struct s { unsigned a; long b; } core;", "struct s { unsigned a : 21; long b; } v;",
         "return info(s->b, 2) ? s->a : 0;"),
        ("struct s { unsigned a; long b; } core;", "struct s { unsigned a : 21; long b; } v;",
         "s->a = 7; return 0;"),
        (LOCAL, TARGET, "return type_info(struct s, 0) + type_info(struct s, 1) + type_info(struct s, 2);"),
        (LOCAL, TARGET, "return type_id(struct deep, 1) + type_id(struct s, 1);"),
        ("enum e { ONE = 1, TWO = 2 }; struct s { int x; };", "enum e { TWO = 7 } v;",
         "return enum_value(enum e, TWO, 1) + enum_value(enum e, ONE, 0) * 3;"),
        ("enum e { ONE = 1, TWO = 2 }; struct s { int x; };",
         "enum e { TWO = 0x500000000ULL, ONE } v;", "return enum_value(enum e, TWO, 1);"),
        ("struct s { int a; } core;", "struct s { long x; int a; } v; struct s___two { long y; int a; } w;",
         "return s->a;"),
        ("struct s { int a; } core;", "struct s { long x; int a; } v; struct s___two { int a; } w;",
         "return s->a;"),
        ("struct s { int a; int b; } core;", "struct s { int a; } v; struct s___two { long y; int b; } w;",
         "return info(s->a, 2) + info(s->b, 2) * 2;"),
    ],
)  # fmt: skip
def test_the_same_instructions(both: Both, local: str, target: str, body: str) -> None:
    ours, theirs = both({"program": body}, local, target)
    assert ours["program"] == (theirs["program"] if theirs else None)


@pytest.mark.parametrize("seed", range(60))
def test_random_types(both: Both, seed: int) -> None:
    """Of 600 seeds one found that a load of what has become a bitfield was refused, not poisoned."""
    rng = Random(seed)
    ours = members(rng)
    local = f"enum e {{ A, B }}; struct other {{ int x; }} core; struct s {{ {declare(ours, 'core')} }} core;"
    target = f"enum e {{ B, A }} e; struct s {{ {declare(changed(rng, ours))} }} v;"
    bodies = {f"p{number}": body for number, body in enumerate(uses(rng, ours, 8))}
    found, expected = both(bodies, local, target)
    if expected is None:  # it refuses the object for one of the programs
        for name, body in bodies.items():
            found, expected = both({name: body}, local, target)
            assert found[name] == (expected[name] if expected else None), body
    else:
        assert found == expected, bodies


def test_what_another_program_has_found_does_not_count(both: Both) -> None:
    """libbpf keeps for the whole object the candidates that matched, in the order of its sections.

    So whether the second program's relocation is ambiguous there depends on the first program.
    Here a program means the same in whatever company it is.
    """
    local = "struct s { int only; int both; } core;"
    target = "struct s { int only; int both; } v; struct s___two { long x; int both; } w;"
    first, second = {"first": "return s->only;"}, {"second": "return s->both;"}
    ours, theirs = both(first | second, local, target)
    assert theirs is not None and ours == {"first": theirs["first"], "second": None}
    ours, theirs = both(second, local, target)
    assert ours == {"second": None} and theirs is None
    ours, theirs = both(second | first, local, target)
    assert ours["second"] is None and theirs is None
