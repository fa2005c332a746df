/* Sends connections to one port to another instead, before they are made. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

const volatile __u16 from_port, to_port;

__u32 redirected;

SEC("cgroup/connect4")
int redirect(struct bpf_sock_addr *address)
{
	if (address->user_port != bpf_htons(from_port))
		return 1;
	address->user_port = bpf_htons(to_port);
	redirected++;
	return 1;
}

char LICENSE[] SEC("license") = "Apache-2.0";
