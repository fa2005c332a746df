/* Bytes that arrive at one TCP socket of the map leave through another. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "add_one.h"

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u64));
} sockets SEC(".maps");

__u64 redirected;

SEC("sk_skb/stream_verdict")
int redirect(struct __sk_buff *skb)
{
	add_one(redirected);
	return bpf_sk_redirect_map(skb, &sockets, 1, 0);
}

char LICENSE[] SEC("license") = "GPL";
