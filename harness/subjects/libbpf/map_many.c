/* Many elements of maps at once, and maps as a whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "subject.h"

#define CHUNK 1024
/* The kernel's own number for what a map type does not have. */
#define ENOTSUPP 524

static struct bpf_map *need_map(json_object *request)
{
	struct object *object = need_live_object(request);

	return object ? need_live_map(object, request, "map") : NULL;
}

static bool is_missing_batch(int err)
{
	return err == -EINVAL || err == -EOPNOTSUPP || err == -ENOTSUPP;
}

/* Elements that are read, on their way into an answer. */
struct elements {
	struct bpf_map *map;
	size_t key_size, value_size;
	json_object *keys, *values;
};

static void add_elements(struct elements *elements, const uint8_t *keys, const uint8_t *values, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		json_object_array_add(elements->keys, hex_json(keys + i * elements->key_size, elements->key_size));
		json_object_array_add(elements->values,
				      hex_json(values + i * elements->value_size, elements->value_size));
	}
}

/* 0, or what the kernel refused the first or a later batch with. */
static int read_batches(struct elements *elements, bool delete, bool *begun)
{
	size_t room = CHUNK, position_size = elements->key_size > 8 ? elements->key_size : 8;
	scoped_free uint8_t *keys = malloc(room * elements->key_size + 1);
	scoped_free uint8_t *values = malloc(room * elements->value_size + 1);
	scoped_free uint8_t *in = calloc(1, position_size), *out = calloc(1, position_size);
	int fd = bpf_map__fd(elements->map), err;
	__u32 count;

	if (!keys || !values || !in || !out)
		return -ENOMEM;
	for (;;) {
		count = room;
		if (delete)
			err = bpf_map_lookup_and_delete_batch(fd, *begun ? in : NULL, out, keys, values, &count,
							      NULL);
		else
			err = bpf_map_lookup_batch(fd, *begun ? in : NULL, out, keys, values, &count, NULL);
		if (err == -ENOSPC && room < bpf_map__max_entries(elements->map)) {
			/* One bucket holds more than fits. */
			room *= 4;
			free(keys);
			free(values);
			keys = malloc(room * elements->key_size + 1);
			values = malloc(room * elements->value_size + 1);
			if (!keys || !values)
				return -ENOMEM;
			continue;
		}
		if (err && err != -ENOENT)
			return err;
		add_elements(elements, keys, values, count);
		if (err)
			return 0;
		*begun = true;
		memcpy(in, out, position_size);
	}
}

static int read_one_by_one(struct elements *elements, bool delete)
{
	scoped_free uint8_t *key = malloc(elements->key_size + 1), *next = malloc(elements->key_size + 1);
	scoped_free uint8_t *value = malloc(elements->value_size + 1);
	struct bpf_map *map = elements->map;
	bool first = true;
	int err;

	if (!key || !next || !value)
		return -ENOMEM;
	for (;;) {
		err = bpf_map__get_next_key(map, first ? NULL : key, next, elements->key_size);
		if (err)
			return err == -ENOENT ? 0 : err;
		err = bpf_map__lookup_elem(map, next, elements->key_size, value, elements->value_size, 0);
		if (!err)
			add_elements(elements, next, value, 1);
		else if (err != -ENOENT)
			return err;
		/* Behind a deleted key a hash table starts over. */
		if (delete && bpf_map__delete_elem(map, next, elements->key_size, 0) && errno != ENOENT)
			return -errno;
		memcpy(key, next, elements->key_size);
		first = delete;
	}
}

json_object *verb_elements(json_object *request)
{
	struct elements elements = { .map = need_map(request) };
	bool delete, begun = false;
	json_object *flag, *answer;
	int err;

	if (!elements.map)
		return NULL;
	delete = json_object_object_get_ex(request, "delete", &flag) && json_object_get_boolean(flag);
	elements.key_size = bpf_map__key_size(elements.map);
	elements.value_size = map_value_size(elements.map);
	elements.keys = json_object_new_array();
	elements.values = json_object_new_array();
	answer = json_object_new_object();
	json_object_object_add(answer, "keys", elements.keys);
	json_object_object_add(answer, "values", elements.values);
	err = read_batches(&elements, delete, &begun);
	if (!begun && is_missing_batch(err))
		err = read_one_by_one(&elements, delete);
	if (!err)
		return answer;
	json_object_put(answer);
	return refuse_libbpf(KERNEL, err, "map '%s': reading all elements", bpf_map__name(elements.map));
}

