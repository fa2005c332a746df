"""From a skeleton's description to the text of its module."""

from __future__ import annotations

import json
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .model import Skeleton

_TEMPLATE = "module.py.jinja"
_IMPORTS = {
    "collections.abc": ("Iterable", "Iterator", "Mapping"),
    "pathlib": ("Path",),
    "typing": ("TYPE_CHECKING", "Any", "NamedTuple", "Protocol", "Self", "cast"),
    "bpflab.loader": ("Link", "Map", "Object", "ObjectSpec", "Program", "Variable"),
}
_UNSAFE = re.compile(r"[^\w .,:/+*?()-]")


def render(skeleton: Skeleton, beside: str) -> str:
    """The module's text, the same for the same object; `beside` is the object's path from its folder."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # Python, not HTML: every name goes through one of these filters
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"literal": json.dumps, "text": lambda text: _UNSAFE.sub("'", text)}
    template = environment.get_template(_TEMPLATE)
    body = template.render(s=skeleton, beside=beside, imports=())
    return template.render(s=skeleton, beside=beside, imports=_imports(body))


def _imports(body: str) -> list[str]:
    """What the module uses, a line per package, ours apart from Python's own."""
    used = set(re.findall(r"\w+", body))
    lines = []
    for package, names in _IMPORTS.items():
        present = [name for name in names if name in used]
        if package == "bpflab.loader":
            lines.append("")
        if present:
            lines.append(f"from {package} import {', '.join(present)}")
    return lines
