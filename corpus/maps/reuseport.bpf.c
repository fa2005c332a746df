/* The first byte of a datagram says which socket of a group is to have it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define UDP_HEADER 8

struct {
	__uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u64));
} sockets SEC(".maps");

SEC("sk_reuseport")
int choose(struct sk_reuseport_md *reuse)
{
	__u8 first = 0;
	__u32 key;

	/* The data begin with the UDP header. */
	if (bpf_skb_load_bytes(reuse, UDP_HEADER, &first, 1))
		return SK_DROP;
	key = first - '0';
	if (bpf_sk_select_reuseport(reuse, &sockets, &key, 0))
		return SK_DROP;
	return SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
