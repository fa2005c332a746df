/* The section `version`, which kprobes needed before 5.0; a number in it is read and does no harm. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 _version SEC("version") = 0x50a00;

SEC("socket")
int pass(struct __sk_buff *skb)
{
	return 17;
}

char LICENSE[] SEC("license") = "Apache-2.0";
