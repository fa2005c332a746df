"""What an object file says: sections, variables, subprograms, callbacks."""

from __future__ import annotations

import errno

import pytest

from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import SubjectObject
from .fixtures import Open
from .network import frame
from .numbers import u32, u64, unsigned

# elf/variables: limit + hidden_limit + custom_limit + hidden_seed + custom + custom_zeroed + calls
FIRST_SUM = 7 + 11 + 13 + 17 + 40 + 0 + 0
SECOND_SUM = 7 + 11 + 13 + 18 + 42 + 3 + 1


@pytest.mark.obj("elf/variables")
def check_initial_values(obj: SubjectObject) -> None:
    """Variables of every section start with what the file says."""
    assert unsigned(obj.variable("limit")) == 7
    assert unsigned(obj.variable("custom_limit")) == 13
    assert unsigned(obj.variable("seeded")) == 0x1122334455667788
    assert unsigned(obj.variable("custom")) == 40
    assert obj.variable("greeting") == b"hello\0\0\0"
    assert unsigned(obj.variable("sum")) == 0
    assert unsigned(obj.variable("custom_zeroed")) == 0


@pytest.mark.obj("elf/variables")
def check_variables_live(obj: SubjectObject) -> None:
    """A program reads and writes variables of every section, static ones included."""
    assert obj.test_run("add_up", frame()).retval == FIRST_SUM
    assert obj.test_run("add_up", frame()).retval == SECOND_SUM
    assert unsigned(obj.variable("sum")) == SECOND_SUM
    assert unsigned(obj.variable("custom")) == 44
    assert unsigned(obj.variable("custom_zeroed")) == 6
    assert unsigned(obj.variable("seeded")) == 0x112233445566778A
    assert obj.variable("greeting") == b"jello\0\0\0"


@pytest.mark.obj("elf/variables")
def check_variables_set_before_load(loaded: Open) -> None:
    """Constants and variables take values before loading."""
    obj = loaded("elf/variables", limit=u32(1000), custom=u32(2000), custom_zeroed=u64(3000))
    assert obj.test_run("add_up", frame()).retval == FIRST_SUM - 7 + 1000 - 40 + 2000 + 3000


@pytest.mark.obj("elf/variables")
def check_variables_set_after_load(obj: SubjectObject) -> None:
    """A program sees what user space writes while it is loaded."""
    obj.set_variable("custom", u32(140))
    obj.set_variable("custom_zeroed", u64(200))
    assert obj.test_run("add_up", frame()).retval == FIRST_SUM + 100 + 200


@pytest.mark.obj("elf/variables")
def check_constants_frozen(obj: SubjectObject) -> None:
    """A constant cannot be changed once the object is loaded."""
    with pytest.raises(SubjectError) as refusal:
        obj.set_variable("limit", u32(8))
    assert (refusal.value.cls, refusal.value.errno) == (ErrorClass.KERNEL, errno.EPERM)
    assert unsigned(obj.variable("limit")) == 7


@pytest.mark.obj("elf/subprograms")
def check_subprogram(obj: SubjectObject) -> None:
    """A program calls a static function in .text."""
    obj.set_variable("input", u32(5))
    assert obj.test_run("one_call", frame()).retval == 25


@pytest.mark.obj("elf/subprograms")
def check_nested_subprograms(obj: SubjectObject) -> None:
    """Static and global functions call each other, two deep."""
    assert obj.test_run("nested_calls", frame()).retval == 2 * (3 * 3 + 1) + 3 * 3


@pytest.mark.obj("elf/autoload")
def check_autoload(opened: Open) -> None:
    """All programs of a section are loaded, except one marked with `?`."""
    obj = opened("elf/autoload")
    assert list(obj.programs) == ["wanted", "also_wanted", "refused_if_loaded"]
    assert set(obj.load()) == {"wanted", "also_wanted"}
    assert obj.test_run("wanted", frame()).retval == 5
    assert obj.test_run("also_wanted", frame()).retval == 6


@pytest.mark.obj("elf/autoload")
def check_chosen_programs(opened: Open) -> None:
    """Only the programs that are asked for are loaded."""
    obj = opened("elf/autoload")
    assert set(obj.load(programs=["also_wanted"])) == {"also_wanted"}
    assert obj.test_run("also_wanted", frame()).retval == 6


@pytest.mark.obj("elf/for_each")
@pytest.mark.needs("bpf_for_each_map_elem")
def check_for_each_callback(obj: SubjectObject) -> None:
    """The kernel calls a function of the object for each element of a map."""
    for index in range(4):
        obj.update("numbers", u32(index), u64(10 + index))
    assert obj.test_run("sum_up", frame()).retval == 4
    assert unsigned(obj.variable("total")) == 10 * 1 + 11 * 2 + 12 * 3 + 13 * 4


@pytest.mark.obj("elf/loop")
@pytest.mark.needs("bpf_loop")
def check_loop_callback(obj: SubjectObject) -> None:
    """The kernel calls a function of the object until it says stop."""
    assert obj.test_run("sum_up", frame()).retval == 10
    assert unsigned(obj.variable("total")) == 3 * sum(range(10))
