/* What a socket of `sockets` receives is dropped if it begins with 'D'. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 passed, dropped;

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

SEC("sk_skb/verdict")
int judge(struct __sk_buff *skb)
{
	__u8 first;

	if (bpf_skb_load_bytes(skb, 0, &first, 1))
		return SK_PASS;
	if (first == 'D') {
		dropped++;
		return SK_DROP;
	}
	passed++;
	return SK_PASS;
}

char LICENSE[] SEC("license") = "Apache-2.0";
