/* A ring buffer whose definition says the type of its events, as objects for cilium/ebpf do. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u32 length;
	__u32 first;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 12);
	__type(value, struct event);
} events SEC(".maps");

SEC("tc")
int emit(struct __sk_buff *skb)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	__u8 first = 0;

	if (!event)
		return -1;
	event->length = skb->len;
	event->first = bpf_skb_load_bytes(skb, 0, &first, 1) ? 0 : first;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
