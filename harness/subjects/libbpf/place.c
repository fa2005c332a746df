/* The place among other programs that a target asks for. */
#include <string.h>

#include "link.h"

int choice(json_object *target, const char *name, const char *const *names, size_t count, int missing)
{
	const char *value;
	size_t i;

	if (missing >= 0 && !json_object_object_get_ex(target, name, NULL))
		return missing;
	value = need_string(target, name);
	if (!value)
		return -1;
	for (i = 0; i < count; i++)
		if (!strcmp(names[i], value))
			return i;
	refuse(USAGE, 0, "argument '%s' is '%s', which is none of its values", name, value);
	return -1;
}

/* The link or program beside which the place is. */
static bool take_relative(json_object *target, const struct link *link, struct place *place)
{
	struct bpf_program *program;
	const struct link *other;
	const char *name;
	int64_t id;

	if (json_object_object_get_ex(target, "beside", NULL)) {
		name = need_string(target, "beside");
		program = name ? bpf_object__find_program_by_name(link->object->bpf, name) : NULL;
		place->fd = program ? bpf_program__fd(program) : -1;
		return place->fd >= 0 || (name && refuse(USAGE, 0, "there is no loaded program '%s'", name));
	}
	if (!need_number(target, "link", 1, INT64_MAX, &id))
		return false;
	other = find_link(id);
	if (!other || !other->bpf)
		return refuse(USAGE, 0, "there is no link %lld by bpf_link", (long long)id);
	place->flags |= BPF_F_LINK;
	place->fd = bpf_link__fd(other->bpf);
	return true;
}

bool take_place(json_object *target, const struct link *link, struct place *place)
{
	static const char *const places[] = { "head", "tail", "before", "after", "" };
	static const uint32_t flags[] = { BPF_F_BEFORE, BPF_F_AFTER, BPF_F_BEFORE, BPF_F_AFTER, 0 };
	int where = choice(target, "place", places, ARRAY_LENGTH(places), 4);
	int64_t revision = 0;

	if (where < 0 || !optional_number(target, "revision", 0, INT64_MAX, &revision))
		return false;
	*place = (struct place){ .flags = flags[where], .revision = revision };
	return (where != 2 && where != 3) || take_relative(target, link, place);
}
