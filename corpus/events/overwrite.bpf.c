/* Sends numbers to a ring buffer whose oldest events give way to new ones. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__uint(map_flags, 1 << 19 /* BPF_F_RB_OVERWRITE, 6.19 */);
} events SEC(".maps");

__u64 sequence;

SEC("tc")
int emit(struct __sk_buff *skb)
{
	__u64 number = sequence++;

	return bpf_ringbuf_output(&events, &number, sizeof(number), 0);
}

char LICENSE[] SEC("license") = "Apache-2.0";
