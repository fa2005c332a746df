/*
 * The hot loops of the loader that are system calls on map elements. pure.py has the same
 * functions and defines what they do.
 *
 * Nothing here allocates memory (but for the files that it maps) or keeps state. Attributes are laid out by hand
 * (UAPI linux/bpf.h, stable since 4.x), so that no header's age matters.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Around every call cffi gives up the interpreter lock, and keeps errno for Python: together
 * a tenth of a look-up. Here nothing leaves errno to anyone, and what may take long gives
 * the lock up by itself.
 */
#undef Py_BEGIN_ALLOW_THREADS
#undef Py_END_ALLOW_THREADS
#undef _cffi_restore_errno
#undef _cffi_save_errno
#define Py_BEGIN_ALLOW_THREADS {
#define Py_END_ALLOW_THREADS }
#define _cffi_restore_errno() (void)0
#define _cffi_save_errno() (void)0

#define WITHOUT_LOCK(call) ({				\
	PyThreadState *unlocked_ = PyEval_SaveThread();	\
	int outcome_ = (call);				\
	PyEval_RestoreThread(unlocked_);		\
	outcome_;					\
})

enum { MAP_LOOKUP = 1, MAP_UPDATE = 2, MAP_DELETE = 3, MAP_NEXT_KEY = 4 };

struct element_attr {
	uint32_t map_fd;
	uint32_t padding;
	uint64_t key;
	uint64_t value;
	uint64_t flags;
};

static int checked(long result)
{
	return result < 0 ? -errno : (int)result;
}

/* The bytes of a file as memory to read, or -errno. */
static intptr_t bpflab_map(int fd, uint64_t size)
{
	void *at = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);

	return at == MAP_FAILED ? -errno : (intptr_t)at;
}

static void bpflab_unmap(char *at, uint64_t size)
{
	munmap(at, size);
}

static int element(int cmd, int fd, const void *key, const void *value, uint64_t flags)
{
	struct element_attr attr = {
		.map_fd = (uint32_t)fd,
		.key = (uintptr_t)key,
		.value = (uintptr_t)value,
		.flags = flags,
	};

	return checked(syscall(__NR_bpf, cmd, &attr, sizeof(attr)));
}

static uintptr_t bpflab_address(const char *bytes)
{
	return (uintptr_t)bytes;
}

static int bpflab_bpf(int cmd, void *attr, unsigned size)
{
	return WITHOUT_LOCK(checked(syscall(__NR_bpf, cmd, attr, size)));
}

static int bpflab_perf_event_open(void *attr, int pid, int cpu, int group_fd, unsigned long flags)
{
	return WITHOUT_LOCK(checked(syscall(__NR_perf_event_open, attr, pid, cpu, group_fd, flags)));
}

/* The kernel writes to `value`, which is declared as cffi takes bytes. */
static int bpflab_lookup(int fd, const char *key, const char *value, uint64_t flags)
{
	return element(MAP_LOOKUP, fd, key, value, flags);
}

static int bpflab_update(int fd, const char *key, const char *value, uint64_t flags)
{
	/* In maps of maps this waits until no program uses the old one. */
	return WITHOUT_LOCK(element(MAP_UPDATE, fd, key, value, flags));
}

static int bpflab_delete(int fd, const char *key)
{
	return WITHOUT_LOCK(element(MAP_DELETE, fd, key, NULL, 0));
}

static int bpflab_next_key(int fd, const char *key, void *next)
{
	return element(MAP_NEXT_KEY, fd, key, next, 0);
}

/* An integer of 1, 2, 4 or 8 bytes, held in the widest one. */
union integer {
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
};

/* Integers of a map, in one number (few arguments are faster): descriptor, bits of a key, bits of a value. */
struct ints {
	int fd;
	unsigned key_bits, value_bits;
};

static struct ints ints(uint64_t number)
{
	return (struct ints){ (int32_t)number, number >> 32 & 0xFF, number >> 40 & 0xFF };
}

static unsigned size_of(unsigned bits)
{
	return (bits + 7) / 8;
}

static int store_integer(union integer *to, uint64_t value, unsigned bits)
{
	if (!bits || (bits < 64 && value >> bits))
		return -ERANGE;
	switch (size_of(bits)) {
	case 1: to->u8 = (uint8_t)value; break;
	case 2: to->u16 = (uint16_t)value; break;
	case 4: to->u32 = (uint32_t)value; break;
	default: to->u64 = value;
	}
	return 0;
}

