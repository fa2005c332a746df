"""Everything public is documented, and the page that is made of it has it all."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from bpflab import loader
from bpflab.tests.docs.__main__ import write


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


# pdoc evaluates annotations, also those that are for type checkers alone; it shows these as written.
@pytest.mark.filterwarnings("ignore:Error parsing type annotation")
def test_the_page_has_every_public_name(tmp_path: Path) -> None:
    page = write(tmp_path).read_text()
    missing = [name for name in loader.__all__ if f'id="{name}"' not in page]
    assert not missing
    assert 'id="Attachable.attach_xdp"' in page and 'id="Map.items"' in page
