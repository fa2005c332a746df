/* Attaching programs that know what they are for since they were loaded, and telling them. */
#include <errno.h>
#include <string.h>

#include "link.h"

bool attach_tracing(struct bpf_program *program, json_object *target, struct link *link)
{
	LIBBPF_OPTS(bpf_trace_opts, opts);
	int64_t number = 0;

	if (!optional_number(target, "cookie", 0, INT64_MAX, &number))
		return false;
	opts.cookie = number;
	return keep_bpf_link(program, bpf_program__attach_trace_opts(program, &opts), link);
}

/* A loaded program of any object, with the function of it that is meant; NULL if its own name says that. */
static struct bpf_program *need_function(json_object *target, const char **function)
{
	struct object *object = need_live_object(target);

	*function = NULL;
	if (object && json_object_object_get_ex(target, "function", NULL)) {
		*function = need_string(target, "function");
		if (!*function)
			return NULL;
	}
	return object ? need_live_program(object, target) : NULL;
}

bool attach_freplace(struct bpf_program *program, json_object *target, struct link *link)
{
	const char *function, *slash = strchr(bpf_program__section_name(program), '/');
	struct bpf_program *other = need_function(target, &function);

	if (!other)
		return false;
	if (!function)
		function = slash ? slash + 1 : "";
	return keep_bpf_link(program, bpf_program__attach_freplace(program, bpf_program__fd(other), function), link);
}

bool set_targets(struct bpf_object *bpf, json_object *targets)
{
	struct bpf_program *program, *other;
	json_object *target;
	const char *function;
	int err;

	bpf_object__for_each_program(program, bpf) {
		if (!json_object_object_get_ex(targets, bpf_program__name(program), &target))
			continue;
		other = need_function(target, &function);
		if (!other)
			return false;
		err = bpf_program__set_attach_target(program, bpf_program__fd(other), function);
		if (err)
			return refuse_libbpf(KERNEL, err, "program '%s': target", bpf_program__name(program));
	}
	return true;
}
