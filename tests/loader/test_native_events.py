"""Finding samples in ring and perf buffers made by hand: the kernel would not make the bad ones."""

from __future__ import annotations

import errno
import random
import struct
from types import ModuleType

import pytest

BUSY, DISCARD = 1 << 31, 1 << 30
SIZE = 4096
EBADMSG = -errno.EBADMSG

Scan = tuple[int, list[bytes]]


class Buffer:
    """A buffer's data and the state of its scan."""

    def __init__(self, size: int) -> None:
        self.data = memoryview(bytearray(size))
        self.state = memoryview(bytearray(32)).cast("Q")
        self.head = 0

    @property
    def position(self) -> int:
        return self.state[0]

    @property
    def stride(self) -> int:
        return self.state[2]

    def samples(self, count: int, spans: memoryview) -> Scan:
        return count, [bytes(self.data[spans[2 * i] : spans[2 * i + 1]]) for i in range(max(count, 0))]


class Ring(Buffer):
    """The data of a ring buffer, twice in a row, as in the kernel."""

    def __init__(self) -> None:
        super().__init__(2 * SIZE)

    def write(self, payload: bytes, flags: int = 0) -> None:
        self.write_header(len(payload) | flags)
        for i, byte in enumerate(payload):
            at = (self.head + 8 + i) % SIZE
            self.data[at] = self.data[SIZE + at] = byte
        self.head += (8 + len(payload) + 7) & ~7

    def write_header(self, header: int) -> None:
        at = self.head % SIZE
        for start in (at, SIZE + at):
            struct.pack_into("=II", self.data, start, header, 0)

    def scan(self, twin: ModuleType, capacity: int = 100, limit: int = 1000) -> Scan:
        spans = memoryview(bytearray(8 * capacity)).cast("I")
        self.state[1] = self.head
        scan = twin.ringbuf_scanner(self.data, SIZE, spans, self.state)
        return self.samples(scan(limit), spans)


def test_samples_of_any_size(twin: ModuleType) -> None:
    ring = Ring()
    samples = [b"", b"a", b"12345678", b"x" * 100]
    for sample in samples:
        ring.write(sample)
    assert ring.scan(twin) == (4, samples)
    assert ring.position == ring.head
    assert ring.scan(twin) == (0, [])


def test_discarded_samples_are_skipped(twin: ModuleType) -> None:
    ring = Ring()
    ring.write(b"gone", DISCARD)
    ring.write(b"here")
    ring.write(b"gone", DISCARD)
    assert ring.scan(twin) == (1, [b"here"])
    assert ring.position == ring.head


def test_a_busy_sample_holds_up(twin: ModuleType) -> None:
    ring = Ring()
    ring.write(b"one")
    ring.write(b"two", BUSY)
    ring.write(b"three")
    assert ring.scan(twin) == (1, [b"one"])
    assert ring.position == 16
    ring.data[16:20] = struct.pack("=I", 3)
    assert ring.scan(twin) == (2, [b"two", b"three"])


def test_a_limit_of_samples(twin: ModuleType) -> None:
    ring = Ring()
    for number in range(5):
        ring.write(bytes([number]))
    assert ring.scan(twin, capacity=2) == (2, [b"\0", b"\1"])
    assert ring.scan(twin, capacity=0) == (0, [])
    assert ring.scan(twin, limit=0) == (0, [])
    assert ring.scan(twin, limit=1) == (1, [b"\2"])
    assert ring.scan(twin, capacity=3) == (2, [b"\3", b"\4"])


def test_records_around_the_end(twin: ModuleType) -> None:
    ring = Ring()
    for number in range(50):
        sample = bytes([number]) * (300 + number)
        ring.write(sample)
        ring.write(b"!")
        assert ring.scan(twin) == (2, [sample, b"!"])
    assert ring.head > 3 * SIZE


@pytest.mark.parametrize(
    ("records", "stride"),
    [
        ([(8, 0)] * 3, 16),
        ([(5, 0)] * 3, 16),
        ([(0, 0)] * 3, 8),
        ([(8, 0)], 0),
        ([(8, 0), (7, 0)], 0),
        ([(8, 0), (8, DISCARD), (8, 0)], 0),
        ([(8, DISCARD), (8, 0), (8, 0), (8, DISCARD)], 16),
    ],
)
def test_the_stride_of_samples(twin: ModuleType, records: list[tuple[int, int]], stride: int) -> None:
    ring = Ring()
    for size, flags in records:
        ring.write(bytes(size), flags)
    ring.scan(twin)
    assert ring.stride == stride


def test_a_ring_that_makes_no_sense(twin: ModuleType) -> None:
    ring = Ring()
    ring.write_header(SIZE)
    ring.head = SIZE
    assert ring.scan(twin) == (EBADMSG, [])  # a record beyond the producer
    ring = Ring()
    ring.head = SIZE + 8
    assert ring.scan(twin) == (EBADMSG, [])  # a producer too far ahead
    ring.state[0] = ring.head + 8
    assert ring.scan(twin) == (EBADMSG, [])  # a consumer ahead of it
    ring.state[0] = ring.head - 7
    assert ring.scan(twin) == (EBADMSG, [])  # in the midst of a header


