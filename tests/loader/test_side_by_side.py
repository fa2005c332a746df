"""Programs are loaded in threads when one of them took long, and with the same result."""

from __future__ import annotations

import os
import threading
import time

import pytest
from bpflab.loader import program_load as loading

needs_cpus = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="this machine has one CPU: there are no threads to use"
)


class Stub:
    """Stands in for a program to be loaded, and for a loaded one."""

    def __init__(self, name: int, *, takes_s: float = 0, fails: bool = False) -> None:
        self.name, self.takes_s, self.fails = name, takes_s, fails
        self.thread = 0
        self.is_open = False

    def load(self) -> Stub:
        self.thread = threading.get_ident()
        time.sleep(self.takes_s)
        if self.fails:
            raise ValueError(self.name)
        self.is_open = True
        return self

    def close(self) -> None:
        self.is_open = False


def load(stubs: list[Stub]) -> list[Stub]:
    return loading.load_each(stubs, Stub.load)  # type: ignore[arg-type, return-value]  # stubs for programs


@pytest.fixture
def everything_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LONG_S", 0)


@pytest.fixture
def nothing_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LONG_S", float("inf"))


@pytest.mark.usefixtures("nothing_is_long")
def test_quick_programs_need_no_threads() -> None:
    stubs = [Stub(number) for number in range(20)]
    assert load(stubs) == stubs
    assert {stub.thread for stub in stubs} == {threading.get_ident()}


@needs_cpus
@pytest.mark.usefixtures("everything_is_long")
def test_slow_programs_are_loaded_in_threads_in_their_order() -> None:
    stubs = [Stub(number, takes_s=0.05) for number in range(8)]
    assert load(stubs) == stubs
    assert stubs[0].thread == threading.get_ident()
    assert len({stub.thread for stub in stubs}) > 1
    assert threading.active_count() == 1


@needs_cpus
@pytest.mark.usefixtures("everything_is_long")
def test_the_first_failure_in_order_is_raised_and_nothing_stays() -> None:
    stubs = [Stub(0), Stub(1, takes_s=0.2, fails=True), Stub(2, fails=True), Stub(3)]
    with pytest.raises(ValueError, match="1"):
        load(stubs)
    assert not any(stub.is_open for stub in stubs)


@pytest.mark.usefixtures("nothing_is_long")
def test_a_failure_without_threads_closes_what_was_loaded() -> None:
    stubs = [Stub(0), Stub(1, fails=True), Stub(2)]
    with pytest.raises(ValueError, match="1"):
        load(stubs)
    assert not any(stub.is_open for stub in stubs)
    assert stubs[2].thread == 0
