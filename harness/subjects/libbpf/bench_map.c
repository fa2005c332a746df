/* Benchmarks of maps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* Elements per batch, as many as a map that is read whole has, up to this. */
#define LARGEST_BATCH 4096

struct table {
	int64_t object;
	struct bpf_map *map;
	int fd;
	int64_t count;
	int64_t stride; /* only every so many-th key is looked up */
	size_t key_size;
	uint8_t *keys;
	uint8_t *value;
	uint8_t *batch_keys, *batch_values;
	__u32 batch_size;
};

/* The last one, to be used again: filling it takes long. */
static struct table kept;

static void free_table(struct table *table)
{
	free(table->keys);
	free(table->value);
	free(table->batch_keys);
	free(table->batch_values);
	memset(table, 0, sizeof(*table));
}

/* Key number `number`: an integer; in an LPM trie, an address behind the length of its prefix. */
static void write_key(const struct table *table, uint8_t *key, uint64_t number)
{
	uint32_t half = number, prefix[2] = { 32, number };

	if (bpf_map__type(table->map) == BPF_MAP_TYPE_LPM_TRIE)
		memcpy(key, prefix, sizeof(prefix));
	else if (table->key_size == sizeof(half))
		memcpy(key, &half, sizeof(half));
	else
		memcpy(key, &number, sizeof(number));
}

/* All keys into the map, with zeros as values. */
static bool fill_table(const struct table *table)
{
	const uint8_t *key = table->keys;
	int64_t i;
	int err;

	for (i = 0; i < table->count; i++, key += table->key_size) {
		err = bpf_map_update_elem(table->fd, key, table->value, BPF_ANY);
		if (err) {
			refuse_libbpf(KERNEL, err, "map '%s': update of key %lld", bpf_map__name(table->map),
				      (long long)i);
			return false;
		}
	}
	return true;
}

static bool allocate_table(struct table *table)
{
	size_t value_size = map_value_size(table->map);

	table->batch_size = bpf_map__max_entries(table->map);
	if (table->batch_size > LARGEST_BATCH)
		table->batch_size = LARGEST_BATCH;
	table->keys = malloc(table->count * table->key_size);
	table->value = calloc(1, value_size + 1);
	table->batch_keys = malloc(table->batch_size * table->key_size);
	table->batch_values = malloc(table->batch_size * value_size);
	if (!table->keys || !table->value || !table->batch_keys || !table->batch_values) {
		refuse(KERNEL, ENOMEM, "no memory for the keys of map '%s'", bpf_map__name(table->map));
		return false;
	}
	return true;
}

static bool make_table(struct table *table)
{
	int64_t i;

	table->fd = bpf_map__fd(table->map);
	table->key_size = bpf_map__key_size(table->map);
	if (table->key_size != 4 && table->key_size != 8) {
		refuse(USAGE, 0, "map '%s': keys of %zu bytes are no integers", bpf_map__name(table->map),
		       table->key_size);
		return false;
	}
	if (!allocate_table(table))
		return false;
	for (i = 0; i < table->count; i++)
		write_key(table, table->keys + i * table->key_size, i);
	return fill_table(table);
}

/* The map of a request with the keys number 0 … count-1 in it; NULL after a refusal. */
static const struct table *need_table(json_object *request)
{
	struct object *object = need_live_object(request);
	struct table wanted = { .object = object ? object->id : 0, .stride = 1 };

	wanted.map = object ? need_live_map(object, request, "map") : NULL;
	if (!wanted.map || !need_number(request, "count", 1, 10000000, &wanted.count) ||
	    !optional_number(request, "stride", 1, 10000000, &wanted.stride))
		return NULL;
	if (kept.object == wanted.object && kept.map == wanted.map && kept.count == wanted.count &&
	    kept.stride == wanted.stride)
		return &kept;
	free_table(&kept);
	kept = wanted;
	if (make_table(&kept))
		return &kept;
	free_table(&kept);
	return NULL;
}

/* What is measured: 0, or the number of elements that it failed for, or -errno. */
typedef int64_t operation(const struct table *table);

static int64_t number_of_keys(const struct table *table)
{
	return (table->count + table->stride - 1) / table->stride;
}

static int64_t look_up_each(const struct table *table)
{
	const uint8_t *key, *end = table->keys + table->count * table->key_size;
	int64_t failed = 0;

	for (key = table->keys; key < end; key += table->stride * table->key_size)
		failed += bpf_map_lookup_elem(table->fd, key, table->value) != 0;
	return failed;
}

