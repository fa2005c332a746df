/* Makes the lab's frames flows by their first byte, and shows it by the hash of a frame. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "frame.h"

#define ETH_P_IP 0x0800

__u64 dissected;
__u32 hash;

SEC("flow_dissector")
int by_first_byte(struct __sk_buff *skb)
{
	struct bpf_flow_keys *keys = skb->flow_keys;
	__u8 first;

	if (keys->n_proto != bpf_htons(ETH_P_BPFLAB) || bpf_skb_load_bytes(skb, keys->nhoff, &first, 1))
		return BPF_DROP;
	keys->addr_proto = ETH_P_IP;
	keys->ipv4_src = first;
	keys->ipv4_dst = 1;
	keys->ip_proto = 17;
	dissected++;
	return BPF_OK;
}

SEC("tc")
int keep_hash(struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(ETH_P_BPFLAB)) {
		bpf_set_hash_invalid(skb);
		hash = bpf_get_hash_recalc(skb);
	}
	return -1;
}

char LICENSE[] SEC("license") = "Apache-2.0";
