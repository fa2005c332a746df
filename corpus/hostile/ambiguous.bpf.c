/* Debian's kernels have several structs of this name, from different partition tables, with the member elsewhere. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct disklabel {
	__u32 d_magic;
} __attribute__((preserve_access_index));

SEC("socket")
int find(struct __sk_buff *skb)
{
	return __builtin_preserve_field_info(((struct disklabel *)0)->d_magic, BPF_FIELD_BYTE_OFFSET);
}

char LICENSE[] SEC("license") = "GPL";
