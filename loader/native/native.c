/*
 * The hot loops of the loader that are system calls on map elements. pure.py has the same
 * functions and defines what they do.
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
