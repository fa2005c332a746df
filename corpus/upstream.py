"""Which upstream release brought which helper, type, flag and instruction: ``upstream.toml``, validated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .data import HERE, DataError, fields_of, read_toml, version_order


@dataclass(frozen=True)
class Since:
    """Something that kernels offer, and the first upstream release with it."""

    name: str
    release: str

    def order(self) -> tuple[float, ...]:
        """Sorts by release, oldest first."""
        return version_order(self.name, self.release)


@dataclass(frozen=True)
class Upstream:
    """Everything of ``upstream.toml``."""

    helpers: dict[int, Since]
    """By the number that a call instruction holds; names without ``bpf_``."""
    map_types: dict[str, Since]
    map_flags: dict[str, Since]
    program_types: dict[str, Since]
    link_types: dict[str, Since]
    attach_types: dict[str, Since]
    features: dict[str, Since]
    """By a short name; the name of the `Since` says it in words."""

    def helper(self, number: int) -> Since | None:
        """The helper of that number; None if no release known here has it."""
        return self.helpers.get(number)


def upstream(path: Path = HERE / "upstream.toml") -> Upstream:
    """Read the file. Raises `DataError`."""
    data = read_toml(path)
    tables = {name: _table(path, data, name) for name in Upstream.__dataclass_fields__}
    helpers: dict[int, Since] = {}
    for name, entry in tables["helpers"].items():
        where = f"{path.name}: helpers.{name}"
        values = fields_of(where, entry, {"id": int, "since": str})
        if values["id"] in helpers:
            raise DataError(f"{where}: helper {values['id']} is {helpers[values['id']].name} already")
        helpers[values["id"]] = _since(where, name, values["since"])
    features: dict[str, Since] = {}
    for name, entry in tables["features"].items():
        where = f"{path.name}: features.{name}"
        values = fields_of(where, entry, {"since": str, "what": str})
        features[name] = _since(where, values["what"], values["since"])
    plain = {
        table: {
            name: _since(f"{path.name}: {table}.{name}", name, release)
            for name, release in tables[table].items()
        }
        for table in ("map_types", "map_flags", "program_types", "link_types", "attach_types")
    }
    return Upstream(helpers=helpers, features=features, **plain)


def _table(path: Path, data: dict[str, Any], name: str) -> dict[str, Any]:
    table = data.get(name)
    if not isinstance(table, dict):
        raise DataError(f"{path.name}: the table [{name}] is missing")
    return table


def _since(where: str, name: str, release: Any) -> Since:
    if not isinstance(release, str):
        raise DataError(f"{where}: expected a release such as '5.8', not {release!r}")
    version_order(where, release)
    return Since(name, release)
