/* What one TCP socket sends goes straight to the receiver that a hash has under a name. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "add_one.h"

struct name {
	char text[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 4);
	__type(key, struct name);
	__uint(value_size, sizeof(__u64));
} sockets SEC(".maps");

__u64 redirected;

SEC("sk_msg")
int redirect(struct sk_msg_md *message)
{
	struct name receiver = { "receive" };

	add_one(redirected);
	return bpf_msg_redirect_hash(message, &sockets, &receiver, BPF_F_INGRESS);
}

char LICENSE[] SEC("license") = "GPL";
