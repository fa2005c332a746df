/* Members of a control group get no sockets of one kind. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define AF_INET 2
#define SOCK_DGRAM 2

__u64 asked;

SEC("lsm_cgroup/socket_create")
int no_datagrams(__u64 *arguments)
{
	int family = arguments[0], type = arguments[1];

	if (family != AF_INET)
		return 1;
	asked++;
	return type != SOCK_DGRAM;
}

char LICENSE[] SEC("license") = "GPL";
