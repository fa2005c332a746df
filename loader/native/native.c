/*
 * The hot loops of the loader: system calls on map elements, and draining of
 * ring and perf buffers. pure.py has the same functions and defines what they do.
 *
 * Nothing here allocates memory or keeps state. Attributes are laid out by hand
 * (UAPI linux/bpf.h, stable since 4.x), so that no header's age matters.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAP_LOOKUP = 1, MAP_UPDATE = 2, MAP_DELETE = 3, MAP_NEXT_KEY = 4 };

struct element_attr {
	uint32_t map_fd;
	uint32_t padding;
	uint64_t key;
	uint64_t value;
	uint64_t flags;
};

static int element(int cmd, int fd, const void *key, const void *value, uint64_t flags)
{
	struct element_attr attr = {
		.map_fd = (uint32_t)fd,
		.key = (uintptr_t)key,
		.value = (uintptr_t)value,
		.flags = flags,
	};

	return syscall(__NR_bpf, cmd, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

static int bpflab_bpf(int cmd, void *attr, unsigned size)
{
	long result = syscall(__NR_bpf, cmd, attr, size);

	return result < 0 ? -errno : (int)result;
}

static int bpflab_perf_event_open(void *attr, int pid, int cpu, int group_fd, unsigned long flags)
{
	long result = syscall(__NR_perf_event_open, attr, pid, cpu, group_fd, flags);

	return result < 0 ? -errno : (int)result;
}

static int bpflab_lookup(int fd, const char *key, void *value, uint64_t flags)
{
	return element(MAP_LOOKUP, fd, key, value, flags);
}

static int bpflab_update(int fd, const char *key, const char *value, uint64_t flags)
{
	return element(MAP_UPDATE, fd, key, value, flags);
}

static int bpflab_delete(int fd, const char *key)
{
	return element(MAP_DELETE, fd, key, NULL, 0);
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

static int store_integer(union integer *to, uint64_t value, unsigned size)
{
	if (size < 8 && value >> (8 * size))
		return -ERANGE;
	switch (size) {
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

/* The value, with errno 0; or 0 with errno set. */
static uint64_t bpflab_lookup_int(int fd, uint64_t key, unsigned key_size, unsigned value_size)
{
	union integer packed, value = { .u64 = 0 };
	int error = store_integer(&packed, key, key_size);

	if (!error)
		error = element(MAP_LOOKUP, fd, &packed, &value, 0);
	errno = -error;
	return error ? 0 : load_integer(&value, value_size);
}

static int bpflab_update_int(int fd, uint64_t key, unsigned key_size, uint64_t value,
			     unsigned value_size, uint64_t flags)
{
	union integer packed, stored;

	if (store_integer(&packed, key, key_size) || store_integer(&stored, value, value_size))
		return -ERANGE;
	return element(MAP_UPDATE, fd, &packed, &stored, flags);
}

/* Look up `count` keys that lie one behind the other; how many are there, or -errno. */
static int bpflab_lookup_many(int fd, const char *keys, unsigned key_size, char *values,
			      unsigned value_size, char *found, unsigned count)
{
	int hits = 0;

	for (unsigned i = 0; i < count; i++) {
		int error = element(MAP_LOOKUP, fd, keys + (size_t)i * key_size,
				    values + (size_t)i * value_size, 0);

		if (error && error != -ENOENT)
			return error;
		found[i] = !error;
		hits += !error;
	}
	return hits;
}

/*
 * Read up to `capacity` elements behind the key `after` (NULL: from the start);
 * how many, or -errno. Elements deleted meanwhile are left out. `after` may lie in `keys`.
 */
