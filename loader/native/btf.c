/*
 * Passes over a kernel's BTF: more than 100,000 records of varying length; and two, at the end, over
 * an object's. Built as one with native.c; pure_btf.py has the same functions and defines what the
 * former do, spec/datasecs.py and btf/ext_blocks.py what the latter.
 */
#include <stdint.h>
#include <string.h>

enum {
	BTF_HEADER_WORDS = 3,
	BTF_ENTRY_RECORD_BITS = 32,
	BTF_MAX_NAME = 512,	/* KSYM_NAME_LEN, beyond which the kernel refuses a name */
	BTF_MAGIC = 0xEB9F,
	BTF_VAR = 14,
	BTF_DATASEC = 15,
	BTF_STATIC = 0,
	BTF_GLOBAL = 1,
	CRC32_POLYNOMIAL = 0xEDB88320,	/* reflected, as zlib's */
	DIGIT_BITS = 8,
	DIGITS = 1 << DIGIT_BITS,
};

/* A symbol as it lies in an ELF file. */
struct elf_symbol {
	uint32_t name;
	uint8_t info, other;	/* info: binding << 4 | type; other: visibility */
	uint16_t section;
	uint64_t value, size;
};

enum {
	ELF_OBJECT = 1,
	ELF_LOCAL = 0,
	ELF_RESERVED = 0xFF00,	/* and above: no section */
	ELF_INTERNAL = 1,
	ELF_HIDDEN = 2,
};

/* Words behind a record's header by kind: a fixed number, and a number per element. */
static const struct { uint8_t once, each; } btf_extra[] = {
	[1] = { 1, 0 },		/* INT */
	[2] = { 0, 0 },		/* PTR */
	[3] = { 3, 0 },		/* ARRAY */
	[4] = { 0, 3 },		/* STRUCT */
	[5] = { 0, 3 },		/* UNION */
	[6] = { 0, 2 },		/* ENUM */
	[13] = { 0, 2 },	/* FUNC_PROTO */
	[14] = { 1, 0 },	/* VAR */
	[15] = { 0, 3 },	/* DATASEC */
	[17] = { 1, 0 },	/* DECL_TAG */
	[19] = { 0, 3 },	/* ENUM64 */
};

/*
 * Write where each record of a type section of `count` words starts; how many there
 * are. Behind the last one stands where the pass stopped: `count`, unless the record
 * there is cut off or of an unknown kind. `offsets` has room for count / 3 + 1.
 */
static unsigned bpflab_btf_offsets(const uint32_t *words, unsigned count, uint32_t *offsets)
{
	uint64_t at = 0;
	unsigned number = 0;

	while (count - at >= BTF_HEADER_WORDS) {
		uint32_t info = words[at + 1], kind = info >> 24 & 0x7F;
		uint64_t length;

		if (kind < 1 || kind >= sizeof(btf_extra) / sizeof(*btf_extra))
			break;
		length = BTF_HEADER_WORDS + btf_extra[kind].once
			 + (uint64_t)btf_extra[kind].each * (info & 0xFFFFFF);
		if (length > count - at)
			break;
		offsets[number++] = (uint32_t)at;
		at += length;
	}
	offsets[number] = (uint32_t)at;
	return number;
}

/* The strings of a piece of BTF, behind those of its base. Both end with a zero byte. */
struct btf_strings {
	const char *base, *own;
	uint32_t base_size, own_size;
};

/* The string at an offset, and how many bytes there are up to the end of its section. */
static const char *btf_string(const struct btf_strings *strings, uint32_t offset, uint32_t *room)
{
	if (offset < strings->base_size) {
		*room = strings->base_size - offset;
		return strings->base + offset;
	}
	offset -= strings->base_size;
	*room = offset < strings->own_size ? strings->own_size - offset : 0;
	return strings->own + offset;
}

/* Length of a name; one that is longer than BTF_MAX_NAME is as good as none: hostile ones overlap. */
static size_t name_length(const char *string, uint32_t room)
{
	size_t length = strnlen(string, room < BTF_MAX_NAME + 1 ? room : BTF_MAX_NAME + 1);

	return length > BTF_MAX_NAME ? 0 : length;
}

