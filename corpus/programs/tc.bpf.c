/* Counts the lab's frames, drops those that begin with 'D', and overwrites the first byte of the rest. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "frame.h"
#include "add_one.h"

#define TC_ACT_OK 0
#define TC_ACT_SHOT 2

__u64 passed, dropped;

SEC("tc")
int mark(struct __sk_buff *skb)
{
	__u8 first;

	if (skb->protocol != bpf_htons(ETH_P_BPFLAB))
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, PAYLOAD_OFFSET, &first, 1))
		return TC_ACT_OK;
	if (first == 'D') {
		add_one(dropped);
		return TC_ACT_SHOT;
	}
	add_one(passed);
	first = 'M';
	bpf_skb_store_bytes(skb, PAYLOAD_OFFSET, &first, 1, 0);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Apache-2.0";