static int64_t walk(const struct table *table)
{
	uint8_t *key = table->batch_keys;
	const uint8_t *last = NULL;
	int64_t found = 0;

	while (!bpf_map_get_next_key(table->fd, last, key)) {
		found += bpf_map_lookup_elem(table->fd, key, table->value) == 0;
		last = key;
	}
	return found < table->count ? table->count - found : 0;
}

static int64_t look_up_batches(const struct table *table)
{
	/* Where the kernel goes on: the number of a bucket, or a key. */
	uint64_t position = 0;
	int64_t found = 0;
	bool first = true;
	__u32 count;
	int err;

	do {
		count = table->batch_size;
		err = bpf_map_lookup_batch(table->fd, first ? NULL : &position, &position, table->batch_keys,
					   table->batch_values, &count, NULL);
		if (err && err != -ENOENT)
			return err;
		found += count;
		first = false;
	} while (!err);
	return found < table->count ? table->count - found : 0;
}

static int64_t update_each(const struct table *table)
{
	const uint8_t *key, *end = table->keys + table->count * table->key_size;
	int64_t failed = 0;

	for (key = table->keys; key < end; key += table->stride * table->key_size)
		failed += bpf_map_update_elem(table->fd, key, table->value, BPF_ANY) != 0;
	return failed;
}

static int64_t delete_each(const struct table *table)
{
	const uint8_t *key, *end = table->keys + table->count * table->key_size;
	int64_t failed = 0;

	for (key = table->keys; key < end; key += table->stride * table->key_size)
		failed += bpf_map_delete_elem(table->fd, key) != 0;
	return failed;
}

/* Nanoseconds of `loops` times the operation; negative after a refusal. `refill` is not measured. */
static int64_t time_loops(const struct table *table, operation *measured, int64_t loops, bool refill)
{
	int64_t begin, failed, taken = 0;

	while (loops--) {
		begin = nanoseconds();
		failed = measured(table);
		taken += nanoseconds() - begin;
		if (failed) {
			refuse(KERNEL, failed < 0 ? -failed : ENOENT, "map '%s': the measured operation failed",
			       bpf_map__name(table->map));
			return -1;
		}
		if (refill && !fill_table(table))
			return -1;
	}
	return taken;
}

static json_object *time_operation(json_object *request, operation *measured, bool refill)
{
	scoped_free double *samples = NULL;
	int64_t loops, rounds, i, taken;
	const struct table *table;

	if (!need_number(request, "loops", 1, 10000000, &loops))
		return NULL;
	samples = need_samples(request, &rounds);
	table = samples ? need_table(request) : NULL;
	if (!table)
		return NULL;
	for (i = 0; i < rounds; i++) {
		taken = time_loops(table, measured, loops, refill);
		if (taken < 0)
			return NULL;
		samples[i] = (double)taken / (loops * number_of_keys(table));
	}
	return samples_answer(samples, rounds);
}

json_object *verb_bench_lookup(json_object *request)
{
	static const struct {
		const char *name;
		operation *measured;
	} ways[] = {
		{ "single", look_up_each },
		/* libbpf has no call for a list of keys, and leaves mapping to its user. */
		{ "list", look_up_each },
		{ "mapped", look_up_each },
		{ "walk", walk },
		{ "batch", look_up_batches },
	};
	const char *way = "single";
	size_t i;

	if (json_object_object_get_ex(request, "way", NULL))
		way = need_string(request, "way");
	if (!way)
		return NULL;
	for (i = 0; i < ARRAY_LENGTH(ways); i++)
		if (!strcmp(ways[i].name, way))
			return time_operation(request, ways[i].measured, false);
	return refuse(USAGE, 0, "way '%s' of looking up is unknown", way);
}

json_object *verb_bench_update(json_object *request)
{
	return time_operation(request, update_each, false);
}

json_object *verb_bench_delete(json_object *request)
{
	return time_operation(request, delete_each, true);
}

json_object *verb_bench_latency(json_object *request)
{
	scoped_histogram struct histogram histogram = {};
	int64_t samples, i, begin;
	const struct table *table;
	int err;

	if (!need_number(request, "samples", 1, 100000000, &samples))
		return NULL;
	table = need_table(request);
	if (!table || !make_histogram(&histogram))
		return NULL;
	for (i = 0; i < samples; i++) {
		const uint8_t *key = table->keys + i % table->count * table->key_size;

		begin = nanoseconds();
		err = bpf_map_lookup_elem(table->fd, key, table->value);
		count_duration(&histogram, nanoseconds() - begin);
		if (err)
			return refuse_libbpf(KERNEL, err, "map '%s': look-up", bpf_map__name(table->map));
	}
	return histogram_answer(&histogram);
}