/* Whether a string is `name`, or that with a flavor (which Python looks at more closely). */
static int has_name(const char *string, uint32_t room, const char *name, size_t length)
{
	if (length >= room || length > BTF_MAX_NAME || memcmp(string, name, length))
		return 0;
	if (string[length] && (room - length <= 3 || memcmp(string + length, "___", 3)))
		return 0;
	return name_length(string, room) > 0;
}

static unsigned first_pair(const char *string)
{
	return (uint8_t)string[0] << 8 | (uint8_t)string[1];
}

static void mark(uint8_t *bits, unsigned number)
{
	bits[number / 8] |= (uint8_t)(1 << number % 8);
}

static int is_marked(const uint8_t *bits, unsigned number)
{
	return bits[number / 8] >> number % 8 & 1;
}

/*
 * Write the numbers of the records whose name is one of `names` (each ended by a zero
 * byte, `names_size` in all) with or without a flavor; how many there are. `found` has
 * room for as many as there are records.
 */
static unsigned bpflab_btf_find(const uint32_t *words, const uint32_t *offsets, unsigned count,
				const char *base, uint32_t base_size, const char *own, uint32_t own_size,
				const char *names, unsigned names_size, uint32_t *found)
{
	const struct btf_strings strings = { base, own, base_size, own_size };
	/* First two bytes of the names: few of a kernel's names get past that. */
	uint8_t wanted[(1 << 16) / 8] = { 0 };
	unsigned hits = 0;

	for (const char *name = names; name < names + names_size; name += strlen(name) + 1) {
		const char flavored[] = { name[0], '_' };

		mark(wanted, first_pair(name));
		if (!name[1])
			mark(wanted, first_pair(flavored));
	}
	for (unsigned number = 0; number < count; number++) {
		uint32_t offset = words[offsets[number]], room;
		const char *string = btf_string(&strings, offset, &room);

		if (!offset || room < 2 || !is_marked(wanted, first_pair(string)))
			continue;
		for (const char *name = names; name < names + names_size; ) {
			size_t length = strlen(name);

			if (has_name(string, room, name, length)) {
				found[hits++] = number;
				break;
			}
			name += length + 1;
		}
	}
	return hits;
}

/*
 * Write the number of the first member of a struct (`count` of three words each) whose name is
 * `name`, behind those of the members before it that have none; how many these are. `found` has
 * room for `count`.
 */
static unsigned bpflab_btf_members(const uint32_t *members, unsigned count,
				   const char *base, uint32_t base_size, const char *own, uint32_t own_size,
				   const char *name, uint32_t *found)
{
	const struct btf_strings strings = { base, own, base_size, own_size };
	const size_t size = strlen(name) + 1;
	unsigned hits = 0;

	for (unsigned number = 0; number < count; number++) {
		uint32_t room;
		const char *string = btf_string(&strings, members[3 * number], &room);
		int is_it = room >= size && !memcmp(string, name, size);

		if (is_it || (room && !*string))
			found[hits++] = number;
		if (is_it)
			break;
	}
	return hits;
}

/* Length of a name without its flavor: the last ___ with other characters on both sides. */
static size_t essential_length(const char *name, size_t length)
{
	for (size_t end = length; end >= 5; end--) {
		const char *at = name + end - 5;

		if (at[0] != '_' && at[1] == '_' && at[2] == '_' && at[3] == '_' && at[4] != '_')
			return end - 4;
	}
	return length;
}

/* Sort by one digit, keeping the order of equals. */
static void sort_by_digit(const uint64_t *from, uint64_t *to, unsigned count, unsigned shift)
{
	uint32_t starts[DIGITS] = { 0 };
	uint32_t total = 0;

	for (unsigned i = 0; i < count; i++)
		starts[from[i] >> shift & (DIGITS - 1)]++;
	for (unsigned digit = 0; digit < DIGITS; digit++) {
		uint32_t size = starts[digit];

		starts[digit] = total;
		total += size;
	}
	for (unsigned i = 0; i < count; i++)
		to[starts[from[i] >> shift & (DIGITS - 1)]++] = from[i];
}

