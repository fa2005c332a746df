/* Uses an enum value that no kernel has, and does not ask first. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

enum bpf_map_type___imagined {
	BPF_MAP_TYPE_IMAGINED = 1,
};

SEC("socket")
int use_missing(struct __sk_buff *skb)
{
	return bpf_core_enum_value(enum bpf_map_type___imagined, BPF_MAP_TYPE_IMAGINED);
}

char LICENSE[] SEC("license") = "GPL";
