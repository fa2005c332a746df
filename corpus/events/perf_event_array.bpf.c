/* Sends an event per frame to the perf buffer of the CPU it runs on, with the frame's first bytes after it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define FRAME_BYTES 20

struct event {
	__u32 sequence;
	__u32 length;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

__u32 sequence;

SEC("tc")
int emit(struct __sk_buff *skb)
{
	struct event event = { .sequence = sequence++, .length = skb->len };
	__u64 flags = BPF_F_CURRENT_CPU | ((__u64)FRAME_BYTES << 32);

	return bpf_perf_event_output(skb, &events, flags, &event, sizeof(event));
}

char LICENSE[] SEC("license") = "GPL";
