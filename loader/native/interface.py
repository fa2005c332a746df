"""What the loader needs from native code: few functions, two implementations.

`pure` defines the behaviour, `compiled` is the speed; both are modules that
satisfy `Native`. Every function returns a result or ``-errno`` and raises
nothing for what the kernel refuses. All sizes are in bytes, all integers
unsigned and in native byte order.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection
from mmap import mmap
from typing import Protocol, TypeAlias

Words: TypeAlias = "array[int] | memoryview"
"""32-bit words: an array of type "I" or a view of that format."""

BtfStrings: TypeAlias = bytes | memoryview


class Native(Protocol):
    """The functions. They hold no state and may be called from several threads."""

    def bpf(self, cmd: int, attr: bytearray) -> int:
        """``bpf(cmd, attr, len(attr))``; the kernel's answers are in `attr` afterwards."""
        ...

    def perf_event_open(self, attr: bytearray, pid: int, cpu: int, group_fd: int, flags: int) -> int:
        """A new file descriptor."""
        ...

    def address(self, buffer: bytes | bytearray | memoryview | mmap) -> int:
        """Where a buffer's bytes are, for a pointer in an attribute; 0 for an empty one.

        Valid as long as the caller keeps the buffer and does not resize it. A
        memoryview or mmap must be writable.
        """
        ...

    def map_file(self, fd: int, size: int) -> memoryview:
        """The first `size` bytes of a file as memory to read, which goes with the last view of it.

        Raises OSError, ValueError for no bytes.
        """
        ...

    def lookup(self, fd: int, key: bytes, size: int, flags: int = 0) -> bytes | int:
        """The element of a key (b"" in maps without keys), of `size` bytes."""
        ...

    def update(self, fd: int, key: bytes, value: bytes, flags: int = 0) -> int:
        """Set an element; 0."""
        ...

    def delete(self, fd: int, key: bytes) -> int:
        """Delete an element; 0."""
        ...

    def next_key(self, fd: int, key: bytes | None, following: bytearray) -> int:
        """Write the key behind `key` (the first for None) to `following`; 0."""
        ...

    def lookup_int(self, table: int, key: int) -> int:
        """The value of a key in an `int_table`; NO_INT if there is none, for whatever reason.

        Raises TypeError, OverflowError for what is no unsigned integer of 64 bits.
        """
        ...

    def lookup_word(self, table: int, key: bytes) -> int:
        """The same for a key that is no integer, of as many bytes as the map's keys have."""
        ...

    def lookup_signed(self, table: int, key: int) -> int:
        """As `lookup_int`, for values that can be negative."""
        ...

    def update_int(self, table: int, key: int, value: int) -> int:
        """Set an element; 0. A key or a value that does not fit is ``-ERANGE``.

        Raises TypeError, OverflowError for what is no unsigned integer of 64 bits.
        """
        ...

    def delete_int(self, table: int, key: int) -> int:
        """Delete an element; 0. A key that does not fit is ``-ERANGE``.

        Raises TypeError, OverflowError for what is no unsigned integer of 64 bits.
        """
        ...

    def lookup_many(
        self, fd: int, keys: bytes, key_size: int, values: bytearray, value_size: int, found: bytearray
    ) -> int:
        """Look up keys that lie one behind the other; the number that is there.

        Value i goes to ``values[i * value_size:]``, ``found[i]`` says whether it is one.
        """
        ...

    def walk(
        self,
        fd: int,
        after: bytes | None,
        keys: bytearray,
        key_size: int,
        values: bytearray,
        value_size: int,
    ) -> int:
        """Read the elements behind the key `after` (None: from the start) until `keys` is full.

        Returns their number; fewer than fit means the end. Elements that are
        deleted meanwhile are left out.
        """
        ...

    def load(self, buffer: mmap | memoryview, offset: int) -> int:
        """The 64-bit word there, which somebody else writes; nothing after it is read before it."""
        ...

    def store(self, buffer: mmap | memoryview, offset: int, value: int) -> None:
        """Write a 64-bit word that somebody else reads: behind all that was read or written before."""
        ...

    def loader(self, buffer: mmap | memoryview, offset: int) -> Callable[[], int]:
        """What does `load` of one place, for many times. It holds the buffer, as the next three do."""
        ...

    def storer(self, buffer: mmap | memoryview, offset: int) -> Callable[[int], None]:
        """What does `store` to one place."""
        ...

    def ringbuf_scanner(
        self, data: memoryview, size: int, spans: memoryview, state: memoryview
    ) -> Callable[[int], int]:
        """What finds the samples of a BPF ring buffer, up to a limit; it returns their number.

        Sample i becomes ``data[spans[2 * i]:spans[2 * i + 1]]``; `spans` is a view of format
        "I" with room for a number of them. `data` is the data of `size`, twice in a row.
        `state` (format "Q") is where to begin, where the producer is, the distance of samples
        that have one size and lie close (else 0; written), and a number lost (not used here).
        The first is moved behind what was found. Stops at half of `size`, and before a record
        that is still being written (busy); skips discarded ones. ``-EBADMSG`` if the first record makes no
        sense; nothing outside of `data` is ever read.
        """
        ...

    def perf_drainer(
        self, data: memoryview, size: int, skip: int, out: bytearray, spans: memoryview, state: memoryview
    ) -> Callable[[int], int]:
        """What copies the records of one CPU's perf buffer into `out` and finds the raw samples in them.

        `out` has room for at least 64 KiB, which no record exceeds. `data`, `spans` and `state` are
        as in `ringbuf_scanner`, but `data` is there once, and the spans are in `out`. Every sample
        record has `skip` bytes (a multiple of 4) and then PERF_SAMPLE_RAW. What the kernel says it
        lost is added to ``state[3]``. Samples keep the kernel's padding.
        """
        ...

    def btf_offsets(self, words: Words, offsets: memoryview) -> int:
        """Write where each record of a BTF type section starts, in words; their number.

        ``offsets[number]`` is where it stopped: ``len(words)``, unless the record there is
        cut off or of an unknown kind. `offsets` is a view of format "I" with room for
        ``len(words) // 3 + 1``.
        """
        ...

    def btf_find(
        self,
        words: Words,
        offsets: memoryview,
        base: BtfStrings,
        strings: BtfStrings,
        names: Collection[bytes],
        found: memoryview,
    ) -> int:
        """Write the numbers of the records that have one of the names, with or without a ``___flavor``.

        Their number; they rise. `offsets` has one entry per record, `found` (format "I")
        as much room. What follows the three underscores is not looked at, and a name of more
        than 512 bytes is as good as none, as to the kernel. The string section is `base`
        (empty but for split BTF) and then `strings`; each is empty or ends with a zero byte.
        """
        ...

    def btf_members(
        self, members: Words, base: BtfStrings, strings: BtfStrings, name: bytes, found: memoryview
    ) -> int:
        """Write the number of a struct's first member of this name, behind those of the members before it
        that have none: how many these are.

        `members` are the words behind the struct's header, three of each; `found` (format "I") has
        room for all of them. The rest is as in `btf_find`.
        """
        ...

    def btf_index(
        self, words: Words, offsets: memoryview, base: BtfStrings, strings: BtfStrings, entries: memoryview
    ) -> int:
        """Write a sorted entry for each record with a name; their number.

        An entry is the crc32 of the essential name (without flavor) << 32, and the record's
        number. `entries` is a view of format "Q" with as much room as `offsets`. The rest is
        as in `btf_find`.
        """
        ...

    def btf_datasecs(
        self,
        words: Words,
        offsets: memoryview,
        strings: bytes,
        symbols: bytes,
        names: bytes,
        found: memoryview,
    ) -> int:
        """Put the DATASECs of an object right, as `spec.datasecs.fix_datasecs` does; -1 if it is not done.

        Which is where anything is not as compilers make it, or larger: then that function has to say
        what, and does all of it again. `symbols` is the symbol table in native byte order, `names` its
        string table. What is known of each DATASEC goes into `found` (format "I", with room for as
        much as `words`), and how many numbers these are is the result: its type id, whether any of
        its variables is not static, the number of its variables, and each one's offset and type id.
        """
        ...

    def btf_ext(self, words: Words, found: memoryview) -> int:
        """Find the records of .BTF.ext; -1 where anything is not as compilers make it.

        Then `btf.ext_blocks.read_blocks` has to say what, and does it. `found` (format "I", with room for
        as much as `words`) gets of each section in each part: which part (`btf.ext`), the offset of the
        section's name in the strings, and where the records begin and end in `words`. How many numbers
        these are is the result.
        """
        ...
