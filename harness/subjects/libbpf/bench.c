/* Benchmarks: the clock surrounds the measured loop and nothing else. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "subject.h"

static int64_t nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static json_object *samples_answer(const double *samples, size_t rounds)
{
	json_object *answer = json_object_new_object(), *list = json_object_new_array();
	size_t i;

	for (i = 0; i < rounds; i++)
		json_object_array_add(list, json_object_new_double(samples[i]));
	json_object_object_add(answer, "samples", list);
	return answer;
}

/* Room for a sample per round, so that nothing else is allocated between two rounds. */
static double *need_samples(json_object *request, int64_t *rounds)
{
	double *samples;

	if (!need_number(request, "rounds", 1, 1000000, rounds))
		return NULL;
	samples = calloc(*rounds, sizeof(*samples));
	if (!samples)
		refuse(KERNEL, ENOMEM, "no memory for samples");
	return samples;
}

json_object *verb_bench_load(json_object *request)
{
	const char *path = need_string(request, "path");
	int64_t rounds, i, begin;
	scoped_free double *samples = path ? need_samples(request, &rounds) : NULL;
	struct bpf_object *bpf;
	int err;

	if (!samples)
		return NULL;
	for (i = 0; i < rounds; i++) {
		begin = nanoseconds();
		bpf = bpf_object__open_file(path, NULL);
		err = bpf ? bpf_object__load(bpf) : -errno;
		samples[i] = nanoseconds() - begin;
		if (!bpf)
			return refuse_libbpf(OBJECT, err, "'%s' cannot be opened", path);
		bpf_object__close(bpf);
		if (err)
			return refuse_libbpf(KERNEL, err, "'%s' cannot be loaded", path);
	}
	return samples_answer(samples, rounds);
}

/* Key number `number` of a map whose keys are integers. */
static void write_key(uint8_t *key, size_t size, uint64_t number)
{
	uint32_t half = number;

	if (size == sizeof(half))
		memcpy(key, &half, sizeof(half));
	else
		memcpy(key, &number, sizeof(number));
}

struct table {
	struct bpf_map *map;
	int64_t count;
	size_t key_size;
	uint8_t *keys;
	uint8_t *value;
};

static void free_table(struct table *table)
{
	free(table->keys);
	free(table->value);
}

/* Keys and a value, and all of them in the map. */
static bool fill_table(struct table *table)
{
	const char *name = bpf_map__name(table->map);
	int64_t i;
	int err;

	table->key_size = bpf_map__key_size(table->map);
	if (table->key_size != 4 && table->key_size != 8) {
		refuse(USAGE, 0, "map '%s': keys of %zu bytes are no integers", name, table->key_size);
		return false;
	}
	table->keys = malloc(table->count * table->key_size);
	table->value = calloc(1, map_value_size(table->map) + 1);
	if (!table->keys || !table->value) {
		refuse(KERNEL, ENOMEM, "no memory for the keys of map '%s'", name);
		return false;
	}
	for (i = 0; i < table->count; i++) {
		uint8_t *key = table->keys + i * table->key_size;

		write_key(key, table->key_size, i);
		err = bpf_map_update_elem(bpf_map__fd(table->map), key, table->value, BPF_ANY);
		if (err) {
			refuse_libbpf(KERNEL, err, "map '%s': update of key %lld", name, (long long)i);
			return false;
		}
	}
	return true;
}

/* The number of look-ups that failed. */
static int64_t look_up_all(const struct table *table, int64_t loops)
{
	int fd = bpf_map__fd(table->map);
	const uint8_t *key, *end = table->keys + table->count * table->key_size;
	int64_t failed = 0;

	while (loops--)
		for (key = table->keys; key < end; key += table->key_size)
			failed += bpf_map_lookup_elem(fd, key, table->value) != 0;
	return failed;
}

