"""The run as one versioned JSON document, for other programs."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from .benchmarks import BASELINE, BenchmarkRow
from .detail import EVIDENCE
from .model import Report
from .sentence import sentence

SCHEMA = 1
"""Version of this document; it changes when a field changes its meaning or goes away."""


def summary_json(report: Report) -> str:
    """Counts, results without their logs (the outcome file has those), benchmarks with raw samples."""
    run = report.run
    document = {
        "schema": SCHEMA,
        "summary": sentence(report),
        "started": run.started,
        "seconds": run.seconds,
        "finished": run.finished,
        "missing": report.missing,
        "counts": _counts(report),
        "environment": run.environment,
        "kernels": [asdict(each) for each in run.kernels],
        "subjects": [asdict(each) for each in run.subjects],
        "columns": [
            {"kernel": column.kernel, "subject": column.subject, "counts": _slugs(column.tally)}
            for column in report.columns
        ],
        "checks": [asdict(row.check) for row in report.rows],
        "results": [
            asdict(cell) | {"detail": {k: v for k, v in cell.detail.items() if k not in EVIDENCE}}
            for _, _, cell in report.results()
        ],
        "guests": [{k: v for k, v in asdict(each).items() if k != "console"} for each in run.guests],
        "comparisons": [
            {"kernel": kernel.kernel, "lane": kernel.lane, "baseline": BASELINE, **_comparison(row)}
            for kernel in report.benchmarks
            for row in kernel.rows
        ],
        "benchmarks": [asdict(each) for each in run.benchmarks],
        "distributions": [asdict(each) for each in run.distributions],
    }
    return json.dumps(_finite(document), indent=1, ensure_ascii=False, allow_nan=False, default=str) + "\n"


def _counts(report: Report) -> dict[str, Any]:
    outcomes: dict[str, int] = {}
    verdicts: dict[str, int] = {}
    for _, _, cell in report.results():
        outcomes[str(cell.outcome)] = outcomes.get(str(cell.outcome), 0) + 1
        verdicts[str(cell.verdict)] = verdicts.get(str(cell.verdict), 0) + 1
    return {"results": sum(verdicts.values()), "verdicts": verdicts, "outcomes": outcomes}


def _slugs(counts: Any) -> dict[str, int]:
    return {kind.slug: number for kind, number in counts.items()}


def _comparison(row: BenchmarkRow) -> dict[str, Any]:
    return {
        "benchmark": row.benchmark,
        "subject": row.subject,
        "unit": row.unit,
        "time": row.time,
        "baseline_time": row.baseline,
        "ratio": row.ratio and row.ratio.median,
        "interval": row.ratio and [row.ratio.low, row.ratio.high],
        "rounds": row.ratio.rounds if row.ratio else 0,
        "floor": row.floor and [row.floor.low, row.floor.high],
        "unstable": row.unstable,
        "sentence": row.sentence,
    }


def _finite(value: Any) -> Any:
    """The same with null for what JSON has no number for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
