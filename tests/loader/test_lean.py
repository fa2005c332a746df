"""The lean records and enumerations do what the originals do."""

# The classes are made with either kit, which no type checker can follow.
# mypy: disable-error-code="misc, call-arg, attr-defined, comparison-overlap"

from __future__ import annotations

import copy
import dataclasses
import enum
import os
import pickle
import subprocess
import sys
import typing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpflab
import pytest
from bpflab.loader import lean


def plain_data(cls: type) -> Any:
    """As PlainData what is written as a dataclass."""
    body = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    return type(lean.PlainData)(cls.__name__, (lean.PlainData,), body)


LEAN = SimpleNamespace(**vars(lean) | {"data": plain_data})
ORIGINAL = SimpleNamespace(
    data=dataclasses.dataclass(slots=True),
    field=dataclasses.field,
    replace=dataclasses.replace,
    NamedTuple=typing.NamedTuple,
    IntEnum=enum.IntEnum,
)


@pytest.fixture(params=[LEAN, ORIGINAL], ids=["lean", "original"])
def kit(request: pytest.FixtureRequest) -> Any:
    return request.param


class Colour(lean.IntEnum):
    RED = 1
    GREEN = 2
    AMBER = 2

    @property
    def is_red(self) -> bool:
        return self == Colour.RED


class Place(lean.NamedTuple):
    x: int
    y: int = 5


class Named(lean.PlainData):
    name: str
    parts: list[int] = lean.field(default_factory=list)


def test_records(kit: Any) -> None:
    @kit.data
    class Record:
        name: str
        """Docstrings of fields do no harm."""
        number: int = 3
        parts: list[int] = kit.field(default_factory=list)
        secret: int = kit.field(repr=False, compare=False, default=0)

        def twice(self) -> int:
            return 2 * self.number

    one, other = Record("a"), Record("a", 3, [], secret=9)
    assert one == other
    assert one != Record("b") and one != ("a", 3, [], 0)
    assert repr(one).endswith("Record(name='a', number=3, parts=[])")
    assert one.parts is not other.parts
    assert (one.twice(), other.secret) == (6, 9)
    changed = kit.replace(other, name="c")
    assert (changed.name, changed.secret, changed.parts is other.parts) == ("c", 9, True)
    with pytest.raises(AttributeError):
        one.other = 1
    with pytest.raises(TypeError):
        Record()
    with pytest.raises(TypeError):
        Record("a", unknown=1)
    with pytest.raises(TypeError):
        hash(one)


def test_every_object_is_made_alike(kit: Any) -> None:
    """The first ones field by field, the others by a compiled constructor."""

    @kit.data
    class Record:
        name: str
        hidden: int = kit.field(repr=False)
        number: int = 3
        parts: list[int] = kit.field(default_factory=list)

    class Special(Record):
        __slots__ = ()

        @property
        def twice(self) -> int:
            return 2 * self.number

    made = []
    for _ in range(20):
        for wrong, named in (
            (("a", 1, 2, [], 5), {}),
            (("a",), {}),
            (("a", 1), {"name": "b"}),
            (("a", 1), {"x": 1}),
        ):
            with pytest.raises(TypeError):
                Record(*wrong, **named)
        made += [
            Record("a", 1),
            Record("a", hidden=1),
            Record(hidden=1, name="a"),
            Record("a", 1, 3, parts=[]),
        ]
        special = Special("a", 1, number=4)
        assert (special.twice, type(special), special.parts) == (8, Special, [])
    assert all(one == made[0] for one in made)
    assert len({id(one.parts) for one in made}) == len(made)


def test_constructors_are_compiled_when_many_objects_are_made() -> None:
    class Record(lean.PlainData):
        name: str

    first = Record.__init__
    made = [Record("a") for _ in range(20)]
    assert Record.__init__ is not first
    assert Record.__init__.__code__.co_varnames == ("self", "name")
    first(made[0], "b")
    assert [one.name for one in made[:2]] == ["b", "a"]


