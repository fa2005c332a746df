/* Writing to user ring buffers. */
#include <errno.h>
#include <string.h>

#include "subject.h"

static void free_ring(struct user_ring_buffer **ring)
{
	user_ring_buffer__free(*ring);
}
#define scoped_ring __attribute__((cleanup(free_ring)))

/* One sample, submitted or discarded; false after a refusal. */
static bool write_sample(struct user_ring_buffer *ring, const char *name, const struct bytes *content, bool discard)
{
	void *sample = user_ring_buffer__reserve(ring, content->size);

	if (!sample) {
		refuse_libbpf(KERNEL, errno, "map '%s': room for a sample of %zu bytes", name, content->size);
		return false;
	}
	memcpy(sample, content->data, content->size);
	if (discard)
		user_ring_buffer__discard(ring, sample);
	else
		user_ring_buffer__submit(ring, sample);
	return true;
}

json_object *verb_events_write(json_object *request)
{
	struct object *object = need_live_object(request);
	struct bpf_map *map = object ? need_live_map(object, request, "map") : NULL;
	bool discard = json_object_get_boolean(json_object_object_get(request, "discard"));
	json_object *list = json_object_object_get(request, "samples");
	scoped_ring struct user_ring_buffer *ring = NULL;
	size_t i;

	if (!map)
		return NULL;
	if (!list || !json_object_is_type(list, json_type_array))
		return refuse(USAGE, 0, "'samples' is not a list");
	ring = user_ring_buffer__new(bpf_map__fd(map), NULL);
	if (!ring)
		return refuse_libbpf(KERNEL, errno, "map '%s' cannot be written as a user ring buffer",
				     bpf_map__name(map));
	for (i = 0; i < json_object_array_length(list); i++) {
		scoped_bytes struct bytes content = {};

		if (!bytes_from_json(json_object_array_get_idx(list, i), "samples", &content) ||
		    !write_sample(ring, bpf_map__name(map), &content, discard))
			return NULL;
	}
	return json_object_new_object();
}