static uint64_t load_integer(const union integer *from, unsigned size)
{
	switch (size) {
	case 1: return from->u8;
	case 2: return from->u16;
	case 4: return from->u32;
	default: return from->u64;
	}
}

#define NO_INT 0x1B0F1AB	/* a value that hardly any element has */

static uint64_t bpflab_lookup_int(uint64_t table, uint64_t key)
{
	struct ints sizes = ints(table);
	union integer packed, value = { .u64 = 0 };

	if (store_integer(&packed, key, sizes.key_bits) ||
	    element(MAP_LOOKUP, sizes.fd, &packed, &value, 0))
		return NO_INT;
	return load_integer(&value, size_of(sizes.value_bits));
}

static uint64_t bpflab_lookup_word(uint64_t table, const char *key)
{
	struct ints sizes = ints(table);
	union integer value = { .u64 = 0 };

	return element(MAP_LOOKUP, sizes.fd, key, &value, 0) ? NO_INT :
		load_integer(&value, size_of(sizes.value_bits));
}

static int64_t bpflab_lookup_signed(uint64_t table, uint64_t key)
{
	uint64_t value = bpflab_lookup_int(table, key);
	unsigned unused = 64 - 8 * size_of(ints(table).value_bits);

	return value == NO_INT ? NO_INT : (int64_t)(value << unused) >> unused;
}

/* Of integers only, which never wait for anything: without giving up the lock. */
static int bpflab_update_int(uint64_t table, uint64_t key, uint64_t value)
{
	struct ints sizes = ints(table);
	union integer packed, stored;

	if (store_integer(&packed, key, sizes.key_bits) || store_integer(&stored, value, sizes.value_bits))
		return -ERANGE;
	return element(MAP_UPDATE, sizes.fd, &packed, &stored, 0);
}

static int bpflab_delete_int(uint64_t table, uint64_t key)
{
	struct ints sizes = ints(table);
	union integer packed;

	if (store_integer(&packed, key, sizes.key_bits))
		return -ERANGE;
	return element(MAP_DELETE, sizes.fd, &packed, NULL, 0);
}

static int lookup_many(int fd, const char *keys, unsigned key_size, char *values,
		       unsigned value_size, char *found, unsigned count)
{
	struct element_attr attr = { .map_fd = (uint32_t)fd, .key = (uintptr_t)keys, .value = (uintptr_t)values };
	int hits = 0;

	for (unsigned i = 0; i < count; i++, attr.key += key_size, attr.value += value_size) {
		int error = checked(syscall(__NR_bpf, MAP_LOOKUP, &attr, sizeof(attr)));

		if (error && error != -ENOENT)
			return error;
		found[i] = !error;
		hits += !error;
	}
	return hits;
}

/* Look up `count` keys that lie one behind the other; how many are there, or -errno. */
static int bpflab_lookup_many(int fd, const char *keys, unsigned key_size, char *values,
			      unsigned value_size, char *found, unsigned count)
{
	return WITHOUT_LOCK(lookup_many(fd, keys, key_size, values, value_size, found, count));
}

static int walk(int fd, const char *after, char *keys, unsigned key_size, char *values,
		unsigned value_size, unsigned capacity)
{
	unsigned count = 0;

	while (count < capacity) {
		char *key = keys + (size_t)count * key_size;
		int error = element(MAP_NEXT_KEY, fd, after, key, 0);

		if (error)
			return error == -ENOENT ? (int)count : error;
		after = key;
		error = element(MAP_LOOKUP, fd, key, values + (size_t)count * value_size, 0);
		if (!error)
			count++;
		else if (error != -ENOENT)
			return error;
	}
	return (int)count;
}

/*
 * Read up to `capacity` elements behind the key `after` (NULL: from the start);
 * how many, or -errno. Elements deleted meanwhile are left out. `after` may lie in `keys`.
 */
static int bpflab_walk(int fd, const char *after, char *keys, unsigned key_size, char *values,
		       unsigned value_size, unsigned capacity)
{
	return WITHOUT_LOCK(walk(fd, after, keys, key_size, values, value_size, capacity));
}
