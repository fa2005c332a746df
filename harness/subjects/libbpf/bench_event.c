/* Benchmarks of events: reading what is there, and what another process writes at the same time. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

/* Pages of a perf buffer per CPU if the request does not say. */
#define PERF_PAGES 64
/* How long to wait for events before looking whether the producer has ended. */
#define PATIENCE_MS 50

/* Bytes of events that are kept together: 4096 of 1,500 bytes, with room to spare. */
#define LARGEST_BATCH (1 << 23)

struct tally {
	int64_t events;
	struct histogram *delays; /* or NULL: events are copied */
	bool as_objects;	  /* into memory of their own, until the next one comes; else into `kept` */
	void *object;
	size_t used;		  /* of `kept`, where the events of a round lie one behind the other */
	uint8_t kept[LARGEST_BATCH];
};

static struct tally *new_tally(void)
{
	struct tally *tally = malloc(sizeof(*tally));

	/* Written, so that no page is missing when it is measured. */
	return tally ? memset(tally, 0, sizeof(*tally)) : NULL;
}

static void begin_round(struct tally *tally)
{
	tally->events = 0;
	tally->used = 0;
}

/* What a request says of how events are kept; false after a refusal. */
static bool choose_way(struct tally *tally, json_object *request)
{
	const char *way = "object";

	if (json_object_object_get_ex(request, "way", NULL))
		way = need_string(request, "way");
	if (!way)
		return false;
	tally->as_objects = !strcmp(way, "object");
	/* A record is read through the pointer that libbpf hands over. */
	if (tally->as_objects || !strcmp(way, "batch") || !strcmp(way, "record"))
		return true;
	refuse(USAGE, 0, "way '%s' of reading events is unknown", way);
	return false;
}

static void free_tally(struct tally **tally)
{
	if (*tally)
		free((*tally)->object);
	free(*tally);
}
#define scoped_tally __attribute__((cleanup(free_tally)))

/* The kernel takes the sample's room back after the callback: who wants it later has to copy it. */
static int keep_event(void *context, void *data, size_t size)
{
	struct tally *tally = context;
	uint64_t written;

	tally->events++;
	if (tally->delays) {
		memcpy(&written, data, sizeof(written));
		count_duration(tally->delays, nanoseconds() - written);
		return 0;
	}
	if (tally->as_objects) {
		free(tally->object);
		tally->object = malloc(size);
		if (!tally->object)
			return -ENOMEM;
		memcpy(tally->object, data, size);
		return 0;
	}
	if (size > sizeof(tally->kept) - tally->used)
		tally->used = 0;
	memcpy(tally->kept + tally->used, data, size);
	tally->used += size;
	return 0;
}

static void keep_perf_event(void *context, int cpu, void *data, __u32 size)
{
	(void)cpu;
	keep_event(context, data, size);
}

/* One of libbpf's two readers. */
struct bench_reader {
	struct ring_buffer *ring;
	struct perf_buffer *perf;
};

static void free_bench_reader(struct bench_reader *reader)
{
	ring_buffer__free(reader->ring);
	perf_buffer__free(reader->perf);
}
#define scoped_reader __attribute__((cleanup(free_bench_reader)))

static bool open_bench_reader(struct bench_reader *reader, json_object *request, const struct bpf_map *map,
			      struct tally *tally)
{
	int64_t pages = PERF_PAGES, wakeup_events = 1;
	int fd = bpf_map__fd(map);

	if (!optional_number(request, "pages", 1, 1 << 20, &pages) ||
	    !optional_number(request, "wakeup_events", 1, INT32_MAX, &wakeup_events))
		return false;
	if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF) {
		reader->ring = ring_buffer__new(fd, keep_event, tally, NULL);
	} else {
		/* libbpf's name for the number of events per wake-up. */
		LIBBPF_OPTS(perf_buffer_opts, options, .sample_period = wakeup_events);

		reader->perf = perf_buffer__new(fd, pages, keep_perf_event, NULL, tally, &options);
	}
	if (reader->ring || reader->perf)
		return true;
	refuse_libbpf(KERNEL, errno, "map '%s' cannot be read", bpf_map__name(map));
	return false;
}

/* All that is there. 0 or -errno. */
static int drain(const struct bench_reader *reader)
{
	int got;

	if (reader->perf)
		return perf_buffer__consume(reader->perf);
	while ((got = ring_buffer__consume(reader->ring)) > 0)
		;
	return got;
}

static int wait_and_read(const struct bench_reader *reader, int timeout_ms)
{
	return reader->perf ? perf_buffer__poll(reader->perf, timeout_ms) :
			      ring_buffer__poll(reader->ring, timeout_ms);
}

struct event_source {
	struct bpf_program *program;
	struct bytes data;
	int64_t count;
};

static void free_source(struct event_source *source)
{
	free_bytes(&source->data);
}
#define scoped_source __attribute__((cleanup(free_source)))

/* The map that is read; NULL after a refusal. */
static struct bpf_map *need_source(json_object *request, struct event_source *source)
{
	struct object *object = need_live_object(request);
	struct bpf_map *map = object ? need_live_map(object, request, "map") : NULL;

	source->program = map ? need_live_program(object, request) : NULL;
	if (!source->program || !need_number(request, "count", 1, INT32_MAX, &source->count) ||
	    !optional_bytes(request, "data", &source->data))
		return NULL;
	return map;
}

static int produce(const struct event_source *source, int64_t count)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = source->data.data, .data_size_in = source->data.size,
		    .repeat = count);

	return bpf_prog_test_run_opts(bpf_program__fd(source->program), &run);
}

