/* Drops the lab's frames that begin with 'D', and overwrites the first byte of the rest. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "frame.h"

#define TCX_NEXT -1
#define TCX_DROP 2

__u64 arriving, leaving;

static int mark(struct __sk_buff *skb, __u64 *dropped)
{
	__u8 first;

	if (skb->protocol != bpf_htons(ETH_P_BPFLAB) || bpf_skb_load_bytes(skb, PAYLOAD_OFFSET, &first, 1))
		return TCX_NEXT;
	if (first == 'D') {
		(*dropped)++;
		return TCX_DROP;
	}
	first = 'M';
	bpf_skb_store_bytes(skb, PAYLOAD_OFFSET, &first, 1, 0);
	return TCX_NEXT;
}

SEC("tcx/ingress")
int ingress(struct __sk_buff *skb)
{
	return mark(skb, &arriving);
}

SEC("tcx/egress")
int egress(struct __sk_buff *skb)
{
	return mark(skb, &leaving);
}

char LICENSE[] SEC("license") = "Apache-2.0";
