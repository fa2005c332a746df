/* Programs of a device that tell in which order they ran, of the lab's frames only. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "frame.h"
#include "order.h"

#define XDP_RUNS(name, digit)                                        \
	SEC("?xdp") int name(struct xdp_md *ctx)                     \
	{                                                            \
		void *end = (void *)(long)ctx->data_end;             \
		struct frame *frame = (void *)(long)ctx->data;       \
		if (frame->payload > (__u8 *)end)                    \
			return XDP_PASS;                             \
		if (frame->protocol == bpf_htons(ETH_P_BPFLAB))      \
			ran(digit);                                  \
		return XDP_PASS;                                     \
	}

#define TC_RUNS(name, section, digit)                                \
	SEC(section) int name(struct __sk_buff *skb)                 \
	{                                                            \
		if (skb->protocol == bpf_htons(ETH_P_BPFLAB))        \
			ran(digit);                                  \
		return -1; /* the next one decides */                \
	}

XDP_RUNS(xdp_one, 1)
XDP_RUNS(xdp_two, 2)

TC_RUNS(tc_one, "?tc", 1)
TC_RUNS(tc_two, "?tc", 2)
TC_RUNS(tc_three, "?tc", 3)

TC_RUNS(in_one, "?tcx/ingress", 1)
TC_RUNS(in_two, "?tcx/ingress", 2)
TC_RUNS(in_three, "?tcx/ingress", 3)
TC_RUNS(out_one, "?tcx/egress", 1)

TC_RUNS(primary_one, "?netkit/primary", 1)
TC_RUNS(primary_two, "?netkit/primary", 2)
TC_RUNS(peer_one, "?netkit/peer", 1)

char LICENSE[] SEC("license") = "Apache-2.0";
