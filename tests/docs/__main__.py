"""Write the page of the loader's interface from its docstrings: ``python -m bpflab.tests.docs FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import pdoc
from bpflab import loader


def write(folder: Path) -> Path:
    """Write the page and its index into a folder; where the page is."""
    # pdoc looks into modules; what is imported when it is first used must be there.
    for name in loader.__all__:
        setattr(loader, name, getattr(loader, name))
    pdoc.render.configure(docformat="markdown", show_source=False)
    pdoc.pdoc("bpflab.loader", output_directory=folder)
    return folder / "bpflab" / "loader.html"


if __name__ == "__main__":
    print(write(Path(sys.argv[1])))
