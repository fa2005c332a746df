/* Copies as much of a frame's payload as the frame's first byte says into a ring buffer. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "frame.h"

#define LONGEST 64

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("tc")
int emit(struct __sk_buff *skb)
{
	__u8 payload[LONGEST];
	__u64 size;

	if (bpf_skb_load_bytes(skb, PAYLOAD_OFFSET, payload, sizeof(payload)))
		return -1;
	size = payload[0];
	if (size == 0 || size > sizeof(payload))
		return -2;
	return bpf_ringbuf_output(&events, payload, size, 0);
}

char LICENSE[] SEC("license") = "Apache-2.0";