static int bpflab_walk(int fd, const char *after, char *keys, unsigned key_size, char *values,
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

enum {
	RINGBUF_BUSY = 1u << 31,
	RINGBUF_DISCARD = 1u << 30,
	RINGBUF_HEADER = 8,
};

/*
 * Copy up to `capacity` samples of a BPF ring buffer into `out`, one behind the
 * other; sample i is out[offsets[i] .. offsets[i + 1]]. Returns how many, or,
 * when not even the first fits, minus the room it needs.
 *
 * The consumer position is published once at the end, which spares the producer
 * wake-ups; the fence after it orders it before the next reading of the producer
 * position, else a record committed in between could stay unnoticed (the kernel
 * wakes a consumer only if that has read everything before the record).
 */
static int bpflab_ringbuf_drain(char *consumer_page, const char *producer_page, unsigned page_size,
				uint64_t size, char *out, unsigned room, uint32_t *offsets, unsigned capacity)
{
	uint64_t *consumer = (uint64_t *)consumer_page;
	const char *data = producer_page + page_size;
	uint64_t position = *consumer;
	uint64_t end = __atomic_load_n((const uint64_t *)producer_page, __ATOMIC_ACQUIRE);
	unsigned count = 0, used = 0;
	int result = 0;

	offsets[0] = 0;
	while (position < end && count < capacity) {
		const char *record = data + (position & (size - 1));
		uint32_t header = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		uint32_t length = header & ~(RINGBUF_BUSY | RINGBUF_DISCARD);

		if (header & RINGBUF_BUSY)
			break;
		if (!(header & RINGBUF_DISCARD)) {
			if (length > room - used) {
				result = count ? 0 : -(int)length;
				break;
			}
			memcpy(out + used, record + RINGBUF_HEADER, length);
			used += length;
			offsets[++count] = used;
		}
		position += (length + RINGBUF_HEADER + 7) & ~7ull;
	}
	__atomic_store_n(consumer, position, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return result ? result : (int)count;
}

enum {
	PERF_DATA_HEAD = 1024,	/* offsets in struct perf_event_mmap_page */
	PERF_DATA_TAIL = 1032,
	PERF_RECORD_LOST = 2,
	PERF_RECORD_SAMPLE = 9,
	PERF_HEADER = 8,	/* u32 type, u16 misc, u16 size */
};

static void copy_wrapped(void *to, const char *data, uint64_t size, uint64_t from, size_t length)
{
	uint64_t start = from & (size - 1);
	size_t first = length < size - start ? length : size - start;

	memcpy(to, data + start, first);
	memcpy((char *)to + first, data, length - first);
}

/*
 * Copy up to `capacity` raw samples of one CPU's perf buffer into `out`, laid out
 * as bpflab_ringbuf_drain does; lost records are added to *lost. Samples must be
 * PERF_SAMPLE_RAW alone: u32 size, then the bytes (padding included, as the kernel says).
 */
static int bpflab_perf_drain(char *mapping, unsigned page_size, uint64_t size, char *out, unsigned room,
			     uint32_t *offsets, unsigned capacity, uint64_t *lost)
{
	uint64_t *tail = (uint64_t *)(mapping + PERF_DATA_TAIL);
	const char *data = mapping + page_size;
	uint64_t position = *tail;
	uint64_t end = __atomic_load_n((uint64_t *)(mapping + PERF_DATA_HEAD), __ATOMIC_ACQUIRE);
	unsigned count = 0, used = 0;
	int result = 0;

	offsets[0] = 0;
	while (position < end && count < capacity) {
		struct { uint32_t type; uint16_t misc, size; } header;

		copy_wrapped(&header, data, size, position, sizeof(header));
		if (header.size < PERF_HEADER)
			break;
		if (header.type == PERF_RECORD_SAMPLE) {
			uint32_t length;

			copy_wrapped(&length, data, size, position + PERF_HEADER, sizeof(length));
			if (length > room - used) {
				result = count ? 0 : -(int)length;
				break;
			}
			copy_wrapped(out + used, data, size, position + PERF_HEADER + sizeof(length), length);
			used += length;
			offsets[++count] = used;
		} else if (header.type == PERF_RECORD_LOST) {
			uint64_t number;	/* behind the event's id */

			copy_wrapped(&number, data, size, position + PERF_HEADER + 8, sizeof(number));
			*lost += number;
		}
		position += header.size;
	}
	__atomic_store_n(tail, position, __ATOMIC_RELEASE);
	return result ? result : (int)count;
}