def test_samples_before_a_bad_record(twin: ModuleType) -> None:
    ring = Ring()
    ring.write(b"good")
    ring.write_header(SIZE // 2)
    ring.head += 16
    assert ring.scan(twin) == (1, [b"good"])
    assert ring.scan(twin) == (EBADMSG, [])


class PerfRing(Buffer):
    """The data of one CPU's perf buffer."""

    def __init__(self) -> None:
        super().__init__(SIZE)

    def record(self, kind: int, body: bytes) -> None:
        record = struct.pack("=IHH", kind, 0, 8 + len(body)) + body
        for i, byte in enumerate(record):
            self.data[(self.head + i) % SIZE] = byte
        self.head += len(record)

    def sample(self, payload: bytes) -> None:
        self.record(9, struct.pack("=I", len(payload)) + payload)

    def scan(self, twin: ModuleType, capacity: int = 100, limit: int = 1000, skip: int = 0) -> Scan:
        spans = memoryview(bytearray(8 * capacity)).cast("I")
        self.state[1] = self.head
        out = bytearray(1 << 16)
        count = twin.perf_drainer(self.data, SIZE, skip, out, spans, self.state)(limit)
        return count, [bytes(out[spans[2 * i] : spans[2 * i + 1]]) for i in range(max(count, 0))]


def test_perf_samples(twin: ModuleType) -> None:
    ring = PerfRing()
    ring.sample(b"1234")
    ring.record(2, struct.pack("=QQ", 1, 5))
    ring.record(77, b"unknown!")
    ring.sample(b"x" * 12)
    assert ring.scan(twin, capacity=1) == (1, [b"1234"])
    assert ring.scan(twin, limit=0) == (0, [])
    assert ring.scan(twin, limit=1) == (1, [b"x" * 12])
    assert ring.state[3] == 5
    assert ring.position == ring.head


def test_perf_samples_behind_other_fields(twin: ModuleType) -> None:
    ring = PerfRing()
    for number in range(3):
        ring.record(9, struct.pack("=QI", 12345, 4) + bytes([number] * 4))
    assert ring.scan(twin, skip=8) == (3, [bytes([number] * 4) for number in range(3)])
    assert ring.stride == 24


def test_perf_samples_around_the_end(twin: ModuleType) -> None:
    ring = PerfRing()
    for number in range(60):
        sample = bytes([number]) * (4 + 8 * (number + 20))
        ring.sample(sample)
        ring.record(2, struct.pack("=QQ", 1, 1))
        assert ring.scan(twin) == (1, [sample])
    assert ring.head > 3 * SIZE
    assert ring.state[3] == 60


def test_perf_samples_stop_at_the_end_of_the_room(twin: ModuleType) -> None:
    ring = PerfRing()
    for _ in range(3):
        ring.sample(bytes(100))
    ring.state[1] = ring.head
    spans = memoryview(bytearray(800)).cast("I")
    drain = twin.perf_drainer(ring.data, SIZE, 0, bytearray(250), spans, ring.state)
    assert [drain(100) for _ in range(3)] == [2, 1, 0]


def test_a_batch_is_half_of_the_buffer(twin: ModuleType) -> None:
    ring = Ring()
    for _ in range(SIZE // 16):
        ring.write(b"12345678")
    assert [ring.scan(twin, 1000)[0] for _ in range(3)] == [128, 128, 0]


@pytest.mark.parametrize(
    ("kinds", "stride"),
    [("s", 0), ("ss", 16), ("sls", 0), ("lssl", 16), ("sS", 0), ("sSs", 0)],
)
def test_the_stride_of_perf_samples(twin: ModuleType, kinds: str, stride: int) -> None:
    ring = PerfRing()
    for kind in kinds:
        if kind == "l":
            ring.record(2, bytes(16))
        else:
            ring.sample(bytes(4 if kind == "s" else 12))
    ring.scan(twin)
    assert ring.stride == stride


@pytest.mark.parametrize(
    "record",
    [
        struct.pack("=IHHQ", 9, 0, 0, 0),  # no size: would not get on
        struct.pack("=IHHQ", 9, 0, 4, 0),
        struct.pack("=IHHQ", 9, 0, 13, 0),
        struct.pack("=IHHQ", 9, 0, 24, 0),  # beyond the producer
        struct.pack("=IHHQ", 9, 0, 8, 0),  # no room for the sample's size
        struct.pack("=IHHII", 9, 0, 16, 5, 0),  # a sample beyond its record
        struct.pack("=IHHII", 9, 0, 16, 0xFFFFFFFF, 0),
    ],
)
def test_perf_records_that_make_no_sense(twin: ModuleType, record: bytes) -> None:
    ring = PerfRing()
    ring.data[: len(record)] = record
    ring.head = len(record)
    assert ring.scan(twin) == (EBADMSG, [])


def test_a_perf_buffer_that_makes_no_sense(twin: ModuleType) -> None:
    ring = PerfRing()
    ring.head = SIZE + 8
    assert ring.scan(twin) == (EBADMSG, [])
    ring.head, ring.state[0] = 16, 24
    assert ring.scan(twin) == (EBADMSG, [])


def test_random_memory_ends_the_same_way_in_both_twins() -> None:
    from bpflab.loader.native import compiled, pure

    source = random.Random(1)
    for _ in range(300):
        words = [
            source.choice((source.getrandbits(32), source.randrange(64), 9, 2)) for _ in range(SIZE // 4)
        ]
        half = struct.pack(f"={len(words)}I", *words)
        position = 8 * source.randrange(SIZE // 8)
        head = position + 8 * source.randrange(SIZE // 8)
        found = []
        for twin in (compiled, pure):
            for kind in (Ring, PerfRing):
                buffer = kind()
                buffer.data[:] = half * (len(buffer.data) // SIZE)
                buffer.state[0], buffer.head = position, head
                found.append((buffer.scan(twin), list(buffer.state)))
        assert found[:2] == found[2:]


def test_words_of_others(twin: ModuleType) -> None:
    memory = bytearray(16)
    view = memoryview(memory)
    twin.store(view, 8, 1 << 63)
    assert memory == struct.pack("=QQ", 0, 1 << 63)
    assert twin.load(view, 8) == 1 << 63
    assert twin.load(view, 0) == 0
