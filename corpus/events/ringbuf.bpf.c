/* Sends an event of 64 bytes per frame to a ring buffer; discards those of frames that begin with 'D'. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "frame.h"

struct event {
	__u64 sequence;
	__u32 length;
	__u8 payload[52];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} events SEC(".maps");

__u64 sequence, lost;

SEC("tc")
int emit(struct __sk_buff *skb)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		lost++;
		return -1;
	}
	event->sequence = sequence++;
	event->length = skb->len;
	if (bpf_skb_load_bytes(skb, PAYLOAD_OFFSET, event->payload, sizeof(event->payload)) ||
	    event->payload[0] == 'D')
		bpf_ringbuf_discard(event, 0);
	else
		bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
