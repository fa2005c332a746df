/* The life of a group's sockets: no raw ones, none on the port `forbidden`, and each that ends is counted. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define SOCK_RAW 3
#define IPPROTO_UDP 17

const volatile __u16 forbidden;

__u64 created, released, denied;

SEC("cgroup/sock_create")
int create(struct bpf_sock *sock)
{
	if (sock->type == SOCK_RAW) {
		denied++;
		return 0;
	}
	created++;
	return 1;
}

SEC("cgroup/sock_release")
int release(struct bpf_sock *sock)
{
	if (sock->protocol == IPPROTO_UDP)
		released++;
	return 1;
}

SEC("cgroup/post_bind4")
int post_bind4(struct bpf_sock *sock)
{
	return sock->src_port != forbidden;
}

SEC("cgroup/post_bind6")
int post_bind6(struct bpf_sock *sock)
{
	return sock->src_port != forbidden;
}

char LICENSE[] SEC("license") = "Apache-2.0";
