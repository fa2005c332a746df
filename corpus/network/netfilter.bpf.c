/* Drops UDP packets to `port` whose payload begins with 'D'; tells how long the others are. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define NF_DROP 0
#define NF_ACCEPT 1
#define IPPROTO_UDP 17
#define IPV4_HEADER 20 /* without options: what a plain UDP socket sends */
#define IPV6_HEADER 40

struct sk_buff {
	unsigned int len;
} __attribute__((preserve_access_index));

struct bpf_nf_ctx {
	struct sk_buff *skb;
} __attribute__((preserve_access_index));

struct udp {
	__be16 source, destination, length, checksum;
	__u8 first;
} __attribute__((packed));

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;

const volatile __u16 port;

__u64 accepted, dropped;
__u32 length;

static int decide(struct bpf_nf_ctx *ctx, __u32 protocol_at, __u32 udp_at)
{
	struct bpf_dynptr packet;
	__u8 protocol;
	struct udp udp;

	if (bpf_dynptr_from_skb((struct __sk_buff *)ctx->skb, 0, &packet))
		return NF_ACCEPT;
	if (bpf_dynptr_read(&protocol, 1, &packet, protocol_at, 0) || protocol != IPPROTO_UDP)
		return NF_ACCEPT;
	if (bpf_dynptr_read(&udp, sizeof(udp), &packet, udp_at, 0) || udp.destination != bpf_htons(port))
		return NF_ACCEPT;
	if (udp.first == 'D') {
		dropped++;
		return NF_DROP;
	}
	accepted++;
	length = ctx->skb->len;
	return NF_ACCEPT;
}

SEC("netfilter")
int filter_ipv4(struct bpf_nf_ctx *ctx)
{
	return decide(ctx, 9, IPV4_HEADER);
}

SEC("netfilter")
int filter_ipv6(struct bpf_nf_ctx *ctx)
{
	return decide(ctx, 6, IPV6_HEADER);
}

char LICENSE[] SEC("license") = "GPL";
