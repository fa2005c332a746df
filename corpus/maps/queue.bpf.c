/* A queue and a stack: maps without keys. Frames' lengths go in; a frame that begins with 'P' takes one out of each. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "frame.h"

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 4);
	__uint(key_size, 0);
	__uint(value_size, sizeof(__u32));
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 4);
	__type(value, __u32);
} stack SEC(".maps");

__u32 from_queue, from_stack;

SEC("tc")
int keep(struct __sk_buff *skb)
{
	__u32 length = skb->len;
	__u8 first;

	if (bpf_skb_load_bytes(skb, PAYLOAD_OFFSET, &first, 1))
		return -1;
	if (first == 'P')
		return bpf_map_pop_elem(&queue, &from_queue) || bpf_map_pop_elem(&stack, &from_stack);
	return bpf_map_push_elem(&queue, &length, BPF_ANY) || bpf_map_push_elem(&stack, &length, BPF_ANY);
}

char LICENSE[] SEC("license") = "Apache-2.0";
