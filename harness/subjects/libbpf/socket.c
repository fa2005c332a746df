/* Attaching to sockets: filters, reuseport groups, sockmaps. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "link.h"

bool attach_socket(struct bpf_program *program, json_object *target, struct link *link)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = bpf_program__fd(program);
	int64_t ifindex;

	if (!need_number(target, "ifindex", 1, INT32_MAX, &ifindex))
		return false;
	address.sll_ifindex = ifindex;
	/* Protocol 0 receives nothing, so no packet passes before the filter is there. */
	link->socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (link->socket >= 0 && !setsockopt(link->socket, SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)) &&
	    !bind(link->socket, (struct sockaddr *)&address, sizeof(address)))
		return true;
	refuse(KERNEL, errno, "program '%s' cannot be attached to a packet socket: %s", bpf_program__name(program),
	       strerror(errno));
	return false;
}

int need_descriptor_of(json_object *request)
{
	int64_t pid, number;
	int process, fd = -1;

	if (!need_number(request, "pid", 1, INT32_MAX, &pid) || !need_number(request, "fd", 0, INT32_MAX, &number))
		return -1;
	process = syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (process >= 0) {
		fd = syscall(SYS_pidfd_getfd, process, (int)number, 0);
		close(process);
	}
	if (fd < 0)
		refuse(KERNEL, errno, "descriptor %d of process %d: %s", (int)number, (int)pid, strerror(errno));
	return fd;
}

bool attach_reuseport(struct bpf_program *program, json_object *target, struct link *link)
{
	int fd = bpf_program__fd(program);

	link->socket = need_descriptor_of(target);
	if (link->socket < 0)
		return false;
	if (!setsockopt(link->socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &fd, sizeof(fd))) {
		link->is_reuseport = true;
		return true;
	}
	refuse(KERNEL, errno, "program '%s' cannot be attached to a reuseport group: %s",
	       bpf_program__name(program), strerror(errno));
	return false;
}

bool attach_sockmap(struct bpf_program *program, json_object *target, struct link *link)
{
	struct bpf_map *map = need_live_map(link->object, target, "map");
	struct bpf_link *bpf;

	if (!map)
		return false;
	bpf = bpf_program__attach_sockmap(program, bpf_map__fd(map));
	if (bpf || errno != EINVAL)
		return keep_bpf_link(program, bpf, link);
	/* Before 6.10 there are no such links. */
	return keep_prog_attach(program, dup(bpf_map__fd(map)), NULL, link);
}