/* A list of bytes, each of one size, as one piece; its number of elements is -1 after a refusal. */
static ssize_t need_list(json_object *request, const char *name, size_t size, struct bytes *all)
{
	json_object *list;
	size_t i, count;

	if (!json_object_object_get_ex(request, name, &list) || !json_object_is_type(list, json_type_array)) {
		refuse(USAGE, 0, "argument '%s' is not a list", name);
		return -1;
	}
	count = json_object_array_length(list);
	all->data = malloc(count * size + 1);
	if (!all->data)
		abort();
	for (i = 0; i < count; i++) {
		scoped_bytes struct bytes one = {};

		if (!bytes_from_json(json_object_array_get_idx(list, i), name, &one))
			return -1;
		if (one.size != size) {
			refuse(USAGE, 0, "'%s' are of %zu bytes each, not %zu", name, size, one.size);
			return -1;
		}
		memcpy(all->data + i * size, one.data, size);
	}
	all->size = count * size;
	return count;
}

json_object *verb_update_many(json_object *request)
{
	struct bpf_map *map = need_map(request);
	scoped_bytes struct bytes keys = {}, values = {};
	DECLARE_LIBBPF_OPTS(bpf_map_batch_opts, options);
	int64_t flags = BPF_ANY;
	size_t key_size, value_size;
	ssize_t count, i;
	__u32 done;
	int err = 0;

	if (!map || !optional_number(request, "flags", 0, INT64_MAX, &flags))
		return NULL;
	key_size = bpf_map__key_size(map);
	value_size = map_value_size(map);
	count = need_list(request, "keys", key_size, &keys);
	if (count < 0 || need_list(request, "values", value_size, &values) < 0)
		return NULL;
	if (keys.size / key_size != values.size / value_size)
		return refuse(USAGE, 0, "as many values as keys are needed");
	options.elem_flags = flags;
	done = count;
	if (count)
		err = bpf_map_update_batch(bpf_map__fd(map), keys.data, values.data, &done, &options);
	/* A refusal before the first element leaves the number alone. */
	if (is_missing_batch(err) && done == count)
		for (i = 0, err = 0; i < count && !err; i++)
			err = bpf_map__update_elem(map, keys.data + i * key_size, key_size,
						   values.data + i * value_size, value_size, flags);
	if (err)
		return refuse_libbpf(KERNEL, err, "map '%s': update of many", bpf_map__name(map));
	return json_object_new_object();
}

json_object *verb_delete_many(json_object *request)
{
	struct bpf_map *map = need_map(request);
	scoped_bytes struct bytes keys = {};
	json_object *answer;
	int64_t deleted = 0;
	size_t key_size;
	ssize_t count, i;
	int err;

	if (!map)
		return NULL;
	key_size = bpf_map__key_size(map);
	count = need_list(request, "keys", key_size, &keys);
	if (count < 0)
		return NULL;
	for (i = 0; i < count;) {
		__u32 done = count - i;

		err = bpf_map_delete_batch(bpf_map__fd(map), keys.data + i * key_size, &done, NULL);
		if (is_missing_batch(err) && done == count - i) {
			done = !bpf_map__delete_elem(map, keys.data + i * key_size, key_size, 0);
			err = done ? 0 : -errno;
			i += !done && err == -ENOENT;
		} else if (err == -ENOENT) {
			i++; /* the kernel stops at a key that is not there */
		}
		if (err && err != -ENOENT)
			return refuse_libbpf(KERNEL, err, "map '%s': delete of many", bpf_map__name(map));
		deleted += done;
		i += done;
	}
	answer = json_object_new_object();
	json_object_object_add(answer, "deleted", json_object_new_int64(deleted));
	return answer;
}

json_object *verb_freeze(json_object *request)
{
	struct bpf_map *map = need_map(request);

	if (!map)
		return NULL;
	if (bpf_map_freeze(bpf_map__fd(map)))
		return refuse_libbpf(KERNEL, errno, "map '%s': freeze", bpf_map__name(map));
	return json_object_new_object();
}

json_object *verb_map_info(json_object *request)
{
	struct bpf_map *map = need_map(request);
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	json_object *answer;
	const char *type;

	if (!map)
		return NULL;
	if (bpf_map_get_info_by_fd(bpf_map__fd(map), &info, &size))
		return refuse_libbpf(KERNEL, errno, "map '%s': information", bpf_map__name(map));
	type = libbpf_bpf_map_type_str(info.type);
	answer = json_object_new_object();
	json_object_object_add(answer, "id", json_object_new_int64(info.id));
	json_object_object_add(answer, "name", json_object_new_string(info.name));
	json_object_object_add(answer, "type", json_object_new_string(type ? type : "unknown"));
	json_object_object_add(answer, "key_size", json_object_new_int64(info.key_size));
	json_object_object_add(answer, "value_size", json_object_new_int64(info.value_size));
	json_object_object_add(answer, "max_entries", json_object_new_int64(info.max_entries));
	json_object_object_add(answer, "flags", json_object_new_int64(info.map_flags));
	json_object_object_add(answer, "map_extra", json_object_new_int64(info.map_extra));
	return answer;
}
