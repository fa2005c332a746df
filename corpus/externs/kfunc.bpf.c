/* A function of the kernel: gives the kernel's own view of a packet. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct sk_buff {
	unsigned int len;
} __attribute__((preserve_access_index));

extern void *bpf_cast_to_kern_ctx(void *context) __ksym;

__u32 packet_length, kernel_length;

SEC("tc")
int compare(struct __sk_buff *packet)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(packet);

	packet_length = packet->len;
	kernel_length = skb->len;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
