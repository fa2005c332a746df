/* Drops the lab's frames that begin with 'D', by which end of a netkit pair sends them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "frame.h"

#define NETKIT_NEXT -1
#define NETKIT_DROP 2

__u64 by_primary, by_peer;

static int drop(struct __sk_buff *skb, __u64 *dropped)
{
	__u8 first;

	if (skb->protocol != bpf_htons(ETH_P_BPFLAB) || bpf_skb_load_bytes(skb, PAYLOAD_OFFSET, &first, 1))
		return NETKIT_NEXT;
	if (first != 'D')
		return NETKIT_NEXT;
	(*dropped)++;
	return NETKIT_DROP;
}

SEC("netkit/primary")
int primary(struct __sk_buff *skb)
{
	return drop(skb, &by_primary);
}

SEC("netkit/peer")
int peer(struct __sk_buff *skb)
{
	return drop(skb, &by_peer);
}

char LICENSE[] SEC("license") = "Apache-2.0";
