"""Arenas: memory that programs and user space share by address."""

from __future__ import annotations

import pytest

from ..subjects.handles import SubjectObject
from .numbers import unsigned


@pytest.mark.obj("arena/globals")
@pytest.mark.needs("arena")
def check_arena_variables(obj: SubjectObject) -> None:
    """Variables in an arena start with what the file says, and keep what a program writes."""
    for seed in (41, 42):
        assert obj.test_run("run").retval == 0
        assert unsigned(obj.variable("first_seed")) == seed
        assert unsigned(obj.variable("last_seed")) == seed + 1
        assert unsigned(obj.variable("sum")) == 10


@pytest.mark.obj("arena/globals")
@pytest.mark.needs("arena")
def check_arena_pages(obj: SubjectObject) -> None:
    """A program gets a page of an arena, and uses it."""
    assert obj.test_run("run").retval == 0
    assert unsigned(obj.variable("stored")) == 77


@pytest.mark.obj("arena/fixed")
@pytest.mark.needs("arena")
def check_arena_address(obj: SubjectObject) -> None:
    """An arena lies where its map_extra says: pointers have that address for user space, too."""
    assert obj.test_run("run").retval == 0
    assert unsigned(obj.variable("address")) == 1 << 44
