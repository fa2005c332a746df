"""What a user asks for becomes a plan, or one clear line."""

from pathlib import Path

import pytest
from bpflab.harness.outcomes import CheckInfo
from bpflab.harness.plan import Plan, PlanError, parse_patterns, parse_shard, select_checks, user_objects
from bpflab.kernels.kernel import Kernel
from bpflab.kernels.version import KernelVersion

CHECKS = [
    CheckInfo("maps/hash", "maps", "maps/hash", ""),
    CheckInfo("events/ring", "events", "events/ringbuf", ""),
]


def kernel(label: str) -> Kernel:
    return Kernel(label, label, KernelVersion.parse(label), "generic", "", None, None, None, None)


@pytest.mark.parametrize(
    ("patterns", "ids"),
    [
        ([], ["maps/hash", "events/ring"]),
        (["maps"], ["maps/hash"]),
        (["*/ring*"], ["events/ring"]),
        (["events/ringbuf"], ["events/ring"]),
    ],
)
def test_checks_are_chosen_by_id_area_or_object(patterns: list[str], ids: list[str]) -> None:
    assert [check.id for check in select_checks(CHECKS, patterns)] == ids


def test_patterns_come_one_by_one_or_together() -> None:
    assert parse_patterns(["maps/*,events", "xdp"], "--checks") == ["maps/*", "events", "xdp"]
    assert parse_patterns([], "--checks") == []


def test_a_pattern_that_fits_nothing_names_the_areas() -> None:
    with pytest.raises(PlanError, match=r"'mapz'; areas are: events, maps"):
        select_checks(CHECKS, ["mapz"])


def test_shards_cover_every_cell_once() -> None:
    plan = [
        Plan((kernel("6.1"), kernel("6.12"), kernel("7.2")), ("a", "b"), {}, (), shard=(i, 4))
        for i in range(1, 5)
    ]
    cells = [(k.label, s) for shard in plan for k, s in shard.cells()]
    assert len(cells) == len(set(cells)) == 6


@pytest.mark.parametrize("text", ["", "2", "0/2", "3/2", "a/b", "1/2/3", "-1/2"])
def test_a_bad_shard_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match="--shard"):
        parse_shard(text)


def test_objects_of_one_name_stay_apart(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "x.bpf.o" for folder in "ab"]
    for path in paths:
        path.parent.mkdir()
        path.touch()
    assert [each.name for each in user_objects(paths)] == ["1-x.bpf.o", "2-x.bpf.o"]


def test_a_missing_object_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no such file"):
        user_objects([tmp_path / "absent.o"])
    with pytest.raises(PlanError, match="is a directory"):
        user_objects([tmp_path])
