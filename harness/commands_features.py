"""``bpflab features``: what a kernel can do, found out by trying."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from ..kernels.store import resolve
from ..loader.enums import ProgType
from .feature_job import HELPERS, Row, probe
from .guest import make_engine
from .guest.engine import EndKind, GuestSetupError, Job, Limits
from .guest.smoke import SmokeBooted
from .plan import PlanError
from .progress import FetchProgress


def features(options: argparse.Namespace) -> int:
    """Probe the running kernel, or one in a guest; 0 even if much is missing."""
    helpers_of = options.helpers.upper() if options.helpers else ""
    types = [type.name for type in ProgType]
    if helpers_of and helpers_of not in types:
        raise PlanError(
            f"there is no program type '{options.helpers}'; there are: {', '.join(types).lower()}"
        )
    if options.kernel is None or options.kernel == "host":
        release, rows = platform.release(), list(probe(helpers_of))
    else:
        release, rows = _in_guest(options, helpers_of)
    if options.json:
        print(json.dumps({"kernel": release, "features": rows}, indent=1))
    else:
        _show(release, rows, Console())
    return 0


def _in_guest(options: argparse.Namespace, helpers_of: str) -> tuple[str, list[Row]]:
    with FetchProgress(Console(stderr=True)) as progress:
        kernel = resolve([options.kernel], options.flavour, progress)[0]
    rows: list[Row] = []
    job = Job("bpflab.harness.feature_job", (helpers_of,) if helpers_of else ())
    engine = SmokeBooted(make_engine(options.guest))
    end = engine.run(kernel, job, Limits(), lambda line: rows.append(json.loads(line)))
    if end.kind is not EndKind.FINISHED or end.exit_code:
        raise GuestSetupError(
            f"the guest of {kernel.release} {end.kind}: {end.reason}\n{end.console[-2000:]}"
        )
    return kernel.release, rows


def _show(release: str, rows: Iterable[Row], console: Console) -> None:
    """A table per area: what is there in one cell, what is not in rows that say why."""
    by_area: dict[str, list[Row]] = {}
    for row in rows:
        by_area.setdefault(str(row["area"]), []).append(row)
    for area, members in by_area.items():
        there = [str(row["name"]) for row in members if row["supported"]]
        table = Table(title=f"{area}s of {release}", title_justify="left", show_header=False, box=None)
        table.add_row(f"● {len(there)} yes", ", ".join(there))
        if area.startswith(HELPERS):
            missing = [str(row["name"]) for row in members if row["supported"] is False]
            table.add_row(f"○ {len(missing)} no", ", ".join(missing))
            members = [row for row in members if row["supported"] is None]
        for row in members:
            if not row["supported"]:
                mark = "○ no" if row["supported"] is False else "? cannot tell"
                table.add_row(mark, f"{row['name']} (upstream since {row['since']}): {row['reason']}")
        console.print(table)
        console.print()