/*
 * Write an entry for each record with a name, sorted; how many there are. An entry is
 * the crc32 of the name without flavor, << 32, and the record's number. `entries` and
 * `scratch` have room for `count` each.
 */
static unsigned bpflab_btf_index(const uint32_t *words, const uint32_t *offsets, unsigned count,
				 const char *base, uint32_t base_size, const char *own, uint32_t own_size,
				 uint64_t *entries, uint64_t *scratch)
{
	const struct btf_strings strings = { base, own, base_size, own_size };
	uint32_t table[256];
	unsigned named = 0;

	for (uint32_t byte = 0; byte < 256; byte++) {
		table[byte] = byte;
		for (int bit = 0; bit < 8; bit++)
			table[byte] = table[byte] >> 1 ^ (table[byte] & 1 ? CRC32_POLYNOMIAL : 0);
	}
	for (unsigned number = 0; number < count; number++) {
		uint32_t offset = words[offsets[number]], room, crc = ~0u;
		const char *string = btf_string(&strings, offset, &room);
		size_t length;

		if (!offset || !room)
			continue;
		length = name_length(string, room);
		if (!length)
			continue;
		length = essential_length(string, length);
		for (size_t i = 0; i < length; i++)
			crc = crc >> 8 ^ table[(crc ^ (uint8_t)string[i]) & 0xFF];
		entries[named++] = (uint64_t)~crc << BTF_ENTRY_RECORD_BITS | number;
	}
	/* The numbers rise already: only the upper half needs sorting. */
	for (unsigned shift = BTF_ENTRY_RECORD_BITS; shift < 64; shift += 2 * DIGIT_BITS) {
		sort_by_digit(entries, scratch, named, shift);
		sort_by_digit(scratch, entries, named, shift + DIGIT_BITS);
	}
	return named;
}

/* Of what is larger or stranger than a compiler makes it, Python says what it is. */
enum { MOST_COMPARED = 1 << 16, MOST_VARIABLES = 256, LONG_NAME = 256 };

/* The last global variable of a name among an ELF file's symbols; whether there is one. */
static int global_variable(const char *symbols, unsigned count, const char *names, uint32_t names_size,
			   const char *name, size_t size, struct elf_symbol *found)
{
	while (count--) {
		struct elf_symbol *one = found;

		memcpy(one, symbols + count * sizeof(*one), sizeof(*one));
		if ((one->info & 0xF) == ELF_OBJECT && one->info >> 4 != ELF_LOCAL && one->section
		    && one->section < ELF_RESERVED && one->name < names_size
		    && names_size - one->name >= size && !memcmp(names + one->name, name, size))
			return 1;
	}
	return 0;
}

/* Put the variables of a DATASEC, three words each, in the order of their offsets. */
static void sort_variables(uint32_t *entries, unsigned count)
{
	for (unsigned i = 1; i < count; i++) {
		const uint32_t moved[] = { entries[3 * i], entries[3 * i + 1], entries[3 * i + 2] };
		unsigned to = i;

		for (; to && entries[3 * to - 2] > moved[1]; to--)
			memcpy(entries + 3 * to, entries + 3 * (to - 1), sizeof(moved));
		memcpy(entries + 3 * to, moved, sizeof(moved));
	}
}

/*
 * Give the global variables of all DATASECs (`types` records of `count` words) the offsets of
 * their symbols, and each DATASEC the order of its variables' offsets; hidden ones become static.
 * Not in .kconfig and .ksyms. `found` gets of each DATASEC its type id, whether a variable of it
 * is not static, the number of its variables, and each one's offset and type; it has room for
 * `count`. How many numbers that are, or -1 where anything is not as a compiler makes it: then it
 * is not done, or only in part, and doing it again is no harm.
 */