/* Nanoseconds for reading the events of one round; negative after a refusal. */
static int64_t read_round(const struct bench_reader *reader, struct tally *tally,
			  const struct event_source *source)
{
	const char *name = bpf_program__name(source->program);
	int64_t begin, taken;
	int err = produce(source, source->count);

	if (err) {
		refuse_libbpf(KERNEL, err, "program '%s' cannot be run", name);
		return -1;
	}
	begin_round(tally);
	begin = nanoseconds();
	err = drain(reader);
	taken = nanoseconds() - begin;
	if (err) {
		refuse_libbpf(KERNEL, err, "the events cannot be read");
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
	scoped_source struct event_source source = {};
	struct bpf_map *map = need_source(request, &source);
	scoped_reader struct bench_reader reader = {};
	scoped_free double *samples = NULL;
	scoped_tally struct tally *tally = new_tally();
	int64_t rounds, i, taken;

	samples = map && tally ? need_samples(request, &rounds) : NULL;
	if (!samples || !choose_way(tally, request) || !open_bench_reader(&reader, request, map, tally))
		return NULL;
	for (i = 0; i < rounds; i++) {
		taken = read_round(&reader, tally, &source);
		if (taken < 0)
			return NULL;
		samples[i] = (double)taken / source.count;
	}
	return samples_answer(samples, rounds);
}

/* A child that writes the events when it is told to. */
struct producer {
	pid_t pid;
	int go;
	bool ended;
};

static void work(const struct event_source *source, int64_t interval_us)
{
	struct timespec pause = { interval_us / 1000000, interval_us % 1000000 * 1000 };
	int64_t i;

	if (!interval_us) {
		produce(source, source->count);
		return;
	}
	for (i = 0; i < source->count; i++) {
		nanosleep(&pause, NULL);
		produce(source, 1);
	}
}

/* With an interval the events come one by one, else as fast as can be. */
static bool start_producer(struct producer *producer, const struct event_source *source, int64_t interval_us)
{
	int ends[2];
	char told;

	if (pipe(ends)) {
		refuse(KERNEL, errno, "no pipe to the producer");
		return false;
	}
	producer->pid = fork();
	if (producer->pid == 0) {
		close(ends[1]);
		if (read(ends[0], &told, 1) == 1)
			work(source, interval_us);
		_exit(0);
	}
	close(ends[0]);
	producer->go = ends[1];
	producer->ended = producer->pid < 0;
	if (producer->ended)
		refuse(KERNEL, errno, "no process for the producer");
	return !producer->ended;
}

static bool tell(const struct producer *producer)
{
	return write(producer->go, "!", 1) == 1;
}

static bool has_ended(struct producer *producer)
{
	if (!producer->ended)
		producer->ended = waitpid(producer->pid, NULL, WNOHANG) != 0;
	return producer->ended;
}

static void end_producer(struct producer *producer)
{
	if (!producer->pid)
		return;
	close(producer->go);
	if (!producer->ended) {
		kill(producer->pid, SIGKILL);
		waitpid(producer->pid, NULL, 0);
	}
}
#define scoped_producer __attribute__((cleanup(end_producer)))

/* Until all events have come, or no more can come. 0 or -errno. */
static int read_stream(const struct bench_reader *reader, struct tally *tally, int64_t count,
		       struct producer *producer)
{
	bool last = false;
	int64_t before;
	int err;

	while (tally->events < count) {
		before = tally->events;
		err = wait_and_read(reader, last ? 0 : PATIENCE_MS);
		/* What no wake-up was sent for, and what was written before the end, is still to be read. */
		if (err >= 0 && tally->events == before)
			err = drain(reader);
		if (err < 0)
			return err;
		if (tally->events == before && last)
			break;
		last = last || (tally->events == before && has_ended(producer));
	}
	return 0;
}

json_object *verb_bench_stream(json_object *request)
{
	scoped_source struct event_source source = {};
	struct bpf_map *map = need_source(request, &source);
	scoped_reader struct bench_reader reader = {};
	scoped_free double *samples = NULL;
	scoped_tally struct tally *tally = new_tally();
	int64_t rounds, i, begin, lost = 0;
	json_object *answer;
	int err;

	samples = map && tally ? need_samples(request, &rounds) : NULL;
	if (!samples || !choose_way(tally, request) || !open_bench_reader(&reader, request, map, tally))
		return NULL;
	for (i = 0; i < rounds; i++) {
		scoped_producer struct producer producer = {};

		begin_round(tally);
		if (!start_producer(&producer, &source, 0))
			return NULL;
		begin = nanoseconds();
		err = tell(&producer) ? read_stream(&reader, tally, source.count, &producer) : -errno;
		samples[i] = (double)(nanoseconds() - begin) / source.count;
		if (err)
			return refuse_libbpf(KERNEL, err, "the events cannot be read");
		lost += source.count - tally->events;
	}
	answer = samples_answer(samples, rounds);
	json_object_object_add(answer, "lost", json_object_new_int64(lost));
	return answer;
}

json_object *verb_bench_delivery(json_object *request)
{
	scoped_source struct event_source source = {};
	struct bpf_map *map = need_source(request, &source);
	scoped_histogram struct histogram histogram = {};
	scoped_reader struct bench_reader reader = {};
	scoped_producer struct producer producer = {};
	static struct tally tally;
	int64_t interval_us;

	tally.events = 0;
	tally.delays = &histogram;
	if (!map || !need_number(request, "interval_us", 1, 1000000, &interval_us) ||
	    !make_histogram(&histogram) || !open_bench_reader(&reader, request, map, &tally) ||
	    !start_producer(&producer, &source, interval_us) || !tell(&producer))
		return NULL;
	while (tally.events < source.count)
		if (wait_and_read(&reader, 1000) <= 0)
			break;
	return histogram_answer(&histogram);
}
