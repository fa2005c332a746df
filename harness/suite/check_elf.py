"""What an object file says: sections, variables, subprograms, callbacks."""

from __future__ import annotations

import errno
import struct
import time

import pytest

from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import SubjectObject
from .child import rename_to
from .fixtures import Fork, Open
from .network import frame
from .numbers import signed, u32, u64, unsigned

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


@pytest.mark.obj("elf/callbacks")
@pytest.mark.needs("bpf_loop")
def check_shared_callbacks(obj: SubjectObject) -> None:
    """Callbacks call functions and other callbacks, and two programs share one."""
    first = 2 * sum(range(5)) - sum(range(3))
    assert obj.test_run("add_and_subtract", frame()).retval == first
    assert obj.test_run("nested", frame()).retval == first + 4 * 2 * sum(range(3))


@pytest.mark.obj("elf/timer")
@pytest.mark.needs("bpf_timer")
def check_timer_callback(obj: SubjectObject) -> None:
    """A function pointer that the kernel keeps in a map and calls later."""
    assert obj.test_run("start", frame()).retval == 0
    deadline = time.monotonic() + 10
    while not unsigned(obj.variable("fired")):
        assert time.monotonic() < deadline, "the timer did not fire"
        time.sleep(0.01)
    assert unsigned(obj.variable("fired")) == 1


@pytest.mark.obj("elf/shared_function")
def check_shared_function(obj: SubjectObject) -> None:
    """Programs of several types share a function, each with a copy of its own."""
    assert obj.test_run("in_socket", frame()).retval == 1
    assert obj.test_run("in_tc", frame()).retval == 21
    assert obj.test_run("in_xdp", frame()).retval == 121 + 321
    assert obj.test_run("in_second_tc", frame()).retval == 1321


@pytest.mark.obj("elf/linkage")
def check_linkage(obj: SubjectObject) -> None:
    """Static, global, weak and hidden functions are called alike; a hidden one may take a pointer."""
    assert obj.test_run("call_all", frame()).retval == (5 + 1) * 2 + 5 * 3 * 100 + 42 * 10000


@pytest.mark.obj("elf/deep_calls")
def check_deep_calls(obj: SubjectObject) -> None:
    """Calls go as deep as the kernel takes them."""
    assert obj.test_run("descend", frame()).retval == 3 * 2**6 + 6


@pytest.mark.obj("elf/unused")
def check_unused(obj: SubjectObject) -> None:
    """A function that nothing calls is not loaded, whatever is wrong with it; idle maps and variables are."""
    assert obj.test_run("work", frame()).retval == 12
    obj.update("idle", u32(0), u64(3))
    assert unsigned(obj.lookup("idle", u32(0))) == 3
    assert unsigned(obj.variable("idle_variable")) == 5


@pytest.mark.obj("elf/strings")
def check_string_literals(obj: SubjectObject, fork: Fork) -> None:
    """String literals lie in sections without types, and programs get their addresses."""
    obj.attach("copy")
    fork(_rename).go()
    assert obj.variable("short_one") == b"short\0\0\0"
    assert obj.variable("long_one").split(b"\0")[0] == b"a rather longer literal"


def _rename() -> str:
    rename_to("elf-strings")
    return ""


@pytest.mark.obj("elf/data_sections")
def check_data_sections(obj: SubjectObject) -> None:
    """Data sections of any name, several of a kind, each with its own contents."""
    assert obj.test_run("add_up", frame()).retval == 11 + 22 + 33 + 100 + 200
    names = ("data_one", "data_two", "data_three", "zeroed_one", "zeroed_two", "constant_three")
    assert [unsigned(obj.variable(name)) for name in names] == [11, 22, 33, 100, 200, 3]


@pytest.mark.obj("elf/data_types")
def check_data_types(obj: SubjectObject) -> None:
    """Structs, arrays, booleans, enums and signed numbers keep their places."""
    assert obj.test_run("change", frame()).retval == 0
    second = obj.variable("entries")[24:]
    assert struct.unpack_from("=Bxhxxxxq6s", second) == (7, -10, 9 - 3000000000, b"lecond")
    assert (obj.variable("no"), obj.variable("text")) == (b"\1", b"Changed\0")
    assert signed(obj.variable("minus")) == -6
    assert struct.unpack("=6H", obj.variable("table")) == (1, 2, 3, 4, 5, 106)
    assert unsigned(obj.variable("colour")) == 1
    assert unsigned(obj.variable("aligned")) == 20


@pytest.mark.obj("elf/data_types")
def check_struct_set_before_load(loaded: Open) -> None:
    """A constant struct takes a value before loading, as bytes."""
    limit = struct.pack("=Bxhxxxxq6sxx", 100, -3, 1000, b"xyz")
    obj = loaded("elf/data_types", limit=limit)
    obj.test_run("change", frame())
    assert struct.unpack_from("=Bxhxxxxq6s", obj.variable("entries"), 24) == (7, -11, 1009, b"xecond")
    assert signed(obj.variable("minus")) == 93


