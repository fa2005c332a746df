"""Finding and opening what is pinned."""

from __future__ import annotations

from pathlib import Path

import pytest
from bpflab.loader import BpflabError, KernelError, Map, pins

pytestmark = pytest.mark.usefixtures("live")


def test_what_is_pinned_is_found_in_order(bpffs: Path) -> None:
    (bpffs / "b").mkdir()
    with Map.create("array", 4, 4, 1, name="one") as one:
        for name in ("z", "b/y", "a"):
            one.pin(bpffs / name)
        found = list(pins.walk(bpffs))
        assert [(str(pin.path.relative_to(bpffs)), pin.kind) for pin in found] == [
            ("a", "map"),
            ("z", "map"),
            ("b/y", "map"),
        ]
        for pin in found:
            with pin.open() as opened:
                assert isinstance(opened, Map) and opened.id == one.id
                opened.unpin()
    assert list(pins.walk(bpffs)) == []


def test_where_file_systems_are(bpffs: Path) -> None:
    assert bpffs in pins.filesystems()
    assert pins.mount(bpffs) == bpffs  # is there already


def test_a_place_with_a_blank(tmp_path: Path, bpf: None) -> None:
    place = tmp_path / "a place\twith\\more"
    place.mkdir()
    pins.mount(place)
    try:
        assert place in pins.filesystems()
        assert list(pins.walk(place)) == []
    finally:
        pins.unmount(place)
    assert place not in pins.filesystems()


def test_refusals_say_where(bpffs: Path, tmp_path: Path) -> None:
    for action, words in (
        (lambda: pins.open_pin(bpffs / "nothing"), "opening pin '.*nothing'"),
        (lambda: pins.mount(tmp_path / "nowhere"), "make the directory first"),
        (lambda: pins.unmount(tmp_path), "unmounting"),
    ):
        with pytest.raises(KernelError, match=words):
            action()
    (tmp_path / "file").touch()
    with pytest.raises(BpflabError):
        pins.open_pin(tmp_path / "file")
