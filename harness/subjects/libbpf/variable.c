/* Global variables: found by their BTF, initial before load, live after it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "subject.h"

struct variable {
	const char *name;
	const char *section;
	struct bpf_map *map;
	uint32_t offset;
	uint32_t size;
};

/* The map that backs a data section, NULL for sections without one (.maps, .ksyms, license). */
static struct bpf_map *map_of_section(struct bpf_object *bpf, const char *section)
{
	struct bpf_map *map = bpf_object__find_map_by_name(bpf, section);

	/* The variables of .kconfig are the kernel's configuration, not the object's. */
	return map && bpf_map__is_internal(map) && strcmp(section, ".kconfig") ? map : NULL;
}

/* Calls visit() for each global variable until it returns true. */
static bool each_variable(struct bpf_object *bpf, bool (*visit)(const struct variable *, void *), void *context)
{
	const struct btf *btf = bpf_object__btf(bpf);
	uint32_t id, i, count = btf ? btf__type_cnt(btf) : 0;

	for (id = 1; id < count; id++) {
		const struct btf_type *section = btf__type_by_id(btf, id);
		const struct btf_var_secinfo *info = btf_var_secinfos(section);
		struct variable variable;

		if (!btf_is_datasec(section))
			continue;
		variable.section = btf__name_by_offset(btf, section->name_off);
		variable.map = map_of_section(bpf, variable.section);
		for (i = 0; variable.map && i < btf_vlen(section); i++, info++) {
			const struct btf_type *type = btf__type_by_id(btf, info->type);

			/* libbpf does not work out where static variables are: clang leaves 0. */
			if (!btf_is_var(type) || btf_var(type)->linkage == BTF_VAR_STATIC)
				continue;
			variable.name = btf__name_by_offset(btf, type->name_off);
			variable.offset = info->offset;
			variable.size = info->size;
			if (visit(&variable, context))
				return true;
		}
	}
	return false;
}

static bool list_variable(const struct variable *variable, void *list)
{
	json_object *entry = json_object_new_object();

	json_object_object_add(entry, "name", json_object_new_string(variable->name));
	json_object_object_add(entry, "section", json_object_new_string(variable->section));
	json_object_object_add(entry, "size", json_object_new_int64(variable->size));
	json_object_array_add(list, entry);
	return false;
}

json_object *list_variables(struct bpf_object *bpf)
{
	json_object *list = json_object_new_array();

	each_variable(bpf, list_variable, list);
	return list;
}

struct wanted {
	const char *name;
	struct variable *found;
};

static bool is_wanted(const struct variable *variable, void *context)
{
	struct wanted *wanted = context;

	if (strcmp(variable->name, wanted->name))
		return false;
	*wanted->found = *variable;
	return true;
}

static bool need_variable(struct bpf_object *bpf, const char *name, struct variable *variable)
{
	struct wanted wanted = { name, variable };

	if (each_variable(bpf, is_wanted, &wanted))
		return true;
	refuse(USAGE, 0, "there is no global variable '%s'", name);
	return false;
}

static bool has_size_of(const struct bytes *value, const struct variable *variable)
{
	if (value->size == variable->size)
		return true;
	refuse(USAGE, 0, "variable '%s' has %u bytes; %zu were given", variable->name, variable->size, value->size);
	return false;
}

/* The section's bytes that can be read and written in place: before load, and in mappable maps. */
static uint8_t *bytes_in_place(const struct object *object, const struct variable *variable)
{
	size_t size;

	if (object->live && !(bpf_map__map_flags(variable->map) & BPF_F_MMAPABLE))
		return NULL;
	return bpf_map__initial_value(variable->map, &size);
}

/* Read, or replace a part and write back, the one value of the section's map. */
static json_object *through_map(const struct variable *variable, const struct bytes *replacement)
{
	size_t size = bpf_map__value_size(variable->map);
	scoped_free uint8_t *section = malloc(size);
	uint32_t key = 0;
	int err;

	if (!section)
		return refuse(KERNEL, ENOMEM, "no memory for section '%s'", variable->section);
	err = bpf_map__lookup_elem(variable->map, &key, sizeof(key), section, size, 0);
	if (!err && replacement) {
		memcpy(section + variable->offset, replacement->data, replacement->size);
		err = bpf_map__update_elem(variable->map, &key, sizeof(key), section, size, 0);
	}
	if (err)
		return refuse_libbpf(KERNEL, err, "variable '%s'", variable->name);
	return hex_json(section + variable->offset, variable->size);
}

/* Before load: set the initial values that a request brings. */
bool set_variables(struct object *object, json_object *values)
{
	if (!json_object_is_type(values, json_type_object)) {
		refuse(USAGE, 0, "argument 'variables' is not an object");
		return false;
	}
	json_object_object_foreach(values, name, json) {
		scoped_bytes struct bytes value = {};
		struct variable variable;

		if (!bytes_from_json(json, name, &value) || !need_variable(object->bpf, name, &variable) ||
		    !has_size_of(&value, &variable))
			return false;
		memcpy(bytes_in_place(object, &variable) + variable.offset, value.data, value.size);
	}
	return true;
}

/* Finds the object and its variable "name", in a state in which it has a value. */
static struct object *need_value(json_object *request, struct variable *variable)
{
	struct object *object = need_object(request);
	const char *name = object ? need_string(request, "name") : NULL;

	if (!name || !need_variable(object->bpf, name, variable))
		return NULL;
	if (object->loaded && !object->live) {
		refuse(USAGE, 0, "object %lld could not be loaded; it can only be closed", (long long)object->id);
		return NULL;
	}
	return object;
}

json_object *verb_variable_get(json_object *request)
{
	json_object *answer, *value;
	struct variable variable;
	struct object *object = need_value(request, &variable);
	uint8_t *section;

	if (!object)
		return NULL;
	section = bytes_in_place(object, &variable);
	value = section ? hex_json(section + variable.offset, variable.size) : through_map(&variable, NULL);
	if (!value)
		return NULL;
	answer = json_object_new_object();
	json_object_object_add(answer, "value", value);
	return answer;
}

json_object *verb_variable_set(json_object *request)
{
	scoped_bytes struct bytes value = {};
	struct variable variable;
	struct object *object = need_value(request, &variable);
	uint8_t *section;
	json_object *done;

	if (!object || !need_bytes(request, "value", &value) || !has_size_of(&value, &variable))
		return NULL;
	section = bytes_in_place(object, &variable);
	/* A loaded constant is mapped read-only: let the kernel refuse it. */
	if (section && !(object->live && (bpf_map__map_flags(variable.map) & BPF_F_RDONLY_PROG))) {
		memcpy(section + variable.offset, value.data, value.size);
		return json_object_new_object();
	}
	done = through_map(&variable, &value);
	if (!done)
		return NULL;
	json_object_put(done);
	return json_object_new_object();
}
