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

static struct bpf_map *need_map_and_key(json_object *request, struct bytes *key)
{
	struct object *object = need_live_object(request);
	struct bpf_map *map = object ? need_live_map(object, request, "map") : NULL;

	if (!map || !need_bytes_of_size(request, "key", bpf_map__key_size(map), key))
		return NULL;
	if (!key->size) {
		/* The kernel refuses a pointer to the key of a map without keys. */
		free(key->data);
		key->data = NULL;
	}
	return map;
}

json_object *verb_lookup(json_object *request)
{
	scoped_free uint8_t *value = NULL;
	scoped_bytes struct bytes key = {};
	struct bpf_map *map = need_map_and_key(request, &key);
	json_object *answer;
	size_t size;

	if (!map)
		return NULL;
	size = map_value_size(map);
	value = malloc(size + 1);
	if (!value)
		return refuse(KERNEL, ENOMEM, "no memory for a value of map '%s'", bpf_map__name(map));
	if (bpf_map__lookup_elem(map, key.data, key.size, value, size, 0))
		return refuse_libbpf(KERNEL, errno, "map '%s': look-up", bpf_map__name(map));
	answer = json_object_new_object();
	json_object_object_add(answer, "value", hex_json(value, size));
	return answer;
}

/* The slot's value that "value_program" or "value_map" names; -1 after a refusal. */
static int fd_value(struct object *object, json_object *request)
{
	const char *name;
	struct bpf_program *program;
	struct bpf_map *map;

	if (!json_object_object_get_ex(request, "value_program", NULL)) {
		map = need_live_map(object, request, "value_map");
		return map ? bpf_map__fd(map) : -1;
	}
	name = need_string(request, "value_program");
	program = name ? bpf_object__find_program_by_name(object->bpf, name) : NULL;
	if (program && bpf_program__fd(program) >= 0)
		return bpf_program__fd(program);
	if (name)
		refuse(USAGE, 0, "there is no loaded program '%s'", name);
	return -1;
}

/* Puts the socket that "value_socket" names into a map of sockets, which then holds it. */
static int update_socket(const struct bpf_map *map, const struct bytes *key, json_object *request, uint64_t flags)
{
	size_t size = bpf_map__value_size(map);
	json_object *where = NULL;
	uint64_t wide;
	int fd, err;

	json_object_object_get_ex(request, "value_socket", &where);
	fd = need_socket_of(where);
	if (fd < 0)
		return 1;
	wide = fd;
	err = bpf_map__update_elem(map, key->data, key->size, size == sizeof(fd) ? (void *)&fd : &wide, size, flags);
	close(fd);
	return err;
}

json_object *verb_update(json_object *request)
{
	scoped_bytes struct bytes key = {}, value = {};
	struct bpf_map *map = need_map_and_key(request, &key);
	int64_t flags = BPF_ANY;
	int fd, err;

	if (!map || !optional_number(request, "flags", 0, INT64_MAX, &flags))
		return NULL;
	if (json_object_object_get_ex(request, "value", NULL)) {
		if (!need_bytes_of_size(request, "value", map_value_size(map), &value))
			return NULL;
		err = bpf_map__update_elem(map, key.data, key.size, value.data, value.size, flags);
	} else if (json_object_object_get_ex(request, "value_socket", NULL)) {
		err = update_socket(map, &key, request, flags);
		if (err > 0)
			return NULL;
	} else {
		fd = fd_value(need_object(request), request);
		if (fd < 0)
			return NULL;
		err = bpf_map__update_elem(map, key.data, key.size, &fd, sizeof(fd), flags);
	}
	if (err)
		return refuse_libbpf(KERNEL, err, "map '%s': update", bpf_map__name(map));
	return json_object_new_object();
}

json_object *verb_delete(json_object *request)
{
	scoped_bytes struct bytes key = {};
	struct bpf_map *map = need_map_and_key(request, &key);

	if (!map)
		return NULL;
	if (bpf_map__delete_elem(map, key.data, key.size, 0))
		return refuse_libbpf(KERNEL, errno, "map '%s': delete", bpf_map__name(map));
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
