/* Drops UDP packets to `port` whose payload begins with 'D', as they arrive at a socket of the group, or leave. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define IPPROTO_UDP 17
#define PROTOCOL_OFFSET 9
#define HEADER_LENGTH 20 /* IPv4 without options: what a plain UDP socket sends */

struct udp {
	__be16 source, destination, length, checksum;
	__u8 first;
} __attribute__((packed));

const volatile __u16 port;

__u64 passed, dropped;

static int judge(struct __sk_buff *skb)
{
	__u8 protocol;
	struct udp udp;

	if (bpf_skb_load_bytes(skb, PROTOCOL_OFFSET, &protocol, 1) || protocol != IPPROTO_UDP)
		return 1;
	if (bpf_skb_load_bytes(skb, HEADER_LENGTH, &udp, sizeof(udp)) || udp.destination != bpf_htons(port))
		return 1;
	if (udp.first == 'D') {
		dropped++;
		return 0;
	}
	passed++;
	return 1;
}

SEC("cgroup_skb/ingress")
int filter(struct __sk_buff *skb)
{
	return judge(skb);
}

SEC("cgroup/skb")
int filter_either(struct __sk_buff *skb)
{
	return judge(skb);
}

char LICENSE[] SEC("license") = "Apache-2.0";
