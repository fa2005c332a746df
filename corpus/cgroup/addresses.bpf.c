/* Wherever a group's sockets name the port `from_port`, they get `to_port`. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

const volatile __u16 from_port, to_port;

__u64 changed;

static __attribute__((always_inline)) int change(struct bpf_sock_addr *address)
{
	if (address->user_port == bpf_htons(from_port)) {
		address->user_port = bpf_htons(to_port);
		changed++;
	}
	return 1;
}

#define CHANGES(hook)                                                \
	SEC("cgroup/" #hook) int hook(struct bpf_sock_addr *address) \
	{                                                            \
		return change(address);                              \
	}

CHANGES(bind4)
CHANGES(bind6)
CHANGES(connect6)
CHANGES(sendmsg4)
CHANGES(sendmsg6)
CHANGES(recvmsg4)
CHANGES(recvmsg6)
CHANGES(getpeername4)
CHANGES(getpeername6)
CHANGES(getsockname4)
CHANGES(getsockname6)

char LICENSE[] SEC("license") = "Apache-2.0";
