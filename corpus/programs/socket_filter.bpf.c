/* Counts the lab's frames and keeps `keep` bytes of each; drops what is not the lab's. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "frame.h"
#include "add_one.h"

const volatile __u32 keep = 32;

__u64 frames;

SEC("socket")
int keep_ours(struct __sk_buff *skb)
{
	if (skb->protocol != bpf_htons(ETH_P_BPFLAB))
		return 0;
	add_one(frames);
	return keep;
}

char LICENSE[] SEC("license") = "Apache-2.0";
