"""Everything public is documented, and the page that is made of it has it all."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bpflab import loader


def public_members(cls: type) -> Iterator[tuple[str, object]]:
    """What a class of ours and those of ours below it define for others to use."""
    for base in cls.__mro__:
        if base.__module__.startswith("bpflab."):
            for name, member in vars(base).items():
                if not name.startswith("_") and (
                    inspect.isfunction(member) or isinstance(member, property | classmethod | staticmethod)
                ):
                    yield f"{cls.__name__}.{name}", member


@pytest.mark.parametrize("name", loader.__all__)
def test_public_names_have_docstrings(name: str) -> None:
    value = getattr(loader, name)
    assert vars(value).get("__doc__"), name
    if isinstance(value, type):
        missing = [member for member, what in public_members(value) if not inspect.getdoc(what)]
        assert not missing


def test_the_page_has_every_public_name(tmp_path: Path) -> None:
    # In a process of its own: pdoc executes what modules import for type checkers alone, in these modules.
    subprocess.run([sys.executable, "-m", "bpflab.tests.docs", tmp_path], check=True)
    page = (tmp_path / "bpflab" / "loader.html").read_text()
    missing = [name for name in loader.__all__ if f'id="{name}"' not in page]
    assert not missing
    assert 'id="Attachable.attach_xdp"' in page and 'id="Map.items"' in page
