/* A packet filter in parts: one program for each protocol, put in its place while packets flow. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "add_one.h"
#include "ipv4.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u32);
} protocols SEC(".maps");

__u64 dropped, passed, unknown;

SEC("xdp")
int drop(struct xdp_md *context)
{
	add_one(dropped);
	return XDP_DROP;
}

SEC("xdp")
int pass(struct xdp_md *context)
{
	add_one(passed);
	return XDP_PASS;
}

SEC("xdp")
int dispatch(struct xdp_md *context)
{
	struct ipv4 *ip = ipv4_of((void *)(long)context->data, (void *)(long)context->data_end);

	if (ip)
		bpf_tail_call(context, &protocols, ip->protocol);
	add_one(unknown); /* a tail call that succeeds does not come back */
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Apache-2.0";
