/* Iterators: attaching them to all or a part of what they visit, and running them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link.h"

/* Room for what an iterator writes; it is made larger as needed. */
#define ROOM 65536

static bool limit_to_cgroup(json_object *target, union bpf_iter_link_info *limits)
{
	int64_t order = BPF_CGROUP_ITER_DESCENDANTS_PRE;
	const char *path;

	if (!optional_number(target, "order", 0, INT32_MAX, &order))
		return false;
	limits->cgroup.order = order;
	if (!json_object_object_get_ex(target, "cgroup", NULL))
		return true;
	path = need_string(target, "cgroup");
	if (!path)
		return false;
	limits->cgroup.cgroup_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if ((int)limits->cgroup.cgroup_fd < 0)
		return refuse(KERNEL, errno, "control group '%s': %s", path, strerror(errno));
	return true;
}

static bool limit_to_tasks(json_object *target, union bpf_iter_link_info *limits)
{
	int64_t tid = 0, pid = 0;

	if (!optional_number(target, "tid", 1, INT32_MAX, &tid) || !optional_number(target, "pid", 1, INT32_MAX, &pid))
		return false;
	limits->task.tid = tid;
	limits->task.pid = pid;
	return true;
}

bool attach_iterator(struct bpf_program *program, json_object *target, struct link *link)
{
	bool of_groups = !strcmp(bpf_program__section_name(program), "iter/cgroup"), attached;
	union bpf_iter_link_info limits = {};
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &limits, .link_info_len = sizeof(limits));
	struct bpf_map *map;

	if (json_object_object_get_ex(target, "map", NULL)) {
		map = need_live_map(link->object, target, "map");
		if (!map)
			return false;
		limits.map.map_fd = bpf_map__fd(map);
	} else if (!(of_groups ? limit_to_cgroup(target, &limits) : limit_to_tasks(target, &limits))) {
		return false;
	}
	attached = keep_bpf_link(program, bpf_program__attach_iter(program, &opts), link);
	if (of_groups && limits.cgroup.cgroup_fd)
		close(limits.cgroup.cgroup_fd);
	return attached;
}

/* All of a file, in memory that the caller frees; NULL after a refusal. */
static uint8_t *read_all(int fd, size_t *size)
{
	uint8_t *data = NULL, *larger;
	size_t room = 0;
	ssize_t got;

	*size = 0;
	do {
		if (*size == room) {
			room += ROOM;
			larger = realloc(data, room);
			if (!larger) {
				free(data);
				return NULL;
			}
			data = larger;
		}
		got = read(fd, data + *size, room - *size);
		if (got > 0)
			*size += got;
	} while (got > 0 || (got < 0 && errno == EAGAIN));
	if (!got)
		return data;
	refuse(KERNEL, errno, "the iterator cannot be read: %s", strerror(errno));
	free(data);
	return NULL;
}

json_object *verb_iterate(json_object *request)
{
	struct bpf_link *link = need_bpf_link(request);
	scoped_free uint8_t *data = NULL;
	json_object *answer;
	size_t size;
	int fd;

	if (!link)
		return NULL;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		return refuse_libbpf(KERNEL, fd, "the iterator cannot be run");
	data = read_all(fd, &size);
	close(fd);
	if (!data)
		return NULL;
	answer = json_object_new_object();
	json_object_object_add(answer, "data", hex_json(data, size));
	return answer;
}
