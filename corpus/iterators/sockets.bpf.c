/* Writes the local ports of all TCP sockets, and of all UDP sockets, of the reader's network. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "iterator.h"

struct sock_common {
	__u16 skc_num;
} __attribute__((preserve_access_index));

struct sock {
	struct sock_common __sk_common;
} __attribute__((preserve_access_index));

struct inet_sock {
	struct sock sk;
} __attribute__((preserve_access_index));

struct udp_sock {
	struct inet_sock inet;
} __attribute__((preserve_access_index));

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

struct bpf_iter__udp {
	struct bpf_iter_meta *meta;
	struct udp_sock *udp_sk;
};

SEC("iter/tcp")
int tcp_ports(struct bpf_iter__tcp *context)
{
	__u16 port;

	if (!context->sk_common)
		return 0;
	port = context->sk_common->skc_num;
	put(context->meta, port);
	return 0;
}

SEC("iter/udp")
int udp_ports(struct bpf_iter__udp *context)
{
	__u16 port;

	if (!context->udp_sk)
		return 0;
	port = context->udp_sk->inet.sk.__sk_common.skc_num;
	put(context->meta, port);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
