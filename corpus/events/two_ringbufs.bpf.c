/* Sends numbers to two ring buffers: even ones to one, odd ones to the other. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct number {
	__u64 value;
	__u32 length;
	char name[12];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 14);
} even SEC(".maps"), odd SEC(".maps");

__u64 sequence, refused;

/* So that BTF names the type. */
const struct number *unused;

SEC("tc")
int emit(struct __sk_buff *skb)
{
	struct number number = { .value = sequence++, .length = skb->len, .name = "number" };
	long error = number.value % 2 ? bpf_ringbuf_output(&odd, &number, sizeof(number), 0) :
					bpf_ringbuf_output(&even, &number, sizeof(number), 0);

	if (error)
		refused++;
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