static int bpflab_btf_datasecs(uint32_t *words, unsigned count, const uint32_t *offsets, unsigned types,
			       const char *strings, uint32_t strings_size, const char *symbols,
			       unsigned symbols_size, const char *names, uint32_t names_size, uint32_t *found)
{
	const unsigned symbol_count = symbols_size / sizeof(struct elf_symbol);
	uint64_t compared = 0;
	unsigned written = 0;

	if (!strings_size || strings[strings_size - 1])
		return -1;
	for (unsigned number = 0; number < types; number++) {
		uint32_t *section = words + offsets[number], *entries = section + BTF_HEADER_WORDS;
		uint32_t info = section[1], length = info & 0xFFFFFF, *head = found + written;
		const char *name = strings + section[0];

		if ((info >> 24 & 0x7F) != BTF_DATASEC)
			continue;
		/* Fewer numbers are written than the record has. */
		if (section[0] >= strings_size || length > MOST_VARIABLES
		    || count - offsets[number] < BTF_HEADER_WORDS + 3 * length)
			return -1;
		if (!strcmp(name, ".kconfig") || !strcmp(name, ".ksyms"))
			continue;
		head[0] = number + 1;
		head[1] = 0;
		head[2] = length;
		for (unsigned i = 0; i < length; i++) {
			uint32_t *entry = entries + 3 * i, *variable;
			struct elf_symbol symbol;
			size_t size;

			if (!entry[0] || entry[0] > types)
				return -1;
			variable = words + offsets[entry[0] - 1];
			if ((variable[1] >> 24 & 0x7F) != BTF_VAR || variable[0] >= strings_size)
				return -1;
			if (variable[3] == BTF_GLOBAL) {
				size = strnlen(strings + variable[0], strings_size - variable[0]) + 1;
				compared += symbol_count;
				if (size > LONG_NAME || size > strings_size - variable[0] || compared > MOST_COMPARED
				    || !global_variable(symbols, symbol_count, names, names_size,
							strings + variable[0], size, &symbol)
				    || symbol.value > UINT32_MAX)
					return -1;
				entry[1] = (uint32_t)symbol.value;
				if ((symbol.other & 3) == ELF_INTERNAL || (symbol.other & 3) == ELF_HIDDEN)
					variable[3] = BTF_STATIC;
			}
			if (variable[3] != BTF_STATIC)
				head[1] = 1;
		}
		sort_variables(entries, length);
		for (unsigned i = 0; i < length; i++) {
			head[3 + 2 * i] = entries[3 * i + 1];
			head[4 + 2 * i] = words[offsets[entries[3 * i] - 1] + 2];
		}
		written += 3 + 2 * length;
	}
	return (int)written;
}

/*
 * Find the records of .BTF.ext: `found` gets of each section in each part which part it is (0 functions,
 * 1 lines, 2 relocations), the offset of the section's name, and where the records' words begin and end;
 * it has room for `count` numbers. How many these are, or -1 where anything is not as a compiler makes
 * it: a part outside the data, records of another length, of no instruction, or lines in disorder.
 */
static int bpflab_btf_ext(const uint32_t *words, unsigned count, uint32_t *found)
{
	static const uint8_t widths[] = { 2, 4, 4 };
	unsigned written = 0, parts;

	if (count < 6 || words[0] != (BTF_MAGIC | 1 << 16) || words[1] < 24 || words[1] % 4 || words[1] / 4 > count)
		return -1;
	parts = words[1] >= 32 ? 3 : 2;
	for (unsigned part = 0; part < parts; part++) {
		const unsigned width = widths[part];
		uint32_t start = words[2 + 2 * part], size = words[3 + 2 * part];
		uint64_t at = ((uint64_t)words[1] + start) / 4, end = at + size / 4;

		if (start % 4 || size % 4 || (size && end > count))
			return -1;
		if (!size)
			continue;
		if (words[at++] != 4 * width || size < 4 * width)
			return -1;
		while (at < end) {
			uint32_t name, before = 0, *block = found + written;

			/* Parts that overlap could have more blocks than there is room for. */
			if (count - written < 4 || end - at < 2 + width || !words[at + 1]
			    || (uint64_t)words[at + 1] * width > end - at - 2)
				return -1;
			name = words[at];
			block[0] = part;
			block[1] = name;
			block[2] = (uint32_t)at + 2;
			at += 2;
			for (uint64_t last = at + (uint64_t)words[at - 1] * width; at < last; at += width) {
				if (words[at] % 8 || (part == 1 && words[at] < before))
					return -1;
				before = words[at];
			}
			block[3] = (uint32_t)at;
			written += 4;
		}
	}
	return (int)written;
}
