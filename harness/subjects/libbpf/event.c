/* Readers of ring buffers and perf event arrays. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "subject.h"

/* Pages of a perf buffer per CPU. */
#define PERF_PAGES 64

struct reader {
	int64_t id;
	const struct object *object;
	struct ring_buffer *ring; /* one of these two */
	struct perf_buffer *perf;
	json_object *queue; /* events taken from the kernel's buffer, not yet handed out */
	uint64_t lost;
	struct reader *next;
};

static struct reader *readers;

static int queue_ring_event(void *context, void *data, size_t size)
{
	struct reader *reader = context;

	json_object_array_add(reader->queue, hex_json(data, size));
	return 0;
}

static void queue_perf_event(void *context, int cpu, void *data, __u32 size)
{
	(void)cpu;
	queue_ring_event(context, data, size);
}

static void count_lost(void *context, int cpu, __u64 count)
{
	struct reader *reader = context;

	(void)cpu;
	reader->lost += count;
}

static void free_reader(struct reader *reader)
{
	ring_buffer__free(reader->ring);
	perf_buffer__free(reader->perf);
	json_object_put(reader->queue);
	free(reader);
}

/* Opens libbpf's reader for the map's type; false after a refusal. */
static bool open_reader(struct reader *reader, const struct bpf_map *map)
{
	enum bpf_map_type type = bpf_map__type(map);
	int fd = bpf_map__fd(map);

	if (type == BPF_MAP_TYPE_RINGBUF) {
		reader->ring = ring_buffer__new(fd, queue_ring_event, reader, NULL);
	} else if (type == BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
		reader->perf = perf_buffer__new(fd, PERF_PAGES, queue_perf_event, count_lost, reader, NULL);
	} else {
		refuse(USAGE, 0, "map '%s' holds no events: it is neither a ring buffer nor a perf event array",
		       bpf_map__name(map));
		return false;
	}
	if (reader->ring || reader->perf)
		return true;
	refuse_libbpf(KERNEL, errno, "map '%s' cannot be read", bpf_map__name(map));
	return false;
}

/* Lets the reader read the ring buffers of the list `more`, too; false after a refusal. */
static bool add_rings(struct reader *reader, struct object *object, json_object *request)
{
	json_object *list = json_object_object_get(request, "more");
	size_t i, count = list && json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	if (count && !reader->ring) {
		refuse(USAGE, 0, "a perf event array is read alone");
		return false;
	}
	for (i = 0; i < count; i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));
		struct bpf_map *map = bpf_object__find_map_by_name(object->bpf, name);
		int err = map ? ring_buffer__add(reader->ring, bpf_map__fd(map), queue_ring_event, reader) : -ENOENT;

		if (!map)
			refuse(USAGE, 0, "the object has no map '%s'", name);
		else if (err)
			refuse_libbpf(KERNEL, err, "map '%s' cannot be read", name);
		if (err)
			return false;
	}
	return true;
}

json_object *verb_events_open(json_object *request)
{
	struct object *object = need_live_object(request);
	struct bpf_map *map = object ? need_live_map(object, request, "map") : NULL;
	struct reader *reader;
	json_object *answer;

	if (!map)
		return NULL;
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return refuse(KERNEL, ENOMEM, "no memory for a reader");
	reader->object = object;
	reader->queue = json_object_new_array();
	if (!open_reader(reader, map) || !add_rings(reader, object, request)) {
		free_reader(reader);
		return NULL;
	}
	reader->id = next_id();
	reader->next = readers;
	readers = reader;
	answer = json_object_new_object();
	json_object_object_add(answer, "reader", json_object_new_int64(reader->id));
	return answer;
}

/* Where in the list the reader of a request is; NULL after a refusal. */
static struct reader **need_reader(json_object *request)
{
	struct reader **place;
	int64_t id;

	if (!need_number(request, "reader", 1, INT64_MAX, &id))
		return NULL;
	for (place = &readers; *place; place = &(*place)->next)
		if ((*place)->id == id)
			return place;
	refuse(USAGE, 0, "there is no reader %lld", (long long)id);
	return NULL;
}

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Take what is there: of a ring no more than asked for, of perf buffers libbpf takes all. */
static int consume(struct reader *reader, size_t maximum)
{
	int err = reader->ring ? ring_buffer__consume_n(reader->ring, maximum) : perf_buffer__consume(reader->perf);

	return err < 0 ? err : 0;
}

/* Until an event is in the queue, or the time is over. */
static int wait_for_event(struct reader *reader, int64_t timeout_ms, size_t maximum)
{
	int64_t now, deadline = milliseconds() + timeout_ms;
	int fd = reader->ring ? ring_buffer__epoll_fd(reader->ring) : perf_buffer__epoll_fd(reader->perf);
	struct epoll_event event;
	int err;

	while (!(err = consume(reader, maximum)) && !json_object_array_length(reader->queue)) {
		now = milliseconds();
		if (now >= deadline)
			return 0;
		if (epoll_wait(fd, &event, 1, deadline - now) < 0 && errno != EINTR)
			return -errno;
	}
	return err;
}

json_object *verb_events_poll(json_object *request)
{
	struct reader **place = need_reader(request), *reader;
	int64_t timeout_ms, maximum;
	json_object *answer, *events;
	size_t i, count;
	int err = 0;

	if (!place || !need_number(request, "timeout_ms", 0, INT32_MAX, &timeout_ms) ||
	    !need_number(request, "max", 1, INT32_MAX, &maximum))
		return NULL;
	reader = *place;
	if (!json_object_array_length(reader->queue))
		err = wait_for_event(reader, timeout_ms, maximum);
	if (err)
		return refuse_libbpf(KERNEL, err, "reader %lld", (long long)reader->id);

	events = json_object_new_array();
	count = json_object_array_length(reader->queue);
	if (count > (size_t)maximum)
		count = maximum;
	for (i = 0; i < count; i++)
		json_object_array_add(events, json_object_get(json_object_array_get_idx(reader->queue, i)));
	json_object_array_del_idx(reader->queue, 0, count);
	answer = json_object_new_object();
	json_object_object_add(answer, "events", events);
	json_object_object_add(answer, "lost", json_object_new_int64(reader->lost));
	reader->lost = 0;
	return answer;
}

json_object *verb_events_state(json_object *request)
{
	struct reader **place = need_reader(request);
	struct ring *ring;
	json_object *answer;

	if (!place)
		return NULL;
	if (!(*place)->ring)
		return refuse(USAGE, 0, "reader %lld reads no ring buffer", (long long)(*place)->id);
	ring = ring_buffer__ring((*place)->ring, 0);
	answer = json_object_new_object();
	json_object_object_add(answer, "size", json_object_new_int64(ring__size(ring)));
	json_object_object_add(answer, "consumer", json_object_new_int64(ring__consumer_pos(ring)));
	json_object_object_add(answer, "producer", json_object_new_int64(ring__producer_pos(ring)));
	return answer;
}

json_object *verb_events_close(json_object *request)
{
	struct reader **place = need_reader(request), *reader;

	if (!place)
		return NULL;
	reader = *place;
	*place = reader->next;
	free_reader(reader);
	return json_object_new_object();
}

void close_readers_of(const struct object *object)
{
	struct reader **place = &readers, *reader;

	while ((reader = *place)) {
		if (reader->object == object) {
			*place = reader->next;
			free_reader(reader);
		} else {
			place = &reader->next;
		}
	}
}
