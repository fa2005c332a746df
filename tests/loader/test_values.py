"""Values by their BTF type: what C wrote is what Python reads, and the other way round."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bpflab.loader.btf import Btf
from bpflab.loader.errors import ElementError
from bpflab.loader.spec import ObjectSpec
from bpflab.loader.values.codec import Codec
from bpflab.loader.values.records import Record, Union
from bpflab.loader.values.typed import codec_of

Compile = Callable[[str], Path]

SOURCE = """
enum colour { RED = 1, BLUE = 2, ALSO_BLUE = 2, MINUS = -1 };
enum plain { ZERO, ONE };
struct point { s32 x; s32 y; };
struct flow {
    u32 source;
    u16 port;
    u8 mac[6];
    char name[8];
    struct point at;
    struct point path[2];
    u16 grid[2][3];
    _Bool up;
    enum colour colour;
    double weight;
    void *next;
};
struct bits {
    u32 low : 3;
    s32 negative : 5;
    u32 wide : 17;
    u32 : 2;
    u32 last : 5;
    u64 whole;
    u64 odd : 40;
    u8 behind;
};
struct address {
    u32 family;
    union {
        u32 v4;
        u8 v6[16];
        struct { u16 low, high; };
    };
    struct { u8 count, index; };
    union { u32 word; u8 bytes[4]; } named;
};
struct event { u32 length; char text[]; };
struct numbers { u32 length; u16 rest[]; };
struct plain_data { u8 first; s32 second; u8 octets[3]; u64 last; };
struct inner { struct { union { u32 deep; }; }; };
#define INITIAL __attribute__((section(".data"), used))
struct flow flow INITIAL = {
    0x01020304, 80, { 1, 2, 3, 4, 5, 6 }, "eth0", { -1, 2 }, { { 3, 4 }, { 5, 6 } },
    { { 1, 2, 3 }, { 4, 5, 6 } }, 1, BLUE, 1.5, 0
};
struct bits bits INITIAL = { 5, -3, 100000, 31, 1ULL << 63, 0xABCDEF0123, 77 };
struct address address INITIAL = { 2, { 0x7f000001 }, { 3, 4 }, { 0x01020304 } };
struct plain_data plain_data INITIAL = { 1, -2, { 3, 4, 5 }, 6 };
struct inner inner INITIAL = { { { 9 } } };
enum colour colour INITIAL = RED;
enum plain plain INITIAL = ONE;
char text[8] INITIAL = "hello";
u8 octets[3] INITIAL = { 7, 8, 9 };
signed char small[3] INITIAL = { -1, 0, 1 };
_Bool yes INITIAL = 1;
struct point points[2] INITIAL = { { 1, 2 }, { 3, 4 } };
__int128 huge INITIAL = -5;
struct event event INITIAL;
struct numbers numbers INITIAL;
SEC("xdp") int use(void *ctx) { return 0; }
"""


@pytest.fixture
def spec(compile_bpf: Compile) -> ObjectSpec:
    return ObjectSpec.from_file(compile_bpf(SOURCE))


def codec(spec: ObjectSpec, name: str, **options: Any) -> Codec:
    btf = spec.btf
    assert btf is not None
    return codec_of(btf, spec.variables[name].type_id, **options)


def test_numbers_and_text(spec: ObjectSpec) -> None:
    variables = spec.variables
    assert variables["text"].value == "hello"
    assert variables["octets"].value == b"\x07\x08\x09"
    assert variables["small"].value == (-1, 0, 1)
    assert variables["yes"].value is True
    assert variables["huge"].value == -5


def test_enums_know_their_names(spec: ObjectSpec) -> None:
    colour = spec.variables["colour"]
    assert colour.value == 1 and colour.value.name == "RED" and repr(colour.value) == "<RED: 1>"
    colour.value = "BLUE"
    assert colour.value == 2 and colour.value.name == "BLUE", "of two names the first"
    colour.value = -1
    assert colour.value.name == "MINUS"
    colour.value = 77
    assert colour.value == 77 and type(colour.value) is int
    with pytest.raises(ElementError, match=r"expected one of RED, BLUE.*got 'GREEN'"):
        colour.value = "GREEN"
    assert spec.variables["plain"].value.name == "ONE"


def test_structs_are_records(spec: ObjectSpec) -> None:
    flow = spec.variables["flow"].value
    assert (flow.source, flow.port, flow.mac, flow.name) == (0x01020304, 80, bytes(range(1, 7)), "eth0")
    assert (flow.at.x, flow.at.y) == (-1, 2) == flow.at
    assert [point.y for point in flow.path] == [4, 6]
    assert flow.grid == ((1, 2, 3), (4, 5, 6))
    assert flow.up is True and flow.colour.name == "BLUE" and flow.weight == 1.5 and flow.next == 0
    assert isinstance(flow, Record) and repr(flow.at) == "point(x=-1, y=2)"
    assert {flow: 1}[flow._replace()] == 1, "it is a key of a dict"
    with pytest.raises(AttributeError):
        flow.missing  # noqa: B018 - asking is what fails
    with pytest.raises(AttributeError):
        setattr(flow, "port", 1)  # noqa: B010 - mypy knows that it is read-only
    with pytest.raises(TypeError, match="no member 'missing'"):
        flow._replace(missing=1)


def test_records_are_encoded(spec: ObjectSpec) -> None:
    variable = spec.variables["flow"]
    before = variable.read_bytes()
    variable.value = variable.value
    assert variable.read_bytes() == before
    variable.value = variable.value._replace(port=443, name="lo", at={"x": 5}, colour="RED")
    flow = variable.value
    assert (flow.port, flow.name, flow.at, flow.colour.name) == (443, "lo", (5, 0), "RED")
    variable.value = {"port": 1, "path": [(1, 2), {"y": 7}]}
    assert variable.value.path == ((1, 2), (0, 7)) and variable.value.source == 0
    variable.value = tuple(flow)
    assert variable.value == flow
    variable.value = before
    assert variable.read_bytes() == before


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"prot": 1}, "flow has no member 'prot'"),
        ({"port": 1 << 16}, "port: 65536 does not fit in 2 bytes unsigned"),
        ({"port": "80"}, "port: expected an integer or 2 bytes, got '80'"),
        ({"at": {"x": 1 << 31}}, "at: x: 2147483648 does not fit"),
        ({"name": "longer than it"}, "name: expected text of up to 8 bytes, got 14"),
        ({"mac": b"12345"}, "mac: expected 6 bytes, got 5"),
        ({"path": [(1, 2)]}, "path: expected 2 values"),
        ({"up": 2}, "up: expected True, False"),
        ((1, 2), "expected a flow of 11 members or"),
        (b"short", "expected a flow or 80 bytes, got 5 bytes"),
    ],
)
def test_what_does_not_fit(spec: ObjectSpec, value: Any, words: str) -> None:
    before = spec.variables["flow"].read_bytes()
    with pytest.raises(ElementError, match=f"variable 'flow': {words}"):
        spec.variables["flow"].value = value
    assert spec.variables["flow"].read_bytes() == before


def test_bitfields(spec: ObjectSpec) -> None:
    variable = spec.variables["bits"]
    bits = variable.value
    assert (bits.low, bits.negative, bits.wide, bits.last) == (5, -3, 100000, 31)
    assert (bits.whole, bits.odd, bits.behind) == (1 << 63, 0xABCDEF0123, 77)
    before = variable.read_bytes()
    variable.value = bits
    assert variable.read_bytes() == before
    variable.value = bits._replace(negative=-16, odd=1)
    assert (variable.value.negative, variable.value.odd, variable.value.wide) == (-16, 1, 100000)
    with pytest.raises(ElementError, match="negative: expected an integer of 5 bits, got 16"):
        variable.value = {"negative": 16}


def test_unions_and_anonymous_members(spec: ObjectSpec) -> None:
    variable = spec.variables["address"]
    address = variable.value
    assert address.v4 == 0x7F000001 and address.v6[:4] == b"\x01\0\0\x7f" and address.high == 0x7F00
    assert (address.count, address.index) == (3, 4), "as a tuple's methods are called"
    assert isinstance(address.named, Union) and address.named.bytes == b"\4\3\2\1"
    assert bytes(address.named) == b"\4\3\2\1" and address.named == variable.value.named
    assert address._asdict().keys() == {"family", "v4", "v6", "low", "high", "count", "index", "named"}
    variable.value = address
    assert variable.value == address and hash(variable.value) == hash(address)
    variable.value = address._replace(v6=bytes(range(16)), index=9, named={"bytes": b"abcd"})
    assert variable.value.v4 == 0x03020100 and variable.value.index == 9 and variable.value.count == 3
    assert variable.value.named.word == 0x64636261
    variable.value = {"low": 1, "high": 2}
    assert variable.value.v4 == 0x20001
    with pytest.raises(ElementError, match="only one member of anonymous can be set, not 'v4' and 'v6'"):
        variable.value = {"v4": 1, "v6": bytes(16)}
    assert spec.variables["inner"].value.deep == 9


def test_many_at_once(spec: ObjectSpec) -> None:
    points = codec(spec, "points")
    assert points.decode(spec.variables["points"].read_bytes()) == ((1, 2), (3, 4))
    one = codec(spec, "flow")
    raw = spec.variables["flow"].read_bytes()
    assert one.decode_many(raw * 3, 3) == [one.decode(raw)] * 3
    bits = codec(spec, "bits")
    raw = spec.variables["bits"].read_bytes()
    assert bits.decode_many(bytearray(raw * 2 + b"rest"), 2) == [bits.decode(raw)] * 2


@pytest.mark.parametrize("name", ["flow", "bits", "address", "inner", "plain_data", "octets", "colour"])
def test_a_decoder_does_what_decode_does(spec: ObjectSpec, name: str) -> None:
    one = codec(spec, name)
    raw = spec.variables[name].read_bytes()
    value, same = one.decoder()(raw), one.decode(raw)
    assert type(value) is type(same) and value == same and repr(value) == repr(same)


def test_a_struct_of_numbers_and_bytes(spec: ObjectSpec) -> None:
    """Nothing has to be done to its members: it has a way of its own."""
    decode = codec(spec, "plain_data").decoder()
    value = decode(spec.variables["plain_data"].read_bytes() + b"padding")
    assert isinstance(value, Record)
    members: Any = value  # its class is made of the BTF
    assert members == (1, -2, b"\3\4\5", 6)
    assert members.octets == b"\3\4\5" and members.last == 6


def test_an_array_without_length_takes_the_rest(spec: ObjectSpec) -> None:
    assert codec(spec, "event").decode(b"\5\0\0\0hello") == (5, b"hello")
    assert codec(spec, "numbers").decode(b"\2\0\0\0\1\0\2\0\3") == (2, (1, 2))


def test_text_in_keys_is_whole(spec: ObjectSpec) -> None:
    raw = b"a\0b\xff\0\0\0\0"
    assert codec(spec, "text").decode(raw) == "a"
    whole = codec(spec, "text", whole_text=True)
    assert whole.decode(raw) == "a\0b\udcff"
    assert whole.encode(whole.decode(raw)) == raw


def test_the_other_byte_order(spec: ObjectSpec) -> None:
    flow = codec(spec, "flow", order="big")
    raw = flow.encode({"source": 1, "grid": ((1, 2, 3), (4, 5, 6)), "weight": 2.5, "colour": 2})
    assert raw[:4] == b"\0\0\0\1" and raw[-24:-16].lstrip(b"\0")
    assert flow.decode(raw).grid == ((1, 2, 3), (4, 5, 6)) and flow.decode(raw).weight == 2.5
    bits = codec(spec, "bits", order="big")
    raw = bits.encode({"low": 5, "odd": 1})
    assert bits.decode(raw).low == 5 and bits.decode(raw).odd == 1


def test_every_type_of_the_object_can_be_read(spec: ObjectSpec) -> None:
    btf: Btf | None = spec.btf
    assert btf is not None
    for variable in spec.variables.values():
        size = variable.size
        value = variable.codec.decode(bytes(size))
        if variable.name not in ("event", "numbers"):
            assert variable.codec.encode(value) == bytes(size), variable.name
