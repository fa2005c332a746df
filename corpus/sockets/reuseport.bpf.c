/* Chooses the socket of a group by the first digit of a datagram; moves connections of closed listeners. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define UDP_HEADER 8

__u64 chosen, migrated;

struct {
	__uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} group SEC(".maps");

SEC("sk_reuseport")
int by_digit(struct sk_reuseport_md *packet)
{
	__u32 key;
	__u8 first;

	if (bpf_skb_load_bytes(packet, UDP_HEADER, &first, 1))
		return SK_DROP;
	key = first - '0';
	if (bpf_sk_select_reuseport(packet, &group, &key, 0))
		return SK_DROP;
	chosen++;
	return SK_PASS;
}

SEC("?sk_reuseport/migrate")
int to_second(struct sk_reuseport_md *packet)
{
	__u32 key = packet->migrating_sk ? 1 : 0;

	if (packet->migrating_sk)
		migrated++;
	if (bpf_sk_select_reuseport(packet, &group, &key, 0))
		return SK_DROP;
	return SK_PASS;
}

char LICENSE[] SEC("license") = "Apache-2.0";
