"""What ``bpflab features`` shows of the answers to its probes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bpflab.harness import cli, commands_features, feature_job
from bpflab.loader import features

ROWS: list[feature_job.Row] = [
    {"area": "map type", "name": "HASH", "since": "3.19", "supported": True, "reason": "taken"},
    {"area": "map type", "name": "ARENA", "since": "6.9", "supported": False, "reason": "EINVAL"},
    {"area": "map flag", "name": "LINK", "since": "6.4", "supported": None, "reason": "alone"},
]


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands_features, "probe", lambda helpers_of: iter(ROWS))


@pytest.mark.usefixtures("probed")
def test_each_of_three_answers_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["features"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "● 1 yes HASH" in shown
    assert "○ no ARENA (upstream since 6.9): EINVAL" in shown
    assert "? cannot tell LINK (upstream since 6.4): alone" in shown


@pytest.mark.usefixtures("probed")
def test_machines_get_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["features", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["features"] == ROWS


def test_the_job_writes_a_line_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = tmp_path / "stream"
    monkeypatch.setenv("BPFLAB_STREAM", str(stream))
    no = features.Answer(False, "not here")
    for name in (
        "program_type",
        "map_type",
        "map_flag",
        "ability",
        "link_type",
        "attach_type",
        "helper_exists",
    ):
        monkeypatch.setattr(features, name, lambda _: no)
    monkeypatch.setattr(features, "helper", lambda *_: no)
    feature_job.main(["XDP"])
    rows = [json.loads(line) for line in stream.read_text().splitlines()]
    areas = {row["area"] for row in rows}
    assert areas == {
        "program type",
        "map type",
        "map flag",
        "ability",
        "link type",
        "attach type",
        "helper",
        "helper of XDP",
    }
    assert {row["supported"] for row in rows} == {False}
