"""The loader's page names checks and files that there are."""

import re
from pathlib import Path

from bpflab.harness.suite.catalogue import list_checks

ROOT = Path(__file__).parents[2]
ROWS = [
    line.split("|")
    for line in (ROOT / "loader/README.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| feature", "| **"))
]


def test_every_row_of_ours_is_shown_by_something() -> None:
    assert len(ROWS) > 30
    known = {check.id for check in list_checks()}
    for _, feature, ours, *_, shown, _ in ROWS:
        names = re.findall(r"`([^`]+)`", shown)
        assert "●" in ours and names, feature
        for name in names:
            assert name in known or (ROOT / name).is_file() or name.startswith("bpflab "), (feature, name)
