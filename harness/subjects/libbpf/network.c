/* Attaching to control groups, network namespaces and netfilter. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <string.h>
#include <unistd.h>

#include "link.h"

static int open_target(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags);

	if (fd < 0)
		refuse(KERNEL, errno, "'%s' cannot be opened: %s", path, strerror(errno));
	return fd;
}

bool attach_cgroup(struct bpf_program *program, json_object *target, struct link *link)
{
	static const char *const sharings[] = { "multi", "override", "exclusive" }, *const ways[] = { "attach" };
	static const uint32_t flags[] = { BPF_F_ALLOW_MULTI, BPF_F_ALLOW_OVERRIDE, 0 };
	int sharing = choice(target, "sharing", sharings, ARRAY_LENGTH(sharings), 0);
	int way = choice(target, "by", ways, ARRAY_LENGTH(ways), ARRAY_LENGTH(ways));
	const char *path = need_string(target, "path");
	LIBBPF_OPTS(bpf_prog_attach_opts, by_attach);
	LIBBPF_OPTS(bpf_cgroup_opts, by_link);
	struct place place;
	bool attached;
	int fd;

	if (!path || sharing < 0 || way < 0 || !take_place(target, link, &place))
		return false;
	fd = open_target(path, O_DIRECTORY);
	if (fd < 0)
		return false;
	if (sharing || way < (int)ARRAY_LENGTH(ways)) {
		by_attach.flags = flags[sharing] | place.flags;
		by_attach.relative_fd = place.fd;
		by_attach.expected_revision = place.revision;
		return keep_prog_attach(program, fd, &by_attach, link);
	}
	by_link.flags = place.flags;
	by_link.relative_fd = place.fd;
	by_link.expected_revision = place.revision;
	attached = keep_bpf_link(program, bpf_program__attach_cgroup_opts(program, fd, &by_link), link);
	close(fd);
	return attached;
}

bool attach_netns(struct bpf_program *program, json_object *target, struct link *link)
{
	const char *path = "/proc/self/ns/net";
	bool attached;
	int fd;

	if (json_object_object_get_ex(target, "path", NULL)) {
		path = need_string(target, "path");
		if (!path)
			return false;
	}
	fd = open_target(path, 0);
	if (fd < 0)
		return false;
	attached = keep_bpf_link(program, bpf_program__attach_netns(program, fd), link);
	close(fd);
	return attached;
}

bool attach_netfilter(struct bpf_program *program, json_object *target, struct link *link)
{
	static const char *const families[] = { "ipv4", "ipv6" };
	static const char *const hooks[] = { "prerouting", "input", "forward", "output", "postrouting" };
	int family = choice(target, "family", families, ARRAY_LENGTH(families), -1);
	int hook = choice(target, "hook", hooks, ARRAY_LENGTH(hooks), -1);
	LIBBPF_OPTS(bpf_netfilter_opts, opts);
	int64_t priority = 0, defrag = 0;

	if (family < 0 || hook < 0 || !optional_number(target, "priority", INT32_MIN, INT32_MAX, &priority) ||
	    !optional_number(target, "defrag", 0, 1, &defrag))
		return false;
	opts.pf = family ? NFPROTO_IPV6 : NFPROTO_IPV4;
	opts.hooknum = hook;
	opts.priority = priority;
	opts.flags = defrag ? BPF_F_NETFILTER_IP_DEFRAG : 0;
	return keep_bpf_link(program, bpf_program__attach_netfilter(program, &opts), link);
}