@pytest.mark.obj("elf/no_btf")
def check_no_btf(obj: SubjectObject) -> None:
    """An object without BTF: its variables live, though nobody knows their names."""
    assert [obj.test_run("run", frame()).retval for _ in range(2)] == [43 + 1, 46 + 2]


@pytest.mark.obj("elf/legacy_maps")
def check_legacy_maps(obj: SubjectObject) -> None:
    """Maps as they were declared before BTF."""
    assert obj.test_run("count", frame(size=70), repeat=3).retval == 0
    assert unsigned(obj.lookup("counts", u32(1))) == 3
    assert unsigned(obj.lookup("seen", u32(70))) == 1


@pytest.mark.obj("elf/section_names")
def check_section_names(opened: Open) -> None:
    """A program for every section name that needs no more than its name to load."""
    obj = opened("elf/section_names")
    assert [each.name for each in obj.programs.values() if each.type == "unspec"] == []
    assert set(obj.load()) == set(obj.programs)


@pytest.mark.obj("elf/first_instructions")
def check_first_instructions(obj: SubjectObject) -> None:
    """Code for the first kernels' instruction set."""
    assert obj.test_run("add_range", frame(size=64)).retval == 3
    assert obj.test_run("add_range", frame(size=80)).retval == 2
    assert obj.test_run("add_range", frame(size=120)).retval == 1
    assert unsigned(obj.variable("sum")) == 64 + 80 + 120


@pytest.mark.obj("elf/version")
def check_version_section(obj: SubjectObject) -> None:
    """A kernel version in the object is no obstacle."""
    assert obj.test_run("pass", frame()).retval == 17


@pytest.mark.obj("elf/linked")
def check_linked_functions(obj: SubjectObject) -> None:
    """Of two sources: functions of the other one, statics of one name, weak and hidden ones."""
    input = 3
    hidden_here, hidden_there, chosen, first_of_two = (
        (input + 1) * 2,
        (input + 2) * 3,
        input + 20,
        input + 100,
    )
    expected = (input + 2 + hidden_here) + hidden_there * 100 + chosen * 10000 + first_of_two * 1000000
    assert obj.test_run("functions", frame()).retval == expected


@pytest.mark.obj("elf/linked")
def check_linked_variables(obj: SubjectObject) -> None:
    """Of two sources: variables of the other one, statics of one name, weak ones, configuration in both."""
    assert obj.test_run("variables", frame()).retval == 1000 + 1
    assert obj.test_run("statics", frame()).retval == 2000 + 1 + 3
    borrowed, borrowed_constant, chosen_value, limit = 41, 200, 20, 100
    assert unsigned(obj.variable("borrowed")) == borrowed
    assert unsigned(obj.variable("borrowed_sum")) == borrowed + borrowed_constant + chosen_value + limit
    assert unsigned(obj.variable("version_in_first")) == unsigned(obj.variable("version_in_second")) != 0
    assert unsigned(obj.variable("bpf_syscall")) == 1
    assert unsigned(obj.variable("of_no_kernel")) == 0


@pytest.mark.obj("elf/linked")
def check_linked_weak_variable(obj: SubjectObject) -> None:
    """A variable that one source defines weakly is the one of the other."""
    assert unsigned(obj.variable("chosen_value")) == 20


@pytest.mark.obj("elf/linked")
def check_linked_map(obj: SubjectObject) -> None:
    """A map that one source declares and the other defines is one."""
    assert obj.test_run("maps", frame()).retval == 0
    assert obj.test_run("read_lent", frame()).retval == 7
    assert unsigned(obj.lookup("own_map", u32(1))) == 7


@pytest.mark.obj("elf/linked_maps")
def check_linked_maps(obj: SubjectObject) -> None:
    """The source that only declares the map comes first."""
    assert obj.test_run("fill", frame()).retval == 0
    assert obj.test_run("borrow", frame()).retval == 7
    assert unsigned(obj.lookup("own", u32(1))) == 7


@pytest.mark.obj("elf/called_sections")
def check_called_sections(obj: SubjectObject) -> None:
    """A program calls another one, and a function in a section that only the object knows."""
    assert obj.test_run("caller", frame()).retval == (len(frame()) + 1 - 14) * 3
    assert obj.test_run("caller", frame()).retval == (len(frame()) + 2 - 14) * 3


@pytest.mark.obj("elf/called_sections")
def check_called_program(opened: Open) -> None:
    """The program that is called can also be loaded by itself."""
    obj = opened("elf/called_sections")
    obj.load(programs=["counted"])
    assert obj.test_run("counted", frame()).retval == len(frame()) + 1


@pytest.mark.obj("elf/jump_table")
@pytest.mark.needs("indirect_jumps")
def check_jump_table(obj: SubjectObject) -> None:
    """A program and a subprogram jump by tables of places."""
    for value, jumped, called in ((0, 11, 100), (1, 300, 200), (2, 33, 300), (3, 11, 100), (9, 5, 400)):
        obj.set_variable("input", u32(value))
        assert obj.test_run("jump").retval == jumped
        assert obj.test_run("call").retval == called
