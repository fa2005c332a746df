"""A few seconds of every fuzz target without atheris, the same each time; and what fuzzing stands on."""

from __future__ import annotations

import subprocess
import sys
import time
from random import Random

import pytest
from bpflab.loader.btf import Btf
from bpflab.loader.elf import ElfFile
from bpflab.loader.errors import BpflabError, BtfError
from bpflab.tests.fuzz.__main__ import NAMES
from bpflab.tests.fuzz.limits import LONGEST, MOST, LimitError, limits
from bpflab.tests.fuzz.mutate import in_btf, in_section, scramble
from bpflab.tests.fuzz.parts import pack, unpack
from bpflab.tests.fuzz.seeds import every_kind, seeds
from bpflab.tests.fuzz.targets import TARGETS

RUNS = {"elf": 1500, "btf": 200, "ext": 3000, "core": 150}
RUNS |= {"index": 1000, "log": 1000, "split": 500, "layout": 1000}
"""Each takes a second or two."""

OF_OBJECTS = ("elf", "btf", "ext", "core")
"""Targets whose seeds are made of the corpus."""


@pytest.mark.parametrize("name", NAMES)
def test_seeds_and_changed_seeds_stay_within_the_limits(name: str) -> None:
    target, chance, good = TARGETS[name], Random(name), seeds(name)
    accepted = 0
    runs = RUNS.get(name, 3000)
    for _ in range(runs):
        data = chance.choice(good)
        for _ in range(chance.randrange(4)):
            data = target.structure(data, chance, lambda piece: scramble(piece, chance))
        with limits(len(data)):
            target.run(data)
            accepted += 1
    assert accepted
    assert accepted < runs or name not in OF_OBJECTS


def test_the_command_names_every_target() -> None:
    assert set(NAMES) == set(TARGETS)


@pytest.mark.parametrize("name", NAMES)
def test_seeds_are_the_same_each_time_and_fit_the_fuzzer(name: str) -> None:
    good = seeds(name)
    assert good == seeds(name)
    assert len(good) > (20 if name in OF_OBJECTS else 0)
    assert all(len(data) <= TARGETS[name].largest for data in good)


def test_limits_see_time() -> None:
    with pytest.raises(LimitError, match=r" s$"), limits(0):
        end = time.process_time() + LONGEST + 0.1
        while time.process_time() < end:
            pass


def test_limits_see_memory() -> None:
    """In a process of its own: in this one somebody may have held as much before."""
    program = f"from bpflab.tests.fuzz.limits import limits\nwith limits(1000): b'x' * {MOST + 2000000}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "1000 bytes took 65 MiB" in done.stderr


def test_limits_let_only_our_own_errors_be() -> None:
    with limits(0):
        raise BtfError("is fine")
    with pytest.raises(LimitError, match="without a word"), limits(0):
        raise BpflabError
    with pytest.raises(IndexError), limits(0):
        raise IndexError


def test_parts_come_back_from_any_bytes() -> None:
    assert unpack(pack((b"one", b"", b"three")), 3) == [b"one", b"", b"three"]
    assert unpack(b"\xff\xff\xff\xffrest", 3) == [b"rest", b"", b""]
    assert unpack(b"", 2) == [b"", b""]


def test_changes_keep_the_structure() -> None:
    chance = Random(1)
    btf, elf = every_kind().encode(), seeds("elf")[0]
    read = changed = 0
    for _ in range(200):
        other = in_btf(btf, chance, lambda piece: piece[:-4] + b"\0\0\0\0")
        changed += other != btf
        Btf.from_bytes(other)
        moved = in_section(elf, chance, lambda piece: scramble(piece, chance))
        try:
            read += len(ElfFile(moved, "moved").sections) > 0
        except BpflabError:
            continue
    assert changed > 100
    assert read > 100
