/*
 * A packet in the kernel: bitfields of sk_buff, in an anonymous struct of an anonymous union since
 * struct_group (5.16), and of net_device, whose members were put in another order in 6.8.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include "frame.h"

struct net_device {
	char name[16];
	unsigned int mtu;
	int ifindex;
} __attribute__((preserve_access_index));

struct sk_buff {
	struct net_device *dev;
	unsigned int len;
	__u8 pkt_type : 3;
	__be16 protocol;
} __attribute__((preserve_access_index));

__u32 packets, type, length;
int ifindex, mtu;
char name[16];

SEC("raw_tp/netif_receive_skb")
int on_receive(__u64 *arguments)
{
	struct sk_buff *skb = (void *)arguments[0];

	if (BPF_CORE_READ(skb, protocol) != bpf_htons(ETH_P_BPFLAB))
		return 0;
	packets++;
	type = BPF_CORE_READ_BITFIELD_PROBED(skb, pkt_type);
	length = BPF_CORE_READ(skb, len);
	ifindex = BPF_CORE_READ(skb, dev, ifindex);
	mtu = BPF_CORE_READ(skb, dev, mtu);
	BPF_CORE_READ_STR_INTO(&name, skb, dev, name);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
