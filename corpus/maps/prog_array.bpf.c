/* Tail calls through a prog array that user space fills; an empty slot falls through. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u32);
} jumps SEC(".maps");

__u32 slot;
__u32 entries;

SEC("tc")
int first(struct __sk_buff *skb)
{
	return 21;
}

SEC("tc")
int second(struct __sk_buff *skb)
{
	return 22;
}

SEC("tc")
int entry(struct __sk_buff *skb)
{
	entries++;
	bpf_tail_call(skb, &jumps, slot);
	return 1;
}

char LICENSE[] SEC("license") = "Apache-2.0";
