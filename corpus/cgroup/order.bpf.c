/* Programs of a group that tell in which order they ran, of UDP packets to `port`. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "order.h"

const volatile __u16 port;

#define RUNS(name, digit)                                                    \
	SEC("cgroup/sendmsg4") int name(struct bpf_sock_addr *address)       \
	{                                                                    \
		if (address->user_port == bpf_htons(port))                   \
			ran(digit);                                          \
		return 1;                                                    \
	}

RUNS(one, 1)
RUNS(two, 2)
RUNS(three, 3)

char LICENSE[] SEC("license") = "Apache-2.0";
