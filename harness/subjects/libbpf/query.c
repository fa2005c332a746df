/* What is attached to a hook. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "link.h"

enum { ROOM = 64 }; /* Programs at a hook, the most that a kernel takes. */

static json_object *programs_json(const __u32 *ids, size_t count, uint64_t revision)
{
	json_object *answer = json_object_new_object(), *programs = json_object_new_array();
	size_t i;

	for (i = 0; i < count; i++)
		if (ids[i])
			json_object_array_add(programs, json_object_new_int64(ids[i]));
	json_object_object_add(answer, "programs", programs);
	json_object_object_add(answer, "revision", json_object_new_int64(revision));
	return answer;
}

static json_object *query_xdp(json_object *target)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	__u32 ids[3];
	int64_t ifindex;
	int err;

	if (!need_number(target, "ifindex", 1, INT32_MAX, &ifindex))
		return NULL;
	err = bpf_xdp_query(ifindex, 0, &opts);
	if (err)
		return refuse_libbpf(KERNEL, err, "XDP of device %d", (int)ifindex);
	ids[0] = opts.drv_prog_id;
	ids[1] = opts.skb_prog_id;
	ids[2] = opts.hw_prog_id;
	return programs_json(ids, ARRAY_LENGTH(ids), 0);
}

/* A descriptor or an interface index; *owned says that it is to be closed. -1 after a refusal. */
static int need_hook(struct object *object, json_object *target, bool *owned)
{
	const char *path = "/proc/self/ns/net";
	struct bpf_map *map;
	int64_t ifindex;
	int fd;

	if (json_object_object_get_ex(target, "ifindex", NULL))
		return need_number(target, "ifindex", 1, INT32_MAX, &ifindex) ? ifindex : -1;
	if (json_object_object_get_ex(target, "map", NULL)) {
		map = need_live_map(object, target, "map");
		return map ? bpf_map__fd(map) : -1;
	}
	if (json_object_object_get_ex(target, "path", NULL)) {
		path = need_string(target, "path");
		if (!path)
			return -1;
	}
	*owned = true;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		refuse(KERNEL, errno, "'%s' cannot be opened: %s", path, strerror(errno));
	return fd;
}

json_object *verb_query(json_object *request)
{
	struct object *object = need_live_object(request);
	struct bpf_program *program = object ? need_live_program(object, request) : NULL;
	__u32 ids[ROOM] = {};
	LIBBPF_OPTS(bpf_prog_query_opts, opts, .prog_ids = ids, .prog_cnt = ROOM);
	json_object *target;
	bool owned = false;
	int hook, err;

	if (!program)
		return NULL;
	if (!json_object_object_get_ex(request, "target", &target))
		return refuse(USAGE, 0, "argument 'target' is missing");
	if (bpf_program__type(program) == BPF_PROG_TYPE_XDP)
		return query_xdp(target);
	hook = need_hook(object, target, &owned);
	if (hook < 0)
		return NULL;
	err = bpf_prog_query_opts(hook, bpf_program__expected_attach_type(program), &opts);
	if (owned)
		close(hook);
	if (err)
		return refuse_libbpf(KERNEL, err, "asking what is attached");
	return programs_json(ids, opts.prog_cnt, opts.revision);
}
