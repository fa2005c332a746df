/* Programs on a route: drop UDP packets whose payload begins with 'D'; the one that may, marks the rest. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define PAYLOAD 28 /* IPv4 header without options, UDP header */

__u64 arriving, leaving, sent, dropped;

static int keep(struct __sk_buff *skb, __u64 *kept)
{
	__u8 first;

	if (bpf_skb_load_bytes(skb, PAYLOAD, &first, 1))
		return BPF_OK;
	if (first == 'D') {
		dropped++;
		return BPF_DROP;
	}
	(*kept)++;
	return BPF_OK;
}

SEC("lwt_in")
int in(struct __sk_buff *skb)
{
	return keep(skb, &arriving);
}

SEC("lwt_out")
int out(struct __sk_buff *skb)
{
	return keep(skb, &leaving);
}

SEC("lwt_xmit")
int xmit(struct __sk_buff *skb)
{
	int verdict = keep(skb, &sent);
	__u8 mark = 'M';

	if (verdict == BPF_OK)
		bpf_skb_store_bytes(skb, PAYLOAD, &mark, 1, 0);
	return verdict;
}

char LICENSE[] SEC("license") = "Apache-2.0";
