/* What a socket of `sockets` receives goes, in messages of four bytes, out of the one at index 1. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 parsed, redirected;

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

SEC("sk_skb/stream_parser")
int parse(struct __sk_buff *skb)
{
	parsed++;
	return 4;
}

SEC("sk_skb/stream_verdict")
int forward(struct __sk_buff *skb)
{
	redirected++;
	return bpf_sk_redirect_map(skb, &sockets, 1, 0);
}

char LICENSE[] SEC("license") = "Apache-2.0";
