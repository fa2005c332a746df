"""The run as a badge, in the schema of shields' endpoint badges."""

from __future__ import annotations

import json

from .kind import Kind, as_expected
from .model import Report


def badge_json(report: Report) -> str:
    """Green if every result is as expected or known, red if one is not, grey if something is missing."""
    counts, total = report.tally, report.tally.total()
    if counts[Kind.UNEXPECTED] or counts[Kind.SURPRISE]:
        colour = "red"
    elif not total or counts[Kind.INFRA] or report.missing or not report.run.finished:
        colour = "lightgrey"
    else:
        colour = "brightgreen"
    message = f"{as_expected(counts)}/{total} as expected" if total else "no results"
    badge = {"schemaVersion": 1, "label": "bpflab", "message": message, "color": colour}
    return json.dumps(badge, indent=1) + "\n"
