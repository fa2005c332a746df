"""Random types of a program, and what another kernel has made of them, in C."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

SCALARS = ("char", "unsigned char", "short", "unsigned short", "int", "unsigned int", "long", "unsigned long")
OTHERS = ("_Bool", "enum e", "float", "void *", "struct s *", "struct other *", "const int", "volatile long")
BIT_TYPES = ("int", "unsigned int", "long", "unsigned long")
LARGEST = 5
"""Members of a struct."""
DEEPEST = 3


class Member(NamedTuple):
    """A member of a struct: ``type name suffix;``, or a struct or union in it."""

    name: str
    """Empty for an anonymous struct or union."""
    type: str
    """``struct`` or ``union`` if there are members in it."""
    suffix: str = ""
    """A length, or a number of bits."""
    inner: tuple[Member, ...] = ()

    @property
    def is_bitfield(self) -> bool:
        """Whether it has a number of bits."""
        return ":" in self.suffix

    @property
    def is_number(self) -> bool:
        """Whether C can load and store it as one integer."""
        return not (self.inner or self.suffix) and self.type in SCALARS


def members(rng: Random, depth: int = 0) -> tuple[Member, ...]:
    """Those of a struct; all names in it are different."""
    found: list[Member] = []
    for _ in range(rng.randint(1, LARGEST)):
        member = _member(rng, depth)
        if member.is_bitfield and not (found and found[-1].is_bitfield):
            # Clang 22 ends with a fatal error when asked of a bitfield that lies in one word with what
            # is before it, or in a struct that is not aligned like a word.
            found.append(Member(_name(rng), "long"))
        found.append(member)
    return tuple(found)


def changed(rng: Random, before: tuple[Member, ...], depth: int = 0) -> tuple[Member, ...]:
    """The same in another kernel: fewer, more, other types, moved, in an anonymous struct or out of it."""
    after: list[Member] = []
    for member in before:
        new = member._replace(inner=changed(rng, member.inner, depth + 1)) if member.inner else member
        match rng.randrange(10):
            case 0:
                continue
            case 1 | 2 if new.name:
                new = _member(rng, depth, new.name)
            case 3 if new.inner and not new.name:
                after += new.inner
                continue
            case 4:
                new = Member("", "struct", inner=(new,))
            case 5:
                after.append(_member(rng, depth))
            case 6 if new.inner:
                new = new._replace(type="union" if new.type == "struct" else "struct")
        after.append(new)
    if rng.random() < 0.3:
        rng.shuffle(after)
    return tuple(after)


def declare(all_of: tuple[Member, ...], attribute: str = "") -> str:
    """The members in C; `attribute` comes behind each struct or union in them."""
    return " ".join(
        f"{member.type} {{ {declare(member.inner, attribute)} }} {attribute} {member.name}{member.suffix};"
        if member.inner or member.type in ("struct", "union")
        else f"{member.type} {member.name}{member.suffix};"
        for member in all_of
    )


def uses(rng: Random, all_of: tuple[Member, ...], number: int) -> list[str]:
    """Bodies of functions that ask something about a member of ``struct s *s``."""
    expressions = [*_expressions(all_of, "s->")]
    return [_use(rng, *rng.choice(expressions)) for _ in range(number)] if expressions else []


def _member(rng: Random, depth: int, name: str = "") -> Member:
    name = name or _name(rng)
    match rng.randrange(8):
        case 0 | 1:
            return Member(name, rng.choice(BIT_TYPES), f" : {rng.randint(1, 32)}")
        case 2:
            return Member(
                name, rng.choice(SCALARS), "".join(f"[{rng.randint(1, 4)}]" for _ in range(rng.randint(1, 2)))
            )
        case 3 if depth < DEEPEST:
            return Member(
                name, rng.choice(("struct", "union")), rng.choice(("", "[2]")), members(rng, depth + 1)
            )
        case 4 if depth < DEEPEST:
            return Member("", rng.choice(("struct", "union")), "", members(rng, depth + 1))
        case 5 | 6:
            return Member(name, rng.choice(OTHERS))
        case _:
            return Member(name, rng.choice(SCALARS))


def _name(rng: Random) -> str:
    return f"m{rng.getrandbits(40):x}"


def _expressions(all_of: tuple[Member, ...], prefix: str) -> Iterator[tuple[str, Member]]:
    for member in all_of:
        if member.name:
            yield prefix + member.name, member
        if member.inner:
            below = f"{prefix}{member.name}{member.suffix and '[1]'}." if member.name else prefix
            yield from _expressions(member.inner, below)
        elif "[" in member.suffix:
            yield f"{prefix}{member.name}{'[0]' * member.suffix.count('[')}", member._replace(suffix="")


def _use(rng: Random, expression: str, member: Member) -> str:
    is_element = expression.endswith("]")
    wants = [f"return info({expression}, {rng.randrange(2 if is_element else 3)});"]
    if not member.is_bitfield:
        wants.append(f"return (long)&{expression};")
    if member.is_number:
        wants += [f"return {expression};", f"{expression} = 7; return 0;"]
    if member.is_bitfield or (member.is_number and not is_element):
        wants.append(f"return info({expression}, {rng.randrange(6)});")
    return rng.choice(wants)
