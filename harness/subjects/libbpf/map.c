/* Elements of maps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "subject.h"

size_t map_value_size(const struct bpf_map *map)
{
	size_t size = bpf_map__value_size(map);

	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
		return (size + 7) / 8 * 8 * libbpf_num_possible_cpus();
	default:
		return size;
	}
}

/* The same with flags that may ask for one CPU's value. */
static size_t value_size_for(const struct bpf_map *map, uint64_t flags)
{
	return flags & (BPF_F_CPU | BPF_F_ALL_CPUS) ? bpf_map__value_size(map) : map_value_size(map);
}

/* What a request says of an element. A descriptor as key is ours until the request is over. */
struct element {
	struct bpf_map *map;
	struct bytes key;
	int key_fd;
	int64_t flags;
};

static void free_element(struct element *element)
{
	free(element->key.data);
	if (element->key_fd >= 0)
		close(element->key_fd);
}

#define scoped_element __attribute__((cleanup(free_element)))

static bool need_key_fd(json_object *where, struct element *element)
{
	element->key_fd = need_descriptor_of(where);
	if (element->key_fd < 0)
		return false;
	element->key.size = sizeof(element->key_fd);
	element->key.data = malloc(element->key.size);
	if (!element->key.data)
		return refuse(KERNEL, ENOMEM, "no memory for a key");
	memcpy(element->key.data, &element->key_fd, element->key.size);
	return true;
}

static bool need_element(json_object *request, struct element *element)
{
	struct object *object = need_live_object(request);
	struct bpf_map *map = object ? need_live_map(object, request, "map") : NULL;
	json_object *where;

	element->map = map;
	element->key_fd = -1;
	if (!map || !optional_number(request, "flags", 0, INT64_MAX, &element->flags))
		return false;
	if (json_object_object_get_ex(request, "key_fd", &where))
		return need_key_fd(where, element);
	if (!need_bytes_of_size(request, "key", bpf_map__key_size(map), &element->key))
		return false;
	if (!element->key.size) {
		/* The kernel refuses a pointer to the key of a map without keys. */
		free(element->key.data);
		element->key.data = NULL;
	}
	return true;
}

typedef int read_function(const struct bpf_map *map, const void *key, size_t key_size, void *value,
			  size_t value_size, __u64 flags);

static json_object *read_element(json_object *request, read_function *read, const char *action)
{
	scoped_element struct element element = {};
	scoped_free uint8_t *value = NULL;
	json_object *answer;
	size_t size;

	if (!need_element(request, &element))
		return NULL;
	size = value_size_for(element.map, element.flags);
	value = malloc(size + 1);
	if (!value)
		return refuse(KERNEL, ENOMEM, "no memory for a value of map '%s'", bpf_map__name(element.map));
	if (read(element.map, element.key.data, element.key.size, value, size, element.flags))
		return refuse_libbpf(KERNEL, errno, "map '%s': %s", bpf_map__name(element.map), action);
	answer = json_object_new_object();
	json_object_object_add(answer, "value", hex_json(value, size));
	return answer;
}

json_object *verb_lookup(json_object *request)
{
	return read_element(request, bpf_map__lookup_elem, "look-up");
}

json_object *verb_pop(json_object *request)
{
	return read_element(request, bpf_map__lookup_and_delete_elem, "look-up and delete");
}

static int need_program_fd(struct object *object, json_object *request)
{
	const char *name = need_string(request, "value_program");
	struct bpf_program *program = name ? bpf_object__find_program_by_name(object->bpf, name) : NULL;

	if (program && bpf_program__fd(program) >= 0)
		return bpf_program__fd(program);
	if (name)
		refuse(USAGE, 0, "there is no loaded program '%s'", name);
	return -1;
}

/* The bytes of "value", and behind them the descriptor of "value_program" if that is there as well. */
static bool need_value(json_object *request, const struct element *element, struct bytes *value)
{
	size_t size = value_size_for(element->map, element->flags);
	int fd;

	if (!json_object_object_get_ex(request, "value_program", NULL))
		return need_bytes_of_size(request, "value", size, value);
	fd = need_program_fd(need_object(request), request);
	if (fd < 0 || !need_bytes_of_size(request, "value", size - sizeof(fd), value))
		return false;
	value->data = realloc(value->data, size);
	if (!value->data)
		abort();
	memcpy(value->data + value->size, &fd, sizeof(fd));
	value->size = size;
	return true;
}

/* Puts a descriptor into an element as wide as the map's values are. */
static int put_descriptor(const struct element *element, int fd)
{
	size_t size = bpf_map__value_size(element->map);
	uint64_t wide = fd;
	const void *value = size == sizeof(fd) ? (const void *)&fd : &wide;

	return bpf_map__update_elem(element->map, element->key.data, element->key.size, value, size, element->flags);
}

/* The map's element from "value", "value_program", "value_map" or "value_fd". 1 after a refusal. */
static int update(json_object *request, const struct element *element)
{
	scoped_bytes struct bytes value = {};
	struct bpf_map *inner;
	json_object *where;
	int fd, err;

	if (json_object_object_get_ex(request, "value", NULL)) {
		if (!need_value(request, element, &value))
			return 1;
		return bpf_map__update_elem(element->map, element->key.data, element->key.size, value.data,
					    value.size, element->flags);
	}
	if (json_object_object_get_ex(request, "value_fd", &where)) {
		fd = need_descriptor_of(where);
		if (fd < 0)
			return 1;
		err = put_descriptor(element, fd);
		close(fd);
		return err;
	}
	if (json_object_object_get_ex(request, "value_program", NULL)) {
		fd = need_program_fd(need_object(request), request);
	} else {
		inner = need_live_map(need_object(request), request, "value_map");
		fd = inner ? bpf_map__fd(inner) : -1;
	}
	return fd < 0 ? 1 : put_descriptor(element, fd);
}

json_object *verb_update(json_object *request)
{
	scoped_element struct element element = {};
	int err;

	if (!need_element(request, &element))
		return NULL;
	err = update(request, &element);
	if (err > 0)
		return NULL;
	if (err)
		return refuse_libbpf(KERNEL, err, "map '%s': update", bpf_map__name(element.map));
	return json_object_new_object();
}

json_object *verb_delete(json_object *request)
{
	scoped_element struct element element = {};

	if (!need_element(request, &element))
		return NULL;
	if (bpf_map__delete_elem(element.map, element.key.data, element.key.size, element.flags))
		return refuse_libbpf(KERNEL, errno, "map '%s': delete", bpf_map__name(element.map));
	return json_object_new_object();
}

json_object *verb_keys(json_object *request)
{
	struct object *object = need_live_object(request);
	struct bpf_map *map = object ? need_live_map(object, request, "map") : NULL;
	json_object *answer, *keys;
	scoped_free uint8_t *key = NULL;
	const uint8_t *last = NULL;
	size_t size;
	int err;

	if (!map)
		return NULL;
	size = bpf_map__key_size(map);
	key = malloc(size + 1);
	if (!key)
		return refuse(KERNEL, ENOMEM, "no memory for a key of map '%s'", bpf_map__name(map));
	keys = json_object_new_array();
	while (!(err = bpf_map__get_next_key(map, last, key, size))) {
		json_object_array_add(keys, hex_json(key, size));
		last = key;
	}
	if (err != -ENOENT) {
		json_object_put(keys);
		return refuse_libbpf(KERNEL, err, "map '%s': next key", bpf_map__name(map));
	}
	answer = json_object_new_object();
	json_object_object_add(answer, "keys", keys);
	return answer;
}
