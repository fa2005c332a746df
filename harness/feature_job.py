"""Probes the features of the kernel that it runs under, one JSON line each: a job for guests, and for here.

    python -m bpflab.harness.feature_job [PROGRAM_TYPE]

With a program type its helpers are probed as well.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ..corpus.upstream import upstream
from ..loader import features
from ..loader.enums import AttachType, LinkType, MapFlags, MapType, ProgType

Row = dict[str, str | bool | None]

HELPERS = "helper of "
"""How areas of helpers by program type begin."""


def probe(helpers_of: str = "") -> Iterator[Row]:
    """Everything that upstream.toml knows of: `area`, `name`, `since` (upstream), `supported`, `reason`."""
    known = upstream()
    for name, since in known.program_types.items():
        yield _row("program type", name, since.release, features.program_type(ProgType[name]))
    for name, since in known.map_types.items():
        yield _row("map type", name, since.release, features.map_type(MapType[name]))
    for name, since in known.map_flags.items():
        yield _row("map flag", name, since.release, features.map_flag(MapFlags[name]))
    for name in features.ABILITIES:
        fact = known.features[name]
        yield _row("ability", fact.name, fact.release, features.ability(name))
    for name, since in known.link_types.items():
        yield _row("link type", name, since.release, features.link_type(LinkType[name]))
    for name, since in known.attach_types.items():
        yield _row("attach type", name, since.release, features.attach_type(AttachType[name]))
    for number, since in known.helpers.items():
        yield _row("helper", since.name, since.release, features.helper_exists(number))
    if helpers_of:
        for number, since in known.helpers.items():
            answer = features.helper(ProgType[helpers_of], number)
            yield _row(f"{HELPERS}{helpers_of}", since.name, since.release, answer)


def _row(area: str, name: str, since: str, answer: features.Answer) -> Row:
    return {
        "area": area,
        "name": name,
        "since": since,
        "supported": answer.supported,
        "reason": answer.reason,
    }


def main(arguments: list[str]) -> None:
    """Append the rows to the stream of the job."""
    with Path(os.environ["BPFLAB_STREAM"]).open("a") as stream:
        for row in probe(*arguments):
            stream.write(json.dumps(row) + "\n")
            stream.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
