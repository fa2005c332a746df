/* Programs of devices, namespaces and maps of sockets, which do nothing. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp")
int pass_too(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("sk_lookup")
int look(struct bpf_sk_lookup *ctx)
{
	return SK_PASS;
}

SEC("sk_msg")
int message(struct sk_msg_md *ctx)
{
	return SK_PASS;
}

SEC("sk_msg")
int message_too(struct sk_msg_md *ctx)
{
	return SK_PASS;
}

SEC("sk_reuseport")
int choose(struct sk_reuseport_md *ctx)
{
	return SK_PASS;
}

char LICENSE[] SEC("license") = "Apache-2.0";