def test_a_field_without_default_is_required(kit: Any) -> None:
    @kit.data
    class Record:
        hidden: int = kit.field(repr=False)

    assert Record(1).hidden == 1
    with pytest.raises(TypeError):
        Record()


def test_tuples(kit: Any) -> None:
    class Pair(kit.NamedTuple):
        x: int
        y: int = 5

        @property
        def total(self) -> int:
            return self.x + self.y

    assert Pair(1) == Pair(x=1) == Pair(1, y=5) == (1, 5)
    assert Pair(2, 3)._replace(y=7) == (2, 7)
    assert (Pair(2, 3).total, Pair(2, 3).y, hash(Pair(2, 3))) == (5, 3, hash((2, 3)))
    assert repr(Pair(2, 3)) == "Pair(x=2, y=3)"
    assert not hasattr(Pair(1), "__dict__")
    for values, named in ((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1}):
        with pytest.raises(TypeError):
            Pair(*values, **named)
    with pytest.raises(AttributeError):
        Pair(1).x = 2


def test_enumerations(kit: Any) -> None:
    class Kind(kit.IntEnum):
        NONE = 0
        INT = 1
        PTR = 2

        @property
        def is_pointer(self) -> bool:
            return self == Kind.PTR

    assert Kind(2) is Kind.PTR is Kind["PTR"]
    assert Kind.INT == 1 and isinstance(Kind.INT, int) and isinstance(Kind.INT, Kind)
    assert (Kind.PTR.name, Kind.PTR.value, Kind.PTR.is_pointer, Kind.INT.is_pointer) == (
        "PTR",
        2,
        True,
        False,
    )
    assert ([*Kind], len(Kind), Kind.INT in Kind) == ([0, 1, 2], 3, True)
    assert (str(Kind.PTR), f"{Kind.PTR:#x}", repr(Kind.PTR)) == ("2", "0x2", "<Kind.PTR: 2>")
    with pytest.raises(ValueError):
        Kind(7)


def test_names_of_one_number_are_one_member() -> None:
    assert Colour.AMBER is Colour.GREEN
    assert [one.name for one in Colour] == ["RED", "GREEN"]


def test_flags() -> None:
    class Bits(lean.IntFlag):
        A = 1
        B = 2

    assert Bits.A | Bits.B == 3
    assert (Bits(2).name, Bits(3).name) == ("B", "A|B")


@pytest.mark.parametrize("value", [Colour.RED, Place(1, 2), Named("a", [1])], ids=repr)
def test_copies_and_pickles(value: Any) -> None:
    for made in copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value)):
        assert made == value and type(made) is type(value)
    assert copy.deepcopy(Colour.RED) is Colour.RED


def test_a_memo(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    @lean.cache
    def double(number: int) -> int:
        asked.append(number)
        return 2 * number

    assert [double(1), double(1), double(2)] == [2, 2, 4]
    assert asked == [1, 2]
    double.cache_clear()
    assert double(1) == 2
    assert asked == [1, 2, 1]


HEAVY = {"array", "asyncio", "bisect", "collections", "ctypes", "dataclasses", "enum", "functools", "inspect"}
HEAVY |= {"json", "logging", "mmap", "pathlib", "re", "socket", "struct", "typing"}
LIVE = {f"bpflab.loader.{name}" for name in ("maps.map", "programs.program", "programs.attach", "variable")}


def test_a_load_imports_nothing_heavy(compile_bpf: Any, tmp_path: Path) -> None:
    """What takes as long to import as a load is imported by those who use it; the pure twin needs more."""
    # However bpflab is installed: without `site` no import hook of an editable one is there.
    (tmp_path / "bpflab").symlink_to(Path(bpflab.__file__).parent)
    path = compile_bpf('int runs; SEC("socket") int program(void *ctx) { return runs++; }')
    program = f"""
import sys
before = set(sys.modules)
from bpflab.loader import ObjectSpec
ObjectSpec.from_file({str(path)!r}).load()
print(*(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {[str(tmp_path), *sys.path]!r}\n{program}"],
        env={name: value for name, value in os.environ.items() if name != "BPFLAB_NATIVE"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not set(done.stdout.split()) & (HEAVY | LIVE)
