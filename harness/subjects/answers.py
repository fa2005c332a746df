"""What a subject's answers hold, as typed values. Field names are those of PROTOCOL.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Hello:
    """Who the subject is; `version` is the loader's own, `protocol` a version of PROTOCOL.md."""

    name: str
    version: str
    protocol: int
    capabilities: frozenset[str]

    @classmethod
    def parse(cls, answer: Json) -> Hello:
        """Raises KeyError, TypeError or ValueError if the answer is not one, as all of these do."""
        capabilities = frozenset(str(each) for each in answer["capabilities"])
        return cls(str(answer["name"]), str(answer["version"]), int(answer["protocol"]), capabilities)


@dataclass(frozen=True)
class ProgramInfo:
    """A program as `open` lists it; `section` is its SEC() name."""

    name: str
    section: str
    type: str


@dataclass(frozen=True)
class MapInfo:
    """A declared map as `open` lists it; sizes in bytes."""

    name: str
    type: str
    key_size: int
    value_size: int
    max_entries: int


@dataclass(frozen=True)
class VariableInfo:
    """A global variable as `open` lists it; size in bytes."""

    name: str
    section: str
    size: int


@dataclass(frozen=True)
class Opened:
    """What is in an object, by name and in its order."""

    object: int
    programs: dict[str, ProgramInfo]
    maps: dict[str, MapInfo]
    variables: dict[str, VariableInfo]

    @classmethod
    def parse(cls, answer: Json) -> Opened:
        return cls(
            int(answer["object"]),
            {
                each["name"]: ProgramInfo(each["name"], each["section"], each["type"])
                for each in answer["programs"]
            },
            {
                each["name"]: MapInfo(
                    each["name"], each["type"], each["key_size"], each["value_size"], each["max_entries"]
                )
                for each in answer["maps"]
            },
            {
                each["name"]: VariableInfo(each["name"], each["section"], each["size"])
                for each in answer["variables"]
            },
        )


@dataclass(frozen=True)
class LoadedProgram:
    """`tag` and `id` are the kernel's, `insns` the stream it was given, `log` '' unless it was asked for."""

    tag: str
    insns: bytes
    log: str
    id: int = 0


def loaded_programs(answer: Json) -> dict[str, LoadedProgram]:
    """The answer to `load`."""
    return {
        name: LoadedProgram(each["tag"], bytes.fromhex(each["insns"]), each["log"], each.get("id", 0))
        for name, each in answer["programs"].items()
    }


@dataclass(frozen=True)
class TestRun:
    """The result of BPF_PROG_TEST_RUN; `duration_ns` is the kernel's mean of all repeats."""

    __test__ = False  # its name is the kernel's; pytest is not to collect it

    retval: int
    data_out: bytes
    duration_ns: int
    ctx_out: bytes

    @classmethod
    def parse(cls, answer: Json) -> TestRun:
        return cls(
            int(answer["retval"]),
            bytes.fromhex(answer["data_out"]),
            int(answer["duration_ns"]),
            bytes.fromhex(answer.get("ctx_out", "")),
        )


@dataclass(frozen=True)
class LinkInfo:
    """What the kernel says of a link; `type` is a number of its bpf_link_type."""

    id: int
    type: int
    program_id: int

    @classmethod
    def parse(cls, answer: Json) -> LinkInfo:
        return cls(int(answer["id"]), int(answer["type"]), int(answer["program_id"]))


@dataclass(frozen=True)
class Events:
    """What one poll gave; `lost` counts those lost since the last."""

    events: list[bytes]
    lost: int

    @classmethod
    def parse(cls, answer: Json) -> Events:
        return cls([bytes.fromhex(each) for each in answer["events"]], int(answer["lost"]))


@dataclass(frozen=True)
class Attached:
    """The IDs of a hook's programs in the order in which they run, and its revision, 0 for none."""

    programs: list[int]
    revision: int

    @classmethod
    def parse(cls, answer: Json) -> Attached:
        return cls([int(each) for each in answer["programs"]], int(answer["revision"]))


def value(answer: Json) -> bytes:
    """The answer to `lookup` and `variable_get`."""
    return bytes.fromhex(answer["value"])


@dataclass(frozen=True)
class LoadedMap:
    """What the kernel says of a map; sizes in bytes, flags those it was made with."""

    id: int
    name: str
    type: str
    key_size: int
    value_size: int
    max_entries: int
    flags: int
    map_extra: int

    @classmethod
    def parse(cls, answer: Json) -> LoadedMap:
        sizes = (
            int(answer[name]) for name in ("key_size", "value_size", "max_entries", "flags", "map_extra")
        )
        return cls(int(answer["id"]), str(answer["name"]), str(answer["type"]), *sizes)


def elements(answer: Json) -> dict[bytes, bytes]:
    """The answer to `elements`."""
    keys, values = (list(map(bytes.fromhex, answer[name])) for name in ("keys", "values"))
    return dict(zip(keys, values, strict=True))


def deleted(answer: Json) -> int:
    """The answer to `delete_many`."""
    return int(answer["deleted"])


def keys(answer: Json) -> list[bytes]:
    """The answer to `keys`."""
    return [bytes.fromhex(each) for each in answer["keys"]]


@dataclass(frozen=True)
class Measured:
    """What a benchmark gave: nanoseconds per operation of each round; events that never arrived."""

    samples: list[float]
    lost: int = 0

    @classmethod
    def parse(cls, answer: Json) -> Measured:
        return cls([float(each) for each in answer["samples"]], int(answer.get("lost", 0)))


Histogram = dict[int, int]
"""How often something took how many nanoseconds."""


def histogram(answer: Json) -> Histogram:
    """The answer to benchmarks of single operations."""
    return {int(nanoseconds): int(number) for nanoseconds, number in answer["histogram"]}


def data(answer: Json) -> bytes:
    """The answer to `iterate`."""
    return bytes.fromhex(answer["data"])


def link(answer: Json) -> int:
    """The answer to `attach`."""
    return int(answer["link"])


def reader(answer: Json) -> int:
    """The answer to `events_open`."""
    return int(answer["reader"])


def ring_state(answer: Json) -> tuple[int, int, int]:
    """The answer to `events_state`: size, consumer, producer."""
    return int(answer["size"]), int(answer["consumer"]), int(answer["producer"])


def nothing(answer: Json) -> None:
    """The answer to verbs that only do something."""
