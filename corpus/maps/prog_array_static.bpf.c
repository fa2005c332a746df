/* A prog array whose slots the object file itself fills. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int target(struct __sk_buff *skb);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__array(values, int (void *));
} jumps SEC(".maps") = {
	.values = {
		[2] = (void *)&target,
	},
};

SEC("tc")
int target(struct __sk_buff *skb)
{
	return 33;
}

SEC("tc")
int entry(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &jumps, 2);
	return 1;
}

char LICENSE[] SEC("license") = "Apache-2.0";
