/*
 * The raw tracepoint kfree_skb gives a reason since 5.17 (c504e5c2f964), from an enum whose values
 * move: the one for a port that nobody listens at was 2 in 6.1 and is 3 in 6.12.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

enum skb_drop_reason {
	SKB_DROP_REASON_NO_SOCKET = 0x7777, /* the kernel's own must take its place */
};

struct sk_buff {
	unsigned char *head;
	__u16 transport_header;
} __attribute__((preserve_access_index));

const volatile __u16 target_port;

__u64 dropped, without_socket;
int has_reason = -1;

SEC("raw_tp/kfree_skb")
int on_drop(__u64 *arguments)
{
	struct sk_buff *skb = (void *)arguments[0];
	__be16 port;

	if (bpf_probe_read_kernel(&port, sizeof(port),
				  BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, transport_header) + 2))
		return 0;
	if (port != bpf_htons(target_port))
		return 0;
	dropped++;
	has_reason = bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_NO_SOCKET);
	if (has_reason &&
	    (__u32)arguments[2] == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NO_SOCKET))
		without_socket++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
