/* Who asks for the port `from_port` gets the socket in `sockets`. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u16 from_port;

__u64 steered;

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

SEC("sk_lookup")
int steer(struct bpf_sk_lookup *lookup)
{
	struct bpf_sock *sock;
	__u32 key = 0;

	if (lookup->local_port != from_port)
		return SK_PASS;
	sock = bpf_map_lookup_elem(&sockets, &key);
	if (!sock)
		return SK_DROP;
	if (!bpf_sk_assign(lookup, sock, 0))
		steered++;
	bpf_sk_release(sock);
	return SK_PASS;
}

char LICENSE[] SEC("license") = "Apache-2.0";