json_object *verb_bench_lookup(json_object *request)
{
	__attribute__((cleanup(free_table))) struct table table = {};
	struct object *object = need_live_object(request);
	scoped_free double *samples = NULL;
	int64_t loops, rounds, i, begin;

	table.map = object ? need_live_map(object, request, "map") : NULL;
	if (!table.map || !need_number(request, "count", 1, 10000000, &table.count) ||
	    !need_number(request, "loops", 1, 10000000, &loops))
		return NULL;
	samples = need_samples(request, &rounds);
	if (!samples || !fill_table(&table))
		return NULL;
	for (i = 0; i < rounds; i++) {
		begin = nanoseconds();
		if (look_up_all(&table, loops))
			return refuse(KERNEL, ENOENT, "map '%s': look-ups failed", bpf_map__name(table.map));
		samples[i] = (double)(nanoseconds() - begin) / (loops * table.count);
	}
	return samples_answer(samples, rounds);
}

struct tally {
	int64_t events;
	uint8_t kept[1 << 16];
};

/* The kernel takes the sample's room back after the callback: who wants it later has to copy it. */
static int keep_event(void *context, void *data, size_t size)
{
	struct tally *tally = context;

	tally->events++;
	memcpy(tally->kept, data, size < sizeof(tally->kept) ? size : sizeof(tally->kept));
	__asm__ volatile("" : : "r"(tally->kept) : "memory"); /* or the copy is optimised away */
	return 0;
}

static int drain(struct ring_buffer *ring)
{
	int got;

	while ((got = ring_buffer__consume(ring)) > 0)
		;
	return got;
}

struct event_source {
	struct bpf_program *program;
	struct bytes data;
	int64_t count;
};

static int produce(const struct event_source *source)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = source->data.data, .data_size_in = source->data.size,
		    .repeat = source->count);

	return bpf_prog_test_run_opts(bpf_program__fd(source->program), &run);
}

/* Nanoseconds for reading the events of one round; negative after a refusal. */
static int64_t read_round(struct ring_buffer *ring, struct tally *tally, const struct event_source *source)
{
	const char *name = bpf_program__name(source->program);
	int64_t begin, taken;
	int err = produce(source);

	if (err) {
		refuse_libbpf(KERNEL, err, "program '%s' cannot be run", name);
		return -1;
	}
	tally->events = 0;
	begin = nanoseconds();
	err = drain(ring);
	taken = nanoseconds() - begin;
	if (err) {
		refuse_libbpf(KERNEL, err, "the ring buffer cannot be read");
		return -1;
	}
	if (tally->events != source->count) {
		refuse(KERNEL, ENOSPC, "program '%s' wrote %lld events in %lld runs", name, (long long)tally->events,
		       (long long)source->count);
		return -1;
	}
	return taken;
}

json_object *verb_bench_events(json_object *request)
{
	struct object *object = need_live_object(request);
	struct bpf_map *map = object ? need_live_map(object, request, "map") : NULL;
	struct event_source source = { .program = map ? need_live_program(object, request) : NULL };
	scoped_bytes struct bytes data = {};
	scoped_free double *samples = NULL;
	static struct tally tally;
	struct ring_buffer *ring;
	int64_t rounds, i, taken = 0;

	if (!source.program || !need_number(request, "count", 1, INT32_MAX, &source.count) ||
	    !optional_bytes(request, "data", &data))
		return NULL;
	samples = need_samples(request, &rounds);
	if (!samples)
		return NULL;
	source.data = data;
	ring = ring_buffer__new(bpf_map__fd(map), keep_event, &tally, NULL);
	if (!ring)
		return refuse_libbpf(KERNEL, errno, "map '%s' cannot be read as a ring buffer", bpf_map__name(map));
	for (i = 0; i < rounds && taken >= 0; i++) {
		taken = read_round(ring, &tally, &source);
		samples[i] = (double)taken / source.count;
	}
	ring_buffer__free(ring);
	return taken < 0 ? NULL : samples_answer(samples, rounds);
}
