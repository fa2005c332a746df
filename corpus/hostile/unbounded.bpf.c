/* Reads a packet without comparing with its end. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int read_past_end(struct xdp_md *ctx)
{
	return *(__u8 *)(long)(ctx->data + 100);
}

char LICENSE[] SEC("license") = "Apache-2.0";
